package worker_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/storage/memlog"
	"github.com/connectd/connectd/worker"
)

// fakeTransactions are what the fake cluster knows of transactional producers: who has an id now.
type fakeTransactions struct {
	transactions bool // the leader writes the config topic with a privilege
	holders      map[string]*fakeTxnProducer
	fenced       []string // ids that were fenced off
	fencing      error    // what FenceProducers answers
	own          map[string]*memlog.Topic
}

func (k *fakeKafka) FenceProducers(_ context.Context, _ map[string]string, ids []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fencing != nil {
		return k.fencing
	}
	for _, id := range ids {
		delete(k.holders, id)
		k.fenced = append(k.fenced, id)
	}
	return nil
}

func (k *fakeKafka) failFencing(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fencing = err
}

func (k *fakeKafka) allFenced() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.fenced)
}

func (k *fakeKafka) OpenOffsets(_ context.Context, t worker.OffsetsTopic) (storage.Log, error) {
	return k.ownTopic(t.Name).Log(), nil
}

func (k *fakeKafka) ownTopic(name string) *memlog.Topic {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own == nil {
		k.own = map[string]*memlog.Topic{}
	}
	if k.own[name] == nil {
		k.own[name] = memlog.New(2)
	}
	return k.own[name]
}

// fakeTxnProducer writes what it was sent when it commits. Offsets go to the log that has their topic.
type fakeTxnProducer struct {
	kafka   *fakeKafka
	id      string
	deliver func([]client.Delivery)
	open    []client.ProducerRecord
}

func (p *fakeTxnProducer) Init(context.Context) error {
	p.kafka.mu.Lock()
	defer p.kafka.mu.Unlock()
	if p.kafka.holders == nil {
		p.kafka.holders = map[string]*fakeTxnProducer{}
	}
	p.kafka.holders[p.id] = p
	return nil
}

func (p *fakeTxnProducer) holds() error {
	p.kafka.mu.Lock()
	defer p.kafka.mu.Unlock()
	if p.kafka.holders[p.id] != p {
		return fmt.Errorf("%s: %w", p.id, client.ErrFenced)
	}
	return nil
}

func (p *fakeTxnProducer) Begin() error { return p.holds() }

func (p *fakeTxnProducer) Send(_ context.Context, recs []client.ProducerRecord) error {
	ds := make([]client.Delivery, len(recs))
	for i, r := range recs {
		r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
		p.open = append(p.open, r)
		ds[i] = client.Delivery{Seq: r.Seq}
	}
	p.deliver(ds)
	return nil
}

func (p *fakeTxnProducer) Commit(ctx context.Context) error {
	if err := p.holds(); err != nil {
		return err
	}
	for _, r := range p.open {
		log := p.kafka.stores[worker.OffsetStore]
		p.kafka.mu.Lock()
		own := p.kafka.own[r.Topic]
		p.kafka.mu.Unlock()
		switch {
		case own != nil:
			log = own
		case r.Topic != "o":
			p.kafka.produce(r)
			continue
		}
		if err := log.Log().Append(ctx, storage.KV{Key: r.Key, Value: r.Value}); err != nil {
			return err
		}
	}
	p.open = nil
	return nil
}

func (p *fakeTxnProducer) Abort(context.Context) error {
	p.open = nil
	return p.holds()
}

func (p *fakeTxnProducer) Flush(context.Context) error { return nil }
func (p *fakeTxnProducer) Close()                      {}
