package raw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// kadmin is franz-go's, for topics and leaders.
func kadmin(t *testing.T, servers string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(servers, ",")...), kgo.DisableClientMetrics(), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// TestProducerOnBrokersThatComeAndGo writes while leaders and coordinators move and brokers are killed.
func TestProducerOnBrokersThatComeAndGo(t *testing.T) {
	testkit.NoLeaks(t)
	cluster := testkit.StartCluster(t, 2, testkit.Property("auto.create.topics.enable", "false"))
	servers := cluster.Bootstrap()
	adm := kadmin(t, servers)
	resp, err := adm.CreateTopics(within(t, time.Minute), 4, 2, nil, "plain", "txn")
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	var plain, txn atomic.Int32 // written so far
	stop := make(chan struct{})
	p, o := producer(t, servers, nil)
	x, xo := transactional(t, servers, "x")
	done := make(chan error, 2)
	go func() { done <- writePlain(p, o, &plain, stop) }()
	go func() { done <- writeTransactions(x, xo, &txn, stop) }()
	progress := func() {
		t.Helper()
		a, b := plain.Load(), txn.Load()
		testkit.Eventually(t, 2*time.Minute, func(context.Context) error {
			if plain.Load() < a+10 || txn.Load() < b+2 {
				return fmt.Errorf("%d rounds and %d transactions since then", plain.Load()-a, txn.Load()-b)
			}
			return nil
		})
	}
	progress()
	cluster.Brokers[0].Kill()
	progress()
	cluster.Brokers[0].Restart()
	testkit.Eventually(t, 2*time.Minute, inSync(adm, "plain", "txn"))
	_, err = adm.ElectLeaders(within(t, time.Minute), kadm.ElectPreferredReplica, nil)
	if err != nil {
		t.Fatal(err)
	}
	progress()
	cluster.Brokers[1].Stop()
	progress()
	close(stop)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if errs := o.failures(); len(errs) > 0 {
		t.Fatalf("batches have failed: %v", errs)
	}
	for part := range int32(4) {
		rounds := int(plain.Load())
		ascending(t, read(t, servers, "plain", part, rounds), rounds)
		wholeTransactions(t, read(t, servers, "txn", part, 3*int(txn.Load()), committed), int(txn.Load()))
	}
	fencesOnBrokers(t, servers)
}

// writePlain sends round after round to four partitions, one batch each, with many in flight.
func writePlain(p *Producer, o *outbox, rounds *atomic.Int32, stop <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return p.Flush(ctx)
		default:
		}
		for part := range int32(4) {
			if _, err := p.Send(ctx, []client.RawBatch{o.batch("plain", part, fmt.Sprint(i))}); err != nil {
				return err
			}
		}
		rounds.Store(int32(i + 1))
		if i%20 == 0 {
			if err := p.Flush(ctx); err != nil {
				return err
			}
		}
	}
}

// writeTransactions commits three records of each partition per transaction, in two batches, and aborts every third one. It repeats
// what failed.
func writeTransactions(p *Producer, o *outbox, count *atomic.Int32, stop <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	for n := 0; ; {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := oneTransaction(ctx, p, o, fmt.Sprint(n)); err != nil {
			if errors.Is(err, client.ErrFatal) || ctx.Err() != nil {
				return err
			}
			if err := p.Abort(ctx); err != nil {
				return err
			}
			continue
		}
		n++
		count.Store(int32(n))
		if n%3 == 0 {
			if err := p.Begin(); err != nil {
				return err
			}
			if _, err := p.Send(ctx, []client.RawBatch{o.batch("txn", int32(n%4), "aborted")}); err != nil {
				return err
			}
			if err := p.Abort(ctx); err != nil {
				return err
			}
		}
	}
}

func oneTransaction(ctx context.Context, p *Producer, o *outbox, value string) error {
	if err := p.Begin(); err != nil {
		return err
	}
	for part := range int32(4) {
		batches := []client.RawBatch{o.batch("txn", part, value, value), o.batch("txn", part, value)}
		if n, err := p.Send(ctx, batches); err != nil {
			for _, b := range batches[n:] {
				b.Hold.Release()
			}
			return err
		}
	}
	return p.Commit(ctx)
}

// wholeTransactions checks that each counts once, in order, with all of its records.
func wholeTransactions(t *testing.T, got []string, count int) {
	t.Helper()
	var want []string
	for n := range count {
		v := fmt.Sprint(n)
		want = append(want, v, v, v)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("records of transactions: %v, want 0 to %d three times each", got, count-1)
	}
}

// inSync tells whether all replicas are.
func inSync(adm *kadm.Client, topics ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		listed, err := adm.ListTopics(ctx, topics...)
		if err != nil {
			return err
		}
		for _, topic := range listed {
			for _, part := range topic.Partitions {
				if part.Err != nil || len(part.ISR) < 2 {
					return fmt.Errorf("%s-%d: replicas in sync %v, %v", topic.Topic, part.Partition, part.ISR, part.Err)
				}
			}
		}
		return nil
	}
}

// fencesOnBrokers has a second producer take over in the middle of a transaction.
func fencesOnBrokers(t *testing.T, servers string) {
	old, o := transactional(t, servers, "fenced")
	begin(t, old)
	send(t, old, o.batch("plain", 0, "old"))
	flush(t, old)
	young, yo := transactional(t, servers, "fenced")
	send(t, old, o.batch("plain", 0, "late"))
	err := old.Commit(within(t, time.Minute))
	if !errors.Is(err, client.ErrFatal) {
		err = old.Abort(within(t, time.Minute))
	}
	if !errors.Is(err, client.ErrFenced) || !errors.Is(err, client.ErrFatal) {
		t.Errorf("the fenced producer: %v", err)
	}
	begin(t, young)
	send(t, young, yo.batch("plain", 0, "young"))
	commit(t, young)
}
