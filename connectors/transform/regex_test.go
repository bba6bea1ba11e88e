package transform

import (
	"strings"
	"testing"
)

// TestRegexesRefused holds what RE2 lacks, or would read in another sense than Java, to be refused and not to match something
// else.
func TestRegexesRefused(t *testing.T) {
	for _, p := range []string{
		`(?=a)`, `(?!a)b`, `(?<=a)b`, `(a)\1`, `a*+`, `a++`, `(?>a)`, `[a-z&&[^b]]`, `[a[bc]]`, `[[:alpha:]]`, `[^a&&b]`, `(?U)a`, `(?iU:a)`,
	} {
		if _, err := compile(p); err == nil {
			t.Errorf("%s is accepted", p)
		} else if strings.Contains(err.Error(), "near index") {
			t.Errorf("%s: %v says that Java would refuse it too", p, err)
		}
	}
	for _, p := range []string{`\[a&&b`, `[\[a]`, `\Q[[\E`, `\Q[[`, `[]a]`, `[^]a]`, `a&&b`, `(?i)U`, `(?:U)`, `(?<U>x)`, `\\[a]`} {
		if _, err := compile(p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func FuzzRegex(f *testing.F) {
	f.Add(`(o)(?<n>r).*`, `$1\$${n}`, "orders")
	f.Add(`[a&&b]`, `$`, "")
	f.Fuzz(func(t *testing.T, regex, to, topic string) {
		p, err := compile(regex)
		if err != nil {
			return
		}
		r, err := p.parseReplacement(to)
		if err == nil {
			p.replaceFirst(topic, r)
		}
	})
}
