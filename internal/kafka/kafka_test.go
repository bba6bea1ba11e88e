package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// patience bounds what should take a moment, on a machine that is busy with other things.
const patience = 2 * time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// fake starts a cluster in this process, reached over TCP.
func fake(t *testing.T, topics map[string]int32, opts ...kfake.Opt) map[string]string {
	t.Helper()
	return servers(fakeCluster(t, topics, opts...))
}

// fakeCluster is fake for tests that have the cluster misbehave.
func fakeCluster(t *testing.T, topics map[string]int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append(opts, kfake.NumBrokers(1))
	for name, n := range topics {
		opts = append(opts, kfake.SeedTopics(n, name))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func servers(c *kfake.Cluster) map[string]string {
	return map[string]string{"bootstrap.servers": strings.Join(c.ListenAddrs(), ",")}
}

func with(base map[string]string, kv ...string) map[string]string {
	out := map[string]string{}
	for k, v := range base {
		out[k] = v
	}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = kv[i+1]
	}
	return out
}

// deliveries collects outcomes.
type deliveries struct {
	mu  sync.Mutex
	all []client.Delivery
}

func (d *deliveries) add(ds []client.Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, ds...)
}

func producer(t *testing.T, servers map[string]string, onDelivery func([]client.Delivery)) *Producer {
	t.Helper()
	p, err := NewProducer(servers, nil, onDelivery)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func reader(t *testing.T, servers map[string]string) *Reader {
	t.Helper()
	r, err := NewReader(servers, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// read polls until n records came.
func read(t *testing.T, poll func(context.Context, time.Duration) ([]client.ConsumedRecord, error), n int) []client.ConsumedRecord {
	t.Helper()
	ctx := within(t)
	var out []client.ConsumedRecord
	for len(out) < n {
		recs, err := poll(ctx, time.Second)
		if err != nil {
			t.Fatalf("after %d of %d records: %v", len(out), n, err)
		}
		out = append(out, recs...)
	}
	return out
}

func TestRecordsArriveByteByByte(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"in": 3}, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000000"}))
	var ds deliveries
	p := producer(t, with(servers, "message.max.bytes", "20000000"), ds.add)
	big := bytes.Repeat([]byte("0123456789abcdef"), 650_000) // 10.4 MB
	sent := []client.ProducerRecord{
		{Seq: 1, Partition: 2, Key: []byte("k"), Value: []byte("v"), TimestampMs: 1_700_000_000_123},
		{Seq: 2, Partition: 2, Key: nil, Value: nil, TimestampMs: 1},
		{Seq: 3, Partition: 2, Key: []byte{}, Value: []byte{}, TimestampMs: 2},
		{Seq: 4, Partition: 2, Key: []byte{0, 255}, Value: nil, TimestampMs: 3, Headers: []client.Header{
			{Key: "a", Value: []byte{0, 1, 0xff}}, {Key: "null", Value: nil}, {Key: "empty", Value: []byte{}}, {Key: "a", Value: []byte("again")}, {Key: "", Value: []byte("x")},
		}},
		{Seq: 5, Partition: 2, Value: big, TimestampMs: 4},
		{Seq: 6, Partition: 2, Key: []byte("last"), TimestampMs: 5},
	}
	for i := range sent {
		sent[i].Topic = "in"
	}
	ctx := within(t)
	if err := p.Send(ctx, sent); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for i, d := range ds.all {
		if want := (client.Delivery{Seq: uint64(i + 1), Partition: 2, Offset: int64(i)}); d != want {
			t.Errorf("delivery %d is %+v, want %+v", i, d, want)
		}
	}
	r := reader(t, servers)
	tp := connect.TopicPartition{Topic: "in", Partition: 2}
	if err := r.Assign(map[connect.TopicPartition]int64{tp: Earliest}); err != nil {
		t.Fatal(err)
	}
	for i, got := range read(t, r.Poll, len(sent)) {
		s := sent[i]
		want := client.ConsumedRecord{
			Topic: "in", Partition: 2, Offset: int64(i), Key: s.Key, Value: s.Value, Headers: s.Headers,
			Timestamp: time.UnixMilli(s.TimestampMs), TimestampType: connect.CreateTime,
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("record %d is %.500v, want %.500v", i, got, want)
		}
	}
	if at, err := r.Position(tp); err != nil || at != int64(len(sent)) {
		t.Errorf("position %d, %v", at, err)
	}
}

// The numbers are Java's Utils.toPositive(Utils.murmur2(key)) % 4.
func TestPartitionsAreChosenAsByJava(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"in": 4})
	var ds deliveries
	p := producer(t, servers, ds.add)
	positive := func(n int32) int32 { return n & 0x7fffffff }
	want := map[string]int32{"21": positive(-973932308) % 4, "foobar": positive(-790332482) % 4, "a-little-bit-long-string": positive(-985981536) % 4}
	i := uint64(0)
	seqs := map[uint64]string{}
	for key := range want {
		i++
		seqs[i] = key
		if err := p.Send(within(t), []client.ProducerRecord{{Seq: i, Topic: "in", Partition: connect.NoPartition, Key: []byte(key), TimestampMs: -1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	for _, d := range ds.all {
		if d.Err != nil || d.Partition != want[seqs[d.Seq]] {
			t.Errorf("key %q went to %d (%v), want %d", seqs[d.Seq], d.Partition, d.Err, want[seqs[d.Seq]])
		}
	}
}

func TestManyRecordsKeepOrderThroughSmallQueues(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"in": 2})
	var ds deliveries
	p := producer(t, with(servers, "queue.buffering.max.messages", "100"), ds.add)
	const n = 5000
	var recs []client.ProducerRecord
	for i := range n {
		recs = append(recs, client.ProducerRecord{Seq: uint64(i), Topic: "in", Partition: int32(i % 2), Value: fmt.Appendf(nil, "%d", i), TimestampMs: -1})
	}
	ctx := within(t)
	if err := errors.Join(p.Send(ctx, recs), p.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	if len(ds.all) != n {
		t.Fatalf("%d deliveries", len(ds.all))
	}
	r := reader(t, with(servers, "queued.max.messages.kbytes", "1"))
	if err := r.Assign(map[connect.TopicPartition]int64{{Topic: "in", Partition: 0}: 100, {Topic: "in", Partition: 1}: Earliest}); err != nil {
		t.Fatal(err)
	}
	next := map[int32]int{0: 200, 1: 1}
	for _, rec := range read(t, r.Poll, n-100) {
		if string(rec.Value) != fmt.Sprint(next[rec.Partition]) {
			t.Fatalf("%s in partition %d, want %d", rec.Value, rec.Partition, next[rec.Partition])
		}
		next[rec.Partition] += 2
	}
}

func TestSendWaitsForSpaceUntilItsContextEnds(t *testing.T) {
	testkit.NoLeaks(t)
	p := producer(t, map[string]string{"bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.messages": "3"}, func([]client.Delivery) {})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	recs := make([]client.ProducerRecord, 5)
	for i := range recs {
		recs[i] = client.ProducerRecord{Topic: "in", Seq: uint64(i), TimestampMs: -1}
	}
	if err := p.Send(ctx, recs); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send: %v", err)
	}
	if err := p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Flush: %v", err)
	}
	p.Close()
	p.Close()
}

func TestDeliveriesTellErrors(t *testing.T) {
	testkit.NoLeaks(t)
	var ds deliveries
	p := producer(t, with(fake(t, nil), "allow.auto.create.topics", "false", "topic.metadata.propagation.max.ms", "0"), ds.add)
	if err := p.Send(within(t), []client.ProducerRecord{{Seq: 7, Topic: "absent", Partition: 0, TimestampMs: -1}}); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	if len(ds.all) != 1 || ds.all[0].Seq != 7 || !errors.Is(ds.all[0].Err, client.ErrUnknownTopic) || ds.all[0].Offset != -1 {
		t.Errorf("got %+v", ds.all)
	}
}

func TestPositionsThatDoNotExistAreErrors(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"in": 2})
	p := producer(t, servers, func([]client.Delivery) {})
	recs := []client.ProducerRecord{{Topic: "in", Value: []byte("a"), TimestampMs: -1}, {Topic: "in", Partition: 1, Value: []byte("b"), TimestampMs: -1}}
	if err := errors.Join(p.Send(within(t), recs), p.Flush(within(t))); err != nil {
		t.Fatal(err)
	}
	r := reader(t, with(servers, "auto.offset.reset", "latest"))
	lost := connect.TopicPartition{Topic: "in", Partition: 0}
	if err := r.Assign(map[connect.TopicPartition]int64{lost: 500, {Topic: "in", Partition: 1}: Earliest}); err != nil {
		t.Fatal(err)
	}
	var seen error
	values := ""
	for seen == nil || values != "b" {
		got, err := r.Poll(within(t), time.Second)
		if err != nil {
			seen = err
		}
		for _, rec := range got {
			values += string(rec.Value)
		}
	}
	var pe *client.PartitionError
	if !errors.Is(seen, client.ErrOffsetOutOfRange) || !errors.As(seen, &pe) || pe.TopicPartition != lost {
		t.Fatalf("got %v", seen)
	}
	if err := r.Seek(lost, Earliest); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r.Poll, 1); string(got[0].Value) != "a" {
		t.Errorf("read %q after Seek", got[0].Value)
	}
}

