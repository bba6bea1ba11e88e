package kafka

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// outcomes sends n records of a kilobyte each, changed by change, and gives what became of them in order of their numbers.
func outcomes(t *testing.T, p client.Producer, ds *deliveries, topic string, first, n int, change func(i int, r *client.ProducerRecord)) []client.Delivery {
	t.Helper()
	var recs []client.ProducerRecord
	for i := range n {
		r := client.ProducerRecord{
			Seq: uint64(first + i), Topic: topic, Value: []byte(strings.Repeat("x", 1000)), TimestampMs: time.Now().UnixMilli(),
		}
		change(i, &r)
		recs = append(recs, r)
	}
	if err := p.Send(within(t), recs); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	out := ds.all
	ds.all = nil
	slices.SortFunc(out, func(a, b client.Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
	if len(out) != n {
		t.Fatalf("%d outcomes of %d records", len(out), n)
	}
	return out
}

// failedRun checks that the failures are one run of records with this error, that what was delivered kept its order, and gives the
// run.
func failedRun(t *testing.T, ds []client.Delivery, want error) (from, to int) {
	t.Helper()
	from, to = -1, -1
	offset := int64(-1)
	for i, d := range ds {
		switch {
		case d.Err == nil && d.Offset <= offset:
			t.Errorf("record %d has offset %d, one before it %d", i, d.Offset, offset)
		case d.Err == nil:
			offset = d.Offset
		case !errors.Is(d.Err, want) || errors.Is(d.Err, client.ErrFatal):
			t.Errorf("record %d: %v, want %v", i, d.Err, want)
		case from >= 0 && to != i:
			t.Errorf("record %d failed apart from the others", i)
		default:
			if from < 0 {
				from = i
			}
			to = i + 1
		}
	}
	return from, to
}

// known waits until the broker leads the first partition of topics that were just made.
func known(t *testing.T, servers map[string]string, topics ...string) {
	t.Helper()
	r, err := NewReader(servers, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	specs := map[connect.TopicPartition]int64{}
	for _, topic := range topics {
		specs[connect.TopicPartition{Topic: topic}] = Latest
	}
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		_, err := r.ListOffsets(ctx, specs, false)
		return err
	})
}

// TestUndeliverableRecords holds librdkafka, against a broker, to what a source task builds on: an error that is one record's, or
// its batch's, leaves the producer usable, with and without idempotence; what was in flight behind it is delivered in order, in spite
// of several requests at a time.
func TestUndeliverableRecords(t *testing.T) {
	b := testkit.StartBroker(t, testkit.Property("auto.create.topics.enable", "false"))
	base := map[string]string{"bootstrap.servers": b.Bootstrap}
	topics := map[string]map[string]string{
		"large": {"max.message.bytes": "30000"}, "time": {"message.timestamp.before.max.ms": "3600000"},
	}
	a, err := NewAdmin(base, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for name, conf := range topics {
		if _, err := a.CreateTopics(within(t), client.TopicSpec{Name: name, Partitions: 1, Replication: 1, Config: conf}); err != nil {
			t.Fatal(err)
		}
	}
	known(t, base, "large", "time")
	for _, idempotent := range []string{"true", "false"} {
		t.Run("idempotence "+idempotent, func(t *testing.T) {
			var ds deliveries
			props := with(base, "enable.idempotence", idempotent, "max.in.flight.requests.per.connection", "5", "batch.size", "16384",
				"topic.metadata.propagation.max.ms", "0", "message.timeout.ms", "60000")
			p := producer(t, props, ds.add)
			from, to := failedRun(t, outcomes(t, p, &ds, "large", 1, 200, func(i int, r *client.ProducerRecord) {
				if i == 100 {
					r.Value = []byte(strings.Repeat("x", 50_000))
				}
			}), client.ErrTooLarge)
			if from != 100 || to != 101 {
				t.Errorf("too large: records %d to %d failed; 100 is", from, to)
			}
			from, to = failedRun(t, outcomes(t, p, &ds, "time", 201, 200, func(i int, r *client.ProducerRecord) {
				if i == 100 {
					r.TimestampMs = 1000
				}
			}), client.ErrTimestamp)
			if from < 0 || from > 100 || to <= 100 || to-from > 17 {
				t.Errorf("timestamp: records %d to %d failed; the batch of 100 should have", from, to)
			}
			var refused *client.RecordError
			testkit.Eventually(t, time.Minute, func(context.Context) error {
				err := p.Send(within(t), []client.ProducerRecord{{Seq: 401, Topic: "none", Value: []byte("x"), TimestampMs: -1}})
				if errors.As(err, &refused) && refused.Seq == 401 && errors.Is(err, client.ErrUnknownTopic) {
					return nil
				}
				return cmp.Or(err, errors.New("a record for a topic that does not exist is taken"))
			})
		})
	}
	t.Run("batches become smaller", func(t *testing.T) { smallerBatches(t, base) })
}

// smallerBatches: a topic that takes no batch of the usual size gets smaller ones, until one record is too large by itself.
func smallerBatches(t *testing.T, base map[string]string) {
	var ds deliveries
	p, err := NewTaskProducer(with(base, "batch.size", "1000000", "max.in.flight.requests.per.connection", "5"), nil, ds.add)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	as := func(int, *client.ProducerRecord) {}
	// All of them are one batch, unless librdkafka had time to send the first few before it had the others.
	if from, to := failedRun(t, outcomes(t, p, &ds, "large", 1, 200, as), client.ErrTooLarge); from < 0 || to != 200 {
		t.Errorf("records %d to %d failed in one batch", from, to)
	}
	if !p.Split(within(t), "large", 1000) {
		t.Fatal("there are smaller batches")
	}
	if from, _ := failedRun(t, outcomes(t, p, &ds, "large", 201, 200, as), client.ErrTooLarge); from >= 0 {
		t.Error("they are too large still")
	}
	if p.Split(within(t), "large", 50_000) {
		t.Error("a record of 50 KB was in a batch of its own")
	}
	if from, _ := failedRun(t, outcomes(t, p, &ds, "time", 401, 200, as), nil); from >= 0 {
		t.Error("another topic fails")
	}
	if !p.Split(within(t), "large", 1000) || p.Split(within(t), "large", 1000) {
		t.Error("after those of 16 KB come single records, and nothing after them")
	}
	if from, _ := failedRun(t, outcomes(t, p, &ds, "large", 601, 50, as), nil); from >= 0 {
		t.Error("single records fail")
	}
}
