package herder

import (
	"maps"
	"slices"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/assign"
	"github.com/connectd/connectd/worker/proto"
)

// Config is what the machine needs to know of its worker.
type Config struct {
	// WorkerURL is the advertised REST URL.
	WorkerURL string
	// Protocol is the most capable protocol to offer (connect.protocol).
	Protocol proto.Protocol
	// RebalanceDelay is scheduled.rebalance.max.delay.ms.
	RebalanceDelay time.Duration
	// SyncTimeout bounds reading the config topic to its end (worker.sync.timeout.ms), UnsyncBackoff is the wait after
	// that failed (worker.unsync.backoff.ms).
	SyncTimeout, UnsyncBackoff time.Duration
	// KeyTTL is the life of a session key, 0 for ever (inter.worker.key.ttl.ms); KeyAlgorithm and KeyBytes are its algorithm and
	// length.
	KeyTTL       time.Duration
	KeyAlgorithm string
	KeyBytes     int
	// Live tells whether a property of a connector of this config takes effect in running tasks. It depends on nothing else.
	// Nil: none does.
	Live func(config map[string]string, property string) bool
	// ExactlyOnce says that source tasks deliver exactly once: they are started only after their predecessors were fenced off
	// (exactly.once.source.support=enabled). Fenceable says that the leader writes with a privilege that it has to claim first
	// (enabled or preparing).
	ExactlyOnce, Fenceable bool
	// Source tells whether a connector of this config is a source. It depends on nothing else. Nil: none is.
	Source func(config map[string]string) bool
}

// Herder is the state of the machine. One goroutine owns it.
type Herder struct {
	cfg   Config
	now   time.Time // of the event being handled
	out   []Effect
	snap  *cluster.Snapshot
	group group

	// assigned is the work that the group gave to this worker and did not take back.
	assigned map[Work]bool
	// work is what runs or is being stopped here.
	work  map[Work]*work
	lastI Incarnation
	// configGen and tasksGen count the changes of a connector's config and of its task configs.
	configGen, tasksGen map[string]uint64

	// carried are requests for restarts whose work was stopped and, as a rebalance came in between, not started again yet.
	carried map[Work][]ReplyID

	gen      map[string]*generation
	requests []Requested // waiting for the group to settle, or for a write
	// altering are the connectors whose offsets are being changed, with the request that asked for it.
	altering map[string]ReplyID
	// fencings are the rounds of fencing that this worker leads, unfenced the connectors with tasks here that wait for one.
	fencings  map[string]*fencing
	unfenced  map[string]*unfenced
	lastRound uint64
	// claimed: this worker has the leader's privilege to write; claiming: it is being claimed, or waits to be tried again.
	claimed, claiming bool
	// unreadable are connectors whose task configs cannot be read from the topic, with the time when the leader acts.
	unreadable map[string]time.Time
	writing    *write    // the write under way
	keyDue     time.Time // timer set for the session key's expiry
	hold       bool      // the last write of the leader's own failed; wait for the timer
	unread     bool      // a write failed, and the topic was not read to its end since: it may be there all the same
	closing    bool
	exited     bool
}

// New makes a machine that waits for Started.
func New(cfg Config) *Herder {
	return &Herder{
		cfg:        cfg,
		snap:       cluster.EmptySnapshot(),
		group:      group{generation: -1, memory: assign.State{}},
		assigned:   map[Work]bool{},
		work:       map[Work]*work{},
		configGen:  map[string]uint64{},
		tasksGen:   map[string]uint64{},
		carried:    map[Work][]ReplyID{},
		gen:        map[string]*generation{},
		altering:   map[string]ReplyID{},
		fencings:   map[string]*fencing{},
		unfenced:   map[string]*unfenced{},
		unreadable: map[string]time.Time{},
	}
}

// Step handles one event at a time and returns what to do, in order. After Exit it returns nothing: requests that are
// unanswered then are the caller's to refuse.
func (h *Herder) Step(now time.Time, ev Event) []Effect {
	if h.exited {
		return nil
	}
	h.now, h.out = now, nil
	h.handle(ev)
	h.settle()
	return h.out
}

func (h *Herder) handle(ev Event) {
	switch ev := ev.(type) {
	case Started:
		h.started(ev)
	case ConfigChanged:
		h.configChanged(ev)
	case Joined:
		h.joined(ev)
	case Assigned:
		h.roundCompleted(ev)
	case RebalanceNeeded:
		h.rebalanceNeeded(ev)
	case Lost:
		h.lost(ev.Reason)
	case Reported:
		h.reported(ev)
	case Noted:
		h.noted(ev)
	case WorkStopped:
		h.workStopped(ev)
	case ReconfigureRequested:
		if w := h.work[Work{Connector: ev.Connector, Task: Itself}]; w != nil && w.incarnation == ev.Incarnation {
			h.requestGeneration(ev.Connector)
		}
	case TaskConfigsGenerated:
		h.generated(ev)
	case TaskConfigsForwarded:
		h.published(ev.Connector, ev.Incarnation, ev.Err)
	case ConfigWritten:
		h.written(ev.Err)
	case OffsetsModified:
		h.offsetsModified(ev)
	case FencingRequested:
		h.fencingAnswered(ev.Connector, ev.Round, ev.Err)
	case TasksFenced:
		h.tasksFenced(ev)
	case WritesClaimed:
		h.writesClaimed(ev.Err)
	case ReadToEnd:
		h.readToEnd(ev.Err)
	case TimerFired:
		h.timerFired(ev.Timer)
	case Requested:
		h.requests = append(h.requests, ev)
	case Expired:
		h.withdraw(ev.Reply)
	case Shutdown:
		h.closing = true
	}
}

