package rawbatch_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
	kgoclient "github.com/connectd/connectd/internal/kgo"
)

// tb is what *testing.T, *testing.F, *testing.B and *rapid.T have in common.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

var codecs = new(kgoclient.Codec)

const limit = 64 << 20

// made is a batch of n records of which each holds about size bytes, half of them the same in all.
func made(t tb, n, size int, codec int8) rawbatch.Batch {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(n), uint64(size)))
	var kvs []client.KV
	for i := range n {
		val := bytes.Repeat([]byte{byte(i)}, size)
		for j := range size / 2 {
			val[j] = byte(random.Uint32())
		}
		kvs = append(kvs, client.KV{Key: fmt.Appendf(nil, "k%d", i), Value: val})
	}
	raw, _ := rawbatch.EncodeKVs(kvs, 1000)
	b := next(t, raw)
	if codec == rawbatch.CodecNone {
		return b
	}
	e := rawbatch.Encoder{Codec: codecs, RawBytes: 1 << 30}
	built := encode(t, &e, []rawbatch.Batch{b}, 0, rawbatch.Rules{Codec: codec})
	if len(built) != 1 {
		t.Fatalf("%d batches", len(built))
	}
	return next(t, built[0].Bytes)
}

// next is the one batch of some bytes, checked.
func next(t tb, raw []byte) rawbatch.Batch {
	t.Helper()
	b, rest, err := rawbatch.Next(raw)
	if err == nil && len(rest) > 0 {
		err = errors.New("there is more")
	}
	if err == nil {
		_, err = rawbatch.Check(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encode(t tb, e *rawbatch.Encoder, batches []rawbatch.Batch, from int64, r rawbatch.Rules) []rawbatch.Built {
	t.Helper()
	var all []rawbatch.Built
	err := e.Encode(batches, from, r, func(b rawbatch.Built) error {
		all = append(all, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rec is a record as text.
type rec struct {
	Offset, Timestamp int64
	Key, Val, Headers string
}

func text(p []byte) string {
	if p == nil {
		return "null"
	}
	if len(p) > 200 {
		return digest(p)
	}
	return fmt.Sprintf("%q", p)
}

// decoded lists a batch's records.
func decoded(b *rawbatch.Batch) ([]rec, error) {
	c, err := rawbatch.Open(b, codecs, nil, limit)
	if err != nil {
		return nil, err
	}
	var all []rec
	for r, err := range c.Records() {
		if err != nil {
			return all, err
		}
		key, val, headers, err := r.Split()
		if err != nil {
			return all, err
		}
		var h strings.Builder
		for header := range headers.All() {
			fmt.Fprintf(&h, "%s=%s ", text(header.Key), text(header.Value))
		}
		all = append(all, rec{Offset: r.Offset, Timestamp: r.Timestamp, Key: text(key), Val: text(val), Headers: h.String()})
	}
	return all, nil
}

func mustDecode(t tb, b *rawbatch.Batch) []rec {
	t.Helper()
	all, err := decoded(b)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// built lists what new batches hold, at the offsets of the source.
func builtRecords(t tb, all []rawbatch.Built) []rec {
	t.Helper()
	var recs []rec
	for i := range all {
		b := next(t, all[i].Bytes)
		if v := rawbatch.Judge(&b, 0, rawbatch.Rules{Codec: rawbatch.AnyCodec}); v.Action != rawbatch.Pass {
			t.Fatalf("a new batch is judged %v, %v", v.Action, v.Reason)
		}
		got := mustDecode(t, &b)
		if len(got) != int(all[i].Records) {
			t.Fatalf("%d records instead of %d", len(got), all[i].Records)
		}
		n := 0
		for _, run := range all[i].Runs {
			for j := range run.N {
				got[n].Offset = run.From + j
				n++
			}
		}
		if n != len(got) {
			t.Fatalf("runs of %d records for %d", n, len(got))
		}
		recs = append(recs, got...)
	}
	return recs
}

func TestEncodeKeepsRecords(t *testing.T) {
	t.Parallel()
	e := rawbatch.Encoder{Codec: codecs}
	for codec := rawbatch.CodecNone; codec <= rawbatch.CodecZstd; codec++ {
		for _, size := range []int{0, 10, 20_000} {
			b := made(t, 20, size, codec)
			if b.Codec != codec || b.Count != 20 {
				t.Fatalf("%+v", b)
			}
			want := mustDecode(t, &b)
			all := encode(t, &e, []rawbatch.Batch{b}, 7, rawbatch.Rules{Codec: rawbatch.AnyCodec, MaxBytes: 30_000})
			if d := cmp.Diff(want[7:], builtRecords(t, all)); d != "" {
				t.Errorf("codec %d, size %d: %s", codec, size, d)
			}
		}
	}
}
