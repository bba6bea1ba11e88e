package herder

import (
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
)

// write is the config topic write under way. Only one is, so that each decision sees the outcome of the one before.
type write struct {
	reply  ReplyID
	result Result
	// connector is set when the write publishes task configs that were generated here.
	connector   string
	incarnation Incarnation
	// fencing is set to the connector when the write ends a round of fencing.
	fencing string
}

// serveRequests answers requests in the order in which they came, once the group has settled. A request that writes holds
// up the others until its write is read back, and one that changes offsets those about the same connector.
func (h *Herder) serveRequests() {
	for h.settled() && h.mayWrite() {
		i := slices.IndexFunc(h.requests, func(r Requested) bool { return !h.heldUp(r.Op) })
		if i < 0 {
			return
		}
		r := h.requests[i]
		h.requests = slices.Delete(h.requests, i, i+1)
		h.serve(r)
	}
}

// mayWrite tells whether the outcome of the last write is known, and a leader has its privilege.
func (h *Herder) mayWrite() bool {
	return h.writing == nil && !h.unread && (!h.cfg.Fenceable || !h.isLeader() || h.claimed)
}

// claimWrites has a new leader take the privilege to write, which fences off the one before, and one that leads no more give it up.
func (h *Herder) claimWrites() {
	switch {
	case !h.cfg.Fenceable:
	case !h.isLeader():
		if h.claimed {
			h.claimed = false
			h.emit(RelinquishWrites{})
		}
	case !h.claimed && !h.claiming:
		h.claiming = true
		h.emit(ClaimWrites{})
	}
}

// writesClaimed goes on with the privilege, or tries again.
func (h *Herder) writesClaimed(err error) {
	if err != nil {
		h.note(Warn, "the leader could not claim its privilege to write to the config topic; trying again", "error", err.Error(), "retry-in", holdTime)
		h.emit(SetTimer{Timer: Timer{Kind: TimerClaim}, At: h.now.Add(holdTime)})
		return
	}
	h.claiming, h.claimed = false, true
}

// repairStopped has the leader clear task configs of stopped connectors. Stopping clears them, but a worker that took
// itself for the leader a moment too long may have written some since.
func (h *Herder) repairStopped() {
	if !h.settled() || !h.isLeader() || !h.mayWrite() || h.hold {
		return
	}
	stale := func(_ string, c *cluster.Connector) bool {
		return c.Target == cluster.TargetStopped && len(c.Tasks) > 0
	}
	if names := sortedWhere(h.snap.Connectors, strings.Compare, stale); len(names) > 0 {
		h.startWrite(write{}, TasksRecord{Name: names[0]})
	}
}

func (h *Herder) withdraw(id ReplyID) {
	h.requests = slices.DeleteFunc(h.requests, func(r Requested) bool { return r.Reply == id })
	for _, w := range h.work {
		w.waiting = slices.DeleteFunc(w.waiting, func(r ReplyID) bool { return r == id })
	}
	for _, f := range h.fencings {
		f.waiting = slices.DeleteFunc(f.waiting, func(r ReplyID) bool { return r == id })
	}
	for work, waiting := range h.carried {
		h.carried[work] = slices.DeleteFunc(waiting, func(r ReplyID) bool { return r == id })
	}
}

func (h *Herder) serve(r Requested) {
	var err error
	switch op := r.Op.(type) {
	case PutConnector:
		err = h.putConnector(r.Reply, op)
	case PatchConnector:
		err = h.patchConnector(r.Reply, op)
	case DeleteConnector:
		err = h.deleteConnector(r.Reply, op)
	case SetTarget:
		err = h.setTarget(r.Reply, op)
	case RestartWork:
		err = h.restartWork(r.Reply, op)
	case RequestRestart:
		err = h.requestRestart(r.Reply, op)
	case PutTaskConfigs:
		err = h.putTaskConfigs(r.Reply, op)
	case ChangeOffsets:
		err = h.changeOffsets(r.Reply, op)
	case publishTasks:
		h.publishTasks(op)
		return
	case Ping:
		h.reply(r.Reply, Result{}, nil)
		return
	}
	if err != nil {
		h.reply(r.Reply, Result{}, err)
	}
}

// startWrite begins a write; its outcome answers the request.
func (h *Herder) startWrite(w write, recs ...ConfigRecord) {
	h.writing = &w
	h.emit(Write{Records: recs})
}

// written ends a write. A failed one may still have reached the topic, so the topic is read to its end before the next
// decision.
func (h *Herder) written(err error) {
	w := h.writing
	h.writing = nil
	if w == nil {
		return
	}
	if err != nil {
		h.claimed = false // if it had to do with that, nothing can be written before it is taken back
	}
	switch {
	case w.fencing != "":
		h.endFencing(w.fencing, err)
	case w.reply == 0 && w.connector == "" && err != nil:
		h.note(Warn, "the leader could not write to the config topic; trying again", "error", err.Error())
		h.hold = true
		h.emit(SetTimer{Timer: Timer{Kind: TimerKey}, At: h.now.Add(holdTime)})
	case w.connector != "":
		h.published(w.connector, w.incarnation, err)
	case err != nil:
		h.reply(w.reply, Result{}, err)
	default:
		h.reply(w.reply, w.result, nil)
	}
	if err != nil {
		h.unread = true
		h.readConfig(false)
	}
}

func (h *Herder) notLeader() error {
	return &cluster.NotLeader{LeaderURL: h.group.leaderURL}
}

