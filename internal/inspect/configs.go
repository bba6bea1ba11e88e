package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage/configlog"
)

// configs gathers the config topic: state is what workers make of it, the rest is where it stands and what they pass over.
type configs struct {
	o       Options
	state   configlog.State
	names   map[string]*connector
	key     *SessionKey
	loggers map[string]Logger
}

// connector is the records of one name. Which tasks count is for state to say.
type connector struct {
	config, target *At
	known          map[string]string // the newest config, even of a deleted connector: it names the plugins of leftover tasks
	targetState    cluster.TargetState
	pending        map[int]taskRecord // since the last commit
	closed         map[int]taskRecord // before the last commit, back to the one before
	commit         *Count
	early          bool // the commit came without a connector config
	count          *Count
	restart        *Restart
}

type taskRecord struct {
	config map[string]string
	at     At
}

func newConfigs(o Options) *configs {
	return &configs{o: o, state: configlog.New(), names: map[string]*connector{}, loggers: map[string]Logger{}}
}

// replay has state follow. Its warnings are those of add.
func (c *configs) replay(recs []configlog.Record) { c.state, _, _ = c.state.Apply(recs) }

func (c *configs) add(r configlog.Record) error {
	rec, err := configlog.ParseConfig(r.Key, r.Value)
	if err != nil {
		return err
	}
	a := at(r)
	switch rec.Kind {
	case configlog.KindSessionKey:
		c.key = &SessionKey{Algorithm: rec.SessionKey.Algorithm, Created: stamp(rec.SessionKey.CreatedMs), Record: a}
	case configlog.KindLogger:
		c.loggers[rec.Logger.Logger] = Logger{rec.Logger.Logger, rec.Logger.Level, a}
	default:
		conn := c.names[rec.Connector]
		if conn == nil {
			conn = &connector{}
			c.names[rec.Connector] = conn
		}
		conn.add(rec, a)
	}
	return nil
}

func (c *connector) add(rec configlog.ConfigRecord, a At) {
	switch rec.Kind {
	case configlog.KindConnector:
		if rec.Removed {
			// As in a replay: what was committed before a deletion is gone.
			c.config, c.pending, c.closed, c.early = nil, nil, nil, false
			return
		}
		c.config, c.known = &a, rec.Config
	case configlog.KindTargetState:
		c.target, c.targetState = &a, rec.Target
		if rec.Removed {
			c.target = nil
		}
	case configlog.KindTask:
		if c.pending == nil {
			c.pending = map[int]taskRecord{}
		}
		c.pending[rec.Task] = taskRecord{rec.Config, a}
	case configlog.KindCommit:
		c.commit, c.closed, c.pending = &Count{rec.Tasks, a}, c.pending, nil
		c.early = c.config == nil
	case configlog.KindTaskCount:
		c.count = &Count{rec.Tasks, a}
	case configlog.KindRestart:
		c.restart = &Restart{rec.Restart.IncludeTasks, rec.Restart.OnlyFailed, a}
	}
}

func (c *configs) report(t Topic) *Configs {
	snap := c.state.Snapshot()
	out := &Configs{Topic: t, NextOffset: snap.Offset, SessionKey: c.key, Loggers: []Logger{}, Connectors: []ConnectorConfig{}}
	for _, name := range sortedKeys(c.loggers) {
		out.Loggers = append(out.Loggers, c.loggers[name])
	}
	for _, name := range sortedKeys(c.names) {
		if c.o.wants(name) && c.names[name].interesting(snap.Connectors[name]) {
			out.Connectors = append(out.Connectors, c.connector(name, snap.Connectors[name]))
		}
	}
	if t.Partitions > 1 {
		out.Topic.Problems = append(out.Topic.Problems, fmt.Sprintf("the topic has %d partitions: it must have one, since the order of configs counts", t.Partitions))
	}
	return out
}

// interesting leaves out names of which only a spent restart request is known.
func (c *connector) interesting(snap *cluster.Connector) bool {
	return snap != nil || c.target != nil || c.commit != nil || c.count != nil || len(c.pending)+len(c.closed) > 0
}

