package rawbatch_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
)

// BenchmarkPass is the way of a batch that is passed on, from fetched bytes to bytes to be sent.
func BenchmarkPass(b *testing.B) {
	for _, size := range []int{500, 16 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			// As many batches as a fetch brings, so that they do not all lie in the processor's caches.
			one := made(b, 1, size-100, rawbatch.CodecNone)
			data := bytes.Repeat(one.Bytes, max(1, (4<<20)/size))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				filter := rawbatch.NewFilter(nil)
				for rest := data; len(rest) > 0; {
					batch, next, err := rawbatch.Next(rest)
					if err != nil {
						b.Fatal(err)
					}
					crc, err := rawbatch.Check(&batch)
					if err != nil {
						b.Fatal(err)
					}
					if aborted, err := filter.Aborted(&batch); aborted || err != nil {
						b.Fatal(err)
					}
					if v := rawbatch.Judge(&batch, 0, rawbatch.Rules{Codec: rawbatch.AnyCodec}); v.Action != rawbatch.Pass {
						b.Fatal(v)
					}
					rawbatch.Patch(batch.Bytes, 1, 2, 3, false, crc)
					rest = next
				}
			}
		})
	}
}

// BenchmarkMerge puts small batches into large ones.
func BenchmarkMerge(b *testing.B) {
	for codec := rawbatch.CodecNone; codec <= rawbatch.CodecZstd; codec++ {
		b.Run(fmt.Sprint(codec), func(b *testing.B) {
			one := made(b, 20, 100, codec)
			raw := int64(len(made(b, 20, 100, rawbatch.CodecNone).Bytes))
			var batches []rawbatch.Batch
			for i := range 400 {
				next := one
				next.BaseOffset = int64(20 * i)
				batches = append(batches, next)
			}
			e := rawbatch.Encoder{Codec: codecs}
			b.SetBytes(raw * int64(len(batches)))
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Encode(batches, 0, rawbatch.Rules{Codec: rawbatch.AnyCodec}, func(rawbatch.Built) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
