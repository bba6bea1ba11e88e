package mirror

import (
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// convert makes source records. What the records of a partition have in common is shared, and the offsets and headers of
// a batch lie in one allocation each, as this runs for every record.
func (t *task) convert(recs []client.ConsumedRecord) []connect.SourceRecord {
	out := slices.Grow(t.records[:0], len(recs))[:len(recs)]
	offsets := make([]connect.Entry, len(recs))
	var headers []connect.Header
	now := time.Now()
	var p *partition
	var k *parking  // p's
	n, size := 0, 0 // size is of the run of p's records
	for i := range recs {
		r := &recs[i]
		if p == nil || p.tp.Partition != r.Partition || p.tp.Topic != r.Topic {
			t.counted(now, p, size)
			size = 0
			p = t.parts[connect.TopicPartition{Topic: r.Topic, Partition: r.Partition}]
			if p == nil {
				continue
			}
			k = t.parked[p.tp]
		}
		if k.waits() || !k.admits(r.Offset, r.Offset) { // it may have come before the partition was paused
			continue
		}
		p.sent, p.next = r.Offset, r.Offset+1
		p.mark.read(r.LeaderEpoch, p.next)
		p.count.records++
		size += len(r.Key) + len(r.Value)
		offsets[i].Key, offsets[i].Value = offsetKey, r.Offset
		// Field by field: a copy of the whole struct costs more while the garbage collector runs. All fields are set, as
		// the record may be one of the last Poll.
		o := &out[n]
		n++
		o.SourcePartition, o.SourceOffset = p.source, offsets[i:i+1:i+1]
		o.Topic, o.Partition = p.remote, r.Partition
		o.KeySchema, o.Key = connect.OptionalBytesSchema, bytesOrNil(r.Key)
		o.ValueSchema, o.Value = connect.OptionalBytesSchema, bytesOrNil(r.Value)
		o.Timestamp, o.Headers = r.Timestamp, nil
		if len(r.Headers) > 0 {
			if cap(headers)-len(headers) < len(r.Headers) {
				headers = make([]connect.Header, 0, headerCount(recs[i:]))
			}
			o.Headers, headers = appendHeaders(headers, r.Headers)
			size += headerBytes(r.Headers)
		}
		if !r.Timestamp.IsZero() {
			p.count.newest = r.Timestamp
		}
	}
	t.counted(now, p, size)
	t.records = out
	return out[:n]
}

// counted takes what a run of records of a partition weighs.
func (t *task) counted(now time.Time, p *partition, size int) {
	if p == nil || size == 0 {
		return
	}
	p.count.bytes += int64(size)
	p.aged(now)
	t.slow.take(now, p.tp.Topic, size)
}

func headerBytes(hs []client.Header) int {
	n := 0
	for _, h := range hs {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// appendHeaders puts headers into an arena with room for them, and gives them and the arena.
func appendHeaders(arena []connect.Header, hs []client.Header) (own, all []connect.Header) {
	from := len(arena)
	for _, h := range hs {
		arena = append(arena, connect.Header{Key: h.Key, Schema: connect.OptionalBytesSchema, Value: bytesOrNil(h.Value)})
	}
	return arena[from:len(arena):len(arena)], arena
}

func headerCount(recs []client.ConsumedRecord) int {
	n := 0
	for i := range recs {
		n += len(recs[i].Headers)
	}
	return n
}

// bytesOrNil keeps null apart from empty.
func bytesOrNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}