// connector joins what workers see (snap, nil without a config) with what the records say.
func (c *configs) connector(name string, snap *cluster.Connector) ConnectorConfig {
	rec, mask := c.names[name], c.o.masker()
	out := ConnectorConfig{
		Name: name, TargetState: string(rec.targetState), TargetStateRecord: rec.target, Commit: rec.commit, TaskCount: rec.count,
		LastRestart: rec.restart, Tasks: []Task{}, IgnoredTasks: []IgnoredTask{}, Problems: []string{},
	}
	if rec.target == nil {
		out.TargetState = string(cluster.TargetStarted)
	}
	counted := 0
	if snap != nil {
		out.Exists, out.Config, out.ConfigRecord = true, mask.config(snap.Config, snap.Config), rec.config
		out.Inconsistent, out.FencingPending, counted = snap.Inconsistent, snap.FencingPending, len(snap.Tasks)
	}
	task := func(i int, r taskRecord) Task { return Task{i, mask.config(r.config, rec.known), r.at} }
	for _, i := range sortedKeys(rec.closed) {
		if i < counted {
			out.Tasks = append(out.Tasks, task(i, rec.closed[i]))
			continue
		}
		out.IgnoredTasks = append(out.IgnoredTasks, IgnoredTask{task(i, rec.closed[i]), rec.why(i)})
	}
	for _, i := range sortedKeys(rec.pending) {
		out.IgnoredTasks = append(out.IgnoredTasks, IgnoredTask{task(i, rec.pending[i]), Uncommitted})
	}
	out.Problems = append(out.Problems, rec.problems(snap)...)
	return out
}

// why says why a task config before the last commit does not count.
func (c *connector) why(task int) string {
	switch {
	case c.commit != nil && task >= c.commit.Tasks:
		return Leftover
	case c.early:
		return BeforeConfig
	}
	return Incomplete
}

func (c *connector) problems(snap *cluster.Connector) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(c.pending) > 0 {
		if snap == nil {
			add("task configs %s are not followed by a commit record, and there is no config of the connector: left over from a deletion", list(c.pending))
		} else {
			add("half-written: task configs %s are not followed by a commit record, and do not count until one comes", list(c.pending))
		}
	}
	if snap == nil {
		if c.target != nil {
			add("a target state, but no config of the connector: left over, or written for a connector whose config was lost")
		}
		return out
	}
	switch {
	case snap.Inconsistent && c.early:
		add("the %s, which compaction brings about (KAFKA-17719) and a deletion too: connectd generates the tasks anew, Java workers see none",
			"committed task configs stand before the connector's config")
	case snap.Inconsistent:
		add("half-written: the commit record at offset %d counts %s, but %s: the tasks are generated anew",
			c.commit.Record.Offset, plural(c.commit.Tasks, "task", "tasks"), have(c.closed))
	case len(snap.Tasks) > 0 && snap.TasksOffset < snap.ConfigOffset:
		add("the connector's config was changed after its task configs were committed: new ones are still to come, or the change left them as they are")
	}
	if c.count != nil && snap.FencingPending && len(snap.Tasks) > 0 {
		add("task configs were committed after the task count record: exactly-once tasks start only after a round of fencing")
	}
	return out
}

func have(tasks map[int]taskRecord) string {
	if len(tasks) == 0 {
		return "no task configs precede it"
	}
	return "only task configs " + list(tasks) + " precede it"
}

// list names tasks, as ranges: 0-2, 5.
func list(tasks map[int]taskRecord) string {
	ids := sortedKeys(tasks)
	var parts []string
	for len(ids) > 0 {
		n := 1
		for n < len(ids) && ids[n] == ids[0]+n {
			n++
		}
		if n == 1 {
			parts = append(parts, fmt.Sprint(ids[0]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", ids[0], ids[n-1]))
		}
		ids = slices.Clip(ids[n:])
	}
	return strings.Join(parts, ", ")
}
