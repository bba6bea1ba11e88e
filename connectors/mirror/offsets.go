package mirror

import (
	"context"
	"fmt"
	"math"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/jackson"
)

// Fields of source partitions, in the order in which they are written.
const (
	clusterKey   = "cluster"
	partitionKey = "partition"
	topicKey     = "topic"
)

// refusal is an error in the words of Kafka's mirror connectors, which tools know.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// AlterSourceOffsets implements connect.SourceOffsetsAlterer: offsets are checked for their form only, as the source's
// consumer commits none.
func (c *connector) AlterSourceOffsets(_ context.Context, _ map[string]string, offsets []connect.PartitionOffset) (bool, error) {
	for _, o := range offsets {
		if o.Offset == nil {
			continue // what is garbage may be removed
		}
		if o.Partition == nil {
			return false, refuse("Source partitions may not be null")
		}
		for _, key := range []string{clusterKey, topicKey} {
			if err := checkString(o.Partition, key); err != nil {
				return false, err
			}
		}
		if err := checkPartition(o.Partition); err != nil {
			return false, err
		}
		if err := checkOffset(o); err != nil {
			return false, err
		}
	}
	for i := range offsets {
		offsets[i].Partition = inOrder(offsets[i].Partition)
	}
	return true, nil
}

// checkString asks for a text in a source partition.
func checkString(p connect.Entries, key string) error {
	v, ok := p.Get(key)
	if !ok {
		return refuse("Source partition %s is missing the '%s' key, which is required", printed(p), key)
	}
	if _, ok := v.(string); !ok {
		return refuse("Source partition %s has an invalid value %s for the '%s' key, which must be a string", printed(p), jackson.Text(v), key)
	}
	return nil
}

// checkPartition asks for the number of a partition in a source partition.
func checkPartition(p connect.Entries) error {
	v, ok := p.Get(partitionKey)
	if !ok {
		return refuse("Source partition %s is missing the '%s' key, which is required", printed(p), partitionKey)
	}
	wrong := ""
	switch n, whole := v.(int64); {
	case !whole || n > math.MaxInt32:
		wrong = "must be an integer"
	case n < 0:
		wrong = "cannot be negative"
	default:
		return nil
	}
	return refuse("Source partition %s has an invalid value %s for the '%s' key, which %s", printed(p), jackson.Text(v), partitionKey, wrong)
}

// checkOffset asks for the offset of a record.
func checkOffset(o connect.PartitionOffset) error {
	v, ok := o.Offset.Get(offsetKey)
	if !ok {
		return refuse("Source offset %s for source partition %s is missing the '%s' key, which is required",
			printed(o.Offset), printed(o.Partition), offsetKey)
	}
	wrong := ""
	switch n, whole := v.(int64); {
	case !whole:
		wrong = "must be an integer"
	case n < 0:
		wrong = "cannot be negative"
	default:
		return nil
	}
	return refuse("Source offset %s for source partition %s has an invalid value %s for the '%s' key, which %s",
		printed(o.Offset), printed(o.Partition), jackson.Text(v), offsetKey, wrong)
}

// printed shows a partition or offset as Java prints its map.
func printed(e connect.Entries) string {
	o := make(jackson.Object, len(e))
	for i, f := range e {
		o[i] = jackson.Member{Key: f.Key, Value: f.Value}
	}
	return jackson.Text(o.HashOrder())
}

// inOrder puts the fields as the tasks write them; what else there is comes last.
func inOrder(p connect.Entries) connect.Entries {
	if p == nil {
		return nil
	}
	out := make(connect.Entries, 0, len(p))
	for _, key := range []string{clusterKey, partitionKey, topicKey} {
		if v, ok := p.Get(key); ok {
			out = append(out, connect.Entry{Key: key, Value: v})
		}
	}
	for _, e := range p {
		if e.Key != clusterKey && e.Key != partitionKey && e.Key != topicKey {
			out = append(out, e)
		}
	}
	return out
}

// ExactlyOnceSupport implements connect.ExactlyOnceSupporter: what the source's own transactions gave up must not be copied.
func (c *connector) ExactlyOnceSupport(props map[string]string) (bool, error) {
	return isolation(props) == "read_committed", nil
}
