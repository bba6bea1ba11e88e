package storage

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/cluster"
)

// Waits between attempts to write statuses.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// statusWrite is a record that waits to be written. status is nil for topic records.
type statusWrite struct {
	kv        KV
	connector string
	task      *cluster.TaskID
	status    *cluster.Status
}

// doubt says how far a write may lag behind what others have written.
type doubt int

const (
	fresh  doubt = iota
	again        // it failed before
	fenced       // the worker is no member of its group
)

// statusQueue writes from its own goroutine. At most one write waits per key.
type statusQueue struct {
	log        Log
	logger     hclog.Logger
	superseded func(statusWrite, doubt) bool
	isMember   func() bool

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{} // buffered, 1

	mu      sync.Mutex
	order   []string // keys, oldest first
	writes  map[string]statusWrite
	busy    bool
	started bool
	drained chan struct{} // closed while nothing waits and nothing is being written
}

func newStatusQueue(log Log, logger hclog.Logger, superseded func(statusWrite, doubt) bool) *statusQueue {
	ctx, cancel := context.WithCancel(context.Background())
	q := &statusQueue{
		log: log, logger: logger, superseded: superseded, isMember: func() bool { return true }, ctx: ctx, cancel: cancel,
		done: make(chan struct{}), wake: make(chan struct{}, 1), writes: map[string]statusWrite{}, drained: make(chan struct{}),
	}
	close(q.drained)
	return q
}

func (q *statusQueue) start() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.started = true
	go q.run()
}

func (q *statusQueue) close() {
	q.cancel()
	q.mu.Lock()
	started := q.started
	q.mu.Unlock()
	if started {
		<-q.done
	}
}

func (q *statusQueue) put(w statusWrite) {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := string(w.kv.Key)
	if _, ok := q.writes[key]; ok {
		// The newer write takes its place at the end: it must not overtake what was put between the two.
		q.order = slices.DeleteFunc(q.order, func(k string) bool { return k == key })
	} else if len(q.order) == 0 && !q.busy {
		q.drained = make(chan struct{})
	}
	q.order = append(q.order, key)
	q.writes[key] = w
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *statusQueue) waiting(key []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	w, ok := q.writes[string(key)]
	return ok && w.kv.Value != nil
}

func (q *statusQueue) flush(ctx context.Context) error {
	q.mu.Lock()
	drained := q.drained
	q.mu.Unlock()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *statusQueue) run() {
	defer close(q.done)
	wait := firstRetry
	var failed map[string]bool // keys whose last attempt failed
	for {
		select {
		case <-q.ctx.Done():
			return
		case <-q.wake:
		}
		batch := q.take()
		left := q.write(batch, failed)
		if q.ctx.Err() != nil {
			return
		}
		failed = map[string]bool{}
		for _, w := range left {
			failed[string(w.kv.Key)] = true
		}
		q.giveBack(left)
		if len(left) == 0 {
			wait = firstRetry
			continue
		}
		select {
		case <-q.ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
}

// take empties the queue.
func (q *statusQueue) take() []statusWrite {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := make([]statusWrite, 0, len(q.order))
	for _, key := range q.order {
		batch = append(batch, q.writes[key])
	}
	q.order = nil
	clear(q.writes)
	q.busy = len(batch) > 0
	return batch
}

// giveBack puts failed writes before all others, except where a newer one waits.
func (q *statusQueue) giveBack(batch []statusWrite) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var front []string
	for _, w := range batch {
		key := string(w.kv.Key)
		if _, newer := q.writes[key]; !newer {
			q.writes[key] = w
			front = append(front, key)
		}
	}
	q.order = append(front, q.order...)
	wasBusy := q.busy
	q.busy = false
	if len(q.order) == 0 {
		if wasBusy {
			close(q.drained)
		}
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// write sends a batch, after a failure one record at a time, so that one that is always refused does not hold up the
// others. It returns what must be tried again.
func (q *statusQueue) write(batch []statusWrite, failed map[string]bool) []statusWrite {
	batch, err := q.standing(batch, failed)
	if err != nil {
		if q.ctx.Err() == nil {
			q.logger.Warn("statuses wait: this worker is no member of its group, and what others wrote cannot be read", "error", err)
		}
		return batch
	}
	if len(batch) == 0 {
		return nil
	}
	if len(failed) == 0 {
		kvs := make([]KV, len(batch))
		for i, w := range batch {
			kvs[i] = w.kv
		}
		err := q.log.Append(q.ctx, kvs...)
		if err == nil || q.ctx.Err() != nil {
			return nil
		}
		q.logger.Warn("could not write statuses; trying again", "records", len(batch), "error", err)
		return batch
	}
	var left []statusWrite
	for _, w := range batch {
		if err := q.log.Append(q.ctx, w.kv); err != nil {
			if q.ctx.Err() != nil {
				return nil
			}
			q.logger.Warn("could not write a status; trying again", "key", string(w.kv.Key), "error", err)
			left = append(left, w)
		}
	}
	return left
}

// standing leaves of a batch what others have not overtaken. An error says that it cannot be known; all of it stays.
func (q *statusQueue) standing(batch []statusWrite, failed map[string]bool) ([]statusWrite, error) {
	member := q.isMember()
	if !member {
		if err := q.log.ReadToEnd(q.ctx); err != nil {
			return batch, err
		}
	}
	return slices.DeleteFunc(batch, func(w statusWrite) bool {
		d := fresh
		switch {
		case !member:
			d = fenced
		case failed[string(w.kv.Key)]:
			d = again
		}
		return q.superseded(w, d)
	}), nil
}
