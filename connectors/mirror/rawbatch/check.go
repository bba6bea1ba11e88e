package rawbatch

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// minRecord is the shortest that a record can be: its length, attributes, two deltas, no key, no value, no headers.
const minRecord = 7

// Check tells whether a batch is what was written: its checksum is right, and what its header says fits together. bodyCRC is the
// CRC-32C of Bytes[HeaderSize:], for Patch; it comes with the same look at the body. For a message set of v0 or v1 it is 0.
//
// It does not see the base offset (Order does) nor what is in the records: a producer may have written anything. The broker that takes
// the batch looks at them, and refuses it.
func Check(b *Batch) (bodyCRC uint32, err error) {
	if b.Magic < 2 {
		return 0, checkOld(b)
	}
	body := b.Bytes[HeaderSize:]
	bodyCRC = crc32.Update(0, castagnoli, body)
	stored := binary.BigEndian.Uint32(b.Bytes[atCRC:])
	if crc := joined(b.Bytes[atAttributes:HeaderSize], body, bodyCRC); crc != stored {
		return 0, fmt.Errorf("%w: at offset %d its checksum is %08x, stored is %08x", ErrCorrupt, b.BaseOffset, crc, stored)
	}
	switch {
	case b.Count < 0 || b.LastOffsetDelta < 0 || int64(b.Count) > int64(b.LastOffsetDelta)+1:
		return 0, fmt.Errorf("%w: at offset %d it says to hold %d records at offsets up to %d behind it",
			ErrCorrupt, b.BaseOffset, b.Count, b.LastOffsetDelta)
	case b.Codec > CodecZstd:
		return 0, fmt.Errorf("%w: at offset %d it says to be compressed by codec %d; 0 to 4 are known", ErrCorrupt, b.BaseOffset, b.Codec)
	case b.Codec == CodecNone && int64(b.Count)*minRecord > int64(len(body)):
		return 0, fmt.Errorf("%w: at offset %d it says to hold %d records in %d bytes", ErrCorrupt, b.BaseOffset, b.Count, len(body))
	case b.Count > 0 && len(body) == 0:
		return 0, fmt.Errorf("%w: at offset %d it says to hold %d records and is empty", ErrCorrupt, b.BaseOffset, b.Count)
	}
	return bodyCRC, nil
}

func checkOld(b *Batch) error {
	stored := binary.BigEndian.Uint32(b.Bytes[prefixSize:])
	if crc := crc32.ChecksumIEEE(b.Bytes[atMagic:]); crc != stored {
		return fmt.Errorf("%w: at offset %d its checksum is %08x, stored is %08x", ErrCorrupt, b.BaseOffset, crc, stored)
	}
	if b.Codec > CodecLZ4 {
		return fmt.Errorf("%w: at offset %d it says to be compressed by codec %d; format %d knows 0 to 3",
			ErrCorrupt, b.BaseOffset, b.Codec, b.Magic)
	}
	return nil
}

// Order watches the offsets of a partition's batches, which no checksum covers. One for each fetch, made by NewOrder.
type Order struct {
	next, end int64
	begun     bool
}

// NewOrder begins with the offset that was asked for, and with an end that all must lie before; negative for none. The high
// watermark in the same answer is none: brokers take it down before they read, and hand out what came meanwhile.
func NewOrder(from, end int64) Order { return Order{next: from, end: end} }

// Check tells whether a batch can be the next one: the first one holds the offset asked for or lies behind it, each other one lies
// behind the one before it, and none reaches behind the end. gap is how many offsets are missing before it: what compaction
// leaves, so a gap in a topic that is not compacted is odd, and a reader that wants to be sure reads again from there.
func (o *Order) Check(b *Batch) (gap int64, err error) {
	last := b.LastOffset()
	bad := last < o.next || b.BaseOffset < 0 || o.begun && b.BaseOffset < o.next || o.end >= 0 && last >= o.end
	if bad {
		return 0, fmt.Errorf("%w: one with the offsets %d to %d came where %d is next, and the end is %d",
			ErrCorrupt, b.BaseOffset, last, o.next, o.end)
	}
	gap = max(0, b.BaseOffset-o.next)
	o.next, o.begun = last+1, true
	return gap, nil
}

// Next is the offset behind the last batch: where to fetch next.
func (o *Order) Next() int64 { return o.next }
