package javaregex

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

func mustCompile(t testing.TB, text string) *Regexp {
	t.Helper()
	r, err := Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What backtracks only where it must takes linear time everywhere else, however it is written.
func TestLinearWhereItCanBe(t *testing.T) {
	for _, p := range []string{`.*`, `a|b`, `[a-z&&[^b]]+`, `[a[bc]]`, `\p{Alpha}(?i)x\Q.*\E`, `(a+)+b`, `(?<n>a)\h`} {
		if r := mustCompile(t, p); r.back != nil || r.linear == nil {
			t.Errorf("%s backtracks", p)
		}
	}
	for _, p := range []string{`(?!a).*`, `(a)\1`, `a*+`, `(?>a)`, `(?m)^a`} {
		if r := mustCompile(t, p); r.linear != nil {
			t.Errorf("%s does not backtrack", p)
		}
	}
	if ok, err := mustCompile(t, `(a+)+b`).MatchString(strings.Repeat("a", 10000)); ok || err != nil {
		t.Error(ok, err)
	}
}

// An expression that explodes ends with an error that names it.
func TestExplosion(t *testing.T) {
	r := mustCompile(t, `(?=(a+)+b).*`)
	r.back.whole.MatchTimeout, r.back.part.MatchTimeout = 10*time.Millisecond, 10*time.Millisecond
	s := strings.Repeat("a", 40)
	_, err1 := r.MatchString(s)
	_, err2 := r.FindSubmatchIndex(s)
	for _, err := range []error{err1, err2} {
		if err == nil || !strings.Contains(err.Error(), r.String()) {
			t.Error(err)
		}
	}
	if ok, err := r.MatchString("ab"); !ok || err != nil {
		t.Errorf("afterwards: %v, %v", ok, err)
	}
}

// An expression that would take much memory does so too, at once.
func TestMemory(t *testing.T) {
	_, err := mustCompile(t, `(?!x)(?:ab|a)*c`).MatchString(strings.Repeat("a", 100_000) + "dc")
	if err == nil || !strings.Contains(err.Error(), "memory") || len(err.Error()) > 500 {
		t.Error(err)
	}
}

func TestNotSupported(t *testing.T) {
	for p, reason := range map[string]string{
		`(?U)a`: "the flag U", `(?iU:a)`: "the flag U", `(?c)a`: "the flag c", `\X`: `\X`, `\N{DIGIT ONE}`: `\N`, `\b{g}`: `\b{g}`,
		`\p{InGreek}`: "block", `\p{block=Greek}`: "block", `\p{javaMirrored}`: "javaMirrored", `\uD83D`: "surrogate",
		strings.Repeat("(", 1000): "groups within each other", strings.Repeat("[", 1000): "classes within each other",
		"\xff": "UTF-8",
	} {
		if _, err := Compile(p); err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "near index") {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := Compile(`a\`); err == nil || !strings.HasPrefix(err.Error(), "Unescaped trailing backslash") {
		t.Error(err)
	}
}

func TestGroups(t *testing.T) {
	r := mustCompile(t, `(?<a>x)(y)(?<b>z)(?!w)`)
	if r.NumSubexp() != 3 || r.SubexpIndex("a") != 1 || r.SubexpIndex("b") != 3 || r.SubexpIndex("c") != -1 {
		t.Error(r.NumSubexp(), r.names)
	}
}

// Sets behave as sets.
func TestSets(t *testing.T) {
	mod := func(text string) set {
		var s []set
		for _, r := range text {
			s = append(s, span(r%64, r%64+r%5))
		}
		return union(s...)
	}
	laws := func(a, b string) bool {
		x, y := mod(a), mod(b)
		for r := rune(0); r < 80; r++ {
			if union(x, y).has(r) != (x.has(r) || y.has(r)) || x.intersect(y).has(r) != (x.has(r) && y.has(r)) || x.negate().has(r) == x.has(r) {
				return false
			}
		}
		return slices.Equal(x.negate().negate(), x)
	}
	if err := quick.Check(laws, nil); err != nil {
		t.Error(err)
	}
}

// FuzzCompile holds that nothing panics, that both engines match the same wherever both can, and that Go's own reading
// agrees where a text has nothing but what means the same to it.
func FuzzCompile(f *testing.F) {
	for _, c := range cases() {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, text, s string) {
		if len(text) > 60 || len(s) > 30 {
			return
		}
		r, err := Compile(text)
		if err != nil {
			return
		}
		if r.back != nil {
			r.back.whole.MatchTimeout, r.back.part.MatchTimeout = 20*time.Millisecond, 20*time.Millisecond
		}
		_, _ = r.FindSubmatchIndex(s)
		got, err := r.MatchString(s)
		if err != nil || r.linear == nil {
			return
		}
		p, n, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		other, err := compileBacktrack(render(n, true, p.groups))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		other.whole.MatchTimeout = 20 * time.Millisecond
		if second, err := other.whole.MatchString(s); err == nil && second != got {
			t.Errorf("%q, %q: %v, and %v by the other engine", text, s, got, second)
		}
		if strings.Trim(text, "abc|()*+?") != "" {
			return
		}
		if re, err := regexp.Compile(`\A(?:` + text + `)\z`); err == nil && re.MatchString(s) != got {
			t.Errorf("%q, %q: %v, but not to Go", text, s, got)
		}
	})
}
