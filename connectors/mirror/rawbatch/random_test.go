package rawbatch_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
)

// source is a random batch, written by other code than this package's, and what is in it.
type source struct {
	batch rawbatch.Batch
	recs  []rec
}

// drawBytes is null, empty, short, or now and then long.
func drawBytes(t *rapid.T, name string) []byte {
	switch rapid.IntRange(0, 9).Draw(t, name) {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2:
		return bytes.Repeat([]byte("long"), rapid.IntRange(0, 2000).Draw(t, name+" length"))
	}
	return []byte(rapid.StringN(0, 30, -1).Draw(t, name+" text"))
}

// drawSource draws a batch at or behind an offset: with gaps, unless whole; of any codec and any kind of timestamps.
func drawSource(t *rapid.T, base int64, whole bool) source {
	codec := rapid.Int8Range(0, 4).Draw(t, "codec")
	appendTime := !whole && rapid.Bool().Draw(t, "log time")
	n := rapid.IntRange(1, 20).Draw(t, "records")
	baseTime := rapid.Int64Range(-1, 1<<42).Draw(t, "base time")
	maxTime := baseTime
	var recs []rec
	var raw []byte
	delta := 0
	for range n {
		if !whole {
			delta += rapid.IntRange(0, 3).Draw(t, "gap")
		}
		timeDelta := rapid.Int64Range(-1000, 100_000).Draw(t, "time")
		maxTime = max(maxTime, baseTime+timeDelta)
		r := kmsg.Record{TimestampDelta64: timeDelta, OffsetDelta: int32(delta), Key: drawBytes(t, "key"), Value: drawBytes(t, "value")}
		var headers strings.Builder
		for range rapid.IntRange(0, 2).Draw(t, "headers") {
			h := kmsg.Header{Key: rapid.StringN(0, 5, -1).Draw(t, "header"), Value: drawBytes(t, "header value")}
			r.Headers = append(r.Headers, h)
			fmt.Fprintf(&headers, "%s=%s ", text([]byte(h.Key)), text(h.Value))
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // Length 0 takes one byte
		raw = r.AppendTo(raw)
		recs = append(recs, rec{
			Offset: base + int64(delta), Timestamp: baseTime + timeDelta, Key: text(r.Key), Val: text(r.Value), Headers: headers.String(),
		})
		delta++
	}
	if appendTime {
		for i := range recs {
			recs[i].Timestamp = maxTime
		}
	}
	packed, err := codecs.Compress(nil, raw, codec)
	if err != nil {
		t.Fatal(err)
	}
	b := kmsg.RecordBatch{
		FirstOffset: base, PartitionLeaderEpoch: 7, Magic: 2, Attributes: int16(codec), LastOffsetDelta: int32(delta - 1),
		FirstTimestamp: baseTime, MaxTimestamp: maxTime, ProducerID: rapid.Int64Range(-1, 5).Draw(t, "producer"), ProducerEpoch: 3, FirstSequence: 11,
		NumRecords: int32(n), Records: packed,
	}
	if appendTime {
		b.Attributes |= logTime
	}
	if !whole && rapid.IntRange(0, 3).Draw(t, "last removed") == 0 {
		b.LastOffsetDelta += 2
	}
	bytes := b.AppendTo(nil)
	binary.BigEndian.PutUint32(bytes[8:], uint32(len(bytes)-12))
	return source{next(t, seal(bytes)), recs}
}

// drawSources draws batches that follow each other.
func drawSources(t *rapid.T) (batches []rawbatch.Batch, recs []rec) {
	base := int64(0)
	for range rapid.IntRange(1, 6).Draw(t, "batches") {
		base += rapid.Int64Range(0, 5).Draw(t, "gap")
		s := drawSource(t, base, false)
		base = s.batch.LastOffset() + 1
		batches, recs = append(batches, s.batch), append(recs, s.recs...)
	}
	return batches, recs
}

func TestRandomDecode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSource(t, rapid.Int64Range(0, 1<<60).Draw(t, "base"), false)
		if d := cmp.Diff(s.recs, mustDecode(t, &s.batch)); d != "" {
			t.Error(d)
		}
	})
}

func TestRandomPatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSource(t, rapid.Int64Range(0, 1<<60).Draw(t, "base"), true)
		if v := rawbatch.Judge(&s.batch, s.batch.BaseOffset, rawbatch.Rules{Codec: rawbatch.AnyCodec}); v.Action != rawbatch.Pass {
			t.Fatalf("judged %v, %v", v.Action, v.Reason)
		}
		crc, err := rawbatch.Check(&s.batch)
		if err != nil {
			t.Fatal(err)
		}
		base := s.batch.BaseOffset
		id := rapid.Int64Range(-1, 1<<40).Draw(t, "id")
		epoch, sequence := rapid.Int16().Draw(t, "epoch"), rapid.Int32().Draw(t, "sequence")
		transactional := rapid.Bool().Draw(t, "transactional")
		body := bytes.Clone(s.batch.Body())
		for range 2 { // again, as after a retry with another producer id
			rawbatch.Patch(s.batch.Bytes, id, epoch, sequence, transactional, crc)
			b := next(t, s.batch.Bytes)
			if b.BaseOffset != 0 || b.ProducerID != id || b.ProducerEpoch != epoch || b.BaseSequence != sequence || b.Transactional != transactional ||
				b.LogAppendTime || b.Control || b.DeleteHorizon || b.Codec != s.batch.Codec || b.Count != s.batch.Count ||
				b.FirstTimestamp != s.batch.FirstTimestamp || b.MaxTimestamp != s.batch.MaxTimestamp {
				t.Fatalf("patched into %+v", b)
			}
			got := mustDecode(t, &b)
			for i := range got {
				got[i].Offset += base
			}
			if d := cmp.Diff(s.recs, got); d != "" {
				t.Fatal(d)
			}
			id++
		}
		if !bytes.Equal(body, s.batch.Body()) {
			t.Error("the records were touched")
		}
	})
}

