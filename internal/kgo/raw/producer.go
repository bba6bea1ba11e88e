package raw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/kgo/raw/sequence"
)

var (
	_ client.BatchProducer        = (*Producer)(nil)
	_ client.TransactionalBatches = (*Producer)(nil)
)

// errAbandoned is the outcome of what was given up by Abandon, or because the producer can't go on.
var errAbandoned = errors.New("the write was given up; it may count if a broker has it")

// Producer writes whole record batches. It implements client.BatchProducer, and client.TransactionalBatches if its settings name a
// transactional.id.
//
// Partitions take turns in filling requests, one batch of each per request. While nothing is in flight to a broker, a batch is sent at
// once; otherwise it waits until requests are worth it, for linger.ms at most. A partition's order is kept by [sequence.Line].
//
// acks=0 counts as 1: without answers nothing could be told of outcomes.
type Producer struct {
	cl    *Cluster
	set   *clientconf.ProducerSettings
	lines sequence.Config
	log   hclog.Logger
	onDel func([]client.Delivery)
	// patience is the constant of this name, but for tests.
	patience time.Duration

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	stir    chan struct{} // the keeper has something to look at
	outcome chan struct{} // the deliverer has
	space   chan struct{} // Send or Flush may have
	wantID  chan struct{}

	mu      sync.Mutex
	topics  map[string]*outTopic
	brokers map[int32]*outBroker
	conns   uint64 // connections so far
	resting map[*lane]struct{}
	learnt  uint64    // version of the metadata
	looked  time.Time // at all lanes
	id      sequence.ID
	hasID   bool
	asking  bool // for another producer id
	bytes   int64
	sent    uint64 // batches with a Delivery
	given   uint64 // Deliveries
	outbox  []client.Delivery
	out     sequence.Out[parcel]
	letGo   []*client.Hold
	fatal   error
	closed  bool
	txn     *transaction // nil without transactional.id
}

// parcel is a batch with what the producer knows of it.
type parcel struct {
	client.RawBatch
	// own is one without a Delivery.
	own bool
}

type batch = sequence.Batch[parcel]

