package api

// ConnectorProgress is the answer to GET /connectors/{connector}/progress: how far the tasks of a connector are. Java workers
// have nothing like it.
type ConnectorProgress struct {
	Name string `json:"name"`
	// Message says why there are no partitions, where it is not for want of something to copy.
	Message    string              `json:"message,omitempty"`
	Tasks      []TaskProgress      `json:"tasks"`
	Partitions []PartitionProgress `json:"partitions"`
}

// MarshalJSON writes empty lists where fields are nil.
func (c ConnectorProgress) MarshalJSON() ([]byte, error) {
	type plain ConnectorProgress
	c.Tasks, c.Partitions = nonNil(c.Tasks), nonNil(c.Partitions)
	return Marshal(plain(c))
}

// TaskProgress is a task, and whether it has told its progress.
type TaskProgress struct {
	ID       int    `json:"id"`
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	// Available is false for a task that could not be asked; Reason says why.
	Available bool   `json:"available"`
	Reason    string `json:"reason,omitempty"`
}

// ProgressUnavailable is the state of a partition whose task could not be asked: of it only the stored position is known.
const ProgressUnavailable = "unavailable"

// PartitionProgress is how far one partition of a source topic is copied.
type PartitionProgress struct {
	// Task is the number of the task that copies it, -1 where it is not known.
	Task      int    `json:"task"`
	Topic     string `json:"topic"`
	Target    string `json:"target"`
	Partition int32  `json:"partition"`
	// Position is the offset of the next record to be copied, End the one after the last there is; -1 unknown.
	Position int64 `json:"position"`
	End      int64 `json:"end"`
	// LagMs is the age in milliseconds of the newest record that was copied, while there are others to copy; 0 when there
	// are none, -1 unknown.
	LagMs            int64   `json:"lag_ms"`
	RecordsPerSecond float64 `json:"records_per_second"`
	BytesPerSecond   float64 `json:"bytes_per_second"`
	// ETAMs is in how many milliseconds End will be reached at this rate; 0 when it is, -1 unknown.
	ETAMs int64 `json:"eta_ms"`
	// State is copying, waiting, throttled or unavailable; Reason says why it is not the first.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// ThrottledMs is for how many milliseconds limits have held the partition back since its task started.
	ThrottledMs int64 `json:"throttled_ms"`
	// Lane is batch where whole record batches are copied, record where records are copied one by one; LaneReason says why not in the
	// batches that they lie in at the source: all of them, or those of the last batch that was decoded.
	Lane       string `json:"lane,omitempty"`
	LaneReason string `json:"lane_reason,omitempty"`
	// Batches counts the source's batches that were copied as they are, Decoded those that were decoded and encoded anew.
	Batches int64 `json:"batches"`
	Decoded int64 `json:"decoded_batches"`
}

// Behind is the number of offsets that are not copied yet, -1 where it is not known.
func (p *PartitionProgress) Behind() int64 {
	if p.Position < 0 || p.End < 0 {
		return -1
	}
	return max(0, p.End-p.Position)
}
