package metrics

import (
	"github.com/connectd/connectd/internal/metrics/measure"
)

var taskLabels = []string{"connector", "task"}

func ofTask(t *Task) []string { return []string{t.Connector, number(t.Task)} }

// measured are the tasks that were made.
func measured(s *Snapshot) []Task { return which(s, func(t *Task) bool { return t.Known }) }

func which(s *Snapshot, is func(*Task) bool) []Task {
	var out []Task
	for i := range s.Tasks {
		if is(&s.Tasks[i]) {
			out = append(out, s.Tasks[i])
		}
	}
	return out
}

var tasks = table[Task]{
	prefix: "kafka_connect_connector_task_", mbean: "kafka.connect:type=connector-task-metrics,connector=*,task=*", labels: taskLabels,
	rows: func(s *Snapshot) []Task { return s.Tasks }, of: ofTask,
	families: []family[Task]{
		text("status", "status", "1 for the state of the task: unassigned, running, paused or failed.", func(t *Task) string { return t.State }),
		value("running_ratio", "The share of its time, 0 to 1, that the task has been running.", made(func(t *Task) float64 { return t.RunningRatio })),
		value("pause_ratio", "The share of its time, 0 to 1, that the task has been paused.", made(func(t *Task) float64 { return t.PauseRatio })),
		value("batch_size_max", "The most records in a batch of the last minute.", spread(func(t *Task) *measure.Spread { return t.BatchSize }, highest)),
		value("batch_size_avg", "The mean number of records in the batches of the last minute.", spread(func(t *Task) *measure.Spread { return t.BatchSize }, mean)),
		value("offset_commit_max_time_ms", "The longest commit of offsets of the last minute, in ms.", spread(func(t *Task) *measure.Spread { return t.CommitMs }, highest)),
		value("offset_commit_avg_time_ms", "The mean time of the commits of offsets of the last minute, in ms.", spread(func(t *Task) *measure.Spread { return t.CommitMs }, mean)),
		value("offset_commit_success_percentage", "The share, 0 to 1, of the commits of offsets of the last minute that succeeded.",
			made(func(t *Task) float64 { return t.CommitSuccess })),
		value("offset_commit_failure_percentage", "The share, 0 to 1, of the commits of offsets of the last minute that failed.",
			made(func(t *Task) float64 { return t.CommitFailure })),
	},
}

// made leaves out the tasks of which nothing was measured.
func made(of func(*Task) float64) func(*Task) float64 {
	return func(t *Task) float64 {
		if !t.Known {
			return known(-1)
		}
		return of(t)
	}
}

var sources = table[Task]{
	prefix: "kafka_connect_source_task_", mbean: "kafka.connect:type=source-task-metrics,connector=*,task=*", labels: taskLabels,
	rows: func(s *Snapshot) []Task { return which(s, func(t *Task) bool { return t.Source != nil }) }, of: ofTask,
	families: []family[Task]{
		value("source_record_poll_total", "The number of records polled since the task was started, before transformations.",
			func(t *Task) float64 { return float64(t.Source.Polled) }),
		value("source_record_poll_rate", "Records polled per second in the last minute.", func(t *Task) float64 { return t.Source.PollRate }),
		value("source_record_write_total", "The number of records written to Kafka since the task was started.",
			func(t *Task) float64 { return float64(t.Source.Written) }),
		value("source_record_write_rate", "Records written to Kafka per second in the last minute.", func(t *Task) float64 { return t.Source.WriteRate }),
		value("poll_batch_max_time_ms", "The longest poll of the last minute that brought records, in ms.",
			spread(func(t *Task) *measure.Spread { return t.Source.PollMs }, highest)),
		value("poll_batch_avg_time_ms", "The mean time of the polls of the last minute that brought records, in ms.",
			spread(func(t *Task) *measure.Spread { return t.Source.PollMs }, mean)),
		value("source_record_active_count", "The number of records handed to the producer and not yet written.",
			func(t *Task) float64 { return float64(t.Source.Active) }),
		value("source_record_active_count_max", "The most records at once, in the last minute, that were handed to the producer and not yet written.",
			spread(func(t *Task) *measure.Spread { return t.Source.ActiveOf }, highest)),
		value("source_record_active_count_avg", "The mean number of records, in the last minute, handed to the producer and not yet written.",
			spread(func(t *Task) *measure.Spread { return t.Source.ActiveOf }, mean)),
		value("transaction_size_min", "The fewest records in a transaction of the last minute.",
			spread(func(t *Task) *measure.Spread { return t.Source.TransactionSize }, lowest)),
		value("transaction_size_max", "The most records in a transaction of the last minute.",
			spread(func(t *Task) *measure.Spread { return t.Source.TransactionSize }, highest)),
		value("transaction_size_avg", "The mean number of records in the transactions of the last minute.",
			spread(func(t *Task) *measure.Spread { return t.Source.TransactionSize }, mean)),
	},
}

