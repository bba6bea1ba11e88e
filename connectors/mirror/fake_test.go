package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// cluster is a Kafka cluster in memory, as far as a mirror sees it.
type cluster struct {
	mu      sync.Mutex
	brokers int
	topics  map[string]client.Topic
	configs map[string]map[string]client.ConfigEntry
	logs    map[connect.TopicPartition]*partitionLog
	fail    error            // of every administrative call
	refuse  map[string]error // of creating or growing a topic
	altered []client.ConfigChange
	wake    chan struct{} // closed and made anew when records come
	groups  map[string]*fakeGroup
	ids     int // of topics so far
	acls    []client.ACL
	noACLs  bool
	asked   map[string]int // calls, by name

	epochsAsked int // how often ends of leader epochs were asked for
}

type partitionLog struct {
	first   int64
	markers int64 // after the last record
	recs    []client.ConsumedRecord

	epoch      int32 // of the leader
	leaderless bool
}

func newCluster(brokers int) *cluster {
	return &cluster{
		brokers: brokers, topics: map[string]client.Topic{}, configs: map[string]map[string]client.ConfigEntry{},
		logs: map[connect.TopicPartition]*partitionLog{}, refuse: map[string]error{}, wake: make(chan struct{}),
		groups: map[string]*fakeGroup{},
	}
}

func (c *cluster) topic(name string, partitions int32, replication int16, config ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.topics[name].ID
	if id == "" {
		c.ids++
		id = fmt.Sprint("id", c.ids)
	}
	c.topics[name] = client.Topic{Name: name, Partitions: partitions, Replication: replication, ID: id}
	c.set(name, config...)
}

func (c *cluster) set(name string, config ...string) {
	m := c.configs[name]
	if m == nil {
		m = map[string]client.ConfigEntry{"cleanup.policy": {Value: "delete", Source: client.DefaultConfig}}
		c.configs[name] = m
	}
	for i := 0; i < len(config); i += 2 {
		m[config[i]] = client.ConfigEntry{Value: config[i+1], Source: client.TopicConfig}
	}
}

// remake deletes a topic and makes it anew.
func (c *cluster) remake(name string, partitions int32) {
	c.mu.Lock()
	delete(c.topics, name)
	for tp := range c.logs {
		if tp.Topic == name {
			delete(c.logs, tp)
		}
	}
	c.mu.Unlock()
	c.topic(name, partitions, 1)
}

// add appends records to a partition, and gives the last one's offset.
func (c *cluster) add(topic string, p int32, recs ...client.ConsumedRecord) (last int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.log(connect.TopicPartition{Topic: topic, Partition: p})
	for _, r := range recs {
		r.Topic, r.Partition, r.Offset, r.LeaderEpoch = topic, p, l.first+int64(len(l.recs)), l.epoch
		l.recs = append(l.recs, r)
		last = r.Offset
	}
	close(c.wake)
	c.wake = make(chan struct{})
	return last
}

func (c *cluster) log(tp connect.TopicPartition) *partitionLog {
	if c.logs[tp] == nil {
		c.logs[tp] = &partitionLog{}
	}
	return c.logs[tp]
}

func (c *cluster) edit(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// fakeClients opens clients of a source and a target; those that are not closed fail the test.
type fakeClients struct {
	source, target *cluster
	mu             sync.Mutex
	open, opened   int
	readerProps    map[string]string
	fetched        chan []client.FetchedBatches // by batch readers, before anything else
}

func newFakes(t testing.TB) *fakeClients {
	f := &fakeClients{source: newCluster(3), target: newCluster(2)}
	t.Cleanup(func() {
		if f.open != 0 {
			t.Errorf("%d clients are not closed", f.open)
		}
	})
	return f
}

func (f *fakeClients) cluster(props map[string]string) (*cluster, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch props["bootstrap.servers"] {
	case "h:1":
		f.open, f.opened = f.open+1, f.opened+1
		return f.source, nil
	case "h:2":
		f.open, f.opened = f.open+1, f.opened+1
		return f.target, nil
	}
	return nil, errors.New("bootstrap.servers is missing")
}

func (f *fakeClients) closed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
}

func (f *fakeClients) Admin(props map[string]string) (Admin, error) {
	c, err := f.cluster(props)
	if err != nil {
		return nil, err
	}
	return &fakeAdmin{cluster: c, f: f}, nil
}

