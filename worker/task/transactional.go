package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// transactional is what a source task has besides when it delivers exactly once.
type transactional struct {
	txn
	Transactions
	boundary boundary
	timer    *time.Timer // wakes the loop at the end of an interval; nil without

	// Guarded by Source.mu: what the task is told once the transaction is committed, in the order of deliveries.
	records []committable
	batches []committableBatch
	// dropped is the number of the last record that was given up with its transaction at the task's wish.
	dropped uint64
	// failed is set when the loop ended by an error: then the last transaction is not committed.
	failed bool

	rollback
}

type committable struct {
	rec connect.SourceRecord
	md  connect.RecordMetadata
	// seq is that of the ledger, 0 for a record that was never sent.
	seq uint64
}

type committableBatch struct {
	batch *client.SourceBatch
	base  int64
}

// beginTransactional has the producer fence off its predecessors, between two looks whether this task is still to run.
func (s *Source) beginTransactional() error {
	c := s.cfg.Transactions
	if c == nil {
		return nil
	}
	t := &transactional{Transactions: *c, boundary: boundary{kind: c.Boundary, interval: c.Interval}}
	if t.boundary.interval <= 0 {
		t.boundary.interval = s.cfg.FlushInterval
	}
	if t.At == nil {
		t.At = func(string) {}
	}
	var p any = s.producer
	t.txn = txn{offsets: s.newest, write: s.writeOffsets, at: t.At}
	if s.whole != nil {
		p, t.txn.write = s.batchers, s.writeOffsetsWhole
	}
	var can bool
	if t.p, can = p.(client.Transactional); !can {
		return errors.New("the producer cannot write in transactions, which exactly-once delivery needs")
	}
	check := func(look func(context.Context) error) error {
		if look == nil {
			return nil
		}
		return s.unlessOutdated(look(s.soft))
	}
	t.At("check")
	if err := check(t.Before); err != nil {
		return err
	}
	t.At("init")
	if err := s.withProducer(func() error { return t.p.Init(s.soft) }); err != nil {
		return fmt.Errorf("initializing the transactional producer: %w", err)
	}
	t.At("check again")
	if err := check(t.After); err != nil {
		return err
	}
	t.boundary.last = time.Now()
	s.trans = t
	return nil
}

// unlessOutdated has a task that must not start wait for its stop, which is due.
func (s *Source) unlessOutdated(err error) error {
	if errors.Is(err, ErrOutdated) {
		s.log.Warn("The task is not started: " + err.Error())
		<-s.soft.Done()
	}
	return err
}

// withProducer holds the producer while f uses it. It is not called of a task that was killed.
func (s *Source) withProducer(f func() error) error {
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	if s.killed() || s.producer == nil && s.batchers == nil {
		return context.Canceled
	}
	return f()
}

// context is what the task gets.
func (s *Source) context() connect.SourceTaskContext {
	if s.trans != nil && s.trans.boundary.kind == BoundaryConnector {
		return transactionContext{sourceContext{s}, &s.trans.boundary}
	}
	return sourceContext{s}
}

