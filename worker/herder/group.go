package herder

import (
	"slices"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/assign"
	"github.com/connectd/connectd/worker/proto"
)

// group is what the machine knows of its membership.
type group struct {
	// rejoin: a JoinGroup must be sent; joining: one is under way.
	rejoin, joining bool
	reason          string // of the rejoin, for the broker's log
	// reading: the config topic is being read to its end, and nothing may be decided before.
	reading bool
	// rejoinAfterRead: rejoin once that is done.
	rejoinAfterRead bool
	// backingOff: out of the group until TimerRejoin.
	backingOff bool
	// member: assigned and not lost since. resolved: and its configs were found to be those of the assignment.
	member, resolved bool
	assignedOnce     bool
	generation       int32
	memberID         string
	leaderID         string
	leaderURL        string
	protocol         proto.Protocol
	// offset is the config offset that the assignment was made with.
	offset int64
	// mismatches counts the last rounds, in a row, in which the leader was behind a member.
	mismatches int
	// memory is what this worker remembers of the rounds that it led; its generations tell what has aged.
	memory assign.State
	// urls and owners tell, on the leader, where work runs.
	urls   map[string]string
	owners map[Work]string
}

func (g *group) owner(id Work) string { return g.urls[g.owners[id]] }

// settled tells whether this worker is a member, no round is needed or under way, and its configs are those of the
// assignment or newer.
func (h *Herder) settled() bool {
	g := &h.group
	return g.member && g.resolved && !g.rejoin && !g.joining && !g.reading && !g.backingOff
}

func (h *Herder) isLeader() bool {
	return h.group.member && h.group.memberID != "" && h.group.memberID == h.group.leaderID
}

func (h *Herder) requestRejoin(reason string) {
	if !h.group.rejoin {
		h.note(Debug, "rejoining the group", "reason", reason)
		h.group.reason = reason
	}
	h.group.rejoin = true
}

// maybeJoin sends JoinGroup when one is due and nothing stands in its way: work that was taken away must have ended, and
// under the eager protocol all work.
func (h *Herder) maybeJoin() {
	g := &h.group
	if !g.rejoin || g.joining || g.reading || g.backingOff || h.closing {
		return
	}
	if g.member && !g.protocol.Incremental() && len(h.work) > 0 {
		clear(h.assigned)
		h.reconcile()
	}
	if h.stoppingUnwanted() {
		return
	}
	offers, err := proto.Offers(h.cfg.Protocol, proto.Metadata{
		URL: h.cfg.WorkerURL, ConfigOffset: h.snap.Offset, Assignment: h.currentAssignment(),
	})
	if err != nil {
		h.note(Error, "the group metadata cannot be encoded", "error", err.Error())
		return
	}
	g.rejoin, g.joining = false, true
	completed := int32(-1)
	if g.member {
		completed = g.generation
	}
	h.emit(Join{Completed: completed, Offers: offers, Reason: g.reason})
}

// rebalanceNeeded rejoins, unless the JoinGroup that answers this very call is already on its way.
func (h *Herder) rebalanceNeeded(ev RebalanceNeeded) {
	if h.group.joining && h.group.member && ev.Generation == h.group.generation {
		return
	}
	h.group.joining = false
	h.requestRejoin(ev.Reason)
}

// currentAssignment is what this worker still has, for the leader to build on; nil before the first assignment.
//
// Java also puts in what the last round revoked, and its delay, which no leader reads. Without them a follower's metadata may
// be the same as before, and the broker then answers its JoinGroup with the present generation instead of a new round. That
// happens only where the leader rejoins for the same reason, which always makes a round: at the end of a delay, and after a
// config mismatch. A revocation, and configs read since, change the metadata.
func (h *Herder) currentAssignment() *proto.Assignment {
	g := &h.group
	if !g.member {
		return nil
	}
	a := &proto.Assignment{Leader: g.leaderID, LeaderURL: g.leaderURL, ConfigOffset: g.offset}
	for id := range h.assigned {
		if id.Task == Itself {
			a.Assigned.Connectors = append(a.Assigned.Connectors, id.Connector)
		} else {
			a.Assigned.Tasks = append(a.Assigned.Tasks, id)
		}
	}
	slices.Sort(a.Assigned.Connectors)
	slices.SortFunc(a.Assigned.Tasks, cluster.TaskID.Compare)
	return a
}

