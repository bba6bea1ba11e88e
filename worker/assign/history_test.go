package assign

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// history is the random life of a Connect group: what happens between its rounds, and what its workers make of each round.
type history struct {
	seed     uint64
	rng      *rand.Rand
	maxDelay time.Duration
	now      time.Time
	gen      int32
	// configs are the states of the config topic; each one's offset is its place in the list.
	configs []*cluster.Snapshot
	// members are in the group, away are processes that fell out of it and go on; leader is one of members.
	members, away []*process
	leader        *process
	// restarts is when killed workers come back, with nothing.
	restarts []time.Time
	// rejoinAt is when the last round's delay ends, zero for none.
	rejoinAt time.Time
	started  int
	// latest is the newest subprotocol that members without a limit of their own speak.
	latest proto.Protocol
	// rounds are those so far.
	rounds []round
	// happened is what a failure shows.
	happened []string
	// seen counts what histories are meant to reach.
	seen map[string]int
}

// process is one run of a worker.
type process struct {
	name, member string
	slot         int
	eagerOnly    bool
	// read is the config offset that it has read to.
	read int
	// completed is the last generation in which it got an assignment, -1 for none.
	completed int32
	// current is its assignment, nil before the first and when it knows that it fell out of the group.
	current *proto.Assignment
	// state is what it remembers as a leader.
	state State
}

// maxMembers is how many slots a hash map has for members without growing in another order, see memberID.
const maxMembers = 15

func newHistory(seed uint64, limits []time.Duration, seen map[string]int) *history {
	rng := rand.New(rand.NewPCG(seed, 0))
	h := &history{
		seed: seed, rng: rng, maxDelay: limits[rng.IntN(len(limits))], now: time.UnixMilli(1_700_000_000_000), seen: seen,
		configs: []*cluster.Snapshot{{Offset: 0}}, latest: proto.Sessioned,
	}
	h.happened = append(h.happened, fmt.Sprintf("a group with a maximum delay of %v", h.maxDelay))
	if rng.IntN(4) == 0 {
		h.latest = proto.Compatible
	}
	for range 1 + rng.IntN(4) {
		h.join(false)
	}
	for range rng.IntN(4) {
		h.configure()
	}
	return h
}

func (h *history) note(kind, format string, args ...any) {
	h.seen[kind]++
	h.happened = append(h.happened, fmt.Sprintf(format, args...))
}

// protocol is what the broker elects: the newest that all members speak.
func (h *history) protocol() proto.Protocol {
	if slices.ContainsFunc(h.members, func(p *process) bool { return p.eagerOnly }) {
		return proto.Eager
	}
	return h.latest
}

// memberID makes an id whose place in Java's hash maps is its slot, so that Java takes members in the order of their ids, as
// connectd always does. No two processes ever have the same id.
func (h *history) memberID(slot int) string {
	h.started++
	prefix := fmt.Sprintf("connect-%c:8083-%d-", 'A'+slot, h.started)
	for n := 0; ; n++ {
		id := prefix + strconv.Itoa(n)
		var hash uint32
		for i := range len(id) {
			hash = hash*31 + uint32(id[i])
		}
		if (hash^hash>>16)%32 == uint32(slot) {
			return id
		}
	}
}

// enter gives the process a member id; it tells whether there was room in the group.
func (h *history) enter(p *process) bool {
	var free []int
	for slot := 1; slot <= maxMembers; slot++ {
		if !slices.ContainsFunc(h.members, func(p *process) bool { return p.slot == slot }) {
			free = append(free, slot)
		}
	}
	if len(free) == 0 {
		return false
	}
	p.slot = free[h.rng.IntN(len(free))]
	p.member = h.memberID(p.slot)
	h.members = append(h.members, p)
	slices.SortFunc(h.members, func(a, b *process) int { return a.slot - b.slot })
	return true
}

func (h *history) join(eagerOnly bool) {
	p := &process{name: fmt.Sprintf("p%d", h.started+1), completed: -1, eagerOnly: eagerOnly}
	if h.enter(p) {
		h.note("join", "%s joins as %s, eager only: %v", p.name, p.member, eagerOnly)
	}
}

// leave takes a random member out of the group, unless it is the last one.
func (h *history) leave() *process {
	if len(h.members) < 2 {
		return nil
	}
	n := h.rng.IntN(len(h.members))
	p := h.members[n]
	h.members = slices.Delete(h.members, n, n+1)
	return p
}

// act has one thing happen.
func (h *history) act() {
	switch n := h.rng.IntN(100); {
	case n < 14:
		h.join(false)
	case n < 20:
		if p := h.leave(); p != nil {
			h.note("leave", "%s leaves", p.name)
		}
	case n < 34:
		if p := h.leave(); p != nil {
			h.restarts = append(h.restarts, h.now.Add(h.upTo(h.maxDelay+h.maxDelay/4+time.Second)))
			h.note("kill", "%s is killed and comes back in %v", p.name, h.restarts[len(h.restarts)-1].Sub(h.now))
		}
	case n < 39:
		h.fallOut()
	case n < 44:
		h.comeBack()
	case n < 68:
		h.configure()
	case n < 90:
		h.pass()
	case n < 93:
		h.join(true)
	default:
		for i, p := range h.members {
			if p.eagerOnly && len(h.members) > 1 {
				h.members = slices.Delete(h.members, i, i+1)
				h.note("upgrade", "%s, which speaks eager only, leaves", p.name)
				return
			}
		}
	}
}

