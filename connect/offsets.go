package connect

import "context"

// PartitionOffset is a source partition with its offset. A nil Offset is none: it removes what is stored.
type PartitionOffset struct {
	Partition, Offset Entries
}

// SourceOffsetsAlterer is an optional interface of a source Connector (KIP-875): it has a say when an operator changes the
// stored offsets of the connector. It is called on an instance that is not started, while the connector is stopped and none
// of its tasks runs.
type SourceOffsetsAlterer interface {
	// AlterSourceOffsets checks the offsets that are about to be stored. An error keeps all of them from being stored, and
	// its text is the operator's answer; one that is errors.ErrUnsupported says that offsets of this connector cannot be
	// changed. Offsets that remove (nil) should be let through, whatever the partition looks like.
	//
	// The partitions may be spelt in any order of fields. The connector should put their fields into the order in which
	// its tasks write them, in place: partitions are found again by their bytes.
	//
	// A connector that also keeps offsets elsewhere changes them there and returns true. False tells the operator that only
	// what the worker stores was changed.
	AlterSourceOffsets(ctx context.Context, props map[string]string, offsets []PartitionOffset) (bool, error)
}

// SinkOffsetsAlterer is SourceOffsetsAlterer for a sink Connector, whose offsets are those of its consumer group. Nil removes
// a partition's offset. All of the group's partitions are given, each with nil, when an operator resets the connector.
type SinkOffsetsAlterer interface {
	AlterSinkOffsets(ctx context.Context, props map[string]string, offsets map[TopicPartition]*int64) (bool, error)
}
