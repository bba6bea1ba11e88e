package offsetsync

import (
	"bytes"
	"slices"
)

// Progress is what a task notes of one partition as its records are delivered: the offset syncs that are due by Java's
// rules, and the segment that grows. It is not safe for concurrent use.
type Progress struct {
	lagMax int64 // offset.lag.max

	// Of syncs, as Java's writer keeps them.
	prevUp, prevDown, synced int64

	segment Segment // the one that grows, without its runs
	done    encoder // its pieces but for the open one
	open    Run     // the piece that grows; N is 0 for none

	anew    bool
	changed bool
	full    []Record
}

// Record is a record of the topic of pieces.
type Record struct{ Key, Value []byte }

const (
	// segmentBytes is the size at which the next segment begins: it bounds what one partition costs to write again and again.
	segmentBytes = 4 << 10
	// mostFull is how many full segments wait at most to be written. The oldest is dropped then: there is a hole in the map,
	// where translations come out early.
	mostFull = 16
)

// NewProgress begins a lifetime at an upstream offset, or wherever the first record lies if it is negative. lagMax is
// offset.lag.max; origin says that nothing of the partition was copied before.
func NewProgress(topic string, partition int32, next, lagMax, lifetime int64, origin bool) *Progress {
	p := &Progress{lagMax: lagMax, prevUp: -1, prevDown: -1, synced: -1}
	p.segment.Topic, p.segment.Partition = topic, partition
	p.begin(next, lifetime, origin, false)
	return p
}

// Delivered notes that a record is in the target, in the order of delivery, and tells whether an offset sync is due at once.
// newLifetime names the lifetime that begins if offsets went back.
func (p *Progress) Delivered(up, down, newLifetime int64) bool {
	if o := &p.open; o.N > 0 && up == o.Up+o.N && down == o.Down+o.N {
		o.N++ // the common case
	} else {
		p.jump(up, down, newLifetime)
	}
	p.changed = true
	return p.due(up, down)
}

// DeliveredRun is Delivered for n records that follow each other without a gap in both clusters, the first at up and down. It gives
// how far behind the first one the last of those lies whose sync is due at once, -1 for none.
func (p *Progress) DeliveredRun(up, down, n, newLifetime int64) (due int64) {
	due = -1
	if n < 1 {
		return due
	}
	if p.Delivered(up, down, newLifetime) {
		due = 0
	}
	rest := n - 1
	p.open.N += rest // Delivered made the first one the last of the open piece
	p.prevUp, p.prevDown = up+rest, down+rest
	// Of the others one is due for its distance to the last sync alone: the first that is lagMax behind it, and each
	// lagMax+1 after that.
	step := max(p.lagMax, 0) + 1
	if first := p.synced + step; first <= p.prevDown && p.synced >= 0 {
		first = max(first, down+1)
		last := first + (p.prevDown-first)/step*step
		if rest > 0 && first <= p.prevDown {
			p.synced, due = last, last-down
		}
	}
	return due
}

// due follows Java's rules for an immediate sync: the first of a lifetime, a translation that would be offset.lag.max off,
// records of the source that were not copied, a target that lost records.
func (p *Progress) due(up, down int64) bool {
	due := p.synced < 0 || down-(p.synced+1) >= p.lagMax || up-p.prevUp != 1 || down <= p.prevDown
	if due {
		p.synced = down
	}
	p.prevUp, p.prevDown = up, down
	return due
}

// Lost notes that a record is in the target, but not where: of that one the map says nothing. newLifetime is as for Delivered.
func (p *Progress) Lost(up, newLifetime int64) {
	if end, _ := p.ends(); up < end {
		p.seal()
		p.begin(up+1, newLifetime, false, p.anew)
		p.anew = false
		return
	}
	p.next(up + 1)
}

// Anew notes that the topic of the source was made anew: everything before is void, at once if nothing was delivered yet, and
// otherwise once upstream offsets go back, as records of the old topic may be under way.
func (p *Progress) Anew() {
	if p.prevUp < 0 {
		p.begin(-1, p.segment.Lifetime, true, true)
		return
	}
	p.anew = true
}

// Take gives the records of the topic of pieces that are to be written, in order: once each, and the growing segment whenever
// it has changed.
func (p *Progress) Take() []Record {
	out := p.full
	p.full = nil
	if p.changed && p.open.N > 0 {
		out = append(out, p.record())
	}
	p.changed = false
	return out
}

// Failed takes back records of Take that could not be written, in order.
func (p *Progress) Failed(recs ...Record) {
	key := p.segment.key()
	var again []Record
	for _, r := range recs {
		if bytes.Equal(r.Key, key) {
			p.changed = true // it is written in its newest state
			continue
		}
		again = append(again, r)
	}
	p.queue(append(again, p.full...))
}

func (p *Progress) queue(recs []Record) { p.full = recs[max(0, len(recs)-mostFull):] }

// begin begins a segment.
func (p *Progress) begin(first, lifetime int64, origin, anew bool) {
	p.segment = Segment{Topic: p.segment.Topic, Partition: p.segment.Partition, First: first, Lifetime: lifetime, Origin: origin, Anew: anew}
	p.done = encoder{value: append(p.done.value[:0], segmentVersion, p.segment.flags()), up: first}
	p.open = Run{}
}

// next ends the segment, and begins another of the same lifetime.
func (p *Progress) next(first int64) {
	p.seal()
	p.begin(first, p.segment.Lifetime, false, p.segment.Anew)
}

// seal queues the segment in its last state.
func (p *Progress) seal() {
	if p.open.N > 0 {
		p.queue(append(p.full, p.record()))
	}
}

// ends are the upstream and downstream offset behind all that is noted.
func (p *Progress) ends() (up, down int64) {
	if p.open.N == 0 {
		return p.segment.First, 0
	}
	return p.open.End(), p.open.DownEnd()
}

// jump begins a piece.
func (p *Progress) jump(up, down, newLifetime int64) {
	if p.segment.First < 0 {
		p.segment.First, p.done.up = up, up
	}
	end, downEnd := p.ends()
	switch {
	case up < end:
		p.seal()
		p.begin(up, newLifetime, p.anew, p.anew)
		p.anew = false
	case down < downEnd:
		p.seal()
		p.begin(end, newLifetime, false, false)
	case p.open.N > 0:
		p.done.add(p.open)
		if len(p.done.value) >= segmentBytes {
			p.next(end)
		}
	}
	p.open = Run{Up: up, Down: down, N: 1, Times: 1}
}

// record is the segment in its present state.
func (p *Progress) record() Record {
	all := p.done
	all.value = slices.Clone(all.value)
	all.add(p.open)
	all.flush()
	return Record{Key: p.segment.key(), Value: all.value}
}

// encoder encodes pieces as runs.
type encoder struct {
	value    []byte
	up, down int64 // where the encoded runs end
	last     Run   // of which more pieces may come; N is 0 for none
}

// add makes a piece part of the last run, or begins one with it.
func (e *encoder) add(piece Run) {
	switch l := &e.last; {
	case l.N == piece.N && l.Times == 1:
		l.Times, l.StepUp, l.StepDown = 2, piece.Up-l.Up, piece.Down-l.Down
	case l.N == piece.N && piece.Up == l.Up+l.Times*l.StepUp && piece.Down == l.Down+l.Times*l.StepDown:
		l.Times++
	default:
		e.flush()
		e.last = piece
	}
}

func (e *encoder) flush() {
	if e.last.N > 0 {
		e.value = e.last.append(e.value, e.up, e.down)
		e.up, e.down, e.last = e.last.End(), e.last.DownEnd(), Run{}
	}
}
