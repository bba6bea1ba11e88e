package raw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/testkit"
)

// outbox keeps what a producer tells, and counts memory that was let go.
type outbox struct {
	mu    sync.Mutex
	all   []client.Delivery
	sent  map[uint64]string // what each batch holds, by Seq
	freed map[uint64]int
	next  uint64
}

func newOutbox() *outbox { return &outbox{sent: map[uint64]string{}, freed: map[uint64]int{}} }

func (o *outbox) take(ds []client.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, ds...)
}

func (o *outbox) deliveries() []client.Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.all)
}

// batch makes a batch of records with these values.
func (o *outbox) batch(topic string, partition int32, values ...string) client.RawBatch {
	kvs := make([]client.KV, len(values))
	for i, v := range values {
		kvs[i] = client.KV{Value: []byte(v)}
	}
	raw, crc := rawbatch.EncodeKVs(kvs, time.Now().UnixMilli()) // older ones, brokers delete while a test takes long
	o.mu.Lock()
	defer o.mu.Unlock()
	seq := o.next
	o.next++
	o.sent[seq] = strings.Join(values, " ")
	return client.RawBatch{
		Seq: seq, Topic: topic, Partition: partition, Bytes: raw, Records: int32(len(values)), BodyCRC: crc,
		Hold: client.NewHold(func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.freed[seq]++
			clear(raw) // whoever needs it yet would send garbage
		}),
	}
}

// allFreed checks that the memory of all batches was let go of once.
func (o *outbox) allFreed(t *testing.T) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for seq := range o.next {
		if o.freed[seq] != 1 {
			t.Errorf("the memory of batch %d was let go of %d times", seq, o.freed[seq])
		}
	}
}

// producer opens one that is closed with the test.
func producer(t *testing.T, servers string, props map[string]string) (*Producer, *outbox) {
	t.Helper()
	o := newOutbox()
	p, err := NewProducer(settings(t, clientconf.Producer, servers, props), nil, o.take)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		o.allFreed(t)
	})
	return p, o
}

func send(t *testing.T, p *Producer, batches ...client.RawBatch) {
	t.Helper()
	if n, err := p.Send(within(t, time.Minute), batches); err != nil || n != len(batches) {
		t.Fatalf("%d of %d batches were taken: %v", n, len(batches), err)
	}
}

func flush(t *testing.T, p *Producer) {
	t.Helper()
	if err := p.Flush(within(t, 2*time.Minute)); err != nil {
		t.Fatalf("flush: %v, holds %+v", err, p.Stats())
	}
}

// failures lists the errors of deliveries by Seq.
func (o *outbox) failures() map[uint64]error {
	errs := map[uint64]error{}
	for _, d := range o.deliveries() {
		if d.Err != nil {
			errs[d.Seq] = d.Err
		}
	}
	return errs
}

// whole checks that no batch has failed.
func (o *outbox) whole(t *testing.T, count int) {
	t.Helper()
	if errs := o.failures(); len(errs) > 0 {
		t.Fatalf("batches have failed: %v", errs)
	}
	if got := len(o.deliveries()); got != count {
		t.Fatalf("%d of %d batches have an outcome", got, count)
	}
}

// read gives the values of a partition, up to the record count.
func read(t *testing.T, servers, topic string, partition int32, count int, opts ...kgo.Opt) []string {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(strings.Split(servers, ",")...), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var values []string
	ctx := within(t, time.Minute)
	for len(values) < count {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s-%d holds %d of %d records: %v", topic, partition, len(values), count, fetches.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// numbered are n values.
func numbered(from, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprint(from + i)
	}
	return values
}

// ascending checks that a partition holds 0 to n-1, each once and in order.
func ascending(t *testing.T, got []string, n int) {
	t.Helper()
	if !slices.Equal(got, numbered(0, n)) {
		t.Fatalf("records are %v, want 0 to %d", got, n-1)
	}
}

// eventually waits for a condition of a producer's.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if !is() {
			return errors.New(what)
		}
		return nil
	})
}