func TestPollEndsWithItsContext(t *testing.T) {
	testkit.NoLeaks(t)
	r := reader(t, fake(t, map[string]int32{"in": 1}))
	if err := r.Assign(map[connect.TopicPartition]int64{{Topic: "in"}: Earliest}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := r.Poll(ctx, time.Hour)
		done <- err
	}()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Poll goes on")
	}
}

func TestWrongSettingsNameTheProperty(t *testing.T) {
	for _, kv := range [][2]string{{"no.such.setting", "s3cret"}, {"linger.ms", "s3cret"}} {
		_, err := NewProducer(map[string]string{kv[0]: kv[1]}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), kv[0]) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", kv[0], err)
		}
	}
}

func TestUnreachableBrokersMakeOneLine(t *testing.T) {
	testkit.NoLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Connect(ctx, map[string]string{"bootstrap.servers": "127.0.0.1:1"}, nil)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "bootstrap.servers") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	t.Log(err)
}

func TestConnectTellsTheCluster(t *testing.T) {
	testkit.NoLeaks(t)
	c, err := Connect(within(t), fake(t, nil, kfake.ClusterID("abc")), nil)
	if err != nil || c.ID != "abc" || c.Brokers != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
}

// The prototypes, structures and numbers of rdk.h must be those of the library that is linked.
func TestHeaderMatchesLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the C compiler")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/confluentinc/confluent-kafka-go/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	bundled := filepath.Join(strings.TrimSpace(string(dir)), "kafka", "librdkafka_vendor", "rdkafka.h")
	own, err := exec.Command("cat", "rdk.h").Output()
	if err != nil {
		t.Fatal(err)
	}
	var c strings.Builder
	fmt.Fprintf(&c, "#include %q\n#include \"rdk.h\"\n", bundled)
	numbers := regexp.MustCompile(`(?m)^(?:\s*|#define )(RD_KAFKA_\w+)(?:\s*=\s*|\s+)(-?(?:0x)?\w+)`).FindAllStringSubmatch(string(own), -1)
	if len(numbers) < 20 {
		t.Fatalf("only %d numbers found", len(numbers))
	}
	for _, m := range numbers {
		fmt.Fprintf(&c, "_Static_assert(%s == %s, %q);\n", m[1], m[2], m[1])
	}
	// The structures are declared under other names a second time, without the bundled header, and compared.
	for _, s := range []string{"rd_kafka_message_t", "rd_kafka_topic_partition_t", "rd_kafka_topic_partition_list_t", "rd_kafka_vu_t", "struct rd_kafka_metadata", "struct rd_kafka_metadata_topic", "struct rd_kafka_metadata_broker"} {
		fmt.Fprintf(&c, "_Static_assert(sizeof(%s) == %d, \"size of %s\");\n", s, sizes()[s], s)
	}
	cmd := exec.Command("gcc", "-fsyntax-only", "-I.", "-x", "c", "-")
	cmd.Stdin = strings.NewReader(c.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRecordLargerThanTheQueueIsRefused(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"in": 1})
	servers["queue.buffering.max.kbytes"] = "4"
	p, err := NewProducer(servers, nil, func([]client.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	err = p.Send(within(t), []client.ProducerRecord{{Seq: 1, Topic: "in", Value: make([]byte, 4097), TimestampMs: -1}})
	if err == nil || !strings.Contains(err.Error(), "buffer.memory") {
		t.Errorf("got %v", err)
	}
	if err := p.Send(within(t), []client.ProducerRecord{{Seq: 2, Topic: "in", Value: make([]byte, 4000), TimestampMs: -1}}); err != nil {
		t.Error(err)
	}
	if err := p.Flush(within(t)); err != nil {
		t.Error(err)
	}
}
