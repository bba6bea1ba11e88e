// Package ledger keeps account of what a source task has sent: records are submitted in order, acknowledged in any order,
// and for each source partition the offset of the longest acknowledged prefix may be stored. A partition with a failed record can
// be begun anew.
//
// It is pure: no goroutine, clock, I/O, logger or lock. Whoever shares a Ledger between goroutines guards it.
package ledger

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/connectd/connectd/connect"
)

// Pair is a source offset to be stored under its source partition.
type Pair struct {
	Partition, Offset connect.Entries
}

// Ledger is the account of one task. The zero value is not ready; use New.
//
// Its memory grows with the records in flight, not with those behind a stuck partition: slots live in chunks, and a chunk
// is given back as soon as nothing in it is needed, whatever is before it.
type Ledger struct {
	next  uint64 // sequence number of the next submission, from 1
	first uint64 // number of the chunk at chunks[0]
	// chunks is indexed by chunk number minus first; nil for those given back.
	chunks []*chunk
	free   []*chunk

	byKey map[string]*partition
	last  *partition // the partition of the latest submission: runs of one partition are the rule
	dirty []*partition
	stuck []Failure
	buf   []byte

	pending, failed int
}

// maxFree bounds the chunks kept for reuse, about a megabyte.
const maxFree = 16

// New gives an empty ledger.
func New() *Ledger {
	return &Ledger{next: 1, byKey: make(map[string]*partition)}
}

type partition struct {
	key string
	id  connect.Entries
	// head and tail are the oldest and newest sequence numbers not yet part of the acknowledged prefix, 0 for none.
	head, tail uint64
	// lost is the oldest sequence number of a failed record among them, 0 for none.
	lost   uint64
	offset connect.Entries
	dirty  bool // offset waits to be taken
}

// Submit enters a record that is about to be sent, and returns its sequence number: the numbers of a ledger rise by one,
// from 1. The ledger keeps offset until the record is acknowledged; tag is the caller's own and may be nil.
func (l *Ledger) Submit(source, offset connect.Entries, tag any) uint64 {
	p := l.partition(source)
	seq := l.next
	l.next++
	s := l.newSlot(seq)
	s.part, s.offset, s.tag, s.state = p, offset, tag, submitted
	if p.head == 0 {
		p.head = seq
	} else {
		l.slot(p.tail).next = seq
	}
	p.tail = seq
	l.pending++
	return seq
}

// Tag gives the tag of a record that is still pending, nil otherwise, and nil for one that does not count any more: one
// before it in its source partition has failed, or the partition was begun anew since.
func (l *Ledger) Tag(seq uint64) any {
	s := l.slot(seq)
	if s == nil || s.state != submitted || s.part == nil || s.part.lost != 0 && s.part.lost < seq {
		return nil
	}
	return s.tag
}

// Ack marks a record as safely in Kafka. It returns false, and does nothing, for a number that was never submitted or is
// settled already.
func (l *Ledger) Ack(seq uint64) bool {
	s := l.slot(seq)
	if s == nil || s.state != submitted {
		return false
	}
	l.pending--
	p := s.part
	if p == nil { // of a partition that was begun anew
		l.release(seq)
		return true
	}
	s.state, s.tag = acked, nil
	if p.head == seq {
		l.advance(p)
	}
	return true
}

// Fail marks a record as lost. The offsets of its partition stay before it, for good unless the partition is begun anew.
// The ledger keeps cause for Stuck. It returns false as Ack does, and for a record of a partition that was begun anew since.
func (l *Ledger) Fail(seq uint64, cause any) bool {
	s := l.slot(seq)
	if s == nil || s.state != submitted {
		return false
	}
	l.pending--
	p := s.part
	if p == nil {
		l.release(seq)
		return false
	}
	l.failed++
	s.state, s.tag = lost, cause
	if p.lost == 0 || seq < p.lost {
		p.lost = seq
	}
	if p.head == seq {
		l.stuck = append(l.stuck, Failure{seq, cause})
	}
	return true
}

// Failure is a record that failed, with what Fail was told of it.
type Failure struct {
	Seq   uint64
	Cause any
}

// Stuck gives the failed records that hold up their partitions: all before them are acknowledged. Each is given once.
func (l *Ledger) Stuck() []Failure {
	out := l.stuck
	l.stuck = nil
	return out
}

// Restart begins the partition of a failed record anew, and gives its name: nothing that was submitted for it so far counts
// any more beyond the acknowledged prefix, whatever becomes of it. False: seq is no failed record, or its partition was begun
// anew before.
func (l *Ledger) Restart(seq uint64) (connect.Entries, bool) {
	s := l.slot(seq)
	if s == nil || s.state != lost {
		return nil, false
	}
	p := s.part
	l.drop(p)
	if !p.dirty {
		l.forget(p)
	}
	return p.id, true
}

