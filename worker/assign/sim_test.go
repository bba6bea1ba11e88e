package assign

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/worker/proto"
)

// fataler is what rapid's T and testing's T share.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// group is a Connect group in which every worker does as it is told.
type group struct {
	t        fataler
	state    State
	members  map[string]proto.Work
	config   map[string]int // connector -> number of tasks
	now      time.Time
	maxDelay time.Duration
	gen      int32
	// completed is the last generation that the leader completed.
	completed int32
	rejoinAt  time.Time
	joined    int
	// seen is called after each round.
	seen func(r Round, p Plan, s State)
}

func newGroup(t fataler, maxDelay time.Duration) *group {
	return &group{
		t: t, members: map[string]proto.Work{}, config: map[string]int{}, maxDelay: maxDelay, completed: -1,
		now: time.Unix(1_700_000_000, 0),
	}
}

func (g *group) join() string {
	g.joined++
	id := fmt.Sprintf("w%02d", g.joined)
	g.members[id] = proto.Work{}
	return id
}

func (g *group) configured() proto.Work {
	var w proto.Work
	for _, c := range slices.Sorted(maps.Keys(g.config)) {
		w.Connectors = append(w.Connectors, c)
		for n := range g.config[c] {
			w.Tasks = append(w.Tasks, item{Connector: c, Task: n})
		}
	}
	return w
}

// round runs one rebalance and checks what must hold in each. Members for which missed tells true get no answer: they
// go on with what they have.
func (g *group) round(missed func(string) bool) Plan {
	g.t.Helper()
	g.gen++
	members := map[string]proto.Work{}
	for id, w := range g.members {
		members[id] = w.Clone()
	}
	r := Round{
		Members: members, Configured: g.configured(), Generation: g.gen, LastCompleted: g.completed,
		Now: g.now, MaxDelay: g.maxDelay,
	}
	plan, state := Incremental(g.state, r)
	if g.seen != nil {
		g.seen(r, plan, state)
	}
	g.checkRound(r, plan)
	g.state, g.completed = state, g.gen
	g.rejoinAt = time.Time{}
	if plan.Delay > 0 {
		g.rejoinAt = g.now.Add(plan.Delay)
	}
	for id, c := range plan.Members {
		if missed != nil && missed(id) {
			continue
		}
		l := newLoad(id, g.members[id])
		l.remove(setOf(c.Revoked))
		l.add(setOf(c.Assigned).list...)
		g.members[id] = l.all().work()
	}
	return plan
}

func (g *group) checkRound(r Round, plan Plan) {
	g.t.Helper()
	configured := setOf(r.Configured)
	active, duplicated := activeWork(r.Members)
	given := map[item]string{}
	if len(plan.Members) != len(r.Members) {
		g.t.Fatalf("%d members in the plan, %d in the group", len(plan.Members), len(r.Members))
	}
	for id, c := range plan.Members {
		revoked := setOf(c.Revoked)
		for _, i := range setOf(c.Assigned).list {
			if other, twice := given[i]; twice {
				g.t.Fatalf("%v is assigned to %s and to %s in one round", i, other, id)
			}
			given[i] = id
			if !configured.has(i) {
				g.t.Fatalf("%v is assigned to %s but not configured", i, id)
			}
			if active.has(i) {
				g.t.Fatalf("%v is assigned to %s while it still runs", i, id)
			}
			if revoked.has(i) {
				g.t.Fatalf("%v is assigned to and revoked from %s in one round", i, id)
			}
		}
		for _, i := range setOf(r.Members[id]).list {
			if (!configured.has(i) || duplicated.has(i)) && !revoked.has(i) {
				g.t.Fatalf("%v still runs on %s: configured %v, duplicated %v", i, id, configured.has(i), duplicated.has(i))
			}
		}
		total := newLoad(id, r.Members[id])
		total.remove(revoked)
		total.add(setOf(c.Assigned).list...)
		if want, got := sortedWork(total.all().work()), sortedWork(c.Total); !equalWork(want, got) {
			g.t.Fatalf("total of %s is %v, want %v", id, got, want)
		}
	}
	g.checkBalanced(r, plan)
	if plan.Delay < 0 || plan.Delay > r.MaxDelay || plan.Delay%time.Millisecond != 0 {
		g.t.Fatalf("delay %v, allowed is up to %v", plan.Delay, r.MaxDelay)
	}
}

