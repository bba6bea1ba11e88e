package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// Waits between attempts to reach the clusters.
const (
	retryFirst = 2 * time.Second
	retryMost  = 30 * time.Second
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
	rings  *ringWatch      // nil if nobody is to look for rings
	dial   dialer          // for validation; nil for the network

	mu     sync.Mutex
	loaded bool
	failed bool                     // TaskConfigs failed, so the worker waits for news
	known  []connect.TopicPartition // that can be copied
	noted  string                   // in the status; held by who is busy
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
	c.tellLimits()
	if detectsRings(props) {
		c.rings = watchRings(c.life, s, c.clients, c.src, c.dst, c.log)
	}
	c.done = make(chan struct{})
	go c.run(c.life)
	return nil
}

// tellLimits names what is asked for and not done.
func (c *connector) tellLimits() {
	if c.s.acls {
		c.log.Info("ACLs are not synced by this version; set sync.topic.acls.enabled=false if that is meant")
	}
	if c.s.offsetSyncs {
		c.log.Info("offset syncs are not written by this version: consumer group offsets can't be translated from this mirror")
	}
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
	if c.rings != nil {
		c.rings.end()
	}
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
	return divide(c.s.props, c.known, maxTasks), nil
}

// run repeats what must be repeated until ctx ends.
func (c *connector) run(ctx context.Context) {
	defer close(c.done)
	c.firstLoad(ctx)
	topics, configs := ticker(c.s.refreshTopics), ticker(c.s.syncConfigs)
	defer topics.Stop()
	defer configs.Stop()
	if c.s.syncConfigs > 0 {
		c.try(ctx, "copying topic settings", c.syncConfigs)
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-topics.C:
			c.try(ctx, "looking for new topics", c.refreshTasks)
		case <-c.rings.changed():
			c.try(ctx, "looking for rings", c.refreshTasks)
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
	for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryMost) {
		_, err := c.refresh(ctx, false)
		if err == nil {
			c.mu.Lock()
			failed := c.failed
			c.mu.Unlock()
			if failed {
				c.cc.RequestTaskReconfiguration()
			}
			return
		}
		if ctx.Err() == nil {
			c.log.Warn("a mirror can't look for its topics", "retry in", wait, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// try does a repeated task; an error waits for the next time.
func (c *connector) try(ctx context.Context, what string, f func(context.Context) error) {
	if err := f(ctx); err != nil && ctx.Err() == nil {
		c.log.Warn(what+" failed; it will be tried again", "error", err)
	}
}

// acquire waits until nobody else talks to the clusters, and bounds what follows by admin.timeout.ms.
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
	ctx, cancel := context.WithTimeout(ctx, c.s.adminTimeout)
	unlink := context.AfterFunc(c.life, cancel)
	return ctx, func() { unlink(); cancel(); <-c.busy }, nil
}

// refresh makes the target's topics like the source's and notes what can be copied. It tells whether that changed. Unless
// again is set, it does nothing after the first time.
func (c *connector) refresh(ctx context.Context, again bool) (bool, error) {
	ctx, release, err := c.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	c.mu.Lock()
	loaded, old := c.loaded, c.known
	c.mu.Unlock()
	if loaded && !again {
		return false, nil
	}
	c.rings.await(ctx)
	source, err := c.sourceTopics(ctx)
	if err != nil {
		return false, err
	}
	c.note(c.rings.leaveOut(source))
	target, err := c.prepare(ctx, source)
	if err != nil {
		return false, err
	}
	known := copyable(source, target, c.s.remote)
	if loaded && slices.Equal(known, old) {
		return false, nil
	}
	c.log.Info("topics of a mirror", "topics", len(source), "partitions", len(known), "before", len(old))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded, c.known = true, known
	return true, nil
}

// note puts into the connector's status what is not copied and why.
func (c *connector) note(text string) {
	if n, can := c.cc.(connect.Noter); can && text != c.noted {
		n.Note(text)
	}
	if text != "" && text != c.noted {
		c.log.Error("a mirror leaves topics out", "reason", text)
	}
	c.noted = text
}

// sourceTopics asks the source for the topics that are to be copied.
func (c *connector) sourceTopics(ctx context.Context) (map[string]client.Topic, error) {
	topics, err := c.src.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	for name := range topics {
		if !c.s.filter.copies(name) {
			delete(topics, name)
		}
	}
	return topics, nil
}

// prepare creates and grows topics of the target, and returns the target's topics after that. A topic that can't be made
// is only logged, as long as there are others to copy.
func (c *connector) prepare(ctx context.Context, source map[string]client.Topic) (map[string]client.Topic, error) {
	target, err := c.dst.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	create, grow := missing(source, target, c.s.remote)
	if len(create) > 0 {
		failed, err := c.create(ctx, source, create)
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, name := range create {
			remote := c.s.remote(name)
			if err := failed[remote]; err != nil {
				errs = append(errs, err)
				continue
			}
			target[remote] = client.Topic{Name: remote, Partitions: source[name].Partitions}
		}
		if len(errs) == len(source) {
			return nil, fmt.Errorf("target cluster %s: %w", c.s.target, errs[0])
		}
		for _, err := range errs {
			c.log.Error("a topic can't be copied", "error", err)
		}
	}
	if len(grow) > 0 {
		failed, err := c.dst.CreatePartitions(ctx, grow)
		if err != nil {
			return nil, fmt.Errorf("target cluster %s: %w", c.s.target, err)
		}
		for name, n := range grow {
			if err := failed[name]; err != nil {
				c.log.Error("a topic can't be grown, its new partitions are not copied", "error", err)
				continue
			}
			t := target[name]
			t.Partitions = n
			target[name] = t
		}
	}
	return target, nil
}

// create makes topics on the target, named by their source.
func (c *connector) create(ctx context.Context, source map[string]client.Topic, names []string) (map[string]error, error) {
	configs, err := c.src.TopicConfigs(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	cluster := client.Cluster{}
	if c.s.replication == replicationSource {
		if cluster, err = c.dst.Cluster(ctx); err != nil {
			return nil, fmt.Errorf("target cluster %s: %w", c.s.target, err)
		}
	}
	specs := make([]client.TopicSpec, len(names))
	for i, name := range names {
		specs[i] = client.TopicSpec{
			Name: c.s.remote(name), Partitions: source[name].Partitions,
			Replication: replication(c.s.replication, source[name], cluster.Brokers),
			Config:      c.s.configs.initial(configs[name]),
		}
	}
	failed, err := c.dst.CreateTopics(ctx, specs...)
	if err != nil {
		return nil, fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	for name, err := range failed {
		switch {
		case errors.Is(err, client.ErrTopicExists): // made by somebody else just now
			delete(failed, name)
		case errors.Is(err, client.ErrReplication):
			failed[name] = fmt.Errorf("%w; set replication.factor (now %s) to at most the number of brokers, or to \"source\"", err, c.s.replication)
		}
	}
	return failed, nil
}

// syncConfigs makes the settings of copied topics follow their source's.
func (c *connector) syncConfigs(ctx context.Context) error {
	ctx, release, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	names := map[string]string{} // remote -> source
	var sources, remotes []string
	c.mu.Lock()
	for _, tp := range c.known {
		remote := c.s.remote(tp.Topic)
		if _, seen := names[remote]; !seen {
			names[remote] = tp.Topic
			sources, remotes = append(sources, tp.Topic), append(remotes, remote)
		}
	}
	c.mu.Unlock()
	if len(sources) == 0 {
		return nil
	}
	src, err := c.src.TopicConfigs(ctx, sources...)
	if err != nil {
		return fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	dst, err := c.dst.TopicConfigs(ctx, remotes...)
	if err != nil {
		return fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	var changes []client.ConfigChange
	for _, remote := range remotes {
		if ch, differs := c.s.configs.change(remote, src[names[remote]], dst[remote]); differs {
			changes = append(changes, ch)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	failed, err := c.dst.AlterTopicConfigs(ctx, changes...)
	if err != nil {
		return fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	for _, err := range failed {
		c.log.Warn("the settings of a topic can't be copied", "error", err)
	}
	return nil
}
