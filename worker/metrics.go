package worker

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/internal/metrics/measure"
	"github.com/connectd/connectd/worker/herder"
	"github.com/connectd/connectd/worker/task"
)

// progressWait is how long a scrape waits for tasks to tell how far they are. They should not wait for anything.
const progressWait = time.Second

// Metrics is what is measured on this worker. It asks no other worker, no broker, and not the loop; what a task does not tell in time is
// left out.
func (w *Worker) Metrics(ctx context.Context) *metrics.Snapshot {
	out := &metrics.Snapshot{}
	if w.cfg.Flow != nil {
		out.Flow = w.cfg.Flow.Name
	}
	if !w.ready() {
		return out
	}
	now := time.Now()
	out.Workers = []metrics.Worker{w.meter.stats(w.view.get(), now)}
	var asked []*runnerStats
	for _, r := range w.sortedRunners() {
		s := &runnerStats{runner: r}
		if r.work.Task == herder.Itself {
			out.Connectors = append(out.Connectors, w.connectorMetrics(r))
			continue
		}
		s.look(now)
		asked = append(asked, s)
	}
	askProgress(ctx, now, asked)
	for _, s := range asked {
		out.Tasks = append(out.Tasks, s.task)
		for i := range s.parts {
			out.Partitions = append(out.Partitions, partitionMetrics(s.work(), &s.parts[i]))
		}
		for _, l := range s.latencies {
			out.Checkpoints = append(out.Checkpoints, metrics.Checkpoint{Connector: s.work().Connector, CheckpointLatency: l})
		}
	}
	out.Counts = w.taskCounts(asked)
	return out
}

func (w *Worker) sortedRunners() []*runner {
	w.runnersMu.Lock()
	defer w.runnersMu.Unlock()
	return slices.SortedFunc(maps.Values(w.runners), func(a, b *runner) int {
		return cmp.Or(cmp.Compare(a.work.Connector, b.work.Connector), cmp.Compare(a.work.Task, b.work.Task))
	})
}

// runnerStats gathers what a task tells.
type runnerStats struct {
	runner    *runner
	task      metrics.Task
	source    *task.Source // nil for others
	parts     []connect.PartitionProgress
	latencies []measure.CheckpointLatency
}

func (s *runnerStats) work() cluster.TaskID { return s.runner.work }

// look takes what the runner has measured, if there is one.
func (s *runnerStats) look(now time.Time) {
	id := s.work()
	s.task = metrics.Task{Connector: id.Connector, Task: id.Task}
	switch h := s.runner.present().(type) {
	case *task.Source:
		s.source, s.task = h, h.Stats(now)
	case *task.Sink:
		s.task = h.Stats(now)
	}
	s.task.State = strings.ToLower(string(s.runner.lately.get()))
}

// askProgress asks all tasks at once, as each has code of its own that may hang.
func askProgress(ctx context.Context, now time.Time, tasks []*runnerStats) {
	ctx, cancel := context.WithTimeout(ctx, progressWait)
	defer cancel()
	var asking sync.WaitGroup
	for _, s := range tasks {
		if s.source == nil {
			continue
		}
		asking.Go(func() { s.parts, _ = s.source.Progress(ctx) })
		asking.Go(func() { s.latencies = s.source.CheckpointLatencies(ctx, now) })
	}
	asking.Wait()
}

func partitionMetrics(id cluster.TaskID, p *connect.PartitionProgress) metrics.Partition {
	return metrics.Partition{
		Connector: id.Connector, Task: id.Task, Source: p.SourceCluster, Target: p.TargetCluster,
		Topic: p.Topic, Remote: p.Target, Partition: p.Partition,
		Counted: p.TargetCluster != "", Records: p.Records, Bytes: p.Bytes, RecordsPerSecond: p.RecordsPerSecond, BytesPerSecond: p.BytesPerSecond,
		AgeMs: spreadOf(p.AgeMs), LatencyMs: spreadOf(p.LatencyMs), Position: p.Position, End: p.End, LagMs: p.LagMs,
		State: p.State, ThrottledMs: p.ThrottledMs, Lane: p.Lane, LaneReason: p.LaneReason, Whole: p.Batches, Decoded: p.Decoded,
	}
}

func spreadOf(s *connect.Spread) *measure.Spread {
	if s == nil {
		return nil
	}
	return &measure.Spread{Last: s.Last, Min: s.Min, Max: s.Max, Avg: s.Avg}
}

func (w *Worker) connectorMetrics(r *runner) metrics.Connector {
	out := metrics.Connector{Name: r.work.Connector, State: strings.ToLower(string(r.lately.get()))}
	if c := w.configs.Snapshot().Connectors[out.Name]; c != nil {
		out.Class = c.Config["connector.class"]
		if p, err := w.cfg.Registry.FindConnector(out.Class); err == nil {
			out.Class, out.Type, out.Version = p.Class, string(p.Type), p.Version
		}
	}
	return out
}

// taskCounts counts this worker's tasks by the states that GET status tells of them, as Java does.
func (w *Worker) taskCounts(tasks []*runnerStats) (out []metrics.TaskCounts) {
	var states map[int]cluster.State
	for _, s := range tasks {
		id := s.work()
		if len(out) == 0 || out[len(out)-1].Connector != id.Connector {
			out = append(out, metrics.TaskCounts{Connector: id.Connector})
			states = map[int]cluster.State{}
			for _, t := range w.statuses.Tasks(id.Connector) {
				states[t.ID.Task] = t.State
			}
		}
		c := &out[len(out)-1]
		c.Total++
		switch states[id.Task] {
		case cluster.Running:
			c.Running++
		case cluster.Paused:
			c.Paused++
		case cluster.Failed:
			c.Failed++
		case cluster.Restarting:
			c.Restarting++
		default:
			c.Unassigned++
		}
	}
	return out
}
