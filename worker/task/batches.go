package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// Whole record batches travel by the same ledger as records: one entry for each batch, whose offset is that of its last record.

var _ client.BatchContext = sourceContext{}

// WholeBatches implements client.BatchContext.
func (c sourceContext) WholeBatches() (bool, string) { return c.s.whole != nil, c.s.cfg.NoBatches }

// Backlog implements client.BatchContext.
func (c sourceContext) Backlog(topic string, partition int32) client.Backlog {
	c.s.prodMu.Lock()
	defer c.s.prodMu.Unlock()
	if c.s.batchers == nil {
		return client.Backlog{}
	}
	return c.s.batchers.Backlog(topic, partition)
}

// Throttled implements client.BatchContext.
func (c sourceContext) Throttled() time.Duration {
	c.s.prodMu.Lock()
	defer c.s.prodMu.Unlock()
	if c.s.batchers == nil {
		return 0
	}
	return c.s.batchers.Throttled()
}

// unwritten is what the ledger keeps of a failed batch until the task has been asked.
type unwritten struct {
	batch *client.SourceBatch
	err   error
}

// nextBatches polls the task for whole batches, and gives what sends them.
func (s *Source) nextBatches(ctx context.Context) (send func() error, err error) {
	var batches []client.SourceBatch
	start := time.Now()
	err = guard("PollBatches", func() error {
		batches, err = s.whole.PollBatches(ctx)
		return err
	})
	s.meter.took(start, recordsOf(batches))
	return func() error {
		anew, err := s.goBack()
		if err != nil {
			letGo(batches)
			return err
		}
		if len(anew) > 0 {
			batches = without(batches, anew)
		}
		return s.sendBatches(batches)
	}, err
}

// recordsOf counts the records of batches.
func recordsOf(batches []client.SourceBatch) (n int) {
	for i := range batches {
		n += int(batches[i].Records)
	}
	return n
}

func letGo(batches []client.SourceBatch) {
	for i := range batches {
		batches[i].Hold.Release()
	}
}

// without leaves out the batches of source partitions that are begun anew, and lets go of them.
func without(batches []client.SourceBatch, anew []connect.Entries) []client.SourceBatch {
	var rest []client.SourceBatch
	for _, b := range batches {
		if among(anew, b.SourcePartition) {
			b.Hold.Release()
		} else {
			rest = append(rest, b)
		}
	}
	return rest
}

// sendBatches takes the batches of one poll all the way into the producer.
func (s *Source) sendBatches(batches []client.SourceBatch) error {
	for i := range batches {
		topic := batches[i].Topic
		if topic == s.topic {
			continue
		}
		if err := s.ensure(topic); err != nil {
			letGo(batches)
			return err
		}
		s.topic = topic
	}
	if s.trans != nil && len(s.trans.suspects) > 0 {
		return s.sendApart(batches)
	}
	return s.handOver(batches)
}

// handOver gives batches to the producer.
func (s *Source) handOver(batches []client.SourceBatch) error {
	if len(batches) == 0 {
		return nil
	}
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	switch {
	case s.killed() || s.batchers == nil:
		letGo(batches)
		return nil
	case !s.cfg.Member():
		letGo(batches)
		return errFenced
	}
	if err := s.openTransaction(); err != nil {
		letGo(batches)
		s.trans.keepUnsent(batches)
		return err
	}
	return s.queueBatches(s.submitBatches(batches))
}

// submitBatches numbers the batches in the ledger, which keeps what is to be known of each.
func (s *Source) submitBatches(batches []client.SourceBatch) []client.RawBatch {
	s.raws = s.raws[:0]
	own := make([]client.SourceBatch, len(batches))
	copy(own, batches)
	last := ""
	s.meter.sent(recordsOf(batches))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.TopicResets.changed(&s.resets) {
		clear(s.tracked)
	}
	for i := range own {
		b := &own[i]
		if s.trans != nil && !s.book.Unstored(b.SourcePartition) {
			s.trans.firsts = append(s.trans.firsts, b)
		}
		b.Seq = s.book.Submit(b.SourcePartition, b.SourceOffset, b)
		s.raws = append(s.raws, b.RawBatch)
		b.Bytes, b.Hold = nil, nil // the producer's from here on
		if s.cfg.TopicUsed != nil && b.Topic != last && !s.tracked[b.Topic] {
			s.tracked[b.Topic] = true
			s.fresh[b.Seq] = b.Topic
		}
		last = b.Topic
	}
	return s.raws
}

