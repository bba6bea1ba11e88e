package converter

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/jackson"
)

var kindsByName = map[string]connect.Kind{
	"boolean": connect.Boolean, "int8": connect.Int8, "int16": connect.Int16, "int32": connect.Int32, "int64": connect.Int64,
	"float": connect.Float32, "double": connect.Float64, "bytes": connect.Bytes, "string": connect.String,
	"array": connect.Array, "map": connect.Map, "struct": connect.StructKind,
}

// schema reads a schema's JSON; null is none.
func (c *JSON) schema(node any) (*connect.Schema, error) {
	if node == nil {
		return nil, nil
	}
	o, _ := node.(jackson.Object)
	typ, _ := o.Get("type")
	name, ok := typ.(string)
	if !ok {
		return nil, javaError("Schema must contain 'type' field")
	}
	s := &connect.Schema{Kind: kindsByName[name]}
	if err := c.nested(s, name, o); err != nil {
		return nil, err
	}
	v, _ := o.Get("optional")
	s.Optional, _ = v.(bool)
	v, _ = o.Get("name")
	s.Name, _ = v.(string)
	v, _ = o.Get("doc")
	s.Doc, _ = v.(string)
	v, _ = o.Get("version")
	if n, ok := v.(jackson.Number); ok && n.IsIntegral() {
		s.Version = int(int32(integer(n)))
	}
	v, _ = o.Get("parameters")
	if params, ok := v.(jackson.Object); ok {
		s.Parameters = make(map[string]string, len(params))
		for _, p := range params {
			text, ok := p.Value.(string)
			if !ok {
				return nil, javaError("Schema parameters must have string values.")
			}
			s.Parameters[p.Key] = text
		}
	}
	if v, ok = o.Get("default"); ok {
		def, err := c.value(s, v)
		if err != nil {
			return nil, err
		}
		s.Default = def
	}
	return s, nil
}

// nested reads what arrays, maps and structs hold.
func (c *JSON) nested(s *connect.Schema, name string, o jackson.Object) (err error) {
	switch s.Kind {
	case 0:
		return javaError("Unknown schema type: %s", name)
	case connect.Array:
		items, _ := o.Get("items")
		if items == nil {
			return javaError("Array schema did not specify the element type")
		}
		s.Value, err = c.schema(items)
	case connect.Map:
		keys, ok := o.Get("keys")
		if !ok {
			return javaError("Map schema did not specify the key type")
		}
		values, ok := o.Get("values")
		if !ok {
			return javaError("Map schema did not specify the value type")
		}
		if s.Key, err = c.schema(keys); err == nil {
			s.Value, err = c.schema(values)
		}
	case connect.StructKind:
		fields, _ := o.Get("fields")
		list, ok := fields.([]any)
		if !ok {
			return javaError(`Struct schema's "fields" argument is not an array.`)
		}
		return c.fields(s, list)
	}
	return err
}

func (c *JSON) fields(s *connect.Schema, list []any) error {
	s.Fields = make([]connect.Field, 0, len(list))
	names := make(map[string]bool, len(list))
	for _, node := range list {
		o, _ := node.(jackson.Object)
		v, _ := o.Get("field")
		name, ok := v.(string)
		if !ok {
			return javaError("Struct schema's field name not specified properly")
		}
		if names[name] {
			return javaError("Cannot create field because of field name duplication %s", name)
		}
		names[name] = true
		fs, err := c.schema(node)
		if err != nil {
			return err
		}
		s.Fields = append(s.Fields, connect.Field{Name: name, Schema: fs})
	}
	return nil
}

// value reads a value. Like Java, it takes the zero value where a scalar has another JSON type than its schema.
func (c *JSON) value(s *connect.Schema, node any) (any, error) {
	if s == nil {
		return c.plain(node)
	}
	if node == nil {
		switch {
		case s.Default != nil && c.replaceNull:
			return s.Default, nil
		case s.Optional:
			return nil, nil
		}
		return nil, javaError("Invalid null value for required %s field", javaTypes[s.Kind])
	}
	switch s.Name {
	case connect.DecimalName:
		return decimalOf(s, node)
	case connect.DateName, connect.TimeName, connect.TimestampName:
		return timeOf(s.Name, node)
	}
	switch s.Kind {
	case connect.Array:
		list, _ := node.([]any)
		return c.list(s.Value, list)
	case connect.Map:
		return c.mapOf(s, node)
	case connect.StructKind:
		return c.structOf(s, node)
	}
	return scalar(s.Kind, node)
}

func scalar(kind connect.Kind, node any) (any, error) {
	n, _ := node.(jackson.Number)
	switch kind {
	case connect.Boolean:
		b, _ := node.(bool)
		return b, nil
	case connect.Int8:
		return int8(integer(n)), nil
	case connect.Int16:
		return int16(integer(n)), nil
	case connect.Int32:
		return int32(integer(n)), nil
	case connect.Int64:
		return integer(n), nil
	case connect.Float32:
		return float32(n.Float64()), nil
	case connect.Float64:
		return n.Float64(), nil
	case connect.String:
		if text, ok := node.(string); ok {
			return text, nil
		}
		return nil, nil
	}
	text, ok := node.(string)
	if !ok {
		return nil, nil
	}
	data, err := decodeBase64(text)
	if err != nil {
		return nil, javaError("Invalid bytes field")
	}
	return data, nil
}

