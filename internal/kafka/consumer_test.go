package kafka

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// member is a consumer with what its group told it.
type member struct {
	*Consumer
	owned   map[connect.TopicPartition]bool
	revoked int
	at      map[connect.TopicPartition]int64 // next to be read
	values  map[string]int
}

func (m *member) Assigned(_ context.Context, tps []connect.TopicPartition) error {
	for _, tp := range tps {
		m.owned[tp] = true
	}
	return nil
}

func (m *member) Revoked(ctx context.Context, tps []connect.TopicPartition, _ bool) error {
	offsets := map[connect.TopicPartition]int64{}
	for _, tp := range tps {
		delete(m.owned, tp)
		if at, ok := m.at[tp]; ok {
			offsets[tp] = at
		}
	}
	m.revoked++
	return m.Commit(ctx, offsets)
}

func (m *member) poll(t *testing.T) {
	t.Helper()
	recs, err := m.Poll(within(t), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		m.values[string(r.Value)]++
		m.at[connect.TopicPartition{Topic: r.Topic, Partition: r.Partition}] = r.Offset + 1
	}
}

func join(t *testing.T, servers map[string]string, strategy string, topics []string, regex string) *member {
	t.Helper()
	c, err := NewConsumer(with(servers, "group.id", "g", "auto.offset.reset", "earliest", "partition.assignment.strategy", strategy), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	m := &member{Consumer: c, owned: map[connect.TopicPartition]bool{}, at: map[connect.TopicPartition]int64{}, values: map[string]int{}}
	if err := c.Subscribe(topics, regex, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func until(t *testing.T, what string, ok func() bool, members ...*member) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
		for _, m := range members {
			m.poll(t)
		}
	}
}

func send(t *testing.T, servers map[string]string, topic string, partitions, from, to int) {
	t.Helper()
	p := producer(t, servers, func([]client.Delivery) {})
	var recs []client.ProducerRecord
	for i := from; i < to; i++ {
		recs = append(recs, client.ProducerRecord{Topic: topic, Partition: int32(i % partitions), Value: fmt.Append(nil, i), TimestampMs: -1})
	}
	if err := errors.Join(p.Send(within(t), recs), p.Flush(within(t))); err != nil {
		t.Fatal(err)
	}
}

func TestGroupSharesPartitionsAndKeepsOffsets(t *testing.T) {
	for _, strategy := range []string{"range", "cooperative-sticky"} {
		t.Run(strategy, func(t *testing.T) {
			testkit.NoLeaks(t)
			servers := fake(t, map[string]int32{"in": 4})
			send(t, servers, "in", 4, 0, 40)
			a := join(t, servers, strategy, []string{"in"}, "")
			until(t, "all records", func() bool { return len(a.values) == 40 }, a)
			if len(a.owned) != 4 {
				t.Fatalf("owns %v", a.owned)
			}
			b := join(t, servers, strategy, []string{"in"}, "")
			until(t, "an equal share", func() bool { return len(a.owned) == 2 && len(b.owned) == 2 }, a, b)
			if a.revoked == 0 {
				t.Error("nothing was revoked")
			}
			send(t, servers, "in", 4, 40, 80)
			until(t, "the rest", func() bool { return len(a.values)+len(b.values) >= 80 }, a, b)
			for v, n := range b.values {
				if n > 1 || a.values[v] > 0 {
					t.Errorf("%s came again", v)
				}
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			until(t, "the share of the one that left", func() bool { return len(b.owned) == 4 }, b)
		})
	}
}

func TestPatternFindsTopics(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"orders-eu": 1, "orders-us": 1, "other": 1})
	send(t, servers, "orders-eu", 1, 0, 2)
	send(t, servers, "orders-us", 1, 2, 4)
	send(t, servers, "other", 1, 4, 6)
	m := join(t, servers, "range", nil, `orders-(eu|us)`)
	until(t, "both topics", func() bool { return len(m.values) == 4 }, m)
	if m.values["4"] != 0 || len(m.owned) != 2 {
		t.Errorf("owns %v, read %v", m.owned, m.values)
	}
	if err := m.Subscribe(nil, `(?=x`, m); err == nil {
		t.Error("a pattern that is not understood is taken")
	}
}

func TestSeekPauseAndPosition(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"in": 1})
	send(t, servers, "in", 1, 0, 10)
	m := join(t, servers, "range", []string{"in"}, "")
	tp := connect.TopicPartition{Topic: "in"}
	until(t, "the assignment", func() bool { return m.owned[tp] }, m)
	until(t, "all records", func() bool { return len(m.values) == 10 }, m)
	if at, err := m.Position(tp); err != nil || at != 10 {
		t.Errorf("position %d, %v", at, err)
	}
	if err := m.Seek(tp, 7); err != nil {
		t.Fatal(err)
	}
	until(t, "record 9 again", func() bool { return m.values["9"] == 2 }, m)
	if m.values["6"] != 1 || m.values["7"] != 2 {
		t.Errorf("read %v", m.values)
	}
	if err := m.Pause([]connect.TopicPartition{tp}); err != nil {
		t.Fatal(err)
	}
	send(t, servers, "in", 1, 10, 11)
	m.poll(t)
	m.poll(t)
	if m.values["10"] != 0 {
		t.Error("a paused partition goes on")
	}
	if err := m.Resume([]connect.TopicPartition{tp}); err != nil {
		t.Fatal(err)
	}
	until(t, "the record after the pause", func() bool { return m.values["10"] == 1 }, m)
}
