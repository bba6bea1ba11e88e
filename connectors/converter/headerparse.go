package converter

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
)

// maxHeaderDepth bounds how deep arrays and maps in a header may nest; what is deeper is a string.
const maxHeaderDepth = 100

// errNotStructured makes the caller take the text as a string.
var errNotStructured = errors.New("not an array or map")

// parseText guesses the type of a text.
func parseText(text string) connect.SchemaAndValue {
	asString := connect.SchemaAndValue{Schema: connect.StringSchema, Value: text}
	switch text {
	case "":
		return asString
	case "null":
		return connect.SchemaAndValue{}
	}
	p := &textParser{text: text}
	sv, err := p.value(false, 0)
	if err != nil {
		return asString
	}
	return sv
}

// textParser splits a text at the characters : , { } [ ] and quotes that no backslash escapes, and puts arrays, maps and
// scalars together from these tokens.
type textParser struct {
	text string
	pos  int
}

func isDelimiter(c byte) bool { return strings.IndexByte(`:,{}[]"`, c) >= 0 }

func (p *textParser) more() bool { return p.pos < len(p.text) }

// token reads on to the next delimiter, or a delimiter itself.
func (p *textParser) token() string {
	start, escaped := p.pos, false
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '\\':
			escaped = !escaped
		case isDelimiter(c) && !escaped:
			if p.pos == start {
				p.pos++
			}
			return p.text[start:p.pos]
		default:
			escaped = false
		}
	}
	return p.text[start:]
}

// accept consumes the token if it is want, apart from white space around it.
func (p *textParser) accept(want string) bool {
	back := p.pos
	for p.more() {
		t := strings.TrimFunc(p.token(), func(r rune) bool { return r <= ' ' })
		if t == want {
			return true
		}
		if t != "" {
			break
		}
	}
	p.pos = back
	return false
}

// word consumes a literal; outside of arrays and maps it must be the whole text.
func (p *textParser) word(want string, embedded bool) bool {
	back := p.pos
	if p.accept(want) && (embedded || !p.more()) {
		return true
	}
	p.pos = back
	return false
}

func (p *textParser) value(embedded bool, depth int) (connect.SchemaAndValue, error) {
	switch {
	case depth > maxHeaderDepth || !p.more():
		return connect.SchemaAndValue{}, errNotStructured
	case embedded && p.accept(`"`):
		return p.quoted(), nil
	case p.word("null", embedded):
		return connect.SchemaAndValue{}, nil
	case p.word("true", embedded):
		return connect.SchemaAndValue{Schema: connect.BooleanSchema, Value: true}, nil
	case p.word("false", embedded):
		return connect.SchemaAndValue{Schema: connect.BooleanSchema, Value: false}, nil
	}
	start := p.pos
	if p.accept("[") {
		if sv, err := p.array(depth); err == nil {
			return sv, nil
		}
		p.pos = start
	} else if p.accept("{") {
		if sv, err := p.mapping(depth); err == nil {
			return sv, nil
		}
		p.pos = start
	}
	token := strings.TrimFunc(p.token(), func(r rune) bool { return r <= ' ' })
	if token == "" {
		if embedded {
			return connect.SchemaAndValue{}, errNotStructured
		}
		return connect.SchemaAndValue{Schema: connect.StringSchema, Value: p.text[start:p.pos]}, nil
	}
	return p.scalar(token, embedded)
}

func (p *textParser) scalar(token string, embedded bool) (connect.SchemaAndValue, error) {
	c := token[0]
	digit := c >= '0' && c <= '9'
	if digit {
		if sv, ok := p.temporal(token); ok {
			return sv, nil
		}
	}
	if digit || c == '+' || c == '-' {
		if sv, ok := numberText(token); ok {
			return sv, nil
		}
	}
	if embedded {
		return connect.SchemaAndValue{}, errNotStructured
	}
	return connect.SchemaAndValue{Schema: connect.StringSchema, Value: p.text}, nil
}

