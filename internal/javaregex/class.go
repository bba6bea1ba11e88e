package javaregex

// class reads a character class from its opening bracket on.
func (p *parser) class() (set, error) {
	if p.depth++; p.depth > deepest {
		return nil, lacking("a regular expression with so many character classes within each other")
	}
	defer func() { p.depth-- }()
	p.pos++
	negated := p.at(0) == '^'
	if negated {
		p.pos++
	}
	s, err := p.members(true)
	if negated {
		s = s.negate()
	}
	return s, err
}

// members reads up to the closing bracket, which it leaves to others unless it is to be consumed.
func (p *parser) members(consume bool) (set, error) {
	var all set // nil as long as there is nothing
	for {
		var more set
		var err error
		switch c := p.peek(); {
		case c == eof:
			return nil, p.fail("Unclosed character class")
		case c == '[':
			more, err = p.class()
		case c == '&' && p.at(1) == '&':
			if all, err = p.common(all); err != nil {
				return nil, err
			}
			continue
		case c == ']' && all != nil:
			if consume {
				p.pos++
			}
			return all, nil
		default:
			more, err = p.member()
		}
		if err != nil {
			return nil, err
		}
		all = union(all, more)
	}
}

// common reads && and what a class is to have in common with what was before.
func (p *parser) common(before set) (set, error) {
	var right set
	p.pos += 2
	for c := p.peek(); c != ']' && c != '&'; c = p.peek() {
		var more set
		var err error
		if c == '[' {
			more, err = p.class()
		} else {
			more, err = p.members(false)
		}
		if err != nil {
			return nil, err
		}
		right = union(right, more)
	}
	switch {
	case right == nil && before == nil:
		return nil, p.fail("Bad class syntax")
	case right == nil:
		return before, nil
	case before == nil:
		return right, nil
	}
	return before.intersect(right), nil
}

// member reads a character, a range or an escape.
func (p *parser) member() (set, error) {
	lo, s, err := p.memberChar()
	if err != nil || s != nil {
		return s, err
	}
	if p.peek() != '-' || p.at(1) == '[' || p.at(1) == ']' {
		return p.cased(one(lo)), nil
	}
	if p.at(1) == eof {
		p.pos += 2
		return nil, p.fail("Illegal character range")
	}
	p.pos++
	p.peek()
	if p.at(0) == '\\' && (p.at(1) == 'p' || p.at(1) == 'P') {
		p.pos += 2
		return nil, p.fail("Illegal/unsupported escape sequence")
	}
	hi, s, err := p.memberChar()
	switch {
	case err != nil:
		return nil, err
	case s != nil || hi < lo:
		return nil, p.fail("Illegal character range")
	}
	return p.cased(span(lo, hi)), nil
}

// memberChar reads a character, or an escape that stands for a set.
func (p *parser) memberChar() (rune, set, error) {
	if p.at(0) == '\\' {
		e, err := p.escape(true)
		return e.char, e.set, err
	}
	c := p.at(0)
	p.pos++
	return c &^ quoted, nil, nil
}
