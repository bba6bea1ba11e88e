package rawbatch

import (
	"encoding/binary"
	"errors"
	"iter"
)

// Record is a record of a batch. It is cut out, not copied.
type Record struct {
	// Offset is where it lies in the source.
	Offset int64
	// Timestamp is what a reader sees, in ms; -1 for none (format v0).
	Timestamp int64
	// Body is the record in format v2 from its key's length on: key, value and headers.
	Body []byte
}

// Header is a record's header. A nil Value is null.
type Header struct {
	Key, Value []byte
}

// Headers are the headers of a record, still as bytes.
type Headers struct {
	n   int64
	raw []byte
}

// Len is how many there are.
func (h Headers) Len() int { return int(h.n) }

// All gives them in order.
func (h Headers) All() iter.Seq[Header] {
	return func(yield func(Header) bool) {
		rest := h.raw
		for range h.n {
			key, tail, err := readBytes(rest)
			if err != nil {
				return
			}
			value, tail, err := readBytes(tail)
			if err != nil || !yield(Header{Key: key, Value: value}) {
				return
			}
			rest = tail
		}
	}
}

var errRecord = errors.New("a record is not as format v2 has it")

// Split takes a record apart. A key or value of null is nil. The slices are parts of Body.
func (r Record) Split() (key, value []byte, headers Headers, err error) {
	key, rest, err := readBytes(r.Body)
	if err == nil {
		value, rest, err = readBytes(rest)
	}
	if err != nil {
		return nil, nil, Headers{}, err
	}
	n, size := varint(rest)
	rest = rest[size:]
	if size == 0 || n < 0 || n > int64(len(rest)) {
		return nil, nil, Headers{}, errRecord
	}
	headers = Headers{n: n, raw: rest}
	for range n {
		var k []byte
		if k, rest, err = readBytes(rest); err != nil || k == nil {
			return nil, nil, Headers{}, errRecord
		}
		if _, rest, err = readBytes(rest); err != nil {
			return nil, nil, Headers{}, err
		}
	}
	if len(rest) > 0 {
		return nil, nil, Headers{}, errRecord
	}
	return key, value, headers, nil
}

// stored is a record as its batch has it.
type stored struct {
	timestampDelta int64
	offsetDelta    int64
	body           []byte
}

// readRecord reads the first record of some, up to its key.
func readRecord(p []byte) (r stored, rest []byte, err error) {
	length, n := varint(p)
	if n == 0 || length < minRecord-1 || length > int64(len(p)-n) {
		return stored{}, nil, errRecord
	}
	end := n + int(length)
	p, rest = p[n:end:end], p[end:]
	p = p[1:] // attributes, none of which is in use
	if r.timestampDelta, n = varint(p); n == 0 {
		return stored{}, nil, errRecord
	}
	p = p[n:]
	if r.offsetDelta, n = varint(p); n == 0 {
		return stored{}, nil, errRecord
	}
	r.body = p[n:]
	return r, rest, nil
}

// readBytes reads a length and as many bytes. A length of -1 is null.
func readBytes(p []byte) (val, rest []byte, err error) {
	length, n := varint(p)
	p = p[n:]
	switch {
	case n == 0 || length < -1 || length > int64(len(p)):
		return nil, nil, errRecord
	case length < 0:
		return nil, p, nil
	}
	return p[:length:length], p[length:], nil
}

// varint reads a zigzag number; n is 0 if there is none.
func varint(p []byte) (v int64, n int) {
	if len(p) > 0 && p[0] < 0x80 {
		return int64(p[0]>>1) ^ -int64(p[0]&1), 1
	}
	v, n = binary.Varint(p)
	return v, max(n, 0)
}

// varintSize is how many bytes a zigzag number takes.
func varintSize(v int64) int {
	n := 1
	for u := uint64(v)<<1 ^ uint64(v>>63); u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

func appendBytes(p, val []byte) []byte {
	if val == nil {
		return binary.AppendVarint(p, -1)
	}
	return append(binary.AppendVarint(p, int64(len(val))), val...)
}

// recordLength is what stands before a record: the length of all behind that.
func recordLength(timestampDelta, offsetDelta int64, body []byte) int {
	return 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + len(body)
}

func appendRecord(p []byte, timestampDelta, offsetDelta int64, body []byte) []byte {
	p = binary.AppendVarint(p, int64(recordLength(timestampDelta, offsetDelta, body)))
	p = append(p, 0)
	p = binary.AppendVarint(p, timestampDelta)
	p = binary.AppendVarint(p, offsetDelta)
	return append(p, body...)
}
