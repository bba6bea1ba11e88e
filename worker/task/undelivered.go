package task

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/worker/task/ledger"
)

// undelivered is what the ledger keeps of a failed record until the task has been asked.
type undelivered struct {
	rec   connect.SourceRecord
	topic string // after transformations
	err   error
}

// noteFailures enters failures before anything else is made of the same batch, so that what lies behind them does not count. An
// error that the producer does not survive is no affair of the record's.
func (s *Source) noteFailures(ds []Delivery) {
	if s.tol.Tolerate {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range ds {
		d := &ds[i]
		if d.Err == nil || errors.Is(d.Err, client.ErrFatal) {
			continue
		}
		u := &undelivered{err: d.Err}
		if t, ok := s.book.Tag(d.Seq).(*sent); ok {
			u.rec, u.topic = t.rec, t.topic
		}
		s.book.Fail(d.Seq, u)
	}
}

// queue hands records to the producer. One that the producer refuses at once is a delivery that failed; the others go on.
func (s *Source) queue(out []ProducerRecord) error {
	for len(out) > 0 {
		err := s.producer.Send(s.drain, out)
		var refused *client.RecordError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &refused):
			return fmt.Errorf("sending records: %w", err)
		}
		at := slices.IndexFunc(out, func(r ProducerRecord) bool { return r.Seq == refused.Seq })
		s.delivered([]Delivery{{Seq: refused.Seq, Partition: out[max(at, 0)].Partition, Offset: -1, Err: refused.Err}})
		if s.failure() != nil {
			return nil // the loop sees it next
		}
		out = out[at+1:]
	}
	return nil
}

// split has smaller batches sent to a topic that takes no larger ones: the next try finds out whether that was it.
func (s *Source) split(u *undelivered) {
	if !errors.Is(u.err, client.ErrTooLarge) {
		return
	}
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	p, can := s.producer.(client.Splitter)
	if !can || s.killed() {
		return
	}
	size := 0
	for _, v := range []any{u.rec.Key, u.rec.Value} {
		if b, is := v.([]byte); is {
			size += len(b)
		}
	}
	ctx, cancel := context.WithTimeout(s.drain, s.cfg.FlushTimeout)
	defer cancel()
	p.Split(ctx, u.topic, size)
}

// goBack tells the task of failures that hold up source partitions, and begins those anew: what was polled of them and not yet sent
// does not count.
func (s *Source) goBack() (anew []connect.Entries, err error) {
	if s.trans != nil {
		return s.goBackTransactional()
	}
	s.mu.Lock()
	stuck := s.stuck
	s.stuck = nil
	s.mu.Unlock()
	for _, f := range stuck {
		handled, err := true, error(nil)
		switch u := f.Cause.(type) {
		case *undelivered:
			err = guard("DeliveryFailed", func() error {
				handled = s.failer.DeliveryFailed(&u.rec, u.err)
				return nil
			})
			if err == nil && !handled {
				err = undeliverable(u.err)
			}
			if err == nil {
				s.split(u)
				s.log.Debug("A record could not be sent to Kafka; its source partition is read again from there", "topic", u.rec.Topic,
					"source-partition", u.rec.SourcePartition, "source-offset", u.rec.SourceOffset, "error", u.err)
			}
		case *unwritten:
			err = s.goBackTo(u)
		default:
			continue // the producer has ended, and the task with it
		}
		if err != nil {
			return anew, err
		}
		s.mu.Lock()
		source, _ := s.book.Restart(f.Seq)
		s.mu.Unlock()
		anew = append(anew, source)
	}
	return anew, nil
}

// among tells whether a source partition is one of those that are begun anew.
func among(anew []connect.Entries, source connect.Entries) bool {
	return slices.ContainsFunc(anew, func(e connect.Entries) bool { return ledger.Same(source, e) })
}
