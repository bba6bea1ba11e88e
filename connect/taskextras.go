package connect

// The interfaces here are optional: a task has them or not, and a worker offers them or not. Java workers have nothing
// like them.

// Noter is an optional companion of SourceTaskContext and ConnectorContext, found by type assertion. It is safe for
// concurrent use.
type Noter interface {
	// Note puts text into the status of the task or connector while it goes on: the state stays RUNNING, text is its
	// trace. It is for what somebody should look at and what does not keep the rest from working. An empty text takes the
	// note back. It returns at once; of several notes in a row the worker may write only the last, at most one a second,
	// and it cuts long ones (256 KiB). The note lasts until it is replaced, through pauses, and ends with the task's or
	// connector's instance.
	Note(text string)
}

// Reconfigurable is an optional interface of a SourceTask that takes some properties of its connector while it runs.
// Its plugin names them (ConnectorPlugin.Live) and leaves them out of its task configs, so that a change of them alone
// restarts no task. Any other change does, as in Java.
type Reconfigurable interface {
	// Reconfigure gets the connector's config, references to config providers resolved: once after Start, before the first
	// Poll, and again whenever it changes while the task's own config stays. It comes from Poll's goroutine, between
	// two Polls; Poll's context ends to make room for it. The map is the task's to keep. Secrets in it are not to be logged.
	Reconfigure(props map[string]string)
}

// DeliveryFailer is an optional interface of a SourceTask that can go on although a record could not be delivered: it
// reads on elsewhere, and comes back to that record later.
type DeliveryFailer interface {
	// DeliveryFailed tells that rec was given up by the producer (or by the broker: too large, timestamp refused, topic gone,
	// not authorized), and that all records before it of its source partition are in Kafka. It comes from Poll's
	// goroutine, between two Polls; Poll's context ends to make room for it. err wraps what the client says.
	//
	// True takes the failure over. Nothing that was returned by Poll before counts as delivered then from rec on, as far as
	// rec's source partition goes, although some of it may be in Kafka already: the stored offset stays before rec, no
	// CommitRecord follows for it, and the next record of that source partition must be rec again, or one before it. It is
	// told once for each such restart. False fails the task, as for tasks without this interface.
	//
	// rec is the worker's again when it returns; what it refers to may be kept.
	DeliveryFailed(rec *SourceRecord, err error) (handled bool)
}

// Progresser is an optional interface of a SourceTask that knows how far it is.
type Progresser interface {
	// Progress tells it for each partition of the source that the task copies. It is called when somebody asks, from any
	// goroutine, beside everything else, between Start and Stop; it must not wait for anything.
	Progress() []PartitionProgress
}

// The states of a partition in PartitionProgress.
const (
	// ProgressCopying is a partition that is copied, or would be if there were something new.
	ProgressCopying = "copying"
	// ProgressWaiting is one that cannot go on; Reason says why.
	ProgressWaiting = "waiting"
	// ProgressThrottled is one that is held back by a limit.
	ProgressThrottled = "throttled"
)

// PartitionProgress is how far a source task is with one partition of a source topic.
type PartitionProgress struct {
	// Topic and Partition are the source's, Target is the topic that gets the copies.
	Topic     string
	Target    string
	Partition int32
	// Position is the offset of the next record to be copied, End the one after the last record there is; -1 unknown.
	Position int64
	End      int64
	// LagMs is the age in milliseconds of the newest record that was copied, while there are others to copy; 0 when there
	// are none, -1 unknown.
	LagMs int64
	// RecordsPerSecond and BytesPerSecond are a mean over the last while. Bytes are those of keys, values and headers, not
	// compressed; of whole batches they are those of the batches as they lie in the source.
	RecordsPerSecond float64
	BytesPerSecond   float64
	// ETAMs is in how many milliseconds End will be reached at the present rate; 0 when it is, -1 unknown.
	ETAMs int64
	// State is ProgressCopying, ProgressWaiting or ProgressThrottled. Reason says why it is one of the latter two.
	State  string
	Reason string
	// ThrottledMs is for how many milliseconds limits have held the partition back since the task started.
	ThrottledMs int64
	// Lane is how its records travel, LaneBatch or LaneRecord; empty for a task that does not tell. LaneReason says why not in the
	// batches that they lie in at the source: all of them, or those of the last batch that was decoded.
	Lane       string
	LaneReason string
	// Batches counts the source's batches that were copied as they are, Decoded those that had to be decoded and encoded anew,
	// since the task started.
	Batches, Decoded int64
	// SourceCluster and TargetCluster are the aliases of the clusters between which the task copies; empty for a task that does not.
	SourceCluster, TargetCluster string
	// Records and Bytes count what was copied since the task started. Bytes are those of BytesPerSecond.
	Records, Bytes int64
	// AgeMs is how old records were when they were read, LatencyMs when they came to lie in the target, in milliseconds. Of records
	// that were read or written together the newest counts. Nil when nothing was copied in the last minute.
	AgeMs, LatencyMs *Spread
}

// Spread sums up values of the last minute.
type Spread struct {
	Last, Min, Max, Avg float64
}

// The lanes in PartitionProgress.
const (
	// LaneBatch copies whole record batches, and decodes only those that can't be copied as they are.
	LaneBatch = "batch"
	// LaneRecord decodes all records.
	LaneRecord = "record"
)
