package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// largeRecord is the size of the largest record that tests mirror, bytes.
const largeRecord = 10 << 20

// TestMirrorOverTime hands links between Java workers and connectd and takes brokers away from them. The subtests share
// two clusters.
func TestMirrorOverTime(t *testing.T) {
	big := fmt.Sprint(largeRecord + 1<<20)
	options := []testkit.Option{testkit.Property("message.max.bytes", big), testkit.Property("replica.fetch.max.bytes", big)}
	source, target := testkit.StartBroker(t, options...), testkit.StartBroker(t, options...)
	t.Run("between Java and connectd", func(t *testing.T) { resumeBothWays(t, source, target) })
	n := startNode(t, target.Bootstrap, "time", nil)
	t.Run("bytes", func(t *testing.T) { mirrorBytes(t, source, target, n) })
	t.Run("identity", func(t *testing.T) { mirrorIdentity(t, source, target, n) })
	t.Run("brokers", func(t *testing.T) { mirrorOverBrokerLoss(t, source, target, n) })
}

// resumeBothWays hands a link from a Java worker to connectd and back. Every worker stops cleanly, with all positions stored, as
// it might have no time left for that on a busy machine: so nothing may be copied twice.
func resumeBothWays(t *testing.T, source, target *testkit.Broker) {
	const partitions, records = 3, 3000
	createTopic(t, source.Bootstrap, "in", partitions, nil)
	producer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := newStream("in", partitions)
	copied := func(by string) {
		t.Helper()
		if err := s.produce(t.Context(), producer, records); err != nil {
			t.Fatal(err)
		}
		if n := s.verify(t, target.Bootstrap, "S.in"); n > 0 {
			t.Fatalf("%s copied %d records again", by, n)
		}
		testkit.Eventually(t, time.Minute, func(context.Context) error { return stored(t, target.Bootstrap, "handed-offsets", s) })
	}
	conf := mirrorConfig(source.Bootstrap, target.Bootstrap, "in", 2)
	for _, k := range []string{"key.converter", "value.converter", "header.converter"} {
		conf[k] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	j := testkit.StartJavaWorker(t, target.Bootstrap, "handed", testkit.Property("offset.flush.interval.ms", "1000"))
	create(t, j.URL, "m", conf)
	copied("Java")
	j.Stop()

	a := startNode(t, target.Bootstrap, "handed", nil)
	awaitTasks(t, a.url, "m", 2, a.id)
	copied("connectd after Java")
	internalTopics(t, target, "handed")
	a.Stop()

	j.Restart()
	copied("Java after connectd")
	j.Stop()

	b := startNode(t, target.Bootstrap, "handed", nil)
	awaitTasks(t, b.url, "m", 2, b.id)
	copied("connectd after all")
	do(t, http.MethodDelete, b.url+"/connectors/m", nil, nil)
	awaitGone(t, b.url, "m")
	b.Stop()
}

// internalTopics compares the topics that connectd creates (group "own") with those that a Java worker created.
func internalTopics(t *testing.T, target *testkit.Broker, java string) {
	t.Helper()
	own := startNode(t, target.Bootstrap, "own", nil)
	admin := kadm.NewClient(kafkaClient(t, target.Bootstrap))
	for store, partitions := range map[string]int{"configs": 1, "offsets": 25, "status": 5} {
		// A broker may tell of a topic some time after the controller has created it.
		testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
			details, err := admin.ListTopics(ctx, "own-"+store, java+"-"+store)
			if err != nil {
				return err
			}
			for name, d := range details {
				if len(d.Partitions) != partitions {
					return fmt.Errorf("%s has %d partitions, want %d: %v", name, len(d.Partitions), partitions, d.Err)
				}
			}
			got, err := topicSettings(ctx, admin, "own-"+store)
			if err != nil {
				return err
			}
			want, err := topicSettings(ctx, admin, java+"-"+store)
			if err != nil {
				return err
			}
			if got != want || !strings.Contains(got, "cleanup.policy=compact") {
				return fmt.Errorf("own-%s has settings %s, Java's %s", store, got, want)
			}
			return nil
		})
	}
	own.Stop()
}

// topicSettings lists the settings that a topic has for itself.
func topicSettings(ctx context.Context, admin *kadm.Client, topic string) (string, error) {
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	if err == nil {
		err = described[0].Err
	}
	if err != nil {
		return "", err
	}
	var own []string
	for _, c := range described[0].Configs {
		if strings.HasPrefix(c.Source.String(), "DYNAMIC_TOPIC") {
			own = append(own, c.Key+"="+c.MaybeValue())
		}
	}
	return strings.Join(own, ","), nil
}

