package rawbatch

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestCombineIsTheChecksum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		head := make([]byte, rapid.IntRange(0, 100).Draw(t, "head"))
		body := make([]byte, rapid.OneOf(rapid.IntRange(0, 600), rapid.IntRange(0, 200_000)).Draw(t, "body"))
		for i := range head {
			head[i] = byte(random.Uint32())
		}
		for i := range body {
			body[i] = byte(random.Uint32())
		}
		want := crc32.Checksum(append(head[:len(head):len(head)], body...), castagnoli)
		bodyCRC := crc32.Checksum(body, castagnoli)
		if got := combine(crc32.Checksum(head, castagnoli), bodyCRC, len(body)); got != want {
			t.Errorf("combined %08x, want %08x", got, want)
		}
		if got := joined(head, body, bodyCRC); got != want {
			t.Errorf("joined %08x, want %08x", got, want)
		}
	})
	// Lengths that no test has the memory for: two halves and the whole.
	for _, n := range []int{1 << 20, 1<<24 + 5, 1<<31 - 100} {
		twice := combine(combine(0x12345678, 0, n/2), 0, n-n/2)
		if once := combine(0x12345678, 0, n); once != twice {
			t.Errorf("%d bytes: %08x, in two steps %08x", n, once, twice)
		}
	}
}

// BenchmarkJoin is where reckonFrom comes from.
func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{512, 1024, 2048, 4096, 8192, 65536, 1 << 20} {
		head, body := make([]byte, 40), make([]byte, n)
		b.Run(fmt.Sprintf("again/%d", n), func(b *testing.B) {
			for b.Loop() {
				_ = crc32.Update(crc32.Update(0, castagnoli, head), castagnoli, body)
			}
		})
		b.Run(fmt.Sprintf("reckon/%d", n), func(b *testing.B) {
			for b.Loop() {
				_ = combine(crc32.Update(0, castagnoli, head), 0x12345678, n)
			}
		})
	}
}
