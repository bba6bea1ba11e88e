package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func kafkaClient(t testing.TB, bootstrap string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	// A broker that has just been started, or is being stopped, may close a connection at once, and may not know a new topic
	// yet: no reason to give up.
	own := []kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(100 * time.Millisecond), kgo.AlwaysRetryEOF(), kgo.UnknownTopicRetries(1000)}
	cl, err := kgo.NewClient(append(own, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t testing.TB, bootstrap, topic string, partitions int32, conf map[string]*string) {
	t.Helper()
	resp, err := kadm.NewClient(kafkaClient(t, bootstrap)).CreateTopic(t.Context(), partitions, 1, conf, topic)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		t.Fatalf("creating topic %s: %v", topic, err)
	}
}

// stream produces records numbered from 0 in each partition.
type stream struct {
	topic      string
	partitions int32
	next       []uint64
	sent       atomic.Int64
}

func newStream(topic string, partitions int32) *stream {
	return &stream{topic: topic, partitions: partitions, next: make([]uint64, partitions)}
}

// produce sends n more records, all of which the broker acknowledges before it returns.
func (s *stream) produce(ctx context.Context, cl *kgo.Client, n int) error {
	failed := make(chan error, 1)
	for i := range n {
		p := int32(i) % s.partitions
		rec := &kgo.Record{Topic: s.topic, Partition: p, Value: binary.BigEndian.AppendUint64(make([]byte, 92, 100), s.next[p])}
		s.next[p]++
		cl.Produce(ctx, rec, func(_ *kgo.Record, err error) {
			s.sent.Add(1)
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// verify reads the copy until it holds all of the stream, and fails on a gap: a record may come again after a crash, but
// none may be missing when a later one is there.
func (s *stream) verify(t testing.TB, bootstrap, topic string) (duplicates int64) {
	t.Helper()
	assign := map[int32]kgo.Offset{}
	for p := range s.partitions {
		assign[p] = kgo.NewOffset().AtStart()
	}
	cl := kafkaClient(t, bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assign}))
	seen := make([]uint64, s.partitions) // records of each partition seen without a gap
	missing := 0
	for _, n := range s.next {
		missing += int(n)
	}
	testkit.Eventually(t, 3*time.Minute, func(ctx context.Context) error {
		if missing == 0 {
			return nil
		}
		fs := cl.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			return err
		}
		fs.EachRecord(func(r *kgo.Record) {
			switch n := binary.BigEndian.Uint64(r.Value[92:]); {
			case n == seen[r.Partition]:
				seen[r.Partition]++
				missing--
			case n < seen[r.Partition]:
				duplicates++
			default:
				t.Fatalf("partition %d: record %d comes before record %d", r.Partition, n, seen[r.Partition])
			}
		})
		if missing > 0 {
			return fmt.Errorf("%d records are missing", missing)
		}
		return nil
	})
	return duplicates
}

// ends sums the end offsets of a topic.
func ends(ctx context.Context, cl *kgo.Client, topic string) (int64, error) {
	listed, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err != nil {
			err = o.Err
		}
		n += o.Offset
	})
	return n, err
}
