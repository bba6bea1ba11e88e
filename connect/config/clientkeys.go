package config

// ClientSSLKeys returns the TLS keys of Kafka clients, for a Def of something that opens connections itself
// (Java's withClientSslSupport). Defaults are Java's; what has no meaning here is said by the worker at start.
func ClientSSLKeys() []Key {
	return []Key{
		{Name: "ssl.protocol", Default: "TLSv1.3", Importance: Medium, Doc: "Highest TLS version to be offered."},
		optional("ssl.provider", TypeString, Medium, "Java security provider. Has no effect here."),
		{Name: "ssl.cipher.suites", Type: TypeList, Default: []string{}, Validator: AnyList(true, false), Importance: Low, Doc: "Cipher suites to offer up to TLS 1.2. Empty: the library's choice."},
		{Name: "ssl.enabled.protocols", Type: TypeList, Default: "TLSv1.2,TLSv1.3", Validator: AnyList(true, false), Importance: Medium, Doc: "TLS versions that may be used."},
		{Name: "ssl.keystore.type", Default: "JKS", Importance: Medium, Doc: "Format of the key store: `JKS`, `PKCS12` or `PEM`."},
		optional("ssl.keystore.location", TypeString, High, "File with the own certificate chain and private key."),
		optional("ssl.keystore.password", TypePassword, High, "Password of the key store file. Not used with PEM."),
		optional("ssl.key.password", TypePassword, High, "Password of the private key in the key store or in `ssl.keystore.key`."),
		optional("ssl.keystore.key", TypePassword, High, "Private key itself, in PEM (PKCS#8). Needs `ssl.key.password` where it is encrypted."),
		optional("ssl.keystore.certificate.chain", TypePassword, High, "Certificate chain itself, in PEM."),
		optional("ssl.truststore.certificates", TypePassword, High, "Trusted certificates themselves, in PEM."),
		{Name: "ssl.truststore.type", Default: "JKS", Importance: Medium, Doc: "Format of the trust store: `JKS`, `PKCS12` or `PEM`."},
		optional("ssl.truststore.location", TypeString, High, "File with the trusted certificates. Without one the system's authorities are trusted."),
		optional("ssl.truststore.password", TypePassword, High, "Password of the trust store file, which checks its integrity. Not used with PEM."),
		{Name: "ssl.keymanager.algorithm", Default: "SunX509", Importance: Low, Doc: "Java key manager. Has no effect here."},
		{Name: "ssl.trustmanager.algorithm", Default: "PKIX", Importance: Low, Doc: "Java trust manager. Has no effect here."},
		{Name: "ssl.endpoint.identification.algorithm", Default: "https", Importance: Low, Doc: "`https` checks that the server's certificate is for the host name; an empty value switches that off."},
		optional("ssl.secure.random.implementation", TypeString, Low, "Java random number generator. Has no effect here."),
		optional("ssl.engine.factory.class", TypeClass, Low, "Java class that makes TLS engines. Has no effect here."),
	}
}

// ClientSASLKeys returns the SASL keys of Kafka clients (Java's withClientSaslSupport).
func ClientSASLKeys() []Key {
	keys := []Key{
		optional("sasl.kerberos.service.name", TypeString, Medium, "Kerberos principal name of the brokers."),
		{Name: "sasl.kerberos.kinit.cmd", Default: "/usr/bin/kinit", Importance: Low, Doc: "Path of kinit."},
		{Name: "sasl.kerberos.ticket.renew.window.factor", Type: TypeDouble, Default: 0.8, Importance: Low, Doc: "Part of a ticket's lifetime after which it is renewed."},
		{Name: "sasl.kerberos.ticket.renew.jitter", Type: TypeDouble, Default: 0.05, Importance: Low, Doc: "Random share added to the renewal time."},
		{Name: "sasl.kerberos.min.time.before.relogin", Type: TypeLong, Default: 60000, Importance: Low, Doc: "Least time between logins, in ms."},
		{Name: "sasl.login.refresh.window.factor", Type: TypeDouble, Default: 0.8, Validator: Between(0.5, 1.0), Importance: Low, Doc: "Part of an OAuth token's lifetime after which it is renewed."},
		{Name: "sasl.login.refresh.window.jitter", Type: TypeDouble, Default: 0.05, Validator: Between(0.0, 0.25), Importance: Low, Doc: "Random share added to the renewal time."},
		{Name: "sasl.login.refresh.min.period.seconds", Type: TypeShort, Default: 60, Validator: Between(0, 900), Importance: Low, Doc: "Least time between renewals, in seconds."},
		{Name: "sasl.login.refresh.buffer.seconds", Type: TypeShort, Default: 300, Validator: Between(0, 3600), Importance: Low, Doc: "Time before expiry, in seconds, that renewal should leave."},
		{Name: "sasl.mechanism", Default: "GSSAPI", Importance: Medium, Doc: "SASL mechanism: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`."},
		optional("sasl.jaas.config", TypePassword, Medium, "Login module and its options in JAAS syntax: `Class required name=\"value\" ...;`"),
		optional("sasl.client.callback.handler.class", TypeClass, Medium, "Java class. Has no effect here."),
		optional("sasl.login.callback.handler.class", TypeClass, Medium, "Java class that obtains tokens; only Kafka's own OAuth handler is understood."),
		optional("sasl.login.class", TypeClass, Medium, "Java class. Has no effect here."),
		optional("sasl.login.connect.timeout.ms", TypeInt, Low, "Time for a connection to the token endpoint."),
		optional("sasl.login.read.timeout.ms", TypeInt, Low, "Time for an answer of the token endpoint."),
		{Name: "sasl.login.retry.backoff.max.ms", Type: TypeLong, Default: 10000, Importance: Low, Doc: "Longest wait between attempts to log in."},
		{Name: "sasl.login.retry.backoff.ms", Type: TypeLong, Default: 100, Importance: Low, Doc: "First wait between attempts to log in."},
	}
	return append(keys, oauthKeys()...)
}

