// Package client holds what the rooms that need a Kafka client and the room that provides it must agree on: records as
// bytes, deliveries, and the interfaces of producer and consumer.
//
// It is a floor package: plain types, no client library, no I/O, no goroutine, no clock.
package client

import (
	"context"
	"time"

	"github.com/connectd/connectd/connect"
)

// Header is a record header as bytes; a nil Value is a null.
type Header struct {
	Key   string
	Value []byte
}

// ProducerRecord is a record ready to be sent. Nil Key or Value is a null, empty is empty.
type ProducerRecord struct {
	// Seq is the runner's own number of the record, echoed in its Delivery. Strictly increasing per producer.
	Seq   uint64
	Topic string
	// Partition is connect.NoPartition for murmur2 over the key, as Java's default partitioner.
	Partition  int32
	Key, Value []byte
	// TimestampMs is milliseconds since the epoch, -1 for the producer's clock.
	TimestampMs int64
	Headers     []Header
}

// Delivery is the outcome of one record.
type Delivery struct {
	Seq       uint64
	Partition int32
	// Offset is -1 when unknown.
	Offset int64
	Err    error
}

// Producer sends the records of one source task. Send and Flush are called from one goroutine.
type Producer interface {
	// Send queues records in order. It blocks while the queue is full, until ctx ends; an error is permanent for the
	// records not queued. A *RecordError is about one record: those before it are queued, those behind it may be sent again. The producer copies what it needs before Send returns.
	Send(ctx context.Context, recs []ProducerRecord) error
	// Flush returns once the outcome of every record sent so far has been delivered, or ctx ends.
	Flush(ctx context.Context) error
	// Close gives up what is not delivered yet and releases the client. No Delivery follows.
	Close()
}

// Splitter is an optional interface of a Producer that can send smaller batches, for topics that take no larger ones.
type Splitter interface {
	// Split has the records of a topic sent in smaller batches from now on, once what is in flight is settled or ctx has ended.
	// It is called from Send's goroutine. False: they are as small as records of size bytes allow.
	Split(ctx context.Context, topic string, size int) bool
}

// ProducerFactory opens a producer with Java client properties (already merged: worker, producer., overrides).
// onDelivery gets outcomes in batches, from one goroutine of the producer's, and must not block for long; the slice is the
// producer's again when it returns.
type ProducerFactory func(props map[string]string, onDelivery func([]Delivery)) (Producer, error)

// ConsumedRecord is a record as the consumer of a sink task (or a mirror) gets it.
type ConsumedRecord struct {
	Topic     string
	Partition int32
	// LeaderEpoch is that of the partition's leader that took the record (KIP-320), -1 unknown.
	LeaderEpoch   int32
	Offset        int64
	Key, Value    []byte
	Headers       []Header
	Timestamp     time.Time // zero for none
	TimestampType connect.TimestampType
}

// Rebalance tells a sink's runner about its group. Calls come from within Poll, on the caller's goroutine.
type Rebalance interface {
	Assigned(ctx context.Context, partitions []connect.TopicPartition) error
	// Revoked is called before the partitions go to another member: flush and commit within it. lost says that they
	// are gone already, so that a commit would be refused.
	Revoked(ctx context.Context, partitions []connect.TopicPartition, lost bool) error
}

// Consumer is a member of a sink connector's consumer group. All calls come from one goroutine.
type Consumer interface {
	// Subscribe names topics, or a pattern (Java regular expression) if regex is set.
	Subscribe(topics []string, regex string, rb Rebalance) error
	// Poll waits up to timeout for records.
	Poll(ctx context.Context, timeout time.Duration) ([]ConsumedRecord, error)
	// Commit stores the offsets (next to be read) and waits for the answer.
	Commit(ctx context.Context, offsets map[connect.TopicPartition]int64) error
	Seek(tp connect.TopicPartition, offset int64) error
	Pause(tps []connect.TopicPartition) error
	Resume(tps []connect.TopicPartition) error
	// Position is the next offset that Poll returns.
	Position(tp connect.TopicPartition) (int64, error)
	Close() error
}

// ConsumerFactory opens a consumer with Java client properties (already merged: worker, consumer., overrides).
type ConsumerFactory func(props map[string]string) (Consumer, error)

// TopicSpec asks for a topic.
type TopicSpec struct {
	Name string
	// Partitions and Replication are -1 for the broker's default.
	Partitions  int32
	Replication int16
	Config      map[string]string
}

// LogRecord is one record of an internal topic. A nil Value is a tombstone.
type LogRecord struct {
	Key, Value []byte
	Partition  int32
	Offset     int64
	// TimestampMs is milliseconds since the epoch, -1 for none.
	TimestampMs int64
}

// KV is a record to be appended to an internal topic. A nil Value is a tombstone; a nil Key is allowed.
type KV struct{ Key, Value []byte }
