package worker_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connectors/fault"
	"github.com/connectd/connectd/worker"
)

func TestWorkersShareTasksAndHandThemOver(t *testing.T) {
	c := newWorkers(t, 2, nil, nil)
	leader, follower := c.apart()
	follower.create("a", source(4)) // forwarded
	s := leader.awaitStates("a", "RUNNING RUNNING RUNNING RUNNING RUNNING")
	if diff := cmp.Diff([]int{2, 2}, s.perWorker()); diff != "" {
		t.Errorf("tasks per worker: %s", diff)
	}
	for _, x := range append(s.Tasks, s.Connector) {
		if x.Version != "1.0.0" || x.Trace != "" || x.WorkerID != leader.id && x.WorkerID != follower.id {
			t.Errorf("status %+v", x)
		}
	}
	third := c.add()
	third.eventually(func() error {
		s, err := third.status("a")
		if err == nil && !slices.Equal(s.perWorker(), []int{1, 1, 2}) {
			err = fmt.Errorf("tasks per worker are %v", s.perWorker())
		}
		return err
	})
	third.awaitStates("a", "RUNNING RUNNING RUNNING RUNNING RUNNING")
	if err := leader.stop(); err != nil {
		t.Errorf("the leader stopped with %v", err)
	}
	third.eventually(func() error {
		s, err := third.status("a")
		if err == nil && (s.states() != "RUNNING RUNNING RUNNING RUNNING RUNNING" || !slices.Equal(s.perWorker(), []int{2, 2})) {
			err = fmt.Errorf("status %+v", s)
		}
		for _, x := range append(s.Tasks, s.Connector) {
			if err == nil && x.WorkerID == leader.id {
				err = fmt.Errorf("%+v is still with the worker that stopped", x)
			}
		}
		return err
	})
	third.must(http.StatusNoContent, "DELETE", "/connectors/a", nil)
	for _, w := range []*testWorker{follower, third} {
		w.eventually(func() error { return w.expect(http.StatusNotFound, "GET", "/connectors/a/status", nil, nil) })
		w.eventually(func() error { return w.expect(http.StatusNotFound, "GET", "/connectors/a/tasks/0/status", nil, nil) })
	}
	c.eventuallyNoStatuses("a")
}

// eventuallyNoStatuses waits until the newest record of each of a connector's statuses is a tombstone.
func (c *workers) eventuallyNoStatuses(name string) {
	c.t.Helper()
	c.all[len(c.all)-1].eventually(func() error {
		newest := map[string]string{}
		for _, r := range c.kafka.stores[worker.StatusStore].Records() {
			newest[string(r.Key)] = string(r.Value)
		}
		for k, v := range newest {
			if v != "" && (k == "status-connector-"+name || strings.HasPrefix(k, "status-task-"+name+"-")) {
				return fmt.Errorf("%s is still %s", k, v)
			}
		}
		return nil
	})
}

func TestConfigChangesReachConnectorAndTasks(t *testing.T) {
	c := newWorkers(t, 2, nil, nil)
	_, follower := c.apart()
	follower.create("a", source(2, "topic", "one"))
	follower.awaitStates("a", "RUNNING RUNNING RUNNING")
	follower.must(http.StatusOK, "PUT", "/connectors/a/config", source(3, "topic", "two"))
	follower.awaitStates("a", "RUNNING RUNNING RUNNING RUNNING")
	follower.eventually(func() error {
		for i := range 3 {
			if !slices.ContainsFunc(c.kafka.values("two"), func(v string) bool { return strings.HasPrefix(v, fmt.Sprint(i, "-")) }) {
				return fmt.Errorf("task %d has written nothing to the new topic", i)
			}
		}
		return nil
	})
	// Fewer tasks: the statuses of those that are gone go too.
	follower.must(http.StatusOK, "PUT", "/connectors/a/config", source(1, "topic", "three"))
	follower.awaitStates("a", "RUNNING RUNNING")
}

