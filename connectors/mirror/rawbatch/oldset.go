package rawbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

var errMessage = errors.New("a message is not as formats v0 and v1 have it")

// message is an entry of a message set.
type message struct {
	offset, timestamp int64
	magic, codec      int8
	logTime           bool
	key, value        []byte
}

// openOld reads a message, or those in a compressed one, as records of v2.
func openOld(b *Batch, codec Codec, buf []byte, limit int) (Contents, error) {
	fail := func(err error) (Contents, error) {
		return Contents{}, fmt.Errorf("%w: the message at offset %d: %w", ErrCorrupt, b.BaseOffset, err)
	}
	outer, _, err := readMessage(b.Bytes)
	if err != nil {
		return fail(err)
	}
	if outer.codec == CodecNone {
		return transcribe(b, outer, b.Bytes, buf, 0)
	}
	set, err := codec.Decompress(nil, outer.value, outer.codec, limit)
	if err != nil {
		return fail(err)
	}
	// Of v1 the offsets inside count from 0, and the outer one is the last one's; of v0 they are what they are.
	shift := int64(0)
	if outer.magic == 1 {
		last := int64(0)
		for rest := set; len(rest) > 0; {
			var m message
			if m, rest, err = readMessage(rest); err != nil {
				return fail(err)
			}
			last = m.offset
		}
		shift = outer.offset - last
	}
	return transcribe(b, outer, set, buf, shift)
}

// transcribe writes the messages of a set as records of v2.
func transcribe(b *Batch, outer message, set, buf []byte, shift int64) (Contents, error) {
	c := Contents{records: buf[:0], buffered: true}
	next := int64(math.MinInt64)
	for len(set) > 0 {
		m, rest, err := readMessage(set)
		m.offset += shift
		switch {
		case err == nil && (m.magic != outer.magic || &set[0] != &b.Bytes[0] && m.codec != CodecNone):
			err = errors.New("there is a set, or another format, in a set")
		case err == nil && (m.offset < next || m.offset > outer.offset || m.offset < 0):
			err = fmt.Errorf("there is offset %d in it, behind %d", m.offset, next-1)
		}
		if err != nil {
			return Contents{}, fmt.Errorf("%w: the message at offset %d: %w", ErrCorrupt, b.BaseOffset, err)
		}
		set, next = rest, m.offset+1
		if outer.logTime {
			m.timestamp = outer.timestamp
		}
		if c.count == 0 {
			c.baseOffset, c.baseTime = m.offset, m.timestamp
		}
		c.count++
		c.lastOffsetDelta = m.offset - c.baseOffset
		c.records = appendMessage(c.records, m, c.baseTime, c.baseOffset)
	}
	return c, nil
}

// appendMessage writes a message as a record of v2.
func appendMessage(p []byte, m message, baseTime, baseOffset int64) []byte {
	size := func(val []byte) int {
		if val == nil {
			return 1
		}
		return varintSize(int64(len(val))) + len(val)
	}
	timestampDelta, offsetDelta := m.timestamp-baseTime, m.offset-baseOffset
	length := 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + size(m.key) + size(m.value) + 1
	p = binary.AppendVarint(p, int64(length))
	p = append(p, 0)
	p = binary.AppendVarint(p, timestampDelta)
	p = binary.AppendVarint(p, offsetDelta)
	p = appendBytes(p, m.key)
	p = appendBytes(p, m.value)
	return append(p, 0) // no headers
}

// readMessage reads the first message of a set. Its checksum is not looked at: that of the outer one covers all of it.
func readMessage(p []byte) (m message, rest []byte, err error) {
	if len(p) < minOld {
		return message{}, nil, errMessage
	}
	length := int64(be32(p, atLength))
	if length < minOld-prefixSize || length > int64(len(p)-prefixSize) {
		return message{}, nil, errMessage
	}
	p, rest = p[:prefixSize+length], p[prefixSize+length:]
	attributes := p[atOldAttributes]
	m = message{
		offset: be64(p, 0), timestamp: -1, magic: int8(p[atMagic]),
		codec: int8(attributes & bitsCodec), logTime: attributes&bitLogAppendTime != 0,
	}
	at := atOldTimestamp
	switch {
	case m.magic == 0:
		m.logTime = false
	case m.magic == 1 && len(p) >= minOld+8:
		m.timestamp = be64(p, at)
		at += 8
	default:
		return message{}, nil, errMessage
	}
	if m.key, p, err = readLongBytes(p[at:]); err != nil {
		return message{}, nil, err
	}
	if m.value, p, err = readLongBytes(p); err != nil || len(p) > 0 {
		return message{}, nil, errMessage
	}
	return m, rest, nil
}

// readLongBytes reads a length of four bytes and as many bytes. A length of -1 is null.
func readLongBytes(p []byte) (val, rest []byte, err error) {
	if len(p) < 4 {
		return nil, nil, errMessage
	}
	length := int64(be32(p, 0))
	p = p[4:]
	switch {
	case length < -1 || length > int64(len(p)):
		return nil, nil, errMessage
	case length < 0:
		return nil, p, nil
	}
	return p[:length:length], p[length:], nil
}
