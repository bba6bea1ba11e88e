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
	// The first span that reaches behind the position.
	i, _ := slices.BinarySearchFunc(p.spans, up, func(s span, up int64) int { return cmp.Compare(s.to, up+1) })
	inside := i < len(p.spans) && p.spans[i].from <= up
	switch {
	case inside && !p.spans[i].doubtful:
		runs := p.runsOf(&p.spans[i])
		n, _ := slices.BinarySearchFunc(runs, up, func(r Run, up int64) int { return cmp.Compare(r.End(), up+1) })
		if n < len(runs) {
			return p.found(runs[n].at(up), i+1)
		}
		return p.first(i + 1)
	case !inside && i == 0 && up < p.origin:
		return p.first(0)
	}
	at := place{upEnd: -1, right: nothing}
	if i < len(p.spans) {
		at.right = p.least[i]
	}
	for j := i - 1; j >= 0; j-- {
		if s := &p.spans[j]; !s.empty {
			at.upEnd, at.downEnd = s.upEnd, s.downTo
			break
		}
	}
	if inside { // whatever was there is gone from the target
		at.known, at.early = at.upEnd >= 0 || at.right != nothing, true
		at.at = at.right
		if at.upEnd >= 0 {
			at.at = min(at.at, at.downEnd)
		}
	}
	return at
}

// first is the first record of the spans from one on.
func (p *Pieces) first(i int) place {
	for ; i < len(p.spans); i++ {
		if s := &p.spans[i]; !s.empty {
			return p.found(s.down, i+1)
		}
	}
	return place{upEnd: -1, right: nothing}
}

// found is a record, unless something behind it, from span next on, lies before it in the target.
func (p *Pieces) found(at int64, next int) place {
	if next < len(p.spans) && p.least[next] < at {
		return place{known: true, at: p.least[next], early: true}
	}
	return place{known: true, at: at}
}
