package offsetsync

import (
	"cmp"
	"slices"
)

// Pieces is what is known of where the records of one partition were copied to: the segments of all lifetimes, and the map
// that they make together. The zero value knows nothing.
type Pieces struct {
	segments  map[segmentID]Segment
	lifetimes []int64 // in order of first appearance
	void      int     // so many of the oldest lifetimes are void

	stale  bool // the rest must be made anew
	spans  []span
	origin int64   // nothing before this was ever copied; 0 if that can't be told
	runs   []Run   // of all spans, in order of Up
	least  []int64 // by index of runs: the lowest Down of that run and all that follow
}

type segmentID struct{ lifetime, first int64 }

// span is a stretch of the source of which one segment tells.
type span struct {
	from, to int64
	// doubtful: the copies that a segment tells of are gone, as the target lost them.
	doubtful bool
	runs     []Run
}

// Empty tells whether nothing is known.
func (p *Pieces) Empty() bool { return len(p.segments) == 0 }

// Apply adds a segment, or a newer state of it, in the order of the topic. One without runs is taken away.
func (p *Pieces) Apply(s Segment) {
	id := segmentID{s.Lifetime, s.First}
	if len(s.Runs) == 0 {
		if _, known := p.segments[id]; known {
			delete(p.segments, id)
			p.stale = true
		}
		return
	}
	age := slices.Index(p.lifetimes, s.Lifetime)
	if age < 0 {
		age = len(p.lifetimes)
		p.lifetimes = append(p.lifetimes, s.Lifetime)
		if s.Anew {
			p.void = age
			clear(p.segments)
		}
	}
	if age < p.void {
		return
	}
	if p.segments == nil {
		p.segments = map[segmentID]Segment{}
	}
	p.segments[id] = s
	p.stale = true
}

// build makes the map: where lifetimes overlap, the later one counts.
func (p *Pieces) build() {
	if !p.stale {
		return
	}
	p.stale = false
	byLife := map[int64][]Segment{}
	p.origin = nothing
	for _, s := range p.segments {
		byLife[s.Lifetime] = append(byLife[s.Lifetime], s)
		if s.Origin {
			p.origin = min(p.origin, s.First)
		}
	}
	if p.origin == nothing {
		p.origin = 0
	}
	p.spans = p.spans[:0]
	below := nothing // where the copies of later lifetimes begin
	for _, life := range slices.Backward(p.lifetimes) {
		next := below
		for _, s := range byLife[life] {
			for _, add := range p.uncovered(&s, below) {
				at, _ := slices.BinarySearchFunc(p.spans, add.from, func(t span, from int64) int { return cmp.Compare(t.from, from) })
				p.spans = slices.Insert(p.spans, at, add)
			}
			next = min(next, s.Runs[0].Down)
		}
		below = next
	}
	p.runs = p.runs[:0]
	for _, s := range p.spans {
		p.runs = append(p.runs, s.runs...)
	}
	p.least = slices.Grow(p.least[:0], len(p.runs))[:len(p.runs)]
	least := nothing
	for i := len(p.runs) - 1; i >= 0; i-- {
		least = min(least, p.runs[i].Down)
		p.least[i] = least
	}
}

// uncovered gives what of a segment no later lifetime tells of. What lies at below or behind it in the target is gone: a later
// lifetime was told the same offsets for its own copies, so the target had lost records or was made anew.
func (p *Pieces) uncovered(s *Segment, below int64) []span {
	var out []span
	from, end := s.First, s.End()
	for _, t := range p.spans {
		if t.from >= end {
			break
		}
		if t.from > from {
			out = append(out, s.cut(from, t.from, below)...)
		}
		from = max(from, t.to)
	}
	if from < end {
		out = append(out, s.cut(from, end, below)...)
	}
	return out
}

// cut is the segment from one upstream offset to another, without copies that are gone.
func (s *Segment) cut(from, to, below int64) []span {
	whole := span{from: from, to: to}
	for _, r := range s.Runs {
		for _, part := range r.from(from, nil) {
			whole.runs = part.before(to, whole.runs)
		}
	}
	n := len(whole.runs)
	if n == 0 || whole.runs[n-1].DownEnd() <= below {
		return []span{whole}
	}
	gone := span{to: to, doubtful: true}
	kept := make([]Run, 0, n)
	for _, r := range whole.runs {
		if r.DownEnd() > below {
			gone.from = max(r.reaches(below), from)
			kept = r.before(gone.from, kept)
			break
		}
		kept = append(kept, r)
	}
	if gone.from == from {
		return []span{gone}
	}
	whole.runs, whole.to = kept, gone.from
	return []span{whole, gone}
}
