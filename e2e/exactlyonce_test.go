package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// committedStream reads what counts of a copy of a stream. Records before from may have come twice; none behind may.
func (s *stream) committed(t *testing.T, bootstrap, topic string, from []uint64) {
	t.Helper()
	assign := map[int32]kgo.Offset{}
	for p := range s.partitions {
		assign[p] = kgo.NewOffset().AtStart()
	}
	cl := kafkaClient(t, bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assign}), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	seen := make([]uint64, s.partitions)
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		fs := cl.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			return err
		}
		fs.EachRecord(func(r *kgo.Record) {
			switch n := binary.BigEndian.Uint64(r.Value[92:]); {
			case n == seen[r.Partition]:
				seen[r.Partition]++
			case n > seen[r.Partition]:
				t.Fatalf("partition %d: record %d comes before record %d", r.Partition, n, seen[r.Partition])
			case n >= from[r.Partition]:
				t.Errorf("partition %d: record %d comes twice", r.Partition, n)
			}
		})
		for p, n := range s.next {
			if seen[p] < n {
				return fmt.Errorf("partition %d: %d of %d records", p, seen[p], n)
			}
		}
		return nil
	})
}

// TestExactlyOnceRollout takes a group of a Java worker and ours from preparing to enabled, one by one. Whoever leads fences off the
// producers that tasks on the other's workers had, and what is copied from then on is there once.
func TestExactlyOnceRollout(t *testing.T) {
	t.Parallel()
	broker := testkit.StartBroker(t)
	createTopic(t, broker.Bootstrap, "in", 4, nil)
	m := newMixed(broker.Bootstrap, "eos")
	ours := m.connectd(t, map[string]string{"exactly.once.source.support": "preparing"})
	conf := mirrorConfig(broker.Bootstrap, broker.Bootstrap, "in", 2)
	conf["source.consumer.isolation.level"] = "read_committed"
	for _, k := range []string{"key.converter", "value.converter", "header.converter"} {
		conf[k] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	create(t, ours.url, "m", conf)
	awaitTasks(t, ours.url, "m", 2, ours.id)
	s := newStream("in", 4)
	producer := kafkaClient(t, broker.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	produce := func() {
		t.Helper()
		if err := s.produce(t.Context(), producer, 2000); err != nil {
			t.Fatal(err)
		}
	}
	produce()
	s.verify(t, broker.Bootstrap, "S.in")

	java := m.java(t, map[string]string{"exactly.once.source.support": "enabled"})
	awaitTasks(t, java.url, "m", 2, ours.id, java.id)
	produce()
	conf["tasks.max"] = "3" // ours leads, and fences off the Java worker's task
	do(t, http.MethodPut, ours.url+"/connectors/m/config", conf, nil)
	awaitTasks(t, java.url, "m", 3, ours.id, java.id)
	produce()
	s.verify(t, broker.Bootstrap, "S.in")

	ours.Stop()
	awaitTasks(t, java.url, "m", 3, java.id)
	ours = m.connectd(t, map[string]string{"exactly.once.source.support": "enabled"})
	awaitTasks(t, java.url, "m", 3, ours.id, java.id)
	s.verify(t, broker.Bootstrap, "S.in")
	enabled := append([]uint64(nil), s.next...)
	produce()
	conf["tasks.max"] = "4" // the Java worker leads, and fences off ours
	do(t, http.MethodPut, ours.url+"/connectors/m/config", conf, nil)
	produce()
	awaitTasks(t, ours.url, "m", 4, ours.id, java.id)
	produce()
	s.committed(t, broker.Bootstrap, "S.in", enabled)

	counts := 0
	recs, err := readTopic(t.Context(), t, broker.Bootstrap, "eos-configs", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if string(r.Key) == "tasks-fencing-m" {
			counts++
		}
	}
	if counts < 2 {
		t.Errorf("%d records of task counts in the config topic", counts)
	}
}