var sinks = table[Task]{
	prefix: "kafka_connect_sink_task_", mbean: "kafka.connect:type=sink-task-metrics,connector=*,task=*", labels: taskLabels,
	rows: func(s *Snapshot) []Task { return which(s, func(t *Task) bool { return t.Sink != nil }) }, of: ofTask,
	families: []family[Task]{
		value("sink_record_read_total", "The number of records read from Kafka since the task was started, before transformations.",
			func(t *Task) float64 { return float64(t.Sink.Read) }),
		value("sink_record_read_rate", "Records read from Kafka per second in the last minute.", func(t *Task) float64 { return t.Sink.ReadRate }),
		value("sink_record_send_total", "The number of records for the task since it was started, after transformations.",
			func(t *Task) float64 { return float64(t.Sink.Sent) }),
		value("sink_record_send_rate", "Records for the task per second in the last minute, after transformations.",
			func(t *Task) float64 { return t.Sink.SendRate }),
		value("partition_count", "The number of partitions that the task has.", func(t *Task) float64 { return float64(t.Sink.Partitions) }),
		value("offset_commit_seq_no", "The number of the last commit of offsets.", func(t *Task) float64 { return float64(t.Sink.CommitSeq) }),
		value("offset_commit_completion_total", "The number of commits of offsets that succeeded.", func(t *Task) float64 { return float64(t.Sink.Commits) }),
		value("offset_commit_completion_rate", "Commits of offsets that succeeded, per second in the last minute.",
			func(t *Task) float64 { return t.Sink.CommitRate }),
		value("put_batch_max_time_ms", "The longest Put of the last minute, in ms.", spread(func(t *Task) *measure.Spread { return t.Sink.PutMs }, highest)),
		value("put_batch_avg_time_ms", "The mean time of the Puts of the last minute, in ms.", spread(func(t *Task) *measure.Spread { return t.Sink.PutMs }, mean)),
		value("sink_record_active_count", "The number of offsets put and not yet committed.", func(t *Task) float64 { return float64(t.Sink.Active) }),
		value("sink_record_active_count_max", "The most offsets at once, in the last minute, that were put and not yet committed.",
			spread(func(t *Task) *measure.Spread { return t.Sink.ActiveOf }, highest)),
		value("sink_record_active_count_avg", "The mean number of offsets, in the last minute, put and not yet committed.",
			spread(func(t *Task) *measure.Spread { return t.Sink.ActiveOf }, mean)),
	},
}

var taskErrors = table[Task]{
	prefix: "kafka_connect_task_error_", mbean: "kafka.connect:type=task-error-metrics,connector=*,task=*", labels: taskLabels,
	rows: measured, of: ofTask,
	families: []family[Task]{
		value("total_record_failures", "The number of attempts to convert or transform a record, or to write it, that failed.",
			func(t *Task) float64 { return float64(t.Errors.Failures) }),
		value("total_record_errors", "The number of records that errors.tolerance did not allow to fail.", func(t *Task) float64 { return float64(t.Errors.Errors) }),
		value("total_records_skipped", "The number of records left out as they could not be converted or transformed.",
			func(t *Task) float64 { return float64(t.Errors.Skipped) }),
		value("total_retries", "The number of further attempts.", func(t *Task) float64 { return float64(t.Errors.Retries) }),
		value("total_errors_logged", "The number of errors written to the log (errors.log.enable).", func(t *Task) float64 { return float64(t.Errors.Logged) }),
		value("last_error_timestamp", "When the last error came, in ms since 1970.", func(t *Task) float64 { return sinceEpoch(t.Errors.Last) }),
	},
}
