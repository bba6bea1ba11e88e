package herder

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// sim is a group of machines with a model of what is around them: a config topic, a group coordinator, runners. Nothing
// happens by itself: step delivers one of the outcomes that are due, as chosen by the caller.
type sim struct {
	now     time.Time
	log     []ConfigRecord
	workers []*simWorker
	coord   simCoordinator
	replies map[ReplyID]int
	nextID  ReplyID
	// owner is who runs what; a worker that lost its membership counts as a zombie until it has stopped.
	owner    map[Work]*simWorker
	problems []string
	redirect int
	// writers are those of the log's records, altering the changes of offsets under way.
	writers  []*simWorker
	altering map[string]alteration
	simProducers
}

type simWorker struct {
	sim     *sim
	h       *Herder
	url     string
	member  string
	read    int // records of the log that it has seen
	snap    *cluster.Snapshot
	due     []Event // outcomes on their way, delivered in order
	timers  map[Timer]time.Time
	ops     map[ReplyID]Op
	started map[Work]Incarnation
	live    map[Work]string // what its work was told last of the property that takes effect at once
	exited  bool
	// failing is what becomes of writes: nothing, an error after all, or an error and nothing written.
	failing failing
}

type failing int

const (
	works failing = iota
	writtenAllTheSame
	notWritten
)

type simCoordinator struct {
	generation int32
	members    map[string]*simWorker
	joined     map[string][]byte // metadata of this round
	leader     string
	rebalance  bool
	next       int
}

var errSim = errors.New("no broker answers")

func newSim(n int, p proto.Protocol, exactlyOnce bool) *sim {
	s := &sim{
		simProducers: simProducers{exactlyOnce: exactlyOnce, open: map[Work]int64{}},
		now:          time.Unix(1_000_000, 0), replies: map[ReplyID]int{}, owner: map[Work]*simWorker{}, altering: map[string]alteration{},
		coord: simCoordinator{members: map[string]*simWorker{}, joined: map[string][]byte{}},
	}
	for range n {
		s.addWorker(p)
	}
	return s
}

func (s *sim) addWorker(p proto.Protocol) *simWorker {
	w := &simWorker{
		sim: s, url: "http://w" + strconv.Itoa(len(s.workers)) + "/", timers: map[Timer]time.Time{}, ops: map[ReplyID]Op{},
		started: map[Work]Incarnation{}, live: map[Work]string{}, snap: cluster.EmptySnapshot(),
	}
	w.h = New(Config{
		WorkerURL: w.url, Protocol: p, RebalanceDelay: time.Minute, SyncTimeout: time.Second, UnsyncBackoff: time.Minute,
		KeyTTL: time.Hour, KeyAlgorithm: "HmacSHA256",
		Live:        func(_ map[string]string, property string) bool { return property == "live" },
		ExactlyOnce: s.exactlyOnce, Fenceable: s.exactlyOnce, Source: isSource,
	})
	s.workers = append(s.workers, w)
	w.readLog()
	w.step(Started{Snapshot: w.snap})
	return w
}

func (w *simWorker) GoString() string { return w.url }

func (w *simWorker) step(ev Event) {
	if w.exited {
		if r, ok := ev.(Requested); ok {
			w.refuse(r.Reply)
		}
		return
	}
	for _, e := range w.h.Step(w.sim.now, ev) {
		w.do(e)
	}
}