// oddRecords are records that a copy could easily change.
func oddRecords(topic string) []*kgo.Record {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	return []*kgo.Record{
		{Topic: topic, Partition: 0, Key: nil, Value: nil, Timestamp: at(1)},
		{Topic: topic, Partition: 0, Key: []byte{}, Value: []byte{}, Timestamp: at(1700000000123)},
		{Topic: topic, Partition: 0, Key: []byte("k"), Value: nil, Timestamp: at(1700000000000)},
		{Topic: topic, Partition: 1, Key: nil, Value: []byte("{not json"), Timestamp: at(1600000000000)},
		{Topic: topic, Partition: 1, Key: []byte{0, 0xff, 0xfe}, Value: []byte{0xc3, 0x28, 0}, Timestamp: at(1), Headers: []kgo.RecordHeader{
			{Key: "bin", Value: []byte{0, 1, 0xff}},
			{Key: "null"},
			{Key: "empty", Value: []byte{}},
			{Key: "twice", Value: []byte("1")},
			{Key: "twice", Value: []byte("2")},
			{Key: "", Value: []byte("no name")},
			{Key: "žlu", Value: []byte(`"x"`)},
		}},
		{Topic: topic, Partition: 2, Value: bytes.Repeat([]byte("0123456789abcdef"), largeRecord/16), Timestamp: at(2)},
		{Topic: topic, Partition: 2, Value: []byte("behind the large one"), Timestamp: at(3)},
	}
}

// mirrorBytes copies records to the byte, whatever the worker's converters are, and settings of topics.
func mirrorBytes(t *testing.T, source, target *testkit.Broker, n *node) {
	retention := "123456789"
	createTopic(t, source.Bootstrap, "odd", 3, map[string]*string{"retention.ms": &retention})
	big := fmt.Sprint(largeRecord + 1<<20)
	conf := merged(mirrorConfig(source.Bootstrap, target.Bootstrap, "odd", 1), map[string]string{
		"producer.override.max.request.size": big, "producer.override.compression.type": "none", "source.consumer.fetch.max.bytes": big,
	})
	create(t, n.url, "odd", conf)
	cl := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(largeRecord+1<<19))
	records := oddRecords("odd")
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	reader := kafkaClient(t, target.Bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		"S.odd": {0: kgo.NewOffset().AtStart(), 1: kgo.NewOffset().AtStart(), 2: kgo.NewOffset().AtStart()},
	}), kgo.FetchMaxPartitionBytes(largeRecord+1<<20))
	got := map[int32][]*kgo.Record{}
	count := 0
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		fs := reader.PollFetches(ctx)
		fs.EachRecord(func(r *kgo.Record) { got[r.Partition] = append(got[r.Partition], r); count++ })
		if count < len(records) {
			return fmt.Errorf("%d of %d records arrived, %v", count, len(records), fs.Err0())
		}
		return nil
	})
	for _, want := range records {
		if len(got[want.Partition]) == 0 {
			t.Fatalf("partition %d lacks records", want.Partition)
		}
		r := got[want.Partition][0]
		got[want.Partition] = got[want.Partition][1:]
		if describe(r) != describe(want) {
			t.Errorf("copied %s\nas     %s", describe(want), describe(r))
		}
	}
	settings, err := topicSettings(t.Context(), kadm.NewClient(reader), "S.odd")
	if err != nil || settings != "retention.ms="+retention {
		t.Errorf("the copy has settings %s (%v)", settings, err)
	}
	do(t, http.MethodDelete, n.url+"/connectors/odd", nil, nil)
	awaitGone(t, n.url, "odd")
}

// describe shows a record: null and empty differ, long values are cut.
func describe(r *kgo.Record) string {
	show := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%d:%.64q", len(b), b)
	}
	text := fmt.Sprintf("partition %d at %d key %s value %s", r.Partition, r.Timestamp.UnixMilli(), show(r.Key), show(r.Value))
	for _, h := range r.Headers {
		text += fmt.Sprintf(" %q=%s", h.Key, show(h.Value))
	}
	return text
}