// decodeBase64 takes padding or none, as the Java library does.
func decodeBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

// integer gives the low 64 bits of a number without its fraction, as a cast in Java does.
func integer(n jackson.Number) int64 {
	if i, ok := n.Int64(); ok {
		return i
	}
	if n == "" {
		return 0
	}
	if !n.IsIntegral() {
		return int64(max(min(n.Float64(), 1<<62), -1<<62))
	}
	const enough = 1000
	if len(n) > enough {
		n = n[len(n)-enough:] // only the low bits count, and 2^64 divides 10^64
	}
	b, ok := new(big.Int).SetString(string(n), 10)
	if !ok {
		return 0
	}
	return int64(new(big.Int).And(b, new(big.Int).SetUint64(1<<64-1)).Uint64())
}

// plain reads a value without schema.
func (c *JSON) plain(node any) (any, error) {
	switch v := node.(type) {
	case jackson.Number:
		if v.IsIntegral() {
			return integer(v), nil
		}
		return v.Float64(), nil
	case []any:
		return c.list(nil, v)
	case jackson.Object:
		m := make(map[any]any, len(v))
		for _, f := range v {
			e, err := c.plain(f.Value)
			if err != nil {
				return nil, err
			}
			m[f.Key] = e
		}
		return m, nil
	}
	return node, nil
}

func (c *JSON) list(elem *connect.Schema, nodes []any) ([]any, error) {
	out := make([]any, len(nodes))
	for i, n := range nodes {
		var err error
		if out[i], err = c.value(elem, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *JSON) mapOf(s *connect.Schema, node any) (any, error) {
	if s.Key == nil || s.Key.Kind == connect.String {
		o, ok := node.(jackson.Object)
		if !ok {
			return nil, javaError("Maps with string fields should be encoded as JSON objects, but found %s", nodeType(node))
		}
		m := make(map[any]any, len(o))
		for _, f := range o {
			v, err := c.value(s.Value, f.Value)
			if err != nil {
				return nil, err
			}
			m[f.Key] = v
		}
		return m, nil
	}
	list, ok := node.([]any)
	if !ok {
		return nil, javaError("Maps with non-string fields should be encoded as JSON array of tuples, but found %s", nodeType(node))
	}
	m := make(map[any]any, len(list))
	for _, e := range list {
		entry, ok := e.([]any)
		if !ok {
			return nil, javaError("Found invalid map entry instead of array tuple: %s", nodeType(e))
		}
		if len(entry) != 2 {
			return nil, javaError("Found invalid map entry, expected length 2 but found :%d", len(entry))
		}
		k, err := c.value(s.Key, entry[0])
		if err != nil {
			return nil, err
		}
		if !comparable(k) {
			return nil, fmt.Errorf("a map key of type %s is not supported", s.Key.Kind)
		}
		if m[k], err = c.value(s.Value, entry[1]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// comparable tells whether a value may be the key of a Go map.
func comparable(v any) bool {
	switch v.(type) {
	case []byte, []any, map[any]any, *connect.Struct:
		return false
	}
	return true
}

func (c *JSON) structOf(s *connect.Schema, node any) (any, error) {
	o, ok := node.(jackson.Object)
	if !ok {
		return nil, javaError("Structs should be encoded as JSON objects, but found %s", nodeType(node))
	}
	out := connect.NewStruct(s)
	for _, f := range s.Fields {
		fv, _ := o.Get(f.Name)
		v, err := c.value(f.Schema, fv)
		if err != nil {
			return nil, err
		}
		if v == nil && f.Schema != nil && f.Schema.Default != nil {
			continue // null stays null: nothing is put
		}
		if err := out.Put(f.Name, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decimalOf(s *connect.Schema, node any) (any, error) {
	switch v := node.(type) {
	case jackson.Number:
		return connect.ParseDecimal(string(v))
	case string:
		data, err := decodeBase64(v)
		if err == nil {
			var d connect.Decimal
			if d, err = connect.DecodeDecimal(s, data); err == nil {
				return d, nil
			}
		}
		return nil, javaError("Invalid bytes for Decimal field")
	}
	return nil, javaError("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", nodeType(node))
}

func timeOf(name string, node any) (any, error) {
	short := name[strings.LastIndexByte(name, '.')+1:]
	n, ok := node.(jackson.Number)
	i, fits := n.Int64()
	if name == connect.TimestampName {
		if !ok || !n.IsIntegral() {
			return nil, javaError("Invalid type for %s, underlying representation should be integral but was %s", short, nodeType(node))
		}
		return connect.DecodeTimestamp(integer(n)), nil
	}
	if !ok || !fits || i != int64(int32(i)) {
		return nil, javaError("Invalid type for %s, underlying representation should be integer but was %s", short, nodeType(node))
	}
	if name == connect.DateName {
		return connect.DecodeDate(int32(i)), nil
	}
	if i < 0 || i > 86_400_000 {
		return nil, javaError("Time values must use number of milliseconds greater than 0 and less than 86400000")
	}
	return connect.DecodeTime(int32(i)), nil
}

// nodeType names a JSON type as Java's messages do.
func nodeType(node any) string {
	switch node.(type) {
	case nil:
		return "NULL"
	case bool:
		return "BOOLEAN"
	case string:
		return "STRING"
	case jackson.Number:
		return "NUMBER"
	case []any:
		return "ARRAY"
	}
	return "OBJECT"
}