// joined answers a round as its leader.
func (h *Herder) joined(ev Joined) {
	g := &h.group
	if g.backingOff {
		return // said before the coordinator heard that this worker leaves
	}
	out, memory, err := assign.Lead(g.memory, assign.Input{
		Leader: ev.MemberID, Protocol: ev.Protocol, Members: ev.Members, Snapshot: h.snap,
		Generation: ev.Generation, LastCompleted: g.generation, Now: h.now, MaxDelay: h.cfg.RebalanceDelay,
	})
	if err != nil {
		h.note(Error, "this round's assignments cannot be made", "error", err.Error())
		h.emit(Sync{Generation: ev.Generation})
		return
	}
	g.memory = memory
	g.urls, g.owners = out.URLs, map[Work]string{}
	for member, w := range out.Totals {
		for _, c := range w.Connectors {
			g.owners[Work{Connector: c, Task: Itself}] = member
		}
		for _, t := range w.Tasks {
			g.owners[t] = member
		}
	}
	for member, err := range out.Unreadable {
		h.note(Warn, "a member's metadata cannot be read; it gets no work", "member", member, "error", err.Error())
	}
	h.note(Info, "leading a rebalance", "generation", ev.Generation, "members", len(ev.Members), "delay", out.Delay,
		"config-offset", out.ConfigOffset, "config-mismatch", out.Mismatch)
	h.emit(Sync{Generation: ev.Generation, Assignments: out.Encoded})
}

// roundCompleted takes in an assignment. What it revokes stops at once; what it adds starts when the configs that this
// worker has read are exactly those that the leader assigned by.
func (h *Herder) roundCompleted(ev Assigned) {
	g := &h.group
	if g.backingOff {
		return
	}
	g.joining = false
	a, err := proto.DecodeAssignment(ev.Assignment)
	if err != nil {
		h.note(Error, "the leader's assignment cannot be read; rejoining", "error", err.Error())
		h.requestRejoin("unreadable assignment")
		return
	}
	// A rejoin asked for while the round was under way is moot when the assignment was made with the newest configs;
	// checkOffset asks for it again where it was not.
	g.rejoin = false
	g.member, g.resolved, g.assignedOnce = true, false, true
	g.generation, g.memberID, g.protocol = ev.Generation, ev.MemberID, ev.Protocol
	g.leaderID, g.leaderURL, g.offset = a.Leader, a.LeaderURL, a.ConfigOffset
	h.note(Info, "joined the group", "generation", ev.Generation, "member", ev.MemberID, "protocol", ev.Protocol.String(),
		"leader", a.LeaderURL, "connectors", len(a.Assigned.Connectors), "tasks", len(a.Assigned.Tasks),
		"revoked", a.Revoked.Len(), "delay", a.Delay, "config-offset", a.ConfigOffset)
	if g.memberID != g.leaderID {
		g.urls, g.owners = nil, nil
	}
	if a.Failed() {
		g.mismatches++
	} else {
		if g.mismatches > 1 {
			h.emit(SetTimer{Timer: Timer{Kind: TimerMismatch}, At: time.Time{}})
		}
		g.mismatches = 0
		h.takeAssignment(a)
	}
	if a.Delay > 0 {
		h.emit(SetTimer{Timer: Timer{Kind: TimerRebalance}, At: h.now.Add(a.Delay)})
	} else {
		h.emit(SetTimer{Timer: Timer{Kind: TimerRebalance}, At: time.Time{}})
	}
	switch {
	case a.Failed():
		h.note(Warn, "the leader's configs are behind; reading on and rejoining")
		h.readConfig(true)
	case h.snap.Offset < a.ConfigOffset:
		h.readConfig(false)
	default:
		h.checkOffset()
	}
	if h.isLeader() && !a.Failed() {
		h.emit(CleanStatuses{Snapshot: h.snap})
	}
}