// temporal tries token alone and with the next four tokens, since the colons of a time split it.
func (p *textParser) temporal(token string) (connect.SchemaAndValue, bool) {
	back := p.pos
	for range 4 {
		if !p.more() {
			break
		}
		p.token()
	}
	if sv, ok := temporalText(token + p.text[back:p.pos]); ok && p.pos > back {
		return sv, true
	}
	p.pos = back
	return temporalText(token)
}

// temporalText reads a date, time or timestamp by its length.
func temporalText(text string) (connect.SchemaAndValue, bool) {
	text = strings.ReplaceAll(text, `\:`, ":")
	layout, schema := "", (*connect.Schema)(nil)
	switch len(text) {
	case len(dateLayout):
		layout, schema = dateLayout, connect.DateSchema
	case len(timeLayout):
		layout, schema = timeLayout, connect.TimeSchema
	case len(timestampLayout):
		layout, schema = timestampLayout, connect.TimestampSchema
	default:
		return connect.SchemaAndValue{}, false
	}
	t, ok := lenientTime(layout, text)
	return connect.SchemaAndValue{Schema: schema, Value: t}, ok
}

// lenientTime reads fixed-width fields and lets them overflow into each other, as Java does: month 13 is January.
func lenientTime(layout, text string) (time.Time, bool) {
	var fields [7]int // year, month, day, hour, minute, second, millisecond
	fields[0], fields[1], fields[2] = 1970, 1, 1
	next := 0
	if layout == timeLayout {
		next = 3
	}
	for i := 0; i < len(layout); {
		if layout[i] < '0' || layout[i] > '9' {
			if text[i] != layout[i] {
				return time.Time{}, false
			}
			i++
			continue
		}
		end := i
		for end < len(layout) && layout[end] >= '0' && layout[end] <= '9' {
			end++
		}
		n, err := strconv.ParseUint(text[i:end], 10, 32)
		if err != nil {
			return time.Time{}, false
		}
		fields[next] = int(n)
		next++
		i = end
	}
	return time.Date(fields[0], time.Month(fields[1]), fields[2], fields[3], fields[4], fields[5], fields[6]*int(time.Millisecond), time.UTC), true
}

// quoted reads up to the closing quote. Dates and times in quotes are dates and times.
func (p *textParser) quoted() connect.SchemaAndValue {
	var b strings.Builder
	for p.more() && !p.accept(`"`) {
		b.WriteString(p.token())
	}
	if sv, ok := temporalText(b.String()); ok {
		return sv
	}
	return connect.SchemaAndValue{Schema: connect.StringSchema, Value: b.String()}
}

func (p *textParser) array(depth int) (connect.SchemaAndValue, error) {
	values := []any{}
	var m merger
	for p.more() {
		if p.accept("]") {
			elem := m.schema()
			for i := range values {
				if elem != nil && values[i] == nil {
					return connect.SchemaAndValue{}, errNotStructured // the schema that is guessed allows no null
				}
				values[i] = widen(elem, values[i])
			}
			return connect.SchemaAndValue{Schema: &connect.Schema{Kind: connect.Array, Value: elem}, Value: values}, nil
		}
		sv, err := p.value(true, depth+1)
		if err != nil {
			return sv, err
		}
		m.add(sv.Schema)
		values = append(values, sv.Value)
		back := p.pos
		if p.accept("]") {
			p.pos = back
		} else if !p.accept(",") {
			return connect.SchemaAndValue{}, errNotStructured
		}
	}
	return connect.SchemaAndValue{}, errNotStructured
}

