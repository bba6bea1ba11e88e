package javaregex

import (
	"fmt"
	"strings"
	"unicode"
)

// backtracks tells whether a tree has what cannot be matched in linear time.
func (n *node) backtracks() (yes bool) {
	n.walk(func(n *node) {
		switch n.kind {
		case ahead, notAhead, behind, notBehind, atomic, reference, lineStart, lineEnd:
			yes = true
		case repetition:
			yes = yes || n.mode == possessive
		}
	})
	return yes
}

// asksForEnd tells whether a tree has the end that may lie before a last line terminator, of which Go's regexp knows
// nothing.
func (n *node) asksForEnd() (yes bool) {
	n.walk(func(n *node) { yes = yes || n.kind == finalEnd })
	return yes
}

// writer writes a tree for one of the engines. Every part of what it writes is whole: it may be repeated or followed by
// anything.
type writer struct {
	strings.Builder
	second bool // regexp2, not Go's regexp
	groups int
}

func render(n *node, second bool, groups int) string {
	w := &writer{second: second, groups: groups}
	w.node(n)
	return w.String()
}

func (w *writer) node(n *node) {
	switch n.kind {
	case character:
		w.class(n.set)
	case sequence:
		for _, s := range n.subs {
			w.node(s)
		}
	case alternatives:
		for i, s := range n.subs {
			if i > 0 {
				w.WriteByte('|')
			}
			w.node(s)
		}
	case repetition:
		w.repetition(n)
	case reference:
		w.reference(n)
	case capture, noncapture, atomic, ahead, notAhead, behind, notBehind:
		w.WriteString(opening[n.kind])
		w.node(n.subs[0])
		w.WriteByte(')')
	default:
		w.position(n)
	}
}

// opening is how groups begin. None has a name here, since regexp2 would count those that have after the others.
var opening = map[kind]string{
	capture: "(", noncapture: "(?:", atomic: "(?>", ahead: "(?=", notAhead: "(?!", behind: "(?<=", notBehind: "(?<!",
}

func (w *writer) repetition(n *node) {
	if n.mode == possessive {
		w.WriteString("(?>")
		defer w.WriteByte(')')
	}
	w.WriteString("(?:")
	w.node(n.subs[0])
	w.WriteByte(')')
	switch {
	case n.min == 0 && n.max == 1:
		w.WriteByte('?')
	case n.min == 0 && n.max < 0:
		w.WriteByte('*')
	case n.min == 1 && n.max < 0:
		w.WriteByte('+')
	case n.max < 0:
		fmt.Fprintf(&w.Builder, "{%d,}", n.min)
	default:
		fmt.Fprintf(&w.Builder, "{%d,%d}", n.min, n.max)
	}
	if n.mode == lazy {
		w.WriteByte('?')
	}
}

// reference writes a back reference; one to a group that is nowhere never matches.
func (w *writer) reference(n *node) {
	switch {
	case n.group > w.groups:
		w.WriteString("(?!)")
	case n.fold:
		fmt.Fprintf(&w.Builder, `(?i:\k<%d>)`, n.group)
	default:
		fmt.Fprintf(&w.Builder, `\k<%d>`, n.group)
	}
}

// position writes what takes no character. regexp2's own boundaries go by Unicode, and its line ends are \n only.
func (w *writer) position(n *node) {
	ends := w.text(terminators(n.unix))
	within := `(?<!\r(?=\n))` // not in the middle of a line terminator
	if n.unix {
		within = ""
	}
	word := w.text(wordChars())
	switch n.kind {
	case textStart:
		w.WriteString(`\A`)
	case textEnd:
		w.WriteString(`\z`)
	case finalEnd:
		switch {
		case !w.second:
			w.WriteString(`\z`)
		case n.unix:
			w.WriteString(`(?=\n?\z)`)
		default:
			fmt.Fprintf(&w.Builder, `(?:%s(?=(?:\r\n|%s)?\z))`, within, ends)
		}
	case lineStart: // never at the end of the text, be it empty
		fmt.Fprintf(&w.Builder, `(?:(?:\A|(?<=%s)%s)(?!\z))`, ends, within)
	case lineEnd:
		fmt.Fprintf(&w.Builder, `(?:%s(?=%s|\z))`, within, ends)
	case wordBoundary:
		if w.second {
			fmt.Fprintf(&w.Builder, `(?:(?<=%[1]s)(?!%[1]s)|(?<!%[1]s)(?=%[1]s))`, word)
		} else {
			w.WriteString(`\b`)
		}
	case noWordBoundary:
		if w.second {
			fmt.Fprintf(&w.Builder, `(?:(?<=%[1]s)(?=%[1]s)|(?<!%[1]s)(?!%[1]s))`, word)
		} else {
			w.WriteString(`\B`)
		}
	}
}

func (w *writer) class(s set) { w.WriteString(w.text(s)) }

// text writes a set of characters.
func (w *writer) text(s set) string {
	switch {
	case len(s) == 0 && w.second:
		return `(?!)`
	case len(s) == 0:
		return `[^\x00-\x{10FFFF}]`
	case len(s) == 2 && s[0] == 0 && s[1] == unicode.MaxRune:
		return `(?s:.)`
	case len(s) == 2 && s[0] == s[1]:
		return w.char(s[0])
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := 0; i < len(s); i += 2 {
		b.WriteString(w.char(s[i]))
		if s[i] != s[i+1] {
			b.WriteString("-" + w.char(s[i+1]))
		}
	}
	b.WriteByte(']')
	return b.String()
}

// char writes a character so that it means nothing but itself, in a class or outside.
func (w *writer) char(r rune) string {
	switch {
	case r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		return string(r)
	case !w.second:
		return fmt.Sprintf(`\x{%X}`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04X`, r)
	}
	return string(r)
}