// mirrorIdentity keeps topic names, takes topics by pattern, and follows new topics, partitions and settings.
func mirrorIdentity(t *testing.T, source, target *testkit.Broker, n *node) {
	createTopic(t, source.Bootstrap, "id-a", 1, nil)
	createTopic(t, source.Bootstrap, "id-not", 1, nil)
	create(t, n.url, "id", merged(mirrorConfig(source.Bootstrap, target.Bootstrap, "id-.*", 2), map[string]string{
		"replication.policy.class":            "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
		"topics.exclude":                      "id-no.*",
		"refresh.topics.interval.seconds":     "1",
		"sync.topic.configs.interval.seconds": "1",
	}))
	producer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	produce := func(s *stream) {
		t.Helper()
		if err := s.produce(t.Context(), producer, 100); err != nil {
			t.Fatal(err)
		}
	}
	a, not := newStream("id-a", 1), newStream("id-not", 1)
	produce(not)
	produce(a)
	a.verify(t, target.Bootstrap, "id-a")

	createTopic(t, source.Bootstrap, "id-new", 2, nil)
	fresh := newStream("id-new", 2)
	produce(fresh)
	fresh.verify(t, target.Bootstrap, "id-new")

	sourceAdmin, targetAdmin := kadm.NewClient(producer), kadm.NewClient(kafkaClient(t, target.Bootstrap))
	if _, err := sourceAdmin.UpdatePartitions(t.Context(), 3, "id-a"); err != nil {
		t.Fatal(err)
	}
	policy := "987654321"
	if _, err := sourceAdmin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &policy}}, "id-a"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		topics, err := targetAdmin.ListTopics(ctx, "id-a")
		if err != nil {
			return err
		}
		if got := len(topics["id-a"].Partitions); got != 3 {
			return fmt.Errorf("the copy has %d partitions", got)
		}
		if got, err := topicSettings(ctx, targetAdmin, "id-a"); err != nil || got != "retention.ms="+policy {
			return fmt.Errorf("the copy has settings %s (%v)", got, err)
		}
		return nil
	})
	grown := &stream{topic: "id-a", partitions: 3, next: []uint64{a.next[0], 0, 0}}
	grownProducer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := grown.produce(t.Context(), grownProducer, 300); err != nil {
		t.Fatal(err)
	}
	grown.verify(t, target.Bootstrap, "id-a")
	if topics, err := targetAdmin.ListTopics(t.Context()); err != nil || topics.Has("id-not") {
		t.Errorf("the excluded topic was copied (%v)", err)
	}
	do(t, http.MethodDelete, n.url+"/connectors/id", nil, nil)
	awaitGone(t, n.url, "id")
}

// mirrorOverBrokerLoss kills, restarts and freezes the brokers of a running link.
func mirrorOverBrokerLoss(t *testing.T, source, target *testkit.Broker, n *node) {
	createTopic(t, source.Bootstrap, "lossy", 3, nil)
	create(t, n.url, "m", mirrorConfig(source.Bootstrap, target.Bootstrap, "lossy", 2))
	awaitTasks(t, n.url, "m", 2, n.id)
	producer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := newStream("lossy", 3)
	produce := func() {
		t.Helper()
		if err := s.produce(t.Context(), producer, 3000); err != nil {
			t.Fatal(err)
		}
	}
	sound := func(after string) {
		t.Helper()
		awaitState(t, n, "RUNNING")
		// Requests are written to the target's topics, and read back.
		do(t, http.MethodPut, n.url+"/connectors/m/pause", nil, nil)
		awaitState(t, n, "PAUSED")
		do(t, http.MethodPut, n.url+"/connectors/m/resume", nil, nil)
		awaitState(t, n, "RUNNING")
		if strings.Contains(n.Log(), "Task failed") {
			t.Fatalf("a task failed after %s", after)
		}
	}
	produce()
	s.verify(t, target.Bootstrap, "S.lossy")

	target.Kill()
	produce()
	target.Restart()
	t.Logf("target restarted: %d records came again", s.verify(t, target.Bootstrap, "S.lossy"))
	sound("the target was restarted")

	source.Kill()
	source.Restart()
	produce()
	t.Logf("source restarted: %d records came again", s.verify(t, target.Bootstrap, "S.lossy"))
	sound("the source was restarted")

	losses := func() int { return strings.Count(n.Log(), "lost the membership") }
	before := losses()
	target.Pause()
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if losses() == before {
			return fmt.Errorf("the worker still counts itself a member")
		}
		return nil
	})
	produce()
	target.Continue()
	t.Logf("target frozen: %d records came again", s.verify(t, target.Bootstrap, "S.lossy"))
	sound("the target was frozen")
	do(t, http.MethodDelete, n.url+"/connectors/m", nil, nil)
	awaitGone(t, n.url, "m")
}
