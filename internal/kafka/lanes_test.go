package kafka

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// TestRecordsKeepTheirOrderWhenBatchesAreTriedAgain has the cluster refuse every third batch for the moment, while more records
// of the same partitions are sent.
func TestRecordsKeepTheirOrderWhenBatchesAreTriedAgain(t *testing.T) {
	testkit.NoLeaks(t)
	const partitions, n = 3, 6000
	c := fakeCluster(t, map[string]int32{"in": partitions})
	refused := refuseEveryThird(c)
	var ds deliveries
	p := producer(t, with(servers(c), "enable.idempotence", "true", "max.in.flight.requests.per.connection", "5", "linger.ms", "1",
		"batch.size", "2000", "retry.backoff.ms", "20", "acks", "all"), ds.add)
	ctx := within(t)
	next := [partitions]int{}
	rng := rand.New(rand.NewPCG(7, 11))
	for seq := 0; seq < n; {
		burst := make([]client.ProducerRecord, 1+rng.IntN(40))
		for i := range burst {
			part := rng.IntN(partitions)
			burst[i] = client.ProducerRecord{
				Seq: uint64(seq), Topic: "in", Partition: int32(part), TimestampMs: -1, Key: fmt.Appendf(nil, "%d", next[part]),
				Value: make([]byte, rng.IntN(100)), Headers: []client.Header{{Key: "h", Value: []byte{1}}}[:rng.IntN(2)],
			}
			next[part]++
			seq++
		}
		if err := p.Send(ctx, burst); err != nil {
			t.Fatal(err)
		}
		if rng.IntN(10) == 0 {
			if err := p.Flush(ctx); err != nil { // for batches of any size
				t.Fatal(err)
			}
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if refused.Load() < 5 {
		t.Errorf("only %d batches were refused", refused.Load())
	}
	inOrder(t, c, next[:])
	if p.bytes != 0 || p.given != p.sent || len(p.lanes.free) != len(p.lanes.slots) {
		t.Errorf("%d bytes, %d of %d records, %d of %d slots are left", p.bytes, p.given, p.sent, len(p.lanes.free), len(p.lanes.slots))
	}
}

// refuseEveryThird answers every third Produce request that its leader is not known at present, and counts those.
func refuseEveryThird(c *kfake.Cluster) *atomic.Int64 {
	var seen, refused atomic.Int64
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if seen.Add(1)%3 != 0 {
			return nil, nil, false
		}
		refused.Add(1)
		in := req.(*kmsg.ProduceRequest)
		resp := in.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range in.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, part := range topic.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = part.Partition, kerr.NotLeaderForPartition.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	return &refused
}

// inOrder reads topic in, whose records have numbers for keys, and wants each partition's in order and once.
func inOrder(t *testing.T, c *kfake.Cluster, counts []int) {
	t.Helper()
	r := reader(t, servers(c))
	at, total := map[connect.TopicPartition]int64{}, 0
	for i, n := range counts {
		at[connect.TopicPartition{Topic: "in", Partition: int32(i)}] = Earliest
		total += n
	}
	if err := r.Assign(at); err != nil {
		t.Fatal(err)
	}
	next := make([]int, len(counts))
	for _, rec := range read(t, r.Poll, total) {
		if string(rec.Key) != fmt.Sprint(next[rec.Partition]) {
			t.Fatalf("record %s follows %d in partition %d", rec.Key, next[rec.Partition]-1, rec.Partition)
		}
		next[rec.Partition]++
	}
}

func TestRefusedRecordsLeaveTheOthersInOrder(t *testing.T) {
	testkit.NoLeaks(t)
	c := fakeCluster(t, map[string]int32{"in": 2})
	var ds deliveries
	p := producer(t, with(servers(c), "message.max.bytes", "2000", "batch.size", "1500", "linger.ms", "1"), ds.add)
	var recs []client.ProducerRecord
	next := [2]int{}
	for i := range 300 {
		r := client.ProducerRecord{Seq: uint64(i), Topic: "in", Partition: int32(i % 2), Value: make([]byte, 100), TimestampMs: -1}
		if i%50 == 30 || i == 0 {
			r.Value = make([]byte, 5000)
		} else {
			r.Key = fmt.Appendf(nil, "%d", next[i%2])
			next[i%2]++
		}
		recs = append(recs, r)
	}
	ctx, refused := within(t), 0
	for len(recs) > 0 {
		err := p.Send(ctx, recs)
		var one *client.RecordError
		if err == nil {
			break
		}
		if !errors.As(err, &one) || !errors.Is(err, client.ErrTooLarge) {
			t.Fatal(err)
		}
		refused++
		for recs[0].Seq <= one.Seq {
			recs = recs[1:]
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for _, d := range ds.all {
		if d.Err != nil {
			refused++
		}
	}
	if refused != 7 || len(ds.all) < 293 {
		t.Errorf("%d records were refused, %d have an outcome", refused, len(ds.all))
	}
	inOrder(t, c, next[:])
}

func TestAbandonedRecordsAllHaveAnOutcome(t *testing.T) {
	testkit.NoLeaks(t)
	var ds deliveries
	p := producer(t, map[string]string{"bootstrap.servers": "127.0.0.1:1"}, ds.add)
	recs := make([]client.ProducerRecord, 1000)
	for i := range recs {
		recs[i] = client.ProducerRecord{Topic: "in", Partition: int32(i % 7), Seq: uint64(i), TimestampMs: -1}
	}
	for part := range 10 {
		if err := p.Send(within(t), recs[part*100:part*100+100]); err != nil {
			t.Fatal(err)
		}
	}
	p.Abandon()
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	if len(ds.all) != len(recs) {
		t.Errorf("%d of %d records have an outcome", len(ds.all), len(recs))
	}
}
