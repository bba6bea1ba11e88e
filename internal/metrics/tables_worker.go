package metrics

import (
	"math"
	"strconv"
	"time"

	"github.com/connectd/connectd/internal/metrics/measure"
)

// tables are all there is, in the order in which they are written and documented.
var tables = []some{
	worker, rebalance, taskCounts, connectors, tasks, sources, sinks, taskErrors, mirrors, checkpoints, lanes, own,
}

// buildInfo is the one metric of our own that is there before the worker has started.
var buildInfo = Description{
	Name: "connectd_build_info", Labels: []string{"version", "commit", "kafka_version"},
	Help: "Always 1: connectd's version and commit, and the Kafka release as whose worker it behaves.",
}

// Descriptions is the whole table, but for what Go and the operating system tell of the process (go_* and process_*).
func Descriptions() []Description {
	var out []Description
	for _, t := range tables {
		out = append(out, t.describe()...)
	}
	return append(out, buildInfo)
}

func ofWorkers(s *Snapshot) []Worker { return s.Workers }

func noLabels[T any](*T) []string { return nil }

var worker = table[Worker]{
	prefix: "kafka_connect_worker_", mbean: "kafka.connect:type=connect-worker-metrics", rows: ofWorkers, of: noLabels[Worker],
	families: append([]family[Worker]{
		value("connector_count", "The number of connectors run in this worker.", whole(func(w *Worker) int { return w.Connectors })),
		value("task_count", "The number of tasks run in this worker.", whole(func(w *Worker) int { return w.Tasks })),
	}, append(
		startups("connector", func(w *Worker) *Startups { return &w.ConnectorStartups }),
		startups("task", func(w *Worker) *Startups { return &w.TaskStartups })...,
	)...),
}

func startups(kind string, of func(*Worker) *Startups) []family[Worker] {
	share := func(share func(*Startups) float64) func(*Worker) float64 {
		return func(w *Worker) float64 {
			s := of(w)
			if s.SuccessShare+s.FailureShare == 0 {
				return math.NaN()
			}
			return share(s)
		}
	}
	return []family[Worker]{
		value(kind+"_startup_attempts_total", "The number of "+kind+" starts that have succeeded or failed on this worker.",
			func(w *Worker) float64 { return float64(of(w).Succeeded + of(w).Failed) }),
		value(kind+"_startup_success_total", "The number of "+kind+" starts that succeeded.",
			func(w *Worker) float64 { return float64(of(w).Succeeded) }),
		value(kind+"_startup_failure_total", "The number of "+kind+" starts that failed.",
			func(w *Worker) float64 { return float64(of(w).Failed) }),
		value(kind+"_startup_success_percentage", "The share, 0 to 1, of "+kind+" starts of the last minute that succeeded.",
			share(func(s *Startups) float64 { return s.SuccessShare })),
		value(kind+"_startup_failure_percentage", "The share, 0 to 1, of "+kind+" starts of the last minute that failed.",
			share(func(s *Startups) float64 { return s.FailureShare })),
	}
}

var rebalance = table[Worker]{
	prefix: "kafka_connect_worker_rebalance_", mbean: "kafka.connect:type=connect-worker-rebalance-metrics", rows: ofWorkers, of: noLabels[Worker],
	families: []family[Worker]{
		value("epoch", "The generation of the group, as this worker knows it.", whole(func(w *Worker) int32 { return w.Epoch })),
		value("completed_rebalances_total", "The number of rebalances that this worker has completed.", whole(func(w *Worker) int64 { return w.Rebalances })),
		value("rebalancing", "1 while this worker is not settled in its group, 0 otherwise.", func(w *Worker) float64 { return oneIf(w.Rebalancing) }),
		value("rebalance_max_time_ms", "The longest rebalance of the last minute, in ms.",
			spread(func(w *Worker) *measure.Spread { return w.RebalanceMs }, highest)),
		value("rebalance_avg_time_ms", "The mean time of the rebalances of the last minute, in ms.",
			spread(func(w *Worker) *measure.Spread { return w.RebalanceMs }, mean)),
		value("time_since_last_rebalance_ms", "How long the last rebalance of this worker is past, in ms.", func(w *Worker) float64 {
			if w.SinceRebalance < 0 {
				return math.NaN()
			}
			return float64(w.SinceRebalance.Milliseconds())
		}),
	},
}

// The parts of a Spread.
func highest(s *measure.Spread) float64 { return s.Max }
func lowest(s *measure.Spread) float64  { return s.Min }
func mean(s *measure.Spread) float64    { return s.Avg }
func newest(s *measure.Spread) float64  { return s.Last }

// spread takes a part of what may not have been measured.
func spread[T any](of func(*T) *measure.Spread, part func(*measure.Spread) float64) func(*T) float64 {
	return func(row *T) float64 {
		s := of(row)
		if s == nil {
			return math.NaN()
		}
		return part(s)
	}
}

var taskCounts = table[TaskCounts]{
	prefix: "kafka_connect_worker_", mbean: "kafka.connect:type=connect-worker-metrics,connector=*", labels: []string{"connector"},
	rows: func(s *Snapshot) []TaskCounts { return s.Counts },
	of:   func(c *TaskCounts) []string { return []string{c.Connector} },
	families: []family[TaskCounts]{
		value("connector_total_task_count", "The number of tasks of the connector on this worker.", whole(func(c *TaskCounts) int { return c.Total })),
		inState("running", func(c *TaskCounts) int { return c.Running }),
		inState("paused", func(c *TaskCounts) int { return c.Paused }),
		inState("failed", func(c *TaskCounts) int { return c.Failed }),
		inState("unassigned", func(c *TaskCounts) int { return c.Unassigned }),
		inState("restarting", func(c *TaskCounts) int { return c.Restarting }),
	},
}

func inState(state string, of func(*TaskCounts) int) family[TaskCounts] {
	return value("connector_"+state+"_task_count", "The number of "+state+" tasks of the connector on this worker.", whole(of))
}

var connectors = table[Connector]{
	prefix: "kafka_connect_connector_", mbean: "kafka.connect:type=connector-metrics,connector=*", labels: []string{"connector"},
	rows: func(s *Snapshot) []Connector { return s.Connectors },
	of:   func(c *Connector) []string { return []string{c.Name} },
	families: []family[Connector]{
		text("status", "status", "1 for the state of a connector that runs on this worker: unassigned, running, paused, stopped or failed.",
			func(c *Connector) string { return c.State }),
		text("connector_type", "connector_type", "1 for the type of the connector: source or sink.", func(c *Connector) string { return c.Type }),
		text("connector_class", "connector_class", "1 for the class of the connector.", func(c *Connector) string { return c.Class }),
		text("connector_version", "connector_version", "1 for the version of the connector's class.", func(c *Connector) string { return c.Version }),
	},
}

var own = table[Worker]{
	prefix: "connectd_worker_", rows: ofWorkers, of: noLabels[Worker],
	families: []family[Worker]{
		value("leader", "1 while this worker leads its group, 0 otherwise.", func(w *Worker) float64 { return oneIf(w.Leader) }),
	},
}

// sinceEpoch is in milliseconds, NaN for never.
func sinceEpoch(t time.Time) float64 {
	if t.IsZero() {
		return math.NaN()
	}
	return float64(t.UnixMilli())
}

func number[N int | int32](n N) string { return strconv.FormatInt(int64(n), 10) }