// TestRandomEncode merges, splits, cuts off what lies before a position, and closes gaps.
func TestRandomEncode(t *testing.T) {
	t.Parallel()
	e := rawbatch.Encoder{Codec: codecs}
	e.Alloc = func(n int) []byte {
		return bytes.Repeat([]byte{0xaa}, n) // pooled memory is not zero
	}
	rapid.Check(t, func(t *rapid.T) {
		batches, recs := drawSources(t)
		from := rapid.Int64Range(0, batches[len(batches)-1].LastOffset()+1).Draw(t, "from")
		r := rawbatch.Rules{
			Codec:    rapid.Int8Range(-1, 4).Draw(t, "target codec"),
			MaxBytes: rapid.SampledFrom([]int{0, 1, 100, 500, 5000}).Draw(t, "max bytes"),
		}
		e.RawBytes = rapid.SampledFrom([]int{0, 1, 300, 10_000}).Draw(t, "raw bytes")
		e.Records = rapid.SampledFrom([]int{0, 1, 7}).Draw(t, "records of a batch")
		want := slices.DeleteFunc(slices.Clone(recs), func(r rec) bool { return r.Offset < from })
		for range 2 { // the encoder's memory is used again
			all := encode(t, &e, batches, from, r)
			if d := cmp.Diff(want, builtRecords(t, all), cmpopts.EquateEmpty()); d != "" {
				t.Fatal(d)
			}
			for _, b := range all {
				if over := r.MaxBytes > 0 && len(b.Bytes) > r.MaxBytes; over != b.TooLarge || over && b.Records > 1 {
					t.Fatalf("%d bytes, %d records, too large: %v", len(b.Bytes), b.Records, b.TooLarge)
				}
				if made := next(t, b.Bytes); made.MaxTimestamp != b.MaxTimestamp || e.Records > 0 && int(b.Records) > e.Records {
					t.Fatalf("max timestamp %d, %d records", b.MaxTimestamp, b.Records)
				}
				if last := b.Runs[len(b.Runs)-1]; b.LastOffset() != last.From+last.N-1 {
					t.Fatalf("last %d of %v", b.LastOffset(), b.Runs)
				}
			}
			if r.MaxBytes == 0 && e.RawBytes == 0 && e.Records == 0 && len(all) > 1 {
				t.Fatalf("%d batches instead of one", len(all))
			}
		}
	})
}

// TestFlippedBits flips each bit of batches of the corpus: either it is seen, or it makes no difference to what is written.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	for _, s := range corpus(t) {
		for _, b := range s.batches(t)[:1] {
			if len(b.Bytes) > 1200 {
				continue // smaller ones of the same client are among the others
			}
			raw := bytes.Clone(b.Bytes)
			for bit := 64; bit < len(raw)*8; bit++ { // base offsets are another test's
				raw[bit/8] ^= 1 << (bit % 8)
				flipPasses(t, s.name, &b, raw, bit)
				copy(raw, b.Bytes)
			}
		}
	}
}

// flipPasses fails if what raw became by a flipped bit passes as another batch than before.
func flipPasses(t testing.TB, name string, before *rawbatch.Batch, raw []byte, bit int) {
	b, rest, err := rawbatch.Next(raw)
	var crc uint32
	if err == nil {
		crc, err = rawbatch.Check(&b)
	}
	if err != nil {
		return
	}
	if before.Magic < 2 || len(rest) > 0 || bit >= 64 && b.BaseOffset != before.BaseOffset {
		t.Fatalf("%s: bit %d passes", name, bit)
	}
	want := bytes.Clone(before.Bytes)
	rawbatch.Patch(want, 1, 2, 3, true, crc)
	got := bytes.Clone(b.Bytes)
	rawbatch.Patch(got, 1, 2, 3, true, crc)
	if !bytes.Equal(want, got) {
		t.Fatalf("%s: bit %d passes, and other bytes are written", name, bit)
	}
}

// TestFlippedOffsets flips each bit of each base offset: Order sees it at this batch or, as a gap, at the next one. The end makes up for
// the next one of the last batch.
func TestFlippedOffsets(t *testing.T) {
	t.Parallel()
	for _, s := range corpus(t) {
		if strings.HasPrefix(s.name, "compacted") || strings.HasPrefix(s.name, "old") {
			continue
		}
		batches := s.batches(t)
		end := batches[len(batches)-1].LastOffset() + 1
		for i := range batches {
			for bit := range 64 {
				batches[i].BaseOffset ^= 1 << bit
				order := rawbatch.NewOrder(0, end)
				seen := false
				for j := range batches {
					gap, err := order.Check(&batches[j])
					seen = seen || gap > 0 || err != nil
				}
				if !seen && order.Next() == end {
					t.Errorf("%s: bit %d of batch %d", s.name, bit, i)
				}
				batches[i].BaseOffset ^= 1 << bit
			}
		}
	}
}
