package kafka

import (
	"fmt"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

func admin(t *testing.T, servers map[string]string) *Admin {
	t.Helper()
	a, err := NewAdmin(servers, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// numbered sends n records "<i>" to a partition.
func numbered(t *testing.T, servers map[string]string, topic string, n int) {
	t.Helper()
	p := producer(t, servers, func([]client.Delivery) {})
	for i := range n {
		if err := p.Send(within(t), []client.ProducerRecord{{Seq: uint64(i + 1), Topic: topic, Value: fmt.Append(nil, i), TimestampMs: -1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
}

// TestTopicIDs tells a topic from one that was made anew with its name.
func TestTopicIDs(t *testing.T) {
	servers := fake(t, map[string]int32{"a": 1, "b": 2})
	ad, r := admin(t, servers), reader(t, servers)
	ids, err := r.Shapes(within(t), "a", "b", "none")
	if err != nil || len(ids) != 2 || ids["a"].ID == ids["b"].ID || ids["b"].Partitions != 2 {
		t.Fatal(ids, err)
	}
	if _, err := ad.c.DeleteTopics(within(t), []string{"a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ad.CreateTopics(within(t), client.TopicSpec{Name: "a", Partitions: 1, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	anew, err := r.Shapes(within(t), "a")
	if err != nil || anew["a"].ID == "" || anew["a"].ID == ids["a"].ID {
		t.Error(anew, ids, err)
	}
	if none, err := r.Shapes(within(t)); err != nil || len(none) != 0 {
		t.Error(none, err)
	}
}

// TestPausedPartitionGoesOnWhereItWas has what was fetched already given up by a pause and fetched again.
func TestPausedPartitionGoesOnWhereItWas(t *testing.T) {
	servers := fake(t, map[string]int32{"a": 1})
	const total = 2000
	numbered(t, servers, "a", total)
	r := reader(t, servers)
	tp := connect.TopicPartition{Topic: "a"}
	if r.End(tp) != -1 {
		t.Error("the end of a partition is known before it is read:", r.End(tp))
	}
	if err := r.Assign(map[connect.TopicPartition]int64{tp: Earliest}); err != nil {
		t.Fatal(err)
	}
	var got []string
	next := int64(0)
	for len(got) < total {
		for _, rec := range read(t, r.Poll, 1) {
			got, next = append(got, string(rec.Value)), rec.Offset+1
		}
		if err := r.Pause([]connect.TopicPartition{tp}); err != nil {
			t.Fatal(err)
		}
		if recs, err := r.Poll(within(t), 10*time.Millisecond); err != nil || len(recs) > 0 {
			t.Fatal(len(recs), "records of a paused partition", err)
		}
		if err := r.Seek(tp, next); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range got {
		if v != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, v)
		}
	}
	if r.End(tp) != total || r.Throttled() != 0 {
		t.Error(r.End(tp), r.Throttled())
	}
}
