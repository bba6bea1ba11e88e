package herder

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/internal/cluster"
)

// fencing is a round in which the leader has the producers of a connector's earlier tasks fenced off, and then records how many
// tasks there are to fence off next time (KIP-618). All who ask for it meanwhile share it.
type fencing struct {
	round uint64
	// gen is tasksGen when it began: newer task configs end it.
	gen     uint64
	count   int // of tasks to record
	fenced  bool
	writing bool
	waiting []ReplyID
	// change waits for it.
	change *ChangeOffsets
}

// unfenced is a connector with tasks here that wait for such a round.
type unfenced struct {
	gen      uint64
	busy     bool
	attempts int
	due      time.Time
}

// Bounds of the backoff between requests for a round, and how many failures are passed over before they stand in the tasks' status.
const (
	fenceBackoffMin = 250 * time.Millisecond
	fenceBackoffMax = time.Minute
	fencePatience   = 3
)

// awaitsFencing tells whether a task is to be started only after the producers of its predecessors were fenced off.
func (h *Herder) awaitsFencing(id Work) bool {
	c := h.snap.Connectors[id.Connector]
	return h.cfg.ExactlyOnce && id.Task != Itself && c != nil && c.FencingPending && h.isSource(c)
}

func (h *Herder) isSource(c *cluster.Connector) bool {
	return h.cfg.Source != nil && h.cfg.Source(c.Config)
}

// requestFencing asks the leader for rounds for these connectors. That one has been held shows in the config topic.
func (h *Herder) requestFencing(names map[string]bool) {
	for name := range h.unfenced {
		if !names[name] {
			delete(h.unfenced, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		u := h.unfenced[name]
		if u == nil || u.gen != h.tasksGen[name] {
			u = &unfenced{gen: h.tasksGen[name]}
			h.unfenced[name] = u
		}
		switch {
		case u.busy || h.now.Before(u.due):
		case h.isLeader():
			u.busy = true
			if err := h.fence(0, name); err != nil {
				h.fencingAnswered(name, u.gen, err)
			}
		default:
			u.busy = true
			h.emit(RequestFencing{LeaderURL: h.group.leaderURL, Connector: name, Round: u.gen})
		}
	}
}

// fencingAnswered is what became of a request. If all went well the record is about to be read; asking again is for when it is not.
func (h *Herder) fencingAnswered(name string, gen uint64, err error) {
	u := h.unfenced[name]
	if u == nil || u.gen != gen {
		return
	}
	wait := min(fenceBackoffMin<<min(u.attempts, 20), fenceBackoffMax)
	u.busy, u.due = false, h.now.Add(wait)
	u.attempts++
	h.emit(SetTimer{Timer: Timer{Kind: TimerFencing, Connector: name}, At: u.due})
	if err == nil {
		return
	}
	h.note(Warn, "tasks wait until the producers of their predecessors are fenced off", "connector", name, "error", err.Error(), "retry-in", wait)
	if u.attempts <= fencePatience {
		return
	}
	waits := func(id Work, _ bool) bool { return id.Connector == name && h.work[id] == nil && h.awaitsFencing(id) }
	for _, id := range sortedWhere(h.assigned, Work.Compare, waits) {
		h.writeStatus(id, cluster.Unassigned, "Failed to perform round of zombie fencing; it is tried again: "+err.Error(), false)
	}
}

// serveFencing serves requests for rounds: they come from tasks that start, perhaps on workers that the next rebalance waits for,
// so that they do not wait for it.
func (h *Herder) serveFencing() {
	if !h.group.member {
		return
	}
	var rest []Requested
	for _, r := range h.requests {
		op, is := r.Op.(FenceZombies)
		if !is {
			rest = append(rest, r)
			continue
		}
		if err := h.fence(r.Reply, op.Name); err != nil {
			h.reply(r.Reply, Result{}, err)
		}
	}
	h.requests = rest
}

// fence joins a request to the round of its connector, which begins if there is none, or answers it if none is needed.
func (h *Herder) fence(to ReplyID, name string) error {
	if !h.isLeader() {
		return h.notLeader()
	}
	if err := h.known("Connector %s not found", name); err != nil {
		return err
	}
	c := h.snap.Connectors[name]
	if !h.isSource(c) {
		return cluster.BadRequest("Connector %s is not a source connector", name)
	}
	if !c.FencingPending {
		h.reply(to, Result{}, nil)
		return nil
	}
	f := h.beginFencing(name, c)
	f.waiting = append(f.waiting, to)
	return nil
}

func (h *Herder) beginFencing(name string, c *cluster.Connector) *fencing {
	if f := h.fencings[name]; f != nil {
		return f
	}
	h.lastRound++
	f := &fencing{round: h.lastRound, gen: h.tasksGen[name], count: len(c.Tasks)}
	if c.Inconsistent {
		f.count = len(c.EarlyTasks)
	}
	h.fencings[name] = f
	// Without a record there were no transactional producers; and a single task fences off a single one by itself.
	if c.TaskCountRecord < 0 || c.TaskCountRecord == 1 && f.count == 1 {
		f.fenced = true
	} else {
		h.emit(FenceTasks{Connector: name, Round: f.round, Tasks: c.TaskCountRecord, Config: c.Config})
	}
	return f
}

func (h *Herder) tasksFenced(ev TasksFenced) {
	f := h.fencings[ev.Connector]
	switch {
	case f == nil || f.round != ev.Round:
	case ev.Err != nil:
		h.endFencing(ev.Connector, cluster.Errorf(cluster.CodeInternal, "Failed to perform zombie fencing: %s", ev.Err))
	default:
		f.fenced = true
	}
}

// advanceFencing writes the record of a round that has done its work, and ends those that this worker may not lead any more.
func (h *Herder) advanceFencing() {
	if len(h.fencings) == 0 {
		return
	}
	for _, name := range slices.SortedFunc(maps.Keys(h.fencings), strings.Compare) {
		f, c := h.fencings[name], h.snap.Connectors[name]
		switch {
		case f.writing:
		case !h.isLeader():
			h.endFencing(name, h.notLeader())
		case c == nil:
			h.endFencing(name, cluster.NotFound("Connector %s not found", name))
		case f.gen != h.tasksGen[name]:
			h.endFencing(name, cluster.Conflict("Failed to complete zombie fencing because a new set of task configs was generated"))
		case f.fenced && h.mayWrite():
			f.writing = true
			h.startWrite(write{fencing: name}, TaskCountRecord{Name: name, Tasks: f.count})
		}
	}
}

// endFencing answers all who wait for a round.
func (h *Herder) endFencing(name string, err error) {
	f := h.fencings[name]
	if f == nil {
		return
	}
	delete(h.fencings, name)
	for _, to := range f.waiting {
		h.reply(to, Result{}, err)
	}
	h.fencingAnswered(name, f.gen, err)
	if f.change != nil {
		h.changeFenced(f.change, err)
	}
}
