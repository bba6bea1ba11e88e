package ledger

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/connectd/connectd/connect"
)

// equal compares entries as appendKey does, but only for the common types: false may mean that the keys decide.
func equal(a, b connect.Entries) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i := range a {
		if a[i].Key != b[i].Key || !equalValue(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

func equalValue(a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, ok := b.(string)
		return ok && x == y
	case int64:
		y, ok := b.(int64)
		return ok && x == y
	case int32:
		y, ok := b.(int32)
		return ok && x == y
	case int:
		y, ok := b.(int)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	}
	return false
}

// appendKey writes entries so that different ones differ. Integers of every width are one type, as they are in JSON.
func appendKey(b []byte, e connect.Entries) []byte {
	if e == nil {
		return append(b, 'n')
	}
	for i := range e {
		b = appendString(b, e[i].Key)
		b = appendValue(b, e[i].Value)
	}
	return b
}

func appendValue(b []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(b, '0')
	case string:
		return appendString(append(b, 's'), x)
	case bool:
		if x {
			return append(b, 't')
		}
		return append(b, 'f')
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(x))
	case float32:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(float64(x)))
	}
	if n, ok := integer(v); ok {
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(n))
	}
	// Not a type that Entry allows: whoever stores it will refuse it by name. Here it only has to keep partitions apart.
	return appendString(append(b, '?'), fmt.Sprintf("%T %v", v, v))
}

func integer(v any) (int64, bool) {
	switch x := v.(type) {
	case int:
		return int64(x), true
	case int8:
		return int64(x), true
	case int16:
		return int64(x), true
	case int32:
		return int64(x), true
	case int64:
		return x, true
	case uint8:
		return int64(x), true
	case uint16:
		return int64(x), true
	case uint32:
		return int64(x), true
	}
	return 0, false
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
