package api

import "fmt"

// object reads the members of an object whose opening brace was read; each must consume one value.
func (s *scanner) object(member func(name string) error) error {
	for first := true; ; first = false {
		c, ok := s.skipSpace()
		if !ok {
			return s.endOfInput()
		}
		if c == '}' && first {
			return s.close()
		}
		if !first {
			switch c {
			case '}':
				return s.close()
			case ',':
				s.pos++
			default:
				return s.unexpected(s.pos, "was expecting comma to separate Object entries")
			}
			if c, ok = s.skipSpace(); !ok {
				return s.fail(s.pos, "Unexpected end-of-input within/between Object entries")
			}
		}
		if c != '"' {
			return s.unexpected(s.pos, "was expecting double-quote to start field name")
		}
		name, err := s.quoted("in field name")
		if err != nil {
			return err
		}
		if err := s.colon(); err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

func (s *scanner) colon() error {
	c, ok := s.skipSpace()
	if !ok {
		return s.fail(s.pos, "Unexpected end-of-input within/between Object entries")
	}
	if c != ':' {
		return s.unexpected(s.pos, "was expecting a colon to separate field name and value")
	}
	s.pos++
	return nil
}

// arrayList reads an array as array does, with the first token of each element read, and errors say at which they are.
func (s *scanner) arrayList(element func(t token) error) error {
	return s.array(func(i int) error {
		t, err := s.value()
		if err != nil {
			return err
		}
		return s.at(fmt.Sprintf("java.util.ArrayList[%d]", i), func() error { return element(t) })
	})
}

// array reads the elements of an array whose opening bracket was read; each must consume one value.
func (s *scanner) array(element func(i int) error) error {
	for i := 0; ; i++ {
		c, ok := s.skipSpace()
		switch {
		case !ok:
			return s.endOfInput()
		case c == ']' && i == 0:
			return s.close()
		case i == 0:
		case c == ']':
			return s.close()
		case c == ',':
			s.pos++
		default:
			return s.unexpected(s.pos, "was expecting comma to separate Array entries")
		}
		if err := element(i); err != nil {
			return err
		}
	}
}

func (s *scanner) close() error {
	s.pos++
	s.open = s.open[:len(s.open)-1]
	return nil
}

// skipValue reads over a value.
func (s *scanner) skipValue() error {
	t, err := s.value()
	if err != nil {
		return err
	}
	switch t.kind {
	case '{':
		return s.object(func(string) error { return s.skipValue() })
	case '[':
		return s.array(func(int) error { return s.skipValue() })
	default:
		return nil
	}
}

// at reads a part of the document under one more link of the reference chain.
func (s *scanner) at(link string, read func() error) error {
	s.chain = append(s.chain, link)
	err := read()
	s.chain = s.chain[:len(s.chain)-1]
	return err
}

// text takes a token where Java wants a String: numbers and booleans become their literal text, null is nil.
func (s *scanner) text(t token) (*string, error) {
	switch t.kind {
	case 'n':
		return nil, nil
	case '{', '[':
		return nil, s.cannot(t, "java.lang.String")
	default:
		return &t.text, nil
	}
}

// cannot is Java's complaint about a value of one kind where it wanted another.
func (s *scanner) cannot(t token, want string) error {
	what := map[kind]string{
		'{': "Object", '[': "Array", 's': "String", 'i': "Integer", 'd': "Floating-point", 'b': "Boolean", 'n': "Null",
	}[t.kind]
	return s.fail(t.start, "Cannot deserialize value of type `%s` from %s value (token `JsonToken.%s`)", want, what, t.name())
}

// cannotConstruct is Java's complaint about a scalar where it wanted an object with fields.
func (s *scanner) cannotConstruct(t token, class string) error {
	if t.kind == 's' && t.text == "" {
		return s.fail(t.start, "Cannot coerce empty String (\"\") to `%s` value (but could if coercion was enabled using `CoercionConfig`)", class)
	}
	how := map[kind]string{
		's': "no String-argument constructor/factory method to deserialize from String value ('" + t.text + "')",
		'i': "no int/Int-argument constructor/factory method to deserialize from Number value (" + t.text + ")",
		'd': "no double/Double-argument constructor/factory method to deserialize from Number value (" + t.text + ")",
		'b': "no boolean/Boolean-argument constructor/factory method to deserialize from boolean value (" + t.text + ")",
	}[t.kind]
	return s.fail(t.start, "Cannot construct instance of `%s` (although at least one Creator exists): %s", class, how)
}

// cannotBeMap is Java's complaint about a string where it wanted a map.
func (s *scanner) cannotBeMap(t token) error {
	if t.text != "" {
		return s.cannotConstruct(t, "java.util.LinkedHashMap")
	}
	return s.fail(t.start, "Cannot coerce empty String (\"\") to element of `java.util.LinkedHashMap` (but could if coercion was enabled using `CoercionConfig`)")
}

// stringMap takes a token where Java wants a map of strings; null is nil.
func (s *scanner) stringMap(t token) (Config, error) {
	switch t.kind {
	case 'n':
		return nil, nil
	case '{':
	case 's':
		return nil, s.cannotBeMap(t)
	default:
		return nil, s.cannot(t, "java.util.LinkedHashMap<java.lang.String,java.lang.String>")
	}
	out := Config{}
	return out, s.object(func(name string) error {
		t, err := s.value()
		if err != nil {
			return err
		}
		return s.at(`java.util.LinkedHashMap["`+name+`"]`, func() error {
			out[name], err = s.text(t)
			return err
		})
	})
}
