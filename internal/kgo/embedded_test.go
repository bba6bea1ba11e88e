package kgoclient

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/clientconf"
)

func embedded(t *testing.T, cfg EmbeddedConfig) *Embedded {
	t.Helper()
	e, err := StartEmbedded(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// newClient makes a client from Java properties, as the worker does.
func newClient(t *testing.T, role clientconf.Role, props map[string]string, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	s, err := clientconf.Translate(role, props, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	opts, err := Options(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	opts = append(opts, GroupOptions(s)...)
	client, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func produce(t *testing.T, client *kgo.Client, topic string, n int) {
	t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Key: []byte(strconv.Itoa(i)), Value: []byte("v" + strconv.Itoa(i))}
	}
	if err := client.ProduceSync(within(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume reads n records and returns which partition each key was found in.
func consume(t *testing.T, client *kgo.Client, n int) map[string]int32 {
	t.Helper()
	ctx, partitions := within(t), map[string]int32{}
	for len(partitions) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { partitions[string(r.Key)] = r.Partition })
	}
	return partitions
}

func TestRoundTripThroughAnEmbeddedCluster(t *testing.T) {
	e := embedded(t, EmbeddedConfig{Brokers: 3, Topics: map[string]int32{"t": 8}})
	if len(e.Addrs()) != 3 {
		t.Fatalf("addresses %v", e.Addrs())
	}
	producer := newClient(t, clientconf.Producer, map[string]string{
		"bootstrap.servers": e.Bootstrap(), "compression.type": "lz4", "linger.ms": "1", "client.id": "p",
	})
	produce(t, producer, "t", 100)
	consumer := newClient(t, clientconf.Consumer, map[string]string{
		"bootstrap.servers": e.Bootstrap(), "group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": "false",
	}, kgo.ConsumeTopics("t"))
	if got := consume(t, consumer, 100); len(got) != 100 {
		t.Errorf("%d keys", len(got))
	}
}

// TestPartitionsAreJavas pins keys to the partitions that Java's default partitioner gave them in a topic of 25
// partitions, the offset topic's number.
func TestPartitionsAreJavas(t *testing.T) {
	want := map[string]int32{"0": 21, "1": 9, "2": 18, "3": 18, "4": 3}
	e := embedded(t, EmbeddedConfig{Topics: map[string]int32{"t": 25}})
	for _, idempotent := range []string{"true", "false"} {
		producer := newClient(t, clientconf.Producer, map[string]string{"bootstrap.servers": e.Bootstrap(), "enable.idempotence": idempotent})
		produce(t, producer, "t", len(want))
	}
	consumer := newClient(t, clientconf.Consumer, map[string]string{"bootstrap.servers": e.Bootstrap(), "auto.offset.reset": "earliest"}, kgo.ConsumeTopics("t"))
	got := consume(t, consumer, len(want))
	for key, partition := range want {
		if got[key] != partition {
			t.Errorf("key %s went to partition %d, Java's is %d", key, got[key], partition)
		}
	}
}

func TestDataDirKeepsRecordsAndAddsTopics(t *testing.T) {
	dir := t.TempDir()
	first := embedded(t, EmbeddedConfig{DataDir: dir, Topics: map[string]int32{"t": 1}})
	produce(t, newClient(t, clientconf.Producer, map[string]string{"bootstrap.servers": first.Bootstrap()}), "t", 10)
	first.Close()

	second := embedded(t, EmbeddedConfig{DataDir: dir, Topics: map[string]int32{"t": 1, "late": 2}})
	consumer := newClient(t, clientconf.Consumer, map[string]string{
		"bootstrap.servers": second.Bootstrap(), "auto.offset.reset": "earliest",
	}, kgo.ConsumeTopics("t"))
	consume(t, consumer, 10)
	topics, err := kadm.NewClient(consumer).ListTopics(within(t), "late")
	if err != nil || len(topics["late"].Partitions) != 2 {
		t.Errorf("%v %v", topics, err)
	}
}

func TestFixedPortInUseIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	_, err = StartEmbedded(EmbeddedConfig{Ports: []int{busy.Addr().(*net.TCPAddr).Port}})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s is in use", busy.Addr())) {
		t.Fatal(err)
	}
	if _, err := StartEmbedded(EmbeddedConfig{Brokers: 2, Ports: []int{1}}); err == nil {
		t.Error("two brokers on one port")
	}
}

func TestFixedPorts(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	e := embedded(t, EmbeddedConfig{Ports: []int{n}})
	if e.Bootstrap() != address {
		t.Errorf("%s, want %s", e.Bootstrap(), address)
	}
}