func (p *textParser) mapping(depth int) (connect.SchemaAndValue, error) {
	var pairs []pair
	var keys, values merger
	for p.more() {
		if p.accept("}") {
			ks, vs := keys.schema(), values.schema()
			if ks == nil {
				vs = nil
			}
			out := make(map[any]any, len(pairs))
			for _, e := range pairs {
				if vs != nil && e.value == nil {
					return connect.SchemaAndValue{}, errNotStructured
				}
				out[widen(ks, e.key)] = widen(vs, e.value)
			}
			return connect.SchemaAndValue{Schema: &connect.Schema{Kind: connect.Map, Key: ks, Value: vs}, Value: out}, nil
		}
		k, err := p.value(true, depth+1)
		if err != nil {
			return k, err
		}
		if k.Value == nil || !comparable(k.Value) || !p.accept(":") {
			return connect.SchemaAndValue{}, errNotStructured
		}
		v, err := p.value(true, depth+1)
		if err != nil {
			return v, err
		}
		p.accept(",")
		keys.add(k.Schema)
		values.add(v.Schema)
		pairs = append(pairs, pair{k.Value, v.Value})
	}
	return connect.SchemaAndValue{}, errNotStructured
}

// merger finds the schema that all elements share; numbers widen.
type merger struct {
	common       *connect.Schema
	incompatible bool
}

func (m *merger) add(s *connect.Schema) {
	switch {
	case s == nil || m.incompatible:
	case m.common == nil, m.common.Kind < s.Kind && s.Kind <= connect.Float64:
		m.common = s
	case m.common.Kind == s.Kind, s.Kind < m.common.Kind && m.common.Kind <= connect.Float64:
	default:
		m.incompatible = true
	}
}

func (m *merger) schema() *connect.Schema {
	if m.incompatible {
		return nil
	}
	return m.common
}

// widen turns a number into one of the schema's kind; logical types and all else stay as they are.
func widen(s *connect.Schema, v any) any {
	if s == nil || s.Name != "" {
		return v
	}
	f, ok := number(v)
	if !ok {
		return v
	}
	n := int64(f)
	switch x := v.(type) {
	case int64:
		n = x
	case int32:
		n = int64(x)
	}
	switch s.Kind {
	case connect.Int16:
		return int16(n)
	case connect.Int32:
		return int32(n)
	case connect.Int64:
		return n
	case connect.Float32:
		return float32(f)
	case connect.Float64:
		return f
	}
	return v
}

// numberText reads a number into the smallest type that holds it exactly, else into a float, a double or a Decimal.
func numberText(text string) (connect.SchemaAndValue, bool) {
	d, err := connect.ParseDecimal(text)
	if err != nil {
		return connect.SchemaAndValue{}, false
	}
	if n, ok := exactInteger(d); ok {
		switch {
		case n == int64(int8(n)):
			return connect.SchemaAndValue{Schema: connect.Int8Schema, Value: int8(n)}, true
		case n == int64(int16(n)):
			return connect.SchemaAndValue{Schema: connect.Int16Schema, Value: int16(n)}, true
		case n == int64(int32(n)):
			return connect.SchemaAndValue{Schema: connect.Int32Schema, Value: int32(n)}, true
		}
		return connect.SchemaAndValue{Schema: connect.Int64Schema, Value: n}, true
	}
	if d.Scale != 0 {
		if f, err := strconv.ParseFloat(text, 32); err == nil {
			return connect.SchemaAndValue{Schema: connect.Float32Schema, Value: float32(f)}, true
		}
		if f := d.Float64(); !math.IsInf(f, 0) {
			return connect.SchemaAndValue{Schema: connect.Float64Schema, Value: f}, true
		}
	}
	return connect.SchemaAndValue{Schema: connect.DecimalSchema(d.Scale), Value: d}, true
}

// exactInteger gives a Decimal that is a whole number of 64 bits. It never computes a power that cannot matter.
func exactInteger(d connect.Decimal) (int64, bool) {
	const longest = 19 // digits of the largest int64
	u := d.Unscaled
	digits := len(u.Text(10))
	switch {
	case u.Sign() == 0:
		return 0, true
	case d.Scale < -longest, int64(d.Scale) > int64(digits):
		return 0, false
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Scale, -d.Scale))), nil)
	if d.Scale <= 0 {
		u = new(big.Int).Mul(u, ten)
	} else {
		var rest big.Int
		if u, _ = new(big.Int).QuoRem(u, ten, &rest); rest.Sign() != 0 {
			return 0, false
		}
	}
	return u.Int64(), u.IsInt64()
}
