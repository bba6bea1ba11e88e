package kafka

import (
	"slices"
	"strings"
	"testing"
)

func TestMatching(t *testing.T) {
	names := []string{"orders", "__consumer_offsets", "__x", "mm2-a", "payments"}
	for regex, want := range map[string][]string{
		`.*`:            {"__x", "mm2-a", "orders", "payments"},
		`^(?!__|mm2).*`: {"orders", "payments"},
		`(.)a.*|x`:      {"payments"},
	} {
		m, err := newMatcher(regex, "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.matching(names); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", regex, got, err)
		}
	}
	m, err := newMatcher(`(?!x)(?:ab|a)*c`, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.matching([]string{"ab", strings.Repeat("a", 100_000) + "dc"}); err == nil {
		t.Errorf("%v of an expression that takes too much", got)
	}
	if _, err := newMatcher("a[", ""); err == nil {
		t.Error("a[ is an expression")
	}
}