// drop has nothing of a partition count beyond the acknowledged prefix.
func (l *Ledger) drop(p *partition) {
	for at := p.head; at != 0; {
		s := l.slot(at)
		next := s.next
		if s.state == submitted {
			s.part, s.offset, s.tag, s.next = nil, nil, nil, 0
		} else {
			l.release(at)
		}
		at = next
	}
	p.head, p.tail, p.lost = 0, 0, 0
}

// Unstored tells whether of a source partition anything counts of which Take has not returned the offset.
func (l *Ledger) Unstored(source connect.Entries) bool {
	p := l.last
	if p == nil || !equal(p.id, source) {
		l.buf = appendKey(l.buf[:0], source)
		p = l.byKey[string(l.buf)]
	}
	return p != nil && (p.head != 0 || p.dirty)
}

// Undo begins all partitions anew: nothing counts any more of which Take has not returned the offset, acknowledged or not. What
// Restore gave back is forgotten, too.
func (l *Ledger) Undo() {
	for _, p := range l.byKey {
		l.drop(p)
		p.dirty, p.offset = false, nil
	}
	clear(l.byKey)
	clear(l.dirty)
	l.dirty, l.last, l.stuck = l.dirty[:0], nil, nil
}

// Same tells whether two source partitions are one.
func Same(a, b connect.Entries) bool {
	return equal(a, b) || bytes.Equal(appendKey(nil, a), appendKey(nil, b))
}

func (l *Ledger) advance(p *partition) {
	for p.head != 0 {
		s := l.slot(p.head)
		if s.state == lost {
			l.stuck = append(l.stuck, Failure{p.head, s.tag})
		}
		if s.state != acked {
			break
		}
		p.offset = s.offset
		seq := p.head
		p.head = s.next
		l.release(seq)
	}
	if p.head == 0 {
		p.tail = 0
	}
	l.markDirty(p)
}

func (l *Ledger) markDirty(p *partition) {
	if !p.dirty {
		p.dirty = true
		l.dirty = append(l.dirty, p)
	}
}

// Take returns the offsets that became committable since the last Take, one per source partition, in the order in which
// the partitions got ahead. Records without partition and offset leave nothing to store.
func (l *Ledger) Take() []Pair {
	if len(l.dirty) == 0 {
		return nil
	}
	pairs := make([]Pair, 0, len(l.dirty))
	for _, p := range l.dirty {
		if p.id != nil || p.offset != nil {
			pairs = append(pairs, Pair{Partition: p.id, Offset: p.offset})
		}
		p.dirty, p.offset = false, nil
		if p.head == 0 { // idle: a task may go through any number of partitions, so none is kept without need
			l.forget(p)
		}
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
	return pairs
}

// Newest returns for each source partition the offset of what was submitted last, of what Take has not returned, in the order of
// submission: what is committed where all of it is written or none. Take is still to be called then.
func (l *Ledger) Newest() []Pair {
	type at struct {
		seq uint64
		key string
		Pair
	}
	var all []at
	for _, p := range l.byKey {
		a := at{p.tail, p.key, Pair{p.id, p.offset}}
		switch {
		case p.tail != 0:
			a.Offset = l.slot(p.tail).offset
		case !p.dirty:
			continue
		}
		if a.Partition != nil || a.Offset != nil {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b at) int { return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.key, b.key)) })
	pairs := make([]Pair, len(all))
	for i, a := range all {
		pairs[i] = a.Pair
	}
	return pairs
}

func (l *Ledger) forget(p *partition) {
	delete(l.byKey, p.key)
	if l.last == p {
		l.last = nil
	}
}

// Restore gives back what Take returned and could not be stored; a newer offset of the same partition wins.
func (l *Ledger) Restore(pairs []Pair) {
	for _, pair := range pairs {
		p := l.partition(pair.Partition)
		if !p.dirty {
			p.offset = pair.Offset
			l.markDirty(p)
		}
	}
}

// Pending counts the records neither acknowledged nor failed.
func (l *Ledger) Pending() int { return l.pending }

// Last is the number of the last submission, 0 for none.
func (l *Ledger) Last() uint64 { return l.next - 1 }

// Failed counts the records that failed.
func (l *Ledger) Failed() int { return l.failed }

// partition finds the account of a source partition. Equal entries in equal order are one partition, as they are one
// key of the offset topic.
func (l *Ledger) partition(source connect.Entries) *partition {
	if l.last != nil && equal(l.last.id, source) {
		return l.last
	}
	l.buf = appendKey(l.buf[:0], source)
	p := l.byKey[string(l.buf)]
	if p == nil {
		p = &partition{key: string(l.buf), id: slices.Clone(source)}
		l.byKey[p.key] = p
	}
	l.last = p
	return p
}
