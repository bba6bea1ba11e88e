package raw

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic is what the cluster tells of a topic. It does not change: newer metadata is another Topic.
type Topic struct {
	Name string
	// ID is zero with brokers before 2.8.
	ID [16]byte
	// Err is why nothing is known of the topic: kerr's error, such as kerr.UnknownTopicOrPartition.
	Err error
	// Partitions are those from 0 on.
	Partitions []Partition
}

// Partition is where a partition is led.
type Partition struct {
	// Leader is a broker's id, negative for none at present; Err is why.
	Leader int32
	// Epoch is the leader's, -1 with brokers before 2.1 (KIP-320).
	Epoch int32
	Err   error
}

// Want adds topics to those whose leaders are kept, and has new ones asked for.
func (c *Cluster) Want(topics ...string) {
	c.mu.Lock()
	for _, t := range topics {
		if _, has := c.topics[t]; !has {
			c.topics[t] = nil
			c.stale[t] = struct{}{}
			c.urgent = true
		}
	}
	c.mu.Unlock()
	signal(c.wake)
}

// Unwant forgets topics.
func (c *Cluster) Unwant(topics ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range topics {
		delete(c.topics, t)
		delete(c.stale, t)
	}
}

// Topic is what is known of a topic that is wanted; nil for nothing yet.
func (c *Cluster) Topic(name string) *Topic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics[name]
}

// Leader is the broker that leads a partition, with its epoch; negative where none is known.
func (c *Cluster) Leader(topic string, partition int32) (broker, epoch int32) {
	t := c.Topic(topic)
	if t == nil || partition < 0 || int(partition) >= len(t.Partitions) {
		return -1, -1
	}
	p := t.Partitions[partition]
	return p.Leader, p.Epoch
}

// Stale has the metadata of topics renewed, or that of all and of the brokers if none is named. It does not wait. It may be called often:
// requests are retry.backoff.ms apart, and further with every failure.
func (c *Cluster) Stale(topics ...string) {
	c.mu.Lock()
	if len(topics) == 0 {
		c.allOld, c.urgent = true, true
	}
	for _, t := range topics {
		if _, wanted := c.topics[t]; wanted {
			c.stale[t] = struct{}{}
			c.urgent = true
		}
	}
	c.mu.Unlock()
	signal(c.wake)
}

// Changed gives a channel that is closed with the next change of what Topic and Brokers tell, and a number that every change
// increases. To wait for something, get the channel, look, and then wait.
func (c *Cluster) Changed() (<-chan struct{}, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.change, c.version
}

// Refresh renews the metadata of topics, which are wanted from then on, and waits for an answer that was asked for after the call. The error
// is the last failure's if ctx ends before.
func (c *Cluster) Refresh(ctx context.Context, topics ...string) error {
	c.mu.Lock()
	for _, t := range topics {
		if _, has := c.topics[t]; !has {
			c.topics[t] = nil
		}
		c.stale[t] = struct{}{}
	}
	c.allOld, c.urgent = c.allOld || len(topics) == 0, true
	need := c.rounds + 1
	c.mu.Unlock()
	signal(c.wake)
	for {
		c.mu.Lock()
		change, heard, failure := c.change, c.heard, c.failure
		c.mu.Unlock()
		if heard >= need {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			if failure != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return failure
			}
			return ctx.Err()
		case <-c.ctx.Done():
			return ErrClosed
		}
	}
}

// Failure is why the last request for metadata had no answer, nil if it had one.
func (c *Cluster) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

// keep renews the metadata as long as the cluster lasts.
func (c *Cluster) keep() {
	defer close(c.ended)
	for {
		wait := time.Until(c.due())
		if wait <= 0 {
			c.round()
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-c.ctx.Done():
			timer.Stop()
			return
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due tells when the next round is: backoffs count from the last. What somebody waits for need not wait for what may be missing for ever.
func (c *Cluster) due() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.urgent && c.asked.IsZero():
		return c.asked
	case c.urgent:
		return c.asked.Add(c.retry(max(c.tries, 1)))
	case c.tries > 0 || len(c.stale) > 0:
		return c.asked.Add(c.retry(max(c.tries, c.missed, 1)))
	default:
		return c.renewed.Add(c.maxAge)
	}
}

// round asks once for all that is stale.
func (c *Cluster) round() {
	c.mu.Lock()
	all := c.allOld || time.Since(c.renewed) >= c.maxAge
	names := slices.Collect(maps.Keys(c.stale))
	if all {
		names = slices.Collect(maps.Keys(c.topics))
	}
	c.allOld, c.stale, c.urgent = false, map[string]struct{}{}, false
	c.rounds++
	round := c.rounds
	c.mu.Unlock()
	slices.Sort(names)
	ctx, cancel := context.WithTimeout(c.ctx, c.patience())
	defer cancel()
	resp, err := c.metadata(ctx, names, c.create)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = time.Now()
	if err != nil {
		for _, name := range names {
			if _, wanted := c.topics[name]; wanted {
				c.stale[name] = struct{}{}
			}
		}
		c.allOld = c.allOld || all
		c.tries++
		c.failure = err
		if c.ctx.Err() == nil {
			c.log.Debug("no metadata", "error", err)
		}
		return
	}
	c.missed++
	if !c.learn(names, resp) {
		c.missed = 0
	}
	c.heard, c.failure, c.tries = round, nil, 0
	if all {
		c.renewed = c.asked
	}
}

// leastPatience is how long the first broker may take for metadata: one that hangs shall not hold up what others would tell.
const leastPatience = 3 * time.Second

// patience grows with every failure, up to request.timeout.ms.
func (c *Cluster) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(leastPatience<<min(c.tries, 10), c.dialer.requestTimeout)
}

