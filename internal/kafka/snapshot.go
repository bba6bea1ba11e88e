package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// ReadTo hands on the records before the given ends, which are offsets of the next record, and returns when all
// partitions have come that far. The partitions must have been assigned with offsets, not with Earliest: an empty one is
// at its end then. It gives up when nothing has come for as long as patience, and at any error of a partition.
func (r *Reader) ReadTo(ctx context.Context, ends map[connect.TopicPartition]int64, patience time.Duration, on func([]client.ConsumedRecord)) error {
	at := map[connect.TopicPartition]int64{}
	for moved := time.Now(); ; {
		for _, pos := range []map[connect.TopicPartition]int64{r.pos, r.consumed()} { // the latter is past ends of transactions too
			for tp, offset := range pos {
				if offset > at[tp] {
					at[tp], moved = offset, time.Now()
				}
			}
		}
		behind, left := connect.TopicPartition{}, 0
		for tp, end := range ends {
			if at[tp] < end {
				behind = tp
				left++
			}
		}
		if left == 0 {
			return nil
		}
		if time.Since(moved) > patience {
			return fmt.Errorf("no more records came for %v: %s-%d was read up to offset %d of %d", patience, behind.Topic, behind.Partition, at[behind], ends[behind])
		}
		recs, err := r.Poll(ctx, hurriedPoll)
		on(recs)
		if err != nil {
			return err
		}
	}
}