// dispatch sends the records of one Poll, with the ends of transactions that the task asked for among them.
func (s *Source) dispatch(recs []connect.SourceRecord) error {
	if s.trans == nil {
		return s.send(recs)
	}
	b := &s.trans.boundary
	defer clear(b.after)
	for at := 0; at < len(recs); {
		end, how := b.cut(at, len(recs))
		if err := s.send(recs[at:end]); err != nil {
			return err
		}
		if err := s.endTransaction(how); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// openTransaction makes sure that there is one. The caller holds prodMu.
func (s *Source) openTransaction() error {
	t := s.trans
	if t == nil {
		return nil
	}
	opened := !t.open
	if err := t.begin(); err != nil {
		return err
	}
	if opened && t.boundary.kind == BoundaryInterval {
		t.wakeAt(time.Until(t.boundary.last.Add(t.boundary.interval)), s.wake)
	}
	return nil
}

// wakeAt has the loop look around when the interval is over: the task may have nothing to return until then.
func (t *transactional) wakeAt(in time.Duration, wake func()) {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.timer = time.AfterFunc(max(0, in), wake)
}

// boundaryReached ends the transaction if it is to end here, between two Polls.
func (s *Source) boundaryReached() error {
	if s.trans == nil {
		return nil
	}
	return s.endTransaction(s.trans.boundary.polled(time.Now()))
}

// intervalOver ends the transaction if its interval is over while the task has nothing to return.
func (s *Source) intervalOver() error {
	t := s.trans
	if t == nil || !t.open || t.boundary.kind != BoundaryInterval {
		return nil
	}
	return s.boundaryReached()
}

// pauseTransaction ends the transaction before a pause, in which its time would run out.
func (s *Source) pauseTransaction() error {
	if s.trans == nil {
		return nil
	}
	return s.endTransaction(s.trans.boundary.final())
}

// endTransaction commits or aborts; what was aborted counts as read.
func (s *Source) endTransaction(how ending) error {
	if how == goOn || s.killed() {
		return nil
	}
	t := s.trans
	var pairs []OffsetPair
	open := t.open
	err := s.withProducer(func() (err error) {
		if !s.cfg.Member() {
			return errFenced
		}
		if how == abortIt {
			if err := s.giveUp(t); err != nil {
				return err
			}
		}
		if err := s.refusal(); err != nil {
			return t.txn.failed("committing a transaction", err)
		}
		start := time.Now()
		pairs, err = t.commit(s.drain)
		if open || err != nil || len(pairs) > 0 {
			s.meter.committed(start, err)
		}
		return err
	})
	s.meter.transacted(err == nil && how != abortIt)
	if err != nil {
		if lost := s.failure(); lost != nil && !t.ended {
			return lost // says why
		}
		return err
	}
	s.mu.Lock()
	s.book.Take()
	s.mu.Unlock()
	t.firsts = nil
	if t.Stored != nil && len(pairs) > 0 {
		t.Stored(pairs)
	}
	return s.tellCommitted(open || len(pairs) > 0)
}

// giveUp aborts at the task's wish.
func (s *Source) giveUp(t *transactional) error {
	if !t.open {
		s.log.Warn("The task wants to abort a transaction in which there is nothing")
		return nil
	}
	s.mu.Lock()
	t.dropped = s.book.Last()
	for i := range t.records {
		t.records[i].seq = 0
	}
	s.mu.Unlock()
	s.log.Info("A transaction is aborted as the task wants it")
	return t.abort(s.drain)
}

// newest gives the offsets that a transaction commits.
func (s *Source) newest() []OffsetPair {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Newest()
}

// writeOffsets sends offsets by the producer of records.
func (s *Source) writeOffsets(ctx context.Context, pairs []OffsetPair) error {
	kvs, err := s.trans.Encode(pairs)
	if err != nil {
		return err
	}
	recs := make([]ProducerRecord, len(kvs))
	s.mu.Lock()
	for i, kv := range kvs {
		recs[i] = ProducerRecord{
			Seq: s.book.Submit(nil, nil, nil), Topic: s.trans.Topic, Partition: connect.NoPartition, Key: kv.Key, Value: kv.Value, TimestampMs: -1,
		}
	}
	s.mu.Unlock()
	return s.producer.Send(ctx, recs)
}

// writeOffsetsWhole sends them by the producer of batches.
func (s *Source) writeOffsetsWhole(ctx context.Context, pairs []OffsetPair) error {
	kvs, err := s.trans.Encode(pairs)
	if err != nil {
		return err
	}
	p, can := s.batchers.(client.TransactionalBatches)
	if !can {
		return errors.New("the producer of batches takes no source offsets")
	}
	return p.SendKVs(ctx, s.trans.Topic, kvs)
}

// refuseOwnTopic keeps records out of the topic of offsets: reading offsets waits for open transactions, and the task may
// read some before its own ends.
func (t *transactional) refuseOwnTopic(topic string) error {
	if t != nil && topic == t.Topic {
		return fmt.Errorf("a source task may not write to the topic of its own offsets, %s, when exactly-once support is enabled", topic)
	}
	return nil
}

// gaveUp tells whether a record was given up at the task's wish. The caller holds Source.mu.
func (t *transactional) gaveUp(seq uint64) bool { return t != nil && seq <= t.dropped }

// deferRecords has the task told of deliveries once they are committed. The caller holds recordMu.
func (s *Source) deferRecords(ds []Delivery) {
	s.tags = s.tags[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range ds {
		d := &ds[i]
		t, _ := s.book.Tag(d.Seq).(*sent)
		s.tags = append(s.tags, t)
		if t == nil || d.Err != nil && d.Seq > s.trans.dropped {
			continue
		}
		c := committable{rec: t.rec, seq: d.Seq, md: connect.RecordMetadata{Topic: t.topic, Partition: d.Partition, Offset: d.Offset}}
		if d.Err != nil || d.Seq <= s.trans.dropped {
			c.seq = 0
		}
		s.trans.records = append(s.trans.records, c)
	}
}

// deferBatches does so with batches, and takes them out of tags.
func (s *Source) deferBatches(ds []Delivery, tags []*client.SourceBatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range tags {
		if b != nil {
			s.trans.batches = append(s.trans.batches, committableBatch{b, ds[i].Offset})
			tags[i] = nil
		}
	}
}

// deferDropped does so with records that a transformation dropped.
func (s *Source) deferDropped(recs []connect.SourceRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.conv.dropped {
		s.trans.records = append(s.trans.records, committable{rec: recs[i]})
	}
}

// tellCommitted tells the task what is committed.
func (s *Source) tellCommitted(stored bool) error {
	t := s.trans
	s.mu.Lock()
	records, batches := t.records, t.batches
	t.records, t.batches = nil, nil
	s.mu.Unlock()
	failures := 0
	var first error
	err := guard("CommitRecord", func() error {
		for i := range records {
			c := &records[i]
			var md *connect.RecordMetadata
			if c.seq != 0 {
				md = &c.md
			}
			if err := s.records.CommitRecord(&c.rec, md); err != nil {
				failures++
				first = cmpErr(first, err)
			}
		}
		return nil
	})
	s.recordFailures(err, failures, first)
	err = guard("BatchWritten", func() error {
		for _, b := range batches {
			s.whole.BatchWritten(b.batch, b.base)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if stored {
		t.At("told")
		s.tellStored()
	}
	return s.failure()
}

// finishTransactional commits what a task that stops has sent, and gives up what one that failed has.
func (s *Source) finishTransactional() {
	t := s.trans
	if t.timer != nil {
		t.timer.Stop()
	}
	ctx, cancel := context.WithTimeout(s.hard, s.cfg.FlushTimeout)
	defer cancel()
	if !t.failed && s.failure() == nil && !t.broken {
		s.drain = ctx
		if err := s.endTransaction(t.boundary.final()); err != nil && !s.killed() {
			s.log.Warn("The last transaction was not committed; its records will be sent again", "error", err)
		}
	}
	err := s.withProducer(func() error { return t.abort(ctx) })
	if err != nil && !s.killed() {
		s.log.Warn("The last transaction was not aborted; it will be, before this task runs again", "error", err)
	}
}
