package task

import (
	"errors"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/worker/task/ledger"
)

// rollback is what a task that sends whole batches in transactions needs to outlive a batch that is refused: the transaction is aborted,
// and the task reads again what was in it.
type rollback struct {
	// firsts is the first batch since the last commit of each source partition, unsent what was polled behind them and not sent.
	firsts, unsent []*client.SourceBatch
	suspects       []suspect
	refused        []*unwritten // of the open transaction; guarded by Source.mu
}

// suspect is a place at which a source partition had a batch refused. What comes from there on goes in a transaction of its own, so that
// it takes nothing else with it if it is refused again: neither what lies before it, nor other partitions each time that it is tried.
type suspect struct {
	source connect.Entries
	from   int64
}

// refusal is why the open transaction must not be committed; nil if it may.
func (s *Source) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.trans.refused) == 0 {
		return nil
	}
	return s.trans.refused[0].err
}

// goBackTransactional is goBack for a task whose transaction is lost as a whole.
func (s *Source) goBackTransactional() (anew []connect.Entries, err error) {
	if s.whole == nil || s.refusal() == nil {
		return nil, nil
	}
	anew, _, err = s.rollBack(s.refusal())
	return anew, err
}

// orRollBack takes an error of the loop. If it is that a batch was refused, and the producer can go on, the task goes back to where its last
// transaction ended, and nothing is left of the error.
func (s *Source) orRollBack(err error) error {
	t := s.trans
	if err == nil || t == nil || s.whole == nil || !t.broken || t.ended || s.stopping() || errors.Is(err, errFenced) {
		return err
	}
	_, refused, failure := s.rollBack(err)
	switch {
	case failure != nil:
		return failure
	case !refused:
		return err
	}
	return nil
}

// rollBack aborts the transaction, and begins all source partitions anew of which something was in it. Without a batch that was refused
// it tells the task nothing: somebody else must know what is wrong. why is what led to it.
func (s *Source) rollBack(why error) (anew []connect.Entries, is bool, err error) {
	t := s.trans
	err = s.withProducer(func() error {
		if !s.cfg.Member() {
			return errFenced
		}
		if err := t.abort(s.drain); err != nil {
			return err
		}
		return s.batchers.Flush(s.drain) // what outcomes there are
	})
	switch {
	case errors.Is(err, errFenced):
		return nil, false, err
	case err != nil:
		return nil, false, fmt.Errorf("%w; before: %w", err, why)
	case s.refusal() == nil:
		return nil, false, nil
	}
	s.meter.transacted(false)
	refused, firsts := s.undo()
	for _, u := range refused {
		if err := s.tellFailed(u); err != nil {
			return nil, true, err
		}
		t.suspect(u.batch)
	}
	for _, b := range firsts {
		if err := s.tellFailed(&unwritten{b, client.ErrPassedOver}); err != nil {
			return nil, true, err
		}
		anew = append(anew, b.SourcePartition)
	}
	return anew, true, nil
}

// undo forgets what was sent since the last commit. It gives what was refused, and the batches to which the task is to go back.
func (s *Source) undo() (refused []*unwritten, firsts []*client.SourceBatch) {
	t := s.trans
	s.mu.Lock()
	defer s.mu.Unlock()
	firsts = t.firsts
	for _, b := range t.unsent {
		if !s.book.Unstored(b.SourcePartition) && !slices.ContainsFunc(firsts[len(t.firsts):], func(f *client.SourceBatch) bool {
			return ledger.Same(f.SourcePartition, b.SourcePartition)
		}) {
			firsts = append(firsts, b)
		}
	}
	refused = t.refused
	t.firsts, t.unsent, t.refused, t.batches = nil, nil, nil, nil
	s.book.Undo()
	s.stuck = nil
	for _, topic := range s.fresh {
		delete(s.tracked, topic) // the next batch may tell
	}
	clear(s.fresh)
	return refused, firsts
}

// suspect notes where a batch was refused.
func (t *transactional) suspect(b *client.SourceBatch) {
	if len(b.Runs) == 0 {
		return
	}
	now := suspect{b.SourcePartition, b.Runs[0].From}
	for i := range t.suspects {
		if ledger.Same(t.suspects[i].source, b.SourcePartition) {
			t.suspects[i] = now
			return
		}
	}
	t.suspects = append(t.suspects, now)
}

// doubts tells whether a batch lies at a place where one was refused, or behind it.
func (t *transactional) doubts(b *client.SourceBatch) bool {
	if len(b.Runs) == 0 {
		return false
	}
	last := b.Runs[len(b.Runs)-1]
	return slices.ContainsFunc(t.suspects, func(s suspect) bool {
		return last.From+last.N > s.from && ledger.Same(s.source, b.SourcePartition)
	})
}

// keepUnsent notes batches that were polled, but will not be sent. Nil ignores it.
func (t *transactional) keepUnsent(batches []client.SourceBatch) {
	for i := range batches {
		b := batches[i]
		b.Bytes, b.Hold = nil, nil
		if t != nil {
			t.unsent = append(t.unsent, &b)
		}
	}
}

// sendApart sends batches of which some may be refused as others were before: those come last, in a transaction of their own that ends
// with them.
func (s *Source) sendApart(batches []client.SourceBatch) error {
	t := s.trans
	var calm, doubtful []client.SourceBatch
	for i := range batches {
		if t.doubts(&batches[i]) {
			doubtful = append(doubtful, batches[i])
		} else {
			calm = append(calm, batches[i])
		}
	}
	err := s.handOver(calm)
	if len(doubtful) == 0 {
		return err
	}
	if err == nil {
		err = s.endTransaction(commitIt)
	}
	if err != nil {
		letGo(doubtful)
		t.keepUnsent(doubtful)
		return err
	}
	err = s.handOver(doubtful)
	if err == nil {
		err = s.endTransaction(commitIt)
	}
	if err == nil {
		t.suspects = slices.DeleteFunc(t.suspects, func(s suspect) bool {
			return slices.ContainsFunc(doubtful, func(b client.SourceBatch) bool { return ledger.Same(s.source, b.SourcePartition) })
		})
	}
	return err
}
