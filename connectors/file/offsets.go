package file

import (
	"context"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// refusal is an error in the words of Kafka's file connector, which tools know.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// AlterSourceOffsets implements connect.SourceOffsetsAlterer. Whether a position lies within the file shows when the task
// starts.
func (c *connector) AlterSourceOffsets(_ context.Context, props map[string]string, offsets []connect.PartitionOffset) (bool, error) {
	if props[propFile] == "" {
		return false, refuse("Offsets cannot be modified if the '%s' configuration is unspecified. "+
			"This is because stdin is used for input and offsets are not tracked.", propFile)
	}
	for _, o := range offsets {
		if o.Offset == nil {
			continue // what is garbage may be removed
		}
		if err := checkOffset(o); err != nil {
			return false, err
		}
	}
	return true, nil
}

func checkOffset(o connect.PartitionOffset) error {
	v, ok := o.Offset.Get(fieldPosition)
	position, whole := v.(int64)
	switch _, named := o.Partition.Get(fieldFile); {
	case !ok:
		return refuse("Offset objects should either be null or contain the key '%s'", fieldPosition)
	case !whole:
		return refuse("The value for the '%s' key in the offset is expected to be a Long value", fieldPosition)
	case position < 0:
		return refuse("The value for the '%s' key in the offset should be a non-negative value", fieldPosition)
	case o.Partition == nil:
		return refuse("Partition objects cannot be null")
	case !named:
		return refuse("Partition objects should contain the key '%s'", fieldFile)
	}
	return nil
}

// AlterSinkOffsets implements connect.SinkOffsetsAlterer: the sink keeps no offsets of its own.
func (c *connector) AlterSinkOffsets(context.Context, map[string]string, map[connect.TopicPartition]*int64) (bool, error) {
	return true, nil
}
