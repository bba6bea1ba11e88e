package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// FormatValue returns the text of a parsed value as REST answers and reference pages show it: lists joined by
// commas, secrets hidden. The second result is false for a value that is not there (Java's null).
func FormatValue(v any) (string, bool) {
	if v == nil {
		return "", false
	}
	if list, ok := v.([]string); ok {
		return strings.Join(list, ","), true
	}
	return javaString(v), true
}

// javaString prints a value as Java's string concatenation does, so that error texts agree.
func javaString(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	case float64:
		return javaDouble(v)
	case float32:
		return javaDouble(float64(v))
	}
	return fmt.Sprint(v)
}

// javaTrim removes what Java's String.trim does: everything up to and including the blank, at both ends.
func javaTrim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// javaDouble follows Double.toString: plain digits from 10^-3 up to 10^7, else computerized scientific notation.
func javaDouble(f float64) string {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	exp, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(exp)
}

var javaDoubleSyntax = regexp.MustCompile(`^[+-]?(NaN|Infinity|((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?\d+)[fFdD]?)$`)

// parseJavaDouble follows Double.parseDouble, whose grammar is not Go's: a trailing d or f is allowed, inf and
// underscores are not, and too large is infinite.
func parseJavaDouble(text string) (float64, bool) {
	if !javaDoubleSyntax.MatchString(text) {
		return 0, false
	}
	if !strings.HasSuffix(text, "Infinity") && !strings.ContainsAny(text, "NxX") {
		text = strings.TrimRight(text, "fFdD")
	} else if strings.ContainsAny(text, "pP") {
		text = strings.TrimRight(text, "fFdD") // only decimal digits follow the p
	}
	f, err := strconv.ParseFloat(strings.TrimPrefix(text, "+"), 64)
	if err != nil && !math.IsInf(f, 0) && f != 0 {
		return 0, false
	}
	return f, true
}

// javaSetOrder sorts as iterating a java.util.HashSet of these strings would, because error texts list them so.
func javaSetOrder(values []string) []string {
	buckets := 16
	for len(values)*4 > buckets*3 {
		buckets *= 2
	}
	bucket := func(s string) int {
		var h uint32
		for _, r := range s { // names of settings are ASCII: runes are UTF-16 units
			h = 31*h + uint32(r)
		}
		return int((h ^ h>>16) & uint32(buckets-1))
	}
	sorted := slices.Clone(values)
	slices.SortStableFunc(sorted, func(a, b string) int { return bucket(a) - bucket(b) })
	return sorted
}
