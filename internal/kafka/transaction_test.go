package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

func txnProducer(t *testing.T, servers map[string]string, id string, onDelivery func([]client.Delivery)) *TxnProducer {
	t.Helper()
	p, err := NewTxnProducer(with(servers, "transactional.id", id), nil, onDelivery)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func txnRecords(topic string, partitions int32, from, n int) []client.ProducerRecord {
	var recs []client.ProducerRecord
	for i := range n {
		recs = append(recs, client.ProducerRecord{
			Seq: uint64(from + i + 1), Topic: topic, Partition: int32(i) % partitions, Value: []byte(fmt.Sprint(from + i)), TimestampMs: -1,
		})
	}
	return recs
}

// committed gives the values that a read_committed reader sees of each partition.
func committed(t *testing.T, servers map[string]string, topic string, partitions int32, ctx context.Context) map[int32][]string {
	t.Helper()
	r := reader(t, with(servers, "isolation.level", "read_committed"))
	if err := r.Assign(partitionsFrom(topic, partitions)); err != nil {
		t.Fatal(err)
	}
	out := map[int32][]string{}
	quiet := 0
	for quiet < 5 {
		recs, err := r.Poll(ctx, 200*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		quiet++
		for _, rec := range recs {
			quiet = 0
			out[rec.Partition] = append(out[rec.Partition], string(rec.Value))
		}
	}
	return out
}

func partitionsFrom(topic string, n int32) map[connect.TopicPartition]int64 {
	out := map[connect.TopicPartition]int64{}
	for p := range n {
		out[connect.TopicPartition{Topic: topic, Partition: p}] = Earliest
	}
	return out
}

// TestTransactions: what is committed counts in order, what is aborted does not, over many batches that wait for each other.
func TestTransactions(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"out": 2})
	var ds deliveries
	p := txnProducer(t, with(servers, "batch.num.messages", "7"), "x", ds.add)
	ctx := within(t)
	if err := p.Init(ctx); err != nil {
		t.Fatal(err)
	}
	var want []string
	sent := 0
	for round := range 6 {
		if err := p.Begin(); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := p.Send(ctx, txnRecords("out", 2, sent, 40)); err != nil {
				t.Fatal(err)
			}
			sent += 40
		}
		if round%3 == 1 {
			if err := p.Abort(ctx); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := p.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		for n := sent - 200; n < sent; n++ {
			want = append(want, fmt.Sprint(n))
		}
	}
	ds.mu.Lock()
	if len(ds.all) != sent {
		t.Errorf("%d outcomes of %d records", len(ds.all), sent)
	}
	ds.mu.Unlock()
	got := committed(t, servers, "out", 2, ctx)
	for part := range int32(2) {
		var own []string
		for _, v := range want {
			if int32(v[len(v)-1]-'0')%2 == part {
				own = append(own, v)
			}
		}
		if !slices.Equal(got[part], own) {
			t.Errorf("partition %d:\ngot  %v\nwant %v", part, got[part], own)
		}
	}
}

// TestFencedProducer: a second producer with the id ends the transaction of the first, which is told that it is fenced.
func TestFencedProducer(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"out": 1})
	ctx := within(t)
	nobody := func([]client.Delivery) {}
	first, second := txnProducer(t, servers, "x", nobody), txnProducer(t, servers, "x", nobody)
	steps := func(p *TxnProducer, from int) error {
		return errors.Join(p.Begin(), p.Send(ctx, txnRecords("out", 1, from, 3)))
	}
	if err := errors.Join(first.Init(ctx), steps(first, 0), first.Flush(ctx), second.Init(ctx), steps(second, 10), second.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	err := first.Commit(ctx)
	if !errors.Is(err, client.ErrFenced) || !strings.Contains(err.Error(), "transactional.id x") {
		t.Errorf("the first one's commit: %v", err)
	}
	if err := first.Abort(ctx); err == nil {
		t.Error("a fenced producer aborts")
	}
	if got := committed(t, servers, "out", 1, ctx); !slices.Equal(got[0], []string{"10", "11", "12"}) {
		t.Errorf("%v", got)
	}
}

// TestFailedTransaction: one record that can't be written spoils the transaction, which says why.
func TestFailedTransaction(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"out": 1})
	ctx := within(t)
	p := txnProducer(t, with(servers, "message.max.bytes", "2000000"), "x", func([]client.Delivery) {})
	big := txnRecords("out", 1, 0, 2)
	big[1].Value = make([]byte, 1_500_000) // the broker takes 1 MB
	if err := errors.Join(p.Init(ctx), p.Begin(), p.Send(ctx, big)); err != nil {
		t.Fatal(err)
	}
	err := p.Commit(ctx)
	if err == nil || errors.Is(err, client.ErrFenced) || errors.Is(err, client.ErrFatal) {
		t.Fatalf("commit of a record that is too large: %v", err)
	}
	if err := p.Send(ctx, txnRecords("out", 1, 5, 1)); err == nil || errors.Is(err, errState) {
		t.Errorf("what is sent to a failed transaction: %v, which does not say why", err)
	}
	// librdkafka would fail the next transaction too, for the numbers that are missing: a task starts anew with another producer.
	next := txnProducer(t, servers, "x", func([]client.Delivery) {})
	if err := errors.Join(p.Abort(ctx), next.Init(ctx), next.Begin(), next.Send(ctx, txnRecords("out", 1, 10, 1)), next.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, servers, "out", 1, ctx); !slices.Equal(got[0], []string{"10"}) {
		t.Errorf("%v", got)
	}
}

// TestTransactionWithoutCoordinator: waits end with their context.
func TestTransactionWithoutCoordinator(t *testing.T) {
	testkit.NoLeaks(t)
	p := txnProducer(t, map[string]string{"bootstrap.servers": "127.0.0.1:1"}, "x", func([]client.Delivery) {})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Init(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
