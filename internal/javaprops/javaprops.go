// Package javaprops reads the .properties syntax of java.util.Properties, to the letter: worker files and the files
// of config providers must mean here what they mean to a Java worker.
//
// It is pure: bytes in, a map out. It opens no file, expands no variables and knows no property.
package javaprops

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// ParseLatin1 reads data as Java's Properties.load does from a stream: every byte is a character of ISO-8859-1, all
// else is written \uXXXX. The last of repeated names wins. The only error is a malformed \u escape; it tells the line.
func ParseLatin1(data []byte) (map[string]string, error) {
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return parse(runes)
}

// ParseUTF8 reads data as Java's FileConfigProvider does, which opens its files as UTF-8.
func ParseUTF8(data []byte) (map[string]string, error) {
	return parse([]rune(string(data)))
}

func parse(text []rune) (map[string]string, error) {
	props := map[string]string{}
	r := lineReader{text: text}
	for {
		line, number, ok := r.next()
		if !ok {
			return props, nil
		}
		rawKey, rawValue := split(line)
		key, err := unescape(rawKey)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		value, err := unescape(rawValue)
		if err != nil {
			return nil, fmt.Errorf("line %d: the value of %s: %w", number, key, err)
		}
		props[key] = value
	}
}

// lineReader joins natural lines to logical ones: a trailing backslash continues a line, the leading blanks of the
// next are dropped; comments and blank lines are skipped, and a comment is never continued.
type lineReader struct {
	text   []rune
	pos    int
	number int
}

func (r *lineReader) next() (line []rune, number int, ok bool) {
	continued := false
	for r.pos < len(r.text) {
		natural := trimLeft(r.natural())
		if !continued {
			number = r.number
			if len(natural) > 0 && (natural[0] == '#' || natural[0] == '!') {
				continue
			}
		}
		continued = endsOpen(natural)
		if continued {
			natural = natural[:len(natural)-1]
		}
		line = append(line, natural...)
		if continued {
			continue
		}
		if len(line) > 0 {
			return line, number, true
		}
	}
	return line, number, len(line) > 0
}

// natural returns the text up to the next line end: LF, CR or CR LF.
func (r *lineReader) natural() []rune {
	r.number++
	start := r.pos
	for r.pos < len(r.text) && r.text[r.pos] != '\n' && r.text[r.pos] != '\r' {
		r.pos++
	}
	line := r.text[start:r.pos]
	if r.pos < len(r.text) {
		if r.text[r.pos] == '\r' && r.pos+1 < len(r.text) && r.text[r.pos+1] == '\n' {
			r.pos++
		}
		r.pos++
	}
	return line
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\f' }

func trimLeft(s []rune) []rune {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}

// endsOpen tells whether an odd number of backslashes ends the line.
func endsOpen(s []rune) bool {
	n := 0
	for n < len(s) && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// split finds where the key ends: at the first =, : or blank that is not escaped. Blanks and one = or : separate.
func split(line []rune) (key, value []rune) {
	end := 0
	for ; end < len(line); end++ {
		if line[end] == '\\' {
			end++
			continue
		}
		if line[end] == '=' || line[end] == ':' || isBlank(line[end]) {
			break
		}
	}
	end = min(end, len(line))
	value = trimLeft(line[end:])
	if len(value) > 0 && (value[0] == '=' || value[0] == ':') {
		value = trimLeft(value[1:])
	}
	return line[:end], value
}

var controls = map[rune]rune{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f'}

// unescape works on UTF-16 units, as two \u escapes may form one character.
func unescape(raw []rune) (string, error) {
	units := make([]uint16, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			i++
			if i == len(raw) {
				break
			}
			c = raw[i]
			if c == 'u' {
				unit, err := hex(raw[i+1:])
				if err != nil {
					return "", err
				}
				units = append(units, unit)
				i += 4
				continue
			}
			if control, ok := controls[c]; ok {
				c = control
			}
		}
		units = utf16.AppendRune(units, c)
	}
	return string(utf16.Decode(units)), nil
}

func hex(digits []rune) (uint16, error) {
	if len(digits) >= 4 {
		text := string(digits[:4])
		if n, err := strconv.ParseUint(text, 16, 16); err == nil && !strings.ContainsAny(text, "+-_") {
			return uint16(n), nil
		}
	}
	return 0, fmt.Errorf(`malformed \uXXXX escape: four hexadecimal digits must follow \u`)
}
