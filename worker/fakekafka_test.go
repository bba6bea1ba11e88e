package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/storage/memlog"
	"github.com/connectd/connectd/worker"
	"github.com/connectd/connectd/worker/workerconf"
)

// fakeKafka is the Kafka cluster of all workers of a test: internal topics, and topics of one partition for records.
type fakeKafka struct {
	fakeGroups
	stores map[worker.Store]*memlog.Topic

	mu      sync.Mutex
	topics  map[string][]client.ProducerRecord
	created map[string]client.TopicSpec
	readers map[string]*fakeConsumer // the consumer of each group that has all partitions
	changed chan struct{}
	appends error // what every write to an internal topic answers, if set

	fakeTransactions
}

func newFakeKafka() *fakeKafka {
	return &fakeKafka{
		stores: map[worker.Store]*memlog.Topic{
			worker.ConfigStore: memlog.New(1), worker.OffsetStore: memlog.New(5), worker.StatusStore: memlog.New(3),
		},
		topics: map[string][]client.ProducerRecord{}, created: map[string]client.TopicSpec{},
		readers: map[string]*fakeConsumer{}, changed: make(chan struct{}),
	}
}

var _ worker.Kafka = (*fakeKafka)(nil)

func (k *fakeKafka) ClusterID(context.Context) (string, error) { return "fake", nil }

func (k *fakeKafka) OpenLog(_ context.Context, s worker.Store, _ workerconf.StorageTopic, _ func(error)) (storage.Log, error) {
	if s == worker.ConfigStore && k.transactions {
		return k.stores[s].LeaderLog(), nil
	}
	return &faultyLog{k.stores[s].Log(), k}, nil
}

// faultyLog fails its writes while the cluster says so.
type faultyLog struct {
	*memlog.Log
	kafka *fakeKafka
}

func (l *faultyLog) Append(ctx context.Context, recs ...storage.KV) error {
	l.kafka.mu.Lock()
	err := l.kafka.appends
	l.kafka.mu.Unlock()
	if err != nil {
		return err
	}
	return l.Log.Append(ctx, recs...)
}

func (k *fakeKafka) failAppends(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.appends = err
}

func (k *fakeKafka) CreateTopic(_ context.Context, _ map[string]string, spec client.TopicSpec) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.created[spec.Name]; !ok {
		k.created[spec.Name] = spec
	}
	return nil
}

func (k *fakeKafka) spec(topic string) (client.TopicSpec, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.created[topic]
	return s, ok
}

func (k *fakeKafka) produce(recs ...client.ProducerRecord) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range recs {
		r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
		k.topics[r.Topic] = append(k.topics[r.Topic], r)
	}
	close(k.changed)
	k.changed = make(chan struct{})
}

// values are the values of a topic's records.
func (k *fakeKafka) values(topic string) (out []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.topics[topic] {
		out = append(out, string(r.Value))
	}
	return out
}

// configTopic is the config topic's content as lines of key and value.
func (k *fakeKafka) configTopic() string {
	var b strings.Builder
	for _, r := range k.stores[worker.ConfigStore].Records() {
		fmt.Fprintf(&b, "%s %s\n", r.Key, r.Value)
	}
	return b.String()
}

func (k *fakeKafka) NewProducer(props map[string]string, onDelivery func([]client.Delivery)) (client.Producer, error) {
	if id := props["transactional.id"]; id != "" {
		return &fakeTxnProducer{kafka: k, id: id, deliver: onDelivery}, nil
	}
	return &fakeProducer{kafka: k, deliver: onDelivery}, nil
}

// fakeProducer delivers at once.
type fakeProducer struct {
	kafka   *fakeKafka
	deliver func([]client.Delivery)
}

func (p *fakeProducer) Send(_ context.Context, recs []client.ProducerRecord) error {
	p.kafka.produce(recs...)
	ds := make([]client.Delivery, len(recs))
	for i, r := range recs {
		ds[i] = client.Delivery{Seq: r.Seq}
	}
	p.deliver(ds)
	return nil
}

func (p *fakeProducer) Flush(context.Context) error { return nil }
func (p *fakeProducer) Close()                      {}

func (k *fakeKafka) NewConsumer(props map[string]string) (client.Consumer, error) {
	return &fakeConsumer{kafka: k, group: props["group.id"], next: map[string]int{}}, nil
}

// fakeConsumer reads all partitions if it is the first of its group, and otherwise nothing.
type fakeConsumer struct {
	kafka  *fakeKafka
	group  string
	topics []string
	rb     client.Rebalance
	next   map[string]int
	has    bool
}

func (c *fakeConsumer) Subscribe(topics []string, regex string, rb client.Rebalance) error {
	if regex != "" {
		return errors.New("the fake consumer knows no patterns")
	}
	c.topics, c.rb = topics, rb
	return nil
}

func (c *fakeConsumer) Poll(ctx context.Context, timeout time.Duration) ([]client.ConsumedRecord, error) {
	if err := c.join(ctx); err != nil {
		return nil, err
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		recs, changed := c.take()
		if len(recs) > 0 {
			return recs, nil
		}
		select {
		case <-changed:
		case <-deadline.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *fakeConsumer) join(ctx context.Context) error {
	c.kafka.mu.Lock()
	free := c.kafka.readers[c.group] == nil
	if free {
		c.kafka.readers[c.group] = c
	}
	c.kafka.mu.Unlock()
	if !free {
		return nil
	}
	c.has = true
	var tps []connect.TopicPartition
	for _, t := range c.topics {
		tps = append(tps, connect.TopicPartition{Topic: t})
	}
	return c.rb.Assigned(ctx, tps)
}

func (c *fakeConsumer) take() (out []client.ConsumedRecord, changed <-chan struct{}) {
	c.kafka.mu.Lock()
	defer c.kafka.mu.Unlock()
	if c.has {
		for _, t := range c.topics {
			for i, r := range c.kafka.topics[t][c.next[t]:] {
				out = append(out, client.ConsumedRecord{Topic: t, Offset: int64(c.next[t] + i), Key: r.Key, Value: r.Value, Headers: r.Headers})
			}
			c.next[t] = len(c.kafka.topics[t])
		}
	}
	return out, c.kafka.changed
}

func (c *fakeConsumer) Commit(context.Context, map[connect.TopicPartition]int64) error { return nil }

func (c *fakeConsumer) Seek(tp connect.TopicPartition, offset int64) error {
	c.next[tp.Topic] = int(offset)
	return nil
}

func (c *fakeConsumer) Pause([]connect.TopicPartition) error  { return nil }
func (c *fakeConsumer) Resume([]connect.TopicPartition) error { return nil }

func (c *fakeConsumer) Position(tp connect.TopicPartition) (int64, error) {
	return int64(c.next[tp.Topic]), nil
}

func (c *fakeConsumer) Close() error {
	c.kafka.mu.Lock()
	defer c.kafka.mu.Unlock()
	if c.kafka.readers[c.group] == c {
		delete(c.kafka.readers, c.group)
	}
	return nil
}

// writeConfig writes a connector's config to the config topic, as another worker would.
func (c *workers) writeConfig(name string, conf map[string]string) error {
	l := c.kafka.stores[worker.ConfigStore].Log()
	if err := l.Append(context.Background(), configlog.Connector(name, conf)); err != nil {
		return err
	}
	return l.Close()
}