func (c *Cluster) metadata(ctx context.Context, names []string, create bool) (*kmsg.MetadataResponse, error) {
	conn, err := c.Any(ctx)
	if err != nil {
		return nil, err
	}
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = create
	req.Topics = make([]kmsg.MetadataRequestTopic, len(names))
	for i := range names {
		req.Topics[i] = kmsg.NewMetadataRequestTopic()
		req.Topics[i].Topic = &names[i]
	}
	if err := conn.Negotiate(req, 4, 12); err != nil {
		return nil, err
	}
	resp, hold, err := conn.DoAs(ctx, req)
	if err != nil {
		return nil, err
	}
	hold.Release()
	return resp.(*kmsg.MetadataResponse), nil
}

// learn takes in an answer, and tells whether to ask again for what had none. The lock is held.
func (c *Cluster) learn(names []string, resp *kmsg.MetadataResponse) (again bool) {
	brokers := make(map[int32]Broker, len(resp.Brokers))
	for _, b := range resp.Brokers {
		next := Broker{ID: b.NodeID, Addr: addrOf(b.Host, b.Port)}
		if b.Rack != nil {
			next.Rack = *b.Rack
		}
		brokers[b.NodeID] = next
	}
	if len(brokers) > 0 { // a broker that starts knows none
		c.brokers = brokers
	}
	told := make(map[string]*Topic, len(resp.Topics))
	for i := range resp.Topics {
		if t := topicOf(&resp.Topics[i]); t != nil {
			told[t.Name] = t
		}
	}
	for _, name := range names {
		old, wanted := c.topics[name]
		if !wanted {
			continue
		}
		t := told[name]
		if t == nil {
			t = &Topic{Name: name, Err: fmt.Errorf("the broker said nothing of it: %w", kerr.UnknownTopicOrPartition)}
		}
		t = t.after(old)
		if !t.settled() {
			c.stale[name] = struct{}{}
			again = true
		}
		if old == nil || !t.equal(old) {
			c.topics[name] = t
		}
	}
	c.version++
	close(c.change)
	c.change = make(chan struct{})
	return again
}

// topicOf reads a topic. One with a name only is wanted here.
func topicOf(m *kmsg.MetadataResponseTopic) *Topic {
	if m.Topic == nil {
		return nil
	}
	t := &Topic{Name: *m.Topic, ID: m.TopicID, Err: kerr.ErrorForCode(m.ErrorCode)}
	count := int32(0)
	for i := range m.Partitions {
		count = max(count, m.Partitions[i].Partition+1)
	}
	if int(count) > len(m.Partitions) { // with gaps: nothing that a broker says
		count = int32(len(m.Partitions))
	}
	t.Partitions = make([]Partition, count)
	for i := range t.Partitions {
		t.Partitions[i] = Partition{Leader: -1, Epoch: -1, Err: kerr.LeaderNotAvailable}
	}
	for i := range m.Partitions {
		p := &m.Partitions[i]
		if p.Partition < 0 || p.Partition >= count {
			continue
		}
		t.Partitions[p.Partition] = Partition{Leader: p.Leader, Epoch: p.LeaderEpoch, Err: kerr.ErrorForCode(p.ErrorCode)}
	}
	return t
}

// after keeps what an old answer knew better: a broker that lags behind tells of leaders that were (KIP-320).
func (t *Topic) after(old *Topic) *Topic {
	if old == nil || old.ID != t.ID || t.Err != nil {
		return t
	}
	for i := range t.Partitions {
		if i < len(old.Partitions) && old.Partitions[i].Epoch > t.Partitions[i].Epoch && t.Partitions[i].Epoch >= 0 {
			t.Partitions[i] = old.Partitions[i]
		}
	}
	return t
}

func (t *Topic) equal(o *Topic) bool {
	return t.ID == o.ID && t.Err == o.Err && slices.Equal(t.Partitions, o.Partitions)
}

// settled tells whether nothing is missing that the next moment may bring.
func (t *Topic) settled() bool {
	if t.Err != nil {
		return errors.Is(t.Err, kerr.TopicAuthorizationFailed) || errors.Is(t.Err, kerr.InvalidTopicException)
	}
	for i := range t.Partitions {
		if t.Partitions[i].Leader < 0 {
			return false
		}
	}
	return len(t.Partitions) > 0
}
