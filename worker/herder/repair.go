package herder

import (
	"strings"
	"time"

	"github.com/connectd/connectd/internal/cluster"
)

// repairAfter is how long the leader waits for a connector to generate lost task configs by itself, as one that has just been
// started does.
const repairAfter = 10 * time.Second

// repairLost has the leader ask for task configs that compaction has made unreadable to it (KAFKA-17719). It assigns none of
// such a connector's tasks; but the worker that runs the connector may have read the topic before, see nothing amiss, and
// never generate them again. So the leader says that there are none, which is news to all, and has the connector restarted.
func (h *Herder) repairLost() {
	if !h.isLeader() {
		clear(h.unreadable)
		return
	}
	for name := range h.unreadable {
		if c := h.snap.Connectors[name]; c == nil || !c.Inconsistent {
			delete(h.unreadable, name)
		}
	}
	if !h.settled() {
		return
	}
	inconsistent := func(_ string, c *cluster.Connector) bool { return c.Inconsistent }
	for _, name := range sortedWhere(h.snap.Connectors, strings.Compare, inconsistent) {
		c := h.snap.Connectors[name]
		if c.Target == cluster.TargetStopped || h.work[Work{Connector: name, Task: Itself}] != nil {
			continue // a connector of this worker was started with the same view of the topic, and generates
		}
		due, known := h.unreadable[name]
		switch {
		case !known:
			h.unreadable[name] = h.now.Add(repairAfter)
			h.emit(SetTimer{Timer: Timer{Kind: TimerRepair, Connector: name}, At: h.unreadable[name]})
		case !h.now.Before(due) && h.mayWrite() && !h.hold:
			delete(h.unreadable, name)
			h.note(Warn, "the config topic does not hold all task configs of a connector; having them generated again", "connector", name)
			h.startWrite(write{}, TasksRecord{Name: name}, RestartRecord{Name: name})
			return
		}
	}
}
