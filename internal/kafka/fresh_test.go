package kafka

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// A client that asked for a topic's offsets before any broker knew of the topic must not go by that answer: with a busy broker
// the tasks of a new worker waited for minutes for the ends of an offset topic that had long been there.
func TestOffsetsOfATopicThatWasUnknownAtFirst(t *testing.T) {
	testkit.NoLeaks(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	servers := map[string]string{"bootstrap.servers": strings.Join(c.ListenAddrs(), ",")}
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
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.ListOffsets(ctx, specs, false)
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
