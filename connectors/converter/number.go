package converter

import (
	"encoding/binary"
	"math"

	"github.com/connectd/connectd/connect"
)

// Number converts one type of number, or booleans, to and from its bytes in network order.
type Number struct {
	name, noun string
	schema     *connect.Schema
	size       int
	// checksSchema is set where Java looks at the schema too, not just at the value.
	checksSchema bool
	encode       func(any) ([]byte, bool)
	decode       func([]byte) (any, bool)
}

// Configure has nothing to configure.
func (*Number) Configure(map[string]string, bool) error { return nil }

// FromData gives the bytes of a number of the converter's own type.
func (n *Number) FromData(_ string, schema *connect.Schema, value any) ([]byte, error) {
	if n.checksSchema && schema != nil && schema.Kind != n.schema.Kind {
		return nil, wrongSchema(n.name, schema)
	}
	if value == nil {
		return nil, nil
	}
	b, ok := n.encode(value)
	if !ok {
		if n.checksSchema {
			return nil, wrongValue(n.name, value)
		}
		return nil, javaError("Failed to serialize to %s (was Go type %T)", n.noun, value)
	}
	return b, nil
}

// ToData reads a number of the converter's own type.
func (n *Number) ToData(_ string, data []byte) (*connect.Schema, any, error) {
	if data == nil {
		return n.schema, nil, nil
	}
	if len(data) == n.size {
		if v, ok := n.decode(data); ok {
			return n.schema, v, nil
		}
	}
	return nil, nil, javaError("Failed to deserialize %s: %d bytes are not a %s", n.noun, len(data), n.noun)
}

func newShort() *Number {
	return &Number{
		name: "ShortConverter", noun: "short", schema: connect.OptionalInt16Schema, size: 2,
		encode: func(v any) ([]byte, bool) {
			n, ok := v.(int16)
			return binary.BigEndian.AppendUint16(nil, uint16(n)), ok
		},
		decode: func(b []byte) (any, bool) { return int16(binary.BigEndian.Uint16(b)), true },
	}
}

func newInteger() *Number {
	return &Number{
		name: "IntegerConverter", noun: "integer", schema: connect.OptionalInt32Schema, size: 4,
		encode: func(v any) ([]byte, bool) {
			n, ok := v.(int32)
			return binary.BigEndian.AppendUint32(nil, uint32(n)), ok
		},
		decode: func(b []byte) (any, bool) { return int32(binary.BigEndian.Uint32(b)), true },
	}
}

func newLong() *Number {
	return &Number{
		name: "LongConverter", noun: "long", schema: connect.OptionalInt64Schema, size: 8,
		encode: func(v any) ([]byte, bool) {
			n, ok := v.(int64)
			return binary.BigEndian.AppendUint64(nil, uint64(n)), ok
		},
		decode: func(b []byte) (any, bool) { return int64(binary.BigEndian.Uint64(b)), true },
	}
}

func newFloat() *Number {
	return &Number{
		name: "FloatConverter", noun: "float", schema: connect.OptionalFloat32Schema, size: 4,
		encode: func(v any) ([]byte, bool) {
			f, ok := v.(float32)
			bits := math.Float32bits(f)
			if f != f {
				bits = 0x7fc00000 // Java has one NaN
			}
			return binary.BigEndian.AppendUint32(nil, bits), ok
		},
		decode: func(b []byte) (any, bool) { return math.Float32frombits(binary.BigEndian.Uint32(b)), true },
	}
}

func newDouble() *Number {
	return &Number{
		name: "DoubleConverter", noun: "double", schema: connect.OptionalFloat64Schema, size: 8,
		encode: func(v any) ([]byte, bool) {
			f, ok := v.(float64)
			bits := math.Float64bits(f)
			if f != f {
				bits = 0x7ff8000000000000
			}
			return binary.BigEndian.AppendUint64(nil, bits), ok
		},
		decode: func(b []byte) (any, bool) { return math.Float64frombits(binary.BigEndian.Uint64(b)), true },
	}
}

func newBoolean() *Number {
	return &Number{
		name: "BooleanConverter", noun: "boolean", schema: connect.OptionalBooleanSchema, size: 1, checksSchema: true,
		encode: func(v any) ([]byte, bool) {
			b, ok := v.(bool)
			if b {
				return []byte{1}, ok
			}
			return []byte{0}, ok
		},
		decode: func(b []byte) (any, bool) { return b[0] == 1, b[0] <= 1 },
	}
}
