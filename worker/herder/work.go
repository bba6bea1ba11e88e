package herder

import (
	"maps"
	"slices"

	"github.com/connectd/connectd/internal/cluster"
)

// work is a connector or task that runs here, FAILED ones included, or is being stopped.
type work struct {
	incarnation Incarnation
	// configGen (of a connector) or tasksGen (of a task) that it was started with.
	gen      uint64
	target   cluster.TargetState
	state    cluster.State
	stopping bool
	// restart asks for a stop and a start although nothing changed.
	restart bool
	// waiting are requests that its start answers.
	waiting []ReplyID
	// note is what it last had to say, amiss what the worker has to say of it: the trace while it runs.
	note, amiss string
}

func (w *work) trace() string {
	if w.note == "" || w.amiss == "" {
		return w.amiss + w.note
	}
	return w.amiss + "\n" + w.note
}

func (h *Herder) genOf(id Work) uint64 {
	if id.Task == Itself {
		return h.configGen[id.Connector]
	}
	return h.tasksGen[id.Connector]
}

// exists tells whether the snapshot has such a connector or task.
func (h *Herder) exists(id Work) bool {
	c := h.snap.Connectors[id.Connector]
	if c == nil || id.Task == Itself {
		return c != nil
	}
	// A stopped connector's tasks end at once, although the group hears of it with the next round.
	return c.Target != cluster.TargetStopped && h.snap.TaskConfig(id) != nil
}

// reconcile makes what runs here follow what should: stops at once, starts only when the group has settled on the configs
// that this worker has read, so that nothing ever starts on stale configs or in two places.
func (h *Herder) reconcile() {
	for _, id := range sortedWhere(h.work, Work.Compare, h.outOfStep) {
		w := h.work[id]
		if !h.wanted(id, w) {
			w.stopping = true
			h.emit(StopWork{Work: id, Incarnation: w.incarnation})
			continue
		}
		w.target = h.snap.Connectors[id.Connector].Target
		h.emit(SetWorkTarget{Work: id, Incarnation: w.incarnation, Target: w.target})
	}
	if !h.settled() || h.closing {
		return
	}
	wait := map[string]bool{}
	for _, id := range sortedWhere(h.assigned, Work.Compare, func(id Work, _ bool) bool { return h.work[id] == nil && h.exists(id) }) {
		if h.awaitsFencing(id) {
			wait[id.Connector] = true
			continue
		}
		h.start(id, nil)
	}
	h.requestFencing(wait)
}

// outOfStep tells whether work is to be stopped or to be told of another target.
func (h *Herder) outOfStep(id Work, w *work) bool {
	return !w.stopping && (!h.wanted(id, w) || h.snap.Connectors[id.Connector].Target != w.target)
}

// wanted tells whether work may go on as it was started.
func (h *Herder) wanted(id Work, w *work) bool {
	return h.assigned[id] && h.exists(id) && !w.restart && w.gen == h.genOf(id)
}

// sortedWhere gives the keys that are wanted, in order. What is done for each of thousands of connectors after every event must
// not sort them all: few are wanted, mostly none.
func sortedWhere[K comparable, V any](m map[K]V, compare func(K, K) int, wanted func(K, V) bool) (keys []K) {
	for k, v := range m {
		if wanted(k, v) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compare)
	return keys
}

func (h *Herder) start(id Work, waiting []ReplyID) {
	h.lastI++
	c := h.snap.Connectors[id.Connector]
	h.work[id] = &work{incarnation: h.lastI, gen: h.genOf(id), target: c.Target, waiting: waiting}
	h.emit(StartWork{
		Work: id, Incarnation: h.lastI, Config: c.Config, TaskConfig: h.snap.TaskConfig(id), TasksOffset: c.TasksOffset, Target: c.Target,
	})
}

// stoppingUnwanted tells whether work that is not ours any more has not ended yet. Until then this worker does not rejoin,
// so that nobody else starts it.
func (h *Herder) stoppingUnwanted() bool {
	for id, w := range h.work {
		if w.stopping && (!h.assigned[id] || !h.exists(id)) {
			return true
		}
	}
	return false
}

