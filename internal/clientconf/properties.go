package clientconf

import (
	"slices"
	"strings"
)

// roleSet says which of the three Java clients know a property.
type roleSet uint8

const (
	forProducer roleSet = 1 << iota
	forConsumer
	forAdmin
	forAll = forProducer | forConsumer | forAdmin
)

func (s roleSet) has(r Role) bool {
	switch r {
	case Producer:
		return s&forProducer != 0
	case Consumer:
		return s&forConsumer != 0
	case Admin:
		return s&forAdmin != 0
	default:
		return false
	}
}

type verdict uint8

const (
	translated    verdict = iota + 1 // read by Translate
	ignored                          // means nothing here; no warning
	noCounterpart                    // warned about, unless the value is Java's default
)

type javaProperty struct {
	name    string
	roles   roleSet
	verdict verdict
	def     string // Java's default, for noCounterpart
	reason  string
}

// Verdict is what becomes of a Java property, for the reference page.
type Verdict struct {
	Property string
	Roles    []Role
	Outcome  string // "translated", "ignored" or "no counterpart"
	Reason   string // empty when translated
}

// Verdicts lists every property of Kafka 4.3's client configurations, sorted by name.
func Verdicts() []Verdict {
	outcome := map[verdict]string{translated: "translated", ignored: "ignored", noCounterpart: "no counterpart"}
	out := make([]Verdict, 0, len(javaProperties))
	for _, p := range javaProperties {
		v := Verdict{Property: p.name, Outcome: outcome[p.verdict], Reason: p.reason}
		for _, r := range []Role{Producer, Consumer, Admin} {
			if p.roles.has(r) {
				v.Roles = append(v.Roles, r)
			}
		}
		out = append(out, v)
	}
	return out
}

func lookupProperty(name string) (javaProperty, bool) {
	i, ok := slices.BinarySearchFunc(javaProperties, name, func(p javaProperty, n string) int {
		return strings.Compare(p.name, n)
	})
	if !ok {
		return javaProperty{}, false
	}
	return javaProperties[i], true
}

// escapePrefix marks settings that go to librdkafka as they are.
const escapePrefix = "librdkafka."

// IsClientProperty tells whether a client of this role has a property of this name. Settings for librdkafka
// ("librdkafka.X") count as known.
func IsClientProperty(role Role, name string) bool {
	if rest, ok := strings.CutPrefix(name, escapePrefix); ok {
		return rest != ""
	}
	p, ok := lookupProperty(name)
	return ok && p.roles.has(role)
}
