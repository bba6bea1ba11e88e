package kafka

import (
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// TestRecordsTellTheirLeaderEpoch has a partition led anew.
func TestRecordsTellTheirLeaderEpoch(t *testing.T) {
	testkit.NoLeaks(t)
	c := fakeCluster(t, map[string]int32{"in": 1})
	var ds deliveries
	p := producer(t, servers(c), ds.add)
	r := reader(t, servers(c))
	if err := r.Assign(map[connect.TopicPartition]int64{{Topic: "in"}: 0}); err != nil {
		t.Fatal(err)
	}
	write := func(seq uint64) int32 {
		t.Helper()
		if err := p.Send(within(t), []client.ProducerRecord{{Seq: seq, Topic: "in", Value: []byte("v"), TimestampMs: -1}}); err != nil {
			t.Fatal(err)
		}
		return read(t, r.Poll, 1)[0].LeaderEpoch
	}
	first := write(1)
	if err := c.MoveTopicPartition("in", 0, 0); err != nil {
		t.Fatal(err)
	}
	if second := write(2); first < 0 || second != first+1 {
		t.Errorf("leader epochs %d and %d", first, second)
	}
}
