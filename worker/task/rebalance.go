package task

import (
	"context"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// sinkRebalance is the runner as its consumer's group tells it about partitions. Calls come from within Poll.
type sinkRebalance Sink

// Assigned opens the new partitions.
func (r *sinkRebalance) Assigned(ctx context.Context, tps []connect.TopicPartition) error {
	return (*Sink)(r).rebalanced(func(s *Sink) error { return s.assigned(ctx, tps) })
}

// Revoked commits and closes partitions before they go.
func (r *sinkRebalance) Revoked(ctx context.Context, tps []connect.TopicPartition, lost bool) error {
	return (*Sink)(r).rebalanced(func(s *Sink) error { return s.revoked(ctx, tps, lost) })
}

// rebalanced calls f unless the task has ended, and remembers its first error. That Kill comes first matters: closing
// the consumer after it is another goroutine's, which must not look at the runner's fields.
func (s *Sink) rebalanced(f func(*Sink) error) error {
	if s.killed() || s.task == nil {
		return nil
	}
	err := f(s)
	if s.rebalanceErr == nil {
		s.rebalanceErr = err
	}
	return err
}

func (s *Sink) assigned(ctx context.Context, tps []connect.TopicPartition) error {
	for _, tp := range tps {
		s.owned[tp] = true
		s.meter.partitions.Store(int64(len(s.owned)))
		pos, err := s.consumer.Position(tp)
		if err != nil {
			return fmt.Errorf("position of %s-%d: %w", tp.Topic, tp.Partition, err)
		}
		if pos >= 0 {
			s.put[tp], s.committed[tp] = pos, pos
		}
	}
	if err := s.pauseAgain(tps); err != nil {
		return err
	}
	if pa, ok := s.task.(connect.PartitionAware); ok && len(tps) > 0 {
		if err := guard("Open", func() error { return pa.Open(ctx, tps) }); err != nil {
			return fmt.Errorf("opening partitions: %w", err)
		}
	}
	return s.rewind()
}

// pauseAgain brings the new assignment into line with what is paused.
func (s *Sink) pauseAgain(added []connect.TopicPartition) error {
	if s.redelivering && len(s.batch.recs) == 0 {
		s.redelivering = false // all of the batch was revoked
		if !s.pausing {
			if err := s.resumeAll(); err != nil {
				return err
			}
		}
	}
	if s.redelivering || s.pausing {
		return s.pauseAll()
	}
	var again []connect.TopicPartition
	for _, tp := range added {
		if s.ctx.paused[tp] {
			again = append(again, tp)
		}
	}
	if len(again) == 0 {
		return nil
	}
	return s.consume(func(c Consumer) error { return c.Pause(again) })
}

func (s *Sink) revoked(ctx context.Context, tps []connect.TopicPartition, lost bool) error {
	err := s.closePartitions(ctx, tps, lost)
	for _, tp := range tps {
		delete(s.owned, tp)
		delete(s.ctx.paused, tp)
		delete(s.ctx.rewinds, tp)
	}
	s.batch.drop(tps)
	s.meter.partitions.Store(int64(len(s.owned)))
	s.count()
	return err
}
