package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/client"
)

// checkpointConnector finds the source's consumer groups and deals them out to tasks.
type checkpointConnector struct {
	clients Clients
	s       *checkpointSettings
	cc      connect.ConnectorContext
	log     *slog.Logger
	groups  GroupAdmin // of the source
	topic   *topicMaker

	cancel context.CancelFunc
	done   chan struct{}   // closed when the background work has ended
	life   context.Context // ends with Stop
	busy   chan struct{}   // held by who talks to the source

	mu     sync.Mutex
	loaded bool
	failed bool     // TaskConfigs failed, so the worker waits for news
	known  []string // groups, in order
}

// Start implements connect.Connector. It opens clients but waits for no broker.
func (c *checkpointConnector) Start(ctx context.Context, cc connect.ConnectorContext, props map[string]string) error {
	s, err := parseCheckpoint(props)
	if err != nil {
		return err
	}
	c.s, c.cc, c.log = s, cc, cc.Logger()
	if !s.enabled {
		return nil
	}
	c.busy = make(chan struct{}, 1)
	c.life, c.cancel = context.WithCancel(ctx)
	if c.groups, err = c.clients.Groups(s.clientProps("source", "admin", "checkpoint-source-admin")); err != nil {
		return fmt.Errorf("source.cluster.*: %w", err)
	}
	target, err := c.clients.Admin(s.clientProps("target", "admin", "checkpoint-target-admin"))
	if err != nil {
		return fmt.Errorf("target.cluster.*: %w", err)
	}
	topic := compacted(s.policy.checkpointsTopic(s.source), s.replication, propCheckpointsRF)
	c.topic = makeTopic(c.life, target, topic, s.adminTimeout, c.log)
	c.done = make(chan struct{})
	go c.run(c.life)
	return nil
}

// Stop implements connect.Connector.
func (c *checkpointConnector) Stop() error {
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	if c.done != nil {
		<-c.done
	}
	if c.topic != nil {
		c.topic.stop()
	}
	c.busy <- struct{}{} // TaskConfigs may be under way; it ends soon
	defer func() { <-c.busy }()
	if c.groups != nil {
		c.groups.Close()
		c.groups = nil
	}
	return nil
}

// TaskConfigs implements connect.Connector.
func (c *checkpointConnector) TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error) {
	if !c.s.enabled || c.s.emit == 0 {
		return nil, nil
	}
	if _, err := c.refresh(ctx, false); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = true
		return nil, connect.Retriable(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = false
	return divideGroups(c.s.props, c.known, maxTasks), nil
}

// divideGroups deals groups out to at most maxTasks tasks, in runs of one length, as Java does.
func divideGroups(props map[string]string, groups []string, maxTasks int) []map[string]string {
	n := min(maxTasks, len(groups))
	configs := make([]map[string]string, n)
	for i := range configs {
		from, to := share(len(groups), n, i), share(len(groups), n, i+1)
		configs[i] = maps.Clone(props)
		configs[i][propTaskGroups] = strings.Join(groups[from:to], ",")
		configs[i][propTaskIndex] = strconv.Itoa(i)
	}
	return configs
}

// share is where the i-th of n shares of all begins; the first ones are larger by one where it does not come out even.
func share(all, n, i int) int { return i*(all/n) + min(i, all%n) }

// run looks for groups until ctx ends.
func (c *checkpointConnector) run(ctx context.Context) {
	defer close(c.done)
	c.firstLoad(ctx)
	tick := ticker(c.s.refreshGroups)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := c.refresh(ctx, true)
		switch {
		case err != nil && ctx.Err() == nil:
			c.log.Warn("looking for consumer groups failed; it will be tried again", "error", err)
		case changed:
			c.cc.RequestTaskReconfiguration()
		}
	}
}

