package raw

import (
	"math/bits"
	"sync"

	"github.com/connectd/connectd/internal/client"
)

const (
	leastBuffer = 1 << 10
	// sizeSteps is how many sizes there are from one power of two to the next: a buffer is at most a quarter too large.
	sizeSteps = 4
	// largestPooled is the largest buffer that is kept: one that a rare, huge batch needed is left to the garbage collector.
	largestPooled = 64 << 20
)

// Buffers are pieces of memory for responses, reused and counted. It is safe for concurrent use.
type Buffers struct {
	mu   sync.Mutex
	free map[int][][]byte
	// idle is the sum of what is free, outstanding of what is in use, keep the most of both together.
	idle, outstanding, keep int64
	// peak is the most that was in use of late, before the peak of the time before that, gets how often Get was called.
	peak, before int64
	gets         int
}

// recent is for how many calls of Get a peak counts at least.
const recent = 512

// NewBuffers keeps for reuse what nobody uses, as long as that and what is in use are no more than was in use at once of late,
// and no more than keep bytes.
func NewBuffers(keep int64) *Buffers {
	return &Buffers{free: map[int][][]byte{}, keep: keep}
}

// SizeFor is what a buffer for n bytes really takes, and what Outstanding counts.
func SizeFor(n int) int {
	if n <= leastBuffer {
		return leastBuffer
	}
	step := (1 << (bits.Len(uint(n-1)) - 1)) / sizeSteps
	return (n + step - 1) / step * step
}

// Get gives a buffer of n bytes, whatever they were used for before.
func (b *Buffers) Get(n int) []byte {
	size := SizeFor(n)
	b.mu.Lock()
	b.outstanding += int64(size)
	b.gets++
	if b.gets%recent == 0 {
		b.before, b.peak = b.peak, 0
	}
	b.peak = max(b.peak, b.outstanding)
	list := b.free[size]
	if len(list) == 0 {
		for b.idle > 0 && b.idle+b.outstanding > b.most() && b.drop(size) {
			continue
		}
		b.mu.Unlock()
		return make([]byte, n, size)
	}
	buf := list[len(list)-1]
	list[len(list)-1] = nil
	b.free[size] = list[:len(list)-1]
	b.idle -= int64(size)
	b.mu.Unlock()
	return buf[:n]
}

// Put takes back what Get gave.
func (b *Buffers) Put(buf []byte) {
	size := cap(buf)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outstanding -= int64(size)
	if size > largestPooled {
		return
	}
	// What was used last is most likely of use again: others make room for it.
	for b.idle+b.outstanding+int64(size) > b.most() {
		if !b.drop(size) {
			return
		}
	}
	b.free[size] = append(b.free[size], buf)
	b.idle += int64(size)
}

func (b *Buffers) most() int64 { return min(b.keep, max(b.peak, b.before)) }

// drop gives a free buffer of another size up, so that a change of sizes doesn't leave the pool full of useless ones.
func (b *Buffers) drop(but int) bool {
	for size, list := range b.free {
		if size == but || len(list) == 0 {
			continue
		}
		list[len(list)-1] = nil
		b.free[size] = list[:len(list)-1]
		b.idle -= int64(size)
		return true
	}
	return false
}

// Outstanding is how many bytes are in use.
func (b *Buffers) Outstanding() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outstanding
}

// Hold puts a buffer back once nobody needs it any more.
func (b *Buffers) Hold(buf []byte) *client.Hold {
	return client.NewHold(func() { b.Put(buf) })
}
