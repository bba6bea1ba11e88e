package mirror

import (
	"time"
)

// A position does not tell which record lies before it, when the partition lost its end in an unclean leader election and has grown
// past the position since. The leader epoch in which that record was written does: epochs only grow along a log, so if the record
// is still there, then no greater epoch begins before it. So marks are kept beside the ids of topics.
//
// A mark stays true whoever moves the position: a crash that loses the newest marks, an operator, or a Java worker. What it says of
// the log does not depend on the position, and of the position it is only asked as far as it reaches.

// mark is what was last read of a partition: the record before the offset to was written in that leader epoch. The epoch is below 0 for
// nothing known.
type mark struct {
	epoch int32
	to    int64
}

var noMark = mark{epoch: -1}

// read takes in records up to the offset to, whose last one was written in an epoch, -1 unknown.
func (m *mark) read(epoch int32, to int64) {
	switch {
	case epoch < 0:
	case epoch == m.epoch:
		m.to = max(m.to, to)
	case epoch > m.epoch:
		m.epoch, m.to = epoch, to
	case to > m.to: // no log is like that: one of the two is wrong
		*m = noMark
	}
}

// mark is what is kept of it.
func (l lineage) mark() mark {
	if l.Epoch == nil {
		return noMark
	}
	return mark{*l.Epoch, l.To}
}

// with is the lineage with a mark.
func (l lineage) with(m mark) lineage {
	l.Epoch, l.To = nil, 0
	if m.epoch >= 0 {
		l.Epoch, l.To = &m.epoch, m.to
	}
	return l
}

// prove compares a mark with where its leader epoch ends in the log at present (client.EpochEnds of the leader, below 0 for unknown), for
// a position, the offset of the next record. truncated: records before the position are gone, and others may lie in their place. left is
// what is still true of the mark otherwise.
//
// Only the end counts, and not which epoch the leader found: the epoch itself is forgotten where retention has removed all its
// records, and by a replica that was filled anew after compaction had. The end is never less than before for that.
func (m mark) prove(next, end int64) (truncated bool, left mark) {
	switch {
	case m.epoch < 0 || end < 0 || end >= m.to:
		return false, m
	case end < next:
		return true, noMark
	}
	return false, mark{m.epoch, end} // what was read behind the position is gone
}

const (
	// epochEvery is how often it is looked for leader epochs that are new, all partitions together.
	epochEvery = 10 * time.Second
	// Marks are renewed when positions were stored, so that they are seldom behind those, but not more often than this, and for many
	// partitions less often: each that was read meanwhile takes a record.
	markEvery = 30 * time.Second
	markEach  = 20 * time.Millisecond
)

// toKeep is what is to be kept of a partition's mark; moved includes marks that went on within their epoch.
func (p *partition) toKeep(moved bool) (l lineage, due bool) {
	kept := p.kept.mark()
	switch {
	case p.mark.epoch < 0 || p.id == "" || p.kept.ID != p.id || p.kept.Gone != nil:
		return l, false
	case p.mark.epoch != kept.epoch, moved && p.mark.to > kept.to:
		return lineage{ID: p.id}.with(p.mark), true
	}
	return l, false
}
