package herder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// member is a machine that has settled in a group, with work of its own or none.
func member(t *testing.T, snap *cluster.Snapshot, leader string, work ...cluster.TaskID) (*Herder, []Effect) {
	t.Helper()
	data, err := proto.EncodeAssignment(proto.Sessioned, &proto.Assignment{
		Leader: leader, LeaderURL: "http://w1/", ConfigOffset: snap.Offset, Assigned: proto.Work{Tasks: work},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := New(Config{WorkerURL: "http://w1/", Protocol: proto.Sessioned})
	h.Step(time.Unix(1, 0), Started{Snapshot: snap})
	return h, h.Step(time.Unix(1, 0), Assigned{Generation: 1, MemberID: "m1", Protocol: proto.Sessioned, Assignment: data})
}

// early is a topic whose compaction has left a connector's config behind its tasks.
func early() *cluster.Snapshot {
	return &cluster.Snapshot{Offset: 5, SessionKey: &cluster.SessionKey{}, Connectors: map[string]*cluster.Connector{"a": {
		Name: "a", Target: cluster.TargetStarted, Inconsistent: true, EarlyTasks: []map[string]string{{"i": "0"}, {"i": "1"}},
	}}}
}

// written gives the records of writes among effects.
func written(out []Effect) (recs []ConfigRecord) {
	for _, e := range out {
		if w, ok := e.(Write); ok {
			recs = append(recs, w.Records...)
		}
	}
	return recs
}

// KAFKA-17719: tasks that the leader knows of, having read the topic earlier, run on a worker that would not know them.
func TestEarlyTasksRunWhereTheyAreAssigned(t *testing.T) {
	_, out := member(t, early(), "m2", cluster.TaskID{Connector: "a", Task: 1})
	for _, e := range out {
		if s, ok := e.(StartWork); ok {
			if s.Work != (Work{Connector: "a", Task: 1}) || s.TaskConfig["i"] != "1" {
				t.Errorf("started %+v", s)
			}
			return
		}
	}
	t.Errorf("the task is not started: %v", out)
}

// KAFKA-17719: a leader that cannot read the tasks of a connector that another worker runs has them generated.
func TestLeaderHasLostTasksGenerated(t *testing.T) {
	h, out := member(t, early(), "m1")
	if recs := written(out); len(recs) > 0 {
		t.Fatalf("the connector is given no time: %v", recs)
	}
	if recs := written(h.Step(time.Unix(2, 0).Add(repairAfter), TimerFired{Timer{TimerRepair, "a"}})); !cmp.Equal(
		recs, []ConfigRecord{TasksRecord{Name: "a"}, RestartRecord{Name: "a"}},
	) {
		t.Errorf("written %v", recs)
	}
	for name, change := range map[string]func(*cluster.Connector){
		"stopped":           func(c *cluster.Connector) { c.Target = cluster.TargetStopped },
		"generated already": func(c *cluster.Connector) { c.Inconsistent, c.Tasks = false, c.EarlyTasks },
	} {
		snap := early()
		change(snap.Connectors["a"])
		h, _ := member(t, early(), "m1")
		h.Step(time.Unix(2, 0), ConfigChanged{Snapshot: snap})
		if recs := written(h.Step(time.Unix(2, 0).Add(repairAfter), TimerFired{Timer{TimerRepair, "a"}})); len(recs) > 0 {
			t.Errorf("%s: written %v", name, recs)
		}
	}
	h, _ = member(t, early(), "m2")
	if recs := written(h.Step(time.Unix(2, 0).Add(repairAfter), TimerFired{Timer{TimerRepair, "a"}})); len(recs) > 0 {
		t.Errorf("a follower has written %v", recs)
	}
}
