package herder

import (
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// Work is a connector or a task: Task is Itself for the connector's own instance.
type Work = cluster.TaskID

// Itself is the task number that stands for the connector, as on the wire.
const Itself = -1

// Incarnation numbers the starts of work, so that reports of an earlier start are recognised as stale.
type Incarnation uint64

// ReplyID names a request that waits for an answer; 0 for nobody.
type ReplyID uint64

// Event is what can happen to a worker.
type Event interface{ event() }

type (
	// Started says that the stores have been read to their ends. Snapshot is the config topic then.
	Started struct{ Snapshot *cluster.Snapshot }

	// ConfigChanged says that the config topic was read on.
	ConfigChanged struct {
		Snapshot *cluster.Snapshot
		// Configs are connectors whose own config changed (added ones included), Removed those that are gone.
		Configs, Removed []string
		// Tasks are connectors whose task configs were committed.
		Tasks []string
		// Targets are connectors whose target state changed.
		Targets []string
		// Restarts are plans drawn up from the restart requests read, by the statuses known then.
		Restarts []RestartPlan
	}

	// Joined says that this worker was elected leader of a round, and must answer with assignments.
	Joined struct {
		Generation int32
		MemberID   string
		LeaderID   string
		Protocol   proto.Protocol
		// Members are the metadata of all members by member id, as on the wire.
		Members map[string][]byte
	}

	// Assigned says that a round completed.
	Assigned struct {
		Generation int32
		MemberID   string
		Protocol   proto.Protocol
		// Assignment is as on the wire.
		Assignment []byte
	}

	// RebalanceNeeded says that the coordinator wants all members to rejoin, or that the round under way was overtaken
	// by another. Generation is the one that ended.
	RebalanceNeeded struct {
		Generation int32
		Reason     string
	}

	// Lost says that this worker is no member of the group any more: what it runs may already run elsewhere.
	Lost struct{ Reason string }

	// Reported is what a runner says of its connector or task.
	Reported struct {
		Work        Work
		Incarnation Incarnation
		State       cluster.State
		Trace       string
		// Unmade says of FAILED that there is nothing to start: its config does not do.
		Unmade bool
	}

	// Noted is what a connector or task has to say while it runs; empty takes back what it said before.
	Noted struct {
		Work        Work
		Incarnation Incarnation
		Text        string
	}

	// WorkStopped says that a runner has ended after Stop, or was abandoned after its graceful time.
	WorkStopped struct {
		Work        Work
		Incarnation Incarnation
		Abandoned   bool
	}

	// ReconfigureRequested says that a connector wants its task configs generated anew.
	ReconfigureRequested struct {
		Connector   string
		Incarnation Incarnation
	}

	// TaskConfigsGenerated is the outcome of GenerateTaskConfigs.
	TaskConfigsGenerated struct {
		Connector   string
		Incarnation Incarnation
		Configs     []map[string]string
		Err         error
		// Permanent says that asking again is of no use before the config changes.
		Permanent bool
		// NotRunning says that the connector was paused, stopped or failed when it was asked: no outcome at all.
		NotRunning bool
	}

	// TaskConfigsForwarded is the outcome of ForwardTaskConfigs.
	TaskConfigsForwarded struct {
		Connector   string
		Incarnation Incarnation
		Err         error
	}

	// ConfigWritten is the outcome of a Write effect. By then the write has been read back.
	ConfigWritten struct{ Err error }

	// OffsetsModified is the outcome of ModifyOffsets.
	OffsetsModified struct {
		Connector string
		// Message tells the caller of success.
		Message string
		Err     error
	}

	// FencingRequested is the outcome of RequestFencing.
	FencingRequested struct {
		Connector string
		Round     uint64
		Err       error
	}

	// TasksFenced is the outcome of FenceTasks.
	TasksFenced struct {
		Connector string
		Round     uint64
		Err       error
	}

	// WritesClaimed is the outcome of ClaimWrites.
	WritesClaimed struct{ Err error }

	// ReadToEnd is the outcome of ReadConfigToEnd.
	ReadToEnd struct{ Err error }

	// TimerFired is the outcome of SetTimer.
	TimerFired struct{ Timer Timer }

	// Requested is a request of the REST layer. Expired withdraws one that was not answered in time.
	Requested struct {
		Reply ReplyID
		Op    Op
	}
	Expired struct{ Reply ReplyID }

	// Shutdown asks for an orderly end: stop all work, leave the group.
	Shutdown struct{}
)

func (Started) event()              {}
func (ConfigChanged) event()        {}
func (Joined) event()               {}
func (Assigned) event()             {}
func (RebalanceNeeded) event()      {}
func (Lost) event()                 {}
func (Reported) event()             {}
func (Noted) event()                {}
func (WorkStopped) event()          {}
func (ReconfigureRequested) event() {}
func (TaskConfigsGenerated) event() {}
func (TaskConfigsForwarded) event() {}
func (ConfigWritten) event()        {}
func (OffsetsModified) event()      {}
func (FencingRequested) event()     {}
func (TasksFenced) event()          {}
func (WritesClaimed) event()        {}
func (ReadToEnd) event()            {}
func (TimerFired) event()           {}
func (Requested) event()            {}
func (Expired) event()              {}
func (Shutdown) event()             {}

// RestartPlan says what a restart request covers.
type RestartPlan struct {
	Connector string
	// Self restarts the connector's own instance, Tasks these tasks, wherever they run.
	Self  bool
	Tasks []int
}

// Op is what a request asks for. Validation has been done by then, off the loop.
type Op interface{ op() }

type (
	// PutConnector creates or replaces a connector's config.
	PutConnector struct {
		Name         string
		Config       map[string]string
		Target       cluster.TargetState // empty leaves it
		AllowReplace bool
	}
	// PatchConnector is a PutConnector whose Config was computed from the config it found, Base: it is refused with a
	// conflict when the config has changed since.
	PatchConnector struct {
		Name         string
		Base, Config map[string]string
	}
	// DeleteConnector removes one.
	DeleteConnector struct{ Name string }
	// SetTarget pauses, resumes or stops.
	SetTarget struct {
		Name   string
		Target cluster.TargetState
	}
	// RestartWork restarts one connector instance or task, on the worker that runs it.
	RestartWork struct{ Work Work }
	// RequestRestart writes a restart request that every worker follows.
	RequestRestart struct {
		Name                     string
		IncludeTasks, OnlyFailed bool
	}
	// PutTaskConfigs are task configs that the connector's owner sends to the leader.
	PutTaskConfigs struct {
		Name    string
		Configs []map[string]string
	}
	// ChangeOffsets changes the stored offsets of a stopped connector, or removes all (KIP-875). Change is the worker's; the
	// machine passes it on.
	ChangeOffsets struct {
		Name   string
		Change any
	}
	// FenceZombies answers once no producer of an earlier generation of a connector's tasks can write any more.
	FenceZombies struct{ Name string }
	// Ping answers once the worker is a settled member of the group.
	Ping struct{}
)

func (PutConnector) op()    {}
func (PatchConnector) op()  {}
func (DeleteConnector) op() {}
func (SetTarget) op()       {}
func (RestartWork) op()     {}
func (RequestRestart) op()  {}
func (PutTaskConfigs) op()  {}
func (ChangeOffsets) op()   {}
func (FenceZombies) op()    {}
func (Ping) op()            {}
