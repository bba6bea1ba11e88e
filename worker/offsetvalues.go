package worker

import (
	"strconv"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/jackson"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/storage"
)

// Fields of the offsets of sinks.
const (
	sinkTopic     = "kafka_topic"
	sinkPartition = "kafka_partition"
	sinkOffsetKey = "kafka_offset"
)

// sourceOffset takes an offset as it came for a source connector. Its errors are those of Java for values that cannot be
// stored.
func sourceOffset(o api.ConnectorOffset) (out connect.PartitionOffset, err error) {
	if out.Partition, err = asEntries(o.Partition); err != nil {
		return out, err
	}
	out.Offset, err = asEntries(o.Offset)
	return out, err
}

func asEntries(o jackson.Object) (connect.Entries, error) {
	if o == nil {
		return nil, nil
	}
	out := make(connect.Entries, len(o))
	for i, m := range o {
		what := ""
		out[i] = connect.Entry{Key: m.Key, Value: m.Value}
		switch v := m.Value.(type) {
		case []any:
			what = "ARRAY"
		case jackson.Object:
			what = "MAP"
		case jackson.Number:
			if !v.IsIntegral() {
				out[i].Value = v.Float64()
			} else if n, ok := v.Int64(); ok {
				out[i].Value = n
			} else {
				what = "class java.math.BigInteger"
			}
		}
		if what != "" {
			return nil, cluster.Errorf(cluster.CodeInternal, "Offsets may only contain primitive types as values, but field %s contains %s", m.Key, what)
		}
	}
	return out, nil
}

func asObject(e connect.Entries) jackson.Object {
	if e == nil {
		return nil
	}
	out := make(jackson.Object, len(e))
	for i, f := range e {
		out[i] = jackson.Member{Key: f.Key, Value: f.Value}
	}
	return out
}

// sameEntries tells whether two partitions are the same but for the order of their fields.
func sameEntries(a, b connect.Entries) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for _, e := range a {
		if v, ok := b.Get(e.Key); !ok || v != e.Value {
			return false
		}
	}
	return true
}

// withOtherSpellings are the pairs to store, and the removal of those stored of the same partitions whose fields stand in
// another order: they would be listed beside the new ones, and never be read again.
func withOtherSpellings(stored []storage.Pair, list []connect.PartitionOffset) []storage.Pair {
	var out []storage.Pair
	for _, p := range list {
		out = append(out, storage.Pair(p))
		for _, s := range stored {
			if sameEntries(s.Partition, p.Partition) && !sameOrder(s.Partition, p.Partition) {
				out = append(out, storage.Pair{Partition: s.Partition})
			}
		}
	}
	return out
}

func sameOrder(a, b connect.Entries) bool {
	for i := range a {
		if a[i].Key != b[i].Key {
			return false
		}
	}
	return true
}

// sinkOffset takes an offset as it came for a sink connector; nil is none. Numbers may come as text.
func sinkOffset(o api.ConnectorOffset) (tp connect.TopicPartition, at *int64, err error) {
	if o.Partition == nil {
		return tp, nil, cluster.BadRequest("The partition for a sink connector offset cannot be null or missing")
	}
	topic, hasTopic := o.Partition.Get(sinkTopic)
	partition, hasPartition := o.Partition.Get(sinkPartition)
	switch {
	case !hasTopic || !hasPartition:
		return tp, nil, cluster.BadRequest("The partition for a sink connector offset must contain the keys '%s' and '%s'", sinkTopic, sinkPartition)
	case topic == nil:
		return tp, nil, cluster.BadRequest("Kafka topic names must be valid strings and may not be null")
	case partition == nil:
		return tp, nil, cluster.BadRequest("Kafka partitions must be valid numbers and may not be null")
	}
	n, err := strconv.ParseInt(jackson.Text(partition), 10, 32)
	if err != nil {
		return tp, nil, cluster.BadRequest("Failed to parse the following Kafka partition value in the provided offsets: '%s'. "+
			"Partition values for sink connectors need to be integers.", jackson.Text(partition))
	}
	tp = connect.TopicPartition{Topic: jackson.Text(topic), Partition: int32(n)}
	if o.Offset == nil {
		return tp, nil, nil
	}
	offset, has := o.Offset.Get(sinkOffsetKey)
	if !has {
		return tp, nil, cluster.BadRequest("The offset for a sink connector should either be null or contain the key '%s'", sinkOffsetKey)
	}
	next, err := strconv.ParseInt(jackson.Text(offset), 10, 64)
	if err != nil {
		return tp, nil, cluster.BadRequest("Failed to parse the following Kafka offset value in the provided offsets: '%s'. "+
			"Offset values for sink connectors need to be integers.", jackson.Text(offset))
	}
	return tp, &next, nil
}
