package kgoclient

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
)

type standing = map[connect.TopicPartition]client.GroupOffset

func groupAdmin(t *testing.T, e *Embedded) *GroupAdmin {
	t.Helper()
	s, err := clientconf.Translate(clientconf.Admin, map[string]string{"bootstrap.servers": e.Bootstrap()}, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGroupAdmin(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// requests counts what a cluster is asked.
type requests struct {
	mu sync.Mutex
	n  map[int16]int
}

func count(c *kfake.Cluster) *requests {
	r := &requests{n: map[int16]int{}}
	c.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.n[req.Key()]++
		return nil, nil, false
	})
	return r
}

func (r *requests) of(key kmsg.Key) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n[key.Int16()]
}

// TestManyGroupsInFewRequests: a round over 1,200 groups must not take a request for each.
func TestManyGroupsInFewRequests(t *testing.T) {
	e := embedded(t, EmbeddedConfig{Topics: map[string]int32{"t": 2}})
	ctx := within(t)
	g := groupAdmin(t, e)
	var names []string
	want := map[string]standing{}
	for i := range 1200 {
		name := fmt.Sprint("g", i)
		names = append(names, name)
		want[name] = standing{{Topic: "t", Partition: int32(i % 2)}: {At: int64(i), Metadata: "m"}}
		if i < 1100 {
			if failed, err := g.Commit(ctx, name, want[name]); err != nil || len(failed) > 0 {
				t.Fatal(failed, err)
			}
		} else {
			want[name] = standing{} // is not there
		}
	}
	asked := count(e.Cluster())
	got, failed := g.Offsets(ctx, names)
	if len(failed) > 0 {
		t.Error(failed)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	listed, err := g.Groups(ctx)
	if err != nil || len(listed) != 1100 || !listed["g0"].Idle() {
		t.Errorf("%d groups, %v, %v", len(listed), listed["g0"], err)
	}
	brokers := len(e.Cluster().ListenAddrs())
	if n := asked.of(kmsg.OffsetFetch); n > 3*brokers {
		t.Errorf("%d requests for positions to %d brokers", n, brokers)
	}
	if n := asked.of(kmsg.ListGroups); n > brokers {
		t.Errorf("%d requests for groups to %d brokers", n, brokers)
	}
}

func TestCommitsFromOutside(t *testing.T) {
	e := embedded(t, EmbeddedConfig{Topics: map[string]int32{"t": 2500}})
	ctx := within(t)
	g := groupAdmin(t, e)
	// More partitions than one commit may name, and one that is not there.
	at := standing{{Topic: "nope"}: {At: 1}}
	for p := range int32(2500) {
		at[connect.TopicPartition{Topic: "t", Partition: p}] = client.GroupOffset{At: int64(p)}
	}
	asked := count(e.Cluster())
	failed, err := g.Commit(ctx, "g", at)
	if err != nil || len(failed) != 1 || failed[connect.TopicPartition{Topic: "nope"}] == nil {
		t.Fatal(failed, err)
	}
	if n := asked.of(kmsg.OffsetCommit); n != 3 {
		t.Errorf("%d commits", n)
	}
	got, _ := g.Offsets(ctx, []string{"g"})
	if len(got["g"]) != 2500 || got["g"][connect.TopicPartition{Topic: "t", Partition: 2499}].At != 2499 {
		t.Errorf("%d positions", len(got["g"]))
	}

	joined := make(chan struct{})
	member := newClient(t, clientconf.Consumer, map[string]string{"bootstrap.servers": e.Bootstrap(), "group.id": "g"}, kgo.ConsumeTopics("t"),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { close(joined) }))
	defer member.Close()
	select {
	case <-joined:
	case <-ctx.Done():
		t.Fatal("the consumer does not join its group")
	}
	listed, err := g.Groups(ctx)
	if err != nil || listed["g"].Idle() {
		t.Errorf("%v %v", listed, err)
	}
	if _, err := g.Commit(ctx, "g", at); !errors.Is(err, client.ErrGroupNotEmpty) {
		t.Errorf("a commit for a group with a member: %v", err)
	}
}

func TestBounds(t *testing.T) {
	e := embedded(t, EmbeddedConfig{Topics: map[string]int32{"t": 1, "empty": 1}})
	ctx := within(t)
	produce(t, newClient(t, clientconf.Producer, map[string]string{"bootstrap.servers": e.Bootstrap()}), "t", 7)
	g := groupAdmin(t, e)
	tp := func(topic string, p int32) connect.TopicPartition {
		return connect.TopicPartition{Topic: topic, Partition: p}
	}
	got, err := g.Bounds(ctx, []connect.TopicPartition{tp("t", 0), tp("t", 1), tp("empty", 0), tp("nope", 0)})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[connect.TopicPartition]client.Bounds{tp("t", 0): {End: 7}, tp("empty", 0): {}}, got); d != "" {
		t.Error(d)
	}
}