// checkBalanced sees that what is stopped for the sake of balance must be: only workers above the even share give work away,
// none falls below it, and nothing is moved while lost work waits.
func (g *group) checkBalanced(r Round, plan Plan) {
	g.t.Helper()
	configured := setOf(r.Configured)
	_, duplicated := activeWork(r.Members)
	total := newLoad("", r.Configured)
	for id, c := range plan.Members {
		running, kept, moved := newLoad(id, r.Members[id]), newLoad(id, c.Total), newLoad(id, proto.Work{})
		for _, i := range setOf(c.Revoked).list {
			if running.has(i) && configured.has(i) && !duplicated.has(i) {
				moved.add(i)
			}
		}
		for k := range kinds {
			n := moved.size(k)
			if n > 0 && plan.Delay > 0 {
				g.t.Fatalf("%d of kind %d are moved away from %s during a delay of %v", n, k, id, plan.Delay)
			}
			if share := total.size(k) / len(r.Members); n > 0 && kept.size(k) < share {
				g.t.Fatalf("%d of kind %d are moved away from %s, which keeps %d of its share of %d", n, k, id, kept.size(k), share)
			}
		}
	}
}

// settle lets workers rejoin after revocations and delays until nothing is left to do.
func (g *group) settle() {
	g.t.Helper()
	if len(g.members) == 0 {
		return
	}
	for range 60 {
		plan := g.round(nil)
		revoked := false
		for _, c := range plan.Members {
			revoked = revoked || !c.Revoked.Empty()
		}
		if !revoked && plan.Delay == 0 {
			g.checkSettled()
			return
		}
		if !revoked {
			g.now = g.rejoinAt
		}
	}
	g.t.Fatalf("the group did not settle in 60 rounds: %v\nstate %+v", g.members, g.state)
}

func (g *group) checkSettled() {
	g.t.Helper()
	active, duplicated := activeWork(g.members)
	if !duplicated.empty() {
		g.t.Fatalf("settled with %v running twice", duplicated.list)
	}
	if want, got := sortedWork(g.configured()), sortedWork(active.work()); !equalWork(want, got) {
		g.t.Fatalf("settled with %v, want %v", got, want)
	}
	for k := range kinds {
		lo, hi := int(^uint(0)>>1), 0
		for id, w := range g.members {
			n := newLoad(id, w).size(k)
			lo, hi = min(lo, n), max(hi, n)
		}
		if hi-lo > 1 {
			g.t.Fatalf("settled with between %d and %d of kind %d: %v", lo, hi, k, g.members)
		}
	}
}

// act does one random thing to the group.
func (g *group) act(t *rapid.T) {
	ids := slices.Sorted(maps.Keys(g.members))
	switch rapid.IntRange(0, 9).Draw(t, "action") {
	case 0, 1:
		g.join()
	case 2, 3:
		if len(ids) > 1 {
			delete(g.members, rapid.SampledFrom(ids).Draw(t, "leaves"))
		}
	case 4, 5:
		g.config["c"+rapid.StringMatching(`[a-e]`).Draw(t, "connector")] = rapid.IntRange(0, 7).Draw(t, "tasks")
	case 6:
		if names := slices.Sorted(maps.Keys(g.config)); len(names) > 0 {
			delete(g.config, rapid.SampledFrom(names).Draw(t, "deleted"))
		}
	case 7:
		g.now = g.now.Add(time.Duration(rapid.IntRange(0, 400_000).Draw(t, "ms")) * time.Millisecond)
	case 8:
		// Another leader, or one that missed a generation.
		if rapid.Bool().Draw(t, "new leader") {
			g.state, g.completed = State{}, -1
		} else {
			g.gen++
			g.completed = g.gen
		}
	case 9:
		// A worker was away while its work went to others.
		if len(ids) > 0 {
			from, to := rapid.SampledFrom(ids).Draw(t, "from"), rapid.SampledFrom(ids).Draw(t, "to")
			l := newLoad(to, g.members[to])
			l.add(setOf(g.members[from]).list...)
			g.members[to] = l.all().work()
		}
	}
}

func sortedWork(w proto.Work) proto.Work { return setOf(w).without().work() }

func equalWork(a, b proto.Work) bool {
	return slices.Equal(a.Connectors, b.Connectors) && slices.Equal(a.Tasks, b.Tasks)
}
