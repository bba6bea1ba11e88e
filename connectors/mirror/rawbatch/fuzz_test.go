package rawbatch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

// seeds adds each file of the corpus, and what it is when cut off.
func seeds(f *testing.F, add func(data []byte)) {
	for _, s := range corpus(f) {
		add(s.data)
		add(s.data[:len(s.data)*2/3])
	}
}

// split takes all batches off some bytes that can be split off.
func split(t *testing.T, data []byte) (all []rawbatch.Batch) {
	t.Helper()
	for len(data) > 0 {
		b, rest, err := rawbatch.Next(data)
		if err != nil {
			if !errors.Is(err, rawbatch.ErrPartial) && !errors.Is(err, rawbatch.ErrCorrupt) {
				t.Fatalf("an error of its own: %v", err)
			}
			if len(rest) != len(data) {
				t.Fatal("bytes were lost")
			}
			return all
		}
		if len(b.Bytes)+len(rest) != len(data) || len(b.Bytes) == 0 {
			t.Fatalf("%d and %d bytes of %d", len(b.Bytes), len(rest), len(data))
		}
		all = append(all, b)
		data = rest
	}
	return all
}

// sealAll makes the checksums of all batches of v2 right, so that what is behind them is reached.
func sealAll(t *testing.T, data []byte) []rawbatch.Batch {
	t.Helper()
	all := split(t, data)
	for i := range all {
		if all[i].Magic == 2 {
			seal(all[i].Bytes)
		}
	}
	return all
}

// FuzzNext reads bytes as a fetch's answer.
func FuzzNext(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data, int64(0), int64(1)) })
	f.Fuzz(func(t *testing.T, data []byte, from, producer int64) {
		order := rawbatch.NewOrder(from, -1)
		filter := rawbatch.NewFilter([]client.AbortedTxn{{ProducerID: producer, FirstOffset: from + 1}, {ProducerID: producer, FirstOffset: from}})
		for _, b := range sealAll(t, bytes.Clone(data)) {
			_, orderErr := order.Check(&b)
			_, filterErr := filter.Aborted(&b)
			_, err := rawbatch.Check(&b)
			for _, err := range []error{orderErr, filterErr, err} {
				if err != nil && !errors.Is(err, rawbatch.ErrCorrupt) {
					t.Fatal(err)
				}
			}
			v := rawbatch.Judge(&b, from, rawbatch.Rules{Codec: rawbatch.AnyCodec})
			if err != nil {
				continue
			}
			if v.Action == rawbatch.Pass && (b.Count < 1 || b.LastOffsetDelta+1 != b.Count || b.Magic != 2 || b.Control || b.BaseOffset < from) {
				t.Fatalf("passes: %+v", b)
			}
		}
	})
}

// FuzzRecords reads the records of whatever can be split off, checked or not, with little memory.
func FuzzRecords(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 20
		for _, b := range split(t, data) {
			c, err := rawbatch.Open(&b, codecs, nil, most)
			if cap(c.Buffer()) > 4*most {
				t.Fatalf("%d bytes for a limit of %d", cap(c.Buffer()), most)
			}
			if err != nil {
				if !errors.Is(err, rawbatch.ErrCorrupt) {
					t.Fatal(err)
				}
				continue
			}
			last := int64(-1)
			for r, err := range c.Records() {
				if err != nil {
					if !errors.Is(err, rawbatch.ErrCorrupt) {
						t.Fatal(err)
					}
					break
				}
				if last >= 0 && r.Offset <= last {
					t.Fatalf("offset %d behind %d", r.Offset, last)
				}
				last = r.Offset
				if _, _, headers, err := r.Split(); err == nil {
					n := 0
					for range headers.All() {
						n++
					}
					if n != headers.Len() {
						t.Fatalf("%d of %d headers", n, headers.Len())
					}
				}
			}
		}
	})
}

// FuzzEncode encodes what passes Check anew. What is made must be right, and hold what was there.
func FuzzEncode(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data, int64(0), uint16(0), int8(-1)) })
	f.Fuzz(func(t *testing.T, data []byte, from int64, maxBytes uint16, codec int8) {
		if codec < rawbatch.AnyCodec || codec > rawbatch.CodecZstd {
			return
		}
		var good []rawbatch.Batch
		var want []rec
		order := rawbatch.NewOrder(0, -1)
		for _, b := range sealAll(t, bytes.Clone(data)) {
			if _, err := rawbatch.Check(&b); err != nil || b.Control {
				continue
			}
			recs, err := decoded(&b)
			if err != nil || len(recs) == 0 || recs[0].Offset < order.Next() {
				continue
			}
			if _, err := order.Check(&b); err != nil {
				continue
			}
			good = append(good, b)
			for _, r := range recs {
				if r.Offset >= from {
					want = append(want, r)
				}
			}
		}
		e := rawbatch.Encoder{Codec: codecs, Limit: limit}
		all := encode(t, &e, good, from, rawbatch.Rules{Codec: codec, MaxBytes: int(maxBytes)})
		if d := cmp.Diff(want, builtRecords(t, all), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		for _, b := range all {
			if over := maxBytes > 0 && len(b.Bytes) > int(maxBytes); over != b.TooLarge || over && b.Records > 1 {
				t.Fatalf("%d bytes, %d records, too large: %v", len(b.Bytes), b.Records, b.TooLarge)
			}
		}
	})
}

// FuzzFlip flips some bits near each other in a good batch: no such change may pass.
func FuzzFlip(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data, uint32(500), byte(1)) })
	f.Fuzz(func(t *testing.T, data []byte, at uint32, bits byte) {
		for _, b := range sealAll(t, bytes.Clone(data)) {
			if _, err := rawbatch.Check(&b); err != nil || b.Magic != 2 || bits == 0 {
				continue
			}
			raw := bytes.Clone(b.Bytes)
			i := int(at) % len(raw)
			raw[i] ^= bits
			flipPasses(t, "fuzzed", &b, raw, i*8)
		}
	})
}

// FuzzPatch patches what passes, which must stay what it is.
func FuzzPatch(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data, int64(7), int16(1), int32(9), true) })
	f.Fuzz(func(t *testing.T, data []byte, id int64, epoch int16, sequence int32, transactional bool) {
		for _, b := range sealAll(t, bytes.Clone(data)) {
			crc, err := rawbatch.Check(&b)
			if err != nil || rawbatch.Judge(&b, b.BaseOffset, rawbatch.Rules{Codec: rawbatch.AnyCodec}).Action != rawbatch.Pass {
				continue
			}
			want, wantErr := decoded(&b)
			rawbatch.Patch(b.Bytes, id, epoch, sequence, transactional, crc)
			if binary.BigEndian.Uint64(b.Bytes) != 0 {
				t.Fatal("base offset")
			}
			patched := next(t, b.Bytes)
			got, err := decoded(&patched)
			for i := range got {
				got[i].Offset += b.BaseOffset
			}
			if d := cmp.Diff(want, got); d != "" || (err == nil) != (wantErr == nil) {
				t.Fatalf("%v, %v: %s", wantErr, err, d)
			}
		}
	})
}
