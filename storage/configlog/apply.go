package configlog

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/jackson"
)

// maxTasks bounds what a commit record may claim, so that a broken one cannot exhaust memory.
const maxTasks = 1 << 20

// applier replays one batch onto a copy of the state.
type applier struct {
	next     State
	fresh    map[string]*conn // already copied in this batch
	delta    Delta
	warnings []Warning
}

func (a *applier) warn(r Record, format string, args ...any) {
	a.warnings = append(a.warnings, Warning{Offset: r.Offset, Key: string(r.Key), Reason: fmt.Sprintf(format, args...)})
}

// conn gives a connector's state, copied so that it may be changed.
func (a *applier) conn(name string) *conn {
	if c := a.fresh[name]; c != nil {
		return c
	}
	c := &conn{taskCount: -1, configOffset: -1, tasksOffset: -1}
	if old := a.next.conns[name]; old != nil {
		*c = *old
		c.pending = maps.Clone(old.pending)
	}
	a.fresh[name], a.next.conns[name] = c, c
	return c
}

func (a *applier) apply(r Record) {
	var value any
	if r.Value != nil {
		v, err := jackson.Parse(r.Value)
		if err != nil {
			// Java workers do not count such a record either: all members must report the same offset.
			a.warn(r, "the value is not JSON: %v", err)
			return
		}
		value = v
	}
	a.next.offset = r.Offset + 1
	key := string(r.Key)
	switch {
	case strings.HasPrefix(key, prefixTarget):
		a.target(r, key[len(prefixTarget):], value)
	case strings.HasPrefix(key, prefixConnector):
		a.connector(r, key[len(prefixConnector):], value)
	case strings.HasPrefix(key, prefixTask):
		a.task(r, key[len(prefixTask):], value)
	case strings.HasPrefix(key, prefixCommit):
		a.commit(r, key[len(prefixCommit):], value)
	case strings.HasPrefix(key, prefixRestart):
		a.restart(r, key[len(prefixRestart):], value)
	case strings.HasPrefix(key, prefixTaskCount):
		a.taskCount(r, key[len(prefixTaskCount):], value)
	case strings.HasPrefix(key, prefixLogger):
		a.logger(r, key[len(prefixLogger):], value)
	case key == keySession:
		a.sessionKey(r, value)
	default:
		a.warn(r, "unknown key")
	}
}

func (a *applier) object(r Record, value any) (jackson.Object, bool) {
	o, ok := value.(jackson.Object)
	if !ok {
		a.warn(r, "the value is %s instead of an object", kind(value))
	}
	return o, ok
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case jackson.Number:
		return "a number"
	case []any:
		return "an array"
	}
	return "an object"
}

// properties reads the config of a connector or task record; null values are left out.
func (a *applier) properties(r Record, value any) (map[string]string, bool) {
	o, ok := a.object(r, value)
	if !ok {
		return nil, false
	}
	field, _ := o.Get("properties")
	props, ok := field.(jackson.Object)
	if !ok {
		a.warn(r, "field properties is %s instead of an object", kind(field))
		return nil, false
	}
	out := make(map[string]string, len(props))
	for _, m := range props {
		switch v := m.Value.(type) {
		case string:
			out[m.Key] = v
		case nil:
		default:
			a.warn(r, "property %q is %s instead of a string", m.Key, kind(m.Value))
			return nil, false
		}
	}
	return out, true
}

func (a *applier) connector(r Record, name string, value any) {
	if value == nil {
		c := a.conn(name)
		existed := c.config != nil
		// Tasks committed before a deletion must not come back with a new connector of that name.
		c.config, c.configOffset, c.pending, c.tasks, c.tasksOffset = nil, -1, nil, nil, -1
		c.inconsistent, c.orphaned, c.early, c.applied = false, false, nil, nil
		if existed {
			a.delta.Removed = append(a.delta.Removed, name)
		}
		return
	}
	props, ok := a.properties(r, value)
	if !ok {
		return
	}
	c := a.conn(name)
	if c.config == nil || !maps.Equal(c.config, props) {
		c.config, c.configOffset = props, r.Offset
	}
	if r.Offset <= c.tasksOffset {
		// The topic was made anew. The tasks go on, but it does not have them: they are to be written again.
		c.configOffset, c.tasksOffset, c.applied = r.Offset, -1, nil
	}
	if c.orphaned {
		c.orphaned, c.inconsistent = false, true
	}
	a.delta.Configs = append(a.delta.Configs, name)
}

func (a *applier) task(r Record, rest string, value any) {
	name, task, ok := splitTask(rest)
	if !ok {
		a.warn(r, "the key does not end in a task number")
		return
	}
	props, ok := a.properties(r, value)
	if !ok {
		return
	}
	c := a.conn(name)
	if c.pending == nil {
		c.pending = map[int]map[string]string{}
	}
	c.pending[task] = props
}

