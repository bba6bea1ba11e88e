package jackson

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest, as in the Java library.
const MaxDepth = 1000

// Number is a JSON number with its text.
type Number string

// Int64 gives an integral number that fits.
func (n Number) Int64() (int64, bool) {
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// Float64 gives the nearest double; infinite beyond its range.
func (n Number) Float64() float64 {
	f, _ := strconv.ParseFloat(string(n), 64) // the text was checked; a range error still yields ±Inf
	return f
}

// IsIntegral tells whether the text has neither fraction nor exponent.
func (n Number) IsIntegral() bool {
	for i := range len(n) {
		if c := n[i]; c == '.' || c == 'e' || c == 'E' {
			return false
		}
	}
	return true
}

// Member is one field of an object.
type Member struct {
	Key   string
	Value any
}

// Object is a JSON object in order. Of a repeated key the last value counts, at the place of the first.
type Object []Member

// Get gives the value of a key.
func (o Object) Get(key string) (any, bool) {
	for i := range o {
		if o[i].Key == key {
			return o[i].Value, true
		}
	}
	return nil, false
}

// ErrEmpty says that there is no value at all.
var ErrEmpty = errors.New("no JSON value")

// Parse reads the first JSON value of data into nil, bool, string, Number, []any and Object; what follows it is ignored,
// as the Java library ignores it. It never panics and never recurses deeper than MaxDepth.
func Parse(data []byte) (any, error) {
	p := parser{data: data}
	p.space()
	if p.pos == len(data) {
		return nil, ErrEmpty
	}
	return p.value(0)
}

type parser struct {
	data []byte
	pos  int
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("invalid JSON at byte %d: %s", p.pos, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek gives the next byte after white space, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.pos == len(p.data) {
		return 0
	}
	return p.data[p.pos]
}

func (p *parser) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, p.errorf("nested deeper than %d", MaxDepth)
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return true, p.word("true")
	case c == 'f':
		return false, p.word("false")
	case c == 'n':
		return nil, p.word("null")
	}
	return nil, p.errorf("a value is expected")
}

func (p *parser) word(w string) error {
	if len(p.data)-p.pos < len(w) || string(p.data[p.pos:p.pos+len(w)]) != w {
		return p.errorf("unknown word")
	}
	p.pos += len(w)
	return p.endOfScalar()
}

// endOfScalar refuses "truex" and "12a".
func (p *parser) endOfScalar() error {
	if p.pos == len(p.data) {
		return nil
	}
	switch p.data[p.pos] {
	case ' ', '\t', '\n', '\r', ',', ']', '}', ':':
		return nil
	}
	return p.errorf("unexpected character after a value")
}

func (p *parser) array(depth int) (any, error) {
	p.pos++
	list := []any{}
	if p.peek() == ']' {
		p.pos++
		return list, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return list, nil
		default:
			return nil, p.errorf("',' or ']' is expected")
		}
	}
}

func (p *parser) object(depth int) (any, error) {
	p.pos++
	var b objectBuilder
	if p.peek() == '}' {
		p.pos++
		return Object{}, nil
	}
	for {
		if p.peek() != '"' {
			return nil, p.errorf("a field name is expected")
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if p.peek() != ':' {
			return nil, p.errorf("':' is expected")
		}
		p.pos++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		b.put(key, v)
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return b.obj, nil
		default:
			return nil, p.errorf("',' or '}' is expected")
		}
	}
}

// objectBuilder finds repeated keys without a scan per key once an object is large.
type objectBuilder struct {
	obj   Object
	index map[string]int
}

func (b *objectBuilder) put(key string, v any) {
	const small = 16
	if b.index == nil {
		for i := range b.obj {
			if b.obj[i].Key == key {
				b.obj[i].Value = v
				return
			}
		}
		b.obj = append(b.obj, Member{key, v})
		if len(b.obj) > small {
			b.index = make(map[string]int, 2*small)
			for i := range b.obj {
				b.index[b.obj[i].Key] = i
			}
		}
		return
	}
	if i, ok := b.index[key]; ok {
		b.obj[i].Value = v
		return
	}
	b.index[key] = len(b.obj)
	b.obj = append(b.obj, Member{key, v})
}

