package javaregex

import "slices"

// node is a part of an expression.
type node struct {
	kind     kind
	set      set // of a character
	subs     []*node
	min, max int // of a repetition, max < 0 for as often as can be
	mode     mode
	group    int  // the number of a capturing group, or the one referred to
	unix     bool // whether only \n ends lines
	fold     bool // whether a reference takes other cases too
}

type kind int

const (
	sequence kind = iota // of no parts: the empty text
	character
	alternatives
	capture
	noncapture
	atomic
	ahead
	notAhead
	behind
	notBehind
	repetition
	textStart
	textEnd
	finalEnd // the end of the text, or before its last line terminator
	lineStart
	lineEnd
	wordBoundary
	noWordBoundary
	reference
)

// mode is how a repetition goes about it.
type mode int

const (
	greedy mode = iota
	lazy
	possessive
)

// walk visits a tree.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, s := range n.subs {
		s.walk(visit)
	}
}

const (
	unbounded = 1 << 30 // the length of what has none that is obvious to Java
	arbitrary = 1 << 20 // what Java takes for the length of a single character repeated without end
)

// longest is how many characters a match has at most.
func (n *node) longest() int {
	total := 0
	switch n.kind {
	case character:
		return 1
	case reference:
		return unbounded
	case alternatives:
		for _, s := range n.subs {
			total = max(total, s.longest())
		}
	case sequence, capture, noncapture, atomic:
		for _, s := range n.subs {
			total = min(unbounded, total+s.longest())
		}
	case repetition:
		each := n.subs[0].longest()
		switch {
		case each == 0:
			return 0
		case n.subs[0].kind == character && (n.max < 0 || n.max > arbitrary):
			return arbitrary
		case n.max < 0 || n.max >= unbounded/each:
			return unbounded
		}
		return n.max * each
	}
	return total
}

// mayBeEmpty tells whether the empty text can match.
func (n *node) mayBeEmpty() bool {
	switch n.kind {
	case character:
		return false
	case alternatives:
		return slices.ContainsFunc(n.subs, (*node).mayBeEmpty)
	case sequence, capture, noncapture, atomic:
		return !slices.ContainsFunc(n.subs, func(s *node) bool { return !s.mayBeEmpty() })
	case repetition:
		return n.min == 0 || n.subs[0].mayBeEmpty()
	}
	return true
}

// loopsOnEmpty tells whether a group is within a repetition of what may be empty: engines differ in where the group then is.
func (n *node) loopsOnEmpty() (yes bool) {
	n.walk(func(n *node) {
		if n.kind == repetition && n.max != 1 && n.subs[0].mayBeEmpty() {
			n.walk(func(n *node) { yes = yes || n.kind == capture })
		}
	})
	return yes
}
