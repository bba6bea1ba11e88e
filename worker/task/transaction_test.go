package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/cluster"
)

// txnFake writes down what its transactions do. Records are delivered when a transaction ends.
type txnFake struct {
	*fakeProducer
	mu        sync.Mutex
	open      []ProducerRecord
	initErr   error
	commitErr error
}

func (p *txnFake) factory(_ map[string]string, deliver func([]Delivery)) (Producer, error) {
	p.deliver = deliver
	return p, nil
}

func (p *txnFake) Init(context.Context) error {
	p.j.add("init")
	return p.initErr
}

func (p *txnFake) Begin() error {
	p.j.add("begin")
	return nil
}

func (p *txnFake) Send(_ context.Context, recs []ProducerRecord) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range recs {
		r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
		p.open = append(p.open, r)
		p.j.add("send %s %s%s", r.Topic, r.Key, r.Value)
	}
	return nil
}

func (p *txnFake) end(err error) {
	p.mu.Lock()
	ds := make([]Delivery, len(p.open))
	for i, r := range p.open {
		ds[i] = Delivery{Seq: r.Seq, Offset: int64(i), Err: err}
	}
	p.open = nil
	p.mu.Unlock()
	if len(ds) > 0 {
		p.deliver(ds)
	}
}

func (p *txnFake) Commit(context.Context) error {
	if p.commitErr != nil {
		p.j.add("commit fails")
		p.end(errors.New("not written"))
		return p.commitErr
	}
	p.end(nil)
	p.j.add("commit")
	return nil
}

func (p *txnFake) Abort(context.Context) error {
	p.j.add("abort")
	p.end(errors.New("purged"))
	return nil
}

// confirming notes CommitRecord and what its context lets it ask for.
type confirming struct {
	*scriptTask
	tc connect.SourceTaskContext
}

func (c *confirming) Start(ctx context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	c.tc = tc
	return c.scriptTask.Start(ctx, tc, props)
}

func (c *confirming) Commit(context.Context) error {
	c.j.add("told of offsets")
	return nil
}

func (c *confirming) CommitRecord(rec *connect.SourceRecord, md *connect.RecordMetadata) error {
	c.j.add("told of %s %v", rec.Value, md != nil)
	return nil
}

type txnRig struct {
	*sourceRig
	prod *txnFake
	task *confirming
	s    *Source
}

func newTxnRig(tr Transactions) *txnRig {
	r := &txnRig{sourceRig: newSourceRig()}
	r.prod = &txnFake{fakeProducer: newFakeProducer(r.journal)}
	r.task = &confirming{scriptTask: r.sourceRig.task}
	tr.Topic = "offsets"
	tr.Encode = func(pairs []OffsetPair) (kvs []client.KV, err error) {
		for _, p := range pairs {
			part, _ := p.Partition.Int64("p")
			off, _ := p.Offset.Int64("o")
			kvs = append(kvs, client.KV{Key: fmt.Append(nil, part, "="), Value: fmt.Append(nil, off)})
		}
		return kvs, nil
	}
	r.cfg.New = func() connect.SourceTask { return r.task }
	r.cfg.NewProducer, r.cfg.Transactions = r.prod.factory, &tr
	return r
}

func (r *txnRig) start(t *testing.T) {
	r.s = StartSource(t.Context(), r.cfg)
	synctest.Wait()
}

func (r *txnRig) stopped(t *testing.T, want ...string) {
	t.Helper()
	r.s.Stop()
	ended(t, r.s)
	equalLines(t, "journal", r.all(), want...)
}

func TestTransactionPerPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTxnRig(Transactions{})
		r.start(t)
		r.task.give(rec(0, 1, []byte("a")), rec(1, 5, []byte("b")), rec(0, 2, []byte("c")))
		synctest.Wait()
		r.task.give() // nothing to do
		synctest.Wait()
		r.stopped(t, "init", "start", "state RUNNING", "begin", "send t a", "send t b", "send t c", "send offsets 1=5", "send offsets 0=2",
			"commit", "told of a true", "told of b true", "told of c true", "told of offsets", "stop", "close producer", "state UNASSIGNED")
	})
}

func TestTransactionPerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTxnRig(Transactions{Boundary: BoundaryInterval, Interval: 10 * time.Second})
		r.start(t)
		r.task.give(rec(0, 1, []byte("a")))
		r.task.give(rec(0, 2, []byte("b")))
		synctest.Wait()
		r.add("wait")
		time.Sleep(11 * time.Second) // the task has nothing more to return, and the transaction ends all the same
		synctest.Wait()
		r.task.give(rec(0, 3, []byte("c")))
		synctest.Wait()
		r.s.SetTarget(cluster.TargetPaused) // and before a pause
		synctest.Wait()
		r.stopped(t, "init", "start", "state RUNNING", "begin", "send t a", "send t b", "wait", "send offsets 0=2", "commit", "told of a true",
			"told of b true", "told of offsets", "begin", "send t c", "send offsets 0=3", "commit", "told of c true", "told of offsets",
			"state PAUSED", "stop", "close producer", "state UNASSIGNED")
	})
}

func TestTransactionsByTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTxnRig(Transactions{Boundary: BoundaryConnector})
		r.start(t)
		poll := func(ask func(connect.TransactionContext), recs ...connect.SourceRecord) {
			r.task.polls <- func(context.Context) ([]connect.SourceRecord, error) {
				ask(r.task.tc.(connect.TransactionContext))
				return recs, nil
			}
			synctest.Wait()
		}
		poll(func(connect.TransactionContext) {}, rec(0, 1, []byte("a")))
		poll(func(c connect.TransactionContext) { c.CommitTransactionAfter(0) }, rec(0, 2, []byte("b")), rec(0, 3, []byte("c")))
		poll(func(c connect.TransactionContext) { c.AbortTransactionAfter(0) }, rec(0, 4, []byte("d")), rec(0, 5, []byte("e")))
		poll(func(c connect.TransactionContext) { c.CommitTransaction() })
		poll(func(c connect.TransactionContext) { c.AbortTransaction() }, rec(0, 6, []byte("f")))
		poll(func(connect.TransactionContext) {}, rec(0, 7, []byte("g"))) // the task does not end this one
		r.stopped(t, "init", "start", "state RUNNING",
			"begin", "send t a", "send t b", "send offsets 0=2", "commit", "told of a true", "told of b true", "told of offsets",
			"begin", "send t c", "send t d", "abort", "begin", "send offsets 0=4", "commit", "told of c false", "told of d false", "told of offsets",
			"begin", "send t e", "send offsets 0=5", "commit", "told of e true", "told of offsets",
			"begin", "send t f", "abort", "begin", "send offsets 0=6", "commit", "told of f false", "told of offsets",
			"begin", "send t g", "abort", "stop", "close producer", "state UNASSIGNED")
	})
}

func TestTransactionFails(t *testing.T) {
	for name, tc := range map[string]struct {
		err   error
		trace string
		abort bool
	}{
		"fenced": {fmt.Errorf("x: %w", client.ErrFenced), "transaction.timeout.ms", false},
		"failed": {errors.New("no space"), "not written", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTxnRig(Transactions{})
				r.prod.commitErr = tc.err
				r.start(t)
				r.task.give(rec(0, 1, []byte("a")))
				ended(t, r.s)
				got := r.only("abort", "told", "state FAILED")
				if len(got) == 0 || !strings.Contains(got[0], tc.trace) || (len(got) == 2) != tc.abort {
					t.Errorf("%q", got)
				}
			})
		})
	}
}

// TestOutdatedTransactionalTask: a task that must not run waits for its stop and has not failed; its producer fences nobody off.
func TestOutdatedTransactionalTask(t *testing.T) {
	for when, want := range map[string][]string{
		"before": {"close producer", "state UNASSIGNED"}, "after": {"init", "close producer", "state UNASSIGNED"},
	} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outdated := func(context.Context) error { return ErrOutdated }
				tr := Transactions{Before: outdated}
				if when == "after" {
					tr = Transactions{After: outdated}
				}
				r := newTxnRig(tr)
				r.start(t)
				time.Sleep(time.Hour)
				r.stopped(t, want...)
			})
		})
	}
}

// TestRecordsKeepOutOfTheOffsetTopic: reading offsets would wait for the task's own transaction.
func TestRecordsKeepOutOfTheOffsetTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTxnRig(Transactions{})
		r.start(t)
		own := rec(0, 1, []byte("a"))
		own.Topic = "offsets"
		r.task.give(own)
		ended(t, r.s)
		if got := r.only("state FAILED", "begin"); len(got) != 1 || !strings.Contains(got[0], "topic of its own offsets, offsets") {
			t.Errorf("%q", got)
		}
	})
}
