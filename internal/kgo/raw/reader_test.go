package raw

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

func reader(t testing.TB, servers string, o ReaderOptions, props map[string]string) *Reader {
	t.Helper()
	r, err := NewReader(settings(t, clientconf.Consumer, servers, props), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		if used := r.Stats().InUse; used != 0 {
			t.Errorf("%d bytes are counted as in use after the end", used)
		}
		if out := r.cl.dialer.buffers.Outstanding(); out != 0 {
			t.Errorf("%d bytes of buffers are in use after the end", out)
		}
	})
	return r
}

// offsetsOf lists the offsets that whole batches hold, from the position on.
func offsetsOf(b client.FetchedBatches) []int64 {
	var out []int64
	for data := b.Data; ; {
		var batch kmsg.RecordBatch
		if len(data) < 12 || batch.ReadFrom(data) != nil {
			return out
		}
		for i := range int64(batch.NumRecords) {
			if at := batch.FirstOffset + i; at >= b.From {
				out = append(out, at)
			}
		}
		data = data[12+batch.Length:]
	}
}

// collect polls until want records have come, and gives their offsets by partition.
func collect(t testing.TB, r *Reader, want int) map[connect.TopicPartition][]int64 {
	t.Helper()
	ctx := within(t, time.Minute)
	out := map[connect.TopicPartition][]int64{}
	for n := 0; n < want; {
		got, err := r.Poll(ctx, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range got {
			tp := connect.TopicPartition{Topic: b.Topic, Partition: b.Partition}
			offsets := offsetsOf(b)
			out[tp] = append(out[tp], offsets...)
			n += len(offsets)
			b.Hold.Release()
		}
	}
	return out
}

// failing polls until an error comes.
func failing(t testing.TB, r *Reader) error {
	t.Helper()
	ctx := within(t, time.Minute)
	for {
		got, err := r.Poll(ctx, time.Second)
		for _, b := range got {
			b.Hold.Release()
		}
		if ctx.Err() != nil {
			t.Fatal("no error came")
		}
		if err != nil {
			return err
		}
	}
}

func upTo(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

func values(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("value %d", i)
	}
	return out
}

func TestReaderReadsAllPartitionsInOrder(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 3, Topics: map[string]int32{"a": 4, "b": 2}})
	start := map[connect.TopicPartition]int64{}
	for topic, n := range map[string]int32{"a": 4, "b": 2} {
		for p := range n {
			produce(t, e.Addrs(), topic, p, values(5)...)
			start[connect.TopicPartition{Topic: topic, Partition: p}] = client.Earliest
		}
	}
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	if err := r.Assign(start); err != nil {
		t.Fatal(err)
	}
	got := collect(t, r, 30)
	for tp := range start {
		if !slices.Equal(got[tp], upTo(5)) {
			t.Errorf("%v: %v", tp, got[tp])
		}
		if end := r.End(tp); end != 5 {
			t.Errorf("%v ends at %d", tp, end)
		}
		produce(t, e.Addrs(), tp.Topic, tp.Partition, "one more")
	}
	for tp, offsets := range collect(t, r, 6) {
		if !slices.Equal(offsets, []int64{5}) {
			t.Errorf("then %v: %v", tp, offsets)
		}
	}
	if s := r.Stats(); s.Sessions != int64(s.Sources) || s.Full != int64(s.Sources) || s.Partitions != 6 {
		t.Errorf("%d brokers have %d sessions for %d partitions, %d fetches named all", s.Sources, s.Sessions, s.Partitions, s.Full)
	}
}

func TestReaderSeeksAndPauses(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 2}})
	produce(t, e.Addrs(), "a", 0, values(10)...)
	produce(t, e.Addrs(), "a", 1, values(10)...)
	a0, a1 := connect.TopicPartition{Topic: "a"}, connect.TopicPartition{Topic: "a", Partition: 1}
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	if err := r.Assign(map[connect.TopicPartition]int64{a0: 7, a1: client.Latest}); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, r, 3); !slices.Equal(got[a0], []int64{7, 8, 9}) || len(got) != 1 {
		t.Errorf("from the middle: %v", got)
	}
	if err := r.Seek(a1, 8); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, r, 2); !slices.Equal(got[a1], []int64{8, 9}) {
		t.Errorf("after a seek: %v", got)
	}
	if err := r.Pause([]connect.TopicPartition{a0}); err != nil {
		t.Fatal(err)
	}
	produce(t, e.Addrs(), "a", 0, "paused")
	produce(t, e.Addrs(), "a", 1, "not paused")
	if got := collect(t, r, 1); !slices.Equal(got[a1], []int64{10}) || len(got) != 1 {
		t.Errorf("with one partition paused: %v", got)
	}
	if err := r.Seek(a0, 10); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, r, 1); !slices.Equal(got[a0], []int64{10}) {
		t.Errorf("no longer paused: %v", got)
	}
	if err := r.Assign(map[connect.TopicPartition]int64{a1: 0}); err != nil {
		t.Fatal(err)
	}
	if err := r.Seek(a0, 0); err == nil {
		t.Error("a partition that is not read can be sought in")
	}
	produce(t, e.Addrs(), "a", 0, "unassigned")
	produce(t, e.Addrs(), "a", 1, "where it was")
	if got := collect(t, r, 1); !slices.Equal(got[a1], []int64{11}) || len(got) != 1 {
		t.Errorf("after another assignment: %v", got)
	}
}

