package task

import (
	"time"

	"github.com/connectd/connectd/connect"
)

// ending is what is to become of the open transaction.
type ending int

const (
	goOn ending = iota
	commitIt
	abortIt
)

// boundary decides where transactions end.
type boundary struct {
	kind     Boundary
	interval time.Duration
	last     time.Time // when the last interval ended

	// What the task asked for within the present Poll, and before for the whole of it.
	batch ending
	after map[int]ending
}

// polled tells how the transaction is to end now that what was polled is sent, or was nothing.
func (b *boundary) polled(now time.Time) ending {
	switch b.kind {
	case BoundaryInterval:
		if now.Before(b.last.Add(b.interval)) {
			return goOn
		}
		b.last = now
		return commitIt
	case BoundaryConnector:
		e := b.batch
		b.batch = goOn
		return e
	}
	return commitIt
}

// final tells how the transaction is to end when the task pauses or stops.
func (b *boundary) final() ending {
	if b.kind == BoundaryConnector {
		return b.polled(time.Time{})
	}
	return commitIt
}

// cut gives the place in recs, from a record on, behind which the task wants the transaction to end.
func (b *boundary) cut(from, n int) (end int, how ending) {
	for i := from; i < n && len(b.after) > 0; i++ {
		if how := b.after[i]; how != goOn {
			return i + 1, how
		}
	}
	return n, goOn
}

// transactionContext is the context of a task that says where transactions end.
type transactionContext struct {
	sourceContext
	b *boundary
}

var _ connect.TransactionContext = transactionContext{}

func (c transactionContext) CommitTransaction() { c.b.batch = commitIt }
func (c transactionContext) AbortTransaction()  { c.b.batch = abortIt }

func (c transactionContext) CommitTransactionAfter(record int) { c.b.mark(record, commitIt) }
func (c transactionContext) AbortTransactionAfter(record int)  { c.b.mark(record, abortIt) }

func (b *boundary) mark(record int, how ending) {
	if b.after == nil {
		b.after = map[int]ending{}
	}
	b.after[record] = how
}
