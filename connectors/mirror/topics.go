package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// Bounds of one administrative request: a controller refuses more than 10,000 partitions at once, a broker may make less
// than 50 in a second, and answers about settings are large.
const (
	topicsPerRequest     = 250
	partitionsPerRequest = 500
)

// topicShape is what of a source topic must change before there is something to do.
type topicShape struct {
	partitions int32
	id         string
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
	loaded := c.loaded
	c.mu.Unlock()
	if loaded && !again {
		return false, nil
	}
	c.rings.await(ctx)
	source, err := c.sourceTopics(ctx)
	if err != nil {
		return false, err
	}
	return c.follow(ctx, source)
}

// follow is refresh for topics of the source that were just asked for. The caller has acquired.
func (c *connector) follow(ctx context.Context, source map[string]client.Topic) (bool, error) {
	seen := shapesOf(source)
	left := c.rings.leaveOut(source)
	target, refused, err := c.prepare(ctx, source)
	if err != nil {
		return false, err
	}
	c.note(left, refused)
	known := copyable(source, target, c.s.remote)
	c.rf = make(map[string]int16, len(source))
	for name := range source {
		c.rf[c.s.remote(name)] = target[c.s.remote(name)].Replication
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = seen
	anew := c.remember(source)
	if c.loaded && !anew && slices.Equal(known, c.known) {
		return false, nil
	}
	c.log.Info("topics of a mirror", "topics", len(source), "partitions", len(known), "before", len(c.known))
	c.loaded, c.known = true, known
	return true, nil
}

// remember notes topics that were made anew since they were first seen, and tells whether there are others than before.
// Their ids go into task configs, so that their tasks start again and find out: what a task does about it depends on
// where it stands.
func (c *connector) remember(source map[string]client.Topic) bool {
	if c.ids == nil {
		c.ids, c.anew = map[string]string{}, map[string]string{}
	}
	changed := false
	for name, t := range source {
		switch id, had := c.ids[name]; {
		case t.ID == "" || t.ID == c.anew[name]:
		case !had:
			c.ids[name] = t.ID
		case id != t.ID:
			c.log.Warn("a topic of the source was deleted and made anew", "topic", name, "id", t.ID)
			c.anew[name] = t.ID
			changed = true
		}
	}
	return changed
}

// watchTopics looks at the source's topics, and follows what changed. What is missing must be missing twice: right after a
// change, some broker may not know of it yet.
func (c *connector) watchTopics(ctx context.Context) error {
	ctx, release, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	source, err := c.sourceTopics(ctx)
	if err != nil {
		return err
	}
	now := shapesOf(source)
	if maps.Equal(now, c.seen) {
		c.missing = nil
		return nil
	}
	if lacks(now, c.seen) && !maps.Equal(now, c.missing) {
		c.missing = now
		return nil
	}
	c.missing = nil
	changed, err := c.follow(ctx, source)
	if changed {
		c.cc.RequestTaskReconfiguration()
	}
	return err
}

func shapesOf(topics map[string]client.Topic) map[string]topicShape {
	out := make(map[string]topicShape, len(topics))
	for name, t := range topics {
		out[name] = topicShape{t.Partitions, t.ID}
	}
	return out
}

// lacks tells whether topics or partitions are missing that were there before.
func lacks(now, before map[string]topicShape) bool {
	for name, b := range before {
		if n, has := now[name]; !has || n.partitions < b.partitions && n.id == b.id {
			return true
		}
	}
	return false
}

// note puts into the connector's status what is not copied and why.
func (c *connector) note(texts ...string) {
	text := strings.TrimSpace(strings.Join(texts, "\n"))
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
	ctx, cancel := c.within(ctx)
	defer cancel()
	topics, err := c.src.Shapes(ctx)
	if err != nil {
		return nil, fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	for name := range topics {
		copied, err := c.s.filter.copies(name)
		if err != nil {
			return nil, err
		}
		if !copied {
			delete(topics, name)
		}
	}
	return topics, nil
}

// refusals are topics that can't be made or grown, with the reason of each.
type refusals []string

const refusalsShown = 20 // in a status

func (r *refusals) add(format string, args ...any) { *r = append(*r, fmt.Sprintf(format, args...)) }

func (r refusals) String() string {
	slices.Sort(r)
	if n := len(r); n > refusalsShown {
		return strings.Join(r[:refusalsShown], "\n") + fmt.Sprintf("\nand %d more topics", n-refusalsShown)
	}
	return strings.Join(r, "\n")
}

// prepare creates and grows topics of the target, and returns the target's topics after that. A topic that can't be made
// is only told of, as long as there are others to copy.
func (c *connector) prepare(ctx context.Context, source map[string]client.Topic) (map[string]client.Topic, string, error) {
	target, err := c.targetTopics(ctx)
	if err != nil {
		return nil, "", err
	}
	if len(source) > 0 {
		c.makeIDsTopic(ctx, target)
	}
	var refused refusals
	create, grow := missing(source, target, c.s.remote)
	if len(create) > 0 {
		failed, err := c.create(ctx, source, create)
		if err != nil {
			return nil, "", err
		}
		var first error
		for _, name := range create {
			remote := c.s.remote(name)
			if err := failed[remote]; err != nil {
				first = errors.Join(first, err)
				refused.add("topic %s is not copied: %v", name, err)
				continue
			}
			target[remote] = client.Topic{Name: remote, Partitions: source[name].Partitions, Replication: c.made[remote]}
		}
		if len(refused) == len(source) {
			return nil, "", fmt.Errorf("target cluster %s: %w", c.s.target, each(first)[0])
		}
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(grow)), topicsPerRequest) {
		if err := c.grow(ctx, some, grow, target, &refused); err != nil {
			return nil, "", err
		}
	}
	return target, refused.String(), nil
}

// idsSegment is segment.bytes of the topic of topic ids. Each task reads it from the beginning when it starts, and only closed segments of
// the log are compacted.
const idsSegment = "16777216"

// makeIDsTopic makes the topic in which tasks keep the ids of the topics that they copy, as often replicated as copies are, or
// as the brokers have it where that is not possible. Without it tasks go on.
func (c *connector) makeIDsTopic(ctx context.Context, target map[string]client.Topic) {
	name := c.s.policy.topicIDsTopic(c.s.source)
	if _, has := target[name]; has {
		return
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	factor := int16(-1)
	if n, err := strconv.ParseInt(c.s.replication, 10, 16); err == nil {
		factor = int16(n)
	}
	topic := compacted(name, factor, propReplication)
	topic.Config["segment.bytes"] = idsSegment
	err := topic.ensure(ctx, c.dst)
	if errors.Is(err, client.ErrReplication) && factor != -1 {
		topic.Replication = -1
		err = topic.ensure(ctx, c.dst)
	}
	if err != nil {
		c.log.Warn("a source topic that is made anew is not noticed over a restart", "error", err)
	}
}

func (c *connector) targetTopics(ctx context.Context) (map[string]client.Topic, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	target, err := c.dst.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	return target, nil
}

// grow gives topics of the target more partitions.
func (c *connector) grow(ctx context.Context, names []string, to map[string]int32, target map[string]client.Topic, refused *refusals) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	counts := map[string]int32{}
	for _, name := range names {
		counts[name] = to[name]
	}
	failed, err := c.dst.CreatePartitions(ctx, counts)
	if err != nil {
		return fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	for name, n := range counts {
		if err := failed[name]; err != nil {
			refused.add("new partitions are not copied to topic %s: %v", name, err)
			continue
		}
		t := target[name]
		t.Partitions = n
		target[name] = t
	}
	return nil
}

// create makes topics on the target, named by their source, in portions. The map holds what failed, by the target's name.
func (c *connector) create(ctx context.Context, source map[string]client.Topic, names []string) (map[string]error, error) {
	cluster := client.Cluster{}
	if c.s.replication == replicationSource {
		bounded, cancel := c.within(ctx)
		var err error
		cluster, err = c.dst.Cluster(bounded)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("target cluster %s: %w", c.s.target, err)
		}
	}
	c.made = map[string]int16{}
	all := map[string]error{}
	for some := range portions(names, source) {
		failed, err := c.createSome(ctx, source, some, cluster.Brokers)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, failed)
	}
	return all, nil
}

// portions divides topics so that each request stays small.
func portions(names []string, source map[string]client.Topic) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		from, partitions := 0, int32(0)
		for i, name := range names {
			n := source[name].Partitions
			if i > from && (i-from == topicsPerRequest || partitions+n > partitionsPerRequest) {
				if !yield(names[from:i]) {
					return
				}
				from, partitions = i, 0
			}
			partitions += n
		}
		if from < len(names) {
			yield(names[from:])
		}
	}
}

func (c *connector) createSome(ctx context.Context, source map[string]client.Topic, names []string, brokers int) (map[string]error, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	configs, err := c.src.TopicConfigs(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	specs := make([]client.TopicSpec, len(names))
	for i, name := range names {
		config, err := c.s.configs.initial(configs[name])
		if err != nil {
			return nil, err
		}
		specs[i] = client.TopicSpec{
			Name: c.s.remote(name), Partitions: source[name].Partitions,
			Replication: replication(c.s.replication, source[name], brokers),
			Config:      config,
		}
		if saneInsync(specs[i].Config, specs[i].Replication) {
			c.tellInsync(specs[i].Name, specs[i].Config[minInsync], configs[name][minInsync].Value)
		}
		c.made[specs[i].Name] = specs[i].Replication
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
