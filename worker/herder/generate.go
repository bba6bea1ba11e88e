package herder

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/internal/cluster"
)

// Bounds of the backoff between attempts to generate and publish task configs (Java: 250 ms to 60 s).
const (
	generateBackoffMin = 250 * time.Millisecond
	generateBackoffMax = time.Minute
	// publishPatience is how many failures to publish are passed over before they stand in the trace: a leader that
	// rebalances or restarts refuses for a moment, and nobody need look.
	publishPatience = 3
)

// generation is the life of one connector's task config generation on the worker that runs the connector.
type generation struct {
	// incarnation is that of the connector instance that is asked.
	incarnation Incarnation
	// wanted: to be asked for as soon as the group has settled and nothing is under way.
	wanted bool
	// busy: asked for, or its result on the way to the config topic.
	busy     bool
	attempts int
	// last is what this instance generated last, once it has.
	last      []map[string]string
	generated bool
	// failed: the connector's status carries the reason of the last failure.
	failed bool
}

func (h *Herder) requestGeneration(name string) {
	w := h.work[Work{Connector: name, Task: Itself}]
	if w == nil || w.stopping {
		return
	}
	g := h.gen[name]
	if g == nil || g.incarnation != w.incarnation {
		g = &generation{incarnation: w.incarnation}
		h.gen[name] = g
	}
	g.wanted = true
}

// generatePending asks connectors for task configs. It waits for a settled group: the result may have to go to the leader.
func (h *Herder) generatePending() {
	if !h.settled() {
		return
	}
	// What is not wanted has nothing to do but to be forgotten with its connector.
	due := func(name string, g *generation) bool {
		w := h.work[Work{Connector: name, Task: Itself}]
		return g.wanted && !g.busy || w == nil || w.incarnation != g.incarnation || h.snap.Connectors[name] == nil
	}
	for _, name := range sortedWhere(h.gen, strings.Compare, due) {
		g := h.gen[name]
		w := h.work[Work{Connector: name, Task: Itself}]
		c := h.snap.Connectors[name]
		if w == nil || c == nil || w.incarnation != g.incarnation {
			delete(h.gen, name)
			continue
		}
		if !g.wanted || g.busy || w.stopping {
			continue
		}
		g.wanted = false
		if w.state != cluster.Running || c.Target != cluster.TargetStarted {
			continue // asked for again when it runs
		}
		g.busy = true
		h.emit(GenerateTaskConfigs{Connector: name, Incarnation: w.incarnation, Config: c.Config})
	}
}

// generated publishes task configs that differ from the present ones. When they could not be generated, the tasks go on
// with what they have, and the reason stands in the connector's trace until it works.
func (h *Herder) generated(ev TaskConfigsGenerated) {
	g := h.gen[ev.Connector]
	if g == nil || g.incarnation != ev.Incarnation {
		return
	}
	g.busy = false
	id := Work{Connector: ev.Connector, Task: Itself}
	w := h.work[id]
	if w == nil || w.stopping || w.incarnation != ev.Incarnation {
		return
	}
	if ev.NotRunning {
		return
	}
	if ev.Err != nil {
		g.failed = true
		if ev.Permanent {
			h.note(Error, "task configs could not be generated; not tried again before the config changes",
				"connector", ev.Connector, "error", ev.Err.Error())
			w.state = cluster.Failed
			h.writeStatus(id, cluster.Failed, ev.Err.Error(), false)
			return
		}
		w.amiss = "Failed to generate task configs; tasks go on with the old ones: " + ev.Err.Error()
		h.tell(id, w)
		h.retryGeneration(ev.Connector, g, ev.Err)
		return
	}
	g.last, g.generated = ev.Configs, true
	c := h.snap.Connectors[ev.Connector]
	switch {
	case c == nil:
	case c.Target == cluster.TargetStopped:
	case !h.taskConfigsChanged(c, ev.Configs):
		h.generationWorks(ev.Connector, g)
	case !h.settled():
		g.wanted = true // who leads is not known now: generate again when it is
	case h.isLeader():
		g.busy = true
		h.requests = append(h.requests, Requested{Op: publishTasks{
			name: ev.Connector, incarnation: ev.Incarnation, configs: ev.Configs,
		}})
	default:
		g.busy = true
		h.emit(ForwardTaskConfigs{
			LeaderURL: h.group.leaderURL, Connector: ev.Connector, Incarnation: ev.Incarnation, Configs: ev.Configs,
		})
	}
}

