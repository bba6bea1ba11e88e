package kgoclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
)

// Codec compresses and decompresses the records of batches, in all formats that Kafka has. It keeps what the compressions need from
// call to call, and is safe for concurrent use. The zero value is ready.
type Codec struct {
	gzipReaders, gzipWriters sync.Pool
	zstdReaders, zstdWriters sync.Pool
	lz4Writers               sync.Pool
}

var _ rawbatch.Codec = (*Codec)(nil)

// errTooMuch is about records that are larger than allowed when decompressed.
var errTooMuch = errors.New("decompressed it is larger than allowed")

func tooMuch(limit int) error { return fmt.Errorf("%w (%d bytes)", errTooMuch, limit) }

// Decompress appends what src holds to dst: at most limit bytes, more are an error.
func (c *Codec) Decompress(dst, src []byte, codec int8, limit int) ([]byte, error) {
	switch codec {
	case rawbatch.CodecNone:
		if len(src) > limit {
			return dst, tooMuch(limit)
		}
		return append(dst, src...), nil
	case rawbatch.CodecGzip:
		return c.gunzip(dst, src, limit)
	case rawbatch.CodecSnappy:
		return unsnappy(dst, src, limit)
	case rawbatch.CodecLZ4:
		return unlz4(dst, src, limit)
	case rawbatch.CodecZstd:
		return c.unzstd(dst, src, limit)
	}
	return dst, fmt.Errorf("unknown compression codec %d", codec)
}

// Compress appends src to dst, compressed so that every client can read it.
func (c *Codec) Compress(dst, src []byte, codec int8) ([]byte, error) {
	switch codec {
	case rawbatch.CodecNone:
		return append(dst, src...), nil
	case rawbatch.CodecGzip:
		return c.gzip(dst, src)
	case rawbatch.CodecSnappy:
		return snappy(dst, src), nil
	case rawbatch.CodecLZ4:
		return c.lz4(dst, src)
	case rawbatch.CodecZstd:
		return c.zstd(dst, src)
	}
	return dst, fmt.Errorf("unknown compression codec %d", codec)
}

// readAll appends what r holds to dst.
func readAll(dst []byte, r io.Reader, limit, guess int) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, min(guess, limit)+1)
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(max(cap(dst)-start, 512), limit-(len(dst)-start)+1))
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst)-start > limit:
			return dst, tooMuch(limit)
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

type gzipReader struct {
	gzip.Reader
	src bytes.Reader
}

func (c *Codec) gunzip(dst, src []byte, limit int) ([]byte, error) {
	r, ok := c.gzipReaders.Get().(*gzipReader)
	if !ok {
		r = new(gzipReader)
	}
	defer c.gzipReaders.Put(r)
	defer r.src.Reset(nil)
	r.src.Reset(src)
	if err := r.Reset(&r.src); err != nil {
		return dst, err
	}
	return readAll(dst, r, limit, 4*len(src))
}

// appender is a slice to write to.
type appender struct{ p []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.p = append(a.p, p...)
	return len(p), nil
}

func (c *Codec) gzip(dst, src []byte) ([]byte, error) {
	out := &appender{dst}
	w, ok := c.gzipWriters.Get().(*gzip.Writer)
	if !ok {
		w = gzip.NewWriter(out)
	}
	defer c.gzipWriters.Put(w)
	w.Reset(out)
	_, err := w.Write(src)
	if err == nil {
		err = w.Close()
	}
	w.Reset(io.Discard)
	return out.p, err
}

// zstdReader has its bound from when it was made.
type zstdReader struct {
	*zstd.Decoder
	bound int
}

// leastZstdBound is room for the windows of usual compression levels: a window may be larger than what is in it. Those of levels from 20
// on need up to 128 MiB, and a limit that is no smaller.
const leastZstdBound = 8 << 20

func (c *Codec) unzstd(dst, src []byte, limit int) ([]byte, error) {
	var head zstd.Header
	if head.Decode(src) == nil && head.HasFCS && head.FrameContentSize > uint64(limit) {
		return dst, tooMuch(limit)
	}
	bound := max(limit, leastZstdBound)
	r, ok := c.zstdReaders.Get().(*zstdReader)
	if !ok || r.bound != bound {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(bound)))
		if err != nil {
			return dst, err
		}
		r = &zstdReader{d, bound}
	}
	defer c.zstdReaders.Put(r)
	// The decoder would take what is in dst already for its own.
	room := dst[len(dst):]
	out, err := r.DecodeAll(src, room)
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded) || err == nil && len(out) > limit:
		return dst, tooMuch(limit)
	case err != nil:
		return dst, err
	case len(dst) == 0:
		return out, nil
	case len(out) > 0 && cap(room) > 0 && &out[0] == &room[:1][0]:
		return dst[:len(dst)+len(out)], nil
	}
	return append(dst, out...), nil
}

// zstdWindow bounds what an encoder keeps.
const zstdWindow = 256 << 10

func (c *Codec) zstd(dst, src []byte) ([]byte, error) {
	w, ok := c.zstdWriters.Get().(*zstd.Encoder)
	if !ok {
		var err error
		w, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true),
			zstd.WithZeroFrames(true))
		if err != nil {
			return dst, err
		}
	}
	defer c.zstdWriters.Put(w)
	return w.EncodeAll(src, dst), nil
}

// appendSnappy appends one block of snappy.
func appendSnappy(dst, src []byte) []byte {
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(src)))
	block := s2.EncodeSnappy(dst[len(dst):cap(dst)], src)
	return dst[:len(dst)+len(block)]
}
