package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

func TestReadToGivesUpWhenNothingComes(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"t": 2})
	l := logs(t, servers, false)
	log := open(t, l, "t", &tail{})
	if err := log.Append(within(t), kv("a", "1"), kv("b", "2"), kv("c", "3"), kv("d", "4")); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(servers, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	p0, p1 := connect.TopicPartition{Topic: "t", Partition: 0}, connect.TopicPartition{Topic: "t", Partition: 1}
	ends, err := r.ListOffsets(within(t), map[connect.TopicPartition]int64{p0: Latest, p1: Latest}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Assign(map[connect.TopicPartition]int64{p0: 0, p1: 0}); err != nil {
		t.Fatal(err)
	}
	var got tail
	add := func(recs []client.ConsumedRecord) {
		for _, rec := range recs {
			got.add([]client.LogRecord{{Key: rec.Key, Value: rec.Value}})
		}
	}
	if err := r.ReadTo(within(t), ends, time.Minute, add); err != nil || got.sorted() != "a=1 b=2 c=3 d=4" {
		t.Errorf("%v, read %q", err, got.sorted())
	}
	ends[p1]++
	if err := r.ReadTo(within(t), ends, time.Millisecond, add); err == nil || !strings.Contains(err.Error(), "t-1 was read up to offset") {
		t.Errorf("a record that never comes: %v", err)
	}
}