func (h *Herder) takeAssignment(a *proto.Assignment) {
	if !h.group.protocol.Incremental() {
		clear(h.assigned)
	}
	each := func(w proto.Work, f func(Work)) {
		for _, c := range w.Connectors {
			f(Work{Connector: c, Task: Itself})
		}
		for _, t := range w.Tasks {
			f(t)
		}
	}
	each(a.Revoked, func(id Work) { delete(h.assigned, id) })
	each(a.Assigned, func(id Work) { h.assigned[id] = true })
	if !a.Revoked.Empty() {
		h.requestRejoin("work was revoked")
	}
}

// checkOffset rejoins when this worker has read past the configs that the leader assigned by, as Java does.
func (h *Herder) checkOffset() {
	if h.snap.Offset != h.group.offset {
		h.requestRejoin("the config topic moved on during the round")
		return
	}
	h.group.resolved = true
}

// lost ends all work: another worker may have been given it. The group is joined anew.
func (h *Herder) lost(reason string) {
	g := &h.group
	h.note(Warn, "not a member of the group any more; stopping all work and rejoining", "reason", reason)
	clear(h.assigned)
	g.member, g.resolved, g.joining, g.rejoin, g.reason = false, false, false, true, reason
	g.urls, g.owners = nil, nil
	h.emit(SetTimer{Timer: Timer{Kind: TimerRebalance}, At: time.Time{}})
}

// Bounds of the pause between rounds in which the leader stays behind: reading on does not help where the topic itself lost records.
const (
	mismatchPauseMin = 250 * time.Millisecond
	mismatchPauseMax = 10 * time.Second
)

// rejoinAfterRead rejoins at once, as reading on usually mends it; after a second mismatch only after a pause.
func (h *Herder) rejoinAfterRead() {
	again := h.group.mismatches - 2
	if again < 0 {
		h.requestRejoin("the config topic was read to its end")
		return
	}
	wait := min(mismatchPauseMin<<min(again, 10), mismatchPauseMax)
	h.note(Warn, "the leader's configs are still behind what a member has read; was the config topic truncated or made anew?",
		"rounds", h.group.mismatches, "retry-in", wait)
	h.emit(SetTimer{Timer: Timer{Kind: TimerMismatch}, At: h.now.Add(wait)})
}

func (h *Herder) readConfig(thenRejoin bool) {
	g := &h.group
	g.rejoinAfterRead = g.rejoinAfterRead || thenRejoin
	if g.reading {
		return
	}
	g.reading = true
	h.emit(ReadConfigToEnd{Timeout: h.cfg.SyncTimeout})
}

// readToEnd goes on after the config topic was read. When that failed and the group waits for this worker, the worker leaves,
// because it would block everyone else, and tries again after a backoff. Where only the outcome of a write is unknown, it
// goes on with what it runs and reads again soon.
func (h *Herder) readToEnd(err error) {
	g := &h.group
	g.reading = false
	switch {
	case err == nil:
		h.unread = false
	case h.unread && !g.rejoinAfterRead && (g.resolved || !g.member):
		h.note(Warn, "the config topic could not be read after a failed write; trying again", "error", err.Error(), "retry-in", holdTime)
		h.emit(SetTimer{Timer: Timer{Kind: TimerReread}, At: h.now.Add(holdTime)})
		return
	default:
		h.note(Warn, "the config topic could not be read to its end; leaving the group for a while",
			"error", err.Error(), "retry-in", h.cfg.UnsyncBackoff)
		clear(h.assigned)
		g.member, g.resolved, g.joining, g.rejoin, g.backingOff = false, false, false, true, true
		h.emit(Leave{Reason: "the config topic could not be read to its end"})
		h.emit(SetTimer{Timer: Timer{Kind: TimerRejoin}, At: h.now.Add(h.cfg.UnsyncBackoff)})
		return
	}
	if g.rejoinAfterRead {
		g.rejoinAfterRead = false
		h.rejoinAfterRead()
		return
	}
	if g.member && !g.resolved && !g.joining && !g.rejoin {
		h.checkOffset()
	}
}