// firstLoad tries until the source was reached once. The worker usually asks for task configs before that; whoever comes
// first does the work.
func (c *checkpointConnector) firstLoad(ctx context.Context) {
	reached := retry(ctx, func() error { _, err := c.refresh(ctx, false); return err }, func(wait time.Duration, err error) {
		c.log.Warn("a mirror can't look for consumer groups", "retry in", wait, "error", err)
	})
	c.mu.Lock()
	failed := c.failed
	c.mu.Unlock()
	if reached && failed {
		c.cc.RequestTaskReconfiguration()
	}
}

// refresh looks for groups and tells whether there are others than before. Unless again is set, it does nothing after the
// first time.
func (c *checkpointConnector) refresh(ctx context.Context, again bool) (bool, error) {
	select {
	case c.busy <- struct{}{}:
		defer func() { <-c.busy }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if err := c.life.Err(); err != nil {
		return false, err
	}
	c.mu.Lock()
	loaded, old := c.loaded, c.known
	c.mu.Unlock()
	if loaded && !again {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.s.adminTimeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	known, err := c.find(ctx)
	if err != nil {
		return false, fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	if loaded && slices.Equal(known, old) {
		return false, nil
	}
	c.log.Info("consumer groups of a mirror", "groups", len(known), "before", len(old))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded, c.known = true, known
	return true, nil
}

// find lists the groups that have a position in a topic that is translated.
func (c *checkpointConnector) find(ctx context.Context) ([]string, error) {
	all, err := c.groups.Groups(ctx)
	if err != nil {
		return nil, err
	}
	var wanted []string
	for g := range all {
		selected, err := c.s.selectsGroup(g)
		switch {
		case err != nil:
			return nil, err
		case selected && listable(g):
			wanted = append(wanted, g)
		case selected:
			c.log.Warn("a consumer group can't be translated: its name is empty, or has a comma, or blanks around it", "group", g)
		}
	}
	slices.Sort(wanted)
	offsets, failed := c.groups.Offsets(ctx, wanted)
	found := wanted[:0]
	for _, g := range wanted {
		err := failed[g]
		switch {
		case errors.Is(err, client.ErrUnauthorized):
			c.log.Warn("a consumer group can't be translated", "group", g, "error", err)
		case err != nil: // not known is not gone: tasks go on with the groups they have
			return nil, fmt.Errorf("reading the positions of consumer group %s: %w", g, err)
		default:
			consumes, err := c.consumes(offsets[g])
			if err != nil {
				return nil, err
			}
			if consumes {
				found = append(found, g)
			}
		}
	}
	return found, nil
}

// consumes tells whether one of the positions is to be translated.
func (c *checkpointConnector) consumes(offsets map[connect.TopicPartition]client.GroupOffset) (bool, error) {
	for tp := range offsets {
		if yes, err := c.s.wantsTopic(tp.Topic); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}

// Validate implements connect.Validator: what concerns several properties, and patterns.
func (c *checkpointConnector) Validate(ctx context.Context, props map[string]string, values []config.Value) []config.Value {
	values = checkPatterns(props, values, propGroups, propGroupsExclude, propTopics, propExclude)
	if props["enabled"] == "false" {
		return values
	}
	if props[propEmitCheckpoints] == "false" {
		values = fault(values, propEmitCheckpoints, "MirrorCheckpointConnector can't run with "+propEmitCheckpoints+" set to false")
	}
	if props[propEmitSyncs] == "false" {
		values = fault(values, propEmitSyncs, "MirrorCheckpointConnector can't run without offset syncs")
	}
	return planned(ctx, c.clients, nil, props, values)
}

// Fields of a checkpoint's source partition, in the order in which Java's task writes them.
var checkpointFields = []string{partitionKey, topicKey, groupKey}

const groupKey = "group"

// AlterSourceOffsets implements connect.SourceOffsetsAlterer. Tasks use no offsets, so their form is all there is to check.
func (c *checkpointConnector) AlterSourceOffsets(_ context.Context, _ map[string]string, offsets []connect.PartitionOffset) (bool, error) {
	return true, checkZeroOffsets(offsets, []string{groupKey, topicKey}, checkpointFields)
}