// settle runs after each event what has become possible.
func (h *Herder) settle() {
	if h.closing {
		h.shutDown()
		return
	}
	h.claimWrites()
	h.reconcile()
	h.carryOn()
	h.maybeJoin()
	h.serveFencing()
	h.maybeRotateKey()
	h.repairStopped()
	h.repairLost()
	h.serveRequests()
	h.advanceFencing()
	h.generatePending()
}

// shutDown stops all work, then leaves the group, then exits.
func (h *Herder) shutDown() {
	clear(h.assigned)
	h.reconcile()
	for _, r := range h.requests {
		h.reply(r.Reply, Result{}, cluster.Errorf(cluster.CodeInternal, "Worker is shutting down"))
	}
	h.requests = nil
	for _, id := range slices.SortedFunc(maps.Keys(h.carried), Work.Compare) {
		for _, r := range h.carried[id] {
			h.reply(r, Result{}, cluster.Errorf(cluster.CodeInternal, "Worker is shutting down"))
		}
	}
	clear(h.carried)
	if len(h.work) > 0 {
		return
	}
	h.emit(Leave{Reason: "the worker is shutting down"})
	h.emit(Exit{})
	h.exited = true
}

// started begins with a first round. A change of the config topic may have come before this event, with newer configs.
func (h *Herder) started(ev Started) {
	if ev.Snapshot.Offset >= h.snap.Offset {
		h.snap = ev.Snapshot
	}
	h.requestRejoin("the worker starts")
}

func (h *Herder) timerFired(t Timer) {
	switch t.Kind {
	case TimerRebalance:
		h.requestRejoin("the delay of the last rebalance is over")
	case TimerRejoin:
		h.group.backingOff = false
		h.readConfig(true)
	case TimerReconfigure:
		h.requestGeneration(t.Connector)
	case TimerKey:
		h.keyDue, h.hold = time.Time{}, false
	case TimerClaim:
		h.claiming = false
	case TimerMismatch:
		h.requestRejoin("the leader's configs were behind")
	case TimerReread:
		if h.unread {
			h.readConfig(false)
		}
	}
}

// configChanged takes in what the config topic brought. Connectors that came or went, and new task configs, must be
// divided anew by the group; a changed config only restarts the connector where it runs.
func (h *Herder) configChanged(ev ConfigChanged) {
	old := h.snap
	h.snap = ev.Snapshot
	rebalance := false
	for _, name := range ev.Configs {
		h.configGen[name]++
		if old.Connectors[name] == nil {
			rebalance = true
			continue
		}
		h.reconfigureTasks(name, old.Connectors[name].Config)
	}
	for _, name := range ev.Removed {
		delete(h.gen, name)
		rebalance = rebalance || old.Connectors[name] != nil
	}
	for _, name := range ev.Tasks {
		h.tasksCommitted(name)
		rebalance = true
	}
	for _, name := range ev.Targets {
		h.targetChanged(name)
	}
	for _, plan := range ev.Restarts {
		h.restart(plan)
	}
	if rebalance {
		h.requestRejoin("connectors or task configs changed")
	}
}

func (h *Herder) emit(e Effect) { h.out = append(h.out, e) }

func (h *Herder) note(l Level, msg string, args ...any) {
	h.emit(Note{Level: l, Message: msg, Args: args})
}

func (h *Herder) reply(to ReplyID, r Result, err error) {
	if to != 0 {
		h.emit(Reply{To: to, Result: r, Err: err})
	}
}

// View is what readers outside the loop may know of the machine.
type View struct {
	// Settled says that the worker is a member of the group and no round is under way or needed.
	Settled bool
	// Joined says that the worker was assigned once.
	Joined     bool
	Generation int32
	IsLeader   bool
	LeaderURL  string
	// Signed says that internal requests must be signed (protocol sessioned).
	Signed   bool
	Protocol proto.Protocol
	// Running is how many connectors and tasks run here.
	Connectors, Tasks int
}

// signed tells whether internal requests are signed: by what the group speaks, and before that is known by what this worker
// would speak, so that no unsigned request slips in while it joins.
func (h *Herder) signed() bool {
	if h.group.assignedOnce {
		return h.group.protocol == proto.Sessioned
	}
	return h.cfg.Protocol == proto.Sessioned
}

// View describes the present state.
func (h *Herder) View() View {
	v := View{
		Settled:    h.settled(),
		Joined:     h.group.assignedOnce,
		Generation: h.group.generation,
		IsLeader:   h.isLeader(),
		LeaderURL:  h.group.leaderURL,
		Signed:     h.signed(),
		Protocol:   h.group.protocol,
	}
	for id := range h.work {
		if id.Task == Itself {
			v.Connectors++
		} else {
			v.Tasks++
		}
	}
	return v
}
