package javaregex

import (
	"strings"
	"unicode"
)

// property reads what follows \p: one letter, or a name in braces.
func (p *parser) property() (set, error) {
	p.pos++
	c := p.at(-1)
	if c != '{' {
		if c == eof {
			p.pos--
			return nil, p.fail("Unknown character property name {}")
		}
		return p.category(string(c &^ quoted))
	}
	start := p.pos
	for p.at(0) != eof && p.at(0) != '}' {
		p.pos++
	}
	if p.at(0) == eof {
		p.pos = len(p.in) + 1
		return nil, p.fail("Unclosed character family")
	}
	var name strings.Builder
	for _, r := range p.in[start:p.pos] {
		name.WriteRune(r &^ quoted)
	}
	p.pos++
	if name.Len() == 0 {
		return nil, p.fail("Empty character family")
	}
	return p.family(name.String())
}

// family gives the set that a name in braces stands for.
func (p *parser) family(name string) (set, error) {
	if key, value, ok := strings.Cut(name, "="); ok {
		unknown := p.fail("Unknown Unicode property {name=<" + key + ">, value=<" + value + ">}")
		switch strings.ToLower(key) {
		case "sc", "script":
			if s := script(value); s != nil {
				return s, nil
			}
			return nil, unknown
		case "gc", "general_category":
			if s := p.categoryOf(value); s != nil {
				return s, nil
			}
			return nil, unknown
		case "blk", "block":
			return nil, lacking("a block of Unicode (\\p{" + name + "})")
		}
		return nil, unknown
	}
	if rest, ok := strings.CutPrefix(name, "Is"); ok {
		if s := binary(rest); s != nil {
			return s, nil
		}
		if s := p.categoryOf(rest); s != nil {
			return s, nil
		}
		if s := script(rest); s != nil {
			return s, nil
		}
		return p.category(name)
	}
	switch {
	case strings.HasPrefix(name, "In"):
		return nil, lacking("a block of Unicode (\\p{" + name + "})")
	case strings.HasPrefix(name, "java"):
		if s := method(name[4:]); s != nil {
			return s, nil
		}
		return nil, lacking("a class by a method of Java's (\\p{" + name + "})")
	}
	if s := p.posix(name); s != nil {
		return s, nil
	}
	return p.category(name)
}

func script(name string) set {
	for known, t := range unicode.Scripts {
		if strings.EqualFold(known, name) {
			return table(t)
		}
	}
	return nil
}

func (p *parser) category(name string) (set, error) {
	if s := p.categoryOf(name); s != nil {
		return s, nil
	}
	return nil, p.fail("Unknown character property name {" + name + "}")
}

func (p *parser) categoryOf(name string) set {
	if p.has(foldCase) && (name == "Lu" || name == "Ll" || name == "Lt") {
		name = "LC"
	}
	switch name {
	case "L1":
		return span(0, 0xff)
	case "all":
		return full()
	case "LC":
		return union(table(unicode.Lu), table(unicode.Ll), table(unicode.Lt))
	case "LD":
		return union(table(unicode.L), table(unicode.Nd))
	case "Cn":
		var known []set
		for _, t := range unicode.Categories {
			if t != unicode.Categories["Cn"] && t != unicode.C {
				known = append(known, table(t))
			}
		}
		return union(known...).negate()
	}
	if t, has := unicode.Categories[name]; has && len(name) <= 2 {
		return table(t)
	}
	return nil
}

// binary gives the properties of Unicode that Java has under the prefix Is.
func binary(name string) set {
	switch strings.ToUpper(name) {
	case "ALPHABETIC":
		return union(table(unicode.L), table(unicode.Nl), table(unicode.Other_Alphabetic))
	case "LETTER":
		return table(unicode.L)
	case "IDEOGRAPHIC":
		return table(unicode.Ideographic)
	case "LOWERCASE":
		return union(table(unicode.Ll), table(unicode.Other_Lowercase))
	case "UPPERCASE":
		return union(table(unicode.Lu), table(unicode.Other_Uppercase))
	case "TITLECASE":
		return table(unicode.Lt)
	case "WHITE_SPACE", "WHITESPACE":
		return table(unicode.White_Space)
	case "CONTROL":
		return table(unicode.Cc)
	case "PUNCTUATION":
		return table(unicode.P)
	case "DIGIT":
		return table(unicode.Nd)
	case "HEX_DIGIT", "HEXDIGIT":
		return union(table(unicode.Nd), table(unicode.Hex_Digit))
	}
	return nil
}

// posix gives the classes that hold ASCII only.
func (p *parser) posix(name string) set {
	upper, lower := span('A', 'Z'), span('a', 'z')
	alnum := union(upper, lower, digits())
	graph := span('!', '~')
	switch name {
	case "Lower", "Upper":
		switch {
		case p.has(foldCase):
			return union(upper, lower)
		case name == "Lower":
			return lower
		}
		return upper
	case "ASCII":
		return span(0, 0x7f)
	case "Alpha":
		return union(upper, lower)
	case "Digit":
		return digits()
	case "Alnum":
		return alnum
	case "Punct":
		return graph.without(alnum)
	case "Graph":
		return graph
	case "Print":
		return span(' ', '~')
	case "Blank":
		return chars(" \t")
	case "Cntrl":
		return union(span(0, 0x1f), one(0x7f))
	case "XDigit":
		return union(digits(), span('a', 'f'), span('A', 'F'))
	case "Space":
		return spaces()
	}
	return nil
}

// method gives what java.lang.Character.isNAME holds for, as far as Unicode knows of it.
func method(name string) set {
	switch name {
	case "LowerCase", "UpperCase", "TitleCase", "Alphabetic", "Ideographic", "Letter", "Digit":
		return binary(name)
	case "LetterOrDigit":
		return union(table(unicode.L), table(unicode.Nd))
	}
	return nil
}
