package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/cluster"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/kgo/raw"
	"github.com/connectd/connectd/internal/node"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker/task"
)

// mortalBatches may die before, within and after what it does.
type mortalBatches struct {
	client.TransactionalBatches
	m *mortal
}

func (p mortalBatches) Send(ctx context.Context, batches []client.RawBatch) (int, error) {
	// It dies between two batches, too.
	for i := range batches {
		p.m.step("send")
		if n, err := p.TransactionalBatches.Send(ctx, batches[i:i+1]); n == 0 || err != nil {
			return i, err
		}
	}
	p.m.step("sent")
	return len(batches), nil
}

func (p mortalBatches) SendKVs(ctx context.Context, topic string, kvs []client.KV) error {
	err := p.TransactionalBatches.SendKVs(ctx, topic, kvs)
	p.m.step("sent offsets")
	return err
}

func (p mortalBatches) Commit(ctx context.Context) error {
	if p.m.left.Load() == 1 {
		short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(4000))*time.Microsecond)
		defer cancel()
		_ = p.TransactionalBatches.Commit(short) // nobody hears of it
	}
	p.m.step("committing")
	return p.TransactionalBatches.Commit(ctx)
}

// batchCrash is a link between two clusters whose task dies again and again.
type batchCrash struct {
	*testing.T
	source, target *kgoclient.Embedded
	offsets        *storage.OffsetStore
	ends           [crashPartitions]int64 // offset of the last number
}

func newBatchCrash(t *testing.T, records int) *batchCrash {
	start := func(topics map[string]int32) *kgoclient.Embedded {
		e, err := kgoclient.StartEmbedded(kgoclient.EmbeddedConfig{Topics: topics})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		return e
	}
	c := &batchCrash{T: t}
	c.source = start(map[string]int32{"in": crashPartitions})
	c.target = start(map[string]int32{"in": crashPartitions, "mm2-topic-ids.S.internal": 1, "offsets": 2})
	c.offsets = openOffsets(t, c.target.Bootstrap())
	c.fill(records)
	return c
}

// fill writes numbers to the source: in plain batches, and in transactions of which some are aborted.
func (c *batchCrash) fill(records int) {
	c.Helper()
	open := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.source.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		if err != nil {
			c.Fatal(err)
		}
		c.Cleanup(cl.Close)
		return cl
	}
	plain, txn := open(), open(kgo.TransactionalID("source"))
	rnd := rand.New(rand.NewPCG(3, 5))
	next := [crashPartitions]int{}
	some := func(count bool) (recs []*kgo.Record) {
		p := rnd.IntN(crashPartitions)
		for range 1 + rnd.IntN(4) {
			value := "aborted"
			if count {
				if next[p] == records {
					break
				}
				value = strconv.Itoa(next[p])
				next[p]++
			}
			recs = append(recs, &kgo.Record{Topic: "in", Partition: int32(p), Value: []byte(value)})
		}
		return recs
	}
	done := func() bool {
		for _, n := range next {
			if n < records {
				return false
			}
		}
		return true
	}
	for !done() {
		kind := rnd.IntN(10)
		if kind > 1 {
			c.produce(plain, some(true))
			continue
		}
		if err := txn.BeginTransaction(); err != nil {
			c.Fatal(err)
		}
		c.produce(txn, some(kind == 0))
		if err := txn.EndTransaction(c.Context(), kgo.TransactionEndTry(kind == 0)); err != nil {
			c.Fatal(err)
		}
	}
}

func (c *batchCrash) produce(cl *kgo.Client, recs []*kgo.Record) {
	c.Helper()
	if err := cl.ProduceSync(c.Context(), recs...).FirstErr(); err != nil {
		c.Fatal(err)
	}
	for _, r := range recs {
		if string(r.Value) != "aborted" {
			c.ends[r.Partition] = r.Offset
		}
	}
}

// run runs the task until it has made so many steps, or, if negative, has copied everything.
func (c *batchCrash) run(steps int, once bool) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 3*time.Minute)
	defer cancel()
	m := &mortal{}
	m.left.Store(int64(steps))
	cfg := c.config(m, once)
	cfg.Report = func(s cluster.State, err error) {
		if s == cluster.Failed && !m.dead.Load() {
			c.Errorf("failed after fewer than %d steps: %v", steps, err)
		}
	}
	s := task.StartSource(ctx, cfg)
	if steps < 0 {
		c.awaitEnd()
		s.Stop()
	}
	select {
	case <-s.Done():
	case <-ctx.Done():
		c.Fatal(ctx.Err())
	}
	s.Kill()
}

