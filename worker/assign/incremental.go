package assign

import (
	"maps"
	"slices"
	"time"

	"github.com/connectd/connectd/worker/proto"
)

// State is what a leader remembers from one round to the next. The zero value is that of a worker that never led. The
// worker that led keeps it even while another one leads: Incremental itself sees from the generations what has aged.
type State struct {
	// Previous is everything that was assigned after the last round, lost work included.
	Previous proto.Work
	// Revoked is what the last round revoked.
	Revoked proto.Work
	// Members took part in the last round.
	Members []string
	// Generation is that of the last round.
	Generation int32
	// Rebalance is when lost work is given to others, or when revoking is allowed again; zero for neither.
	Rebalance time.Time
	// Delay is what the last round told the members.
	Delay time.Duration
	// Candidates joined empty-handed while work was lost, probably the lost workers come back: they get it.
	Candidates []string
	// RevokedInPrevious and SuccessiveRevocations count rounds that wanted to revoke for balance, for the backoff.
	RevokedInPrevious     bool
	SuccessiveRevocations int
}

// Round is one rebalance as the leader sees it.
type Round struct {
	// Members maps member id to the work that the member says it runs.
	Members map[string]proto.Work
	// Configured is every connector and task of the config snapshot.
	Configured proto.Work
	// Generation is the one being assigned.
	Generation int32
	// LastCompleted is the last generation in which this worker got an assignment, -1 for none. If that is not the
	// last one it assigned, its memory of lost work is void.
	LastCompleted int32
	// Now counts in whole milliseconds, as in Java: what is below is cut off.
	Now time.Time
	// MaxDelay is scheduled.rebalance.max.delay.ms; 0 reassigns lost work at once.
	MaxDelay time.Duration
}

// Change is a round's outcome for one member.
type Change struct {
	// Assigned starts in addition to what the member runs.
	Assigned proto.Work
	// Revoked stops; once it has, the member rejoins.
	Revoked proto.Work
	// Total is what the member runs after the round.
	Total proto.Work
}

// Plan is a round's outcome.
type Plan struct {
	// Members has an entry for each member of the round.
	Members map[string]Change
	// Delay is after what time all members rejoin, 0 for no such rebalance. Whole milliseconds.
	Delay time.Duration
}

// Incremental decides one round of incremental cooperative assignment and gives the memory for the next. Work that moves
// is only revoked in this round; once it stopped, a later round assigns it. It does not change its inputs.
func Incremental(s State, r Round) (Plan, State) {
	p := newPlanner(s, r)
	if len(p.next) == 0 {
		return Plan{Members: map[string]Change{}}, s
	}
	toAssign := p.created
	toAssign.add(p.lostToReassign().list...)
	p.balance()
	for k := range kinds {
		distribute(p.next, k, toAssign)
	}
	return p.plan(), p.memory()
}

// planner is one round being worked out. Its sets are named as in KIP-415.
type planner struct {
	r Round
	s State

	configured, lost, created *items
	// current is what each member runs, less what was deleted; next is what it will run.
	current map[string]*load
	next    []*load
	revoke  revocations
}

func newPlanner(s State, r Round) *planner {
	p := &planner{r: r, s: s, configured: setOf(r.Configured), current: map[string]*load{}, revoke: revocations{}}
	p.s.Candidates = slices.Clone(s.Candidates)
	p.r.Now = r.Now.Add(-time.Duration(r.Now.Nanosecond()) % time.Millisecond)
	previous := &items{}
	if s.Generation == r.LastCompleted {
		previous = setOf(s.Previous)
	}
	active, duplicated := activeWork(r.Members)
	for _, i := range setOf(s.Revoked).list {
		if active.has(i) {
			// A revocation did not reach its worker: what runs is the truth.
			previous = active
			break
		}
	}
	known := &items{}
	known.add(previous.list...)
	known.add(active.list...)
	deleted := known.without(p.configured)
	p.lost = previous.without(active, deleted)
	p.created = p.configured.without(previous, active)

	for _, member := range slices.Sorted(maps.Keys(r.Members)) {
		now, then := newLoad(member, r.Members[member]), newLoad(member, r.Members[member])
		for _, i := range now.all().list {
			if deleted.has(i) || duplicated.has(i) {
				p.revoke.add(member, i)
			}
		}
		now.remove(deleted)
		then.remove(p.revoke[member])
		p.current[member] = now
		p.next = append(p.next, then)
	}
	return p
}

// activeWork is what runs anywhere, and what of it runs on more than one worker.
func activeWork(members map[string]proto.Work) (active, duplicated *items) {
	active, duplicated = &items{}, &items{}
	for _, member := range slices.Sorted(maps.Keys(members)) {
		for _, i := range setOf(members[member]).list {
			if active.has(i) {
				duplicated.add(i)
			}
			active.add(i)
		}
	}
	return active, duplicated
}

// plan reads the outcome off next, current and revoke.
func (p *planner) plan() Plan {
	plan := Plan{Members: make(map[string]Change, len(p.next)), Delay: p.s.Delay}
	for _, l := range p.next {
		var c Change
		next := l.all()
		started := &items{}
		for _, i := range next.list {
			if !p.current[l.member].has(i) {
				started.add(i)
			}
		}
		c.Assigned = started.work()
		if revoked := p.revoke[l.member]; revoked != nil {
			c.Revoked = revoked.work()
			next.remove(revoked)
		}
		c.Total = next.work()
		plan.Members[l.member] = c
	}
	return plan
}

// memory is what the next round must know.
func (p *planner) memory() State {
	assigned, revoked := &items{}, &items{}
	s := p.s
	s.Members = nil
	for _, l := range p.next {
		assigned.add(l.all().list...)
		s.Members = append(s.Members, l.member)
		if set := p.revoke[l.member]; set != nil {
			revoked.add(set.list...)
		}
	}
	slices.Sort(s.Members)
	assigned.remove(revoked)
	assigned.add(p.lost.list...)
	s.Previous, s.Revoked, s.Generation = assigned.work(), revoked.work(), p.r.Generation
	return s
}
