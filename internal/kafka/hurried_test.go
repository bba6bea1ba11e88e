package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/testkit"
)

// librdkafka frees a request for offsets when its timeout is over, while the calling thread still looks for the leaders of
// its partitions: with some thousand of them and a caller whose time was nearly up, the process crashed.
func TestOffsetsOfManyPartitionsInNoTime(t *testing.T) {
	testkit.NoLeaks(t)
	names := make([]string, 300)
	specs := map[connect.TopicPartition]int64{}
	for i := range names {
		names[i] = fmt.Sprintf("topic-%04d", i)
		for p := range int32(8) {
			specs[connect.TopicPartition{Topic: names[i], Partition: p}] = Latest
		}
	}
	r, err := NewReader(servers(fakeCluster(t, nil, kfake.SeedTopics(8, names...))), ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		at, err := r.ListOffsets(within(t), specs, false)
		if err != nil || len(at) != len(specs) {
			t.Fatalf("offsets of %d partitions of %d, %v", len(at), len(specs), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err = r.ListOffsets(ctx, specs, false)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) { // the answer may be there as soon
			t.Fatal(err)
		}
	}
}

// Nor is librdkafka asked while a partition has no leader: it would wait for one on another thread, on the same terms.
func TestOffsetsOfAPartitionWithoutLeader(t *testing.T) {
	testkit.NoLeaks(t)
	c := fakeCluster(t, map[string]int32{"led": 2, "half": 2})
	var headless, asked atomic.Bool
	headless.Store(true)
	c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !headless.Load() {
			return nil, nil, false
		}
		return withoutLeader(c, req.(*kmsg.MetadataRequest), "half", 1), nil, true
	})
	c.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked.Store(true)
		return nil, nil, false
	})
	r, err := NewReader(servers(c), ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	specs := map[connect.TopicPartition]int64{}
	for p := range int32(2) {
		specs[connect.TopicPartition{Topic: "led", Partition: p}] = Latest
		specs[connect.TopicPartition{Topic: "half", Partition: p}] = Latest
	}
	_, err = r.ListOffsets(within(t), specs, false)
	var pe *PartitionError
	if want := (connect.TopicPartition{Topic: "half", Partition: 1}); !errors.As(err, &pe) || pe.TopicPartition != want || asked.Load() {
		t.Fatalf("%v; asked a broker: %t", err, asked.Load())
	}
	headless.Store(false)
	if at, err := r.ListOffsets(within(t), specs, false); err != nil || len(at) != len(specs) {
		t.Fatal(at, err)
	}
}

// withoutLeader answers for the topics of the request as if each had two partitions, one of one topic without a leader.
func withoutLeader(c *kfake.Cluster, req *kmsg.MetadataRequest, topic string, partition int32) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	const broker = 0
	host, port, _ := net.SplitHostPort(c.ListenAddrs()[0])
	b := kmsg.NewMetadataResponseBroker()
	b.NodeID, b.Host = broker, host
	n, _ := strconv.Atoi(port)
	b.Port = int32(n)
	resp.Brokers, resp.ControllerID = append(resp.Brokers, b), broker
	for _, asked := range req.Topics {
		t := kmsg.NewMetadataResponseTopic()
		t.Topic = asked.Topic
		for id := range int32(2) {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Leader = id, broker
			p.Replicas, p.ISR = []int32{broker}, []int32{broker}
			if *asked.Topic == topic && id == partition {
				p.Leader, p.ErrorCode = -1, kerr.LeaderNotAvailable.Code
			}
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}
