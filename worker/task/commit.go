package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/connectd/connectd/connect"
)

// commit asks the task how far it is with the given partitions, and commits that. Only a failure that must fail the task
// is returned; others are logged, and the next commit tries again.
func (s *Sink) commit(ctx context.Context, tps []connect.TopicPartition, closing bool) error {
	offsets := make(map[connect.TopicPartition]int64, len(tps))
	for _, tp := range tps {
		if o, ok := s.put[tp]; ok {
			offsets[tp] = o
		}
	}
	if len(offsets) == 0 || s.killed() {
		return nil
	}
	safe, err := s.preCommit(ctx, offsets)
	if err != nil {
		var p *PanicError
		if errors.As(err, &p) {
			return err
		}
		if closing {
			s.log.Warn("PreCommit failed while partitions were closed; nothing is committed", "error", err)
			return nil
		}
		s.log.Error("PreCommit failed; reading again from the last committed offsets", "error", err)
		return s.rewindToCommitted(offsets)
	}
	changed := s.committable(safe, offsets)
	if len(changed) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.FlushTimeout)
	defer cancel()
	s.meter.commitSeq.Add(1)
	start := time.Now()
	err = s.consume(func(c Consumer) error { return c.Commit(ctx, changed) })
	s.meter.commitDone(start, err)
	if err != nil {
		if !s.killed() {
			s.log.Error("Committing offsets failed and will be tried again", "partitions", len(changed), "error", err)
		}
		return nil
	}
	maps.Copy(s.committed, changed)
	s.count()
	return nil
}

func (s *Sink) preCommit(ctx context.Context, offsets map[connect.TopicPartition]int64) (safe map[connect.TopicPartition]int64, err error) {
	pc, ok := s.task.(connect.PreCommitter)
	if !ok {
		return offsets, nil
	}
	err = guard("PreCommit", func() (err error) {
		safe, err = pc.PreCommit(ctx, maps.Clone(offsets))
		return err
	})
	return safe, err
}

// committable leaves of a task's answer what may be committed and is news: never past what was put, never of a
// partition that was not asked about.
func (s *Sink) committable(safe, asked map[connect.TopicPartition]int64) map[connect.TopicPartition]int64 {
	changed := make(map[connect.TopicPartition]int64, len(safe))
	for tp, o := range safe {
		limit, ok := asked[tp]
		switch {
		case !ok && !s.owned[tp]:
			s.log.Warn("An offset from PreCommit is ignored: the partition is not assigned",
				"topic", tp.Topic, "partition", tp.Partition, "offset", o)
		case !ok: // not the time for it
		case o > limit || o < 0:
			s.log.Warn("An offset from PreCommit is ignored: it is past what was put",
				"topic", tp.Topic, "partition", tp.Partition, "offset", o, "put", limit)
		default:
			if last, ok := s.committed[tp]; !ok || last != o {
				changed[tp] = o
			}
		}
	}
	return changed
}

func (s *Sink) rewindToCommitted(offsets map[connect.TopicPartition]int64) error {
	for tp := range offsets {
		o, ok := s.committed[tp]
		if !ok {
			continue
		}
		if err := s.consume(func(c Consumer) error { return c.Seek(tp, o) }); err != nil {
			return fmt.Errorf("rewinding %s-%d to %d: %w", tp.Topic, tp.Partition, o, err)
		}
		s.put[tp] = o
	}
	return nil
}

// closePartitions ends the work on partitions: a last commit unless they are lost, and the task's Close.
func (s *Sink) closePartitions(ctx context.Context, tps []connect.TopicPartition, lost bool) error {
	if len(tps) == 0 {
		return nil
	}
	var err error
	if !lost {
		err = s.closingCommit(ctx, tps)
	} else {
		err = s.closeTask(ctx, tps)
	}
	for _, tp := range tps {
		delete(s.put, tp)
		delete(s.committed, tp)
	}
	return err
}

// closingCommit commits while the partitions are still the task's, and closes them whatever comes of it.
func (s *Sink) closingCommit(ctx context.Context, tps []connect.TopicPartition) error {
	err := s.commit(ctx, tps, true)
	return errors.Join(err, s.closeTask(ctx, tps))
}

func (s *Sink) closeTask(ctx context.Context, tps []connect.TopicPartition) error {
	pa, ok := s.task.(connect.PartitionAware)
	if !ok || s.killed() {
		return nil
	}
	if err := guard("Close", func() error { return pa.Close(ctx, tps) }); err != nil {
		return fmt.Errorf("closing partitions: %w", err)
	}
	return nil
}
