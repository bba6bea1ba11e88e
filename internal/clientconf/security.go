package clientconf

import "strings"

// security decides between plain text, TLS and SASL, and warns about settings that the chosen protocol leaves unused: the
// usual slip is a trust store without security.protocol, which would silently talk in plain text.
func (r *reader) security() {
	protocol := r.oneOf("security.protocol", "PLAINTEXT", true, "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
	r.set("security.protocol", strings.ToLower(protocol))
	if strings.HasSuffix(protocol, "SSL") {
		r.tls()
	} else {
		r.unused("ssl.", protocol)
	}
	if strings.HasPrefix(protocol, "SASL") {
		r.sasl()
	} else {
		r.unused("sasl.", protocol)
	}
}

func (r *reader) unused(prefix, protocol string) {
	for name := range r.props {
		p, known := lookupProperty(name)
		if known && p.verdict == translated && strings.HasPrefix(name, prefix) {
			r.warn(name, "not used, as security.protocol is "+protocol)
		}
	}
}

const mechanisms = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"

func (r *reader) sasl() {
	mechanism := r.textOr("sasl.mechanism", "GSSAPI")
	switch mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER":
	case "GSSAPI":
		problem := "Kerberos (GSSAPI) is not supported; use one of " + mechanisms
		if !r.given("sasl.mechanism") {
			problem = "is missing, and Java's default, GSSAPI (Kerberos), is not supported; use one of " + mechanisms
		}
		r.fail(invalid("sasl.mechanism", r.text("sasl.mechanism"), "%s", problem))
		return
	default:
		r.fail(invalid("sasl.mechanism", mechanism, "must be one of %s", mechanisms))
		return
	}
	r.set("sasl.mechanism", mechanism)
	r.out.SASL = &SASL{Mechanism: mechanism}

	jaas, ok := r.jaas(mechanism)
	if !ok {
		return
	}
	if mechanism == "OAUTHBEARER" {
		r.oauth(jaas)
		return
	}
	r.login(jaas)
}

// jaas parses sasl.jaas.config. OAUTHBEARER does without it when the client credentials are properties of their own.
func (r *reader) jaas(mechanism string) (*JAAS, bool) {
	const name = "sasl.jaas.config"
	text := r.text(name)
	if strings.TrimSpace(text) == "" {
		if mechanism == "OAUTHBEARER" && r.given("sasl.oauthbearer.client.credentials.client.id") {
			return &JAAS{Options: map[string]string{}}, true
		}
		r.fail(invalid(name, "", "is missing; it must hold the login module of %s with its options", mechanism))
		return nil, false
	}
	jaas, err := ParseJAAS(text)
	if err != nil {
		r.fail(invalid(name, "", "%v", err))
		return nil, false
	}
	return jaas, true
}

// login takes user name and password. Java lets any of its modules serve any mechanism, as they differ by name only.
func (r *reader) login(jaas *JAAS) {
	const name = "sasl.jaas.config"
	if !jaas.is("PlainLoginModule", "ScramLoginModule") {
		r.fail(invalid(name, "", "%s needs org.apache.kafka.common.security.plain.PlainLoginModule or "+
			"org.apache.kafka.common.security.scram.ScramLoginModule", r.out.SASL.Mechanism))
		return
	}
	if r.given("sasl.login.callback.handler.class") {
		r.warn("sasl.login.callback.handler.class", "no counterpart: Java classes can't be loaded; "+
			"the credentials in sasl.jaas.config are used")
	}
	user, hasUser := jaas.Options["username"]
	password, hasPassword := jaas.Options["password"]
	if !hasUser || user == "" || !hasPassword {
		r.fail(invalid(name, "", `must hold the options username="..." and password="..."`))
		return
	}
	if strings.EqualFold(jaas.Options["tokenauth"], "true") {
		r.fail(invalid(name, "", "delegation tokens (tokenauth=true) are not supported by librdkafka; give a user and password"))
		return
	}
	r.out.SASL.Username, r.out.SASL.Password = user, Secret(password)
	r.set("sasl.username", user)
	r.set("sasl.password", password)
}
