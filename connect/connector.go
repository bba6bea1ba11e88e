package connect

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect/config"
)

// Connector decides how a job is divided into tasks. It moves no data itself.
type Connector interface {
	// Start prepares the connector. The context ends when the connector must stop; keep cc for later.
	Start(ctx context.Context, cc ConnectorContext, props map[string]string) error
	// TaskConfigs divides the work into at most maxTasks task configs. While it fails, tasks go on with their old configs
	// and the worker asks again with backoff.
	TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error)
	// Stop ends whatever Start began and returns when it has. It is called once, also after a failed Start.
	Stop() error
}

// Validator is an optional interface of a Connector: checks beyond its ConfigDef. It is called on a connector that is
// not started, and must neither connect for long nor change anything.
type Validator interface {
	// Validate gets the properties and what the ConfigDef made of them, and returns those values with its own errors
	// added. The context bounds it.
	Validate(ctx context.Context, props map[string]string, values []config.Value) []config.Value
}

// ConnectorContext is what a connector may ask of its worker. It is safe for concurrent use.
type ConnectorContext interface {
	// RequestTaskReconfiguration asks the worker to call TaskConfigs again.
	RequestTaskReconfiguration()
	// RaiseError fails the connector.
	RaiseError(err error)
	// Offsets reads this connector's stored source offsets; nil for a sink.
	Offsets() OffsetReader
	// Logger names the connector in each line.
	Logger() *slog.Logger
}

// OffsetReader reads stored source offsets.
type OffsetReader interface {
	// Offsets returns the stored offset of each partition, in the order asked; nil where none is stored. It reads the
	// offset topic to its end first.
	Offsets(ctx context.Context, partitions []Entries) ([]Entries, error)
}

// SourceTask reads from the source system.
type SourceTask interface {
	// Start prepares the task with one of the maps that TaskConfigs returned.
	Start(ctx context.Context, tc SourceTaskContext, props map[string]string) error
	// Poll waits for records until there are some, or ctx ends. No records and no error is allowed. The worker is done
	// with the slice when it calls Poll again; it keeps keys, values and offsets until they are in Kafka.
	Poll(ctx context.Context) ([]SourceRecord, error)
	// Stop ends the task. It may run beside Poll.
	Stop() error
}

// Committer is an optional interface of a SourceTask: Commit runs after source offsets were stored.
type Committer interface {
	Commit(ctx context.Context) error
}

// RecordCommitter is an optional interface of a SourceTask: CommitRecord runs for every record once it is in Kafka, or
// was dropped by a transform (md is nil then). It comes from another goroutine than Poll and must not block for long. rec
// and md are the worker's again when it returns; what they refer to may be kept.
type RecordCommitter interface {
	CommitRecord(rec *SourceRecord, md *RecordMetadata) error
}

// SourceTaskContext is what a source task may ask of its worker.
type SourceTaskContext interface {
	Offsets() OffsetReader
	Logger() *slog.Logger
}

// SinkTask writes to the sink system.
type SinkTask interface {
	Start(ctx context.Context, tc SinkTaskContext, props map[string]string) error
	// Put takes records; they count as written only after a PreCommit that covers them. A Retriable error has the same
	// records delivered again after the context's timeout.
	Put(ctx context.Context, records []SinkRecord) error
	// Stop ends the task.
	Stop() error
}

// PreCommitter is an optional interface of a SinkTask: PreCommit gets the offsets (next to be read) up to which records
// were put, makes them durable, and returns the offsets that may be committed: all, fewer, or none to skip. Without it
// all put offsets are committed.
type PreCommitter interface {
	PreCommit(ctx context.Context, offsets map[TopicPartition]int64) (map[TopicPartition]int64, error)
}

// PartitionAware is an optional interface of a SinkTask that wants to know which partitions it has.
type PartitionAware interface {
	Open(ctx context.Context, partitions []TopicPartition) error
	Close(ctx context.Context, partitions []TopicPartition) error
}

// SinkTaskContext is what a sink task may ask of its worker. Except Logger it is for the task's own goroutine only.
type SinkTaskContext interface {
	// Rewind sets the positions from which to read next.
	Rewind(offsets map[TopicPartition]int64)
	// SetRetryTimeout sets how long to wait before a Retriable Put is tried again; the default is no wait.
	SetRetryTimeout(d time.Duration)
	Assignment() []TopicPartition
	// Pause and Resume stop and restart the delivery of some partitions.
	Pause(partitions ...TopicPartition)
	Resume(partitions ...TopicPartition)
	// RequestCommit asks for a commit soon.
	RequestCommit()
	Logger() *slog.Logger
}

type retriable struct{ error }

func (r retriable) Unwrap() error { return r.error }

// Retriable marks an error after which the worker tries the same again. It returns nil for nil.
func Retriable(err error) error {
	if err == nil {
		return nil
	}
	return retriable{err}
}

// IsRetriable tells whether err, or one that it wraps, was marked by Retriable.
func IsRetriable(err error) bool {
	var r retriable
	return errors.As(err, &r)
}