func (f *fakeClients) Reader(props map[string]string) (Reader, error) {
	c, err := f.cluster(props)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.readerProps = props
	f.mu.Unlock()
	return &fakeReader{cluster: c, f: f}, nil
}

// Writer opens a producer that delivers at once.
func (f *fakeClients) Writer(props map[string]string, onDelivery func([]client.Delivery)) (client.Producer, error) {
	c, err := f.cluster(props)
	if err != nil {
		return nil, err
	}
	return &fakeWriter{cluster: c, f: f, onDelivery: onDelivery}, nil
}

type fakeWriter struct {
	*cluster
	f          *fakeClients
	onDelivery func([]client.Delivery)
}

func (w *fakeWriter) Send(ctx context.Context, recs []client.ProducerRecord) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var ds []client.Delivery
	for _, r := range recs {
		d := client.Delivery{Seq: r.Seq, Partition: max(r.Partition, 0), Offset: -1}
		w.edit(func() { d.Err = w.refuse[r.Topic] })
		if d.Err == nil {
			d.Offset = w.add(r.Topic, d.Partition, client.ConsumedRecord{Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: time.Now()})
		}
		ds = append(ds, d)
	}
	w.onDelivery(ds)
	return nil
}

func (w *fakeWriter) Flush(ctx context.Context) error { return ctx.Err() }

func (w *fakeWriter) Close() { w.f.closed() }

type fakeAdmin struct {
	*cluster
	f *fakeClients
}

func (a *fakeAdmin) Close() { a.f.closed() }

func (a *fakeAdmin) do(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	if a.asked == nil {
		a.asked = map[string]int{}
	}
	return f()
}

func (a *fakeAdmin) Shapes(ctx context.Context) (map[string]client.Topic, error) {
	return a.Topics(ctx)
}

func (a *fakeAdmin) TopicACLs(ctx context.Context) (acls []client.ACL, err error) {
	err = a.do(ctx, func() error {
		a.asked["acls"]++
		if a.noACLs {
			return client.ErrNoAuthorizer
		}
		acls = slices.Clone(a.acls)
		return nil
	})
	return acls, err
}

func (a *fakeAdmin) CreateTopicACLs(ctx context.Context, acls ...client.ACL) (map[client.ACL]error, error) {
	return nil, a.do(ctx, func() error {
		a.asked["create acls"]++
		if a.noACLs {
			return client.ErrNoAuthorizer
		}
		a.acls = append(a.acls, acls...)
		return nil
	})
}

func (a *fakeAdmin) Cluster(ctx context.Context) (c client.Cluster, err error) {
	err = a.do(ctx, func() error { c.Brokers = a.brokers; return nil })
	return c, err
}

func (a *fakeAdmin) Topics(ctx context.Context) (m map[string]client.Topic, err error) {
	err = a.do(ctx, func() error { m = maps.Clone(a.topics); return nil })
	return m, err
}

func (a *fakeAdmin) CreateTopics(ctx context.Context, specs ...client.TopicSpec) (map[string]error, error) {
	failed := map[string]error{}
	return failed, a.do(ctx, func() error {
		for _, s := range specs {
			if err := a.refuse[s.Name]; err != nil {
				failed[s.Name] = err
				continue
			}
			a.topics[s.Name] = client.Topic{Name: s.Name, Partitions: s.Partitions, Replication: s.Replication}
			a.set(s.Name)
			for k, v := range s.Config {
				a.set(s.Name, k, v)
			}
		}
		return nil
	})
}

func (a *fakeAdmin) CreatePartitions(ctx context.Context, counts map[string]int32) (map[string]error, error) {
	failed := map[string]error{}
	return failed, a.do(ctx, func() error {
		for name, n := range counts {
			if err := a.refuse[name]; err != nil {
				failed[name] = err
				continue
			}
			t := a.topics[name]
			if n <= t.Partitions {
				failed[name] = errors.New("can't shrink")
				continue
			}
			t.Partitions = n
			a.topics[name] = t
		}
		return nil
	})
}

func (a *fakeAdmin) TopicConfigs(ctx context.Context, topics ...string) (map[string]map[string]client.ConfigEntry, error) {
	out := map[string]map[string]client.ConfigEntry{}
	return out, a.do(ctx, func() error {
		for _, t := range topics {
			out[t] = maps.Clone(a.configs[t])
		}
		return nil
	})
}

