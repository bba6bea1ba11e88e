package offsetsync

import (
	"cmp"
	"slices"
)

// Pieces is what is known of where the records of one partition were copied to: the segments of all lifetimes, and the map
// that they make together. The zero value knows nothing. Segments are kept encoded, a tenth of what their runs take.
type Pieces struct {
	segments  map[segmentID]*packed
	lifetimes []int64 // in order of first appearance
	void      int     // so many of the oldest lifetimes are void

	stale  bool    // the rest must be made anew
	spans  []span  // in order, apart from each other
	least  []int64 // by index of spans: the lowest downstream offset of that span and all that follow
	origin int64   // nothing before this was ever copied; 0 if that can't be told

	// The span whose runs were asked for last.
	opened *packed
	runs   []Run
}

type segmentID struct{ lifetime, first int64 }

// packed is a segment.
type packed struct {
	first, end    int64 // upstream
	down, downEnd int64 // of the first record, and behind the last one
	origin        bool
	value         []byte
}

func pack(s *Segment) *packed {
	_, value := s.Encode()
	first, last := s.Runs[0], s.Runs[len(s.Runs)-1]
	return &packed{first: s.First, end: last.End(), down: first.Down, downEnd: last.DownEnd(), origin: s.Origin, value: value}
}

func (p *packed) unpack() []Run {
	s := Segment{First: p.first}
	_ = s.decode(p.value) // was encoded here
	return s.Runs
}

// span is a stretch of the source of which one segment tells.
type span struct {
	from, to int64
	// doubtful: the copies that a segment tells of are gone, as the target lost them.
	doubtful bool
	whole    *packed // the segment, unless part of it counts for nothing
	part     []Run   // what counts of it otherwise

	// The first record's downstream offset, and where the last one ends; empty spans have none.
	empty               bool
	down, upEnd, downTo int64
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
		p.segments = map[segmentID]*packed{}
	}
	p.segments[id] = pack(&s)
	p.stale = true
}

// build makes the map: where lifetimes overlap, the later one counts.
func (p *Pieces) build() {
	if !p.stale {
		return
	}
	p.stale, p.opened, p.runs = false, nil, nil
	byLife := map[int64][]*packed{}
	p.origin = nothing
	for id, s := range p.segments {
		byLife[id.lifetime] = append(byLife[id.lifetime], s)
		if s.origin {
			p.origin = min(p.origin, s.first)
		}
	}
	if p.origin == nothing {
		p.origin = 0
	}
	p.spans = p.spans[:0]
	below := nothing // where the copies of later lifetimes begin
	for _, life := range slices.Backward(p.lifetimes) {
		next, reach := below, int64(0)
		segments := byLife[life]
		slices.SortFunc(segments, func(a, b *packed) int { return cmp.Compare(a.first, b.first) })
		var add []span
		for _, s := range segments {
			add = append(add, p.uncovered(s, max(s.first, reach), below)...)
			next, reach = min(next, s.down), max(reach, s.end)
		}
		p.insert(add)
		below = next
	}
	p.least = slices.Grow(p.least[:0], len(p.spans))[:len(p.spans)]
	least := nothing
	for i := len(p.spans) - 1; i >= 0; i-- {
		if s := &p.spans[i]; !s.empty {
			least = min(least, s.down)
		}
		p.least[i] = least
	}
}

// insert adds spans, in order, that touch none of those there.
func (p *Pieces) insert(add []span) {
	if len(add) == 0 {
		return
	}
	byFrom := func(a, b span) int { return cmp.Compare(a.from, b.from) }
	at, _ := slices.BinarySearchFunc(p.spans, add[0], byFrom)
	gap := at == len(p.spans) || add[len(add)-1].from < p.spans[at].from
	p.spans = slices.Insert(p.spans, at, add...)
	if !gap {
		slices.SortFunc(p.spans, byFrom)
	}
}

// uncovered gives what of a segment, from an upstream offset on, no later lifetime tells of. What lies at below or behind it in the target is gone: a later
// lifetime was told the same offsets for its own copies, so the target had lost records or was made anew.
func (p *Pieces) uncovered(s *packed, from, below int64) []span {
	var out []span
	at, _ := slices.BinarySearchFunc(p.spans, from, func(t span, from int64) int { return cmp.Compare(t.to, from+1) })
	for _, t := range p.spans[at:] {
		if t.from >= s.end {
			break
		}
		if t.from > from {
			out = append(out, s.cut(from, t.from, below)...)
		}
		from = max(from, t.to)
	}
	if from < s.end {
		out = append(out, s.cut(from, s.end, below)...)
	}
	return out
}

// cut is the segment from one upstream offset to another, without copies that are gone.
func (p *packed) cut(from, to, below int64) []span {
	if from == p.first && to == p.end && p.downEnd <= below {
		return []span{{from: from, to: to, whole: p, down: p.down, upEnd: p.end, downTo: p.downEnd}}
	}
	kept := span{from: from, to: to}
	gone := span{to: to, doubtful: true, empty: true}
	for _, r := range p.unpack() {
		for _, part := range r.from(from, nil) {
			kept.part = part.before(to, kept.part)
		}
	}
	n := slices.IndexFunc(kept.part, func(r Run) bool { return r.DownEnd() > below })
	if n < 0 {
		return []span{kept.measured()}
	}
	first := kept.part[n]
	gone.from = max(first.reaches(below), from)
	kept.part = first.before(gone.from, kept.part[:n:n])
	kept.to = gone.from
	if kept.from == kept.to {
		return []span{gone}
	}
	return []span{kept.measured(), gone}
}

// measured notes where the records of the span lie.
func (s span) measured() span {
	if s.empty = len(s.part) == 0; !s.empty {
		last := s.part[len(s.part)-1]
		s.down, s.upEnd, s.downTo = s.part[0].Down, last.End(), last.DownEnd()
	}
	return s
}

// runsOf gives the runs of a span.
func (p *Pieces) runsOf(s *span) []Run {
	if s.whole == nil {
		return s.part
	}
	if p.opened != s.whole {
		p.opened, p.runs = s.whole, s.whole.unpack()
	}
	return p.runs
}
