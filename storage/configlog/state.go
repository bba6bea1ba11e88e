package configlog

import (
	"maps"
	"slices"

	"github.com/connectd/connectd/internal/cluster"
)

// State is the config topic as far as it was replayed, uncommitted task records included. The zero value is not usable:
// begin with New. A State is immutable; Apply gives the next one.
//
// # Task records that stand before their connector record
//
// Compaction keeps the newest record of each key, so a connector whose config was changed after its tasks were committed
// is replayed as task, commit, connector. A connector that was deleted and created anew, whose tombstone is gone, is
// replayed in the same order. The two cannot be told apart, and running a dead connector's tasks would be wrong, so the
// connector is marked Inconsistent: its tasks are generated anew. (Java workers read such a connector as one without
// tasks: KAFKA-17719.) Once they are written again after the connector record, the order is sound. Until then they are
// EarlyTasks: a leader that read the topic before it was compacted can tell the two cases apart, and where it hands such a
// task to a worker that cannot, the worker runs it.
type State struct {
	offset int64
	key    *cluster.SessionKey
	conns  map[string]*conn
	snap   *cluster.Snapshot
}

// conn is what the topic says of one name. It is shared between States and never changed in place.
type conn struct {
	config       map[string]string // nil: no config record, or deleted
	configOffset int64
	target       cluster.TargetState // "" for none
	pending      map[int]map[string]string
	tasks        []map[string]string
	tasksOffset  int64             // of the commit record, -1 for none
	applied      map[string]string // config when the commit record came
	inconsistent bool
	// orphaned: a commit of at least one task came while there was no config record.
	orphaned       bool
	early          []map[string]string // the tasks of that commit, nil if some were missing
	taskCount      int                 // -1 for none
	fencingPending bool
}

// New gives the state of an empty topic.
func New() State { return State{offset: -1, snap: cluster.EmptySnapshot()} }

// Snapshot gives the state as the rest of the worker sees it. It is the same pointer for the same State.
func (s State) Snapshot() *cluster.Snapshot { return s.snap }

// Restart is a request to restart a connector.
type Restart struct {
	Connector                string
	IncludeTasks, OnlyFailed bool
}

// LoggerLevel is a level set for all workers.
type LoggerLevel struct{ Logger, Level string }

// Delta is what a batch of records changed. Names are in order of first appearance, each once.
type Delta struct {
	// Removed connectors were deleted in this batch. A name may also stand in Configs: deleted and created again.
	Removed []string
	// Configs names the connectors whose config record came, new or not, and which exist after the batch.
	Configs []string
	// Tasks names the connectors for which a commit record came, complete or not.
	Tasks []string
	// Targets names the existing connectors whose target state is another than before. A connector that appears in
	// Configs for the first time is not named here for its initial state.
	Targets []string
	// TaskCounts names the connectors for which a task count record came.
	TaskCounts []string
	// SessionKey says that a session key came.
	SessionKey bool
	// Restarts and Loggers are requests in order; those from before a worker's start are to be ignored.
	Restarts []Restart
	Loggers  []LoggerLevel
}

// Empty says that nothing changed.
func (d *Delta) Empty() bool {
	return len(d.Removed)+len(d.Configs)+len(d.Tasks)+len(d.Targets)+len(d.TaskCounts)+len(d.Restarts)+len(d.Loggers) == 0 && !d.SessionKey
}

// Apply replays records in log order. It leaves s as it is.
func (s State) Apply(records []Record) (State, Delta, []Warning) {
	if len(records) == 0 {
		return s, Delta{}, nil
	}
	a := applier{next: State{offset: s.offset, key: s.key, conns: maps.Clone(s.conns)}, fresh: map[string]*conn{}}
	if a.next.conns == nil {
		a.next.conns = map[string]*conn{}
	}
	for _, r := range records {
		a.apply(r)
	}
	for _, names := range []*[]string{&a.delta.Removed, &a.delta.Configs, &a.delta.Tasks, &a.delta.Targets, &a.delta.TaskCounts} {
		*names = firsts(*names)
	}
	a.next.snap = a.next.buildSnapshot(s)
	a.delta.Configs = slices.DeleteFunc(a.delta.Configs, func(n string) bool { return a.next.snap.Connectors[n] == nil })
	a.delta.Targets = changedTargets(a.delta.Targets, s.snap, a.next.snap)
	return a.next, a.delta, a.warnings
}

func changedTargets(names []string, before, after *cluster.Snapshot) []string {
	return slices.DeleteFunc(names, func(n string) bool {
		b, c := before.Connectors[n], after.Connectors[n]
		return b == nil || c == nil || b.Target == c.Target
	})
}

// buildSnapshot reuses the connectors of prev that did not change.
func (s State) buildSnapshot(prev State) *cluster.Snapshot {
	out := &cluster.Snapshot{Offset: s.offset, SessionKey: s.key, Connectors: make(map[string]*cluster.Connector, len(s.conns))}
	for name, c := range s.conns {
		if c.config == nil {
			continue
		}
		if old := prev.snap.Connectors[name]; old != nil && prev.conns[name] == c {
			out.Connectors[name] = old
			continue
		}
		out.Connectors[name] = c.public(name)
	}
	return out
}

func (c *conn) public(name string) *cluster.Connector {
	p := &cluster.Connector{
		Name: name, Config: c.config, Target: c.target, Tasks: c.tasks, Applied: c.applied, Inconsistent: c.inconsistent, EarlyTasks: c.early,
		TaskCountRecord: c.taskCount, ConfigOffset: c.configOffset, TasksOffset: c.tasksOffset, FencingPending: c.fencingPending,
	}
	if p.Target == "" {
		p.Target = cluster.TargetStarted
	}
	return p
}