func TestReaderReportsAPositionThatIsNotThere(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 2}})
	produce(t, e.Addrs(), "a", 0, values(3)...)
	produce(t, e.Addrs(), "a", 1, values(3)...)
	a0, a1 := connect.TopicPartition{Topic: "a"}, connect.TopicPartition{Topic: "a", Partition: 1}
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	if err := r.Assign(map[connect.TopicPartition]int64{a0: 100, a1: 0}); err != nil {
		t.Fatal(err)
	}
	err := failing(t, r)
	var pe *client.PartitionError
	if !errors.Is(err, client.ErrOffsetOutOfRange) || !errors.As(err, &pe) || pe.TopicPartition != a0 {
		t.Fatalf("got %v", err)
	}
	produce(t, e.Addrs(), "a", 1, "goes on")
	if err := r.Seek(a0, 1); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, r, 2); !slices.Equal(got[a0], []int64{1, 2}) {
		t.Errorf("after a seek: %v", got)
	}
}

func TestReaderFollowsALeader(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"a": 1}})
	produce(t, e.Addrs(), "a", 0, values(3)...)
	a0 := connect.TopicPartition{Topic: "a"}
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	if err := r.Assign(map[connect.TopicPartition]int64{a0: 0}); err != nil {
		t.Fatal(err)
	}
	collect(t, r, 3)
	for i := range 4 {
		if err := e.Cluster().MoveTopicPartition("a", 0, int32(i%2)); err != nil {
			t.Fatal(err)
		}
		produce(t, e.Addrs(), "a", 0, "moved")
		if got := collect(t, r, 1); !slices.Equal(got[a0], []int64{int64(3 + i)}) {
			t.Errorf("after move %d: %v", i, got)
		}
	}
}

func TestReaderReportsATopicThatIsNotThereAndReadsItLater(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{})
	later := connect.TopicPartition{Topic: "later"}
	r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"allow.auto.create.topics": "false"})
	r.patience = 50 * time.Millisecond
	if err := r.Assign(map[connect.TopicPartition]int64{later: client.Earliest}); err != nil {
		t.Fatal(err)
	}
	if err := failing(t, r); !errors.Is(err, client.ErrUnknownTopic) {
		t.Fatalf("got %v", err)
	}
	create(t, e.Addrs(), "later", 1)
	produce(t, e.Addrs(), "later", 0, "here")
	if got := collect(t, r, 1); !slices.Equal(got[later], []int64{0}) {
		t.Errorf("got %v", got)
	}
}

func TestReaderDoesNotGoOnInATopicMadeAnew(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
	produce(t, e.Addrs(), "a", 0, values(3)...)
	a0 := connect.TopicPartition{Topic: "a"}
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	if err := r.Assign(map[connect.TopicPartition]int64{a0: 0}); err != nil {
		t.Fatal(err)
	}
	collect(t, r, 3)
	remove(t, e.Addrs(), "a")
	create(t, e.Addrs(), "a", 1)
	produce(t, e.Addrs(), "a", 0, values(5)...)
	if err := failing(t, r); !errors.Is(err, client.ErrUnknownTopic) {
		t.Fatalf("got %v", err)
	}
	if err := r.Seek(a0, 0); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, r, 5); !slices.Equal(got[a0], upTo(5)) {
		t.Errorf("got %v", got)
	}
}

func TestReaderBoundsWhatItHolds(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"a": 8}})
	value := string(make([]byte, 20<<10))
	start := map[connect.TopicPartition]int64{}
	for p := range int32(8) {
		produce(t, e.Addrs(), "a", p, slices.Repeat([]string{value}, 40)...)
		start[connect.TopicPartition{Topic: "a", Partition: p}] = 0
	}
	const most = 512 << 10
	r := reader(t, e.Bootstrap(), ReaderOptions{MaxBytes: most}, nil)
	if err := r.Assign(start); err != nil {
		t.Fatal(err)
	}
	ctx := within(t, time.Minute)
	var held []client.FetchedBatches
	records, sum := 0, 0
	for sum < most/2 { // nothing is let go of
		got, err := r.Poll(ctx, 100*time.Millisecond)
		if err != nil {
			t.Fatalf("%v: %+v", err, r.Stats())
		}
		if used := r.Stats().InUse; used > most {
			t.Fatalf("%d bytes are in use, and %d allowed", used, most)
		}
		for _, b := range got {
			sum += len(b.Data)
			records += len(offsetsOf(b))
		}
		held = append(held, got...)
	}
	for _, b := range held {
		b.Hold.Release()
	}
	for _, offsets := range collect(t, r, 8*40-records) {
		records += len(offsets)
		if used := r.Stats().InUse; used > most {
			t.Fatalf("%d bytes are in use, and %d allowed", used, most)
		}
	}
	if records != 8*40 {
		t.Errorf("%d records", records)
	}
}