func oauthKeys() []Key {
	const oauth = "sasl.oauthbearer."
	retriever := "org.apache.kafka.common.security.oauthbearer."
	return []Key{
		{Name: oauth + "jwt.retriever.class", Type: TypeClass, Default: retriever + "DefaultJwtRetriever", Importance: Medium, Doc: "Java class that fetches tokens."},
		{Name: oauth + "jwt.validator.class", Type: TypeClass, Default: retriever + "DefaultJwtValidator", Importance: Medium, Doc: "Java class that checks tokens."},
		optional(oauth+"scope", TypeString, Medium, "Scope to ask for."),
		optional(oauth+"client.credentials.client.id", TypeString, Medium, "Client id for the client credentials grant."),
		optional(oauth+"client.credentials.client.secret", TypePassword, Medium, "Client secret for the client credentials grant."),
		{Name: oauth + "assertion.algorithm", Default: "RS256", Validator: OneOfFold("ES256", "RS256"), Importance: Medium, Doc: "Signature of the assertion in the JWT bearer grant."},
		optional(oauth+"assertion.claim.aud", TypeString, Medium, "Audience claim of the assertion."),
		{Name: oauth + "assertion.claim.exp.seconds", Type: TypeInt, Default: 300, Validator: Between(0, 86400), Importance: Low, Doc: "Lifetime of the assertion, in seconds."},
		optional(oauth+"assertion.claim.iss", TypeString, Medium, "Issuer claim of the assertion."),
		{Name: oauth + "assertion.claim.jti.include", Type: TypeBoolean, Default: false, Importance: Medium, Doc: "Whether the assertion has a unique id."},
		{Name: oauth + "assertion.claim.nbf.seconds", Type: TypeInt, Default: 60, Validator: Between(0, 3600), Importance: Low, Doc: "How far back the assertion is valid, in seconds."},
		optional(oauth+"assertion.claim.sub", TypeString, Medium, "Subject claim of the assertion."),
		optional(oauth+"assertion.file", TypeString, Medium, "File with a ready-made assertion."),
		optional(oauth+"assertion.private.key.file", TypeString, Medium, "File with the private key that signs assertions, in PEM."),
		optional(oauth+"assertion.private.key.passphrase", TypePassword, Medium, "Password of that private key."),
		optional(oauth+"assertion.template.file", TypeString, Medium, "File with the assertion's header and claims."),
		{Name: oauth + "scope.claim.name", Default: "scope", Importance: Low, Doc: "Claim that holds the scope."},
		{Name: oauth + "sub.claim.name", Default: "sub", Importance: Low, Doc: "Claim that holds the subject."},
		optional(oauth+"token.endpoint.url", TypeString, Medium, "URL from which tokens are fetched."),
		optional(oauth+"jwks.endpoint.url", TypeString, Medium, "URL of the provider's keys. Used by brokers."),
		{Name: oauth + "jwks.endpoint.refresh.ms", Type: TypeLong, Default: 3600000, Importance: Low, Doc: "Time between refreshes of the provider's keys. Used by brokers."},
		{Name: oauth + "jwks.endpoint.retry.backoff.max.ms", Type: TypeLong, Default: 10000, Importance: Low, Doc: "Longest wait between attempts to fetch the provider's keys. Used by brokers."},
		{Name: oauth + "jwks.endpoint.retry.backoff.ms", Type: TypeLong, Default: 100, Importance: Low, Doc: "First wait between attempts to fetch the provider's keys. Used by brokers."},
		{Name: oauth + "clock.skew.seconds", Type: TypeInt, Default: 30, Importance: Low, Doc: "Difference of clocks, in seconds, that is forgiven."},
		{Name: oauth + "expected.audience", Type: TypeList, Default: []string{}, Validator: AnyList(true, false), Importance: High, Doc: "Audiences that a token must be for. Used by brokers."},
		optional(oauth+"expected.issuer", TypeString, High, "Issuer that a token must be from. Used by brokers."),
		{Name: oauth + "header.urlencode", Type: TypeBoolean, Default: false, Importance: Low, Doc: "Whether client id and secret are URL-encoded in the Authorization header (RFC 6749)."},
	}
}

// optional declares a key that may be absent and then has no value.
func optional(name string, t Type, importance Importance, doc string) Key {
	return Key{Name: name, Type: t, HasDefault: true, Importance: importance, Doc: doc}
}
