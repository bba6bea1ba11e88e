package inspect

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/connectd/connectd/storage/configlog"
)

// Line is one record by itself, decoded: what --follow prints. Fields that a record's type does not have are left out.
type Line struct {
	Topic Kind `json:"topic"`
	At
	// Type is that of the record: connector, task, commit, target-state, restart, task-count, logger, session-key; offset;
	// connector-status, task-status, topic-status; skipped for what workers pass over.
	Type      string `json:"type"`
	Connector string `json:"connector,omitempty"`
	Task      *int   `json:"task,omitempty"`
	// Removed marks a tombstone.
	Removed bool `json:"removed,omitempty"`

	Config       map[string]string `json:"config,omitempty"`
	Tasks        *int              `json:"tasks,omitempty"`
	TargetState  string            `json:"targetState,omitempty"`
	IncludeTasks *bool             `json:"includeTasks,omitempty"`
	OnlyFailed   *bool             `json:"onlyFailed,omitempty"`
	Logger       string            `json:"logger,omitempty"`
	Level        string            `json:"level,omitempty"`
	Algorithm    string            `json:"algorithm,omitempty"`
	Created      string            `json:"created,omitempty"`

	SourcePartition json.RawMessage `json:"sourcePartition,omitempty"`
	SourceOffset    json.RawMessage `json:"sourceOffset,omitempty"`

	State      string  `json:"state,omitempty"`
	WorkerID   string  `json:"workerId,omitempty"`
	Generation *int32  `json:"generation,omitempty"`
	Version    *string `json:"version,omitempty"`
	Trace      *string `json:"trace,omitempty"`
	UsedTopic  string  `json:"usedTopic,omitempty"`
	Discovered string  `json:"discovered,omitempty"`

	Key    string `json:"key,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Lines decodes records one by one. It remembers connectors' configs, since they name the plugins that know which
// properties of tasks are passwords.
type Lines struct {
	o       Options
	configs map[string]map[string]string
}

// NewLines begins.
func NewLines(o Options) *Lines { return &Lines{o, map[string]map[string]string{}} }

// Line decodes the next record; it is false for what the options leave out. Records that workers skip are never left out.
func (l *Lines) Line(kind Kind, r configlog.Record) (Line, bool) {
	out := Line{Topic: kind, At: at(r), Removed: r.Value == nil}
	var err error
	switch kind {
	case ConfigTopic:
		err = l.config(&out, r)
	case OffsetTopic:
		err = out.offset(r)
	case StatusTopic:
		err = out.status(r)
	}
	if err != nil {
		reason := err.Error()
		if r.Key == nil {
			reason = "the key is null"
		}
		return Line{Topic: kind, At: out.At, Type: "skipped", Key: string(r.Key), Reason: reason}, true
	}
	return out, l.o.wants(out.Connector)
}

func (l *Lines) config(out *Line, r configlog.Record) error {
	rec, err := configlog.ParseConfig(r.Key, r.Value)
	if err != nil {
		return err
	}
	out.Type, out.Connector = string(rec.Kind), rec.Connector
	switch rec.Kind {
	case configlog.KindConnector:
		if rec.Config != nil {
			l.configs[rec.Connector] = rec.Config
		}
		out.Config = l.o.masker().config(rec.Config, rec.Config)
	case configlog.KindTask:
		of := l.configs[rec.Connector]
		if of == nil { // its connector's record came before the first one read
			of = rec.Config
		}
		out.Task, out.Config = &rec.Task, l.o.masker().config(rec.Config, of)
	case configlog.KindCommit, configlog.KindTaskCount:
		out.Tasks = &rec.Tasks
	case configlog.KindTargetState:
		out.TargetState = string(rec.Target)
	case configlog.KindRestart:
		out.IncludeTasks, out.OnlyFailed = &rec.Restart.IncludeTasks, &rec.Restart.OnlyFailed
	case configlog.KindLogger:
		out.Logger, out.Level = rec.Logger.Logger, rec.Logger.Level
	case configlog.KindSessionKey:
		out.Algorithm, out.Created = rec.SessionKey.Algorithm, stamp(rec.SessionKey.CreatedMs)
	}
	return nil
}

func (l *Line) offset(r configlog.Record) error {
	s, err := parseOffset(r)
	if err != nil {
		return err
	}
	l.Type, l.Connector, l.SourcePartition = "offset", s.connector, entries(s.partition)
	if !l.Removed {
		l.SourceOffset = entries(s.offset)
	}
	return nil
}

func (l *Line) status(r configlog.Record) error {
	rec, err := configlog.ParseStatus(r.Key, r.Value)
	if err != nil {
		return err
	}
	switch {
	case rec.Task != nil:
		l.Type, l.Connector, l.Task = "task-status", rec.Task.Connector, &rec.Task.Task
	case rec.Connector != "":
		l.Type, l.Connector = "connector-status", rec.Connector
	default:
		l.Type, l.Connector, l.UsedTopic = "topic-status", rec.TopicConnector, rec.TopicName
	}
	if rec.Topic != nil {
		l.Task, l.Discovered = &rec.Topic.Task, stamp(rec.Topic.DiscoveredMs)
	}
	if rec.Status != nil {
		s := status(rec.Status, l.At)
		l.State, l.WorkerID, l.Generation, l.Version, l.Trace = s.State, s.WorkerID, &s.Generation, s.Version, s.Trace
	}
	return nil
}

// JSON gives the line as one line of JSON, with its newline.
func (l Line) JSON() ([]byte, error) { return encode(l, "") }

// Text gives the line for people, with its newline.
func (l Line) Text(o TextOptions) string {
	time := "-"
	if l.Time != nil {
		time = *l.Time
	}
	parts := []string{time, fmt.Sprintf("%s %d/%d", l.Topic, l.Partition, l.Offset), l.Type}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if l.Connector != "" {
		add("%s", plain(l.Connector))
	}
	if l.Task != nil {
		add("task %d", *l.Task)
	}
	l.details(add, o)
	if l.Removed {
		add("removed")
	}
	return strings.Join(parts, "  ") + "\n"
}

// details adds what belongs to the line's type.
func (l Line) details(add func(string, ...any), o TextOptions) {
	switch l.Type {
	case "connector", "task":
		for _, k := range sortedKeys(maps.Clone(l.Config)) {
			add("%s=%s", plain(k), plain(l.Config[k]))
		}
	case "commit", "task-count":
		add("%s", plural(*l.Tasks, "task", "tasks"))
	case "target-state":
		if !l.Removed {
			add("%s", l.TargetState)
		}
	case "restart":
		add("includeTasks=%t onlyFailed=%t", *l.IncludeTasks, *l.OnlyFailed)
	case "logger":
		add("%s=%s", plain(l.Logger), plain(l.Level))
	case "session-key":
		add("%s, created %s", plain(l.Algorithm), l.Created)
	case "offset":
		add("%s", plain(string(l.SourcePartition)))
		if !l.Removed {
			add("%s", plain(string(l.SourceOffset)))
		}
	case "topic-status":
		add("topic %s", plain(l.UsedTopic))
	case "connector-status", "task-status":
		l.statusDetails(add, o)
	case "skipped":
		add("key %s: %s", plain(short(l.Key, 100)), plain(l.Reason))
	}
}

func (l Line) statusDetails(add func(string, ...any), o TextOptions) {
	if l.Removed {
		return
	}
	add("%s on %s, generation %d", l.State, plain(l.WorkerID), *l.Generation)
	if l.Version != nil {
		add("version %s", plain(*l.Version))
	}
	switch {
	case l.Trace == nil:
	case o.Traces:
		add("%s", plain(*l.Trace))
	default:
		first, _, _ := strings.Cut(*l.Trace, "\n")
		add("%s", plain(strings.TrimSpace(first)))
	}
}