func TestTargetStates(t *testing.T) {
	c := newWorkers(t, 2, nil, nil)
	_, follower := c.apart()
	follower.create("a", source(2))
	follower.awaitStates("a", "RUNNING RUNNING RUNNING")
	follower.must(http.StatusAccepted, "PUT", "/connectors/a/pause", nil)
	follower.awaitStates("a", "PAUSED PAUSED PAUSED")
	before := len(c.kafka.values("out"))
	follower.must(http.StatusAccepted, "PUT", "/connectors/a/resume", nil)
	follower.awaitStates("a", "RUNNING RUNNING RUNNING")
	follower.eventually(func() error {
		if len(c.kafka.values("out")) <= before {
			return errors.New("nothing moves")
		}
		return nil
	})
	follower.must(http.StatusNoContent, "PUT", "/connectors/a/stop", nil)
	follower.awaitStates("a", "STOPPED")
	follower.must(http.StatusOK, "PUT", "/connectors/a/config", source(3)) // stays stopped
	follower.awaitStates("a", "STOPPED")
	follower.must(http.StatusAccepted, "PUT", "/connectors/a/resume", nil)
	follower.awaitStates("a", "RUNNING RUNNING RUNNING RUNNING")
	follower.must(http.StatusNotFound, "PUT", "/connectors/b/pause", nil)
	// No record of a task was lost or doubled by all this: offsets carried over.
	for i := range 2 {
		next := 0
		for _, v := range c.kafka.values("out") {
			if n, ok := strings.CutPrefix(v, fmt.Sprint(i, "-")); ok {
				if n != fmt.Sprint(next) {
					t.Fatalf("task %d wrote %s, want %d", i, v, next)
				}
				next++
			}
		}
	}
}

func TestRestarts(t *testing.T) {
	p := newProbe()
	c := newWorkers(t, 2, p.register, nil)
	leader, follower := c.apart()
	// Task 1 fails at its first poll in each life.
	leader.create("a", source(4, "connector.class", probeClass, fault.PropPoint, fault.PointPoll, fault.PropTasks, "1"))
	s := leader.awaitStates("a", "RUNNING RUNNING FAILED RUNNING RUNNING")
	if !strings.Contains(s.Tasks[1].Trace, "fault.point=poll") {
		t.Errorf("trace %q", s.Tasks[1].Trace)
	}
	want := map[string]int{}
	for _, x := range []string{"a", "a-0", "a-1", "a-2", "a-3"} {
		want[x] = p.startsOf(x)
	}
	settle := func() {
		t.Helper()
		leader.eventually(func() error {
			for x, n := range want {
				if got := p.startsOf(x); got != n {
					return fmt.Errorf("%s was started %d times, want %d", x, got, n)
				}
			}
			return nil
		})
		leader.awaitStates("a", "RUNNING RUNNING FAILED RUNNING RUNNING")
	}
	// A task on either worker, asked of the other: leader -> owner, and follower -> leader -> owner.
	for _, task := range s.Tasks {
		asked := leader
		if task.WorkerID == leader.id {
			asked = follower
		}
		asked.must(http.StatusNoContent, "POST", fmt.Sprintf("/connectors/a/tasks/%d/restart", task.ID), nil)
		want[fmt.Sprintf("a-%d", task.ID)]++
		settle()
	}
	var planned status
	if err := follower.expect(http.StatusAccepted, "POST", "/connectors/a/restart?includeTasks=true&onlyFailed=true", nil, &planned); err != nil {
		t.Fatal(err)
	}
	if got := planned.states(); got != "RUNNING RUNNING RESTARTING RUNNING RUNNING" {
		t.Errorf("planned %s", got)
	}
	want["a-1"]++
	settle()
	follower.must(http.StatusNoContent, "POST", "/connectors/a/restart", nil)
	want["a"]++
	settle()
	follower.must(http.StatusAccepted, "POST", "/connectors/a/restart?includeTasks=true", nil)
	for x := range want {
		want[x]++
	}
	settle()
	leader.must(http.StatusNotFound, "POST", "/connectors/a/tasks/4/restart", nil)
	leader.must(http.StatusNotFound, "POST", "/connectors/b/restart", nil)
}

