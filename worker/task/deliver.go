package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
)

type sourceContext struct{ s *Source }

func (c sourceContext) Offsets() connect.OffsetReader { return c.s.cfg.Reader }
func (c sourceContext) Logger() *slog.Logger          { return Slog(c.s.log) }

// Note implements connect.Noter.
func (c sourceContext) Note(text string) { c.s.notes.Note(text) }

// delivered takes outcomes from the producer's goroutine.
func (s *Source) delivered(ds []Delivery) {
	if s.failer != nil {
		s.noteFailures(ds)
	}
	if s.records != nil {
		s.recordMu.Lock()
		defer s.recordMu.Unlock()
		if s.trans != nil {
			s.deferRecords(ds)
		} else {
			s.commitRecords(ds)
		}
	}
	var used []string
	var lost *Delivery
	written := 0
	s.mu.Lock()
	for i := range ds {
		d := &ds[i]
		if d.Err == nil {
			written++
		} else {
			s.undelivered()
		}
		if d.Err == nil || s.tol.Tolerate || s.trans.gaveUp(d.Seq) {
			s.book.Ack(d.Seq)
		} else if s.book.Fail(d.Seq, nil) && lost == nil {
			lost = d
		}
		if len(s.fresh) > 0 {
			used = s.use(d, used)
		}
	}
	s.freeBatches()
	if s.failer != nil {
		s.stuck = append(s.stuck, s.book.Stuck()...)
	}
	stuck := len(s.stuck) > 0
	s.mu.Unlock()
	s.meter.settled(len(ds), written)
	for _, topic := range used {
		s.cfg.TopicUsed(topic)
	}
	if lost != nil {
		s.fail(undeliverable(lost.Err))
	}
	if stuck {
		s.wake()
	}
	if s.tol.Tolerate && s.tol.Log {
		s.logLost(ds)
	}
}

// undelivered counts a record that could not be delivered.
func (s *Source) undelivered() {
	c := &s.meter.errors
	c.failed(false)
	switch {
	case !s.tol.Tolerate:
		c.errors.Add(1)
	case s.tol.Log:
		c.logged.Add(1)
	}
}

func undeliverable(err error) error {
	return fmt.Errorf("a record could not be sent to Kafka: %w", err)
}

// use adds the topic of which d is the first record, if it is. The caller holds mu.
func (s *Source) use(d *Delivery, used []string) []string {
	topic, ok := s.fresh[d.Seq]
	if !ok {
		return used
	}
	delete(s.fresh, d.Seq)
	if d.Err != nil {
		delete(s.tracked, topic) // the next record may tell
		return used
	}
	return append(used, topic)
}

func (s *Source) logLost(ds []Delivery) {
	for i := range ds {
		if d := &ds[i]; d.Err != nil {
			s.log.Error("Error encountered in task", "stage", string(stageProduce), "error", d.Err)
		}
	}
}

// commitRecords tells the task about outcomes, before the records count as acknowledged. The caller holds recordMu.
func (s *Source) commitRecords(ds []Delivery) {
	s.tags = s.tags[:0]
	s.mu.Lock()
	for i := range ds {
		t, _ := s.book.Tag(ds[i].Seq).(*sent)
		s.tags = append(s.tags, t)
	}
	s.mu.Unlock()
	s.mds = slices.Grow(s.mds[:0], len(ds))[:len(ds)]
	failures := 0
	var first error
	err := guard("CommitRecord", func() error {
		for i, t := range s.tags {
			d := &ds[i]
			if t == nil || d.Err != nil && !s.tol.Tolerate {
				continue
			}
			var md *connect.RecordMetadata
			if d.Err == nil {
				md = &s.mds[i]
				*md = connect.RecordMetadata{Topic: t.topic, Partition: d.Partition, Offset: d.Offset}
			}
			if err := s.records.CommitRecord(&t.rec, md); err != nil {
				failures++
				first = cmpErr(first, err)
			}
		}
		return nil
	})
	s.recordFailures(err, failures, first)
}

// freeBatches takes the records that commitRecords saw out of their batches. The caller holds recordMu, if there are
// any, and mu.
func (s *Source) freeBatches() {
	for _, t := range s.tags {
		if t == nil {
			continue
		}
		b := t.batch
		if b.left--; b.left == 0 && len(s.batches) < maxFreeBatches {
			clear(b.recs)
			s.batches = append(s.batches, b)
		}
	}
	clear(s.tags)
	s.tags = s.tags[:0]
}

