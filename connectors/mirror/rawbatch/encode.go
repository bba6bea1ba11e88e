package rawbatch

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/connectd/connectd/internal/client"
)

// Built is a batch that Encoder made. It has no producer yet: Patch.
type Built struct {
	// Bytes is the batch, and BodyCRC the CRC-32C of its records, for Patch.
	Bytes   []byte
	BodyCRC uint32
	// Records is how many it holds, at least 1.
	Records int32
	// MaxTimestamp is the greatest of their timestamps, in ms.
	MaxTimestamp int64
	// Runs tells which offsets they have in the source.
	Runs []client.OffsetRun
	// TooLarge: it holds one record, and that alone is larger than the target's MaxBytes. It may be tried all the same.
	TooLarge bool
}

// LastOffset is the last record's offset in the source.
func (b *Built) LastOffset() int64 {
	last := b.Runs[len(b.Runs)-1]
	return last.From + last.N - 1
}

// DefaultRawBytes is Bounds.RawBytes where nothing is said.
const DefaultRawBytes = 1 << 20

// Encoder takes the records out of batches and puts them into new ones of format v2. It keeps memory from call to call, about four
// times what a batch may hold uncompressed. Not safe for concurrent use.
type Encoder struct {
	// Codec compresses; nil if all is uncompressed.
	Codec Codec
	// Limit is how many bytes one batch of the source may hold uncompressed. 0: 256 MiB.
	Limit int
	// RawBytes is how many bytes of records a new batch may hold uncompressed, unless it is a single record. 0: DefaultRawBytes.
	RawBytes int
	// Records is how many records a new batch may hold. 0: any number.
	Records int
	// NoTimestamp is the timestamp, in ms, for records that have none (format v0, and -1). 0: they keep having none.
	NoTimestamp int64
	// Alloc gives memory of exactly n bytes for a new batch. nil: from the heap.
	Alloc func(n int) []byte

	pending      []Record
	pendingBytes int
	codec        int8 // of the pending records' first batch
	arena        arena
	raw, packed  []byte
}

const defaultLimit = 256 << 20

// keepBytes is the most memory of one piece that is kept until the next call.
const keepBytes = 4 << 20

// Encode gives the records at or behind from, of batches that follow each other in one partition, to out in new batches: at offsets
// without gaps, with the timestamps that a reader of the source sees, compressed as the target has it, or as the first batch that a new one takes
// records of. Control batches, and those of aborted transactions, must have been left out.
//
// New batches are bounded by RawBytes, and by r.MaxBytes as they are written. Records are in order, each exactly once. If a batch can't be
// read (ErrCorrupt) or out fails, Encode ends with that error; all records before the one at fault have been handed to out then.
func (e *Encoder) Encode(batches []Batch, from int64, r Rules, out func(Built) error) error {
	defer e.reset()
	e.pending, e.pendingBytes = e.pending[:0], 0
	bound := e.rawBound(r)
	for i := range batches {
		b := &batches[i]
		if len(e.pending) == 0 {
			e.arena.free(nil)
		}
		contents, err := e.open(b)
		if err == nil {
			err = e.take(b, &contents, from, bound, r, out)
		}
		if err != nil {
			if flushErr := e.flush(r, out); flushErr != nil {
				return flushErr
			}
			return err
		}
	}
	return e.flush(r, out)
}

// rawBound is how many bytes of records a new batch may get.
func (e *Encoder) rawBound(r Rules) int {
	bound := e.RawBytes
	if bound <= 0 {
		bound = DefaultRawBytes
	}
	return bound
}

// open opens a batch into memory of the arena.
func (e *Encoder) open(b *Batch) (Contents, error) {
	limit := e.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	room := e.arena.room()
	c, err := Open(b, e.Codec, room, limit)
	if err == nil && c.buffered {
		e.arena.keep(room, c.records)
	}
	return c, err
}

// take adds the records of a batch to those pending, and writes new batches as they fill.
func (e *Encoder) take(b *Batch, c *Contents, from int64, bound int, r Rules, out func(Built) error) error {
	for rec, err := range c.Records() {
		if err != nil {
			return err
		}
		if rec.Offset < from {
			continue
		}
		if rec.Timestamp == -1 && e.NoTimestamp != 0 {
			rec.Timestamp = e.NoTimestamp
		}
		size := e.sizeOf(&rec)
		if len(e.pending) > 0 && (e.pendingBytes+size > e.boundOf(bound, r) || e.Records > 0 && len(e.pending) >= e.Records) {
			if err := e.flush(r, out); err != nil {
				return err
			}
			e.arena.free(c.Buffer()) // nothing of the batches before this one is pending
			size = e.sizeOf(&rec)
		}
		if len(e.pending) == 0 {
			e.codec = b.Codec
			if r.Codec != AnyCodec {
				e.codec = r.Codec
			}
		}
		e.pending = append(e.pending, rec)
		e.pendingBytes += size
	}
	return nil
}

// sizeOf is how many bytes a record takes behind those pending.
func (e *Encoder) sizeOf(rec *Record) int {
	timestampDelta := int64(0)
	if len(e.pending) > 0 {
		timestampDelta = rec.Timestamp - e.pending[0].Timestamp
	}
	length := recordLength(timestampDelta, int64(len(e.pending)), rec.Body)
	return varintSize(int64(length)) + length
}

