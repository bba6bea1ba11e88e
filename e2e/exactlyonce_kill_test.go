package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// TestKillsExactlyOnce kills a worker again and again while a mirror of it copies whole batches exactly once: who reads what was committed
// sees each record once. CONNECTD_KILLS says how often (1).
func TestKillsExactlyOnce(t *testing.T) {
	t.Parallel()
	kills := 1
	if text := os.Getenv("CONNECTD_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("CONNECTD_KILLS=%q: a number from 1 on is allowed", text)
		}
		kills = n
	}
	broker := testkit.StartBroker(t)
	createTopic(t, broker.Bootstrap, "in", 4, nil)
	worker := startNode(t, broker.Bootstrap, "killed", map[string]string{"exactly.once.source.support": "enabled"})
	conf := mirrorConfig(broker.Bootstrap, broker.Bootstrap, "in", 2)
	conf["source.consumer.isolation.level"] = "read_committed"
	conf["producer.override.transaction.timeout.ms"] = "10000" // a worker that starts waits for what a killed one has left open
	for _, k := range []string{"key.converter", "value.converter", "header.converter"} {
		conf[k] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	create(t, worker.url, "m", conf)

	s := newStream("in", 4)
	ctx, enough := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	producer := kafkaClient(t, broker.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	go func() { sent <- keepProducing(ctx, s, producer) }()
	stop := sync.OnceValue(func() error {
		enough()
		return <-sent
	})
	defer func() { _ = stop() }()
	admin := kafkaClient(t, broker.Bootstrap)
	copied := int64(0)
	for range kills {
		more := copied + 1 + rand.Int64N(4000) // at any moment
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) (err error) {
			if copied, err = ends(ctx, admin, "S.in"); err == nil && copied < more {
				err = fmt.Errorf("%d records of %d were copied", copied, more)
			}
			return err
		})
		worker.Restart() // after SIGKILL
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s.committed(t, broker.Bootstrap, "S.in", make([]uint64, 4))
	t.Logf("%d records, %d kills", s.sent.Load(), kills)
}

// keepProducing sends 2,000 records a second until ctx ends. What it has begun it ends.
func keepProducing(ctx context.Context, s *stream, cl *kgo.Client) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.produce(context.WithoutCancel(ctx), cl, 40); err != nil {
			return fmt.Errorf("producing: %w", err)
		}
	}
}
