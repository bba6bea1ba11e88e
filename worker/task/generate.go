package task

import (
	"context"
	"fmt"
	"sync"

	"github.com/connectd/connectd/internal/cluster"
)

// generation is one request for task configs.
type generation struct {
	ctx  context.Context
	max  int
	once sync.Once
	done func([]map[string]string, error)
	// unwatch ends the watch over ctx and over the connector's end.
	unwatch []func() bool
}

// GenerateTaskConfigs asks the connector to divide its work into at most maxTasks task configs. It does not block: done
// is called once, from another goroutine, with the configs or with the reason; ErrNotRunning when the connector is
// not running, ctx's end when the connector has not answered by then.
func (c *Connector) GenerateTaskConfigs(ctx context.Context, maxTasks int, done func([]map[string]string, error)) {
	g := &generation{ctx: ctx, max: maxTasks, done: done}
	c.mu.Lock()
	c.generations = append(c.generations, g)
	g.unwatch = []func() bool{
		context.AfterFunc(ctx, func() {
			g.answer(nil, fmt.Errorf("connector %s did not return task configs in time: %w", c.cfg.Name, context.Cause(ctx)))
		}),
		context.AfterFunc(c.soft, func() { g.answer(nil, ErrNotRunning) }),
	}
	c.mu.Unlock()
	c.nudge()
}

// answer calls done, the first time.
func (g *generation) answer(configs []map[string]string, err error) {
	g.once.Do(func() { g.done(configs, err) })
}

func (c *Connector) generate(g *generation) {
	defer func() {
		for _, stop := range g.unwatch {
			stop()
		}
	}()
	switch {
	case g.ctx.Err() != nil:
		return // answered
	case c.state != cluster.Running || c.running == nil:
		g.answer(nil, ErrNotRunning)
		return
	}
	ctx, cancel := context.WithCancel(g.ctx)
	defer cancel()
	defer context.AfterFunc(c.running.ctx, cancel)()
	var configs []map[string]string
	err := guard("TaskConfigs", func() (err error) {
		configs, err = c.running.connector.TaskConfigs(ctx, g.max)
		return err
	})
	if err != nil {
		g.answer(nil, fmt.Errorf("generating task configs: %w", err))
		return
	}
	g.answer(configs, nil)
}
