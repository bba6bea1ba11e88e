package task

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/task/ledger"
	"github.com/hashicorp/go-hclog"
)

// Handle is a task or connector under way. No method blocks.
type Handle interface {
	// SetTarget starts, pauses or resumes; what comes of it is reported. TargetStopped stops a task for good, and a
	// connector until it is started again.
	SetTarget(cluster.TargetState)
	// Stop ends softly: no new work, what is in flight is finished, offsets are stored.
	Stop()
	// Kill ends hard: contexts are cancelled, clients closed, nothing is sent, stored or reported any more. Code of a
	// plugin that does not return is abandoned.
	Kill()
	// Done is closed when everything of it has ended, which after Kill may be never.
	Done() <-chan struct{}
}

// Report tells what state a task or connector has reached; err is the reason of Failed and becomes its trace. It is
// called from the runner's goroutines, in order, and should not block for long. A report that was under way when Kill
// was called may still arrive.
type Report func(state cluster.State, err error)

// OffsetPair is a source offset to be stored under its source partition.
type OffsetPair = ledger.Pair

// OffsetStore stores source offsets.
type OffsetStore interface {
	// Set returns once the offsets are durable. After an error the runner tries again with the same or newer ones.
	Set(ctx context.Context, connector string, offsets []OffsetPair) error
}

// Chain is a connector's transformations, predicates included. It is used from one goroutine.
type Chain interface {
	// Apply changes rec in place; false drops it.
	Apply(rec *connect.Transformable) (bool, error)
	Close() error
}

// Converters are those of one task. They are used from one goroutine.
type Converters struct {
	Key, Value connect.Converter
	Header     connect.HeaderConverter
}

// PanicError is a panic in a plugin's code.
type PanicError struct {
	// Where names what panicked, e.g. "Poll".
	Where string
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic in %s: %v\n%s", e.Where, e.Value, e.Stack)
}

// guard calls a plugin's code and turns a panic into an error.
func guard(where string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Where: where, Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// control is what the worker wants of a runner, set from any goroutine.
type control struct {
	// hard ends by Kill, soft by Stop or Kill.
	hard, soft         context.Context
	killing, softening context.CancelFunc

	mu     sync.Mutex
	target cluster.TargetState
	// interrupt cancels the wait, poll or consume that must notice a change of target; nil when nothing waits.
	interrupt context.CancelFunc

	done  chan struct{}
	times timeline
}

func newControl(ctx context.Context, target cluster.TargetState) *control {
	c := &control{target: target, done: make(chan struct{})}
	c.times.enter(cluster.Unassigned, time.Now())
	if target == "" {
		c.target = cluster.TargetStarted
	}
	c.hard, c.killing = context.WithCancel(ctx)
	c.soft, c.softening = context.WithCancel(c.hard)
	if target == cluster.TargetStopped {
		c.softening()
	}
	return c
}

// SetTarget pauses or resumes the task.
func (c *control) SetTarget(target cluster.TargetState) {
	if target == cluster.TargetStopped {
		c.Stop()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.target == target {
		return
	}
	c.target = target
	if c.interrupt != nil {
		c.interrupt()
	}
}

// Stop ends the task softly.
func (c *control) Stop() { c.softening() }

// Kill ends the task hard.
func (c *control) Kill() { c.killing() }

// Done is closed when everything of the task has ended.
func (c *control) Done() <-chan struct{} { return c.done }

func (c *control) stopping() bool { return c.soft.Err() != nil }
func (c *control) killed() bool   { return c.hard.Err() != nil }

func (c *control) paused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.target == cluster.TargetPaused
}

// interruptible gives a context that ends with soft, and when the target is no longer now: at once if it differs
// already.
func (c *control) interruptible(now cluster.TargetState) context.Context {
	ctx, cancel := context.WithCancel(c.soft)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupt != nil {
		c.interrupt() // its context is not used any more
	}
	c.interrupt = cancel
	if c.target != now {
		cancel()
	}
	return ctx
}

// wake ends the current interruptible context, so that its user looks around.
func (c *control) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupt != nil {
		c.interrupt()
	}
}

// awaitUnpause waits while the target is PAUSED. It returns false when the task must stop instead.
func (c *control) awaitUnpause() bool {
	for c.paused() && !c.stopping() {
		<-c.interruptible(cluster.TargetPaused).Done()
	}
	return !c.stopping()
}

// report passes a state on, unless the runner was killed: a newer instance may have taken over by then.
func (c *control) report(r Report, state cluster.State, err error) {
	c.times.enter(state, time.Now())
	if r != nil && !c.killed() {
		r(state, err)
	}
}

// isContextEnd tells whether err is only a context's end.
func isContextEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// life is what differs between the lives of tasks.
type life struct {
	log    hclog.Logger
	report Report
	// start prepares the task, loop works until it fails (an error) or is stopped (nil), finish gives everything back.
	start, loop func() error
	finish      func()
	// reap closes clients from elsewhere when the task is killed, whatever the others are at.
	reap func()
}

// run is the whole life of a task.
func (c *control) run(l life) {
	defer close(c.done)
	reaped := make(chan struct{})
	unreap := context.AfterFunc(c.hard, func() {
		defer close(reaped)
		l.reap()
	})
	err := c.live(l)
	if err != nil && c.stopping() {
		if !c.killed() {
			l.log.Warn("Task failed after it was told to stop", "error", err)
		}
		err = nil
	}
	if err != nil {
		l.log.Error("Task failed and will not recover until it is restarted", "error", err)
		c.report(l.report, cluster.Failed, err)
	}
	l.finish()
	if err == nil {
		c.report(l.report, cluster.Unassigned, nil)
	}
	if !unreap() {
		<-reaped
	}
	c.killing() // releases the contexts
}

// live runs the task until it fails (an error) or is stopped (nil). One that is paused from the start is not started yet.
func (c *control) live(l life) error {
	if c.paused() {
		c.report(l.report, cluster.Paused, nil)
	}
	if !c.awaitUnpause() {
		return nil
	}
	if err := l.start(); err != nil {
		return err
	}
	c.report(l.report, cluster.Running, nil)
	return l.loop()
}
