package configlog

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/jackson"
)

// OffsetKey encodes the key of an offset record: connector and source partition. Fields keep their order, since
// compaction compares bytes.
func OffsetKey(connector string, partition connect.Entries) ([]byte, error) {
	b := append(jackson.AppendString([]byte{'['}, connector), ',')
	b, err := appendEntries(b, partition)
	if err != nil {
		return nil, fmt.Errorf("source partition of connector %s: %w", connector, err)
	}
	return append(b, ']'), nil
}

// OffsetValue encodes a source offset; nil Entries are a tombstone.
func OffsetValue(offset connect.Entries) ([]byte, error) {
	if offset == nil {
		return nil, nil
	}
	b, err := appendEntries(nil, offset)
	if err != nil {
		return nil, fmt.Errorf("source offset: %w", err)
	}
	return b, nil
}

func appendEntries(b []byte, entries connect.Entries) ([]byte, error) {
	if entries == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jackson.AppendString(b, e.Key), ':')
		var err error
		if b, err = appendPrimitive(b, e.Value); err != nil {
			return nil, fmt.Errorf("field %q: %w", e.Key, err)
		}
	}
	return append(b, '}'), nil
}

func appendPrimitive(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil, bool, string, int, int64, float64:
		return jackson.Append(b, v), nil
	case int8:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int16:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), nil
	case uint8:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case uint16:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case uint32:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case float32:
		return jackson.AppendFloat32(b, v), nil
	}
	return nil, fmt.Errorf("partitions and offsets may hold text, booleans, whole numbers up to 64 bits, floats and null only, not %T", v)
}

// ParseOffsetKey decodes the key of an offset record.
func ParseOffsetKey(key []byte) (connector string, partition connect.Entries, err error) {
	v, err := jackson.Parse(key)
	if err != nil {
		return "", nil, err
	}
	list, ok := v.([]any)
	if !ok || len(list) != 2 {
		return "", nil, errors.New("an offset key is an array of connector name and partition")
	}
	if connector, ok = list[0].(string); !ok {
		return "", nil, fmt.Errorf("the connector name of an offset key is %s instead of a string", kind(list[0]))
	}
	partition, err = entries(list[1])
	return connector, partition, err
}

// ParseOffsetValue decodes a source offset; a tombstone is nil. Whole numbers become int64, others float64; a whole
// number beyond int64 becomes a float64.
func ParseOffsetValue(value []byte) (connect.Entries, error) {
	if value == nil {
		return nil, nil
	}
	v, err := jackson.Parse(value)
	if err != nil {
		return nil, err
	}
	return entries(v)
}

func entries(v any) (connect.Entries, error) {
	if v == nil {
		return nil, nil
	}
	o, ok := v.(jackson.Object)
	if !ok {
		return nil, fmt.Errorf("a partition or offset is %s instead of an object", kind(v))
	}
	out := make(connect.Entries, 0, len(o))
	for _, m := range o {
		switch x := m.Value.(type) {
		case nil, bool, string:
			out = append(out, connect.Entry{Key: m.Key, Value: x})
		case jackson.Number:
			out = append(out, connect.Entry{Key: m.Key, Value: number(x)})
		default:
			return nil, fmt.Errorf("field %q is %s; a plain value is expected", m.Key, kind(m.Value))
		}
	}
	return out, nil
}

func number(n jackson.Number) any {
	if i, ok := n.Int64(); ok && n != "-0" {
		return i
	}
	f := n.Float64()
	if math.IsInf(f, 0) {
		f = math.Copysign(math.MaxFloat64, f)
	}
	return f
}
