package converter

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/jackson"
)

// appendSchema appends a schema's JSON; field is the name of the struct field that has it, empty for none.
func (c *JSON) appendSchema(b []byte, s *connect.Schema, field string) ([]byte, error) {
	if s == nil {
		return append(b, "null"...), nil
	}
	if javaTypes[s.Kind] == "" {
		return nil, fmt.Errorf("a schema of the unknown type %d cannot be written", s.Kind)
	}
	b = append(append(append(b, `{"type":"`...), s.Kind.String()...), '"')
	var err error
	switch s.Kind {
	case connect.Array:
		b, err = c.appendSchema(append(b, `,"items":`...), s.Value, "")
	case connect.Map:
		if b, err = c.appendSchema(append(b, `,"keys":`...), s.Key, ""); err == nil {
			b, err = c.appendSchema(append(b, `,"values":`...), s.Value, "")
		}
	case connect.StructKind:
		b = append(b, `,"fields":[`...)
		for i, f := range s.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			if f.Schema == nil {
				return nil, fmt.Errorf("field %q has no schema", f.Name)
			}
			if b, err = c.appendSchema(b, f.Schema, f.Name); err != nil {
				return nil, err
			}
		}
		b = append(b, ']')
	}
	if err != nil {
		return nil, err
	}
	if b, err = c.appendSchemaRest(b, s); err != nil {
		return nil, err
	}
	if field != "" {
		b = jackson.AppendString(append(b, `,"field":`...), field)
	}
	return append(b, '}'), nil
}

// appendSchemaRest appends what schemas of all types have.
func (c *JSON) appendSchemaRest(b []byte, s *connect.Schema) ([]byte, error) {
	b = strconv.AppendBool(append(b, `,"optional":`...), s.Optional)
	if s.Name != "" {
		b = jackson.AppendString(append(b, `,"name":`...), s.Name)
	}
	if s.Version != 0 {
		b = strconv.AppendInt(append(b, `,"version":`...), int64(s.Version), 10)
	}
	if s.Doc != "" {
		b = jackson.AppendString(append(b, `,"doc":`...), s.Doc)
	}
	if s.Parameters != nil {
		b = append(b, `,"parameters":{`...)
		for i, k := range slices.Sorted(maps.Keys(s.Parameters)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jackson.AppendString(b, k), ':')
			b = jackson.AppendString(b, s.Parameters[k])
		}
		b = append(b, '}')
	}
	if s.Default != nil {
		return c.appendValue(append(b, `,"default":`...), s, s.Default)
	}
	return b, nil
}

// appendValue appends a value's JSON.
func (c *JSON) appendValue(b []byte, s *connect.Schema, v any) ([]byte, error) {
	if v == nil {
		switch {
		case s == nil, s.Optional && (s.Default == nil || !c.replaceNull):
			return append(b, "null"...), nil
		case s.Default != nil && c.replaceNull:
			return c.appendValue(b, s, s.Default)
		}
		return nil, javaError("Conversion error: null value for field that is required and has no default value")
	}
	if s != nil {
		if out, ok, err := c.appendLogical(b, s, v); ok {
			return out, err
		}
	}
	kind, ok := connect.KindOf(v)
	switch {
	case !ok:
		return nil, fmt.Errorf("a value of Go type %T has no schema type", v)
	case s != nil && kind != s.Kind:
		return nil, javaError("Invalid type for %s: Go type %T", javaTypes[s.Kind], v)
	}
	switch v := v.(type) {
	case int8:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float32:
		return jackson.AppendFloat32(b, v), nil
	case float64:
		return jackson.AppendFloat64(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return jackson.AppendString(b, v), nil
	case []byte:
		return appendBase64(b, v), nil
	case []any:
		return c.appendArray(b, s, v)
	case *connect.Struct:
		return c.appendStruct(b, s, v)
	}
	return c.appendMap(b, s, v)
}

func appendBase64(b, data []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), data), '"')
}

// appendLogical appends a value of a logical type; ok is false for any other schema.
func (c *JSON) appendLogical(b []byte, s *connect.Schema, v any) (out []byte, ok bool, err error) {
	switch s.Name {
	case connect.DecimalName:
		d, ok := v.(connect.Decimal)
		if !ok {
			return nil, true, javaError("Invalid type for Decimal, expected connect.Decimal but was %T", v)
		}
		if c.numericDecimals {
			return append(b, d.String()...), true, nil
		}
		data, err := connect.EncodeDecimal(s, d)
		return appendBase64(b, data), true, err
	case connect.DateName, connect.TimeName, connect.TimestampName:
		t, ok := v.(time.Time)
		if !ok {
			return nil, true, fmt.Errorf("a value of Go type %T was given for %s; a time.Time is expected", v, s.Name)
		}
		n, err := encodeTime(s.Name, t)
		return strconv.AppendInt(b, n, 10), true, err
	}
	return nil, false, nil
}

func encodeTime(name string, t time.Time) (int64, error) {
	switch name {
	case connect.DateName:
		n, err := connect.EncodeDate(t)
		return int64(n), err
	case connect.TimeName:
		n, err := connect.EncodeTime(t)
		return int64(n), err
	}
	return connect.EncodeTimestamp(t), nil
}

func (c *JSON) appendArray(b []byte, s *connect.Schema, list []any) ([]byte, error) {
	var elem *connect.Schema
	if s != nil {
		elem = s.Value
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = c.appendValue(b, elem, v); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func (c *JSON) appendStruct(b []byte, s *connect.Schema, v *connect.Struct) ([]byte, error) {
	if s == nil {
		s = v.Schema()
	} else if !v.Schema().Equal(s) {
		return nil, javaError("Mismatching schema.")
	}
	b = append(b, '{')
	for i, f := range s.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jackson.AppendString(b, f.Name), ':')
		var err error
		if b, err = c.appendValue(b, f.Schema, v.GetWithoutDefault(f.Name)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendMap writes an object if all keys are text, else an array of pairs. Java's order is that of its hash table; here
// it is that of the keys.
func (c *JSON) appendMap(b []byte, s *connect.Schema, v any) ([]byte, error) {
	pairs, _ := sortedMap(v)
	var keys, values *connect.Schema
	object := true
	if s != nil {
		keys, values = s.Key, s.Value
		object = keys != nil && keys.Kind == connect.String
	} else {
		object = !slices.ContainsFunc(pairs, func(p pair) bool { _, ok := p.key.(string); return !ok })
	}
	open, sep, end := "[", ",", "]"
	if object {
		open, sep, end = "", ":", ""
		b = append(b, '{')
	} else {
		b = append(b, '[')
	}
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = c.appendValue(append(b, open...), keys, p.key); err != nil {
			return nil, err
		}
		if b, err = c.appendValue(append(b, sep...), values, p.value); err != nil {
			return nil, err
		}
		b = append(b, end...)
	}
	if object {
		return append(b, '}'), nil
	}
	return append(b, ']'), nil
}
