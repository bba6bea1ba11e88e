package worker

import (
	"sync"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/internal/metrics/measure"
	"github.com/connectd/connectd/worker/herder"
)

// meter measures the worker's own work: rebalances and starts.
type meter struct {
	rebalances measure.Window

	mu               sync.Mutex
	completed        int64
	unsettled        time.Time // since when a round is under way or needed; zero for no round
	ended            time.Time // when the last round was completed; zero for none
	connectors, task started
}

// started counts starts.
type started struct {
	succeeded, failed int64
	outcomes          measure.Window
}

// viewed takes in the herder's state after each of its steps.
func (m *meter) viewed(v herder.View, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case v.Settled:
		m.unsettled = time.Time{}
	case m.unsettled.IsZero():
		m.unsettled = now
	}
}

// assigned takes in the end of a round.
func (m *meter) assigned(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.completed++
	m.ended = now
	if !m.unsettled.IsZero() {
		m.rebalances.AddMs(now, now.Sub(m.unsettled))
		m.unsettled = now // of a round that follows
	}
}

// started takes in how a start went.
func (m *meter) started(id herder.Work, ok bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.task
	if id.Task == herder.Itself {
		s = &m.connectors
	}
	if ok {
		s.succeeded++
		s.outcomes.Add(now, 1)
	} else {
		s.failed++
		s.outcomes.Add(now, 0)
	}
}

func (s *started) stats(now time.Time) metrics.Startups {
	out := metrics.Startups{Succeeded: s.succeeded, Failed: s.failed}
	if o, any := s.outcomes.Spread(now); any {
		out.SuccessShare, out.FailureShare = o.Avg, 1-o.Avg
	}
	return out
}

// stats is what is told of the worker.
func (m *meter) stats(v herder.View, now time.Time) metrics.Worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := metrics.Worker{
		Connectors: v.Connectors, Tasks: v.Tasks, Leader: v.IsLeader, Epoch: v.Generation, Rebalancing: !v.Settled,
		ConnectorStartups: m.connectors.stats(now), TaskStartups: m.task.stats(now), Rebalances: m.completed, SinceRebalance: -time.Second,
	}
	if s, any := m.rebalances.Spread(now); any {
		out.RebalanceMs = &s
	}
	if !m.ended.IsZero() {
		out.SinceRebalance = now.Sub(m.ended)
	}
	return out
}

// lately is the state of a runner's connector or task, as it has reported it.
type lately struct {
	mu    sync.Mutex
	state cluster.State
	began bool // it has started, or failed to
}

// enter takes in a report; first is true for the one that tells how the start went.
func (l *lately) enter(s cluster.State) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
	first = !l.began && (s == cluster.Running || s == cluster.Failed)
	l.began = l.began || first
	return first
}

func (l *lately) get() cluster.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == "" {
		return cluster.Unassigned
	}
	return l.state
}