func (a *fakeAdmin) AlterTopicConfigs(ctx context.Context, changes ...client.ConfigChange) (map[string]error, error) {
	return nil, a.do(ctx, func() error {
		a.altered = append(a.altered, changes...)
		for _, c := range changes {
			for k, v := range c.Set {
				a.set(c.Topic, k, v)
			}
			for _, k := range c.Delete {
				a.configs[c.Topic][k] = client.ConfigEntry{Source: client.DefaultConfig}
			}
		}
		return nil
	})
}

// fakeReader reads a cluster, one partition at a Poll.
type fakeReader struct {
	*cluster
	f      *fakeClients
	at     map[connect.TopicPartition]int64
	stuck  map[connect.TopicPartition]bool
	paused map[connect.TopicPartition]bool
	errs   []error // of the next polls
	deaf   bool    // nothing comes any more
	most   int64   // records of a Poll, 0 for any number
}

func (r *fakeReader) Assign(offsets map[connect.TopicPartition]int64) error {
	r.at, r.stuck, r.paused = map[connect.TopicPartition]int64{}, map[connect.TopicPartition]bool{}, map[connect.TopicPartition]bool{}
	for tp, o := range offsets {
		_ = r.Seek(tp, o)
	}
	return nil
}

func (r *fakeReader) Seek(tp connect.TopicPartition, offset int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.log(tp)
	switch offset {
	case client.Earliest:
		offset = l.first
	case client.Latest:
		offset = l.first + int64(len(l.recs))
	}
	r.at[tp] = offset
	delete(r.stuck, tp)
	delete(r.paused, tp)
	return nil
}

func (r *fakeReader) Pause(tps []connect.TopicPartition) error {
	for _, tp := range tps {
		r.paused[tp] = true
	}
	return nil
}

func (r *fakeReader) End(tp connect.TopicPartition) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.logs[tp]; l != nil {
		return l.first + int64(len(l.recs)) + l.markers
	}
	return -1
}

func (r *fakeReader) Throttled() time.Duration { return 0 }

func (r *fakeReader) Shapes(ctx context.Context, topics ...string) (map[string]client.Topic, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	out := map[string]client.Topic{}
	for _, name := range topics {
		if t, has := r.topics[name]; has {
			out[name] = t
		}
	}
	return out, ctx.Err()
}

func (r *fakeReader) Poll(ctx context.Context, timeout time.Duration) ([]client.ConsumedRecord, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		recs, wake, err := r.take()
		if len(recs) > 0 || err != nil {
			return recs, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, nil
		case <-wake:
		}
	}
}

func (r *fakeReader) take() ([]client.ConsumedRecord, chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errs) > 0 {
		err := r.errs[0]
		r.errs = r.errs[1:]
		return nil, r.wake, err
	}
	for tp, at := range r.at {
		if r.deaf {
			break
		}
		l := r.log(tp)
		switch end := l.first + int64(len(l.recs)); {
		case r.stuck[tp], r.paused[tp]:
		case at < l.first || at > end:
			r.stuck[tp] = true
			return nil, r.wake, errors.Join(&client.PartitionError{TopicPartition: tp, Err: client.ErrOffsetOutOfRange})
		case at < end:
			if r.most > 0 {
				end = min(end, at+r.most)
			}
			r.at[tp] = end
			return append([]client.ConsumedRecord(nil), l.recs[at-l.first:end-l.first]...), r.wake, nil
		}
	}
	return nil, r.wake, nil
}

func (r *fakeReader) ListOffsets(_ context.Context, specs map[connect.TopicPartition]int64, _ bool) (map[connect.TopicPartition]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return nil, r.fail
	}
	out := map[connect.TopicPartition]int64{}
	for tp, spec := range specs {
		l := r.logs[tp]
		if l == nil {
			return nil, &client.PartitionError{TopicPartition: tp, Err: client.ErrUnknownTopic}
		}
		out[tp] = l.first
		if spec == client.Latest {
			out[tp] += int64(len(l.recs)) + l.markers
		}
	}
	return out, nil
}

func (r *fakeReader) Close() error { r.f.closed(); return nil }