func (h *Herder) known(format, name string) error {
	if h.snap.Connectors[name] == nil {
		return cluster.NotFound(format, name)
	}
	return nil
}

func (h *Herder) putConnector(to ReplyID, op PutConnector) error {
	if !h.isLeader() {
		return h.notLeader()
	}
	exists := h.snap.Connectors[op.Name] != nil
	if exists && !op.AllowReplace {
		return cluster.Conflict("Connector %s already exists", op.Name)
	}
	h.startWrite(write{reply: to, result: Result{Created: !exists, Tasks: h.snap.TaskIDs(op.Name)}},
		ConnectorRecord{Name: op.Name, Config: op.Config, Target: op.Target})
	return nil
}

func (h *Herder) patchConnector(to ReplyID, op PatchConnector) error {
	if !h.isLeader() {
		return h.notLeader()
	}
	c := h.snap.Connectors[op.Name]
	if c == nil {
		return cluster.NotFound("Connector %s not found", op.Name)
	}
	if !maps.Equal(c.Config, op.Base) {
		return cluster.ErrRebalancing
	}
	h.startWrite(write{reply: to, result: Result{Tasks: h.snap.TaskIDs(op.Name)}},
		ConnectorRecord{Name: op.Name, Config: op.Config})
	return nil
}

func (h *Herder) deleteConnector(to ReplyID, op DeleteConnector) error {
	if !h.isLeader() {
		return h.notLeader()
	}
	if err := h.known("Connector %s not found", op.Name); err != nil {
		return err
	}
	h.startWrite(write{reply: to}, RemoveRecord(op))
	return nil
}

// setTarget pauses and resumes on any worker, as Java does. Stopping also clears the task configs, which only the leader
// may write; they go first, so that a failure between the two leaves a connector that generates its tasks again.
func (h *Herder) setTarget(to ReplyID, op SetTarget) error {
	if op.Target == cluster.TargetStopped && !h.isLeader() {
		return h.notLeader()
	}
	if err := h.known("Unknown connector %s", op.Name); err != nil {
		return err
	}
	target := TargetRecord(op)
	if op.Target != cluster.TargetStopped {
		h.startWrite(write{reply: to}, target)
		return nil
	}
	h.startWrite(write{reply: to}, TasksRecord{Name: op.Name}, target)
	return nil
}

// restartWork restarts what runs here; what runs elsewhere is the leader's to find.
func (h *Herder) restartWork(to ReplyID, op RestartWork) error {
	id := op.Work
	if id.Task == Itself {
		if err := h.known("Unknown connector: %s", id.Connector); err != nil {
			return err
		}
	} else if err := h.knownTask(id); err != nil {
		return err
	}
	if h.assigned[id] {
		w := h.work[id]
		if w == nil && h.awaitsFencing(id) {
			h.reply(to, Result{}, nil) // it starts as soon as it may
			return nil
		}
		if w == nil {
			h.start(id, []ReplyID{to})
			return nil
		}
		w.restart = true
		w.waiting = append(w.waiting, to)
		h.reconcile()
		return nil
	}
	if !h.isLeader() {
		return h.notLeader()
	}
	if url := h.group.owner(id); url != "" {
		return &cluster.NotAssigned{OwnerURL: url}
	}
	return cluster.ErrRebalancing
}

func (h *Herder) knownTask(id Work) error {
	c := h.snap.Connectors[id.Connector]
	if c == nil {
		return cluster.NotFound("Unknown connector: %s", id.Connector)
	}
	if c.Target == cluster.TargetStopped {
		return cluster.Conflict("Cannot restart task %s: its connector is stopped", id)
	}
	if h.snap.TaskConfig(id) == nil {
		return cluster.NotFound("Unknown task: %s", id)
	}
	return nil
}

func (h *Herder) requestRestart(to ReplyID, op RequestRestart) error {
	if !h.isLeader() {
		return h.notLeader()
	}
	if err := h.known("Unknown connector: %s", op.Name); err != nil {
		return err
	}
	h.startWrite(write{reply: to}, RestartRecord(op))
	return nil
}

func (h *Herder) putTaskConfigs(to ReplyID, op PutTaskConfigs) error {
	if !h.isLeader() {
		return h.notLeader()
	}
	if err := h.known("Connector %s not found", op.Name); err != nil {
		return err
	}
	if err := h.refuseTasksOfStopped(op.Name, op.Configs); err != nil {
		return err
	}
	h.startWrite(write{reply: to}, TasksRecord(op))
	return nil
}

func (h *Herder) refuseTasksOfStopped(name string, configs []map[string]string) error {
	if len(configs) > 0 && h.snap.Connectors[name].Target == cluster.TargetStopped {
		return cluster.BadRequest("Cannot submit non-empty set of task configs for stopped connector %s", name)
	}
	return nil
}

// publishTasks writes task configs generated on this worker. Leadership and configs may have changed since.
func (h *Herder) publishTasks(op publishTasks) {
	c := h.snap.Connectors[op.name]
	g := h.gen[op.name]
	if c == nil || g == nil || g.incarnation != op.incarnation {
		return
	}
	if !h.isLeader() || h.refuseTasksOfStopped(op.name, op.configs) != nil {
		g.busy, g.wanted = false, true
		return
	}
	h.startWrite(write{connector: op.name, incarnation: op.incarnation}, TasksRecord{Name: op.name, Configs: op.configs})
}
