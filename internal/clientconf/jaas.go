package clientconf

import (
	"errors"
	"fmt"
	"strings"
)

// JAAS is one login module entry of a sasl.jaas.config: a class, and options that may hold secrets.
type JAAS struct {
	Module  string
	Options map[string]string
}

// is compares the class by its simple name, so that relocated ("shaded") packages are recognised too.
func (j *JAAS) is(simpleNames ...string) bool {
	short := j.Module[strings.LastIndexByte(j.Module, '.')+1:]
	for _, n := range simpleNames {
		if short == n {
			return true
		}
	}
	return false
}

// ParseJAAS reads "class flag key=value ... ;" as Java's JaasConfig does: values in double or single quotes with
// backslash escapes, or bare words of letters, digits, '.', '-', '_', '$'; comments of // and /* */. Exactly one entry is
// allowed. Errors give a position and never quote the text, which may be a misquoted password.
func ParseJAAS(text string) (*JAAS, error) {
	s := &jaasScanner{text: text}
	entry, err := s.entry()
	if err != nil {
		return nil, err
	}
	t, err := s.next()
	switch {
	case err != nil:
		return nil, err
	case t.kind != jaasEnd:
		return nil, errors.New("there must be one login module, more follows after the first ';'")
	}
	return entry, nil
}

func (s *jaasScanner) entry() (*JAAS, error) {
	module, err := s.next()
	if err != nil {
		return nil, err
	}
	if module.kind != jaasWord {
		return nil, errors.New("must start with the class of a login module")
	}
	flag, err := s.next()
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(flag.text) {
	case "required", "requisite", "sufficient", "optional":
	default:
		return nil, errors.New("after the class must follow one of required, requisite, sufficient, optional")
	}
	entry := &JAAS{Module: module.text, Options: map[string]string{}}
	for {
		key, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case key.kind == jaasSymbol && key.text == ";":
			return entry, nil
		case key.kind == jaasEnd:
			return nil, errors.New("must end with ';'")
		case key.kind != jaasWord:
			return nil, s.unexpected(key)
		}
		equals, err := s.next()
		if err != nil {
			return nil, err
		}
		if equals.text != "=" || equals.kind != jaasSymbol {
			return nil, s.unexpected(equals)
		}
		value, err := s.next()
		if err != nil {
			return nil, err
		}
		if value.kind != jaasWord {
			return nil, s.unexpected(value)
		}
		entry.Options[key.text] = value.text
	}
}

func (s *jaasScanner) unexpected(t jaasToken) error {
	if t.kind == jaasEnd {
		return errors.New("ends in the middle of an option; must end with ';'")
	}
	return fmt.Errorf(`is not of the form key="value" at character %d; put values in double quotes`, t.pos+1)
}

type jaasKind uint8

const (
	jaasEnd jaasKind = iota
	jaasWord
	jaasSymbol
)

type jaasToken struct {
	kind jaasKind
	text string
	pos  int
}

type jaasScanner struct {
	text string
	pos  int
}

func (s *jaasScanner) next() (jaasToken, error) {
	s.skipBlank()
	start := s.pos
	if start >= len(s.text) {
		return jaasToken{kind: jaasEnd, pos: start}, nil
	}
	c := s.text[start]
	switch {
	case c == '"' || c == '\'':
		value, err := s.quoted(c)
		return jaasToken{kind: jaasWord, text: value, pos: start}, err
	case wordByte(c):
		for s.pos < len(s.text) && wordByte(s.text[s.pos]) {
			s.pos++
		}
		return jaasToken{kind: jaasWord, text: s.text[start:s.pos], pos: start}, nil
	}
	s.pos++
	return jaasToken{kind: jaasSymbol, text: s.text[start:s.pos], pos: start}, nil
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '-' || c == '_' || c == '$' || c >= 0x80
}

// skipBlank passes white space and comments. As in Java's tokenizer, a single '/' outside quotes starts a comment too.
func (s *jaasScanner) skipBlank() {
	for s.pos < len(s.text) {
		switch {
		case s.text[s.pos] <= ' ':
			s.pos++
		case strings.HasPrefix(s.text[s.pos:], "/*"):
			end := strings.Index(s.text[s.pos+2:], "*/")
			if end < 0 {
				s.pos = len(s.text)
				return
			}
			s.pos += end + 4
		case s.text[s.pos] == '/':
			end := strings.IndexAny(s.text[s.pos:], "\r\n")
			if end < 0 {
				s.pos = len(s.text)
				return
			}
			s.pos += end
		default:
			return
		}
	}
}

// quoted reads up to the matching quote; s.pos stands on the opening one.
func (s *jaasScanner) quoted(quote byte) (string, error) {
	start := s.pos
	s.pos++
	var b strings.Builder
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch c {
		case quote:
			return b.String(), nil
		case '\n', '\r':
			return "", fmt.Errorf("has a quote without its end at character %d", start+1)
		case '\\':
			if s.pos < len(s.text) {
				s.escape(&b)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("has a quote without its end at character %d", start+1)
}

// escape reads what follows a backslash: C's letters, up to three octal digits, or any character for itself.
func (s *jaasScanner) escape(b *strings.Builder) {
	const letters, meanings = "abfnrtv", "\a\b\f\n\r\t\v"
	c := s.text[s.pos]
	s.pos++
	if i := strings.IndexByte(letters, c); i >= 0 {
		b.WriteByte(meanings[i])
		return
	}
	if c < '0' || c > '7' {
		b.WriteByte(c)
		return
	}
	most := 2 // digits after the first: two if the value stays within a byte
	if c > '3' {
		most = 1
	}
	value := rune(c - '0')
	for ; most > 0 && s.pos < len(s.text) && s.text[s.pos] >= '0' && s.text[s.pos] <= '7'; most-- {
		value = value*8 + rune(s.text[s.pos]-'0')
		s.pos++
	}
	b.WriteRune(value)
}
