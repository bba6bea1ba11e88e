package configlog

import (
	"errors"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/jackson"
)

// ConfigKind says what a record of the config topic holds.
type ConfigKind string

// The kinds of config records.
const (
	KindConnector   ConfigKind = "connector"
	KindTask        ConfigKind = "task"
	KindCommit      ConfigKind = "commit"
	KindTargetState ConfigKind = "target-state"
	KindRestart     ConfigKind = "restart"
	KindTaskCount   ConfigKind = "task-count"
	KindLogger      ConfigKind = "logger"
	KindSessionKey  ConfigKind = "session-key"
)

// ConfigRecord is one record of the config topic by itself, for those who look at the topic rather than replay it. Which
// fields are set depends on Kind.
type ConfigRecord struct {
	// Kind is empty for an unknown key.
	Kind ConfigKind
	// Connector is empty for loggers and session keys.
	Connector string
	Task      int
	// Removed is set for the tombstone of a connector or target state.
	Removed bool
	// Config is that of a connector or task; null values are left out.
	Config map[string]string
	// Tasks is the number of a commit or task count record.
	Tasks      int
	Target     cluster.TargetState
	Restart    Restart
	Logger     LoggerLevel
	SessionKey *cluster.SessionKey
}

// ParseConfig decodes one record of the config topic. It is an error exactly where Apply skips the record with a warning,
// and says the same; Kind and names are then set as far as the key tells them.
func ParseConfig(key, value []byte) (ConfigRecord, error) {
	rec := configKey(string(key))
	// Replaying it onto nothing judges it as a worker would.
	a := applier{next: State{offset: -1, conns: map[string]*conn{}}, fresh: map[string]*conn{}}
	a.apply(Record{Key: key, Value: value})
	if len(a.warnings) > 0 {
		return rec, errors.New(a.warnings[0].Reason)
	}
	rec.Removed = value == nil
	c := a.fresh[rec.Connector]
	switch rec.Kind {
	case KindConnector:
		rec.Config = c.config
	case KindTask:
		rec.Config = c.pending[rec.Task]
	case KindTargetState:
		rec.Target = c.target
	case KindTaskCount:
		rec.Tasks = c.taskCount
	case KindCommit:
		rec.Tasks = committed(value)
	case KindRestart:
		rec.Restart = a.delta.Restarts[0]
	case KindLogger:
		rec.Logger = a.delta.Loggers[0]
	case KindSessionKey:
		rec.SessionKey = a.next.key
	}
	return rec, nil
}

// configKey takes a key apart, in the order in which apply tries the prefixes.
func configKey(key string) ConfigRecord {
	for _, p := range []struct {
		prefix string
		kind   ConfigKind
	}{
		{prefixTarget, KindTargetState},
		{prefixConnector, KindConnector},
		{prefixTask, KindTask},
		{prefixCommit, KindCommit},
		{prefixRestart, KindRestart},
		{prefixTaskCount, KindTaskCount},
		{prefixLogger, KindLogger},
	} {
		rest, ok := strings.CutPrefix(key, p.prefix)
		switch {
		case !ok:
		case p.kind == KindLogger:
			return ConfigRecord{Kind: p.kind, Logger: LoggerLevel{Logger: rest}}
		case p.kind == KindTask:
			name, task, _ := splitTask(rest)
			return ConfigRecord{Kind: p.kind, Connector: name, Task: task}
		default:
			return ConfigRecord{Kind: p.kind, Connector: rest}
		}
	}
	if key == keySession {
		return ConfigRecord{Kind: KindSessionKey}
	}
	return ConfigRecord{}
}

// committed reads the count of a commit record that was found to be sound.
func committed(value []byte) int {
	v, err := jackson.Parse(value)
	o, ok := v.(jackson.Object)
	if err != nil || !ok {
		return 0
	}
	n, _ := integer(o, "tasks")
	return int(n)
}
