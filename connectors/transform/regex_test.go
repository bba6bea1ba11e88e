package transform

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// TestRegexesOfJava renames by expressions that only Java's engine has.
func TestRegexesOfJava(t *testing.T) {
	for _, c := range [][4]string{
		{`(?!__)(.*)-(?<env>eu|us)(?<!x-us)`, `${env}.$1`, "orders-eu", "eu.orders"},
		{`(?!__)(.*)-(?<env>eu|us)(?<!x-us)`, `${env}.$1`, "x-us", "x-us"},
		{`(.)\1(.*+)`, `$2`, "éé-rest", "-rest"},
		{`[a-z&&[^b]]+`, `x`, "abc", "abc"},
		{`[a-z&&[^b]]+`, `x`, "acd", "x"},
	} {
		tr := plugins.transforms[home+"RegexRouter"].New()
		if err := tr.Configure(map[string]string{"regex": c[0], "replacement": c[1]}); err != nil {
			t.Fatal(err)
		}
		rec := &connect.Transformable{Topic: c[2]}
		if keep, err := tr.Apply(rec); !keep || err != nil || rec.Topic != c[3] {
			t.Errorf("%q: %s becomes %s, %v, %v", c[0], c[2], rec.Topic, keep, err)
		}
	}
}

// TestRegexTooDear fails the record for which an expression would take too much.
func TestRegexTooDear(t *testing.T) {
	const dear = `(?!x)(?:ab|a)*c`
	rec := &connect.Transformable{Topic: strings.Repeat("a", 100_000) + "dc"}
	p := plugins.predicates[home+"predicates.TopicNameMatches"].New()
	tr := plugins.transforms[home+"RegexRouter"].New()
	if err := p.Configure(map[string]string{"pattern": dear}); err != nil {
		t.Fatal(err)
	}
	if err := tr.Configure(map[string]string{"regex": dear, "replacement": "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Test(rec); err == nil || !strings.Contains(err.Error(), dear) {
		t.Error(err)
	}
	if _, err := tr.Apply(rec); err == nil || !strings.Contains(err.Error(), dear) {
		t.Error(err)
	}
}

func FuzzRegex(f *testing.F) {
	f.Add(`(o)(?<n>r).*`, `$1\$${n}`, "orders")
	f.Add(`[a&&b]`, `$`, "")
	f.Add(`(?!a)(.)\1`, `$1`, "éé")
	f.Fuzz(func(t *testing.T, regex, to, topic string) {
		p, err := compile(regex)
		if err != nil {
			return
		}
		r, err := p.parseReplacement(to)
		if err == nil {
			_, _ = p.replaceFirst(topic, r)
		}
	})
}
