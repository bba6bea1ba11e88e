package herder

import (
	"fmt"
	"maps"

	"github.com/connectd/connectd/internal/cluster"
)

// simProducers are the transactional producers of tasks, and who may write to the config topic as the leader.
type simProducers struct {
	exactlyOnce bool
	claimer     *simWorker
	// open are the producers that can still write, each with the task configs by which it was started. A task that stops closes its
	// own in time or not: nobody may count on that.
	open map[Work]int64
}

// isSource is Config.Source: all connectors are sources but those that are named otherwise.
func isSource(config map[string]string) bool { return config["sink"] == "" }

func onlyTargets(recs []ConfigRecord) bool {
	for _, r := range recs {
		if _, is := r.(TargetRecord); !is {
			return false
		}
	}
	return true
}

// produce has a task open its producer, which fences off the one before with its id. It looks before and after whether its configs
// are still those in the topic; all others that the connector had by earlier configs must have been fenced off by then.
func (s *sim) produce(e StartWork) {
	if !s.exactlyOnce || e.Work.Task == Itself {
		return
	}
	now := &cluster.Snapshot{Connectors: map[string]*cluster.Connector{}}
	for i, r := range s.log {
		applyRecord(now, &ConfigChanged{}, r, int64(i))
	}
	c := now.Connectors[e.Work.Connector]
	if c == nil || c.TasksOffset != e.TasksOffset {
		return
	}
	s.open[e.Work] = e.TasksOffset
	for id, offset := range s.open {
		if id.Connector == e.Work.Connector && offset != e.TasksOffset && id != e.Work {
			s.problems = append(s.problems, fmt.Sprintf("%s starts while %s of earlier configs can still write", e.Work, id))
		}
	}
}

// forgetProducers of a removed connector: the model's topic forgets their count with it, unlike the real one.
func (s *sim) forgetProducers(r ConfigRecord) {
	if gone, is := r.(RemoveRecord); is {
		maps.DeleteFunc(s.open, func(id Work, _ int64) bool { return id.Connector == gone.Name })
	}
}

func (w *simWorker) doFencing(e Effect) {
	s := w.sim
	switch e := e.(type) {
	case ClaimWrites:
		ev := WritesClaimed{}
		if w.failing != works {
			ev.Err = errSim
		} else {
			s.claimer = w
		}
		w.due = append(w.due, ev)
	case RelinquishWrites:
		if s.claimer == w {
			s.claimer = nil
		}
	case FenceTasks:
		ev := TasksFenced{Connector: e.Connector, Round: e.Round}
		if w.failing != works {
			ev.Err = errSim
		} else {
			for i := range e.Tasks {
				delete(s.open, Work{Connector: e.Connector, Task: i})
			}
		}
		w.due = append(w.due, ev)
	case RequestFencing:
		for _, l := range s.workers {
			if l.url == e.LeaderURL && !l.exited {
				s.nextID++
				l.ops[s.nextID] = askedFencing{from: w, e: e}
				l.due = append(l.due, Requested{Reply: s.nextID, Op: FenceZombies{Name: e.Connector}})
				return
			}
		}
		w.due = append(w.due, FencingRequested{Connector: e.Connector, Round: e.Round, Err: errSim})
	}
}

type askedFencing struct {
	from *simWorker
	e    RequestFencing
}

func (askedFencing) op() {}
