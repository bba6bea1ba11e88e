package inspect

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/connectd/connectd/internal/clientconf"
)

// Hidden stands in for a secret.
const Hidden = clientconf.Hidden

// Passwords gives the names of the properties that a plugin class declares as passwords; none for an unknown class.
type Passwords func(class string) []string

// masker hides secrets of configs.
type masker struct {
	passwords Passwords
	show      bool
}

// secretWords make a property secret wherever they stand in its name.
var secretWords = []string{
	"password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "jaas", "apikey", "accesskey", "privatekey", "keyfile",
	"userinfo", "authorization",
}

// secretName tells whether a property's name sounds like a secret. "key" counts at the end only: key.converter and
// transforms.x.key.field are not secret, aws.access.key is.
func secretName(name string) bool {
	if clientconf.IsSecret(name) {
		return true
	}
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	for _, w := range secretWords {
		if strings.Contains(plain, w) {
			return true
		}
	}
	return strings.HasSuffix(plain, "key") || strings.HasSuffix(plain, "keys")
}

var (
	// reference is a whole value that a config provider fills in: it is no secret, and good to see.
	reference = regexp.MustCompile(`^\$\{[^:{}]+:[^{}]+\}$`)
	// userInfo is the password of a URL such as mongodb://user:password@host.
	userInfo = regexp.MustCompile(`(://[^\s:/@?#]*:)\S+@`)
	// bearer is what follows in an Authorization header.
	bearer = regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+)[a-z0-9+/=._~-]{8,}`)
	// parameter is a password within a value, as in a JDBC URL.
	parameter = regexp.MustCompile(`(?i)((?:password|passwd|passphrase|pwd|secret|token|credential|api[._-]?key|access[._-]?key|account[._-]?key|sharedaccesskey)[a-z]*\s*=\s*)` +
		`("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;&]+)`)
)

// config hides the secrets of a config. of is the config that names the plugins: the connector's own, for tasks too.
func (m masker) config(config, of map[string]string) map[string]string {
	if config == nil {
		return nil
	}
	out := make(map[string]string, len(config))
	declared := map[string]bool{}
	if !m.show {
		declared = m.declared(of)
	}
	for k, v := range config {
		out[k] = m.value(k, v, declared)
	}
	return out
}

func (m masker) value(name, value string, declared map[string]bool) string {
	switch {
	case m.show, value == "":
		return value
	case declared[name] || secretName(name):
		if reference.MatchString(value) {
			return value
		}
		return Hidden
	}
	value = userInfo.ReplaceAllString(value, "${1}"+Hidden+"@")
	value = bearer.ReplaceAllString(value, "${1}"+Hidden)
	return parameter.ReplaceAllString(value, "${1}"+Hidden)
}

// declared lists the properties that the plugins of a config declare as passwords.
func (m masker) declared(of map[string]string) map[string]bool {
	out := map[string]bool{}
	if m.passwords == nil {
		return out
	}
	add := func(prefix, class string) {
		for _, name := range m.passwords(class) {
			out[prefix+name] = true
		}
	}
	add("", of["connector.class"])
	for _, converter := range []string{"key.converter", "value.converter", "header.converter"} {
		add(converter+".", of[converter])
	}
	for _, list := range []string{"transforms", "predicates"} {
		for name := range strings.SplitSeq(of[list], ",") {
			prefix := list + "." + strings.TrimSpace(name) + "."
			add(prefix, of[prefix+"type"])
		}
	}
	return out
}
