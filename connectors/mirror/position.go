package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// errBeyond says that a position lies past the end of its partition.
var errBeyond = errors.New("the position to go on from is past the end of the partition: the topic was made anew, or lost records in an unclean leader election")

// settle finds out where partitions go on whose position does not exist. Its error is retriable while that can't be told.
func (t *task) settle(ctx context.Context) error {
	first, err := t.offsets(ctx, client.Earliest)
	if err != nil {
		return err
	}
	end, err := t.offsets(ctx, client.Latest)
	if err != nil {
		return err
	}
	for tp, cause := range t.gone {
		next, begin, stop := t.parts[tp].next, first[tp], end[tp]
		at, err := goOn(next, begin, stop, t.reset)
		if err != nil {
			return fmt.Errorf("%s-%d of cluster %s (position %d, partition from %d to %d): %w. Set source.consumer.auto.offset.reset to earliest or latest "+
				"to go on there, or change the connector's offsets", tp.Topic, tp.Partition, t.s.source, next, begin, stop, err)
		}
		t.log.Error("a position does not exist in the source cluster: records were deleted before they were copied, or the topic was made anew",
			"cluster", t.s.source, "topic", tp.Topic, "partition", tp.Partition, "position", next,
			"beginning", begin, "end", stop, "going on at", at, "error", cause)
		if err := t.reader.Seek(tp, at); err != nil {
			return err
		}
		t.parts[tp].next = at
		delete(t.gone, tp)
	}
	return nil
}

// offsets asks for the beginnings or ends of the partitions whose position is gone. A partition that is gone altogether is
// left to the connector.
func (t *task) offsets(ctx context.Context, spec int64) (map[connect.TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, t.s.adminTimeout)
	defer cancel()
	for len(t.gone) > 0 {
		specs := make(map[connect.TopicPartition]int64, len(t.gone))
		for tp := range t.gone {
			specs[tp] = spec
		}
		found, err := t.reader.ListOffsets(ctx, specs, false)
		var pe *client.PartitionError
		if !errors.As(err, &pe) || !errors.Is(err, client.ErrUnknownTopic) {
			return found, connect.Retriable(err)
		}
		t.log.Warn("a partition can't be read at present", "error", err)
		delete(t.gone, pe.TopicPartition)
	}
	return nil, nil
}

// goOn decides where a partition goes on whose position next does not exist. reset is auto.offset.reset as given, or empty:
// then the partition goes on at its beginning if that lies ahead, but never starts over.
func goOn(next, first, end int64, reset string) (int64, error) {
	switch {
	case next >= first && next <= end: // the partition has grown or the leader changed since
		return next, nil
	case reset == "latest":
		return end, nil
	case reset == "earliest":
		return first, nil
	case reset == "none":
		return 0, errors.New("the position to go on from does not exist, and auto.offset.reset=none allows no other")
	case next < first:
		return first, nil
	}
	return 0, errBeyond
}