// fallOut is a session that expires; the process goes on.
func (h *history) fallOut() {
	if p := h.leave(); p != nil {
		if h.rng.IntN(2) == 0 {
			p.current = nil // it noticed and stopped its work
		}
		h.away = append(h.away, p)
		h.note("fall out", "%s falls out of the group, with its work: %v", p.name, p.current != nil)
	}
}

func (h *history) comeBack() {
	if len(h.away) == 0 {
		return
	}
	n := h.rng.IntN(len(h.away))
	if p := h.away[n]; h.enter(p) {
		h.away = slices.Delete(h.away, n, n+1)
		h.note("come back", "%s comes back as %s, with its work: %v", p.name, p.member, p.current != nil)
	}
}

// configure creates, changes or deletes a connector.
func (h *history) configure() {
	last := h.configs[len(h.configs)-1]
	next := &cluster.Snapshot{Offset: last.Offset + 1, Connectors: maps.Clone(last.Connectors)}
	if next.Connectors == nil {
		next.Connectors = map[string]*cluster.Connector{}
	}
	name := fmt.Sprintf("c%d", h.rng.IntN(6))
	c := &cluster.Connector{Name: name, Tasks: make([]map[string]string, h.tasks())}
	old, exists := next.Connectors[name]
	switch n := h.rng.IntN(10); {
	case exists && n < 3:
		delete(next.Connectors, name)
		h.note("delete", "%s is deleted", name)
	case exists && n == 3:
		c.Tasks, c.Inconsistent = old.Tasks, !old.Inconsistent
		next.Connectors[name] = c
		h.note("inconsistent", "%s has inconsistent task configs: %v", name, c.Inconsistent)
	default:
		next.Connectors[name] = c
		h.note("configure", "%s has %d tasks", name, len(c.Tasks))
	}
	h.configs = append(h.configs, next)
}

// tasks is how many tasks a connector gets: few mostly, sometimes more than there are workers.
func (h *history) tasks() int {
	if h.rng.IntN(8) == 0 {
		return h.rng.IntN(40)
	}
	return h.rng.IntN(7)
}

// pass lets time go by; most moments of interest lie around the end of a delay.
func (h *history) pass() {
	before := h.now
	switch n := h.rng.IntN(12); {
	case n < 2:
		h.now = h.now.Add(h.upTo(50 * time.Millisecond))
	case n < 4:
		h.now = h.now.Add(h.upTo(h.maxDelay))
	case n == 4:
		h.now = h.now.Add(h.upTo(4*h.maxDelay + time.Minute))
	case n == 5:
		h.now = h.now.Add(-h.upTo(5 * time.Second)) // somebody set the clock
	case !h.rejoinAt.IsZero():
		h.now = h.rejoinAt.Add(time.Duration(n%3-1) * time.Millisecond)
	}
	h.note("pass", "%v pass", h.now.Sub(before))
}

// upTo is a random time of whole milliseconds, at most limit.
func (h *history) upTo(limit time.Duration) time.Duration {
	return time.Duration(h.rng.Int64N(limit.Milliseconds()+1)) * time.Millisecond
}

// next goes on to the next round: things happen, members read the config topic, and there is a leader.
func (h *history) next() {
	for range max(0, h.rng.IntN(5)-1) {
		h.act()
	}
	h.restarts = slices.DeleteFunc(h.restarts, func(at time.Time) bool {
		due := !h.now.Before(at)
		if due {
			h.join(false)
		}
		return due
	})
	for _, p := range h.members {
		if p.read < len(h.configs)-1 && h.rng.IntN(8) > 0 {
			p.read = len(h.configs) - 1
		}
	}
	if !slices.Contains(h.members, h.leader) {
		h.leader = h.members[h.rng.IntN(len(h.members))]
		h.note("lead", "%s leads", h.leader.name)
	}
	h.gen += 1 + int32(h.rng.IntN(8)/7) // sometimes a round comes to nothing
}

// take has the members take their assignments in as a Java worker's coordinator does, which puts what is new before what it had.
// Sometimes the answer does not reach a member, or the leader cannot hand in any.
func (h *history) take(t *testing.T, assignments map[string][]byte) {
	t.Helper()
	incremental := h.protocol().Incremental()
	if h.rng.IntN(20) == 0 {
		h.note("leader misses", "nobody gets an answer in generation %d", h.gen)
		return
	}
	lossy := h.rng.IntN(10) == 0
	h.rejoinAt = time.Time{}
	for _, p := range h.members {
		a, err := proto.DecodeAssignment(assignments[p.member])
		if err != nil {
			t.Fatal(err)
		}
		if a.Delay > 0 {
			h.rejoinAt = time.UnixMilli(h.now.UnixMilli()).Add(a.Delay)
		}
		if lossy && h.rng.IntN(3) == 0 {
			h.note("member misses", "%s gets no answer in generation %d", p.name, h.gen)
			continue
		}
		if incremental && p.current != nil {
			kept := setOf(a.Assigned)
			old := setOf(p.current.Assigned)
			old.remove(setOf(a.Revoked))
			kept.add(old.list...)
			a.Assigned = kept.work()
		}
		p.current, p.completed = a, h.gen
	}
}
