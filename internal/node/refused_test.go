package node_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/worker/task"
)

// TestARefusedRecordHoldsUpItsPartitionOnly has one record that is too large for the target, in the midst of a batch. Exactly once, the
// other partitions and what lies before it are copied, it waits with its reason, and follows once the target takes it: each record once.
func TestARefusedRecordHoldsUpItsPartitionOnly(t *testing.T) {
	t.Parallel()
	c := newBatchCrash(t, 0)
	limit := func(bytes int) {
		t.Helper()
		cl, err := kgo.NewClient(kgo.SeedBrokers(c.target.Bootstrap()))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		value := strconv.Itoa(bytes)
		set := kadm.AlterConfig{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &value}
		if _, err := kadm.NewClient(cl).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{set}, "in"); err != nil {
			t.Fatal(err)
		}
	}
	const records, bad = 60, 31
	limit(2000)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.source.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	for n := 0; n < records; n += 4 {
		var recs []*kgo.Record
		for p := range int32(crashPartitions) {
			for i := n; i < n+4; i++ {
				r := &kgo.Record{Topic: "in", Partition: p, Value: []byte(strconv.Itoa(i))}
				if p == 0 && i == bad {
					r.Key = make([]byte, 5000)
				}
				recs = append(recs, r)
			}
		}
		c.produce(cl, recs)
	}

	var note, failure atomic.Value
	cfg := c.config(&mortal{}, true)
	cfg.Noted = func(text string) { note.Store(text) }
	cfg.Report = func(s cluster.State, err error) {
		if s == cluster.Failed {
			failure.Store(err)
		}
	}
	s := task.StartSource(t.Context(), cfg)
	defer func() {
		s.Stop()
		<-s.Done()
		if err := failure.Load(); err != nil {
			t.Error("the task has failed:", err)
		}
	}()
	copied := func(first int) {
		t.Helper()
		got := readCommitted(t, c.target.Bootstrap(), "in", first+records*(crashPartitions-1))
		for p := range int32(crashPartitions) {
			var want []string
			for i := range records {
				if p > 0 || i < first {
					want = append(want, strconv.Itoa(i))
				}
			}
			if !slices.Equal(got[p], want) {
				t.Fatalf("partition %d holds %v, want 0 to %d", p, got[p], len(want)-1)
			}
		}
	}
	copied(bad)
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if text, _ := note.Load().(string); !strings.Contains(text, fmt.Sprintf("in-0: the record at offset %d", bad)) || !strings.Contains(text, "too large") {
			return fmt.Errorf("the task's note is %q", text)
		}
		return nil
	})
	limit(1 << 20)
	c.awaitEnd()
	copied(records)
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if text, _ := note.Load().(string); text != "" {
			return fmt.Errorf("the task's note is still %q", text)
		}
		return nil
	})
}
