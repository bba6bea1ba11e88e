package javaregex

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

type flags int

const (
	foldCase    flags = 1 << iota // i
	multiline                     // m
	dotAll                        // s
	unixLines                     // d
	unicodeCase                   // u
	comments                      // x
)

const (
	eof     rune = -1
	quoted  rune = 1 << 24 // marks what stood in a quotation, where nothing has a meaning
	deepest      = 250     // groups within groups
)

// parser reads an expression as Java does. pos is Java's cursor, so that errors name the place that Java's name.
type parser struct {
	text   string
	in     []rune
	pos    int
	flags  flags
	groups int // capturing groups so far
	names  map[string]int
	depth  int
}

// parse gives the tree of an expression. It is the caller's to look at references to groups that do not exist.
func parse(text string) (*parser, *node, error) {
	p := &parser{text: text, in: unquote(text), names: map[string]int{}}
	if !utf8.ValidString(text) {
		return nil, nil, errors.New("a regular expression must be valid UTF-8")
	}
	n, err := p.alternatives()
	switch {
	case err != nil:
		return nil, nil, err
	case p.pos < len(p.in):
		return nil, nil, p.fail("Unmatched closing ')'")
	}
	return p, n, nil
}

// unquote marks what stands between \Q and \E.
func unquote(text string) []rune {
	in := []rune(text)
	out := make([]rune, 0, len(in))
	quoting := false
	for i := 0; i < len(in); i++ {
		pair := ' '
		if in[i] == '\\' && i+1 < len(in) {
			pair = in[i+1]
		}
		switch {
		case quoting && pair == 'E', !quoting && pair == 'Q':
			quoting = !quoting
			i++
		case quoting:
			out = append(out, in[i]|quoted)
		case pair != ' ':
			out = append(out, in[i], pair)
			i++
		default:
			out = append(out, in[i])
		}
	}
	return out
}

// fail says what is wrong before the cursor, as Java's PatternSyntaxException does.
func (p *parser) fail(what string) error {
	index := p.pos - 1
	if index >= 0 {
		what += " near index " + strconv.Itoa(index)
	}
	what += "\n" + p.text
	if index >= 0 && index < utf8.RuneCountInString(p.text) {
		what += "\n" + strings.Repeat(" ", index) + "^"
	}
	return errors.New(what)
}

// lacking says what Java has and this package has not.
func lacking(what string) error { return errors.New(what + " is not supported") }

func (p *parser) has(f flags) bool { return p.flags&f != 0 }

// at is the character so many places on.
func (p *parser) at(ahead int) rune {
	if i := p.pos + ahead; i < len(p.in) {
		return p.in[i]
	}
	return eof
}

// peek is the next character that counts.
func (p *parser) peek() rune {
	for p.has(comments) && p.pos < len(p.in) {
		switch c := p.in[p.pos]; {
		case spaces().has(c):
			p.pos++
		case c == '#':
			for p.pos < len(p.in) && !terminators(p.has(unixLines)).has(p.in[p.pos]) {
				p.pos++
			}
		default:
			return c
		}
	}
	return p.at(0)
}

func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > deepest {
		return nil, lacking("a regular expression with more than " + strconv.Itoa(deepest) + " groups within each other")
	}
	defer func() { p.depth-- }()
	var all []*node
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if p.peek() != '|' {
			break
		}
		p.pos++
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return &node{kind: alternatives, subs: all}, nil
}

func (p *parser) sequence() (*node, error) {
	out := &node{kind: sequence}
	for {
		switch c := p.peek(); c {
		case eof, '|', ')':
			return out, nil
		case '*', '+', '?':
			p.pos++
			p.peek() // Java's cursor is behind comments already
			return nil, p.fail("Dangling meta character '" + string(c) + "'")
		}
		n, err := p.atom()
		if err != nil {
			return nil, err
		}
		if n == nil { // flags
			continue
		}
		if n, err = p.repeated(n); err != nil {
			return nil, err
		}
		out.subs = append(out.subs, n)
	}
}

// atom reads one part; nil for what only sets flags.
func (p *parser) atom() (*node, error) {
	c := p.peek()
	unix := p.has(unixLines)
	switch c {
	case '(':
		return p.group()
	case '[':
		s, err := p.class()
		return &node{kind: character, set: s}, err
	case '\\':
		return p.escaped()
	case '{': // repeats nothing
		return &node{kind: sequence}, nil
	}
	p.pos++
	switch {
	case c == '^' && p.has(multiline):
		return &node{kind: lineStart, unix: unix}, nil
	case c == '^':
		return &node{kind: textStart}, nil
	case c == '$' && p.has(multiline):
		return &node{kind: lineEnd, unix: unix}, nil
	case c == '$':
		return &node{kind: finalEnd, unix: unix}, nil
	case c == '.' && p.has(dotAll):
		return &node{kind: character, set: full()}, nil
	case c == '.':
		return &node{kind: character, set: terminators(unix).negate()}, nil
	}
	return &node{kind: character, set: p.cased(one(c &^ quoted))}, nil
}

// cased adds other cases if the flags ask for them.
func (p *parser) cased(s set) set {
	switch {
	case !p.has(foldCase):
		return s
	case p.has(unicodeCase):
		return s.fold()
	}
	return s.foldASCII()
}

// repeated reads a quantifier, if there is one.
func (p *parser) repeated(n *node) (*node, error) {
	out := &node{kind: repetition, subs: []*node{n}, max: -1}
	switch p.peek() {
	case '?':
		out.max = 1
	case '*':
	case '+':
		out.min = 1
	case '{':
		if err := p.counts(out); err != nil {
			return nil, err
		}
	default:
		return n, nil
	}
	p.pos++
	switch p.peek() {
	case '?':
		out.mode = lazy
		p.pos++
	case '+':
		out.mode = possessive
		p.pos++
	}
	return out, nil
}

// counts reads {n}, {n,} or {n,m} up to the closing bracket.
func (p *parser) counts(out *node) error {
	if c := p.at(1); c < '0' || c > '9' {
		p.pos += 2
		return p.fail("Illegal repetition")
	}
	p.pos++
	number := func() (n int, ok bool) {
		for ; p.at(0) >= '0' && p.at(0) <= '9'; p.pos++ {
			if n = n*10 + int(p.at(0)-'0'); n > 1<<31-1 {
				return 0, false
			}
		}
		return n, true
	}
	var ok bool
	if out.min, ok = number(); !ok {
		p.pos++
		return p.fail("Illegal repetition range")
	}
	out.max = out.min
	if p.at(0) == ',' {
		p.pos++
		out.max = -1
		if p.at(0) != '}' {
			if out.max, ok = number(); !ok {
				p.pos++
				return p.fail("Illegal repetition range")
			}
		}
	}
	if p.at(0) != '}' {
		p.pos++
		return p.fail("Unclosed counted closure")
	}
	if out.max >= 0 && out.max < out.min {
		p.pos++
		return p.fail("Illegal repetition range")
	}
	return nil
}
