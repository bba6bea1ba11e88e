// Package cluster holds the nouns that every room of a Connect worker shares: task ids, states, the snapshot of the
// config topic, and the typed errors that the REST layer turns into status codes.
//
// It is plain data: no client, clock, goroutine or logger may enter here.
package cluster

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// TaskID names one task of a connector. Tasks are numbered from 0.
type TaskID struct {
	Connector string
	Task      int
}

// String gives Java's form, connector-task.
func (t TaskID) String() string { return t.Connector + "-" + strconv.Itoa(t.Task) }

// Compare orders by connector name, then task number.
func (t TaskID) Compare(o TaskID) int {
	return cmp.Or(cmp.Compare(t.Connector, o.Connector), cmp.Compare(t.Task, o.Task))
}

// TargetState is what an operator wants of a connector.
type TargetState string

// The three target states (KIP-875 added STOPPED).
const (
	TargetStarted TargetState = "STARTED"
	TargetPaused  TargetState = "PAUSED"
	TargetStopped TargetState = "STOPPED"
)

// State is what a connector or task is doing, as written to the status topic.
type State string

// The states that Java workers know. Destroyed never leaves the worker: it is written as a tombstone.
const (
	Unassigned State = "UNASSIGNED"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	Stopped    State = "STOPPED" // connectors only
	Failed     State = "FAILED"
	Restarting State = "RESTARTING"
	Destroyed  State = "DESTROYED"
)

// Status is one record of the status topic, of a connector or of a task.
type Status struct {
	State State
	// Trace is the reason of a failure, empty for none.
	Trace string
	// WorkerID is the advertised host:port of the worker that wrote the status.
	WorkerID string
	// Generation is the group generation in which it was written.
	Generation int32
	// Version is the connector plugin's version, empty for unknown.
	Version string
}

// Connector is one connector as the config topic tells it.
type Connector struct {
	Name string
	// Config is what was PUT, "name" included, config provider references unresolved. Nil when only task records remain.
	Config map[string]string
	Target TargetState
	// Tasks are the committed task configs, in order of task number.
	Tasks []map[string]string
	// Applied is the Config that stood when Tasks were committed; nil where the topic does not tell any more.
	Applied map[string]string
	// Inconsistent is set when a commit record promised more task configs than the topic holds: they must be generated anew.
	Inconsistent bool
	// EarlyTasks of an inconsistent connector are task configs that were committed before its config record, as far as
	// compaction left it: those of the connector itself, whose config was written again later, or of a deleted one of that
	// name (KAFKA-17719). Nil for none.
	EarlyTasks []map[string]string
	// TaskCountRecord is the newest task-count-record (exactly-once fencing), -1 for none.
	TaskCountRecord int
	// ConfigOffset is the config topic offset of the newest record that changed this connector's own config.
	ConfigOffset int64
	// TasksOffset is the offset of the commit record that made Tasks visible, -1 for none. Below ConfigOffset, the
	// tasks were generated from an older connector config.
	TasksOffset int64
	// FencingPending is set when Tasks were committed after the newest task-count-record: exactly-once tasks may start
	// only after their predecessors were fenced.
	FencingPending bool
}

// SessionKey signs requests between workers (KIP-507).
type SessionKey struct {
	Key       []byte
	Algorithm string
	// CreatedMs is milliseconds since the epoch.
	CreatedMs int64
}

// Snapshot is the config topic up to Offset. It is immutable: whoever holds one may read it without a lock.
type Snapshot struct {
	// Offset is the one after the last record seen, -1 before the first one: Java's ClusterConfigState.offset, which the
	// members of a group report to each other.
	Offset int64
	// Connectors by name; only those with a config record.
	Connectors map[string]*Connector
	// SessionKey is nil while none was distributed.
	SessionKey *SessionKey
}

// EmptySnapshot is the state before anything was read.
func EmptySnapshot() *Snapshot { return &Snapshot{Offset: -1, Connectors: map[string]*Connector{}} }

// Names lists the connectors in order.
func (s *Snapshot) Names() []string { return slices.Sorted(maps.Keys(s.Connectors)) }

// TaskIDs lists a connector's committed tasks; none for an unknown or inconsistent connector.
func (s *Snapshot) TaskIDs(name string) []TaskID {
	c := s.Connectors[name]
	if c == nil || c.Inconsistent {
		return nil
	}
	ids := make([]TaskID, len(c.Tasks))
	for i := range ids {
		ids[i] = TaskID{name, i}
	}
	return ids
}

// TaskConfig gives the config with which a task that was assigned is to run, nil when there is none. A leader does not assign
// EarlyTasks by itself; but where one does that knows them to be the connector's, they are what it means.
func (s *Snapshot) TaskConfig(id TaskID) map[string]string {
	c := s.Connectors[id.Connector]
	if c == nil {
		return nil
	}
	tasks := c.Tasks
	if c.Inconsistent {
		tasks = c.EarlyTasks
	}
	if id.Task < 0 || id.Task >= len(tasks) {
		return nil
	}
	return tasks[id.Task]
}