func (w *simWorker) do(e Effect) {
	s := w.sim
	switch e := e.(type) {
	case Join:
		s.coord.join(w, e)
	case Sync:
		s.coord.sync(e)
	case Leave:
		s.coord.leave(w)
	case ReadConfigToEnd:
		ev := ReadToEnd{}
		if w.failing != works {
			ev.Err = errSim
		}
		w.due = append(w.due, ev)
	case StartWork:
		w.start(e)
	case StopWork:
		w.due = append(w.due, WorkStopped{Work: e.Work, Incarnation: e.Incarnation})
	case SetWorkTarget:
		w.due = append(w.due, Reported{Work: e.Work, Incarnation: e.Incarnation, State: stateFor(e.Target)})
	case ReconfigureTask:
		if w.started[e.Work] == e.Incarnation {
			w.live[e.Work] = e.Config["live"]
		}
	case GenerateTaskConfigs:
		n, _ := strconv.Atoi(e.Config["tasks"])
		ev := TaskConfigsGenerated{Connector: e.Connector, Incarnation: e.Incarnation}
		for i := range n {
			ev.Configs = append(ev.Configs, map[string]string{"i": strconv.Itoa(i), "v": e.Config["v"]})
		}
		w.due = append(w.due, ev)
	case ForwardTaskConfigs:
		w.forward(e)
	case Write:
		ev := ConfigWritten{}
		if w.failing != works {
			ev.Err = errSim
		}
		if s.exactlyOnce && s.claimer != w && !onlyTargets(e.Records) {
			ev.Err = errSim
		} else if w.failing != notWritten {
			for _, r := range e.Records {
				s.log, s.writers = append(s.log, r), append(s.writers, w)
				s.forgetProducers(r)
			}
		}
		w.due = append(w.due, ev)
	case ModifyOffsets:
		w.alter(e)
	case ClaimWrites, RelinquishWrites, RequestFencing, FenceTasks:
		w.doFencing(e)
	case SetTimer:
		w.timers[e.Timer] = e.At
		if e.At.IsZero() {
			delete(w.timers, e.Timer)
		}
	case Reply:
		w.replied(e)
	case Exit:
		w.exited = true
		for id := range w.ops {
			if s.replies[id] == 0 && !slices.ContainsFunc(w.due, func(ev Event) bool {
				r, ok := ev.(Requested)
				return ok && r.Reply == id
			}) {
				w.refuse(id)
			}
		}
	}
}

// refuse is the worker's own answer once its machine has ended.
func (w *simWorker) refuse(id ReplyID) {
	w.replied(Reply{To: id, Err: cluster.Errorf(cluster.CodeInternal, "Worker is shutting down")})
}

func (w *simWorker) start(e StartWork) {
	s := w.sim
	if o := s.owner[e.Work]; o != nil {
		s.problems = append(s.problems, fmt.Sprintf("%s starts %s while %s runs it", w.url, e.Work, o.url))
	}
	s.checkAlteration(e.Work)
	s.produce(e)
	s.owner[e.Work] = w
	w.started[e.Work] = e.Incarnation
	w.live[e.Work] = e.Config["live"]
	w.due = append(w.due, Reported{Work: e.Work, Incarnation: e.Incarnation, State: stateFor(e.Target)})
}

// forward is the HTTP request to the leader's internal endpoint.
func (w *simWorker) forward(e ForwardTaskConfigs) {
	s := w.sim
	for _, l := range s.workers {
		if l.url == e.LeaderURL && !l.exited {
			s.nextID++
			id := s.nextID
			l.ops[id] = forwarded{from: w, e: e}
			l.due = append(l.due, Requested{Reply: id, Op: PutTaskConfigs{Name: e.Connector, Configs: e.Configs}})
			return
		}
	}
	w.due = append(w.due, TaskConfigsForwarded{Connector: e.Connector, Incarnation: e.Incarnation, Err: fmt.Errorf("no leader")})
}

type forwarded struct {
	from *simWorker
	e    ForwardTaskConfigs
}

func (forwarded) op() {}