func (h *Herder) reported(ev Reported) {
	w := h.work[ev.Work]
	if w == nil || w.incarnation != ev.Incarnation || w.stopping {
		return
	}
	w.state = ev.State
	trace := ev.Trace
	switch {
	case ev.State == cluster.Running:
		w.amiss = ""
		trace = w.trace()
	case ev.Work.Task == Itself:
		w.note = "" // the next one is another instance
	}
	if ev.Unmade {
		h.note(Error, "cannot be started", "work", workName(ev.Work), "error", ev.Trace)
	}
	h.writeStatus(ev.Work, ev.State, trace, false)
	h.answerStart(ev, w)
	if ev.Work.Task == Itself && ev.State == cluster.Running {
		h.requestGeneration(ev.Work.Connector)
	}
}

// noted puts what work has to say into its status while it runs.
func (h *Herder) noted(ev Noted) {
	w := h.work[ev.Work]
	if w == nil || w.incarnation != ev.Incarnation || w.stopping {
		return
	}
	w.note = ev.Text
	h.tell(ev.Work, w)
}

// tell writes the status of work that runs once more, with what there is to say.
func (h *Herder) tell(id Work, w *work) {
	if w.state == cluster.Running {
		h.writeStatus(id, cluster.Running, w.trace(), false)
	}
}

// answerStart answers who asked for a restart. A task's own start is not waited for, as in Java: how it went shows in its
// status, and only what could not be made at all is a failure of the request.
func (h *Herder) answerStart(ev Reported, w *work) {
	var err error
	switch {
	case ev.State != cluster.Failed:
	case ev.Work.Task == Itself:
		err = cluster.Errorf(cluster.CodeInternal, "Failed to start connector: %s", ev.Work.Connector)
	case ev.Unmade:
		err = cluster.Errorf(cluster.CodeInternal, "Failed to start task: %s", ev.Work)
	}
	for _, r := range w.waiting {
		h.reply(r, Result{}, err)
	}
	w.waiting = nil
}

func (h *Herder) workStopped(ev WorkStopped) {
	w := h.work[ev.Work]
	if w == nil || w.incarnation != ev.Incarnation {
		return
	}
	delete(h.work, ev.Work)
	if ev.Abandoned {
		h.note(Error, "did not stop within its graceful time and was abandoned", "work", workName(ev.Work))
	}
	if w.restart && h.assigned[ev.Work] && h.exists(ev.Work) && !h.awaitsFencing(ev.Work) && h.settled() && !h.closing {
		h.writeStatus(ev.Work, cluster.Restarting, "", false)
		h.start(ev.Work, w.waiting)
		return
	}
	if len(w.waiting) > 0 {
		h.carried[ev.Work] = append(h.carried[ev.Work], w.waiting...)
	}
	// What is gone leaves no status. The leader cleans up too, but may have done so before this status arrives.
	state := cluster.Unassigned
	if !h.exists(ev.Work) && !h.closing {
		state = cluster.Destroyed
	}
	h.writeStatus(ev.Work, state, "", true)
}

// carryOn has requests for restarts that a rebalance overtook answered by the start that followed, or served anew where the work
// went elsewhere.
func (h *Herder) carryOn() {
	if len(h.carried) == 0 || !h.settled() {
		return
	}
	for _, id := range slices.SortedFunc(maps.Keys(h.carried), Work.Compare) {
		if w := h.work[id]; w != nil {
			w.waiting = append(w.waiting, h.carried[id]...)
			continue
		}
		for _, r := range h.carried[id] {
			h.requests = append(h.requests, Requested{Reply: r, Op: RestartWork{Work: id}})
		}
	}
	clear(h.carried)
}

func (h *Herder) writeStatus(id Work, s cluster.State, trace string, safe bool) {
	h.emit(WriteStatus{Work: id, State: s, Trace: trace, Generation: h.group.generation, Safe: safe})
}

// restart follows a restart plan for what runs here.
func (h *Herder) restart(p RestartPlan) {
	mark := func(id Work) {
		if w := h.work[id]; w != nil && !w.stopping && h.assigned[id] {
			w.restart = true
		}
	}
	if p.Self {
		mark(Work{Connector: p.Connector, Task: Itself})
	}
	for _, t := range p.Tasks {
		mark(Work{Connector: p.Connector, Task: t})
	}
}

// targetChanged has a connector that is started again generate its task configs: what changed while it was paused takes
// effect then.
func (h *Herder) targetChanged(name string) {
	c := h.snap.Connectors[name]
	if c == nil || c.Target != cluster.TargetStarted {
		return
	}
	// The runner reports RUNNING once it is, and that starts the generation.
	h.note(Info, "connector resumes", "connector", name)
}

func workName(id Work) string {
	if id.Task == Itself {
		return "connector " + id.Connector
	}
	return "task " + id.String()
}
