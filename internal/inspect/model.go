package inspect

import (
	"bytes"
	"encoding/json"
)

// Format is the version of the JSON document. Fields may be added to it; a change of what is there raises it.
const Format = 1

// Kind is one of the three topics.
type Kind string

// The topics, by the names that the command line and the JSON document use.
const (
	ConfigTopic Kind = "configs"
	OffsetTopic Kind = "offsets"
	StatusTopic Kind = "statuses"
)

// Kinds are all topics, in the order of the report.
var Kinds = []Kind{ConfigTopic, OffsetTopic, StatusTopic}

// Report is what the topics hold. A topic that was not read is nil.
type Report struct {
	Format   int       `json:"format"`
	Cluster  Cluster   `json:"cluster"`
	Configs  *Configs  `json:"configs,omitempty"`
	Offsets  *Offsets  `json:"offsets,omitempty"`
	Statuses *Statuses `json:"statuses,omitempty"`
}

// Cluster says where the topics are.
type Cluster struct {
	ID               string `json:"id"`
	BootstrapServers string `json:"bootstrapServers"`
	// Group is the Connect group, empty if not known.
	Group string `json:"group,omitempty"`
}

// Topic sums up one topic.
type Topic struct {
	Name       string `json:"name"`
	Partitions int32  `json:"partitions"`
	// Records counts all that were read, Tombstones those among them without a value.
	Records    int `json:"records"`
	Tombstones int `json:"tombstones"`
	// Keys counts the keys that have a value.
	Keys int `json:"keys"`
	// Undecided counts offsets behind the start of a transaction that is still open. They were not read.
	Undecided int64 `json:"undecided"`
	// Skipped are records that workers pass over, with the reason.
	Skipped []Skipped `json:"skipped"`
	// Problems are sentences about the topic as a whole.
	Problems []string `json:"problems"`
}

// At is where a record stands. Time is RFC 3339 in UTC, with milliseconds; nil for none.
type At struct {
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
	Time      *string `json:"time"`
}

// Skipped is a record that workers pass over.
type Skipped struct {
	At
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

// Configs is the config topic.
type Configs struct {
	Topic Topic `json:"topic"`
	// NextOffset is what workers report to their group once they have read all of it, -1 for an empty topic.
	NextOffset int64             `json:"nextOffset"`
	SessionKey *SessionKey       `json:"sessionKey"`
	Loggers    []Logger          `json:"loggers"`
	Connectors []ConnectorConfig `json:"connectors"`
}

// SessionKey describes the newest session key, without the key.
type SessionKey struct {
	Algorithm string `json:"algorithm"`
	Created   string `json:"created"`
	Record    At     `json:"record"`
}

// Logger is a logger's newest level for the cluster. Workers take up a level while they run; it is not applied at a start.
type Logger struct {
	Logger string `json:"logger"`
	Level  string `json:"level"`
	Record At     `json:"record"`
}

// ConnectorConfig is what the config topic holds of one name.
type ConnectorConfig struct {
	Name string `json:"name"`
	// Exists is false for a connector without a config record: deleted, or its records were lost.
	Exists bool `json:"exists"`
	// TargetState is STARTED where no record says otherwise.
	TargetState       string            `json:"targetState"`
	TargetStateRecord *At               `json:"targetStateRecord"`
	Config            map[string]string `json:"config"`
	ConfigRecord      *At               `json:"configRecord"`
	// Commit is the newest commit record.
	Commit *Count `json:"commit"`
	// Inconsistent is set where a worker can't use the task configs and generates them anew.
	Inconsistent bool `json:"inconsistent"`
	// Tasks are the committed task configs, in order.
	Tasks []Task `json:"tasks"`
	// IgnoredTasks are task configs that do not count.
	IgnoredTasks []IgnoredTask `json:"ignoredTasks"`
	// TaskCount is the newest task count record, by which zombies of exactly-once tasks are fenced.
	TaskCount *Count `json:"taskCount"`
	// FencingPending is set where task configs were committed after the newest task count record.
	FencingPending bool     `json:"fencingPending"`
	LastRestart    *Restart `json:"lastRestart"`
	Problems       []string `json:"problems"`
}

// Count is a commit or task count record.
type Count struct {
	Tasks  int `json:"tasks"`
	Record At  `json:"record"`
}

// Task is one task config.
type Task struct {
	Task   int               `json:"task"`
	Config map[string]string `json:"config"`
	Record At                `json:"record"`
}

// Why a task config does not count.
const (
	Uncommitted  = "uncommitted"   // no commit record follows it yet
	Incomplete   = "incomplete"    // the commit record counts more tasks than there are
	BeforeConfig = "before-config" // it was committed before the connector's config
	Leftover     = "leftover"      // beyond the count of the commit record: of a larger set, earlier
)

// IgnoredTask is a task config that does not count.
type IgnoredTask struct {
	Task
	Reason string `json:"reason"`
}

// Restart is the newest restart request.
type Restart struct {
	IncludeTasks bool `json:"includeTasks"`
	OnlyFailed   bool `json:"onlyFailed"`
	Record       At   `json:"record"`
}

// Offsets is the offset topic.
type Offsets struct {
	Topic      Topic              `json:"topic"`
	Connectors []ConnectorOffsets `json:"connectors"`
}

// ConnectorOffsets are the source offsets of one connector.
type ConnectorOffsets struct {
	Name string `json:"name"`
	// Exists tells whether the connector has a config; nil where the config topic was not read.
	Exists     *bool          `json:"exists,omitempty"`
	Partitions []SourceOffset `json:"partitions"`
	Problems   []string       `json:"problems"`
}

// SourceOffset is one source partition and how far it was read. Fields keep the order that the connector wrote.
type SourceOffset struct {
	Partition json.RawMessage `json:"partition"`
	Offset    json.RawMessage `json:"offset"`
	Record    At              `json:"record"`
}

// Statuses is the status topic.
type Statuses struct {
	Topic      Topic               `json:"topic"`
	Connectors []ConnectorStatuses `json:"connectors"`
}

// ConnectorStatuses are the statuses of a connector, its tasks, and its topics.
type ConnectorStatuses struct {
	Name      string       `json:"name"`
	Exists    *bool        `json:"exists,omitempty"`
	Connector *Status      `json:"connector"`
	Tasks     []TaskStatus `json:"tasks"`
	Topics    []TopicUse   `json:"topics"`
	Problems  []string     `json:"problems"`
}

// Status is one status. Version and Trace are nil for none.
type Status struct {
	State      string  `json:"state"`
	WorkerID   string  `json:"workerId"`
	Generation int32   `json:"generation"`
	Version    *string `json:"version"`
	Trace      *string `json:"trace"`
	Record     At      `json:"record"`
}

// TaskStatus is the status of one task.
type TaskStatus struct {
	Task int `json:"task"`
	Status
}

// TopicUse says that a task of the connector used a topic (KIP-558).
type TopicUse struct {
	Topic      string `json:"topic"`
	Task       int    `json:"task"`
	Discovered string `json:"discovered"`
	Record     At     `json:"record"`
}

// JSON gives the document, indented, with a final newline.
func (r *Report) JSON() ([]byte, error) { return encode(r, "  ") }

// encode writes JSON without escapes for HTML, which configs are not part of.
func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}
