package worker

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker/task"
	"github.com/connectd/connectd/worker/workerconf"
)

// OffsetsTopic is a topic for the source offsets of one connector (KIP-618), with the properties of the clients to it, which are
// the connector's: it lies in the cluster to which the connector writes.
type OffsetsTopic struct {
	workerconf.StorageTopic
	Producer, Consumer, Admin map[string]string
}

// connectorOffsets are where the offsets of one source connector are kept: in the worker's topic, or in one of its own and then in the
// worker's too, in which they are found when the property is taken away again.
type connectorOffsets struct {
	w     *Worker
	topic string               // the first to be written to
	own   *storage.OffsetStore // nil: the worker's
	done  func()               // must be called once when they are not needed any more
}

// ownOffsets are the connectors' own topics that are open, shared by a connector and its tasks.
type ownOffsets struct {
	mu   sync.Mutex
	open map[string]*ownTopic
}

type ownTopic struct {
	users int
	ready chan struct{} // closed when store or err is there
	store *storage.OffsetStore
	err   error
}

// offsetsFor opens what a source connector needs.
func (w *Worker) offsetsFor(ctx context.Context, name string, conf, producer map[string]string) (*connectorOffsets, error) {
	worker := w.cfg.Conf.OffsetTopic
	topic := strings.TrimSpace(conf["offsets.storage.topic"])
	o := &connectorOffsets{w: w, topic: cmp.Or(topic, worker.Name), done: func() {}}
	elsewhere := producer["bootstrap.servers"] != w.cfg.Conf.Raw["bootstrap.servers"] && w.cfg.Conf.ExactlyOnce.Enabled()
	if o.topic == worker.Name && !elsewhere {
		return o, nil
	}
	t := OffsetsTopic{StorageTopic: worker, Producer: maps.Clone(producer)}
	t.Name = o.topic
	delete(t.Producer, "transactional.id") // tasks write in their own transactions
	t.Consumer = clientconf.SourceOffsetsConsumerProps(w.cfg.Conf.Raw, conf, name, "connector-consumer-"+name, w.cfg.Conf.ExactlyOnce.Enabled())
	delete(t.Consumer, "group.id")
	t.Admin = clientconf.TaskAdminProps(w.cfg.Conf.Raw, conf, "connector-adminclient-"+name)
	delete(t.Producer, "client.id") // or each task would have a topic of its own
	t.Producer["client.id"] = "connector-offset-producer-" + name
	var err error
	o.own, o.done, err = w.own.get(ctx, w, t)
	return o, err
}

