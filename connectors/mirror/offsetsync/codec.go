package offsetsync

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Sync says that the record at Upstream of a partition of the source was copied to Downstream of its counterpart: a record of
// MirrorMaker's offset-syncs topic. Topic is the name at the source.
type Sync struct {
	Topic      string
	Partition  int32
	Upstream   int64
	Downstream int64
}

// Encode makes the record as Java writes it.
func (s Sync) Encode() (key, value []byte) {
	key = appendInt32(appendString(nil, s.Topic), s.Partition)
	return key, appendInt64(appendInt64(nil, s.Upstream), s.Downstream)
}

// DecodeSync reads a record of an offset-syncs topic.
func DecodeSync(key, value []byte) (Sync, error) {
	k, v := reader{rest: key}, reader{rest: value}
	s := Sync{Topic: k.string(), Partition: k.int32(), Upstream: v.int64(), Downstream: v.int64()}
	return s, wrap("an offset sync", k.err, v.err)
}

// Checkpoint is a consumer group's position in both clusters: a record of MirrorMaker's checkpoints topic. Topic is the name
// at the target.
type Checkpoint struct {
	Group      string
	Topic      string
	Partition  int32
	Upstream   int64
	Downstream int64
	Metadata   string
}

// Encode makes the record as Java writes it.
func (c Checkpoint) Encode() (key, value []byte) {
	key = appendInt32(appendString(appendString(nil, c.Group), c.Topic), c.Partition)
	value = appendInt64(appendInt64(appendInt16(nil, 0), c.Upstream), c.Downstream)
	return key, appendString(value, c.Metadata)
}

// DecodeCheckpoint reads a record of a checkpoints topic.
func DecodeCheckpoint(key, value []byte) (Checkpoint, error) {
	k, v := reader{rest: key}, reader{rest: value}
	v.version()
	c := Checkpoint{
		Group: k.string(), Topic: k.string(), Partition: k.int32(),
		Upstream: v.int64(), Downstream: v.int64(), Metadata: v.string(),
	}
	return c, wrap("a checkpoint", k.err, v.err)
}

// Heartbeat says that a link was alive: a record of a heartbeats topic. Source and Target are aliases, the time is in
// milliseconds since the epoch.
type Heartbeat struct {
	Source, Target string
	TimestampMs    int64
}

// Encode makes the record as Java writes it.
func (h Heartbeat) Encode() (key, value []byte) {
	key = appendString(appendString(nil, h.Source), h.Target)
	return key, appendInt64(appendInt16(nil, 0), h.TimestampMs)
}

// DecodeHeartbeat reads a record of a heartbeats topic.
func DecodeHeartbeat(key, value []byte) (Heartbeat, error) {
	k, v := reader{rest: key}, reader{rest: value}
	v.version()
	h := Heartbeat{Source: k.string(), Target: k.string(), TimestampMs: v.int64()}
	return h, wrap("a heartbeat", k.err, v.err)
}

// The types of Kafka's protocol: big-endian numbers, and texts after their length as int16. Kafka allows no longer topics,
// groups and aliases; what is longer all the same is cut.

func appendInt16(b []byte, n int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(n)) }
func appendInt32(b []byte, n int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }
func appendInt64(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

func appendString(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxInt16)]
	return append(appendInt16(b, int16(len(s))), s...)
}

var (
	errShort   = errors.New("it is too short")
	errText    = errors.New("the length of a text is negative")
	errVersion = errors.New("its version is not known")
)

// reader takes fields off a record; after the first error all are zero. What follows the last field is ignored, as in Java.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.rest) < n {
		r.err = errShort
	}
	if r.err != nil {
		return make([]byte, 8)[:min(n, 8)]
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) int16() int16 { return int16(binary.BigEndian.Uint16(r.take(2))) }
func (r *reader) int32() int32 { return int32(binary.BigEndian.Uint32(r.take(4))) }
func (r *reader) int64() int64 { return int64(binary.BigEndian.Uint64(r.take(8))) }

func (r *reader) string() string {
	n := int(r.int16())
	if r.err == nil && n < 0 {
		r.err = errText
	}
	if r.err != nil {
		return ""
	}
	b := r.take(n)
	if r.err != nil {
		return ""
	}
	return string(b)
}

// version takes the header: there is only version 0.
func (r *reader) version() {
	if v := r.int16(); r.err == nil && v != 0 {
		r.err = fmt.Errorf("%w: %d", errVersion, v)
	}
}

func wrap(what string, key, value error) error {
	switch {
	case key != nil:
		return fmt.Errorf("the key of %s can't be read: %w", what, key)
	case value != nil:
		return fmt.Errorf("the value of %s can't be read: %w", what, value)
	}
	return nil
}
