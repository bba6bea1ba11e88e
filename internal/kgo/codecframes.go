package kgoclient

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
)

// Java puts snappy into frames of its own (xerial's): this head, which ends with the version and the oldest version that can be
// read, and then blocks with their lengths. Other clients write one block without a frame. Java reads both.
var (
	xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}
	xerialHead  = append(slices.Clip(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
)

const (
	xerialHeadSize  = 16
	xerialBlockSize = 32 << 10 // Java's
)

var errSnappy = errors.New("snappy: a block ends too early")

func snappy(dst, src []byte) []byte {
	dst = append(dst, xerialHead...)
	for block := range slices.Chunk(src, xerialBlockSize) {
		at := len(dst)
		dst = appendSnappy(append(dst, 0, 0, 0, 0), block)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

func unsnappy(dst, src []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(src, xerialMagic) {
		return unsnappyBlock(dst, src, limit, limit)
	}
	if len(src) < xerialHeadSize {
		return dst, errSnappy
	}
	src = src[xerialHeadSize:]
	for left := limit; len(src) > 0; {
		if len(src) < 4 {
			return dst, errSnappy
		}
		size := int64(binary.BigEndian.Uint32(src))
		src = src[4:]
		if bytes.HasPrefix(src, xerialMagic[4:]) && size == int64(binary.BigEndian.Uint32(xerialMagic)) {
			// Frames may follow each other.
			if len(src) < xerialHeadSize-4 {
				return dst, errSnappy
			}
			src = src[xerialHeadSize-4:]
			continue
		}
		if size > int64(len(src)) {
			return dst, errSnappy
		}
		before := len(dst)
		var err error
		if dst, err = unsnappyBlock(dst, src[:size], left, limit); err != nil {
			return dst, err
		}
		left -= len(dst) - before
		src = src[size:]
	}
	return dst, nil
}

func unsnappyBlock(dst, src []byte, left, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return dst, err
	}
	// Three bytes can't stand for more than 64.
	if n > left || n > 32*len(src)+64 {
		return dst, tooMuch(limit)
	}
	at := len(dst)
	dst = slices.Grow(dst, n)
	if _, err := s2.Decode(dst[at:at+n], src); err != nil {
		return dst[:at], err
	}
	return dst[:at+n], nil
}

// Flags and sizes of LZ4 frames. Checksums within are not looked at: that of the batch covers everything. (That of the frame's head
// is wrong in batches of format v0: Java's clients of that time computed it of too much.)
const (
	lz4Magic       = 0x184d2204
	lz4Version     = 0x40
	lz4VersionMask = 0xc0
	lz4Independent = 0x20
	lz4BlockSum    = 0x10
	lz4ContentSize = 0x08
	lz4ContentSum  = 0x04
	lz4DictID      = 0x01
	lz4Stored      = 1 << 31
	lz4BlockSize   = 64 << 10
	lz4Window      = 64 << 10
)

// lz4Head begins every frame that is written: independent blocks of 64 KB, no checksums, as Java writes them. The last byte is the
// head's checksum.
var lz4Head = []byte{0x04, 0x22, 0x4d, 0x18, lz4Version | lz4Independent, 0x40, 0x82}

var errLZ4 = errors.New("lz4: the frame is not as its format has it")

func (c *Codec) lz4(dst, src []byte) ([]byte, error) {
	w, ok := c.lz4Writers.Get().(*lz4.Compressor)
	if !ok {
		w = new(lz4.Compressor)
	}
	defer c.lz4Writers.Put(w)
	dst = append(dst, lz4Head...)
	for block := range slices.Chunk(src, lz4BlockSize) {
		at := len(dst)
		dst = slices.Grow(dst, 4+len(block))[:at+4]
		// Without room for a longer result, 0 says that the block does not shrink.
		n, err := w.CompressBlock(block, dst[at+4:at+4+len(block)-1])
		if err != nil || n == 0 {
			binary.LittleEndian.PutUint32(dst[at:], uint32(len(block))|lz4Stored)
			dst = append(dst, block...)
			continue
		}
		binary.LittleEndian.PutUint32(dst[at:], uint32(n))
		dst = dst[:at+4+n]
	}
	return append(dst, 0, 0, 0, 0), nil
}

// unlz4 reads one frame. What follows it is not looked at, as Java does.
func unlz4(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < len(lz4Head) || binary.LittleEndian.Uint32(src) != lz4Magic || src[4]&lz4VersionMask != lz4Version {
		return dst, errLZ4
	}
	flags, sizes := src[4], src[5]>>4&7
	if sizes < 4 {
		return dst, errLZ4
	}
	blockSize := 1 << (8 + 2*sizes)
	head := 7
	if flags&lz4ContentSize != 0 {
		head += 8
	}
	if flags&lz4DictID != 0 || len(src) < head {
		return dst, errLZ4
	}
	src = src[head:]
	start := len(dst)
	for {
		if len(src) < 4 {
			return dst, errLZ4
		}
		size := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if size == 0 {
			return dst, nil
		}
		n := int(size &^ lz4Stored)
		sum := 0
		if flags&lz4BlockSum != 0 {
			sum = 4
		}
		if n > blockSize || n+sum > len(src) {
			return dst, errLZ4
		}
		var err error
		if dst, err = unlz4Block(dst, start, src[:n], size, blockSize, flags); err != nil {
			return dst, err
		}
		if len(dst)-start > limit {
			return dst, tooMuch(limit)
		}
		src = src[n+sum:]
	}
}

// unlz4Block appends one block, of at most most bytes. What was decompressed since start is what later blocks may refer to.
func unlz4Block(dst []byte, start int, block []byte, size uint32, most int, flags byte) ([]byte, error) {
	if size&lz4Stored != 0 {
		return append(dst, block...), nil
	}
	// A byte can't stand for more than 255. Few do for more than 8, so that is tried first, and what room there is.
	most = min(most, 255*len(block)+64)
	for room := min(most, max(8*len(block), cap(dst)-len(dst))); ; room = most {
		at := len(dst)
		dst = slices.Grow(dst, room)
		var n int
		var err error
		if flags&lz4Independent != 0 {
			n, err = lz4.UncompressBlock(block, dst[at:at+room])
		} else {
			n, err = lz4.UncompressBlockWithDict(block, dst[at:at+room], dst[max(start, at-lz4Window):at])
		}
		switch {
		case err == nil:
			return dst[:at+n], nil
		case room == most:
			return dst, errLZ4
		}
	}
}
