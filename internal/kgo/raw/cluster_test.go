package raw

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func TestClusterLearnsLeadersOfTheTopicsThatAreWanted(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 3, Topics: map[string]int32{"a": 6, "b": 1}})
	c := cluster(t, settings(t, clientconf.Consumer, e.Bootstrap(), nil))
	if err := c.Refresh(within(t, time.Minute), "a", "gone"); err != nil {
		t.Fatal(err)
	}
	a := c.Topic("a")
	if a == nil || a.Err != nil || len(a.Partitions) != 6 || a.ID == [16]byte{} {
		t.Fatalf("a: %+v", a)
	}
	if c.Topic("b") != nil {
		t.Error("b is known, and nobody wants it")
	}
	if gone := c.Topic("gone"); gone == nil || !errors.Is(gone.Err, kerr.UnknownTopicOrPartition) {
		t.Errorf("gone: %+v", gone)
	}
	if n := len(c.Brokers()); n != 3 {
		t.Errorf("%d brokers", n)
	}
	for p := range a.Partitions {
		broker, epoch := c.Leader("a", int32(p))
		if broker < 0 || epoch < 0 {
			t.Errorf("a-%d: leader %d, epoch %d", p, broker, epoch)
		}
	}
}

func TestClusterSeesALeaderMove(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"a": 1}})
	c := cluster(t, settings(t, clientconf.Consumer, e.Bootstrap(), nil))
	if err := c.Refresh(within(t, time.Minute), "a"); err != nil {
		t.Fatal(err)
	}
	before, _ := c.Leader("a", 0)
	if err := e.Cluster().MoveTopicPartition("a", 0, 1-before); err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(within(t, time.Minute), "a"); err != nil {
		t.Fatal(err)
	}
	if after, _ := c.Leader("a", 0); after != 1-before {
		t.Errorf("leader %d, want %d", after, 1-before)
	}
}

func TestConnectionsDifferByPurposeAndAreKept(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
	c := cluster(t, settings(t, clientconf.Consumer, e.Bootstrap(), nil))
	ctx := within(t, time.Minute)
	if err := c.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	fetch, err := c.Conn(ctx, 0, ForFetch)
	if err != nil {
		t.Fatal(err)
	}
	produce, err := c.Conn(ctx, 0, ForProduce)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Conn(ctx, 0, ForFetch)
	if err != nil {
		t.Fatal(err)
	}
	if fetch == produce || fetch != again {
		t.Error("a connection for each purpose, and one only")
	}
	fetch.Close()
	again, err = c.Conn(ctx, 0, ForFetch)
	if err != nil || again == fetch {
		t.Errorf("a closed connection is not replaced: %v", err)
	}
	if _, err := c.Conn(ctx, 7, ForFetch); !errors.Is(err, ErrUnknownBroker) {
		t.Errorf("an unknown broker: %v", err)
	}
}
