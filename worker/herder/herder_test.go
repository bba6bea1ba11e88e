package herder

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
	"pgregory.net/rapid"
)

// TestRandomHistories has groups live through random orders of requests, joins, losses and deliveries, and checks that
// nothing ever runs twice among members, that every request is answered once, and that all work runs in the end.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]proto.Protocol{proto.Eager, proto.Compatible, proto.Sessioned}).Draw(t, "protocol")
		s := newSim(rapid.IntRange(1, 4).Draw(t, "workers"), p, rapid.Bool().Draw(t, "exactly once"))
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			s.randomStep(t, p)
			if len(s.problems) > 0 {
				t.Fatal(s.problems)
			}
		}
		for _, w := range s.workers {
			w.failing = works
		}
		if err := s.settleAll(); err != nil {
			t.Fatal(err)
		}
		if len(s.problems) > 0 {
			t.Fatal(s.problems)
		}
		s.check(t)
	})
}

func (s *sim) randomStep(t *rapid.T, p proto.Protocol) {
	w := rapid.SampledFrom(s.workers).Draw(t, "worker")
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "connector")
	switch rapid.IntRange(0, 19).Draw(t, "what") {
	case 0:
		if len(s.workers) < 6 {
			s.addWorker(p)
		}
	case 1:
		if s.alive() > 1 {
			w.step(Shutdown{})
		}
	case 2:
		w.expire()
	case 3:
		w.request(DeleteConnector{Name: name})
	case 4, 5:
		w.request(PutConnector{Name: name, AllowReplace: true, Config: map[string]string{
			"tasks": strconv.Itoa(rapid.IntRange(0, 4).Draw(t, "tasks")), "v": strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "v")),
			"live": strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "live")),
		}})
	case 6:
		w.request(SetTarget{Name: name, Target: rapid.SampledFrom([]cluster.TargetState{
			cluster.TargetStarted, cluster.TargetPaused, cluster.TargetStopped,
		}).Draw(t, "target")})
	case 7:
		w.request(RequestRestart{Name: name, IncludeTasks: true})
	case 10, 11:
		w.request(ChangeOffsets{Name: name})
	case 9:
		w.failing = rapid.SampledFrom([]failing{works, works, writtenAllTheSame, notWritten}).Draw(t, "failing")
	case 8:
		w.request(RestartWork{Work: Work{Connector: name, Task: rapid.IntRange(-1, 1).Draw(t, "task")}})
	default:
		for range rapid.IntRange(1, 10).Draw(t, "deliveries") {
			w := rapid.SampledFrom(s.workers).Draw(t, "to")
			switch {
			case len(w.due) > 0:
				w.deliver()
			case !w.exited:
				w.tail()
			}
		}
	}
}

func (s *sim) alive() (n int) {
	for _, w := range s.workers {
		if !w.exited && !w.h.closing {
			n++
		}
	}
	return n
}

// check looks at a group at rest.
func (s *sim) check(t *rapid.T) {
	for id, n := range s.replies {
		if n != 1 {
			t.Errorf("request %d was answered %d times", id, n)
		}
	}
	var snap *cluster.Snapshot
	perWorker := map[*simWorker]int{}
	for _, w := range s.workers {
		if w.exited {
			continue
		}
		snap = w.snap
		perWorker[w] = 0
		if !w.h.settled() {
			t.Errorf("%s has not settled: %+v", w.url, w.h.group)
		}
	}
	want := map[Work]bool{}
	for _, name := range snap.Names() {
		c := snap.Connectors[name]
		want[Work{Connector: name, Task: Itself}] = true
		n, _ := strconv.Atoi(c.Config["tasks"])
		if c.Target == cluster.TargetStarted && len(c.Tasks) != n {
			t.Errorf("connector %s has %d task configs, want %d", name, len(c.Tasks), n)
		}
		if c.Target == cluster.TargetStopped && len(c.Tasks) > 0 {
			t.Errorf("stopped connector %s has tasks", name)
		}
		for i, tc := range c.Tasks {
			want[Work{Connector: name, Task: i}] = true
			if c.Target == cluster.TargetStarted && tc["v"] != c.Config["v"] {
				t.Errorf("task %s-%d runs on an old config", name, i)
			}
		}
	}
	for id := range want {
		w := s.owner[id]
		if w == nil {
			t.Errorf("%v runs nowhere", id)
			continue
		}
		if st := w.h.work[id]; st == nil || st.target != snap.Connectors[id.Connector].Target {
			t.Errorf("%v has a wrong target state", id)
		}
		if id.Task != Itself {
			perWorker[w]++
		}
		if got, want := w.live[id], snap.Connectors[id.Connector].Config["live"]; got != want {
			t.Errorf("%v was told %q last, the config says %q", id, got, want)
		}
	}
	for id, w := range s.owner {
		if !want[id] {
			t.Errorf("%v still runs on %s", id, w.url)
		}
	}
	low, high := 1<<30, 0
	for _, n := range perWorker {
		low, high = min(low, n), max(high, n)
	}
	if high-low > 1 {
		t.Errorf("tasks are uneven: %v", fmt.Sprint(perWorker))
	}
}