// commitDropped tells the task about records that never go to Kafka.
func (s *Source) commitDropped(recs []connect.SourceRecord) {
	if s.trans != nil {
		s.deferDropped(recs)
		return
	}
	s.recordMu.Lock()
	defer s.recordMu.Unlock()
	failures := 0
	var first error
	err := guard("CommitRecord", func() error {
		for _, i := range s.conv.dropped {
			rec := recs[i]
			if err := s.records.CommitRecord(&rec, nil); err != nil {
				failures++
				first = cmpErr(first, err)
			}
		}
		return nil
	})
	s.recordFailures(err, failures, first)
}

// recordFailures fails the task after a panic; errors are only logged, once a batch.
func (s *Source) recordFailures(panicked error, failures int, first error) {
	if panicked != nil {
		s.fail(panicked)
	}
	if failures > 0 {
		s.log.Error("The task's CommitRecord failed", "records", failures, "error", first)
	}
}

func cmpErr(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

func (s *Source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// fail records a failure that came from beside the loop, and interrupts the loop.
func (s *Source) fail(err error) {
	s.mu.Lock()
	if s.failed == nil {
		s.failed = err
	}
	s.mu.Unlock()
	s.wake()
}

// commitLoop stores offsets each flush interval, until the loop has ended.
func (s *Source) commitLoop() {
	timer := time.NewTimer(s.cfg.FlushInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			s.commit()
			timer.Reset(s.cfg.FlushInterval)
		case <-s.finishing:
			return
		}
	}
}

// commit stores the offsets that are safe, then tells the task. What can't be stored waits for the next commit.
func (s *Source) commit() {
	if s.killed() || !s.cfg.Member() {
		return
	}
	s.mu.Lock()
	pairs := s.book.Take()
	s.mu.Unlock()
	if len(pairs) > 0 {
		ctx, cancel := context.WithTimeout(s.hard, s.cfg.FlushTimeout)
		start := time.Now()
		err := s.cfg.Offsets.Set(ctx, s.cfg.ID.Connector, pairs)
		s.meter.committed(start, err)
		cancel()
		if err != nil {
			s.mu.Lock()
			s.book.Restore(pairs)
			s.mu.Unlock()
			if !s.killed() {
				s.log.Error("Storing source offsets failed and will be tried again", "partitions", len(pairs), "error", err)
			}
			return
		}
	}
	s.tellStored()
}

// tellStored tells the task that offsets were stored.
func (s *Source) tellStored() {
	if s.committer == nil || s.killed() {
		return
	}
	err := guard("Commit", func() error { return s.committer.Commit(s.hard) })
	var p *PanicError
	if errors.As(err, &p) {
		s.fail(err)
	} else if err != nil {
		s.log.Error("The task's Commit failed", "error", err)
	}
}

// finish ends what run began: records in flight, offsets, the task, the producer.
func (s *Source) finish() {
	close(s.finishing)
	s.notes.end()
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	switch {
	case !s.cfg.Member():
		s.log.Warn("Records in flight are given up, and their offsets not stored: " + errFenced.Error())
		s.closeProducer()
	case !started || s.killed():
	case s.trans != nil:
		s.finishTransactional()
	default:
		s.flush()
	}
	s.committing.Wait()
	if started && !s.killed() && s.trans == nil {
		s.commit()
	}
	s.stopTask()
	s.closeProducer()
	s.meter.active.Store(0)
	if s.cfg.Chain != nil {
		if err := guard("Close of a transformation", s.cfg.Chain.Close); err != nil {
			s.log.Warn("Closing the transformations failed", "error", err)
		}
	}
}

// flush waits for the records in flight, up to the flush timeout.
func (s *Source) flush() {
	ctx, cancel := context.WithTimeout(s.hard, s.cfg.FlushTimeout)
	defer cancel()
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	var flush func(context.Context) error
	switch {
	case s.producer != nil:
		flush = s.producer.Flush
	case s.batchers != nil:
		flush = s.batchers.Flush
	default:
		return
	}
	if err := flush(ctx); err != nil && !s.killed() {
		s.mu.Lock()
		n := s.book.Pending()
		s.mu.Unlock()
		s.log.Warn("Records in flight were given up; they will be sent again", "records", n, "error", err)
	}
}

// stopTask stops the task, once: whoever comes second does not wait, as the first may hang.
func (s *Source) stopTask() {
	if s.task == nil || !s.stopped.CompareAndSwap(false, true) {
		return
	}
	if err := guard("Stop", s.task.Stop); err != nil {
		s.log.Warn("Stopping the task failed", "error", err)
	}
}

func (s *Source) closeProducer() {
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	if s.producer != nil {
		s.producer.Close()
		s.producer = nil
	}
	if s.batchers != nil {
		s.batchers.Close()
		s.batchers = nil
	}
}

// reap runs beside the runner after Kill. The runner may be held up in the task's code: so the producer is closed
// here, and a task that hangs in Poll is told to stop.
func (s *Source) reap() {
	s.closeProducer()
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	if started {
		s.stopTask()
	}
}
