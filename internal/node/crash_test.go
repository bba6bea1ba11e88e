package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/converter"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/kafka"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker/task"
)

const crashPartitions = 3

// counting is a source of numbers from 0 in each partition, up to a last one.
type counting struct {
	last int
	tc   connect.SourceTaskContext
	next [crashPartitions]int
	rnd  *rand.Rand
}

func sourceOf(p int) connect.Entries { return connect.Entries{{Key: "p", Value: int64(p)}} }

func (c *counting) Start(ctx context.Context, tc connect.SourceTaskContext, _ map[string]string) error {
	c.tc = tc
	for p := range c.next {
		at, err := tc.Offsets().Offsets(ctx, []connect.Entries{sourceOf(p)})
		if err != nil {
			return err
		}
		if n, ok := at[0].Int64("n"); ok {
			c.next[p] = int(n) + 1
		}
	}
	return nil
}

func (c *counting) Poll(ctx context.Context) (recs []connect.SourceRecord, err error) {
	for range 1 + c.rnd.IntN(6) {
		p := c.rnd.IntN(crashPartitions)
		if c.next[p] > c.last {
			continue
		}
		recs = append(recs, connect.SourceRecord{
			SourcePartition: sourceOf(p), SourceOffset: connect.Entries{{Key: "n", Value: int64(c.next[p])}},
			Topic: "out", Partition: int32(p), Value: []byte(strconv.Itoa(c.next[p])),
		})
		c.next[p]++
	}
	t, ends := c.tc.(connect.TransactionContext)
	if len(recs) == 0 {
		if ends {
			t.CommitTransaction()
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
		return nil, nil
	}
	// Half of the transactions end within what was polled.
	switch {
	case !ends:
	case c.rnd.IntN(2) == 0:
		t.CommitTransactionAfter(c.rnd.IntN(len(recs)))
	case c.rnd.IntN(2) == 0:
		t.CommitTransaction()
	}
	return recs, nil
}

func (c *counting) Stop() error { return nil }

// mortal ends a task as the end of its process would: nothing more is called, what librdkafka has may still be on its way.
type mortal struct {
	left atomic.Int64 // steps to live; negative for ever
	dead atomic.Bool
}

func (m *mortal) step(string) {
	if m.left.Add(-1) == 0 {
		m.dead.Store(true)
		runtime.Goexit()
	}
}

// mortalProducer may die before, within and after what it does.
type mortalProducer struct {
	*kafka.TxnProducer
	m *mortal
}

func (p mortalProducer) Send(ctx context.Context, recs []client.ProducerRecord) error {
	p.m.step("send")
	err := p.TxnProducer.Send(ctx, recs)
	p.m.step("sent")
	return err
}

func (p mortalProducer) Commit(ctx context.Context) error {
	if p.m.left.Load() == 1 {
		short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(4000))*time.Microsecond)
		defer cancel()
		_ = p.TxnProducer.Commit(short) // nobody hears of it
	}
	p.m.step("committing")
	return p.TxnProducer.Commit(ctx)
}

// TestCrashesLeaveNothingTwice has the process of an exactly-once task end at each step of its first transactions, and go on. For who
// reads what was committed no record is missing or there twice.
func TestCrashesLeaveNothingTwice(t *testing.T) {
	for name, tc := range map[string]struct {
		tr     task.Transactions
		points int // 10 to each transaction, 3 before the first
	}{
		"poll":      {task.Transactions{}, 25},
		"interval":  {task.Transactions{Boundary: task.BoundaryInterval, Interval: 3 * time.Millisecond}, 14},
		"connector": {task.Transactions{Boundary: task.BoundaryConnector}, 14},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crashes(t, tc.tr, tc.points)
		})
	}
}

