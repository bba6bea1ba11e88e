package offsetsync

import (
	"cmp"
	"math"
	"slices"
)

// place is what pieces tell of one position of the source.
type place struct {
	// known: at is where the records from the position on begin.
	known bool
	at    int64
	// early: records before the position may follow at.
	early bool

	// For a position of which no segment tells: the ends of what is known before it, in both clusters, and the lowest
	// offset of what is known behind it. upEnd is -1 and right the highest number if there is nothing.
	upEnd, downEnd, right int64
}

const nothing = int64(math.MaxInt64)

// locate finds out what is known of a position.
func (p *Pieces) locate(up int64) place {
	p.build()
	// The first run that holds the position, or begins behind it.
	next, _ := slices.BinarySearchFunc(p.runs, up, func(r Run, up int64) int { return cmp.Compare(r.End(), up+1) })
	i, _ := slices.BinarySearchFunc(p.spans, up, func(s span, up int64) int { return cmp.Compare(s.to, up+1) })
	at := place{upEnd: -1, right: nothing}
	if next < len(p.runs) {
		at.right = p.least[next]
	}
	if next > 0 {
		at.upEnd, at.downEnd = p.runs[next-1].End(), p.runs[next-1].DownEnd()
	}
	inside := i < len(p.spans) && p.spans[i].from <= up
	before := i == 0 && !inside && up < p.origin
	switch {
	case next < len(p.runs) && (inside && !p.spans[i].doubtful || before):
		at.known, at.at = true, p.runs[next].at(up)
		if next+1 < len(p.runs) && p.least[next+1] < at.at {
			at.at, at.early = p.least[next+1], true
		}
	case inside && p.spans[i].doubtful || before:
		// Whatever was there is gone from the target.
		at.known, at.early = at.upEnd >= 0 || at.right != nothing, true
		at.at = at.right
		if at.upEnd >= 0 {
			at.at = min(at.at, at.downEnd)
		}
	}
	return at
}
