package task

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

var errRefused = errors.New("refused")

// txnBatches is a transactional producer of batches with a target of its own. A batch is named by its source partition and offset.
type txnBatches struct {
	batchProducer
	j *journal

	mu        sync.Mutex
	refuses   map[int]int // of each partition the offset that the target refuses
	atOnce    bool        // refuses by Send
	rnd       *rand.Rand  // nil: a failure is known at once
	open      []client.RawBatch
	failed    map[int32]bool
	late      int // how many more batches are taken until the failure is known
	err       error
	told      int // of the open ones
	outcomes  sync.WaitGroup
	last      chan struct{}
	offsets   []client.KV
	log       map[int32][]int // committed
	stored    map[string]string
	abortErr  error
	commitErr error
	aborts    int
}

func (p *txnBatches) Init(context.Context) error { return nil }

func (p *txnBatches) Begin() error {
	p.j.add("begin")
	p.open, p.err, p.offsets, p.failed, p.told = nil, nil, nil, map[int32]bool{}, 0
	if p.late = 0; p.rnd != nil {
		p.late = p.rnd.IntN(3)
	}
	return nil
}

func (p *txnBatches) Send(_ context.Context, batches []client.RawBatch) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, b := range batches {
		if len(p.failed) > 0 {
			if p.late--; p.late < 0 {
				p.err = errRefused
			}
		}
		if p.err != nil {
			return i, fmt.Errorf("the transaction has failed: %w", p.err)
		}
		at := int(b.BodyCRC)
		p.j.add("send %d@%d", b.Partition, at)
		bad, has := p.refuses[int(b.Partition)]
		has = has && bad == at
		switch {
		case has && p.atOnce:
			return i, &client.RecordError{Seq: b.Seq, Err: errRefused}
		case has:
			p.failed[b.Partition] = true
			p.fails(b, errRefused)
		case p.failed[b.Partition]:
			p.fails(b, client.ErrPassedOver)
		default:
			p.open = append(p.open, b)
		}
		b.Hold.Release()
	}
	return len(batches), nil
}

// fails tells an outcome beside the sender.
func (p *txnBatches) fails(b client.RawBatch, err error) {
	var ds []Delivery
	for _, o := range p.open[p.told:] { // those before it have theirs first
		ds = append(ds, Delivery{Seq: o.Seq, Partition: o.Partition, Offset: int64(o.BodyCRC)})
	}
	p.told = len(p.open)
	ds = append(ds, Delivery{Seq: b.Seq, Partition: b.Partition, Err: err})
	before, done := p.last, make(chan struct{})
	p.last = done
	p.outcomes.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		p.deliver(ds)
	})
}

func (p *txnBatches) SendKVs(_ context.Context, _ string, kvs []client.KV) error {
	p.offsets = append(p.offsets, kvs...)
	return nil
}

func (p *txnBatches) end(err error) {
	p.outcomes.Wait()
	var ds []Delivery
	for _, b := range p.open[p.told:] {
		ds = append(ds, Delivery{Seq: b.Seq, Partition: b.Partition, Offset: int64(b.BodyCRC), Err: err})
	}
	p.open, p.told = nil, 0
	if len(ds) > 0 {
		p.deliver(ds)
	}
}

func (p *txnBatches) Commit(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failed) > 0 {
		p.err = errRefused
	}
	if err := errors.Join(p.err, p.commitErr); err != nil {
		p.j.add("not written")
		return err
	}
	for _, b := range p.open {
		p.log[b.Partition] = append(p.log[b.Partition], int(b.BodyCRC))
	}
	for _, kv := range p.offsets {
		p.stored[string(kv.Key)] = string(kv.Value)
	}
	p.end(nil)
	p.j.add("written")
	return nil
}

func (p *txnBatches) Abort(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aborts++
	p.j.add("abort")
	if p.abortErr != nil {
		return p.abortErr
	}
	// Some were written before, and are gone all the same.
	written := p.told
	if p.rnd != nil {
		written += p.rnd.IntN(len(p.open) - p.told + 1)
	}
	rest := p.open[written:]
	p.open = p.open[:written]
	p.end(nil)
	p.open = rest
	p.end(fmt.Errorf("aborted: %w", client.ErrPassedOver))
	return nil
}

func (p *txnBatches) Flush(context.Context) error {
	p.outcomes.Wait()
	return nil
}