func TestOddNames(t *testing.T) {
	c := newWorkers(t, 2, nil, nil)
	_, follower := c.apart()
	for _, name := range []string{"S->T", "with space", "größe ✓", "a-1", "commit-x"} {
		follower.create(name, source(1))
		follower.awaitStates(name, "RUNNING RUNNING")
		path := "/connectors/" + url.PathEscape(name)
		var conf map[string]string
		if err := follower.expect(http.StatusOK, "GET", path+"/config", nil, &conf); err != nil || conf["name"] != name {
			t.Errorf("config of %s: %v, %v", name, conf, err)
		}
		follower.must(http.StatusNoContent, "POST", path+"/tasks/0/restart", nil)
		follower.must(http.StatusAccepted, "PUT", path+"/pause", nil)
		follower.awaitStates(name, "PAUSED PAUSED")
		follower.must(http.StatusNoContent, "DELETE", path, nil)
		follower.eventually(func() error { return follower.expect(http.StatusNotFound, "GET", path+"/status", nil, nil) })
	}
}

func TestSinkGetsRecords(t *testing.T) {
	c := newWorkers(t, 1, nil, nil)
	w := c.all[0]
	out := t.TempDir() + "/out.txt"
	w.create("from", source(1, "records", "5"))
	w.create("to", map[string]string{"connector.class": "FileStreamSink", "topics": "out", "file": out})
	w.awaitStates("to", "RUNNING RUNNING")
	w.eventually(func() error { return fileHolds(out, "0-0\n0-1\n0-2\n0-3\n0-4\n") })
	var topics map[string]map[string][]string
	w.eventually(func() error {
		for _, name := range []string{"from", "to"} {
			if err := w.expect(http.StatusOK, "GET", "/connectors/"+name+"/topics", nil, &topics); err != nil {
				return err
			}
			if got := topics[name]["topics"]; !slices.Equal(got, []string{"out"}) {
				return fmt.Errorf("topics of %s: %v", name, topics)
			}
		}
		return nil
	})
}

func TestInitialStates(t *testing.T) {
	c := newWorkers(t, 2, nil, nil)
	_, follower := c.apart()
	for state, want := range map[string]string{"STOPPED": "STOPPED", "PAUSED": "PAUSED", "RUNNING": "RUNNING RUNNING"} {
		follower.must(http.StatusCreated, "POST", "/connectors", map[string]any{"name": state, "config": source(1), "initial_state": state})
		follower.awaitStates(state, want)
		follower.must(http.StatusAccepted, "PUT", "/connectors/"+state+"/resume", nil)
		follower.awaitStates(state, "RUNNING RUNNING")
	}
	// Stopped right after it was made, and made anew right after it was deleted.
	follower.create("hasty", source(3))
	follower.must(http.StatusNoContent, "PUT", "/connectors/hasty/stop", nil)
	follower.awaitStates("hasty", "STOPPED")
	follower.must(http.StatusNoContent, "DELETE", "/connectors/hasty", nil)
	follower.create("hasty", source(2, "topic", "anew"))
	follower.awaitStates("hasty", "RUNNING RUNNING RUNNING")
}

func TestWritesFailForAWhile(t *testing.T) {
	p := newProbe()
	c := newWorkers(t, 2, p.register, nil)
	leader, follower := c.apart()
	leader.create("a", source(2, "connector.class", probeClass))
	leader.awaitStates("a", "RUNNING RUNNING RUNNING")
	c.kafka.failAppends(errors.New("not enough replicas"))
	leader.must(http.StatusInternalServerError, "PUT", "/connectors/a/config", source(1))
	follower.must(http.StatusInternalServerError, "PUT", "/connectors/a/pause", nil)
	c.kafka.failAppends(nil)
	follower.create("b", source(1))
	leader.awaitStates("b", "RUNNING RUNNING")
	leader.awaitStates("a", "RUNNING RUNNING RUNNING")
	for _, what := range []string{"a", "a-0", "a-1"} {
		if n := p.startsOf(what); n != 1 {
			t.Errorf("%s was started %d times", what, n)
		}
	}
}