// key tells topics with their clients apart.
func (t *OffsetsTopic) key() string {
	var b strings.Builder
	for _, m := range []map[string]string{{"topic": t.Name}, t.Producer, t.Consumer, t.Admin} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(&b, "%q=%q,", k, m[k])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (o *ownOffsets) get(ctx context.Context, w *Worker, t OffsetsTopic) (*storage.OffsetStore, func(), error) {
	key := t.key()
	o.mu.Lock()
	if o.open == nil {
		o.open = map[string]*ownTopic{}
	}
	topic, first := o.open[key], false
	if topic == nil {
		topic, first = &ownTopic{ready: make(chan struct{})}, true
		o.open[key] = topic
	}
	topic.users++
	o.mu.Unlock()
	release := sync.OnceFunc(func() { o.release(w, key, topic) })
	if first {
		topic.store, topic.err = openOwn(ctx, w, t)
		close(topic.ready)
	}
	select {
	case <-topic.ready:
	case <-ctx.Done():
		release()
		return nil, nil, ctx.Err()
	}
	if topic.err != nil {
		release()
		return nil, nil, topic.err
	}
	return topic.store, release, nil
}

func openOwn(ctx context.Context, w *Worker, t OffsetsTopic) (*storage.OffsetStore, error) {
	log, err := w.cfg.Kafka.OpenOffsets(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("offsets.storage.topic=%s: %w", t.Name, err)
	}
	s := storage.NewOffsetStore(fenced(log, w.isMember), w.cfg.Logs.Named("storage"))
	if err := s.Start(ctx); err != nil {
		w.closing("offset", s.Close())
		return nil, fmt.Errorf("offsets.storage.topic=%s: %w", t.Name, err)
	}
	return s, nil
}

// release closes a topic after its last user, and has one that could not be opened tried again by the next.
func (o *ownOffsets) release(w *Worker, key string, topic *ownTopic) {
	o.mu.Lock()
	topic.users--
	last := topic.users == 0
	if last && o.open[key] == topic {
		delete(o.open, key)
	}
	o.mu.Unlock()
	if last && topic.store != nil {
		w.closing("offset", topic.store.Close())
	}
}

// closeAll closes what users left open that were abandoned.
func (o *ownOffsets) closeAll(w *Worker) {
	o.mu.Lock()
	open := o.open
	o.open = nil
	o.mu.Unlock()
	for _, topic := range open {
		select {
		case <-topic.ready:
			if topic.store != nil {
				w.closing("offset", topic.store.Close())
			}
		default:
		}
	}
}

// reader reads the connector's offsets: those of its own topic count before the worker's.
func (o *connectorOffsets) reader(connector string) connect.OffsetReader {
	if o.own == nil {
		return o.w.offsets.Reader(connector)
	}
	return bothReader{o.own.Reader(connector), o.w.offsets.Reader(connector)}
}

type bothReader struct{ own, worker connect.OffsetReader }

func (r bothReader) Offsets(ctx context.Context, partitions []connect.Entries) ([]connect.Entries, error) {
	out, err := r.own.Offsets(ctx, partitions)
	if err != nil || !slices.ContainsFunc(out, func(e connect.Entries) bool { return e == nil }) {
		return out, err
	}
	before, err := r.worker.Offsets(ctx, partitions)
	if err != nil {
		return nil, err
	}
	for i, e := range out {
		if e == nil {
			out[i] = before[i]
		}
	}
	return out, nil
}

// list gives all of the connector's offsets.
func (o *connectorOffsets) list(ctx context.Context, connector string) ([]storage.Pair, error) {
	out, err := o.w.offsets.Connector(ctx, connector)
	if err != nil || o.own == nil {
		return out, err
	}
	own, err := o.own.Connector(ctx, connector)
	if err != nil {
		return nil, err
	}
	for _, p := range own {
		if i := slices.IndexFunc(out, func(q storage.Pair) bool { return sameEntries(p.Partition, q.Partition) }); i >= 0 {
			out[i] = p
		} else {
			out = append(out, p)
		}
	}
	return out, nil
}

// Set implements task.OffsetStore. Removals go to the worker's topic first: what is removed must not be found there again.
func (o *connectorOffsets) Set(ctx context.Context, connector string, pairs []task.OffsetPair) error {
	all := storagePairs(pairs)
	if o.own == nil {
		return o.w.offsets.Set(ctx, connector, all)
	}
	removed, kept := parted(all)
	if err := o.w.offsets.Set(ctx, connector, removed); err != nil {
		return err
	}
	if err := o.own.Set(ctx, connector, all); err != nil {
		return err
	}
	return o.w.offsets.Set(ctx, connector, kept)
}

func parted(pairs []storage.Pair) (removed, kept []storage.Pair) {
	for _, p := range pairs {
		if p.Offset == nil {
			removed = append(removed, p)
		} else {
			kept = append(kept, p)
		}
	}
	return removed, kept
}

func storagePairs(pairs []task.OffsetPair) []storage.Pair {
	out := make([]storage.Pair, len(pairs))
	for i, p := range pairs {
		out[i] = storage.Pair(p)
	}
	return out
}

// stored gives what is told of offsets that a transaction has put into the connector's own topic: the worker's gets them too, without
// anybody waiting for it. Nil where the transaction has put them there.
func (o *connectorOffsets) stored(connector string) func([]task.OffsetPair) {
	if o.own == nil {
		return nil
	}
	var mu sync.Mutex
	waiting := map[string]storage.KV{} // by key: newer offsets of a partition replace older ones
	busy := false
	next := func() (kvs []storage.KV) {
		mu.Lock()
		defer mu.Unlock()
		kvs = slices.Collect(maps.Values(waiting))
		clear(waiting)
		busy = len(kvs) > 0
		return kvs
	}
	write := func() {
		for kvs := next(); len(kvs) > 0; kvs = next() {
			ctx, cancel := context.WithTimeout(o.w.life, o.w.cfg.Conf.OffsetFlushTimeout)
			if err := o.w.offsets.Append(ctx, connector, kvs); err != nil {
				o.w.log.Warn("offsets are not in the worker's own topic; the connector's has them", "connector", connector, "error", err)
			}
			cancel()
		}
	}
	return func(pairs []task.OffsetPair) {
		kvs, err := storage.OffsetRecords(connector, storagePairs(pairs))
		if err != nil {
			return // they could not have been committed
		}
		mu.Lock()
		defer mu.Unlock()
		for _, kv := range kvs {
			waiting[string(kv.Key)] = kv
		}
		if !busy {
			busy = true
			o.w.effects.Go(write)
		}
	}
}