// reading is a task that copies batches of some partitions, up to an offset of each, as a mirror does.
type reading struct {
	*scriptTask
	t       *testing.T
	rnd     *rand.Rand // nil: all in order at once
	until   int
	next    []int
	parked  map[int]time.Time
	refuse  bool // to go on
	written map[int][]int
}

func (r *reading) PollBatches(ctx context.Context) ([]client.SourceBatch, error) {
	var out []client.SourceBatch
	if r.rnd != nil {
		time.Sleep(time.Duration(r.rnd.IntN(200)) * time.Millisecond)
	}
	for p := range r.next {
		if time.Now().Before(r.parked[p]) {
			continue
		}
		n := r.until
		if r.rnd != nil {
			n = r.rnd.IntN(4)
		}
		for ; n > 0 && r.next[p] < r.until; n-- {
			of := rec(p, r.next[p], nil)
			out = append(out, client.SourceBatch{
				RawBatch: client.RawBatch{Topic: "t", Partition: int32(p), Records: 1, BodyCRC: uint32(r.next[p]), Hold: client.NewHold(func() {})},
				Runs:     []client.OffsetRun{{From: int64(r.next[p]), N: 1}}, SourcePartition: of.SourcePartition, SourceOffset: of.SourceOffset,
			})
			r.next[p]++
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *reading) BatchWritten(b *client.SourceBatch, base int64) {
	r.written[int(b.Partition)] = append(r.written[int(b.Partition)], int(base))
}

func (r *reading) BatchFailed(b *client.SourceBatch, err error) bool {
	p, at := int(b.Partition), int(b.Runs[0].From)
	if errors.Is(err, client.ErrPassedOver) {
		r.j.add("passed %d@%d", p, at)
		r.next[p] = at
		return true
	}
	r.j.add("failed %d@%d: %v", p, at, err)
	r.next[p], r.parked[p] = at, time.Now().Add(time.Second)
	return !r.refuse
}

type rollbackRig struct {
	*sourceRig
	prod *txnBatches
	task *reading
}

func newRollbackRig(t *testing.T, partitions, until int, tr Transactions) *rollbackRig {
	r := &rollbackRig{sourceRig: newSourceRig()}
	r.prod = &txnBatches{j: r.journal, refuses: map[int]int{}, log: map[int32][]int{}, stored: map[string]string{}}
	r.task = &reading{
		scriptTask: r.sourceRig.task, t: t, until: until, next: make([]int, partitions), parked: map[int]time.Time{}, written: map[int][]int{},
	}
	tr.Topic = "offsets"
	tr.Encode = func(pairs []OffsetPair) (kvs []client.KV, err error) {
		for _, p := range pairs {
			part, _ := p.Partition.Int64("p")
			off, _ := p.Offset.Int64("o")
			kvs = append(kvs, client.KV{Key: fmt.Append(nil, part), Value: fmt.Append(nil, off)})
		}
		return kvs, nil
	}
	r.cfg.Transactions = &tr
	r.cfg.New = func() connect.SourceTask { return r.task }
	r.cfg.NewBatchProducer = func(_ map[string]string, deliver func([]Delivery)) (client.BatchProducer, error) {
		r.prod.deliver = deliver
		return r.prod, nil
	}
	return r
}

// copied checks that of each partition exactly the first n batches are committed, the task was told so, and the stored offset is that of
// the last one.
func (r *rollbackRig) copied(t *testing.T, want ...int) {
	t.Helper()
	r.prod.mu.Lock()
	defer r.prod.mu.Unlock()
	for p, n := range want {
		var all []int
		for i := range n {
			all = append(all, i)
		}
		if got := r.prod.log[int32(p)]; !slices.Equal(got, all) {
			t.Errorf("partition %d holds %v, want the first %d", p, got, n)
		}
		if got := r.task.written[p]; !slices.Equal(got, all) {
			t.Errorf("of partition %d the task was told %v, want the first %d", p, got, n)
		}
		if got := r.prod.stored[fmt.Sprint(p)]; n > 0 && got != fmt.Sprint(n-1) || n == 0 && got != "" {
			t.Errorf("the stored offset of partition %d is %q, want that of %d batches", p, got, n)
		}
	}
}

func TestABatchThatIsRefusedDoesNotEndATransactionalTask(t *testing.T) {
	for name, tr := range map[string]Transactions{
		"poll": {}, "interval": {Boundary: BoundaryInterval, Interval: 10 * time.Second},
	} {
		for _, atOnce := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " at once ", atOnce), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRollbackRig(t, 2, 3, tr)
					r.prod.refuses[0], r.prod.atOnce = 1, atOnce
					s := r.run(t)
					time.Sleep(time.Minute)
					r.copied(t, 1, 3)
					r.prod.mu.Lock()
					delete(r.prod.refuses, 0)
					r.prod.mu.Unlock()
					time.Sleep(time.Minute)
					synctest.Wait()
					r.copied(t, 3, 3)
					s.Stop()
					synctest.Wait()
					equalLines(t, "journal", r.only("state"), "state RUNNING", "state UNASSIGNED")
				})
			})
		}
	}
}

