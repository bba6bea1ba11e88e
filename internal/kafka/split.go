package kafka

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/client"
)

// batchSizes are the sizes of batches, in bytes, to which a topic falls back that does not take larger ones: Java's default, and
// one record each. librdkafka fails the records of a batch that the broker finds too large, where Java's producer splits it.
var batchSizes = []int{16384, 1}

// TaskProducer is a Producer that can send some topics' records in smaller batches. It implements client.Producer and
// client.Splitter. For each size there is a client, opened when a topic needs it.
type TaskProducer struct {
	settings map[string]string
	log      hclog.Logger

	deliverMu sync.Mutex
	onDel     func([]client.Delivery)

	size  int // of batches in lanes[0]
	lanes map[int]*Producer
	small map[string]int // topic -> size, for those that fell back
}

var _ client.Splitter = (*TaskProducer)(nil)

// NewTaskProducer opens a producer as NewProducer does.
func NewTaskProducer(settings map[string]string, log hclog.Logger, onDelivery func([]client.Delivery)) (*TaskProducer, error) {
	p := &TaskProducer{
		settings: settings, log: log, onDel: onDelivery, lanes: map[int]*Producer{}, small: map[string]int{},
	}
	p.size, _ = strconv.Atoi(settings["batch.size"]) // librdkafka refuses it otherwise
	if p.size == 0 {
		p.size = 1_000_000 // librdkafka's default
	}
	_, err := p.lane(p.size)
	return p, err
}

// lane gives the client for batches of a size.
func (p *TaskProducer) lane(size int) (*Producer, error) {
	if l := p.lanes[size]; l != nil {
		return l, nil
	}
	settings := p.settings
	if size != p.size {
		settings = maps.Clone(settings)
		settings["batch.size"] = strconv.Itoa(size)
	}
	l, err := NewProducer(settings, p.log, p.deliver)
	if err == nil {
		p.lanes[size] = l
	}
	return l, err
}

func (p *TaskProducer) deliver(ds []client.Delivery) {
	p.deliverMu.Lock()
	defer p.deliverMu.Unlock()
	p.onDel(ds)
}

// Split implements client.Splitter. A record as large as a batch had one of its own.
func (p *TaskProducer) Split(ctx context.Context, topic string, size int) bool {
	now, fallen := p.small[topic]
	if !fallen {
		now = p.size
	}
	next := slices.IndexFunc(batchSizes, func(s int) bool { return s < now })
	if next < 0 || size >= now {
		return false
	}
	// Records of this topic that are under way must not be overtaken.
	if p.Flush(ctx) != nil {
		return false
	}
	p.small[topic] = batchSizes[next]
	if p.log != nil {
		p.log.Warn("a topic does not take batches of this size; its records are sent in smaller ones from now on", "topic", topic,
			"batch.size", now, "now", batchSizes[next])
	}
	return true
}

// Send implements client.Producer.
func (p *TaskProducer) Send(ctx context.Context, recs []client.ProducerRecord) error {
	for len(recs) > 0 {
		n, size := p.run(recs)
		l, err := p.lane(size)
		if err != nil {
			return err
		}
		if err := l.Send(ctx, recs[:n]); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return nil
}

// run counts the records at the beginning that go one way.
func (p *TaskProducer) run(recs []client.ProducerRecord) (n, size int) {
	if len(p.small) == 0 {
		return len(recs), p.size
	}
	of := func(topic string) int {
		if s, fallen := p.small[topic]; fallen {
			return s
		}
		return p.size
	}
	size = of(recs[0].Topic)
	for n = 1; n < len(recs) && of(recs[n].Topic) == size; n++ {
	}
	return n, size
}

// Flush implements client.Producer.
func (p *TaskProducer) Flush(ctx context.Context) error {
	for _, l := range p.lanes {
		if err := l.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close implements client.Producer.
func (p *TaskProducer) Close() {
	for _, l := range p.lanes {
		l.Close()
	}
}
