package javaregex

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escape is what a backslash and what follows stand for: a node, or a set, or else a character.
type escape struct {
	node *node
	set  set
	char rune
}

// escaped reads an escape outside of character classes.
func (p *parser) escaped() (*node, error) {
	e, err := p.escape(false)
	switch {
	case err != nil:
		return nil, err
	case e.node != nil:
		return e.node, nil
	case e.set != nil:
		return &node{kind: character, set: e.set}, nil
	}
	return &node{kind: character, set: p.cased(one(e.char))}, nil
}

// escape reads an escape from its backslash on.
func (p *parser) escape(inClass bool) (escape, error) {
	p.pos += 2
	c := p.at(-1)
	switch c {
	case eof:
		p.pos--
		return escape{}, p.fail("Unescaped trailing backslash")
	case 'p', 'P':
		s, err := p.property()
		if c == 'P' {
			s = s.negate()
		}
		return escape{set: s}, err
	case 'N':
		return escape{}, lacking(`a character by its name (\N)`)
	case '0', 'c', 'u', 'x':
		r, err := p.coded(c)
		return escape{char: r}, err
	}
	if s := predefined(c); s != nil {
		return escape{set: s}, nil
	}
	if i := strings.IndexRune("tnrfae", c); i >= 0 {
		return escape{char: rune("\t\n\r\f\a\x1b"[i])}, nil
	}
	if !inClass {
		if n, err := p.position(c); n != nil || err != nil {
			return escape{node: n}, err
		}
	}
	if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		return escape{}, p.fail("Illegal/unsupported escape sequence")
	}
	return escape{char: c &^ quoted}, nil
}

// predefined gives the classes of one letter.
func predefined(c rune) set {
	var s set
	switch unicode.ToLower(c) {
	case 'd':
		s = digits()
	case 'w':
		s = wordChars()
	case 's':
		s = spaces()
	case 'h':
		s = horizontal()
	case 'v':
		s = vertical()
	default:
		return nil
	}
	if c < 'a' {
		return s.negate()
	}
	return s
}

// position reads what has a meaning outside of classes only: boundaries and references.
func (p *parser) position(c rune) (*node, error) {
	unix := p.has(unixLines)
	switch c {
	case 'A', 'G': // a first match begins where the text does
		return &node{kind: textStart}, nil
	case 'z':
		return &node{kind: textEnd}, nil
	case 'Z':
		return &node{kind: finalEnd, unix: unix}, nil
	case 'b':
		if p.at(0) == '{' && p.at(1) == 'g' {
			return nil, lacking(`the boundary \b{g}`)
		}
		return &node{kind: wordBoundary}, nil
	case 'B':
		return &node{kind: noWordBoundary}, nil
	case 'X':
		return nil, lacking(`\X (extended grapheme clusters)`)
	case 'R':
		crlf := &node{kind: sequence, subs: []*node{{kind: character, set: one('\r')}, {kind: character, set: one('\n')}}}
		return &node{kind: noncapture, subs: []*node{{kind: alternatives, subs: []*node{crlf, {kind: character, set: vertical()}}}}}, nil
	case 'k':
		return p.namedReference()
	}
	if c < '1' || c > '9' {
		return nil, nil
	}
	group := int(c - '0')
	for p.at(0) >= '0' && p.at(0) <= '9' && group*10+int(p.at(0)-'0') <= p.groups {
		group = group*10 + int(p.at(0)-'0')
		p.pos++
	}
	return &node{kind: reference, group: group, fold: p.has(foldCase)}, nil
}

func (p *parser) namedReference() (*node, error) {
	p.pos++
	if p.at(-1) != '<' {
		return nil, p.fail(`\k is not followed by '<' for named capturing group`)
	}
	name, err := p.groupName()
	if err != nil {
		return nil, err
	}
	group, has := p.names[name]
	if !has {
		return nil, p.fail("named capturing group <" + name + "> does not exist")
	}
	return &node{kind: reference, group: group, fold: p.has(foldCase)}, nil
}

// coded reads a character by its number.
func (p *parser) coded(c rune) (rune, error) {
	switch c {
	case '0':
		return p.octal()
	case 'c':
		if p.at(0) == eof {
			return 0, p.fail("Illegal control escape sequence")
		}
		p.pos++
		return (p.at(-1) &^ quoted) ^ 64, nil
	case 'u':
		return p.utf16()
	}
	if p.at(0) != '{' {
		r, ok := p.hex(2)
		if !ok {
			return 0, p.fail("Illegal hexadecimal escape sequence")
		}
		return r, nil
	}
	p.pos++
	n := rune(0)
	for isHex(p.at(0)) {
		if n = n*16 + digit(p.at(0)); n > unicode.MaxRune {
			p.pos++
			return 0, p.fail("Hexadecimal codepoint is too big")
		}
		p.pos++
	}
	p.pos++
	if p.at(-1) != '}' {
		return 0, p.fail("Unclosed hexadecimal escape sequence")
	}
	return scalar(n)
}

func (p *parser) octal() (rune, error) {
	r, n := rune(0), 0
	for ; n < 3 && p.at(0) >= '0' && p.at(0) <= '7'; n++ {
		if n == 2 && r > 0o37 { // three digits are at most 0377
			break
		}
		r = r*8 + p.at(0) - '0'
		p.pos++
	}
	if n == 0 {
		p.pos++
		return 0, p.fail("Illegal octal escape sequence")
	}
	return r, nil
}

// utf16 reads what follows \u: a character, or the first half of one.
func (p *parser) utf16() (rune, error) {
	r, ok := p.hex(4)
	if !ok {
		return 0, p.fail("Illegal Unicode escape sequence")
	}
	if utf16.IsSurrogate(r) && p.at(0) == '\\' && p.at(1) == 'u' {
		p.pos += 2
		low, ok := p.hex(4)
		if !ok {
			return 0, p.fail("Illegal Unicode escape sequence")
		}
		if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
			return whole, nil
		}
	}
	return scalar(r)
}

func scalar(r rune) (rune, error) {
	if !utf8.ValidRune(r) {
		return 0, lacking("half a surrogate pair in a regular expression")
	}
	return r, nil
}

// hex reads so many digits.
func (p *parser) hex(n int) (rune, bool) {
	r := rune(0)
	for range n {
		if !isHex(p.at(0)) {
			p.pos++
			return 0, false
		}
		r = r*16 + digit(p.at(0))
		p.pos++
	}
	return r, true
}

func isHex(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// digit is the value of a hexadecimal digit.
func digit(c rune) rune {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
