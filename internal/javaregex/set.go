package javaregex

import (
	"slices"
	"unicode"
)

// set is a set of code points: pairs of first and last, in order, neither overlapping nor adjoining.
type set []rune

func one(r rune) set            { return set{r, r} }
func span(lo, hi rune) set      { return set{lo, hi} }
func chars(text string) set     { return union(singles(text)...) }
func full() set                 { return set{0, unicode.MaxRune} }
func (s set) without(o set) set { return s.intersect(o.negate()) }

func singles(text string) (out []set) {
	for _, r := range text {
		out = append(out, one(r))
	}
	return out
}

func union(sets ...set) set {
	var pairs [][2]rune
	for _, s := range sets {
		for i := 0; i < len(s); i += 2 {
			pairs = append(pairs, [2]rune{s[i], s[i+1]})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	out := set{}
	for _, p := range pairs {
		if n := len(out); n > 0 && p[0] <= out[n-1]+1 {
			out[n-1] = max(out[n-1], p[1])
		} else {
			out = append(out, p[0], p[1])
		}
	}
	return out
}

func (s set) negate() set {
	out, next := set{}, rune(0)
	for i := 0; i < len(s); i += 2 {
		if s[i] > next {
			out = append(out, next, s[i]-1)
		}
		next = s[i+1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, next, unicode.MaxRune)
	}
	return out
}

// intersect is what two sets have in common.
func (s set) intersect(o set) set { return union(s.negate(), o.negate()).negate() }

func (s set) has(r rune) bool {
	for i := 0; i < len(s); i += 2 {
		if r <= s[i+1] {
			return r >= s[i]
		}
	}
	return false
}

// table takes over one of Go's Unicode tables.
func table(t *unicode.RangeTable) set {
	var sets []set
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			sets = append(sets, span(lo, hi))
			return
		}
		for r := lo; r <= hi; r += stride {
			sets = append(sets, one(r))
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return union(sets...)
}

// foldASCII adds the other case of each ASCII letter.
func (s set) foldASCII() set {
	sets := []set{s}
	for r := 'A'; r <= 'Z'; r++ {
		if lower := r + 'a' - 'A'; s.has(r) || s.has(lower) {
			sets = append(sets, one(r), one(lower))
		}
	}
	return union(sets...)
}

// fold adds all other cases of each letter.
func (s set) fold() set {
	sets := []set{s}
	for _, c := range unicode.CaseRanges {
		for r := rune(c.Lo); r <= rune(c.Hi); r++ {
			if !s.has(r) {
				continue
			}
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				sets = append(sets, one(f))
			}
		}
	}
	return union(sets...)
}

// Java's predefined classes, which are ASCII's unless a flag says otherwise.
func digits() set    { return span('0', '9') }
func wordChars() set { return set{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'} }
func spaces() set    { return set{'\t', '\r', ' ', ' '} }
func vertical() set  { return set{'\n', '\r', 0x85, 0x85, 0x2028, 0x2029} }
func horizontal() set {
	return set{'\t', '\t', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x180e, 0x180e, 0x2000, 0x200a, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000}
}

// terminators end a line; with the flag d only \n does.
func terminators(unix bool) set {
	if unix {
		return one('\n')
	}
	return set{'\n', '\n', '\r', '\r', 0x85, 0x85, 0x2028, 0x2029}
}
