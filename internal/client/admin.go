package client

import (
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// Positions besides offsets.
const (
	Earliest int64 = -2
	Latest   int64 = -1
)

// Errors that callers tell apart with errors.Is, whatever the client says besides.
var (
	// ErrOffsetOutOfRange says that a position does not exist in the partition (any more): its records were deleted
	// by retention, or the topic was made anew.
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrTruncated says that a partition lost records that were read already, in an unclean leader election.
	ErrTruncated = errors.New("the partition was truncated")
	// ErrTopicExists is what creating a topic that is there already answers.
	ErrTopicExists = errors.New("the topic exists already")
	// ErrUnknownTopic says that a topic or partition does not exist, or may not be seen.
	ErrUnknownTopic = errors.New("unknown topic or partition")
	// ErrUnauthorized is a missing ACL.
	ErrUnauthorized = errors.New("not authorized")
	// ErrGroupNotEmpty says that a consumer group has members, so that nobody else may change it.
	ErrGroupNotEmpty = errors.New("the consumer group has members")
	// ErrReplication says that a replication factor is not possible in the cluster.
	ErrReplication = errors.New("invalid replication factor")
	// ErrFatal says that a client is of no use any more.
	ErrFatal = errors.New("the client cannot go on")
	// ErrTooLarge is a record that the client or the broker refuses for its size.
	ErrTooLarge = errors.New("the record is too large")
	// ErrRecord is a record that the broker refuses for what it is, such as one without a key in a compacted topic.
	ErrRecord = errors.New("the record is refused")
	// ErrFenced says that another producer has taken this one's transactional.id: it must not go on.
	ErrFenced = errors.New("the producer is fenced: another one uses its transactional.id")
	// ErrPassedOver is a batch that was given up for no fault of its own: one before it in its partition could not be written, or its
	// transaction was aborted.
	ErrPassedOver = errors.New("another batch could not be written")
	// ErrCorrupt is a record batch whose checksum or structure is wrong.
	ErrCorrupt = errors.New("the record batch is corrupt")
	// ErrTimestamp is a record that the broker refuses for its timestamp.
	ErrTimestamp = errors.New("the record's timestamp is refused")
)

// RecordError is a record that a producer does not take.
type RecordError struct {
	// Seq is ProducerRecord.Seq.
	Seq uint64
	Err error
}

func (e *RecordError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *RecordError) Unwrap() error { return e.Err }

// PartitionError is a failure of one partition that is being read.
type PartitionError struct {
	connect.TopicPartition
	Err error
}

func (e *PartitionError) Error() string {
	return fmt.Sprintf("reading %s-%d: %v", e.Topic, e.Partition, e.Err)
}

// Unwrap gives the cause.
func (e *PartitionError) Unwrap() error { return e.Err }

// Cluster describes a Kafka cluster.
type Cluster struct {
	ID string
	// Brokers is the number of brokers that run.
	Brokers int
}

// Topic is a topic's shape.
type Topic struct {
	Name        string
	Partitions  int32
	Replication int16
	// ID differs between a topic and another one that was later made with its name. It is empty where nobody asked for it,
	// and with brokers that give none.
	ID string
}

// ConfigSource says where a topic's setting has its value from, in the numbers of the Kafka protocol.
type ConfigSource int8

// The sources that matter to topics.
const (
	TopicConfig                ConfigSource = 1 // set on the topic itself
	DynamicBrokerConfig        ConfigSource = 2
	DynamicDefaultBrokerConfig ConfigSource = 3
	StaticBrokerConfig         ConfigSource = 4
	DefaultConfig              ConfigSource = 5 // built in
)

// ConfigEntry is one setting of a topic.
type ConfigEntry struct {
	Value     string
	Source    ConfigSource
	ReadOnly  bool
	Sensitive bool
}

// ConfigChange is what to do to one topic's settings.
type ConfigChange struct {
	Topic string
	// Set gives new values, Delete names settings that fall back to their default.
	Set    map[string]string
	Delete []string
}
