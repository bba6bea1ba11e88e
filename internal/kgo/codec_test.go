package kgoclient

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
)

// payloads are easy, hard, and half hard to compress, around the sizes of blocks.
func payloads() [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	all := [][]byte{nil, {7}}
	for _, n := range []int{10, 1000, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 64<<10 + 1, 150_000} {
		hard := make([]byte, n)
		for i := range hard {
			hard[i] = byte(random.Uint32())
		}
		half := bytes.Clone(hard)
		for i := range half {
			if i%100 < 70 {
				half[i] = byte(i % 100)
			}
		}
		all = append(all, make([]byte, n), hard, half)
	}
	return all
}

func TestCodecRoundTrip(t *testing.T) {
	c := new(Codec)
	prefix := []byte("kept")
	for codec := rawbatch.CodecNone; codec <= rawbatch.CodecZstd; codec++ {
		for _, want := range payloads() {
			packed, err := c.Compress(bytes.Clone(prefix), want, codec)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(packed, prefix) {
				t.Fatal("what was there is gone")
			}
			packed = packed[len(prefix):]
			got, err := c.Decompress(bytes.Clone(prefix), packed, codec, len(want))
			if err != nil || !bytes.Equal(got, append(bytes.Clone(prefix), want...)) {
				t.Errorf("codec %d, %d bytes: %d bytes, %v", codec, len(want), len(got), err)
			}
			if len(want) > 0 {
				if _, err := c.Decompress(nil, packed, codec, len(want)-1); err == nil {
					t.Errorf("codec %d, %d bytes: one more than the limit", codec, len(want))
				}
			}
			if codec == rawbatch.CodecNone || len(want) == 0 {
				continue
			}
			other, err := kgo.DefaultDecompressor().Decompress(packed, kgo.CompressionCodecType(codec))
			if err != nil || !bytes.Equal(other, want) {
				t.Errorf("codec %d, %d bytes: franz-go reads %d bytes, %v", codec, len(want), len(other), err)
			}
		}
	}
}

// TestCodecLimit decompresses what would become twenty times as much as allowed.
func TestCodecLimit(t *testing.T) {
	const limit = 1 << 20
	c := new(Codec)
	for codec := rawbatch.CodecGzip; codec <= rawbatch.CodecZstd; codec++ {
		packed, err := c.Compress(nil, make([]byte, 20*limit), codec)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Decompress(nil, packed[:10], codec, limit) // the pools are filled
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, err := c.Decompress(nil, packed, codec, limit)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, errTooMuch) {
			t.Errorf("codec %d: %d bytes, %v", codec, len(out), err)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 12*limit {
			t.Errorf("codec %d: took %d bytes for a limit of %d", codec, taken, limit)
		}
	}
}

func TestCodecIsForAll(t *testing.T) {
	c := new(Codec)
	var wait sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 8 {
		wait.Go(func() {
			want := bytes.Repeat(fmt.Append(nil, i), 10_000)
			for codec := rawbatch.CodecGzip; codec <= rawbatch.CodecZstd; codec++ {
				packed, err := c.Compress(nil, want, codec)
				if err == nil {
					var got []byte
					if got, err = c.Decompress(nil, packed, codec, 1<<20); !bytes.Equal(got, want) {
						err = fmt.Errorf("codec %d: other bytes, %w", codec, err)
					}
				}
				if err != nil {
					errs <- err
				}
			}
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// TestLZ4Flags reads frames with all that a frame may have.
func TestLZ4Flags(t *testing.T) {
	c := new(Codec)
	want := payloads()[len(payloads())-1]
	for _, size := range []lz4.BlockSize{lz4.Block64Kb, lz4.Block256Kb, lz4.Block1Mb, lz4.Block4Mb} {
		for flags := range 8 {
			var packed bytes.Buffer
			w := lz4.NewWriter(&packed)
			options := []lz4.Option{lz4.BlockSizeOption(size), lz4.BlockChecksumOption(flags&1 != 0), lz4.ChecksumOption(flags&2 != 0)}
			if flags&4 != 0 {
				options = append(options, lz4.SizeOption(uint64(len(want))))
			}
			if err := w.Apply(options...); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(want); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := c.Decompress(nil, packed.Bytes(), rawbatch.CodecLZ4, len(want))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("blocks %v, flags %b: %d bytes, %v", size, flags, len(got), err)
			}
		}
	}
}

// TestLZ4DependentBlocks reads a block that refers to the one before it, which lz4's own library writes unless told otherwise.
func TestLZ4DependentBlocks(t *testing.T) {
	frame := []byte{0x04, 0x22, 0x4d, 0x18, lz4Version, 0x40, 0}
	block := func(stored bool, data ...byte) {
		size := uint32(len(data))
		if stored {
			size |= lz4Stored
		}
		frame = append(binary.LittleEndian.AppendUint32(frame, size), data...)
	}
	block(true, []byte("12345678")...)
	block(false, 0x04, 8, 0, 0x50, 'v', 'w', 'x', 'y', 'z') // 8 bytes from 8 before, and 5 as they are
	frame = append(frame, 0, 0, 0, 0)
	got, err := new(Codec).Decompress([]byte("others"), frame, rawbatch.CodecLZ4, 100)
	if err != nil || string(got) != "others1234567812345678vwxyz" {
		t.Errorf("%q, %v", got, err)
	}
	// Not further back than its own frame.
	frame[7+4+8+4+1] = 9
	if got, err := new(Codec).Decompress([]byte("others"), frame, rawbatch.CodecLZ4, 100); err == nil {
		t.Errorf("%q", got)
	}
}

func TestSnappyFrames(t *testing.T) {
	c := new(Codec)
	one, err := c.Compress(nil, []byte("one"), rawbatch.CodecSnappy)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		data []byte
		want string
	}{
		"without a frame":   {appendSnappy(nil, []byte("bare")), "bare"},
		"one after another": {append(bytes.Clone(one), one...), "oneone"},
	} {
		got, err := c.Decompress(nil, row.data, rawbatch.CodecSnappy, 100)
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for n := range len(one) {
		if got, err := c.Decompress(nil, one[:n], rawbatch.CodecSnappy, 100); err == nil && n != xerialHeadSize && n > 0 {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}

func TestUnknownCodec(t *testing.T) {
	c := new(Codec)
	if _, err := c.Decompress(nil, nil, 5, 100); err == nil {
		t.Error("decompressed")
	}
	if _, err := c.Compress(nil, nil, -1); err == nil {
		t.Error("compressed")
	}
}

func FuzzDecompress(f *testing.F) {
	c := new(Codec)
	for codec := rawbatch.CodecNone; codec <= rawbatch.CodecZstd; codec++ {
		for _, p := range payloads()[:12] {
			packed, err := c.Compress(nil, p, codec)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(packed, codec)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, codec int8) {
		const limit = 100_000
		out, err := c.Decompress([]byte("kept"), data, codec, limit)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(out, []byte("kept")) || len(out) > limit+4 {
			t.Fatalf("%d bytes", len(out))
		}
		packed, err := c.Compress(nil, out, codec)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.Decompress(nil, packed, codec, len(out)); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%d bytes became %d, %v", len(out), len(again), err)
		}
	})
}
