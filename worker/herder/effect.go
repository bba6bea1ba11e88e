package herder

import (
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// Effect is what the worker must do. Each has a bounded outcome.
type Effect interface{ effect() }

type (
	// Join sends JoinGroup with this metadata, one per protocol on offer in order of preference.
	// Completed is the generation of the last assignment that the metadata knows of, -1 for none.
	Join struct {
		Completed int32
		Offers    []proto.Offer
		Reason    string
	}
	// Sync hands the leader's assignments to the coordinator.
	Sync struct {
		Generation  int32
		Assignments map[string][]byte
	}
	// Leave leaves the group.
	Leave struct{ Reason string }

	// ReadConfigToEnd reads the config topic to its end within Timeout.
	ReadConfigToEnd struct{ Timeout time.Duration }

	// StartWork starts a connector or task. Config is the connector's, TaskConfig the task's (nil for a connector), TasksOffset
	// the place in the config topic where the connector's task configs were committed.
	StartWork struct {
		Work        Work
		Incarnation Incarnation
		Config      map[string]string
		TaskConfig  map[string]string
		TasksOffset int64
		Target      cluster.TargetState
	}
	// StopWork stops one softly, then hard; WorkStopped follows within the graceful time.
	StopWork struct {
		Work        Work
		Incarnation Incarnation
	}
	// SetWorkTarget pauses, resumes or stops a running one.
	SetWorkTarget struct {
		Work        Work
		Incarnation Incarnation
		Target      cluster.TargetState
	}
	// ReconfigureTask gives a running task its connector's new config, which changed in properties that take effect so.
	ReconfigureTask struct {
		Work        Work
		Incarnation Incarnation
		Config      map[string]string
	}
	// GenerateTaskConfigs asks a running connector for its tasks' configs.
	GenerateTaskConfigs struct {
		Connector   string
		Incarnation Incarnation
		Config      map[string]string
	}
	// ForwardTaskConfigs sends generated configs to the leader.
	ForwardTaskConfigs struct {
		LeaderURL   string
		Connector   string
		Incarnation Incarnation
		Configs     []map[string]string
	}

	// Write writes to the config topic and reads it back; ConfigWritten follows. One is under way at a time.
	Write struct{ Records []ConfigRecord }

	// ModifyOffsets changes the offsets of a connector; OffsetsModified follows. Until then no request about the connector
	// is served, so that it cannot get tasks meanwhile.
	ModifyOffsets struct {
		Connector string
		Change    any
	}

	// ClaimWrites takes the leader's privilege to write to the config topic; WritesClaimed follows. RelinquishWrites gives it up.
	ClaimWrites      struct{}
	RelinquishWrites struct{}

	// RequestFencing asks the leader for a round of fencing; FencingRequested follows.
	RequestFencing struct {
		LeaderURL string
		Connector string
		Round     uint64
	}
	// FenceTasks fences off the producers of this many tasks of a connector, of which Config is the config; TasksFenced follows.
	FenceTasks struct {
		Connector string
		Round     uint64
		Tasks     int
		Config    map[string]string
	}

	// WriteStatus writes to the status topic. Safe leaves a newer status of another worker or generation alone.
	WriteStatus struct {
		Work       Work
		State      cluster.State
		Trace      string
		Generation int32
		Safe       bool
	}
	// CleanStatuses deletes statuses of connectors and tasks that the snapshot does not have.
	CleanStatuses struct{ Snapshot *cluster.Snapshot }

	// SetTimer has TimerFired follow at At; a later SetTimer of the same Timer replaces it, a zero At cancels it.
	SetTimer struct {
		Timer Timer
		At    time.Time
	}

	// Reply answers a request. Err is nil, *cluster.Error, *cluster.NotLeader or *cluster.NotAssigned.
	Reply struct {
		To     ReplyID
		Result Result
		Err    error
	}

	// Note is a line for the log.
	Note struct {
		Level   Level
		Message string
		Args    []any // key, value, …
	}

	// Exit says that all is stopped and the group is left.
	Exit struct{}
)

// Result is what a Reply carries besides an error.
type Result struct {
	// Created tells whether PutConnector made a new one.
	Created bool
	// Tasks are the connector's tasks as known when it was answered.
	Tasks []cluster.TaskID
	// Message tells of a success in words, where the answer has some.
	Message string
}

// Level is the level of a Note.
type Level int

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Timer names a timer: a kind, and for a retry the connector.
type Timer struct {
	Kind      TimerKind
	Connector string
}

// TimerKind is what a timer is for.
type TimerKind int

// The kinds of timer.
const (
	// TimerRebalance is the end of the delay that the leader gave with an assignment.
	TimerRebalance TimerKind = iota + 1
	// TimerRejoin ends the backoff after the worker left because it could not read the config topic.
	TimerRejoin
	// TimerReconfigure retries task config generation.
	TimerReconfigure
	// TimerKey is the session key's expiry.
	TimerKey
	// TimerReread reads the config topic again after a write and the read that followed it failed.
	TimerReread
	// TimerMismatch ends the pause before the next round, after two or more in a row in which the leader was behind a member.
	TimerMismatch
	// TimerFencing ends the pause between two requests for a round of fencing.
	TimerFencing
	// TimerClaim ends the pause after the leader's privilege to write could not be claimed.
	TimerClaim
	// TimerRepair ends the time that a connector has to generate task configs that the topic has lost.
	TimerRepair
)

// ConfigRecord is one thing to write to the config topic.
type ConfigRecord interface{ record() }

type (
	// ConnectorRecord writes a connector config, with a target state unless that is empty.
	ConnectorRecord struct {
		Name   string
		Config map[string]string
		Target cluster.TargetState
	}
	// RemoveRecord deletes a connector.
	RemoveRecord struct{ Name string }
	// TasksRecord writes task configs and their commit record.
	TasksRecord struct {
		Name    string
		Configs []map[string]string
	}
	// TargetRecord writes a target state.
	TargetRecord struct {
		Name   string
		Target cluster.TargetState
	}
	// RestartRecord writes a restart request.
	RestartRecord struct {
		Name                     string
		IncludeTasks, OnlyFailed bool
	}
	// TaskCountRecord records how many tasks may be running from now on.
	TaskCountRecord struct {
		Name  string
		Tasks int
	}
	// SessionKeyRecord has the worker make a new session key and write it.
	SessionKeyRecord struct{}
)

func (ConnectorRecord) record()  {}
func (RemoveRecord) record()     {}
func (TasksRecord) record()      {}
func (TargetRecord) record()     {}
func (RestartRecord) record()    {}
func (TaskCountRecord) record()  {}
func (SessionKeyRecord) record() {}

func (Join) effect()                {}
func (Sync) effect()                {}
func (Leave) effect()               {}
func (ReadConfigToEnd) effect()     {}
func (StartWork) effect()           {}
func (StopWork) effect()            {}
func (SetWorkTarget) effect()       {}
func (ReconfigureTask) effect()     {}
func (GenerateTaskConfigs) effect() {}
func (ForwardTaskConfigs) effect()  {}
func (Write) effect()               {}
func (ModifyOffsets) effect()       {}
func (ClaimWrites) effect()         {}
func (RelinquishWrites) effect()    {}
func (RequestFencing) effect()      {}
func (FenceTasks) effect()          {}
func (WriteStatus) effect()         {}
func (CleanStatuses) effect()       {}
func (SetTimer) effect()            {}
func (Reply) effect()               {}
func (Note) effect()                {}
func (Exit) effect()                {}
