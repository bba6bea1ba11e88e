package task

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/connectd/connectd/internal/client"
)

// Boundary says what one transaction of a source task holds (transaction.boundary, KIP-618).
type Boundary string

// The boundaries.
const (
	// BoundaryPoll: what one Poll returned.
	BoundaryPoll Boundary = "poll"
	// BoundaryInterval: what was polled in an interval, in whole polls.
	BoundaryInterval Boundary = "interval"
	// BoundaryConnector: what the task says (connect.TransactionContext).
	BoundaryConnector Boundary = "connector"
)

// Transactions has a source task deliver exactly once (KIP-618): its records and their source offsets are written by one
// transactional producer, in one transaction, and nothing is stored outside of one.
type Transactions struct {
	Boundary Boundary // empty is BoundaryPoll
	// Interval is that of BoundaryInterval; zero is SourceConfig.FlushInterval.
	Interval time.Duration
	// Topic gets the offsets. Records must not go there: reading offsets waits for the end of transactions.
	Topic string
	// Encode makes the records of source offsets.
	Encode func(pairs []OffsetPair) ([]client.KV, error)
	// Before is called before the producer fences off its predecessor, After behind that. ErrOutdated of either says that this
	// task must not start, as there are newer configs or it belongs elsewhere: it waits for the stop that is due. Any other
	// error fails it. Nil for no check.
	Before, After func(ctx context.Context) error
	// Stored is told of offsets that were committed; nil for nobody. It must not block.
	Stored func(pairs []OffsetPair)
	// At is called before each step, by its name, where a test may end the task as a crash would; nil for nobody.
	At func(step string)
}

// ErrOutdated says that a task is not to run in this form, or not here, any more.
var ErrOutdated = errors.New("the task's configs are outdated, or it was given to another worker")

// txn is the transaction of one task at a time. It is for records and batches alike, and belongs to the goroutine that sends.
type txn struct {
	p client.Transactional
	// offsets gives what was sent since the last commit: for each source partition the newest offset.
	offsets func() []OffsetPair
	// write puts offsets into the open transaction.
	write func(ctx context.Context, pairs []OffsetPair) error
	at    func(step string)

	open bool
	// broken is set by an error after which the transaction can only be aborted, ended by one after which not even that.
	broken, ended bool
}

// begin opens a transaction unless one is open. It must come before anything is sent.
func (t *txn) begin() error {
	if t.open {
		return nil
	}
	t.at("begin")
	if err := t.p.Begin(); err != nil {
		return t.failed("beginning a transaction", err)
	}
	t.open = true
	return nil
}

// commit writes the offsets of what was sent, and commits both. It returns the offsets. There is nothing to do, and nothing is
// done, where nothing was sent.
func (t *txn) commit(ctx context.Context) ([]OffsetPair, error) {
	pairs := t.offsets()
	if !t.open && len(pairs) == 0 {
		return nil, nil
	}
	if err := t.begin(); err != nil { // what was aborted still counts as read
		return nil, err
	}
	if len(pairs) > 0 {
		t.at("offsets")
		if err := t.write(ctx, pairs); err != nil {
			return nil, t.failed("writing source offsets", err)
		}
	}
	t.at("commit")
	if err := t.p.Commit(ctx); err != nil {
		return nil, t.failed("committing a transaction", err)
	}
	t.open = false
	t.at("committed")
	return pairs, nil
}

// abort gives up what was sent since begin.
func (t *txn) abort(ctx context.Context) error {
	if !t.open || t.ended {
		return nil
	}
	t.at("abort")
	if err := t.p.Abort(ctx); err != nil {
		return t.failed("aborting a transaction", err)
	}
	t.open, t.broken = false, false
	t.at("aborted")
	return nil
}

func (t *txn) failed(what string, err error) error {
	t.broken = true
	switch {
	case errors.Is(err, client.ErrFenced):
		t.ended = true
		return fmt.Errorf("%s: %w; or the transaction was open for longer than the producer's transaction.timeout.ms: then raise "+
			"producer.override.transaction.timeout.ms, or use shorter transactions (transaction.boundary)", what, err)
	case errors.Is(err, client.ErrFatal):
		t.ended = true
	}
	return fmt.Errorf("%s: %w", what, err)
}