// queueBatches hands batches to the producer. One that it refuses at once has failed; the others go on.
func (s *Source) queueBatches(raws []client.RawBatch) error {
	for len(raws) > 0 {
		n, err := s.batchers.Send(s.drain, raws)
		raws = raws[n:]
		if err == nil {
			continue
		}
		var refused *client.RecordError
		if !errors.As(err, &refused) || len(raws) == 0 {
			return s.notQueued(raws, err)
		}
		raws[0].Hold.Release()
		s.batchesDelivered([]Delivery{{Seq: raws[0].Seq, Partition: raws[0].Partition, Offset: -1, Err: refused.Err}})
		raws = raws[1:]
	}
	return nil
}

// notQueued lets go of batches that the producer has not taken.
func (s *Source) notQueued(raws []client.RawBatch, err error) error {
	n := 0
	s.mu.Lock()
	for i := range raws {
		s.book.Fail(raws[i].Seq, nil)
		n += int(raws[i].Records)
	}
	s.mu.Unlock()
	for i := range raws {
		raws[i].Hold.Release()
	}
	s.meter.settled(n, 0)
	const what = "sending record batches"
	if s.trans != nil {
		return s.trans.txn.failed(what, err)
	}
	return fmt.Errorf(what+": %w", err)
}

// batchesDelivered takes outcomes from the producer's goroutine.
func (s *Source) batchesDelivered(ds []Delivery) {
	tags := s.settleFailures(ds)
	if s.trans != nil {
		s.deferBatches(ds, tags)
	}
	err := guard("BatchWritten", func() error {
		for i, b := range tags {
			if b != nil {
				s.whole.BatchWritten(b, ds[i].Offset)
			}
		}
		return nil
	})
	if err != nil {
		s.fail(err)
	}
	var used []string
	s.mu.Lock()
	for i := range ds {
		d := &ds[i]
		if d.Err == nil {
			s.book.Ack(d.Seq)
		}
		if len(s.fresh) > 0 {
			used = s.use(d, used)
		}
	}
	s.stuck = append(s.stuck, s.book.Stuck()...)
	stuck := len(s.stuck) > 0
	s.mu.Unlock()
	for _, topic := range used {
		s.cfg.TopicUsed(topic)
	}
	if stuck {
		s.wake()
	}
}

// settleFailures enters failures before anything else is made of the same outcomes, and gives the batches that count as written.
func (s *Source) settleFailures(ds []Delivery) []*client.SourceBatch {
	tags := make([]*client.SourceBatch, len(ds))
	var fatal error
	all, written := 0, 0
	s.mu.Lock()
	for i := range ds {
		d := &ds[i]
		if d.Err == nil {
			continue
		}
		var cause any
		b, _ := s.book.Tag(d.Seq).(*client.SourceBatch)
		if b != nil {
			all += int(b.Records)
		}
		switch {
		case errors.Is(d.Err, client.ErrFatal):
			fatal = d.Err
		case b != nil && !errors.Is(d.Err, client.ErrPassedOver):
			u := &unwritten{batch: b, err: d.Err}
			if cause = u; s.trans != nil {
				s.trans.refused = append(s.trans.refused, u)
			}
		}
		s.book.Fail(d.Seq, cause)
	}
	for i := range ds {
		if ds[i].Err == nil {
			tags[i], _ = s.book.Tag(ds[i].Seq).(*client.SourceBatch)
			if tags[i] != nil {
				written += int(tags[i].Records)
			}
		}
	}
	s.mu.Unlock()
	s.meter.settled(all+written, written)
	if fatal != nil {
		s.fail(fmt.Errorf("record batches could not be written to Kafka: %w", fatal))
	}
	return tags
}

// goBackTo tells the task of a batch that was not written.
func (s *Source) goBackTo(u *unwritten) error {
	if err := s.tellFailed(u); err != nil {
		return err
	}
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	if s.batchers != nil {
		s.batchers.GoOn(u.batch.Topic, u.batch.Partition)
	}
	return nil
}

// tellFailed asks the task whether it goes back to a batch; it is an error if it does not.
func (s *Source) tellFailed(u *unwritten) error {
	handled := false
	err := guard("BatchFailed", func() error {
		handled = s.whole.BatchFailed(u.batch, u.err)
		return nil
	})
	switch {
	case err != nil:
		return err
	case !handled:
		return fmt.Errorf("a record batch could not be written to Kafka: %w", u.err)
	}
	s.log.Debug("A record batch could not be written to Kafka; its source partition is read again from there", "topic", u.batch.Topic,
		"source-partition", u.batch.SourcePartition, "source-offset", u.batch.SourceOffset, "error", u.err)
	return nil
}