func (w *simWorker) replied(e Reply) {
	s := w.sim
	s.replies[e.To]++
	if f, ok := w.ops[e.To].(askedFencing); ok {
		f.from.due = append(f.from.due, FencingRequested{Connector: f.e.Connector, Round: f.e.Round, Err: e.Err})
		return
	}
	if f, ok := w.ops[e.To].(forwarded); ok {
		f.from.due = append(f.from.due, TaskConfigsForwarded{Connector: f.e.Connector, Incarnation: f.e.Incarnation, Err: e.Err})
		return
	}
	url := ""
	switch err := e.Err.(type) {
	case *cluster.NotLeader:
		url = err.LeaderURL
	case *cluster.NotAssigned:
		url = err.OwnerURL
	}
	for _, l := range s.workers {
		if url != "" && l.url == url && !l.exited && s.redirect < 1000 {
			s.redirect++
			l.request(w.ops[e.To])
		}
	}
}

func (w *simWorker) request(op Op) {
	s := w.sim
	if w.exited {
		return
	}
	s.nextID++
	s.replies[s.nextID] += 0
	w.ops[s.nextID] = op
	w.due = append(w.due, Requested{Reply: s.nextID, Op: op})
}

// readLog has the worker see all of the log.
func (w *simWorker) readLog() *ConfigChanged {
	if w.read == len(w.sim.log) {
		return nil
	}
	next := &cluster.Snapshot{Offset: int64(len(w.sim.log)) - 1, Connectors: maps.Clone(w.snap.Connectors), SessionKey: w.snap.SessionKey}
	ev := &ConfigChanged{Snapshot: next}
	for ; w.read < len(w.sim.log); w.read++ {
		applyRecord(next, ev, w.sim.log[w.read], int64(w.read))
	}
	w.snap = next
	return ev
}

func applyRecord(s *cluster.Snapshot, ev *ConfigChanged, r ConfigRecord, offset int64) {
	edit := func(name string) *cluster.Connector {
		c := &cluster.Connector{Name: name, Target: cluster.TargetStarted, TasksOffset: -1, TaskCountRecord: -1}
		if old := s.Connectors[name]; old != nil {
			*c = *old
		}
		s.Connectors[name] = c
		return c
	}
	switch r := r.(type) {
	case ConnectorRecord:
		c := edit(r.Name)
		c.Config, c.ConfigOffset = r.Config, offset
		ev.Configs = append(ev.Configs, r.Name)
	case RemoveRecord:
		delete(s.Connectors, r.Name)
		ev.Removed = append(ev.Removed, r.Name)
	case TasksRecord:
		if s.Connectors[r.Name] != nil {
			c := edit(r.Name)
			c.Tasks, c.TasksOffset, c.Applied, c.FencingPending = r.Configs, offset, c.Config, true
			ev.Tasks = append(ev.Tasks, r.Name)
		}
	case TargetRecord:
		if s.Connectors[r.Name] != nil {
			edit(r.Name).Target = r.Target
			ev.Targets = append(ev.Targets, r.Name)
		}
	case RestartRecord:
		p := RestartPlan{Connector: r.Name, Self: true}
		if c := s.Connectors[r.Name]; c != nil && r.IncludeTasks {
			for i := range c.Tasks {
				p.Tasks = append(p.Tasks, i)
			}
		}
		ev.Restarts = append(ev.Restarts, p)
	case TaskCountRecord:
		if s.Connectors[r.Name] != nil {
			c := edit(r.Name)
			c.TaskCountRecord, c.FencingPending = r.Tasks, false
		}
	case SessionKeyRecord:
		s.SessionKey = &cluster.SessionKey{Algorithm: "HmacSHA256", CreatedMs: 1_000_000_000}
	}
}

// deliver hands the worker its next outcome. A write or a read to the end is followed by what it makes visible first, as
// the stores promise.
func (w *simWorker) deliver() {
	ev := w.due[0]
	w.due = w.due[1:]
	switch ev := ev.(type) {
	case ConfigWritten:
		if ev.Err != nil {
			break
		}
		if c := w.readLog(); c != nil {
			w.step(*c)
		}
	case ReadToEnd:
		if ev.Err != nil {
			break
		}
		if c := w.readLog(); c != nil {
			w.step(*c)
		}
	case OffsetsModified:
		delete(w.sim.altering, ev.Connector)
	case WorkStopped:
		if w.started[ev.Work] == ev.Incarnation {
			delete(w.started, ev.Work)
			if w.sim.owner[ev.Work] == w {
				delete(w.sim.owner, ev.Work)
			}
		}
	}
	w.step(ev)
}

