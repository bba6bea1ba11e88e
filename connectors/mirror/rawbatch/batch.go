package rawbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is how many bytes of a batch of format v2 come before its records.
const HeaderSize = 61

// Codecs, as the attributes of a batch number them.
const (
	CodecNone int8 = iota
	CodecGzip
	CodecSnappy
	CodecLZ4
	CodecZstd
)

// Where the fields of a batch lie. Until the magic byte all formats are alike.
const (
	atLength          = 8
	atLeaderEpoch     = 12 // v2; a checksum in v0 and v1
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21 // what the checksum covers begins here
	atLastOffsetDelta = 23
	atFirstTimestamp  = 27
	atMaxTimestamp    = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atCount           = 57

	atOldAttributes = 17 // v0 and v1
	atOldTimestamp  = 18 // v1

	prefixSize = 12 // offset and length, which the length does not count
	minOld     = 26 // of a v0 message without key and value, prefix included
)

// Bits of the attributes.
const (
	bitsCodec        = 0x07
	bitLogAppendTime = 0x08
	bitTransactional = 0x10
	bitControl       = 0x20
	bitDeleteHorizon = 0x40
)

var (
	// ErrPartial is the end of fetched bytes within a batch. Brokers cut off the last batch of an answer, but never the first
	// (KIP-74): if it is the first, its length is wrong.
	ErrPartial = errors.New("the record batch is cut off")
	// ErrCorrupt is what every error about bytes that can't be a batch, or are not the ones that were written, wraps.
	ErrCorrupt = errors.New("the record batch is corrupt")
)

// Batch is a record batch and what its header says. For formats v0 and v1 it is one entry of a message set: a message, or
// (Codec) a message with a compressed set in it.
type Batch struct {
	// Bytes is all of it, from the base offset on.
	Bytes []byte
	// BaseOffset is the offset of the first record. Of a compressed message set it is the last one's, as the first one's is not
	// known without decompressing it.
	BaseOffset int64
	// FirstTimestamp is what the records' timestamps count from, and MaxTimestamp the greatest of them, in ms; -1 if there is none.
	// With DeleteHorizon FirstTimestamp is no record's.
	FirstTimestamp, MaxTimestamp int64
	// ProducerID, ProducerEpoch and BaseSequence are the idempotent producer's, -1 without one.
	ProducerID   int64
	BaseSequence int32
	// LastOffsetDelta leads from BaseOffset to the last offset that the batch had when it was written: compaction takes records
	// away, and leaves it. Count is how many records there are now; -1 unknown, of a compressed message set.
	LastOffsetDelta, Count int32
	ProducerEpoch          int16
	// Magic is the format: 0, 1 or 2.
	Magic int8
	// Codec is how the records are compressed.
	Codec int8
	// LogAppendTime: all records have MaxTimestamp, whatever else is stored with them.
	LogAppendTime bool
	// Transactional: the records count once their producer's transaction is committed.
	Transactional bool
	// Control: it holds a marker that ends a transaction, and no records.
	Control bool
	// DeleteHorizon: FirstTimestamp is when tombstones may be removed (KIP-534).
	DeleteHorizon bool
}

// LastOffset is the offset of the last record, even if compaction has removed that.
func (b *Batch) LastOffset() int64 { return b.BaseOffset + int64(b.LastOffsetDelta) }

// LeaderEpoch is that of the partition's leader that took the batch (KIP-101), -1 unknown. A batch that was patched has none.
func (b *Batch) LeaderEpoch() int32 {
	if b.Magic < 2 {
		return -1
	}
	return int32(binary.BigEndian.Uint32(b.Bytes[atLeaderEpoch:]))
}

// Body is the records as they are stored, compressed or not. Empty for formats before v2.
func (b *Batch) Body() []byte {
	if b.Magic < 2 {
		return nil
	}
	return b.Bytes[HeaderSize:]
}

// Next splits the first batch off fetched bytes. The error is ErrPartial if they end before the batch does (no bytes included),
// or an ErrCorrupt about a length or a format that can't be; there is no way to find the batch behind such a one. The batch's checksum
// is not looked at, see Check.
func Next(data []byte) (b Batch, rest []byte, err error) {
	if len(data) < prefixSize {
		return Batch{}, data, ErrPartial
	}
	length := int64(int32(binary.BigEndian.Uint32(data[atLength:])))
	if length < minOld-prefixSize {
		return Batch{}, data, fmt.Errorf("%w: at offset %d it says to be %d bytes long", ErrCorrupt, be64(data, 0), length)
	}
	size := length + prefixSize
	if len(data) <= atMagic {
		return Batch{}, data, ErrPartial
	}
	magic := int8(data[atMagic])
	switch {
	case magic < 0 || magic > 2:
		return Batch{}, data, fmt.Errorf("%w: at offset %d it says to be of format %d; 0, 1 and 2 are known", ErrCorrupt, be64(data, 0), magic)
	case magic == 2 && size < HeaderSize, magic == 1 && size < minOld+8:
		return Batch{}, data, fmt.Errorf("%w: at offset %d it says to be %d bytes long, too few for format %d",
			ErrCorrupt, be64(data, 0), length, magic)
	case size > int64(len(data)):
		return Batch{}, data, ErrPartial
	}
	raw := data[:size:size]
	if magic == 2 {
		return parse(raw), data[size:], nil
	}
	return parseOld(raw, magic), data[size:], nil
}

func parse(raw []byte) Batch {
	h := raw[:HeaderSize]
	attributes := h[atAttributes+1]
	return Batch{
		Bytes:           raw,
		BaseOffset:      be64(h, 0),
		FirstTimestamp:  be64(h, atFirstTimestamp),
		MaxTimestamp:    be64(h, atMaxTimestamp),
		ProducerID:      be64(h, atProducerID),
		BaseSequence:    be32(h, atBaseSequence),
		LastOffsetDelta: be32(h, atLastOffsetDelta),
		Count:           be32(h, atCount),
		ProducerEpoch:   int16(binary.BigEndian.Uint16(h[atProducerEpoch:])),
		Magic:           2,
		Codec:           int8(attributes & bitsCodec),
		LogAppendTime:   attributes&bitLogAppendTime != 0,
		Transactional:   attributes&bitTransactional != 0,
		Control:         attributes&bitControl != 0,
		DeleteHorizon:   attributes&bitDeleteHorizon != 0,
	}
}

func parseOld(raw []byte, magic int8) Batch {
	b := Batch{
		Bytes: raw, Magic: magic, Count: 1,
		BaseOffset: be64(raw, 0), Codec: int8(raw[atOldAttributes] & bitsCodec),
		FirstTimestamp: -1, MaxTimestamp: -1, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1,
	}
	if magic == 1 {
		b.MaxTimestamp = be64(raw, atOldTimestamp)
		b.FirstTimestamp = b.MaxTimestamp
		b.LogAppendTime = raw[atOldAttributes]&bitLogAppendTime != 0
	}
	if b.Codec != CodecNone {
		b.Count = -1
	}
	return b
}

func be64(p []byte, at int) int64 { return int64(binary.BigEndian.Uint64(p[at:])) }

func be32(p []byte, at int) int32 { return int32(binary.BigEndian.Uint32(p[at:])) }
