package ledger

import "github.com/connectd/connectd/connect"

const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
)

type state uint8

const (
	empty state = iota
	submitted
	acked
	lost
)

// slot is one record in flight.
type slot struct {
	part   *partition
	offset connect.Entries
	tag    any
	next   uint64 // the following record of the same partition, 0 for none yet
	state  state
}

type chunk struct {
	slots [chunkSize]slot
	// needed counts the slots of this chunk not released yet, those still to be submitted included.
	needed int
}

// newSlot gives the empty slot of seq, which is the number after the highest one so far.
func (l *Ledger) newSlot(seq uint64) *slot {
	n := seq >> chunkBits
	if len(l.chunks) == 0 {
		l.first = n
	}
	if n-l.first >= uint64(len(l.chunks)) {
		c := l.takeChunk()
		if seq == 1 { // number 0 does not exist
			c.needed--
		}
		l.chunks = append(l.chunks, c)
	}
	return &l.chunks[n-l.first].slots[seq&(chunkSize-1)]
}

func (l *Ledger) takeChunk() *chunk {
	var c *chunk
	if n := len(l.free); n > 0 {
		c, l.free[n-1] = l.free[n-1], nil
		l.free = l.free[:n-1]
	} else {
		c = new(chunk)
	}
	c.needed = chunkSize
	return c
}

// slot gives the slot of seq, nil when there is none or its chunk is gone.
func (l *Ledger) slot(seq uint64) *slot {
	n := seq>>chunkBits - l.first // wraps for old numbers, which then are out of range
	if n >= uint64(len(l.chunks)) || l.chunks[n] == nil {
		return nil
	}
	return &l.chunks[n].slots[seq&(chunkSize-1)]
}

// release empties the slot of seq and gives back its chunk when it was the last one needed.
func (l *Ledger) release(seq uint64) {
	n := seq>>chunkBits - l.first
	c := l.chunks[n]
	c.slots[seq&(chunkSize-1)] = slot{}
	if c.needed--; c.needed > 0 {
		return
	}
	l.chunks[n] = nil
	if len(l.free) < maxFree {
		l.free = append(l.free, c)
	}
	lead := 0
	for lead < len(l.chunks) && l.chunks[lead] == nil {
		lead++
	}
	l.chunks = l.chunks[lead:]
	l.first += uint64(lead)
}
