package kgoclient

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
)

type committed = map[connect.TopicPartition]int64

func TestGroupOffsetsChangeTogether(t *testing.T) {
	e := embedded(t, EmbeddedConfig{Topics: map[string]int32{"t": 3}})
	ctx := within(t)
	g := NewGroups(newClient(t, clientconf.Admin, map[string]string{"bootstrap.servers": e.Bootstrap()}))
	at := func(n int64) *int64 { return &n }
	tp := func(p int32) connect.TopicPartition { return connect.TopicPartition{Topic: "t", Partition: p} }
	have := func(want committed) {
		t.Helper()
		got, err := g.Offsets(ctx, "g")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
	alter := func(offsets map[connect.TopicPartition]*int64, want error) {
		t.Helper()
		if err := g.Alter(ctx, "g", offsets); !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
	}
	have(committed{})
	alter(map[connect.TopicPartition]*int64{tp(0): nil}, kerr.GroupIDNotFound)
	if err := g.Delete(ctx, "g"); err != nil {
		t.Error("deleting a group that is not there:", err)
	}
	alter(map[connect.TopicPartition]*int64{tp(0): at(5), tp(1): at(0)}, nil)
	have(committed{tp(0): 5, tp(1): 0})
	alter(map[connect.TopicPartition]*int64{tp(0): at(6), tp(1): nil, tp(2): at(1 << 40)}, nil)
	have(committed{tp(0): 6, tp(2): 1 << 40})

	// One partition that is not there, and nothing changes.
	alter(map[connect.TopicPartition]*int64{tp(0): at(7), tp(3): at(1)}, client.ErrUnknownTopic)
	alter(map[connect.TopicPartition]*int64{tp(0): at(7), {Topic: "nope"}: nil}, client.ErrUnknownTopic)
	alter(map[connect.TopicPartition]*int64{tp(0): at(7), tp(-1): nil}, client.ErrUnknownTopic)
	have(committed{tp(0): 6, tp(2): 1 << 40})

	// What fails after something was changed is undone.
	refuse(e.Cluster(), kmsg.OffsetDelete)
	alter(map[connect.TopicPartition]*int64{tp(0): at(7), tp(1): at(3), tp(2): nil}, client.ErrGroupNotEmpty)
	have(committed{tp(0): 6, tp(2): 1 << 40})

	joined := make(chan struct{})
	member := newClient(t, clientconf.Consumer, map[string]string{"bootstrap.servers": e.Bootstrap(), "group.id": "g"}, kgo.ConsumeTopics("t"),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { close(joined) }))
	select {
	case <-joined:
	case <-ctx.Done():
		t.Fatal("the consumer does not join its group")
	}
	alter(map[connect.TopicPartition]*int64{tp(0): at(1)}, client.ErrGroupNotEmpty)
	if err := g.Delete(ctx, "g"); !errors.Is(err, client.ErrGroupNotEmpty) {
		t.Error("deleting a group with a member:", err)
	}
	member.Close()
	if err := g.Delete(ctx, "g"); err != nil {
		t.Error(err)
	}
	have(committed{})
}

// refuse has the cluster refuse the next request of a kind because the group has members.
func refuse(c *kfake.Cluster, key kmsg.Key) {
	c.ControlKey(key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
		resp.ErrorCode = kerr.NonEmptyGroup.Code
		return resp, nil, true
	})
}