// readMany reads the topic many, of n partitions with a record each, and wants idle partitions to cost nothing.
func readMany(t *testing.T, r *Reader, n int, write func(partition int32)) {
	t.Helper()
	start := map[connect.TopicPartition]int64{}
	for p := range int32(n) {
		start[connect.TopicPartition{Topic: "many", Partition: p}] = client.Earliest
	}
	if err := r.Assign(start); err != nil {
		t.Fatal(err)
	}
	for tp, offsets := range collect(t, r, n) {
		if !slices.Equal(offsets, []int64{0}) {
			t.Errorf("%v: %v", tp, offsets)
		}
	}
	before := r.Stats()
	for i := range 5 {
		p := int32(i * n / 5)
		write(p)
		if got := collect(t, r, 1)[connect.TopicPartition{Topic: "many", Partition: p}]; !slices.Equal(got, []int64{1}) {
			t.Errorf("many-%d: %v", p, got)
		}
	}
	if after := r.Stats(); after.Full != before.Full || after.Sessions != int64(after.Sources) || after.Partitions != n {
		t.Errorf("idle partitions were named again: %+v, then %+v", before, after)
	}
}

func TestReaderNamesIdlePartitionsOnce(t *testing.T) {
	testkit.NoLeaks(t)
	const n = 1000
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"many": n}})
	cl, err := kgo.NewClient(kgo.SeedBrokers(e.Addrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	write := func(p int32) {
		cl.Produce(context.Background(), &kgo.Record{Topic: "many", Partition: p, Value: []byte("v")}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	for p := range int32(n) {
		write(p)
	}
	var named atomic.Int64
	onFetch(e, func(req *kmsg.FetchRequest, _ int64) (*kmsg.FetchResponse, error) {
		for i := range req.Topics {
			if req.SessionEpoch > 0 {
				named.Add(int64(len(req.Topics[i].Partitions)))
			}
		}
		return nil, nil
	})
	r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50"})
	readMany(t, r, n, write)
	if err := cl.Flush(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	if named.Load() > n+5 { // a partition is named when it has brought something
		t.Errorf("fetches of sessions named %d partitions", named.Load())
	}
}

func admin(t testing.TB, servers []string, req kmsg.Request) kmsg.Response {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(servers...), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	resp, err := cl.Request(within(t, time.Minute), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func create(t testing.TB, servers []string, topic string, partitions int32) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, 1
	req.Topics = append(req.Topics, rt)
	admin(t, servers, req)
}

func remove(t testing.TB, servers []string, topic string) {
	t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = &topic
	req.Topics, req.TopicNames = append(req.Topics, rt), append(req.TopicNames, topic)
	admin(t, servers, req)
}

func TestListOffsetsAndShapes(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"a": 3}})
	produce(t, e.Addrs(), "a", 1, values(4)...)
	r := reader(t, e.Bootstrap(), ReaderOptions{}, nil)
	ctx := within(t, time.Minute)
	r.patience = 50 * time.Millisecond
	a1, a2 := connect.TopicPartition{Topic: "a", Partition: 1}, connect.TopicPartition{Topic: "a", Partition: 2}
	got, err := r.ListOffsets(ctx, map[connect.TopicPartition]int64{a1: client.Latest, a2: client.Earliest}, true)
	if err != nil || got[a1] != 4 || got[a2] != 0 {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = r.ListOffsets(ctx, map[connect.TopicPartition]int64{{Topic: "none"}: client.Latest}, false)
	var pe *client.PartitionError
	if !errors.Is(err, client.ErrUnknownTopic) || !errors.As(err, &pe) {
		t.Errorf("of a topic that does not exist: %v", err)
	}
	shapes, err := r.Shapes(ctx, "a", "none")
	if err != nil || len(shapes) != 1 || shapes["a"].Partitions != 3 || len(shapes["a"].ID) != 22 {
		t.Errorf("shapes %v, %v", shapes, err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.ListOffsets(gone, map[connect.TopicPartition]int64{a1: client.Latest}, false); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
