package task

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/internal/metrics/measure"
)

// meter measures what tasks of both kinds do. The zero value has measured nothing.
type meter struct {
	batch, commitTime, commits measure.Window
	errors                     errorCounts
}

// committed takes in a commit of offsets that began at start. One that its task was stopped in is none.
func (m *meter) committed(start time.Time, err error) {
	now := time.Now()
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		m.commits.Add(now, 0)
	default:
		m.commits.Add(now, 1)
		m.commitTime.AddMs(now, now.Sub(start))
	}
}

// errorCounts counts what an ErrorPolicy is about. It is nil in tests that do not count.
type errorCounts struct {
	failures, errors, skipped, retries, logged, last atomic.Int64
}

// failed counts an attempt that failed, retried whether it is tried again.
func (c *errorCounts) failed(retried bool) {
	if c == nil {
		return
	}
	c.failures.Add(1)
	if retried {
		c.retries.Add(1)
		return
	}
	c.last.Store(time.Now().UnixMilli())
}

// settled counts what became of the record after its last attempt failed.
func (c *errorCounts) settled(logged, tolerated bool) {
	if c == nil {
		return
	}
	if logged {
		c.logged.Add(1)
	}
	if tolerated {
		c.skipped.Add(1)
	} else {
		c.errors.Add(1)
	}
}

func (c *errorCounts) stats() metrics.Errors {
	return metrics.Errors{
		Failures: c.failures.Load(), Errors: c.errors.Load(), Skipped: c.skipped.Load(),
		Retries: c.retries.Load(), Logged: c.logged.Load(), Last: timeOfStore(c.last.Load()),
	}
}

func timeOfStore(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// timeline is how long a task has been in which state.
type timeline struct {
	mu           sync.Mutex
	began, since time.Time
	state        cluster.State
	running      time.Duration
	paused       time.Duration
}

func (l *timeline) enter(state cluster.State, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(now)
	l.state = state
}

// settle counts the time until now. The caller holds mu.
func (l *timeline) settle(now time.Time) {
	if l.began.IsZero() {
		l.began = now
	}
	switch l.state {
	case cluster.Running:
		l.running += now.Sub(l.since)
	case cluster.Paused:
		l.paused += now.Sub(l.since)
	}
	l.since = now
}

// tell gives the present state, and the shares of the time since the task was started.
func (l *timeline) tell(now time.Time) (state cluster.State, running, paused float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(now)
	if all := now.Sub(l.began).Seconds(); all > 0 {
		running, paused = l.running.Seconds()/all, l.paused.Seconds()/all
	}
	if l.state == "" {
		return cluster.Unassigned, running, paused
	}
	return l.state, running, paused
}

// stats is what is told of a task of either kind.
func (c *control) stats(id cluster.TaskID, m *meter, now time.Time) metrics.Task {
	state, running, paused := c.times.tell(now)
	t := metrics.Task{
		Connector: id.Connector, Task: id.Task, State: strings.ToLower(string(state)), Known: true,
		RunningRatio: running, PauseRatio: paused,
		BatchSize: spreadOf(&m.batch, now), CommitMs: spreadOf(&m.commitTime, now), Errors: m.errors.stats(),
	}
	if s, any := m.commits.Spread(now); any {
		t.CommitSuccess, t.CommitFailure = s.Avg, 1-s.Avg
	}
	return t
}

func spreadOf(w *measure.Window, now time.Time) *measure.Spread {
	if s, any := w.Spread(now); any {
		return &s
	}
	return nil
}

// sourceMeter measures a source task.
type sourceMeter struct {
	meter
	polled, written, active                       atomic.Int64
	polls, writes, pollTime, actives, transaction measure.Window
	inTransaction                                 atomic.Int64
}

// took takes in a poll that began at start and brought n records.
func (m *sourceMeter) took(start time.Time, n int) {
	if n == 0 {
		return
	}
	now := time.Now()
	m.polled.Add(int64(n))
	m.polls.Add(now, float64(n))
	m.pollTime.AddMs(now, now.Sub(start))
	m.batch.Add(now, float64(n))
}

// sent takes in records that the producer is about to get.
func (m *sourceMeter) sent(n int) {
	m.inTransaction.Add(int64(n))
	m.actives.Add(time.Now(), float64(m.active.Add(int64(n))))
}

// settled takes in outcomes: of n records, of which some were written.
func (m *sourceMeter) settled(n, written int) {
	now := time.Now()
	m.actives.Add(now, float64(m.active.Add(-int64(n))))
	if written > 0 {
		m.written.Add(int64(written))
		m.writes.Add(now, float64(written))
	}
}

// transacted takes in the end of a transaction, which was committed or not.
func (m *sourceMeter) transacted(committed bool) {
	if n := m.inTransaction.Swap(0); committed && n > 0 {
		m.transaction.Add(time.Now(), float64(n))
	}
}

// Stats is what the task has done so far. It does not wait for anything.
func (s *Source) Stats(now time.Time) metrics.Task {
	m := &s.meter
	t := s.stats(s.cfg.ID, &m.meter, now)
	t.Source = &metrics.Source{
		Polled: m.polled.Load(), Written: m.written.Load(), Active: max(0, m.active.Load()),
		PollRate: m.polls.PerSecond(now), WriteRate: m.writes.PerSecond(now),
		PollMs: spreadOf(&m.pollTime, now), ActiveOf: spreadOf(&m.actives, now), TransactionSize: spreadOf(&m.transaction, now),
	}
	return t
}

// sinkMeter measures a sink task.
type sinkMeter struct {
	meter
	read, sent, active, partitions, commitSeq, done atomic.Int64
	reads, sends, commitRate, putTime, actives      measure.Window
}

// took takes in records that were read, of which some are left for the task.
func (m *sinkMeter) took(read, left int) {
	now := time.Now()
	m.read.Add(int64(read))
	m.sent.Add(int64(left))
	m.reads.Add(now, float64(read))
	m.sends.Add(now, float64(left))
}

// put takes in a Put of n records that began at start and succeeded.
func (m *sinkMeter) put(start time.Time, n int) {
	now := time.Now()
	m.putTime.AddMs(now, now.Sub(start))
	if n > 0 {
		m.batch.Add(now, float64(n))
	}
}

// commitDone takes in a commit that was asked for at start.
func (m *sinkMeter) commitDone(start time.Time, err error) {
	m.committed(start, err)
	if err == nil {
		m.done.Add(1)
		m.commitRate.Add(time.Now(), 1)
	}
}

// count renews how many offsets are put and not committed. It belongs to the runner's goroutine.
func (s *Sink) count() {
	n := int64(0)
	for tp, o := range s.put {
		if at, has := s.committed[tp]; has && o > at {
			n += o - at
		}
	}
	s.meter.active.Store(n)
	s.meter.actives.Add(time.Now(), float64(n))
}

// Stats is what the task has done so far. It does not wait for anything.
func (s *Sink) Stats(now time.Time) metrics.Task {
	m := &s.meter
	t := s.stats(s.cfg.ID, &m.meter, now)
	t.Sink = &metrics.Sink{
		Read: m.read.Load(), Sent: m.sent.Load(), Active: m.active.Load(),
		ReadRate: m.reads.PerSecond(now), SendRate: m.sends.PerSecond(now), Partitions: m.partitions.Load(),
		CommitSeq: m.commitSeq.Load(), Commits: m.done.Load(), CommitRate: m.commitRate.PerSecond(now),
		PutMs: spreadOf(&m.putTime, now), ActiveOf: spreadOf(&m.actives, now),
	}
	return t
}
