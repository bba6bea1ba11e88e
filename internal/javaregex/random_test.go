package javaregex

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/connectd/connectd/internal/testkit"
)

var ask = flag.Int("ask", 0, "how many random expressions to ask Java about")

// TestRandomAsJava asks Java about expressions put together at random.
//
//	go test ./internal/javaregex -run TestRandomAsJava -ask 20000
func TestRandomAsJava(t *testing.T) {
	if *ask == 0 {
		t.Skip("-ask says how many")
	}
	java := testkit.StartJava(t, "testdata/Oracle.java")
	parts := strings.Fields(`a a b b c é A ab a|b ( ( (?: (?= (?! (?<= (?<! (?> (?i) (?i: (?s) (?m) (?x) (?d) (?<n> (?<m> ) ) ) ) | * + ? *? *+ ++ {2} {1,2} {2,}
		. ^ $ \b \B \1 \2 \k<n> \d \w \s \R \h \Z \z \A \G [ [ [^ ] ] ] && - [ab] [^ab] [a-c] [a[b]] [^a&&b] [a-c&&[^b]] \p{L} \p{Alpha} \Q \E \n \x61 # & { }`)
	alphabet := []rune("aaabbbcAé \n\r1_")
	for range *ask {
		var pattern, text strings.Builder
		for range 1 + rand.IntN(8) {
			pattern.WriteString(parts[rand.IntN(len(parts))])
		}
		for range rand.IntN(7) {
			text.WriteRune(alphabet[rand.IntN(len(alphabet))])
		}
		request, err := json.Marshal(map[string]string{"p": pattern.String(), "s": text.String()})
		if err != nil {
			t.Fatal(err)
		}
		var want answer
		if err := json.Unmarshal(java.Ask(request), &want); err != nil {
			t.Fatal(err)
		}
		if comparable(want) {
			compare(t, want)
		}
	}
}

// comparable leaves out what differs on purpose, or by a Java's age: the index in an expression with quotations, which Java
// rewrites first; \b beside letters outside of ASCII; look-behinds whose maximum Java takes for too long.
func comparable(a answer) bool {
	switch {
	case a.Crash:
		return false
	case strings.Contains(a.Pattern, `\Q`):
		return a.Error == ""
	case strings.HasPrefix(a.Error, "Look-behind group"):
		return false
	case strings.Contains(a.Pattern, `\b`) || strings.Contains(a.Pattern, `\B`):
		return a.Error != "" || !strings.Contains(a.Text, "é")
	}
	return true
}
