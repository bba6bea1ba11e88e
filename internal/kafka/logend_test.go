package kafka

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/testkit"
)

// fetching is a cluster that counts fetches.
type fetching struct {
	*kfake.Cluster
	fetches atomic.Int64
}

func newFetching(t *testing.T, topic string) *fetching {
	t.Helper()
	f := &fetching{Cluster: fakeCluster(t, map[string]int32{topic: 1})}
	f.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		f.fetches.Add(1)
		return nil, nil, false
	})
	return f
}

func (f *fetching) servers(more ...string) map[string]string {
	return with(servers(f.Cluster), more...)
}

// awaitFetches waits for n fetches from now on.
func (f *fetching) awaitFetches(t *testing.T, n int64) {
	t.Helper()
	from := f.fetches.Load()
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if got := f.fetches.Load() - from; got < n {
			return fmt.Errorf("%d fetches", got)
		}
		return nil
	})
}

// A log that has waited at its end, as all do most of the time, must not take the end for a record.
func TestReadToEndWaitsForTheRecordAfterAnIdleTime(t *testing.T) {
	testkit.NoLeaks(t)
	f := newFetching(t, "configs")
	// The brokers hold fetches back for so long that a record comes late, and its acknowledgement early.
	slow := f.servers("fetch.wait.max.ms", "150", "fetch.min.bytes", "1000000")
	l, err := NewLogs(LogsOptions{Producer: f.servers(), Consumer: slow})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got tail
	log := open(t, l, "configs", &got)
	for i := range 3 {
		f.awaitFetches(t, 3) // the first may be under way, the second finds nothing and is over when the third comes
		if err := log.Append(within(t), kv("k", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if err := log.ReadToEnd(within(t)); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("k=%d", i); !strings.Contains(got.sorted(), want) {
			t.Fatalf("read to its end, the topic holds %q without %s", got.sorted(), want)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// After a change of leaders brokers refuse the leader epoch that librdkafka has kept, until it asks for metadata.
func TestReadToEndAfterAChangeOfLeaders(t *testing.T) {
	testkit.NoLeaks(t)
	f := newFetching(t, "configs")
	var moved atomic.Bool
	f.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		moved.Store(false)
		return nil, nil, false
	})
	f.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if !moved.Load() {
			return nil, nil, false
		}
		ask := req.(*kmsg.ListOffsetsRequest)
		resp := ask.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, asked := range ask.Topics {
			topic := kmsg.NewListOffsetsResponseTopic()
			topic.Topic = asked.Topic
			for _, p := range asked.Partitions {
				refused := kmsg.NewListOffsetsResponseTopicPartition()
				refused.Partition, refused.ErrorCode = p.Partition, kerr.FencedLeaderEpoch.Code
				topic.Partitions = append(topic.Partitions, refused)
			}
			resp.Topics = append(resp.Topics, topic)
		}
		return resp, nil, true
	})
	var got tail
	log := open(t, logs(t, f.servers(), false), "configs", &got)
	moved.Store(true)
	if err := log.ReadToEnd(within(t)); err != nil { // which is less than the five minutes of a periodic refresh
		t.Fatal(err)
	}
}