// maxRecordHead is the most bytes of a record before its key's length. The timestamp's delta may take 10.
const maxRecordHead = 5 + 1 + 10 + 5

// boundOf is the bound for the pending records: what is not compressed must fit as it is.
func (e *Encoder) boundOf(bound int, r Rules) int {
	if e.codec == CodecNone && r.MaxBytes > 0 {
		return min(bound, r.MaxBytes-HeaderSize)
	}
	return bound
}

// flush writes what is pending.
func (e *Encoder) flush(r Rules, out func(Built) error) error {
	pending := e.pending
	e.pending, e.pendingBytes = e.pending[:0], 0
	if len(pending) == 0 {
		return nil
	}
	return e.write(pending, r, out)
}

// write makes one batch of records, or two if one is too large.
func (e *Encoder) write(records []Record, r Rules, out func(Built) error) error {
	raw, maxTime := render(e.raw[:0], records)
	e.raw = raw
	body := raw
	if e.codec != CodecNone {
		var err error
		if body, err = e.Codec.Compress(e.packed[:0], raw, e.codec); err != nil {
			return err
		}
		e.packed = body
	}
	size := HeaderSize + len(body)
	tooLarge := r.MaxBytes > 0 && size > r.MaxBytes
	if tooLarge && len(records) > 1 {
		half := halfOf(records)
		if err := e.write(records[:half], r, out); err != nil {
			return err
		}
		return e.write(records[half:], r, out)
	}
	var p []byte
	if e.Alloc != nil {
		p = e.Alloc(size)[:size]
	} else {
		p = make([]byte, size)
	}
	copy(p[HeaderSize:], body)
	crc := putHeader(p, int32(len(records)), e.codec, records[0].Timestamp, maxTime)
	return out(Built{Bytes: p, BodyCRC: crc, Records: int32(len(records)), MaxTimestamp: maxTime, Runs: runsOf(records), TooLarge: tooLarge})
}

// halfOf is how many of at least two records hold about half of the bytes.
func halfOf(records []Record) int {
	total := 0
	for i := range records {
		total += len(records[i].Body)
	}
	sum := 0
	for i := range records {
		if sum += len(records[i].Body); 2*sum >= total {
			return min(max(i, 1), len(records)-1)
		}
	}
	return len(records) / 2
}

// render appends records at the offset deltas from 0 on, with timestamps that count from the first one's.
func render(p []byte, records []Record) (raw []byte, maxTime int64) {
	base := records[0].Timestamp
	maxTime = base
	for i := range records {
		maxTime = max(maxTime, records[i].Timestamp)
		p = appendRecord(p, records[i].Timestamp-base, int64(i), records[i].Body)
	}
	return p, maxTime
}

func runsOf(records []Record) []client.OffsetRun {
	runs := []client.OffsetRun{{From: records[0].Offset}}
	for i := range records {
		last := &runs[len(runs)-1]
		if records[i].Offset != last.From+last.N {
			runs = append(runs, client.OffsetRun{From: records[i].Offset})
			last = &runs[len(runs)-1]
		}
		last.N++
	}
	return runs
}

// putHeader writes the header of a batch whose records stand behind it already, and gives their checksum.
func putHeader(p []byte, records int32, codec int8, baseTime, maxTime int64) (bodyCRC uint32) {
	binary.BigEndian.PutUint32(p[atLength:], uint32(len(p)-prefixSize))
	p[atMagic] = 2
	p[atAttributes+1] = byte(codec)
	binary.BigEndian.PutUint32(p[atLastOffsetDelta:], uint32(records-1))
	binary.BigEndian.PutUint64(p[atFirstTimestamp:], uint64(baseTime))
	binary.BigEndian.PutUint64(p[atMaxTimestamp:], uint64(maxTime))
	binary.BigEndian.PutUint32(p[atCount:], uint32(records))
	bodyCRC = crc32.Update(0, castagnoli, p[HeaderSize:])
	Patch(p, -1, -1, -1, false, bodyCRC)
	return bodyCRC
}

// reset lets go of the batches that were encoded, and of memory that was unusually much.
func (e *Encoder) reset() {
	clear(e.pending[:cap(e.pending)])
	e.pending = e.pending[:0]
	e.arena.trim(keepBytes)
	if cap(e.raw) > keepBytes {
		e.raw = nil
	}
	if cap(e.packed) > keepBytes {
		e.packed = nil
	}
}

// EncodeKVs makes one uncompressed batch of records with one timestamp (ms), without headers; there must be at least one. For
// records that have no source, such as offsets within a transaction. bodyCRC is for Patch.
func EncodeKVs(kvs []client.KV, timestamp int64) (raw []byte, bodyCRC uint32) {
	raw = make([]byte, HeaderSize, HeaderSize+KVsSize(kvs))
	for i, kv := range kvs {
		raw = appendMessage(raw, message{offset: int64(i), timestamp: timestamp, key: kv.Key, value: kv.Value}, timestamp, 0)
	}
	return raw, putHeader(raw, int32(len(kvs)), CodecNone, timestamp, timestamp)
}

// KVsSize is the most bytes that a batch of these records takes besides its header.
func KVsSize(kvs []client.KV) int {
	n := 0
	for _, kv := range kvs {
		n += maxRecordHead + 5 + len(kv.Key) + 5 + len(kv.Value) + 1
	}
	return n
}