// NewProducer opens a producer for settings of the role Producer. It does not wait for a broker. onDelivery gets outcomes, in order for
// each partition, from one goroutine of the producer's; the slice is the producer's again when it returns. log may be nil.
func NewProducer(s *clientconf.Settings, log hclog.Logger, onDelivery func([]client.Delivery)) (*Producer, error) {
	if s.Producer == nil {
		return nil, errors.New("a batch producer needs the settings of a producer")
	}
	if log == nil {
		log = hclog.NewNullLogger()
	}
	cl, err := NewCluster(s, ClusterOptions{CreateTopics: true, Buffers: NewBuffers(1 << 20), Log: log})
	if err != nil {
		return nil, err
	}
	set := s.Producer
	p := &Producer{
		cl: cl, set: set, log: log, onDel: onDelivery, patience: patience,
		lines: sequence.Config{
			Window: set.MaxInFlight, Idempotent: set.Idempotence, Transactional: set.TransactionalID != "", Retries: set.Retries,
		},
		stir: make(chan struct{}, 1), outcome: make(chan struct{}, 1), space: make(chan struct{}, 1), wantID: make(chan struct{}, 1),
		topics: map[string]*outTopic{}, brokers: map[int32]*outBroker{}, resting: map[*lane]struct{}{}, id: sequence.NoID,
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if set.TransactionalID != "" {
		p.patience = transactionPatience
		p.txn = newTransaction(p)
	} else if set.Idempotence {
		p.work.Go(p.identify)
		signal(p.wantID)
	}
	p.work.Go(p.keep)
	p.work.Go(p.deliver)
	return p, nil
}

// Send implements client.BatchProducer.
func (p *Producer) Send(ctx context.Context, batches []client.RawBatch) (int, error) {
	for i := range batches {
		if err := p.send(ctx, parcel{RawBatch: batches[i]}); err != nil {
			return i, err
		}
	}
	return len(batches), nil
}

func (p *Producer) send(ctx context.Context, b parcel) error {
	if len(b.Bytes) <= rawbatch.HeaderSize || b.Records < 1 || b.Partition < 0 {
		return &client.RecordError{Seq: b.Seq, Err: fmt.Errorf("%w: a batch of %d bytes and %d records for partition %d of topic %q",
			client.ErrCorrupt, len(b.Bytes), b.Records, b.Partition, b.Topic)}
	}
	for {
		queued, err := p.queue(b)
		if queued || err != nil {
			return err
		}
		select {
		case <-p.space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// queue takes a batch if there is room. One that is larger than all the room goes alone.
func (p *Producer) queue(b parcel) (bool, error) {
	p.mu.Lock()
	defer p.unlock()
	if err := p.usable(); err != nil {
		return false, err
	}
	size := int64(len(b.Bytes))
	if p.bytes > 0 && p.bytes+size > p.set.BufferMemory {
		return false, nil
	}
	l := p.lane(b.Topic, b.Partition)
	if p.bytes == 0 {
		signal(p.stir) // there are deadlines now
	}
	p.bytes += size
	l.bytes += size
	if b.own {
		p.txn.own++
	} else {
		p.sent++
	}
	l.seq.Add(&batch{Of: b, Records: b.Records, Deadline: time.Now().Add(p.set.DeliveryTimeout)}, &p.out)
	p.settled(l)
	return true, nil
}

// usable tells why nothing can be sent. The lock is held.
func (p *Producer) usable() error {
	switch {
	case p.closed:
		return fmt.Errorf("the producer is %w", ErrClosed)
	case p.fatal != nil:
		return p.fatal
	case p.txn != nil:
		return p.txn.usable()
	}
	return nil
}

// unlock ends what was begun with the lock, and lets go of what is not needed any more without it.
func (p *Producer) unlock() {
	free, told := p.letGo, len(p.outbox) > 0
	p.letGo = nil
	p.mu.Unlock()
	for _, h := range free {
		h.Release()
	}
	if told {
		signal(p.outcome)
	}
	if len(free) > 0 {
		signal(p.space)
	}
}

// settled takes in what an event brought a lane, and lets it go on. The lock is held.
func (p *Producer) settled(l *lane) {
	for _, d := range p.out.Done {
		b := &d.Batch.Of
		if d.Err != nil && p.txn != nil {
			p.txn.failed(d.Err)
		}
		if b.own {
			p.txn.own--
			continue
		}
		p.outbox = append(p.outbox, client.Delivery{Seq: b.Seq, Partition: b.Partition, Offset: d.Offset, Err: d.Err})
	}
	for _, f := range p.out.Free {
		size := int64(len(f.Of.Bytes))
		p.bytes -= size
		l.bytes -= size
		p.letGo = append(p.letGo, f.Of.Hold)
		f.Of.Bytes, f.Of.Hold = nil, nil
	}
	p.out.Reset()
	p.next(l)
}

// GoOn implements client.BatchProducer.
func (p *Producer) GoOn(topic string, partition int32) {
	p.mu.Lock()
	defer p.unlock()
	if t := p.topics[topic]; t != nil {
		if l := t.lanes[partition]; l != nil {
			l.seq.Resume()
		}
	}
}

// Flush implements client.BatchProducer.
func (p *Producer) Flush(ctx context.Context) error {
	for {
		p.mu.Lock()
		over, closed := p.given == p.sent, p.closed
		p.mu.Unlock()
		switch {
		case over:
			return nil
		case closed:
			return fmt.Errorf("the producer is %w", ErrClosed)
		}
		select {
		case <-p.space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Backlog implements client.BatchProducer.
func (p *Producer) Backlog(topic string, partition int32) client.Backlog {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.topics[topic]
	if t == nil || t.lanes[partition] == nil {
		return client.Backlog{}
	}
	l := t.lanes[partition]
	b := client.Backlog{InFlight: l.seq.InFlight(), Most: l.seq.Window(), Batches: l.seq.Waiting(), Bytes: l.bytes - l.flying}
	if l.broker != nil {
		b.RoundTrip = l.broker.trips.get()
	}
	return b
}

// Throttled implements client.BatchProducer.
func (p *Producer) Throttled() time.Duration { return p.cl.Throttled() }

// Stats is what a producer holds.
type Stats struct {
	// Bytes and Batches have no outcome, or are still in flight.
	Bytes int64
	// Batches have no Delivery.
	Batches int
	// Requests are in flight.
	Requests int
}

// Stats tells what the producer holds at present.
func (p *Producer) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Bytes: p.bytes, Batches: int(p.sent - p.given)}
	for _, b := range p.brokers {
		s.Requests += b.flying
	}
	return s
}

// Abandon implements client.BatchProducer.
func (p *Producer) Abandon() {
	p.mu.Lock()
	defer p.unlock()
	p.abandon(errAbandoned)
}

// abandon gives up all that has no outcome. The lock is held.
func (p *Producer) abandon(err error) {
	for _, t := range p.topics {
		for _, l := range t.lanes {
			l.seq.Abandon(err, &p.out)
			p.settled(l)
		}
	}
}

// die ends the producer: nothing it does can succeed any more. The lock is held.
func (p *Producer) die(err error) {
	if p.fatal != nil {
		return
	}
	p.fatal = fmt.Errorf("%w: %w", client.ErrFatal, err)
	p.log.Error("The batch producer cannot go on", "error", err)
	p.abandon(p.fatal)
	signal(p.space)
}

// deliver hands outcomes on, one goroutine for all.
func (p *Producer) deliver() {
	var ds []client.Delivery
	for {
		select {
		case <-p.outcome:
		case <-p.ctx.Done():
			return
		}
		p.mu.Lock()
		ds, p.outbox = p.outbox, ds[:0]
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return
		}
		if len(ds) == 0 {
			continue
		}
		p.onDel(ds)
		p.mu.Lock()
		p.given += uint64(len(ds))
		p.mu.Unlock()
		clear(ds)
		signal(p.space)
	}
}

// Close implements client.BatchProducer.
func (p *Producer) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.work.Wait()
		return
	}
	p.closed = true
	for _, b := range p.brokers {
		b.stopTimer()
	}
	p.mu.Unlock()
	p.cancel()
	p.cl.Close() // all replies were called, so that nothing is in flight
	p.work.Wait()
	p.mu.Lock()
	p.abandon(ErrClosed)
	p.outbox = nil
	p.unlock()
	signal(p.space)
}
