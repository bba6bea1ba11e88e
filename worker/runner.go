package worker

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/herder"
	"github.com/connectd/connectd/worker/task"
)

// newRunner makes one for the start of e.
func newRunner(e herder.StartWork, grace time.Duration, post func(herder.Event)) *runner {
	return &runner{
		work: e.Work, inc: e.Incarnation, grace: grace, post: post, target: e.Target,
		stopIt: make(chan struct{}), built: make(chan struct{}),
	}
}

// runner is one start of a connector or task: it is built, runs, and is stopped within its graceful time or abandoned.
type runner struct {
	work   herder.Work
	inc    herder.Incarnation
	grace  time.Duration
	post   func(herder.Event)
	build  func(ctx context.Context, target cluster.TargetState, report task.Report) (task.Handle, error)
	stopIt chan struct{}
	built  chan struct{} // closed when build has returned

	lately lately
	began  func(ok bool) // told once how the start went; nil for nobody

	mu     sync.Mutex
	target cluster.TargetState
	handle task.Handle // nil until built
	stop   bool
	conf   map[string]string // the connector's config that the task is to get

	reconfiguring sync.Mutex // held while it gets that
}

// report passes on what the runner of a plugin says.
func (r *runner) report(s cluster.State, err error) {
	r.entered(s)
	ev := herder.Reported{Work: r.work, Incarnation: r.inc, State: s}
	if err != nil {
		ev.Trace = err.Error()
	}
	r.post(ev)
}

// run lives from the start to the end of the incarnation. It posts WorkStopped exactly once, after requestStop. The end of
// ctx, which is the worker's own end, kills what runs and has run return.
func (r *runner) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(r.built)
		r.start(ctx)
	}()
	select {
	case <-r.stopIt:
	case <-ctx.Done():
		return
	}
	timeout := time.NewTimer(r.grace)
	defer timeout.Stop()
	select {
	case <-r.built:
	case <-timeout.C:
		r.stopped(true)
		return
	}
	h := r.handle
	if h == nil {
		r.stopped(false)
		return
	}
	h.Stop()
	select {
	case <-h.Done():
		r.stopped(false)
	case <-timeout.C:
		h.Kill()
		r.stopped(true)
	}
}

func (r *runner) stopped(abandoned bool) {
	r.post(herder.WorkStopped{Work: r.work, Incarnation: r.inc, Abandoned: abandoned})
}

func (r *runner) start(ctx context.Context) {
	r.mu.Lock()
	target := r.target
	r.mu.Unlock()
	h, err := r.guarded(ctx, target)
	if err != nil {
		r.entered(cluster.Failed)
		r.post(herder.Reported{Work: r.work, Incarnation: r.inc, State: cluster.Failed, Trace: err.Error(), Unmade: true})
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle = h
	if r.target != target {
		h.SetTarget(r.target)
	}
}

// guarded builds, and makes a panic of a plugin that is made or configured the failure of this work only.
func (r *runner) guarded(ctx context.Context, target cluster.TargetState) (h task.Handle, err error) {
	defer func() {
		if v := recover(); v != nil {
			h, err = nil, &task.PanicError{Where: "configuring " + workKind(r.work), Value: v, Stack: debug.Stack()}
		}
	}()
	return r.build(ctx, target, r.report)
}

func workKind(id herder.Work) string {
	if id.Task == herder.Itself {
		return "connector " + id.Connector
	}
	return "task " + id.String()
}

func (r *runner) setTarget(t cluster.TargetState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = t
	if r.handle != nil {
		r.handle.SetTarget(t)
	}
}

// running gives the handle, nil when there is none. It waits for the build, as what is built may report that it runs
// before the build has returned.
func (r *runner) running(ctx context.Context) task.Handle {
	select {
	case <-r.built:
	case <-ctx.Done():
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handle
}

// present is the handle without a wait, nil while there is none.
func (r *runner) present() task.Handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handle
}

// entered notes a state that was reached.
func (r *runner) entered(s cluster.State) {
	if r.lately.enter(s) && r.began != nil {
		r.began(s == cluster.Running)
	}
}

func (r *runner) requestStop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stop {
		r.stop = true
		close(r.stopIt)
	}
}
