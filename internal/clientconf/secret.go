package clientconf

import "strings"

// Hidden stands in for a secret wherever properties are printed.
const Hidden = "[hidden]"

// secretNames are matched against a property's name without prefix, in Java's and in librdkafka's spelling.
var secretNames = map[string]bool{
	"sasl.jaas.config":               true,
	"ssl.keystore.key":               true,
	"ssl.keystore.certificate.chain": true, // of type PASSWORD in Java
	"ssl.truststore.certificates":    true, // of type PASSWORD in Java
	"ssl.key.pem":                    true,
	"ssl.certificate.pem":            true,
	"ssl.ca.pem":                     true,
	"sasl.oauthbearer.config":        true,
	"sasl.oauthbearer.extensions":    true,
}

// secretEndings catch what other prefixes, custom connectors and librdkafka call their secrets.
var secretEndings = []string{
	".password", ".passphrase", ".secret", ".private.key.pem", ".jaas.config", ".keystore.key", ".token", ".credentials",
}

// IsSecret tells whether a property's value must not be shown. Prefixes such as "producer.", "consumer.override." or
// "source.cluster." do not matter.
func IsSecret(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "password" || name == "secret" {
		return true
	}
	for _, end := range secretEndings {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	for secret := range secretNames {
		if name == secret || strings.HasSuffix(name, "."+secret) {
			return true
		}
	}
	return false
}

// Redact returns a copy of props in which secret values are replaced by [Hidden]. It knows the Java names and librdkafka's.
func Redact(props map[string]string) map[string]string {
	out := make(map[string]string, len(props))
	for name, value := range props {
		if IsSecret(name) {
			value = Hidden
		}
		out[name] = value
	}
	return out
}
