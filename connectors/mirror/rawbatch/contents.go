package rawbatch

import (
	"fmt"
	"iter"
)

// Codec compresses and decompresses for all batches. It is safe for concurrent use.
type Codec interface {
	// Decompress appends to dst what src holds, compressed by a codec other than CodecNone. More than limit bytes are an error, and
	// no more memory than that, and some, is taken.
	Decompress(dst, src []byte, codec int8, limit int) ([]byte, error)
	// Compress appends to dst what src is when compressed by a codec other than CodecNone.
	Compress(dst, src []byte, codec int8) ([]byte, error)
}

// Contents are the records of a batch, decompressed.
type Contents struct {
	records                []byte
	baseOffset, baseTime   int64
	logTime                bool
	maxTime                int64
	count, lastOffsetDelta int64
	buffered               bool // records are not the batch's own bytes
}

// Open decompresses a checked batch, into the room that buf has if that is enough: its bytes are overwritten, and used as long as
// the contents are. Message sets of v0 and v1 are turned into records of v2. At most limit bytes are decompressed; more are an
// error, as is anything that codec does not understand. All errors are ErrCorrupt.
func Open(b *Batch, codec Codec, buf []byte, limit int) (Contents, error) {
	if b.Magic < 2 {
		return openOld(b, codec, buf, limit)
	}
	c := Contents{
		records: b.Body(), baseOffset: b.BaseOffset, baseTime: b.FirstTimestamp, logTime: b.LogAppendTime, maxTime: b.MaxTimestamp,
		count: int64(b.Count), lastOffsetDelta: int64(b.LastOffsetDelta),
	}
	if b.Codec == CodecNone || b.Count == 0 {
		return c, nil
	}
	var err error
	if c.records, err = codec.Decompress(buf[:0], c.records, b.Codec, limit); err != nil {
		return Contents{}, fmt.Errorf("%w: at offset %d: %w", ErrCorrupt, b.BaseOffset, err)
	}
	c.buffered = true
	return c, nil
}

// Buffer is the memory behind the contents: what buf has become, to be given to the next Open. nil if they are the batch's own bytes.
func (c *Contents) Buffer() []byte {
	if !c.buffered {
		return nil
	}
	return c.records
}

// Records gives the records in order. An error, an ErrCorrupt, comes with the last one: records that are not as the header
// says, or too few or too many of them. In a batch without gaps they lie at consecutive offsets, whatever a producer has written into
// them: brokers count, and do not look.
func (c *Contents) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		rest, next := c.records, int64(0)
		gaps := c.count != c.lastOffsetDelta+1
		for i := range c.count {
			r, tail, err := readRecord(rest)
			if !gaps {
				r.offsetDelta = i
			}
			if err != nil || r.offsetDelta < next || r.offsetDelta > c.lastOffsetDelta {
				yield(Record{}, fmt.Errorf("%w: at offset %d its record %d of %d can't be read", ErrCorrupt, c.baseOffset, i+1, c.count))
				return
			}
			timestamp := c.maxTime
			if !c.logTime {
				timestamp = c.baseTime + r.timestampDelta
			}
			if !yield(Record{Offset: c.baseOffset + r.offsetDelta, Timestamp: timestamp, Body: r.body}, nil) {
				return
			}
			rest, next = tail, r.offsetDelta+1
		}
		if len(rest) > 0 {
			yield(Record{}, fmt.Errorf("%w: at offset %d there are %d bytes behind its %d records", ErrCorrupt, c.baseOffset, len(rest), c.count))
		}
	}
}