// config is the task's.
func (c *batchCrash) config(m *mortal, once bool) task.SourceConfig {
	cfg := task.SourceConfig{
		ID: cluster.TaskID{Connector: "m"}, New: mirror.SourcePlugin(node.MirrorClients(hclog.NewNullLogger())).NewSourceTask,
		Props: map[string]string{
			"source.cluster.alias": "S", "target.cluster.alias": "T", "name": "m", "tasks.max": "1",
			"source.cluster.bootstrap.servers": c.source.Bootstrap(), "target.cluster.bootstrap.servers": c.target.Bootstrap(),
			"replication.policy.class":        "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
			"emit.offset-syncs.enabled":       "false",
			"task.assigned.partitions":        "in-0,in-1,in-2",
			"source.consumer.isolation.level": "read_committed", "source.consumer.max.partition.fetch.bytes": "400",
			"source.consumer.fetch.max.wait.ms": "10", "consumer.poll.timeout.ms": "20",
		},
		NewBatchProducer: func(_ map[string]string, onDelivery func([]client.Delivery)) (client.BatchProducer, error) {
			props := map[string]string{"bootstrap.servers": c.target.Bootstrap(), "acks": "all", "enable.idempotence": "true"}
			if once {
				props["transactional.id"] = "g-m-0"
			}
			s, err := clientconf.Translate(clientconf.Producer, props, os.ReadFile)
			if err != nil {
				return nil, err
			}
			p, err := raw.NewProducer(s, nil, onDelivery)
			return mortalBatches{p, m}, err
		},
		Reader: c.offsets.Reader("m"), Offsets: storedOffsets{c.offsets}, FlushTimeout: 20 * time.Second, FlushInterval: 20 * time.Millisecond,
	}
	if once {
		cfg.Transactions = &task.Transactions{Topic: "offsets", Encode: encodeOffsets, At: m.step}
	}
	return cfg
}

type storedOffsets struct{ *storage.OffsetStore }

func (o storedOffsets) Set(ctx context.Context, connector string, pairs []task.OffsetPair) error {
	return o.OffsetStore.Set(ctx, connector, pairsOf(pairs))
}

// awaitEnd waits until the last number of each partition is copied.
func (c *batchCrash) awaitEnd() {
	c.Helper()
	testkit.Eventually(c, 2*time.Minute, func(ctx context.Context) error {
		pairs, err := c.offsets.Connector(ctx, "m")
		if err != nil {
			return err
		}
		if len(pairs) != crashPartitions {
			return fmt.Errorf("%v", pairs)
		}
		for _, p := range pairs {
			at, _ := p.Partition.Int64("partition")
			if n, _ := p.Offset.Int64("offset"); n != c.ends[at] {
				return fmt.Errorf("%v, want %v", pairs, c.ends)
			}
		}
		return nil
	})
}

// TestCrashesOfWholeBatches has the process of a task that copies whole batches end at each of its first steps, between any two of
// them. Exactly once, nothing is missing or there twice for who reads what was committed; else nothing is missing.
// CONNECTD_CRASH_POINTS is how many points there are, 30 each.
func TestCrashesOfWholeBatches(t *testing.T) {
	points := 30
	if n, err := strconv.Atoi(os.Getenv("CONNECTD_CRASH_POINTS")); err == nil {
		points = n
	}
	for name, once := range map[string]bool{"exactly once": true, "at least once": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const records = 2000
			c := newBatchCrash(t, records)
			for k := range points {
				c.run(1+k%40, once) // there are some 10 steps to each transaction
			}
			c.run(-1, once)
			got := c.copied(records * crashPartitions)
			for p := range int32(crashPartitions) {
				next, twice := 0, 0
				for _, v := range got[p] {
					switch n, err := strconv.Atoi(v); {
					case err != nil || n > next:
						t.Fatalf("partition %d: %q where %d is next", p, v, next)
					case n < next:
						twice++
					default:
						next++
					}
				}
				if next != records || once && twice > 0 {
					t.Errorf("partition %d: %d of %d, %d twice", p, next, records, twice)
				}
			}
		})
	}
}

// copied reads what was committed: at least so many records, and what comes in a moment besides.
func (c *batchCrash) copied(n int) map[int32][]string {
	c.Helper()
	return readCommitted(c.T, c.target.Bootstrap(), "in", n)
}
