package connect

import "time"

// NoPartition leaves the choice of a record's partition to the producer.
const NoPartition int32 = -1

// Header is one record header. Names may repeat; order is kept.
type Header struct {
	Key    string
	Schema *Schema
	Value  any
}

// Entry is one field of a source partition or source offset.
type Entry struct {
	Key   string
	Value any // string, bool, an integer, a float or nil
}

// Entries is a small ordered map: a source partition or a source offset. The order counts, because the offset topic is
// compacted by the serialized bytes: a connector must always write the same fields in the same order. A nil Entries is
// Java's null map.
type Entries []Entry

// Get gives the value of key and whether it is there.
func (e Entries) Get(key string) (any, bool) {
	for i := range e {
		if e[i].Key == key {
			return e[i].Value, true
		}
	}
	return nil, false
}

// Int64 gives an integer field. JSON numbers read back from the offset topic arrive as int64.
func (e Entries) Int64(key string) (int64, bool) {
	v, _ := e.Get(key)
	switch n := v.(type) {
	case int64:
		return n, true
	case int32:
		return int64(n), true
	case int:
		return int64(n), true
	case float64:
		return int64(n), n == float64(int64(n))
	}
	return 0, false
}

// SourceRecord is what a source task hands to the worker.
type SourceRecord struct {
	// SourcePartition says where in the source system the record came from, SourceOffset its position there. The worker
	// stores SourceOffset under SourcePartition once the record and all before it are in Kafka.
	SourcePartition, SourceOffset Entries

	Topic string
	// Partition is NoPartition to let the producer choose by key. Note that the zero value is partition 0.
	Partition   int32
	KeySchema   *Schema
	Key         any
	ValueSchema *Schema
	Value       any
	// Timestamp is zero for none: the producer then sets its own.
	Timestamp time.Time
	Headers   []Header
}

// RecordMetadata tells where a source record went.
type RecordMetadata struct {
	Topic     string
	Partition int32
	// Offset is -1 when unknown.
	Offset int64
}

// TimestampType says who set a record's timestamp.
type TimestampType int8

// The timestamp types of Kafka.
const (
	NoTimestampType TimestampType = iota - 1
	CreateTime
	LogAppendTime
)

// TopicPartition names one partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// SinkRecord is what the worker hands to a sink task.
type SinkRecord struct {
	Topic         string
	Partition     int32
	Offset        int64
	KeySchema     *Schema
	Key           any
	ValueSchema   *Schema
	Value         any
	Timestamp     time.Time // zero for none
	TimestampType TimestampType
	Headers       []Header
}