func crashes(t *testing.T, tr task.Transactions, points int) {
	e, err := kgoclient.StartEmbedded(kgoclient.EmbeddedConfig{Topics: map[string]int32{"out": crashPartitions, "offsets": 2}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	offsets := openOffsets(t, e.Bootstrap())

	tr.Topic = "offsets"
	tr.Encode = encodeOffsets
	const last = 99
	bytes := &converter.ByteArray{}
	run := func(steps int) {
		m := &mortal{}
		m.left.Store(int64(steps))
		own := tr
		own.At = m.step
		s := task.StartSource(ctx, task.SourceConfig{
			ID: cluster.TaskID{Connector: "m"}, New: func() connect.SourceTask {
				return &counting{last: last, rnd: rand.New(rand.NewPCG(uint64(steps), 7))}
			},
			Converters: task.Converters{Key: bytes, Value: bytes},
			NewProducer: func(_ map[string]string, onDelivery func([]client.Delivery)) (client.Producer, error) {
				p, err := kafka.NewTxnProducer(map[string]string{"bootstrap.servers": e.Bootstrap(), "transactional.id": "g-m-0"}, nil, onDelivery)
				return mortalProducer{p, m}, err
			},
			Reader: offsets.Reader("m"), Transactions: &own, FlushTimeout: 20 * time.Second,
			Report: func(s cluster.State, err error) {
				if s == cluster.Failed && !m.dead.Load() {
					t.Errorf("failed after fewer than %d steps: %v", steps, err)
				}
			},
		})
		if steps < 0 {
			awaitOffsets(t, offsets, last)
			s.Stop()
		}
		select {
		case <-s.Done():
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
		s.Kill()
	}
	for k := 1; k <= points; k++ {
		run(k)
	}
	run(-1)
	want := last + 1
	got := readCommitted(t, e.Bootstrap(), "out", want*crashPartitions)
	for p := range int32(crashPartitions) {
		for n := range max(want, len(got[p])) {
			if n >= len(got[p]) || got[p][n] != strconv.Itoa(n) {
				t.Fatalf("partition %d has otherwise than 0 to %d: %v", p, last, got[p])
			}
		}
	}
}

// openOffsets opens the topic offsets as exactly-once workers do.
func openOffsets(t *testing.T, bootstrap string) *storage.OffsetStore {
	t.Helper()
	servers := map[string]string{"bootstrap.servers": bootstrap}
	logs, err := kafka.NewLogs(kafka.LogsOptions{Producer: servers, Consumer: servers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	offsets := storage.NewOffsetStore(logs.Open("offsets").Committed(), hclog.NewNullLogger())
	if err := offsets.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = offsets.Close() })
	return offsets
}

// pairsOf makes the store's pairs of the runner's.
func pairsOf(pairs []task.OffsetPair) (out []storage.Pair) {
	for _, p := range pairs {
		out = append(out, storage.Pair(p))
	}
	return out
}

func encodeOffsets(pairs []task.OffsetPair) ([]client.KV, error) {
	return storage.OffsetRecords("m", pairsOf(pairs))
}

func awaitOffsets(t *testing.T, offsets *storage.OffsetStore, last int64) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		pairs, err := offsets.Connector(ctx, "m")
		if err != nil {
			return err
		}
		for _, p := range pairs {
			if n, _ := p.Offset.Int64("n"); n != last {
				return fmt.Errorf("%v", pairs)
			}
		}
		if len(pairs) != crashPartitions {
			return fmt.Errorf("%v", pairs)
		}
		return nil
	})
}

// readCommitted reads at least so many records, and what comes in a moment besides.
func readCommitted(t *testing.T, bootstrap, topic string, n int) map[int32][]string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	out := map[int32][]string{}
	total := 0
	poll := func(ctx context.Context) error {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		cl.PollFetches(short).EachRecord(func(r *kgo.Record) {
			total++
			out[r.Partition] = append(out[r.Partition], string(r.Value))
		})
		if total < n {
			return fmt.Errorf("%d of %d records", total, n)
		}
		return nil
	}
	testkit.Eventually(t, 2*time.Minute, poll)
	_ = poll(t.Context())
	return out
}
