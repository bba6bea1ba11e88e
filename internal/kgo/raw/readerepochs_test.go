package raw

import (
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

const epochsKey = 23 // OffsetForLeaderEpoch

func TestEpochEnds(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 3, Topics: map[string]int32{"a": 2, "b": 1}})
	move := func(topic string, to int32) {
		t.Helper()
		if err := e.Cluster().MoveTopicPartition(topic, 0, to); err != nil {
			t.Fatal(err)
		}
	}
	a0, a1, b0 := connect.TopicPartition{Topic: "a"}, connect.TopicPartition{Topic: "a", Partition: 1}, connect.TopicPartition{Topic: "b"}
	none := connect.TopicPartition{Topic: "none"}
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	epochOf := func(topic string) int32 {
		t.Helper()
		if err := r.cl.Refresh(within(t, time.Minute), topic); err != nil {
			t.Fatal(err)
		}
		_, epoch, err := r.cl.leaderOf(connect.TopicPartition{Topic: topic})
		if err != nil {
			t.Fatal(err)
		}
		return epoch
	}
	produce(t, e.Addrs(), "a", 0, "v0", "v1")
	first := epochOf("a")
	move("a", 1)
	move("a", 2)
	produce(t, e.Addrs(), "a", 0, "v2", "v3", "v4")
	second := epochOf("a")
	produce(t, e.Addrs(), "b", 0, "v0")
	var requests atomic.Int64
	e.Cluster().ControlKey(epochsKey, func(kmsg.Request) (kmsg.Response, error, bool) {
		requests.Add(1)
		e.Cluster().KeepControl()
		return nil, nil, false
	})
	for _, c := range []struct {
		ask, want map[connect.TopicPartition]int64
	}{
		{map[connect.TopicPartition]int64{a0: int64(first), b0: int64(epochOf("b")), a1: 0}, map[connect.TopicPartition]int64{a0: 2, b0: 1, a1: 0}},
		{map[connect.TopicPartition]int64{a0: int64(second)}, map[connect.TopicPartition]int64{a0: 5}},
		{map[connect.TopicPartition]int64{a0: int64(second) + 9}, map[connect.TopicPartition]int64{a0: -1}},
		{nil, map[connect.TopicPartition]int64{}},
	} {
		epochs := map[connect.TopicPartition]int32{}
		for tp, epoch := range c.ask {
			epochs[tp] = int32(epoch)
		}
		if got, err := r.EpochEnds(within(t, time.Minute), epochs); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%v: %v %v", c.ask, got, err)
		}
	}
	got, err := r.EpochEnds(within(t, time.Minute), map[connect.TopicPartition]int32{a0: first, none: 0})
	var pe *client.PartitionError
	if len(got) != 1 || got[a0] != 2 || !errors.As(err, &pe) || pe.TopicPartition != none || !errors.Is(err, client.ErrUnknownTopic) {
		t.Errorf("%v %v", got, err)
	}
	if n := requests.Load(); n < 4 || n > 6 {
		t.Errorf("%d requests", n)
	}
}

// TestEpochEndsOfLeadersThatDoNotAnswer leaves partitions out, which says something else than that nothing is known.
func TestEpochEndsOfLeadersThatDoNotAnswer(t *testing.T) {
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 2}})
	e.Cluster().ControlKey(epochsKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.Cluster().KeepControl()
		resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
		topic.Topic = "a"
		for partition, code := range []int16{0, kerr.NotLeaderForPartition.Code} {
			p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			p.Partition, p.ErrorCode, p.EndOffset = int32(partition), code, 7
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	a0, a1 := connect.TopicPartition{Topic: "a"}, connect.TopicPartition{Topic: "a", Partition: 1}
	got, err := r.EpochEnds(within(t, time.Minute), map[connect.TopicPartition]int32{a0: 3, a1: 3})
	if !maps.Equal(got, map[connect.TopicPartition]int64{a0: 7}) || !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("%v %v", got, err)
	}
	e.Close()
	if got, err := r.EpochEnds(within(t, time.Second), map[connect.TopicPartition]int32{a0: 3}); len(got) != 0 || err == nil {
		t.Errorf("%v %v", got, err)
	}
}

// TestSeekBackKeepsTheEpoch has the leader tell of a truncation also where a partition was halted meanwhile, and once only.
func TestSeekBackKeepsTheEpoch(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
	type asked struct {
		offset int64
		epoch  int32
	}
	seen := make(chan asked, 100)
	var diverges atomic.Bool
	onFetch(e, func(req *kmsg.FetchRequest, _ int64) (*kmsg.FetchResponse, error) {
		if len(req.Topics) == 0 {
			return nil, nil
		}
		p := req.Topics[0].Partitions[0]
		seen <- asked{p.FetchOffset, p.LastFetchedEpoch}
		if diverges.Load() {
			return answerTo(req, func(p *kmsg.FetchResponseTopicPartition) { p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = 0, 1 }), nil
		}
		return nil, nil
	})
	r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50"})
	readWhileWritten(t, e, r, 2)
	a0 := connect.TopicPartition{Topic: "a"}
	for i, c := range []struct {
		from     int64
		epoch    int32
		diverges bool
	}{
		{2, 0, false},
		{1, 0, false},
		{2, 0, true},
		{1, -1, false}, // whoever goes on has heard of it
		{0, 0, false},
		{9, -1, false}, // nothing was read there
	} {
		if err := r.Pause([]connect.TopicPartition{a0}); err != nil {
			t.Fatal(err)
		}
		for len(seen) > 0 {
			<-seen
		}
		diverges.Store(c.diverges)
		if err := r.Seek(a0, c.from); err != nil {
			t.Fatal(err)
		}
		got := <-seen
		for got.offset != c.from { // of the turn before
			got = <-seen
		}
		if got.epoch != c.epoch {
			t.Errorf("step %d: read from %d with epoch %d, want %d", i, got.offset, got.epoch, c.epoch)
		}
		if c.diverges {
			if err := failing(t, r); !errors.Is(err, client.ErrTruncated) {
				t.Fatal(err)
			}
			diverges.Store(false)
		} else if n := 2 - int(c.from); n > 0 {
			collect(t, r, n)
		}
	}
}
