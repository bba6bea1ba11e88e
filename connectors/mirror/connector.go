package mirror

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
)

// connector keeps the target's topics like the source's and deals the partitions out to tasks.
type connector struct {
	clients  Clients
	s        *settings
	cc       connect.ConnectorContext
	log      *slog.Logger
	src, dst Admin

	cancel context.CancelFunc
	done   chan struct{}   // closed when the background work has ended
	life   context.Context // ends with Stop
	busy   chan struct{}   // held by who talks to the clusters
	syncs  *syncsKeeper    // nil if offset syncs are not written
	rings  *ringWatch      // nil if nobody is to look for rings
	dial   dialer          // for validation; nil for the network

	mu      sync.Mutex
	loaded  bool
	seen    map[string]topicShape    // the source's topics as last looked at; held by who is busy
	ids     map[string]string        // of the source's topics when they were first seen
	anew    map[string]string        // ids of topics that were made anew since
	rf      map[string]int16         // replication of the target's topics that get copies; held by who is busy
	made    map[string]int16         // replication of topics just made; held by who is busy
	missing map[string]topicShape    // the source's topics when some were missing at the last look; held by who is busy
	failed  bool                     // TaskConfigs failed, so the worker waits for news
	known   []connect.TopicPartition // that can be copied
	noted   string                   // in the status; held by who is busy
	aclSync aclSync                  // held by who is busy
	sane    map[string]string        // min.insync.replicas that were set lower than elsewhere, by topic of the target; held by who is busy
}

// Start implements connect.Connector. It opens clients but waits for no broker.
func (c *connector) Start(ctx context.Context, cc connect.ConnectorContext, props map[string]string) error {
	s, err := parse(props)
	if err != nil {
		return err
	}
	c.s, c.cc, c.log = s, cc, cc.Logger()
	if !s.enabled {
		return nil
	}
	c.busy = make(chan struct{}, 1)
	c.life, c.cancel = context.WithCancel(ctx)
	if c.src, err = c.clients.Admin(s.clientProps("source", "admin", "replication-source-admin")); err != nil {
		return fmt.Errorf("source.cluster.*: %w", err)
	}
	if c.dst, err = c.clients.Admin(s.clientProps("target", "admin", "replication-target-admin")); err != nil {
		return fmt.Errorf("target.cluster.*: %w", err)
	}
	if c.syncs, err = keepSyncs(c.clients, s, c.src, c.log); err != nil {
		return err
	}
	c.rings = watchRings(c.life, s, c.clients, c.src, c.dst, c.log)
	c.done = make(chan struct{})
	go c.run(c.life)
	return nil
}

// Stop implements connect.Connector.
func (c *connector) Stop() error {
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	if c.done != nil {
		<-c.done
	}
	c.rings.end()
	c.syncs.stop()
	c.busy <- struct{}{} // TaskConfigs may be under way; it ends soon
	defer func() { <-c.busy }()
	for _, a := range []Admin{c.src, c.dst} {
		if a != nil {
			a.Close()
		}
	}
	c.src, c.dst = nil, nil
	return nil
}

// TaskConfigs implements connect.Connector.
func (c *connector) TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error) {
	if !c.s.enabled {
		return nil, nil
	}
	c.mu.Lock()
	loaded := c.loaded
	c.mu.Unlock()
	if !loaded {
		if _, err := c.refresh(ctx, false); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.failed = true
			return nil, connect.Retriable(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = false
	return divide(taskProps(c.s.props), c.known, maxTasks, c.anew), nil
}

// run repeats what must be repeated until ctx ends.
func (c *connector) run(ctx context.Context) {
	defer close(c.done)
	c.firstLoad(ctx)
	topics, watch := ticker(c.s.refreshTopics), ticker(c.s.watchTopics())
	configs, acls := ticker(c.s.syncConfigs), ticker(c.s.syncACLs)
	defer topics.Stop()
	defer watch.Stop()
	defer configs.Stop()
	defer acls.Stop()
	if c.s.syncConfigs > 0 {
		c.try(ctx, "copying topic settings", c.syncConfigs)
	}
	if c.s.syncACLs > 0 {
		c.try(ctx, "copying ACLs of topics", c.syncACLs)
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-topics.C:
			c.try(ctx, "looking for new topics", c.refreshTasks)
		case <-c.rings.changed():
			c.try(ctx, "looking for rings", c.refreshTasks)
		case <-watch.C:
			c.try(ctx, "watching the topics of the source", c.watchTopics)
		case <-acls.C:
			c.try(ctx, "copying ACLs of topics", c.syncACLs)
		case <-configs.C:
			c.try(ctx, "copying topic settings", c.syncConfigs)
		}
	}
}

// refreshTasks looks for topics and asks for new tasks if there are others.
func (c *connector) refreshTasks(ctx context.Context) error {
	changed, err := c.refresh(ctx, true)
	if changed {
		c.cc.RequestTaskReconfiguration()
	}
	return err
}

// ticker is a ticker that never ticks for 0.
func ticker(d time.Duration) *time.Ticker {
	if d > 0 {
		return time.NewTicker(d)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// firstLoad tries until the clusters were reached once. The worker usually asks for task configs before that; whoever
// comes first does the work.
func (c *connector) firstLoad(ctx context.Context) {
	reached := retry(ctx, func() error { _, err := c.refresh(ctx, false); return err }, func(wait time.Duration, err error) {
		c.log.Warn("a mirror can't look for its topics", "retry in", wait, "error", err)
	})
	c.mu.Lock()
	failed := c.failed
	c.mu.Unlock()
	if reached && failed {
		c.cc.RequestTaskReconfiguration()
	}
}

// try does a repeated task; an error waits for the next time.
func (c *connector) try(ctx context.Context, what string, f func(context.Context) error) {
	if err := f(ctx); err != nil && ctx.Err() == nil {
		c.log.Warn(what+" failed; it will be tried again", "error", err)
	}
}

// acquire waits until nobody else talks to the clusters. What follows ends with the connector; each call is bounded by within.
func (c *connector) acquire(ctx context.Context) (context.Context, func(), error) {
	select {
	case c.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if err := c.life.Err(); err != nil {
		<-c.busy
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(c.life, cancel)
	return ctx, func() { unlink(); cancel(); <-c.busy }, nil
}

// within bounds one administrative call by admin.timeout.ms.
func (c *connector) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.s.adminTimeout)
}