func (a *applier) commit(r Record, name string, value any) {
	o, ok := a.object(r, value)
	if !ok {
		return
	}
	n, ok := a.count(r, o, "tasks")
	if !ok {
		return
	}
	c := a.conn(name)
	pending := c.pending
	c.pending = nil
	tasks := complete(pending, n)
	if c.config == nil {
		c.orphaned, c.early, c.fencingPending = n > 0, tasks, true
		return
	}
	c.inconsistent = len(tasks) < n
	c.tasks, c.tasksOffset, c.applied, c.fencingPending, c.early = tasks, r.Offset, c.config, true, nil
	a.delta.Tasks = append(a.delta.Tasks, name)
}

// complete gives the first n task configs, nil where one is missing. More task records than the count are leftovers of a
// larger set, which compaction keeps.
func complete(pending map[int]map[string]string, n int) []map[string]string {
	tasks := make([]map[string]string, 0, min(n, len(pending)))
	for i := range n {
		if pending[i] == nil {
			return nil
		}
		tasks = append(tasks, pending[i])
	}
	return tasks
}

func (a *applier) count(r Record, o jackson.Object, field string) (int, bool) {
	v, _ := o.Get(field)
	num, _ := v.(jackson.Number)
	n, ok := num.Int64()
	if !ok || n < 0 || n > maxTasks {
		a.warn(r, "field %s must be a whole number from 0 to %d", field, maxTasks)
		return 0, false
	}
	return int(n), true
}

func (a *applier) target(r Record, name string, value any) {
	if value == nil {
		a.conn(name).target = ""
		a.delta.Targets = append(a.delta.Targets, name)
		return
	}
	o, ok := a.object(r, value)
	if !ok {
		return
	}
	v2, _ := o.Get("state.v2")
	text, ok := v2.(string)
	if !ok { // an older worker's record
		v1, _ := o.Get("state")
		if text, ok = v1.(string); !ok {
			a.warn(r, "field state is %s instead of a string", kind(v1))
			return
		}
	}
	state := cluster.TargetState(text)
	switch state {
	case cluster.TargetStarted, cluster.TargetPaused, cluster.TargetStopped:
	default:
		a.warn(r, "unknown target state %q; allowed are STARTED, PAUSED and STOPPED", text)
		return
	}
	a.conn(name).target = state
	a.delta.Targets = append(a.delta.Targets, name)
}

func (a *applier) restart(r Record, name string, value any) {
	o, ok := a.object(r, value)
	if !ok {
		return
	}
	// Java's defaults where a field is missing: the connector only, failed or not.
	include, _ := o.Get("include-tasks")
	failed, _ := o.Get("only-failed")
	req := Restart{Connector: name}
	req.IncludeTasks, _ = include.(bool)
	req.OnlyFailed, _ = failed.(bool)
	a.delta.Restarts = append(a.delta.Restarts, req)
}

func (a *applier) taskCount(r Record, name string, value any) {
	o, ok := a.object(r, value)
	if !ok {
		return
	}
	n, ok := a.count(r, o, "task-count")
	if !ok {
		return
	}
	c := a.conn(name)
	c.taskCount, c.fencingPending = n, false
	a.delta.TaskCounts = append(a.delta.TaskCounts, name)
}

func (a *applier) logger(r Record, logger string, value any) {
	o, ok := a.object(r, value)
	if !ok {
		return
	}
	v, _ := o.Get("level")
	level, ok := v.(string)
	if !ok {
		a.warn(r, "field level is %s instead of a string", kind(v))
		return
	}
	a.delta.Loggers = append(a.delta.Loggers, LoggerLevel{logger, level})
}

func (a *applier) sessionKey(r Record, value any) {
	o, ok := a.object(r, value)
	if !ok {
		return
	}
	keyField, _ := o.Get("key")
	algField, _ := o.Get("algorithm")
	createdField, _ := o.Get("creation-timestamp")
	text, ok1 := keyField.(string)
	alg, ok2 := algField.(string)
	num, _ := createdField.(jackson.Number)
	created, ok3 := num.Int64()
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok1 || !ok2 || !ok3 || err != nil || len(key) == 0 {
		a.warn(r, "a session key has a base64 key, an algorithm and a creation-timestamp in milliseconds")
		return
	}
	a.next.key = &cluster.SessionKey{Key: key, Algorithm: alg, CreatedMs: created}
	a.delta.SessionKey = true
}

// firsts keeps the first of equal names.
func firsts(names []string) []string {
	seen := make(map[string]bool, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}
