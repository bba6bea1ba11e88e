package metrics

import (
	"time"

	"github.com/connectd/connectd/internal/metrics/measure"
)

// Snapshot is what a worker has measured as of one scrape.
type Snapshot struct {
	// Flow is which of a node's workers it is, in the dedicated mode of MirrorMaker; empty for the only one.
	Flow string
	// Workers has the worker itself, once it has started.
	Workers []Worker
	// Connectors are those that run on the worker, Counts all that have tasks on it.
	Connectors []Connector
	Counts     []TaskCounts
	Tasks      []Task
	Partitions []Partition
	// Checkpoints are what the tasks of MirrorCheckpoint have written.
	Checkpoints []Checkpoint
}

// Worker is about the worker and its membership in the group.
type Worker struct {
	Connectors, Tasks               int
	ConnectorStartups, TaskStartups Startups
	Leader                          bool
	// Epoch is the group's generation, Rebalances how many rounds the worker has completed.
	Epoch       int32
	Rebalances  int64
	Rebalancing bool
	// RebalanceMs is how long rounds took of late; nil for no round.
	RebalanceMs *measure.Spread
	// SinceRebalance is how long the last round is past; below 0 for none.
	SinceRebalance time.Duration
}

// Startups counts starts that have succeeded or failed. The shares, from 0 to 1, are of those of late.
type Startups struct {
	Succeeded, Failed          int64
	SuccessShare, FailureShare float64
}

// Connector is a connector that runs on the worker.
type Connector struct {
	Name, Type, Class, Version string
	// State is lower case, as in Java's metrics.
	State string
}

// TaskCounts tells what the tasks of a connector on this worker are doing.
type TaskCounts struct {
	Connector                                              string
	Total, Running, Paused, Failed, Unassigned, Restarting int
}

// Task is a task that runs on the worker, or has failed there.
type Task struct {
	Connector string
	Task      int
	// State is lower case, as in Java's metrics.
	State string
	// Known says that the rest was measured: the task was made.
	Known bool
	// RunningRatio and PauseRatio are shares of the time since the task was started, 0 to 1.
	RunningRatio, PauseRatio float64
	// BatchSize is in records, CommitMs in milliseconds; nil when there was none of late.
	BatchSize, CommitMs *measure.Spread
	// CommitSuccess and CommitFailure are shares of the commits of late, 0 to 1; both 0 when there was none.
	CommitSuccess, CommitFailure float64
	Errors                       Errors
	// Source or Sink has the rest, the other is nil.
	Source *Source
	Sink   *Sink
}

// Errors counts what errors.* properties are about (KIP-298).
type Errors struct {
	Failures, Errors, Skipped, Retries, Logged int64
	// Last is when one came last; zero for never.
	Last time.Time
}

// Source is what a source task has done since it was started.
type Source struct {
	Polled, Written, Active int64
	// PollRate and WriteRate are records per second of late.
	PollRate, WriteRate float64
	// PollMs is how long polls took that brought something, ActiveOf how many records were under way, TransactionSize how many
	// records transactions had; nil for none of late.
	PollMs, ActiveOf, TransactionSize *measure.Spread
}

// Sink is what a sink task has done since it was started.
type Sink struct {
	Read, Sent, Active int64
	// ReadRate and SendRate are records per second of late.
	ReadRate, SendRate float64
	Partitions         int64
	// CommitSeq numbers commits, Commits counts those that succeeded.
	CommitSeq, Commits int64
	// CommitRate is in commits per second.
	CommitRate float64
	// PutMs is how long Put took, ActiveOf how many records were read and not committed; nil for none of late.
	PutMs, ActiveOf *measure.Spread
}

// Partition is how a source task is doing with one partition that it copies.
type Partition struct {
	Connector string
	Task      int
	// Source and Target are aliases of clusters; Topic and Partition are the source's, Remote is the topic of the copies.
	Source, Target, Topic, Remote string
	Partition                     int32
	// Counted says that Records and Bytes were counted since the task started.
	Counted                          bool
	Records, Bytes                   int64
	RecordsPerSecond, BytesPerSecond float64
	// AgeMs and LatencyMs are nil when nothing was copied of late.
	AgeMs, LatencyMs *measure.Spread
	// Position, End and LagMs are -1 while they are unknown.
	Position, End, LagMs int64
	State                string
	ThrottledMs          int64
	// Lane is empty for a task that does not tell.
	Lane, LaneReason string
	Whole, Decoded   int64
}

// Checkpoint is how long a group's positions took to the target.
type Checkpoint struct {
	Connector string
	measure.CheckpointLatency
}
