package api

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nesting, as Java's parser does by default.
const maxDepth = 1000

// redacted is how Java's parser names its source in messages.
const redacted = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); "

// kind is a JSON token's class: one of { } [ ] s (string), i and d (numbers), b (boolean), n (null).
type kind byte

// token is a JSON token that starts a value, or ends a collection.
type token struct {
	kind  kind
	text  string // of strings, unescaped; of numbers and booleans, literally
	start int
}

// scanner reads JSON strictly and complains in the words of Java's parser. encoding/json would do neither: it takes names in any
// case, and gives numbers back in a form of its own.
type scanner struct {
	data  []byte
	pos   int
	chain []string // path to the value being read, in Java's notation
	open  []int    // where the collections being read start
}

func newScanner(data []byte) *scanner {
	return &scanner{data: data, pos: len(data) - len(bytes.TrimPrefix(data, []byte("\ufeff")))}
}

// location is a byte offset as line and column, in bytes from 1.
func (s *scanner) location(at int) string {
	before := bytes.ReplaceAll(s.data[:min(at, len(s.data))], []byte("\r\n"), []byte("\n"))
	before = bytes.ReplaceAll(before, []byte("\r"), []byte("\n"))
	return fmt.Sprintf("%sline: %d, column: %d]", redacted,
		bytes.Count(before, []byte("\n"))+1, at-min(at, len(s.data))+len(before)-bytes.LastIndexByte(before, '\n'))
}

// fail is a 500, as Java answers to malformed JSON.
func (s *scanner) fail(at int, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...) + "\n at " + s.location(at)
	if len(s.chain) > 0 {
		msg += " (through reference chain: " + strings.Join(s.chain, "->") + ")"
	}
	return &Error{Status: http.StatusInternalServerError, Message: msg}
}

func (s *scanner) unexpected(at int, expected string) error {
	r, _ := utf8.DecodeRune(s.data[at:])
	if r < ' ' {
		if r == '\n' || r == '\r' || r == '\t' {
			r = ' '
		} else {
			return s.fail(at+1, "Illegal character ((CTRL-CHAR, code %d)): only regular white space (\\r, \\n, \\t) is allowed between tokens", r)
		}
	}
	return s.fail(at, "Unexpected character ('%c' (code %d)): %s", r, r, expected)
}

// skipSpace gives the next byte that is not white space, and whether there is one.
func (s *scanner) skipSpace() (byte, bool) {
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c, true
		}
	}
	return 0, false
}

func (s *scanner) endOfInput() error {
	if len(s.open) == 0 {
		return s.fail(s.pos, "No content to map due to end-of-input")
	}
	start := s.open[len(s.open)-1]
	what := "Object"
	if s.data[start] == '[' {
		what = "Array"
	}
	return s.fail(s.pos, "Unexpected end-of-input: expected close marker for %s (start marker at %s)", what, s.location(start))
}

