package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/herder"
	"github.com/connectd/connectd/worker/task"
)

// fakeHandle is a runner of a plugin that ends when it is told to, or never.
type fakeHandle struct {
	done    chan struct{}
	ends    bool
	targets []cluster.TargetState
	killed  bool
}

func (h *fakeHandle) SetTarget(t cluster.TargetState) { h.targets = append(h.targets, t) }
func (h *fakeHandle) Kill()                           { h.killed = true }
func (h *fakeHandle) Done() <-chan struct{}           { return h.done }
func (h *fakeHandle) Stop() {
	if h.ends {
		close(h.done)
	}
}

type runnerTest struct {
	*runner
	events []herder.Event
	handle *fakeHandle
	ended  bool
}

func startRunner(ctx context.Context, ends bool, build func(h *fakeHandle) (task.Handle, error)) *runnerTest {
	rt := &runnerTest{handle: &fakeHandle{done: make(chan struct{}), ends: ends}}
	e := herder.StartWork{Work: herder.Work{Connector: "c", Task: 0}, Incarnation: 7, Target: cluster.TargetStarted}
	rt.runner = newRunner(e, time.Second, func(ev herder.Event) { rt.events = append(rt.events, ev) })
	rt.build = func(context.Context, cluster.TargetState, task.Report) (task.Handle, error) { return build(rt.handle) }
	go func() {
		rt.run(ctx)
		rt.ended = true
	}()
	synctest.Wait()
	return rt
}

func TestRunnerStops(t *testing.T) {
	stopped := func(abandoned bool) herder.Event {
		return herder.WorkStopped{Work: herder.Work{Connector: "c", Task: 0}, Incarnation: 7, Abandoned: abandoned}
	}
	released := make(chan struct{})
	for name, c := range map[string]struct {
		ends  bool
		build func(h *fakeHandle) (task.Handle, error)
		want  []herder.Event
		// killed says that what was built is killed.
		killed bool
	}{
		"in time": {true, func(h *fakeHandle) (task.Handle, error) { return h, nil }, []herder.Event{stopped(false)}, false},
		"never":   {false, func(h *fakeHandle) (task.Handle, error) { return h, nil }, []herder.Event{stopped(true)}, true},
		"build fails": {false, func(*fakeHandle) (task.Handle, error) { return nil, errors.New("no") }, []herder.Event{
			herder.Reported{Work: herder.Work{Connector: "c", Task: 0}, Incarnation: 7, State: cluster.Failed, Trace: "no", Unmade: true}, stopped(false),
		}, false},
		"build hangs": {false, func(*fakeHandle) (task.Handle, error) { <-released; return nil, nil }, []herder.Event{stopped(true)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				released = make(chan struct{})
				defer close(released)
				rt := startRunner(t.Context(), c.ends, c.build)
				rt.requestStop()
				rt.requestStop()
				synctest.Wait()
				time.Sleep(time.Second)
				synctest.Wait()
				if diff := cmp.Diff(c.want, rt.events); diff != "" || !rt.ended || rt.handle.killed != c.killed {
					t.Errorf("ended %v, killed %v, events %s", rt.ended, rt.handle.killed, diff)
				}
			})
		})
	}
}

func TestRunnerEndsWithTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		rt := startRunner(ctx, false, func(h *fakeHandle) (task.Handle, error) { return h, nil })
		cancel()
		synctest.Wait()
		if !rt.ended || len(rt.events) > 0 {
			t.Errorf("ended %v with %v", rt.ended, rt.events)
		}
	})
}

// What is built may report that it runs before the build has returned: whoever asks for it then must get it.
func TestRunnerIsAskedWhileItIsBuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		rt := startRunner(t.Context(), true, func(h *fakeHandle) (task.Handle, error) { <-release; return h, nil })
		got := make(chan task.Handle, 1)
		go func() { got <- rt.running(t.Context()) }()
		rt.setTarget(cluster.TargetPaused)
		synctest.Wait()
		close(release)
		if h := <-got; h != rt.handle {
			t.Errorf("got %v", h)
		}
		synctest.Wait()
		if diff := cmp.Diff([]cluster.TargetState{cluster.TargetPaused}, rt.handle.targets); diff != "" {
			t.Errorf("a target that came meanwhile: %s", diff)
		}
		rt.requestStop()
		synctest.Wait()
	})
}
