package kafka

import (
	"context"
	"maps"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// LogsOptions describe the clients behind internal topics.
type LogsOptions struct {
	// Producer and Consumer are librdkafka settings.
	Producer, Consumer map[string]string
	// ReadCommitted hides records of open and aborted transactions.
	ReadCommitted bool
	Log           hclog.Logger
	// OnError gets what goes wrong while a topic is tailed: the topic is gone, was made anew or cut, may not be read.
	// Tailing goes on as soon as it can. It may be nil.
	OnError func(topic string, err error)
}

// logProducerDefaults are Java's settings for internal topics; what the caller gives comes first.
var logProducerDefaults = map[string]string{
	"delivery.timeout.ms": "2147483647", // Append is bounded by its context
	"linger.ms":           "0",
	"compression.type":    "none",
}

// Logs opens internal topics. All of them share one producer, and each has a reader of its own: a worker without
// connectors stays small.
type Logs struct {
	o LogsOptions
	p *Producer
	// sending is held by the one Append that hands records to the producer.
	sending chan struct{}

	mu      sync.Mutex
	seq     uint64
	waiting map[uint64]*pendingAppend
}

// pendingAppend is one Append that waits for acknowledgements.
type pendingAppend struct {
	left int
	err  error
	done chan struct{}
}

// NewLogs opens the clients; it does not wait for a broker.
func NewLogs(o LogsOptions) (*Logs, error) {
	l := &Logs{o: o, waiting: map[uint64]*pendingAppend{}, sending: make(chan struct{}, 1)}
	settings := maps.Clone(logProducerDefaults)
	maps.Copy(settings, o.Producer)
	p, err := NewProducer(settings, o.Log, l.deliver)
	if err != nil {
		return nil, err
	}
	l.p = p
	return l, nil
}

// Close releases the producer. Logs that were opened are closed by themselves, before.
func (l *Logs) Close() {
	l.p.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq, a := range l.waiting {
		delete(l.waiting, seq)
		a.settle(ErrClosed)
	}
}

// Open prepares a topic, which must exist when Start is called. The result implements storage.Log.
func (l *Logs) Open(topic string) *Log { return l.OpenNew(topic, 0) }

// OpenNew is Open for a topic that the caller made a moment ago with so many partitions: nothing is in it, so Start does
// not ask for its end, which the brokers cannot tell before each partition has a leader. 0 is Open.
func (l *Logs) OpenNew(topic string, partitions int32) *Log {
	log := l.o.Log
	if log == nil {
		log = hclog.NewNullLogger()
	}
	life, cancel := context.WithCancel(context.Background())
	return &Log{
		logs: l, topic: topic, log: log, life: life, cancel: cancel, empty: partitions,
		committed: l.o.ReadCommitted, next: map[connect.TopicPartition]int64{}, moved: make(chan struct{}), cut: map[connect.TopicPartition]bool{},
	}
}

func (l *Logs) deliver(ds []client.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range ds {
		if a := l.waiting[d.Seq]; a != nil {
			delete(l.waiting, d.Seq)
			a.settle(d.Err)
		}
	}
}

// settle counts the outcome of one record.
func (a *pendingAppend) settle(err error) {
	a.left--
	if err != nil && a.err == nil {
		a.err = err
	}
	if a.left == 0 {
		close(a.done)
	}
}

func (l *Logs) send(ctx context.Context, topic string, kvs []client.KV) (*pendingAppend, error) {
	recs := make([]client.ProducerRecord, len(kvs))
	a := &pendingAppend{left: len(kvs), done: make(chan struct{})}
	select {
	case l.sending <- struct{}{}:
		defer func() { <-l.sending }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	for i, kv := range kvs {
		l.seq++
		l.waiting[l.seq] = a
		recs[i] = client.ProducerRecord{Seq: l.seq, Topic: topic, Partition: connect.NoPartition, Key: kv.Key, Value: kv.Value, TimestampMs: -1}
	}
	l.mu.Unlock()
	if err := l.p.Send(ctx, recs); err != nil {
		l.forget(recs)
		return nil, err
	}
	return a, nil
}

// forget drops the wait for records whose outcome nobody wants any more.
func (l *Logs) forget(recs []client.ProducerRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range recs {
		delete(l.waiting, recs[i].Seq)
	}
}