func (w *simWorker) tail() {
	if c := w.readLog(); c != nil {
		w.step(*c)
	}
}

// expire has the coordinator forget a member, whose work others may then start.
func (w *simWorker) expire() {
	if _, ok := w.sim.coord.members[w.member]; !ok {
		return
	}
	w.sim.coord.leave(w)
	for id, o := range w.sim.owner {
		if o == w {
			delete(w.sim.owner, id)
		}
	}
	w.due = append([]Event{Lost{Reason: "session expired"}}, slices.DeleteFunc(w.due, func(e Event) bool {
		switch e.(type) {
		case Joined, Assigned, RebalanceNeeded:
			return true
		}
		return false
	})...)
}

func (c *simCoordinator) join(w *simWorker, j Join) {
	if _, ok := c.members[w.member]; !ok {
		c.next++
		w.member = "m" + strconv.Itoa(c.next)
		c.members[w.member] = w
	}
	c.startRebalance(w)
	c.joined[w.member] = j.Offers[0].Metadata
	c.maybeComplete()
}

func (c *simCoordinator) startRebalance(by *simWorker) {
	if c.rebalance {
		return
	}
	c.rebalance = true
	clear(c.joined)
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		m := c.members[id]
		if m != by {
			m.due = append(m.due, RebalanceNeeded{Generation: c.generation})
		}
	}
}

func (c *simCoordinator) maybeComplete() {
	if !c.rebalance || len(c.members) == 0 || len(c.joined) < len(c.members) {
		return
	}
	c.generation++
	c.rebalance = false
	if c.members[c.leader] == nil {
		c.leader = slices.Sorted(maps.Keys(c.members))[0]
	}
	l := c.members[c.leader]
	l.due = append(l.due, Joined{
		Generation: c.generation, MemberID: c.leader, LeaderID: c.leader, Protocol: l.h.cfg.Protocol,
		Members: maps.Clone(c.joined),
	})
}

func (c *simCoordinator) sync(e Sync) {
	if e.Generation != c.generation || c.rebalance {
		return // a round that was overtaken
	}
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		m := c.members[id]
		m.due = append(m.due, Assigned{
			Generation: c.generation, MemberID: id, Protocol: m.h.cfg.Protocol, Assignment: e.Assignments[id],
		})
	}
}

func (c *simCoordinator) leave(w *simWorker) {
	if c.members[w.member] == nil {
		return
	}
	delete(c.members, w.member)
	delete(c.joined, w.member)
	if w.member == c.leader {
		c.leader = ""
	}
	w.member = ""
	c.startRebalance(w)
	c.maybeComplete()
}

// settleAll delivers everything, firing timers when nothing else is due, until all is quiet.
func (s *sim) settleAll() error {
	for range 200_000 {
		if s.deliverAny() {
			continue
		}
		if !s.fireTimer() {
			return nil
		}
	}
	return fmt.Errorf("the group does not come to rest")
}

func (s *sim) deliverAny() bool {
	for _, w := range s.workers {
		if len(w.due) > 0 {
			w.deliver()
			return true
		}
		if w.read < len(s.log) && !w.exited {
			w.tail()
			return true
		}
	}
	return false
}

func (s *sim) fireTimer() bool {
	var first *simWorker
	var timer Timer
	for _, w := range s.workers {
		for t, at := range w.timers {
			if t.Kind != TimerKey && !w.exited && (first == nil || at.Before(first.timers[timer])) {
				first, timer = w, t
			}
		}
	}
	if first == nil {
		return false
	}
	if at := first.timers[timer]; at.After(s.now) {
		s.now = at
	}
	delete(first.timers, timer)
	first.step(TimerFired{Timer: timer})
	return true
}
