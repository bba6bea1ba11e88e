package assign

import (
	"slices"
	"time"
)

// backoffFactor is by how much the pause between revoking rounds grows, from 1 ms to the maximum delay (KAFKA-12495).
const backoffFactor = 40

// balance revokes what some workers have too much. Where the last round revoked too, it pauses instead, so that workers
// that come and go do not keep the group moving work about.
func (p *planner) balance() {
	if p.s.Delay != 0 {
		// Work is lost: whoever comes back will fill the gap.
		p.s.RevokedInPrevious = false
		return
	}
	surplus := p.surplus()
	switch {
	case surplus.empty():
		// Java keeps the count when a delay ended in between, so that the next pause is longer.
		if p.s.RevokedInPrevious {
			p.s.RevokedInPrevious, p.s.SuccessiveRevocations = false, 0
		}
		return
	case p.s.RevokedInPrevious:
		p.s.SuccessiveRevocations++
		if pause := revocationBackoff(p.s.SuccessiveRevocations, p.r.MaxDelay); pause > 0 {
			p.s.Delay = pause
			p.s.Rebalance = p.r.Now.Add(pause)
			return
		}
	default:
		p.s.RevokedInPrevious = true
	}
	for _, l := range p.next {
		if s := surplus[l.member]; s != nil {
			p.revoke.add(l.member, s.list...)
			l.remove(s)
		}
	}
}

// revocationBackoff is the pause after so many rounds in a row that wanted to revoke.
func revocationBackoff(attempts int, limit time.Duration) time.Duration {
	pause := time.Millisecond
	for range attempts {
		if pause >= limit {
			break
		}
		pause *= backoffFactor
	}
	return min(pause, limit)
}

// surplus is what must leave each worker for the load to be even.
func (p *planner) surplus() revocations {
	out := revocations{}
	if p.configured.empty() || !slices.ContainsFunc(p.next, func(l *load) bool { return !l.empty() }) {
		return out
	}
	for k := range kinds {
		total := 0
		for _, i := range p.configured.list {
			if kindOf(i) == k {
				total++
			}
		}
		surplusOf(k, total, p.next, out)
	}
	return out
}

// surplusOf adds to out what is above the even share of total. The share is the quotient; as many workers as the
// remainder says may keep one more.
func surplusOf(k kind, total int, loads []*load, out revocations) {
	share, extras := total/len(loads), total%len(loads)
	atShare, aboveByOne := 0, 0
	for _, l := range loads {
		switch l.size(k) {
		case share:
			atShare++
		case share + 1:
			aboveByOne++
		}
	}
	if aboveByOne == extras && atShare+aboveByOne == len(loads) {
		return
	}
	for _, l := range loads {
		if l.size(k) <= share {
			continue
		}
		keep := share
		if extras > 0 {
			extras--
			keep++
		}
		if drop := l.size(k) - keep; drop > 0 {
			out.add(l.member, l.of[k].list[:drop]...)
		}
	}
}

// distribute deals the items of kind k to the workers with the least load, in turn among equals.
func distribute(loads []*load, k kind, toAssign *items) {
	var queue []item
	for _, i := range toAssign.list {
		if kindOf(i) == k {
			queue = append(queue, i)
		}
	}
	slices.SortFunc(loads, byLoad(k))
	for len(queue) > 0 {
		least := loads[0].size(k)
		for _, l := range loads {
			if len(queue) == 0 || l.size(k) > least {
				break
			}
			l.add(queue[0])
			queue = queue[1:]
		}
	}
}
