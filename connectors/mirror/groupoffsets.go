package mirror

import (
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/jackson"
)

// checkZeroOffsets checks source offsets that are about to be stored for a connector whose tasks store only zeros: texts
// names the fields of the partition that must be texts; order is how tasks write all of its fields, and how they are put. A
// field partition, if there is one, must be a number.
func checkZeroOffsets(offsets []connect.PartitionOffset, texts, order []string) error {
	for _, o := range offsets {
		if o.Offset == nil {
			continue // what is garbage may be removed
		}
		if o.Partition == nil {
			return refuse("Source partitions may not be null")
		}
		for _, key := range texts {
			if err := checkString(o.Partition, key); err != nil {
				return err
			}
		}
		if slices.Contains(order, partitionKey) {
			if err := checkPartition(o.Partition); err != nil {
				return err
			}
		}
		if err := checkZero(o); err != nil {
			return err
		}
	}
	for i := range offsets {
		offsets[i].Partition = ordered(offsets[i].Partition, order)
	}
	return nil
}

// checkZero asks for the offset 0.
func checkZero(o connect.PartitionOffset) error {
	v, ok := o.Offset.Get(offsetKey)
	if !ok {
		return checkOffset(o)
	}
	switch n, whole := v.(int64); {
	case !whole:
		return checkOffset(o)
	case n != 0:
		return refuse("Source offset %s for source partition %s has an invalid value %s for the '%s' key; the only accepted value is 0",
			printed(o.Offset), printed(o.Partition), jackson.Text(v), offsetKey)
	}
	return nil
}

// ordered puts the fields of a partition into an order; what else there is comes last.
func ordered(p connect.Entries, keys []string) connect.Entries {
	if p == nil {
		return nil
	}
	out := make(connect.Entries, 0, len(p))
	for _, key := range keys {
		if v, ok := p.Get(key); ok {
			out = append(out, connect.Entry{Key: key, Value: v})
		}
	}
	for _, e := range p {
		if !slices.Contains(keys, e.Key) {
			out = append(out, e)
		}
	}
	return out
}
