package kafka

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// A client that asked for a topic's offsets before any broker knew of the topic must not go by that answer: with a busy broker
// the tasks of a new worker waited for minutes for the ends of an offset topic that had long been there.
func TestOffsetsOfATopicThatWasUnknownAtFirst(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, nil)
	r, err := NewReader(servers, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	specs := map[connect.TopicPartition]int64{}
	for p := range int32(3) {
		specs[connect.TopicPartition{Topic: "fresh", Partition: p}] = Latest
	}
	ask := func() error {
		_, err := r.ListOffsets(within(t), specs, false)
		return err
	}
	if err := ask(); err == nil {
		t.Fatal("offsets of a topic that is not there")
	}
	a, err := NewAdmin(servers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	failed, err := a.CreateTopics(within(t), client.TopicSpec{Name: "fresh", Partitions: 3, Replication: 1})
	if err != nil || len(failed) > 0 {
		t.Fatal(err, failed)
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
}

// What waits for a broker when its writer gives up does not arrive later.
func TestAbandonedAppendIsNotWritten(t *testing.T) {
	testkit.NoLeaks(t)
	c := fakeCluster(t, map[string]int32{"configs": 1})
	l, err := NewLogs(LogsOptions{Producer: servers(c), Consumer: servers(c)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got tail
	log := open(t, l, "configs", &got)
	if err := log.Append(within(t), kv("k", "first")); err != nil {
		t.Fatal(err)
	}
	// The broker has no time for the next one, until its writer has given it up.
	arrived := make(chan struct{}, 100)
	refuse := atomic.Bool{}
	refuse.Store(true)
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !refuse.Load() {
			return nil, nil, false
		}
		arrived <- struct{}{}
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range req.(*kmsg.ProduceRequest).Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	done := make(chan error, 1)
	go func() { done <- log.Append(within(t), kv("k", "zombie")) }()
	<-arrived
	log.Abandon()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "given up") {
		t.Fatalf("an abandoned write: %v", err)
	}
	refuse.Store(false)
	if err := log.Append(within(t), kv("k", "last")); err != nil {
		t.Fatal(err)
	}
	if err := log.ReadToEnd(within(t)); err != nil {
		t.Fatal(err)
	}
	if s := got.sorted(); strings.Contains(s, "zombie") || !strings.Contains(s, "last") {
		t.Fatalf("the topic holds %q", s)
	}
}