// tasksCommitted asks again when what became visible is not what the connector's present instance generated: task configs
// of an earlier instance may have been on their way to the leader when the config changed.
func (h *Herder) tasksCommitted(name string) {
	h.tasksGen[name]++
	g, c := h.gen[name], h.snap.Connectors[name]
	if g != nil && g.generated && c != nil && !slices.EqualFunc(c.Tasks, g.last, maps.Equal) {
		g.wanted = true
	}
}

// published is the outcome of handing task configs to the leader.
func (h *Herder) published(name string, inc Incarnation, err error) {
	g := h.gen[name]
	if g == nil || g.incarnation != inc {
		return
	}
	g.busy = false
	if err == nil {
		h.generationWorks(name, g)
		return
	}
	id := Work{Connector: name, Task: Itself}
	if w := h.work[id]; g.attempts >= publishPatience && w != nil && !w.stopping && w.state == cluster.Running {
		g.failed = true
		w.amiss = "Failed to publish task configs; tasks go on with the old ones: " + err.Error()
		h.tell(id, w)
	}
	h.retryGeneration(name, g, err)
}

// generationWorks takes the reason of earlier failures from the connector's trace.
func (h *Herder) generationWorks(name string, g *generation) {
	g.attempts = 0
	id := Work{Connector: name, Task: Itself}
	w := h.work[id]
	if g.failed && w != nil && !w.stopping {
		w.amiss = ""
		h.tell(id, w)
	}
	g.failed = false
}

func (h *Herder) retryGeneration(name string, g *generation, err error) {
	wait := min(generateBackoffMin<<min(g.attempts, 20), generateBackoffMax)
	g.attempts++
	h.note(Error, "task configs could not be generated or published; tasks go on with the old ones",
		"connector", name, "error", err.Error(), "retry-in", wait)
	h.emit(SetTimer{Timer: Timer{Kind: TimerReconfigure, Connector: name}, At: h.now.Add(wait)})
}

// taskConfigsChanged tells whether configs must be written: they differ, they are incomplete in the topic, or the
// connector's own config changed since they were written, so that tasks must restart to see it (KAFKA-9228), and not only in
// what takes effect in running tasks.
func (h *Herder) taskConfigsChanged(c *cluster.Connector, configs []map[string]string) bool {
	if len(c.Tasks) == 0 && len(configs) == 0 && !c.Inconsistent {
		return false
	}
	outdated := c.ConfigOffset > c.TasksOffset
	if outdated && c.Applied != nil {
		_, others := h.changes(c.Applied, c.Config)
		outdated = others
	}
	return c.Inconsistent || outdated || !slices.EqualFunc(c.Tasks, configs, maps.Equal)
}

// changes tells whether two configs differ in properties that take effect in running tasks, and whether in others.
func (h *Herder) changes(a, b map[string]string) (live, others bool) {
	look := func(from, to map[string]string) {
		for k, v := range from {
			if w, there := to[k]; there && v == w {
				continue
			}
			if h.cfg.Live != nil && h.cfg.Live(b, k) {
				live = true
			} else {
				others = true
			}
		}
	}
	look(a, b)
	look(b, a)
	return live, others
}

// reconfigureTasks hands the tasks that run here what takes effect in them of their connector's new config. Where more than that
// has changed they will be restarted, but perhaps not soon.
func (h *Herder) reconfigureTasks(name string, old map[string]string) {
	c := h.snap.Connectors[name]
	if c == nil {
		return
	}
	if live, _ := h.changes(old, c.Config); !live {
		return
	}
	ofIt := func(id Work, w *work) bool { return id.Connector == name && id.Task != Itself && !w.stopping }
	for _, id := range sortedWhere(h.work, Work.Compare, ofIt) {
		h.emit(ReconfigureTask{Work: id, Incarnation: h.work[id].incarnation, Config: c.Config})
	}
}

// publishTasks is a request of the worker to itself: write generated task configs.
type publishTasks struct {
	name        string
	incarnation Incarnation
	configs     []map[string]string
}

func (publishTasks) op() {}