// TestWhatIsTriedAgainTakesNothingWithIt: only the batch that was refused is in the transactions that fail later.
func TestWhatIsTriedAgainTakesNothingWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRollbackRig(t, 2, 3, Transactions{})
		r.prod.refuses[0] = 1
		s := r.run(t)
		time.Sleep(2500 * time.Millisecond)
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("begin", "send", "written", "abort", "failed", "passed"),
			"begin", "send 0@0", "send 0@1", "abort", "failed 0@1: refused", "passed 0@0", "passed 1@0",
			"begin", "send 1@0", "send 1@1", "send 1@2", "written",
			"begin", "send 0@0", "written", "begin", "send 0@1", "abort", "failed 0@1: refused", "passed 0@1",
			"begin", "send 0@1", "abort", "failed 0@1: refused", "passed 0@1")
	})
}

func TestTransactionalTasksThatCannotGoOn(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*rollbackRig)
		want string
	}{
		"the task does not": {func(r *rollbackRig) { r.task.refuse = true }, "a record batch could not be written to Kafka: refused"},
		"no abort":          {func(r *rollbackRig) { r.prod.abortErr = errors.New("no answer") }, "no answer; before: sending record batches: the transaction has failed: refused"},
		"fenced": {func(r *rollbackRig) {
			r.prod.abortErr = fmt.Errorf("%w: %w", client.ErrFatal, client.ErrFenced)
		}, "fenced"},
		"nobody is at fault": {func(r *rollbackRig) {
			r.prod.refuses, r.prod.commitErr = nil, errors.New("no such transaction")
		}, "committing a transaction: no such transaction"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRollbackRig(t, 2, 3, Transactions{})
				r.prod.refuses[0] = 1
				c.set(r)
				s := r.run(t)
				time.Sleep(time.Second)
				ended(t, s)
				if got := r.only("state FAILED"); len(got) != 1 || !strings.Contains(got[0], c.want) {
					t.Errorf("%q", got)
				}
				r.copied(t, 0, 0)
			})
		})
	}
}

// TestNothingIsLostOrTwiceWhateverIsRefused has batches refused anywhere, and taken some time later, while the task is paused and
// resumed.
func TestNothingIsLostOrTwiceWhateverIsRefused(t *testing.T) {
	const partitions, until = 4, 200
	aborts := 0
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			tr := Transactions{}
			if seed%2 == 0 {
				tr = Transactions{Boundary: BoundaryInterval, Interval: time.Duration(1+rnd.IntN(3000)) * time.Millisecond}
			}
			r := newRollbackRig(t, partitions, until, tr)
			r.task.rnd = rand.New(rand.NewPCG(seed, 2))
			r.prod.atOnce, r.prod.rnd = seed%5 == 0, rand.New(rand.NewPCG(seed, 3))
			s := r.run(t)
			for range 40 {
				r.prod.mu.Lock()
				p := rnd.IntN(partitions)
				if _, bad := r.prod.refuses[p]; bad {
					delete(r.prod.refuses, p)
				} else {
					r.prod.refuses[p] = len(r.prod.log[int32(p)]) + rnd.IntN(4)
				}
				r.prod.mu.Unlock()
				if rnd.IntN(10) == 0 {
					s.SetTarget([]cluster.TargetState{cluster.TargetPaused, cluster.TargetStarted}[rnd.IntN(2)])
				}
				time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond)
			}
			r.prod.mu.Lock()
			clear(r.prod.refuses)
			r.prod.mu.Unlock()
			s.SetTarget(cluster.TargetStarted)
			time.Sleep(2 * time.Minute)
			s.Stop()
			time.Sleep(time.Second)
			ended(t, s)
			r.copied(t, slices.Repeat([]int{until}, partitions)...)
			equalLines(t, "journal", r.only("state FAILED"))
			aborts += r.prod.aborts
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if aborts < 600 {
		t.Errorf("only %d transactions were aborted", aborts)
	}
}
