package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/hashicorp/go-hclog"
)

// ErrNotRunning answers a request for task configs to a connector that is paused, stopped, failed or ending.
var ErrNotRunning = errors.New("the connector is not running")

// ConnectorConfig is all that a connector needs to run.
type ConnectorConfig struct {
	Name string
	// New makes the connector; after a pause a new one is made.
	New func() connect.Connector
	// Props is the connector's config, with config provider references resolved.
	Props  map[string]string
	Target cluster.TargetState
	// Reader reads the connector's source offsets; nil for a sink.
	Reader connect.OffsetReader
	// RequestReconfiguration passes on that the connector wants its tasks divided anew. It is called from the
	// connector's goroutines and should not block for long.
	RequestReconfiguration func()
	Logger                 hclog.Logger // nil for none
	Report                 Report
	// Noted is told of the connector's notes, with a pause between two; nil for nobody.
	Noted func(text string)
}

// Connector is a connector under way. Its plugin's code runs in one goroutine, one call after another; a call that hangs
// holds up this connector only.
type Connector struct {
	cfg ConnectorConfig
	log hclog.Logger

	hard, soft         context.Context
	killing, softening context.CancelFunc
	done               chan struct{}
	wake               chan struct{}

	mu          sync.Mutex
	target      cluster.TargetState // wanted and not yet seen to; empty for none
	raised      error
	raisedBy    *instance
	generations []*generation

	// The rest belongs to the runner's goroutine.
	state   cluster.State // empty before the first transition
	running *instance
}

// instance is one connector object, from New to Stop.
type instance struct {
	owner     *Connector
	connector connect.Connector
	ctx       context.Context
	cancel    context.CancelFunc
	notes     noter
}

// StartConnector runs a connector in a goroutine of its own, until it is stopped or ctx ends (which kills it). One that
// has failed stays, to be stopped.
func StartConnector(ctx context.Context, cfg ConnectorConfig) *Connector {
	c := &Connector{
		cfg: cfg, log: cfg.Logger, target: cfg.Target,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	if c.log == nil {
		c.log = hclog.NewNullLogger()
	}
	if c.target == "" {
		c.target = cluster.TargetStarted
	}
	c.hard, c.killing = context.WithCancel(ctx)
	c.soft, c.softening = context.WithCancel(c.hard)
	go c.run()
	return c
}

// SetTarget starts, pauses or stops the connector. Of several targets in a row only the last may be seen to.
func (c *Connector) SetTarget(target cluster.TargetState) {
	c.mu.Lock()
	c.target = target
	c.mu.Unlock()
	c.nudge()
}

// Stop ends the connector.
func (c *Connector) Stop() { c.softening() }

// Kill abandons the connector.
func (c *Connector) Kill() { c.killing() }

// Done is closed when the connector has ended.
func (c *Connector) Done() <-chan struct{} { return c.done }

func (c *Connector) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Connector) run() {
	defer close(c.done)
	defer c.killing() // releases the contexts
	for c.soft.Err() == nil {
		if !c.step() {
			select {
			case <-c.wake:
			case <-c.soft.Done():
			}
		}
	}
	if err := c.retire(); err != nil {
		c.log.Warn("Stopping the connector failed", "error", err)
	}
	c.report(cluster.Unassigned, nil)
}

// step sees to one wish; false when there is none.
func (c *Connector) step() bool {
	c.mu.Lock()
	target, raised, by := c.target, c.raised, c.raisedBy
	c.target, c.raised, c.raisedBy = "", nil, nil
	var g *generation
	if raised == nil && target == "" && len(c.generations) > 0 {
		g = c.generations[0]
		c.generations = append(c.generations[:0], c.generations[1:]...)
	}
	c.mu.Unlock()
	if raised != nil && by == c.running {
		c.fail(raised)
	}
	if target != "" {
		c.transition(target)
	}
	if g != nil {
		c.generate(g)
	}
	return raised != nil || target != "" || g != nil
}

func (c *Connector) transition(target cluster.TargetState) {
	switch target {
	case cluster.TargetStarted:
		if c.state != cluster.Running && c.state != cluster.Failed {
			c.start()
		}
	case cluster.TargetPaused:
		if c.state == cluster.Paused || c.state == cluster.Failed {
			return
		}
		if err := c.retire(); err != nil {
			c.fail(err)
			return
		}
		c.enter(cluster.Paused, nil)
	case cluster.TargetStopped:
		if c.state == cluster.Stopped {
			return
		}
		if err := c.retire(); err != nil {
			c.log.Warn("Stopping the connector failed", "error", err)
		}
		c.enter(cluster.Stopped, nil)
	}
}

func (c *Connector) start() {
	ctx, cancel := context.WithCancel(c.soft)
	inst := &instance{owner: c, ctx: ctx, cancel: cancel, notes: noter{pass: c.cfg.Noted}}
	c.running = inst
	err := guard("Start", func() error {
		inst.connector = c.cfg.New()
		return inst.connector.Start(ctx, inst, c.cfg.Props)
	})
	switch {
	case c.soft.Err() != nil: // the end follows, whatever came of it
	case err != nil:
		c.fail(fmt.Errorf("starting the connector: %w", err))
	default:
		c.enter(cluster.Running, nil)
	}
}

// fail reports before it cleans up, as cleaning up may hang.
func (c *Connector) fail(err error) {
	c.log.Error("Connector failed", "error", err)
	c.enter(cluster.Failed, err)
	if err := c.retire(); err != nil {
		c.log.Warn("Stopping the failed connector failed", "error", err)
	}
}

// retire stops the running instance, if there is one.
func (c *Connector) retire() error {
	inst := c.running
	c.running = nil
	if inst == nil {
		return nil
	}
	inst.cancel()
	inst.notes.end()
	if inst.connector == nil {
		return nil
	}
	if err := guard("Stop", inst.connector.Stop); err != nil {
		return fmt.Errorf("stopping the connector: %w", err)
	}
	return nil
}

func (c *Connector) enter(state cluster.State, err error) {
	c.state = state
	c.report(state, err)
}

func (c *Connector) report(state cluster.State, err error) {
	if c.cfg.Report != nil && c.hard.Err() == nil {
		c.cfg.Report(state, err)
	}
}

// instance is the connector's context: what an old instance says is not heard any more.

func (i *instance) RequestTaskReconfiguration() {
	if i.ctx.Err() == nil && i.owner.cfg.RequestReconfiguration != nil {
		i.owner.cfg.RequestReconfiguration()
	}
}

func (i *instance) RaiseError(err error) {
	if err == nil || i.ctx.Err() != nil {
		return
	}
	c := i.owner
	c.mu.Lock()
	if c.raised == nil {
		c.raised, c.raisedBy = err, i
	}
	c.mu.Unlock()
	c.nudge()
}

func (i *instance) Offsets() connect.OffsetReader { return i.owner.cfg.Reader }
func (i *instance) Logger() *slog.Logger          { return Slog(i.owner.log) }

// Note implements connect.Noter.
func (i *instance) Note(text string) { i.notes.Note(text) }