// value reads the token that starts a value.
func (s *scanner) value() (token, error) {
	c, ok := s.skipSpace()
	if !ok {
		if len(s.open) > 0 {
			what := "Object"
			if s.data[s.open[len(s.open)-1]] == '[' {
				what = "Array"
			}
			return token{}, s.fail(s.pos, "Unexpected end-of-input within/between %s entries", what)
		}
		return token{}, s.endOfInput()
	}
	start := s.pos
	switch {
	case c == '{' || c == '[':
		if len(s.open) >= maxDepth {
			return token{}, s.fail(start, "Document nesting depth (%d) exceeds the maximum allowed (%d, from `StreamReadConstraints.getMaxNestingDepth()`)", maxDepth+1, maxDepth)
		}
		s.pos++
		s.open = append(s.open, start)
		return token{kind: kind(c), start: start}, nil
	case c == '"':
		text, err := s.quoted("in VALUE_STRING")
		return token{kind: 's', text: text, start: start}, err
	case c == '-' || isDigit(c):
		return s.number()
	case isLetter(c):
		return s.word()
	case len(s.open) == 0 && (c == '}' || c == ']'):
		what := map[byte]string{'}': "Object", ']': "Array"}[c]
		return token{}, s.fail(start, "Unexpected close marker '%c': no open %s to close", rune(c), what)
	case c == '/':
		return token{}, s.unexpected(start, "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)")
	case c == '}' || c == ']':
		return token{}, s.unexpected(start, "expected a value")
	case c == '+':
		return token{}, s.inNumber(start+1, "JSON spec does not allow numbers to have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow")
	default:
		return token{}, s.unexpected(start, "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
	}
}

// word reads null, true and false.
func (s *scanner) word() (token, error) {
	start := s.pos
	for s.pos < len(s.data) && (isLetter(s.data[s.pos]) || isDigit(s.data[s.pos])) {
		s.pos++
	}
	text := string(s.data[start:s.pos])
	switch text {
	case "null":
		return token{kind: 'n', start: start}, nil
	case "true", "false":
		return token{kind: 'b', text: text, start: start}, nil
	case "NaN", "INF", "Infinity":
		return token{}, s.fail(s.pos, "Non-standard token '%s': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", text)
	}
	if len(text) > 256 {
		text = text[:256] + "..."
	}
	return token{}, s.fail(start, "Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", text)
}

// number keeps the literal text: 1.50 stays 1.50.
func (s *scanner) number() (token, error) {
	start := s.pos
	t := token{kind: 'i', start: start}
	if s.data[s.pos] == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
		if isDigit(s.peek()) {
			return t, s.fail(s.pos, "Invalid numeric value: Leading zeroes not allowed")
		}
	} else if err := s.digits("expected digit (0-9) to follow minus sign, for valid numeric value"); err != nil {
		return t, err
	}
	if s.peek() == '.' {
		t.kind = 'd'
		s.pos++
		if err := s.digits("Decimal point not followed by a digit"); err != nil {
			return t, err
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		t.kind = 'd'
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if err := s.digits("Exponent indicator not followed by a digit"); err != nil {
			return t, err
		}
	}
	if c := s.peek(); len(s.open) == 0 && s.pos < len(s.data) && c > ' ' {
		return t, s.unexpected(s.pos, "Expected space separating root-level values")
	}
	t.text = string(s.data[start:s.pos])
	return t, nil
}

func (s *scanner) digits(expected string) error {
	if s.pos == len(s.data) {
		return s.fail(s.pos, "Unexpected end-of-input in FIELD_NAME")
	}
	if !isDigit(s.peek()) {
		return s.inNumber(s.pos, expected)
	}
	for isDigit(s.peek()) {
		s.pos++
	}
	return nil
}

// inNumber complains about the byte at hand within a number; at is where Java says it is.
func (s *scanner) inNumber(at int, why string) error {
	c := s.data[s.pos]
	return s.fail(at, "Unexpected character ('%c' (code %d)) in numeric value: %s", rune(c), c, why)
}

// peek is the byte at hand, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// quoted reads a string or a field name from its opening quote.
func (s *scanner) quoted(atEnd string) (string, error) {
	s.pos++
	var out []byte
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return string(out), nil
		case c == '\\':
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			return "", s.fail(s.pos, "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		case c < utf8.RuneSelf:
			out = append(out, c)
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size <= 1 {
				return "", s.badUTF8()
			}
			out = utf8.AppendRune(out, r)
			s.pos += size
		}
	}
	return "", s.fail(s.pos, "Unexpected end-of-input %s", atEnd)
}

// badUTF8 complains about the sequence at hand: about its first byte, or the first that does not continue it.
func (s *scanner) badUTF8() error {
	c := s.data[s.pos]
	size := 2
	switch {
	case c < 0xc0 || c >= 0xf8:
		return s.fail(s.pos+1, "Invalid UTF-8 start byte 0x%x", c)
	case c >= 0xf0:
		size = 4
	case c >= 0xe0:
		size = 3
	}
	for i := s.pos + 1; i < min(s.pos+size, len(s.data)); i++ {
		if s.data[i]&0xc0 != 0x80 {
			return s.fail(i+1, "Invalid UTF-8 middle byte 0x%x", s.data[i])
		}
	}
	return s.fail(s.pos+1, "Invalid UTF-8 start byte 0x%x", c)
}

// escape reads a backslash and what follows. Half a surrogate pair becomes U+FFFD.
func (s *scanner) escape() (rune, error) {
	s.pos++
	if s.pos == len(s.data) {
		return 0, s.fail(s.pos, "Unexpected end-of-input in character escape sequence")
	}
	c := s.data[s.pos]
	if c == 'u' {
		r, err := s.hex4()
		if err != nil || !utf16.IsSurrogate(r) || !bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)) {
			return r, err
		}
		mark := s.pos
		s.pos++
		low, err := s.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
		s.pos = mark
		return utf8.RuneError, nil
	}
	at := strings.IndexByte(`"\/bfnrt`, c)
	if at < 0 {
		return 0, s.fail(s.pos, "Unrecognized character escape '%c' (code %d)", rune(c), c)
	}
	s.pos++
	return rune("\"\\/\b\f\n\r\t"[at]), nil
}

// hex4 reads u and four hexadecimal digits.
func (s *scanner) hex4() (rune, error) {
	s.pos++
	var r rune
	for range 4 {
		if s.pos == len(s.data) {
			return 0, s.fail(s.pos, "Unexpected end-of-input in character escape sequence")
		}
		at := strings.IndexByte("0123456789abcdef", s.data[s.pos]|0x20)
		if c := s.data[s.pos]; at < 0 || !isDigit(c) && !isLetter(c) {
			return 0, s.unexpected(s.pos, "expected a hex-digit for character escape sequence")
		}
		r = r<<4 | rune(at)
		s.pos++
	}
	return r, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}