func (p *parser) number() (any, error) {
	start := p.pos
	if p.data[p.pos] == '-' {
		p.pos++
	}
	first := p.pos
	if p.digits() == 0 {
		return nil, p.errorf("a digit is expected")
	}
	if p.data[first] == '0' && p.pos-first > 1 {
		return nil, p.errorf("leading zeroes are not allowed")
	}
	if p.pos < len(p.data) && p.data[p.pos] == '.' {
		p.pos++
		if p.digits() == 0 {
			return nil, p.errorf("a digit is expected")
		}
	}
	if p.pos < len(p.data) && (p.data[p.pos] == 'e' || p.data[p.pos] == 'E') {
		p.pos++
		if p.pos < len(p.data) && (p.data[p.pos] == '+' || p.data[p.pos] == '-') {
			p.pos++
		}
		if p.digits() == 0 {
			return nil, p.errorf("a digit is expected")
		}
	}
	return Number(p.data[start:p.pos]), p.endOfScalar()
}

func (p *parser) digits() int {
	start := p.pos
	for p.pos < len(p.data) && p.data[p.pos] >= '0' && p.data[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}

func (p *parser) str() (string, error) {
	p.pos++
	start := p.pos
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '"':
			s := p.data[start:p.pos]
			if !utf8.Valid(s) {
				return "", p.errorf("a string is not valid UTF-8")
			}
			p.pos++
			return string(s), nil
		case c == '\\':
			return p.escapedString(start)
		case c < 0x20:
			return "", p.errorf("a control character must be escaped")
		}
		p.pos++
	}
	return "", p.errorf("a string does not end")
}

// escapedString goes on from the first backslash of a string that began at start.
func (p *parser) escapedString(start int) (string, error) {
	buf := append([]byte(nil), p.data[start:p.pos]...)
	for p.pos < len(p.data) {
		c := p.data[p.pos]
		p.pos++
		switch {
		case c == '"':
			if !utf8.Valid(buf) {
				return "", p.errorf("a string is not valid UTF-8")
			}
			return string(buf), nil
		case c < 0x20:
			return "", p.errorf("a control character must be escaped")
		case c != '\\':
			buf = append(buf, c)
		default:
			var err error
			if buf, err = p.escape(buf); err != nil {
				return "", err
			}
		}
	}
	return "", p.errorf("a string does not end")
}

func (p *parser) escape(buf []byte) ([]byte, error) {
	if p.pos == len(p.data) {
		return nil, p.errorf("a string does not end")
	}
	c := p.data[p.pos]
	p.pos++
	switch c {
	case '"', '\\', '/':
		return append(buf, c), nil
	case 'b':
		return append(buf, '\b'), nil
	case 'f':
		return append(buf, '\f'), nil
	case 'n':
		return append(buf, '\n'), nil
	case 'r':
		return append(buf, '\r'), nil
	case 't':
		return append(buf, '\t'), nil
	case 'u':
		r, err := p.unit()
		if err != nil {
			return nil, err
		}
		if utf16.IsSurrogate(r) && p.pos+1 < len(p.data) && p.data[p.pos] == '\\' && p.data[p.pos+1] == 'u' {
			back := p.pos
			p.pos += 2
			low, err := p.unit()
			if err != nil {
				return nil, err
			}
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return utf8.AppendRune(buf, both), nil
			}
			p.pos = back
		}
		return utf8.AppendRune(buf, r), nil // a lone surrogate becomes U+FFFD
	}
	return nil, p.errorf("unknown escape")
}

func (p *parser) unit() (rune, error) {
	if len(p.data)-p.pos < 4 {
		return 0, p.errorf("a string does not end")
	}
	n, err := strconv.ParseUint(string(p.data[p.pos:p.pos+4]), 16, 16)
	if err != nil {
		return 0, p.errorf("four hexadecimal digits are expected")
	}
	p.pos += 4
	return rune(n), nil
}
