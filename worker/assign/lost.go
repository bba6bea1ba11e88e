package assign

import (
	"slices"
	"time"
)

// lostToReassign handles work whose worker went away. It gives what is to be spread over all workers now; what goes to
// candidates is put on them directly, and what waits is in neither. It starts, continues or ends the delay.
func (p *planner) lostToReassign() *items {
	none := &items{}
	if p.lost.empty() && !p.s.RevokedInPrevious {
		p.endDelay()
		return none
	}
	scheduled := !p.s.Rebalance.IsZero()
	switch {
	case !scheduled && p.nobodyLeft():
		// Some worker missed its assignment in the last round: there is nobody to wait for.
		return p.lost
	case p.r.MaxDelay <= 0:
		return p.lost
	case scheduled && p.left() <= 0:
		spread := p.lost
		if candidates := p.candidates(); len(candidates) > 0 {
			p.giveTo(candidates)
			spread = none
		}
		p.endDelay()
		p.s.RevokedInPrevious = false
		return spread
	default:
		p.wait(scheduled)
		return none
	}
}

func (p *planner) nobodyLeft() bool {
	for _, m := range p.s.Members {
		if p.current[m] == nil {
			return false
		}
	}
	return true
}

// wait starts or continues the delay; empty-handed workers become candidates.
func (p *planner) wait(scheduled bool) {
	for _, l := range p.next {
		if l.empty() && !slices.Contains(p.s.Candidates, l.member) {
			p.s.Candidates = append(p.s.Candidates, l.member)
		}
	}
	p.s.Delay = p.r.MaxDelay
	if scheduled {
		p.s.Delay = min(p.left(), p.r.MaxDelay)
	}
	p.s.Rebalance = p.r.Now.Add(p.s.Delay)
}

// left is how much of the delay is left. Both times are whole milliseconds on the wall clock; on a monotonic clock, which
// they carry too, they may be off by a hair.
func (p *planner) left() time.Duration {
	return p.s.Rebalance.Sub(p.r.Now).Round(time.Millisecond)
}

func (p *planner) endDelay() {
	p.s.Candidates, p.s.Rebalance, p.s.Delay = nil, time.Time{}, 0
}

// candidates are those that are still members.
func (p *planner) candidates() []*load {
	var out []*load
	for _, member := range p.s.Candidates {
		if i := slices.IndexFunc(p.next, func(l *load) bool { return l.member == member }); i >= 0 {
			out = append(out, p.next[i])
		}
	}
	return out
}

// giveTo deals lost work out to the candidates in turn.
func (p *planner) giveTo(candidates []*load) {
	var dealt [kinds]int
	for _, i := range p.lost.list {
		k := kindOf(i)
		candidates[dealt[k]%len(candidates)].add(i)
		dealt[k]++
	}
}
