package javaregex

// group reads what stands in parentheses; nil for flags that hold from there on.
func (p *parser) group() (*node, error) {
	before := p.flags
	p.pos++
	n := &node{kind: capture}
	if p.at(0) == '?' {
		p.pos += 2
		switch c := p.at(-1); c {
		case ':':
			n.kind = noncapture
		case '=':
			n.kind = ahead
		case '!':
			n.kind = notAhead
		case '>':
			n.kind = atomic
		case '<':
			if err := p.named(n); err != nil {
				return nil, err
			}
		case '$', '@':
			return nil, p.fail("Unknown group type")
		default:
			p.pos--
			n.kind = noncapture
			if ends, err := p.setFlags(); ends || err != nil {
				return nil, err
			}
		}
	}
	if n.kind == capture {
		p.groups++
		n.group = p.groups
	}
	sub, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	n.subs = []*node{sub}
	closed := p.peek() == ')'
	if (n.kind == behind || n.kind == notBehind) && sub.longest() >= unbounded {
		return nil, p.fail("Look-behind group does not have an obvious maximum length")
	}
	p.pos++
	if !closed {
		return nil, p.fail("Unclosed group")
	}
	p.flags = before
	return n, nil
}

// named reads what follows (?< : a look-behind, or a group's name.
func (p *parser) named(n *node) error {
	switch p.at(0) {
	case '=':
		n.kind = behind
		p.pos++
		return nil
	case '!':
		n.kind = notBehind
		p.pos++
		return nil
	}
	name, err := p.groupName()
	if err != nil {
		return err
	}
	if _, has := p.names[name]; has {
		return p.fail("Named capturing group <" + name + "> is already defined")
	}
	p.names[name] = p.groups + 1
	return nil
}

func (p *parser) groupName() (string, error) {
	start := p.pos
	letter := func(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	if !letter(p.at(0)) {
		p.pos++
		return "", p.fail("capturing group name does not start with a Latin letter")
	}
	for letter(p.at(0)) || p.at(0) >= '0' && p.at(0) <= '9' {
		p.pos++
	}
	p.pos++
	if p.at(-1) != '>' {
		return "", p.fail("named capturing group is missing trailing '>'")
	}
	return string(p.in[start : p.pos-1]), nil
}

// setFlags reads flags up to a colon, or up to the parenthesis that ends the group.
func (p *parser) setFlags() (ends bool, err error) {
	off := false
	for {
		c := p.at(0)
		p.pos++
		f := flags(0)
		switch c {
		case 'i':
			f = foldCase
		case 'm':
			f = multiline
		case 's':
			f = dotAll
		case 'd':
			f = unixLines
		case 'u':
			f = unicodeCase
		case 'x':
			f = comments
		case 'U':
			return false, lacking("the flag U (classes of Unicode)")
		case 'c':
			return false, lacking("the flag c (canonical equivalence)")
		case '-':
			if off {
				return false, p.fail("Unknown inline modifier")
			}
			off = true
		case ')', ':':
			return c == ')', nil
		default:
			return false, p.fail("Unknown inline modifier")
		}
		if off {
			p.flags &^= f
		} else {
			p.flags |= f
		}
	}
}
