package herder

import (
	"fmt"
	"slices"

	"github.com/connectd/connectd/internal/cluster"
)

// alteration is a change of a connector's offsets under way.
type alteration struct {
	by *simWorker
	at int // length of the log when it began
}

// alter begins what ModifyOffsets asks for, as the worker does: after another look at the whole topic.
func (w *simWorker) alter(e ModifyOffsets) {
	s := w.sim
	now := &cluster.Snapshot{Connectors: map[string]*cluster.Connector{}}
	for i, r := range s.log {
		applyRecord(now, &ConfigChanged{}, r, int64(i))
	}
	ev := OffsetsModified{Connector: e.Connector}
	c := now.Connectors[e.Connector]
	if c == nil || MayChangeOffsets(e.Connector, c) != nil {
		ev.Err = errSim
	} else {
		if _, twice := s.altering[e.Connector]; twice && s.leads(w) {
			s.problems = append(s.problems, fmt.Sprintf("offsets of %s are changed twice at a time", e.Connector))
		}
		s.altering[e.Connector] = alteration{by: w, at: len(s.log)}
		for id, o := range s.owner {
			if id.Connector == e.Connector && id.Task != Itself && s.leads(w) && o.h.group.generation == w.h.group.generation {
				s.problems = append(s.problems, fmt.Sprintf("offsets of %s are changed while %s runs", e.Connector, id))
			}
		}
	}
	w.due = append(w.due, ev)
}

func (s *sim) leads(w *simWorker) bool {
	return s.coord.leader != "" && s.coord.members[s.coord.leader] == w
}

// checkAlteration notes a task that starts while its connector's offsets are changed, unless another worker, which still
// took itself for the leader, had a hand in it.
func (s *sim) checkAlteration(id Work) {
	a, ok := s.altering[id.Connector]
	if !ok || id.Task == Itself || !s.leads(a.by) {
		return
	}
	if !slices.ContainsFunc(s.writers[a.at:], func(w *simWorker) bool { return w != a.by }) {
		s.problems = append(s.problems, fmt.Sprintf("%s starts while its offsets are changed", id))
	}
}

func stateFor(t cluster.TargetState) cluster.State {
	return map[cluster.TargetState]cluster.State{
		cluster.TargetStarted: cluster.Running, cluster.TargetPaused: cluster.Paused, cluster.TargetStopped: cluster.Stopped,
	}[t]
}
