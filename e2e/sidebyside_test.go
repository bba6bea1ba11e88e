package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/testkit"
)

// TestMirrorsAsJavaDoes has MirrorMaker's three connectors on a Java worker and on connectd copy the same cluster with the same
// configs, each to a cluster of its own, and compares the two copies: topics, partitions, settings, ACLs, records byte by byte,
// offset syncs, checkpoints and heartbeats.
func TestMirrorsAsJavaDoes(t *testing.T) {
	t.Parallel()
	options := []testkit.Option{
		testkit.Property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
		testkit.Property("super.users", "User:ANONYMOUS"), testkit.Property("log.cleaner.backoff.ms", "200"),
		testkit.Property("log.retention.ms", "-1"), // the records are old
		testkit.Property("message.max.bytes", "13000000"), testkit.Property("replica.fetch.max.bytes", "13000000"),
	}
	var source, ours, theirs *testkit.Broker
	var up sync.WaitGroup
	for _, b := range []**testkit.Broker{&source, &ours, &theirs} {
		up.Go(func() { *b = testkit.StartBroker(t, options...) })
	}
	up.Wait()
	if t.Failed() {
		return
	}
	java := testkit.StartJavaWorker(t, theirs.Bootstrap, "side", testkit.Property("offset.flush.interval.ms", "1000"))
	own := startNode(t, ours.Bootstrap, "side", map[string]string{"offset.flush.interval.ms": "1000"})

	fillSource(t, source.Bootstrap)
	for url, target := range map[string]string{own.url: ours.Bootstrap, java.URL: theirs.Bootstrap} {
		for name, conf := range sideBySide(source.Bootstrap, target) {
			create(t, url, name, conf)
		}
	}
	compareMirrors(t, source.Bootstrap, ours.Bootstrap, theirs.Bootstrap)
}

// sideBySide are the configs of a link's three connectors.
func sideBySide(source, target string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, class := range []string{"MirrorSource", "MirrorCheckpoint", "MirrorHeartbeat"} {
		c := map[string]string{
			"connector.class": class, "tasks.max": "2", "source.cluster.alias": "S", "target.cluster.alias": "T",
			"source.cluster.bootstrap.servers": source, "target.cluster.bootstrap.servers": target,
			"replication.factor": "1", "offset-syncs.topic.replication.factor": "1", "checkpoints.topic.replication.factor": "1",
			"heartbeats.topic.replication.factor": "1", "offset-syncs.topic.location": "target",
			"refresh.topics.interval.seconds": "1", "refresh.groups.interval.seconds": "1", "sync.topic.configs.interval.seconds": "1",
			"sync.topic.acls.interval.seconds": "1", "emit.checkpoints.interval.seconds": "1", "emit.heartbeats.interval.seconds": "1",
			"sync.group.offsets.enabled": "true", "sync.group.offsets.interval.seconds": "1", "topics.exclude": `excluded.*,.*\.internal,__.*`,
			"source.consumer.isolation.level": "read_committed", "source.consumer.max.partition.fetch.bytes": "13000000",
			"producer.override.max.request.size": "13000000",
		}
		for _, k := range []string{"key", "value", "header"} {
			c[k+".converter"] = "org.apache.kafka.connect.converters.ByteArrayConverter"
		}
		out[class] = c
	}
	return out
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// groupsSideBySide are consumer groups of the source, with a position each.
var groupsSideBySide = map[string]struct {
	topic     string
	partition int32
	at        int64
}{
	"g-end": {"codec.lz4", 0, 20}, "g-start": {"codec.lz4", 1, 0}, "g-middle": {"settings", 2, 77}, "g-empty": {"empty", 1, 0},
	"g-aborted": {"transactions", 0, 30}, "g-marker": {"transactions", 1, 20}, "g-gap": {"compacted", 0, 41},
}

// fillSource makes all kinds of topics, records, groups and ACLs.
func fillSource(t *testing.T, bootstrap string) {
	t.Helper()
	conf := func(pairs ...string) map[string]*string {
		m := map[string]*string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = &pairs[i+1]
		}
		return m
	}
	createTopic(t, bootstrap, "settings", 3, conf("retention.ms", "-1", "segment.bytes", "2097152", "min.insync.replicas", "1", "message.timestamp.type", "CreateTime"))
	createTopic(t, bootstrap, "big", 1, conf("max.message.bytes", "12000000"))
	createTopic(t, bootstrap, "transactions", 2, nil)
	createTopic(t, bootstrap, "compacted", 1, conf("cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.01", "min.compaction.lag.ms", "0"))
	createTopic(t, bootstrap, "empty", 2, nil)
	createTopic(t, bootstrap, "excluded-one", 1, nil)
	rng := rand.New(rand.NewPCG(6, 43))
	for name, codec := range codecs {
		createTopic(t, bootstrap, "codec."+name, 2, nil)
		cl := kafkaClient(t, bootstrap, kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		produceSync(t, cl, everyKind("codec."+name, 2, rng)...)
		produceSync(t, cl, everyKind("settings", 3, rng)...)
	}
	big := kafkaClient(t, bootstrap, kgo.ProducerBatchMaxBytes(12_000_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
	produceSync(t, big, &kgo.Record{Topic: "big", Value: noise(rng, 10<<20)}, &kgo.Record{Topic: "big", Key: []byte("after")})
	runTransactions(t, bootstrap, rng)
	fillCompacted(t, bootstrap)
	admin := kadm.NewClient(kafkaClient(t, bootstrap))
	for group, p := range groupsSideBySide {
		commitAs(t, admin, group, p.topic, p.partition, p.at)
	}
	acls := kadm.NewACLs().Topics("settings").Allow("User:alice", "User:bob").AllowHosts("*").
		Operations(kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe, kmsg.ACLOperationAll).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
	if _, err := admin.CreateACLs(t.Context(), acls); err != nil {
		t.Fatal(err)
	}
	prefixed := kadm.NewACLs().Topics("codec.").Deny("User:eve").DenyHosts("*").Operations(kmsg.ACLOperationRead).ResourcePatternType(kmsg.ACLResourcePatternTypePrefixed)
	if _, err := admin.CreateACLs(t.Context(), prefixed); err != nil {
		t.Fatal(err)
	}
}

func produceSync(t *testing.T, cl *kgo.Client, recs ...*kgo.Record) {
	t.Helper()
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// everyKind are 20 records for each partition: null and empty keys and values, tombstones, headers of every kind, old timestamps.
func everyKind(topic string, partitions int32, rng *rand.Rand) []*kgo.Record {
	var out []*kgo.Record
	for i := range 20 * int(partitions) {
		r := &kgo.Record{Topic: topic, Partition: int32(i) % partitions, Timestamp: time.UnixMilli(1_600_000_000_000 + int64(i))}
		if i%3 != 0 {
			r.Key = fmt.Appendf(nil, "key-%d", i)
		}
		switch i % 5 {
		case 0:
			r.Value = []byte{}
		case 1: // a tombstone
		case 2:
			r.Value = bytes.Repeat([]byte("compressible "), 200)
		default:
			r.Value = noise(rng, 100)
		}
		for h := range i % 4 {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: "h", Value: noise(rng, h*7)}, kgo.RecordHeader{Key: "null"}, kgo.RecordHeader{Key: "", Value: []byte{}})
		}
		out = append(out, r)
	}
	return out
}

func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// runTransactions commits some transactions and aborts others, in turns.
func runTransactions(t *testing.T, bootstrap string, rng *rand.Rand) {
	t.Helper()
	cl := kafkaClient(t, bootstrap, kgo.TransactionalID("side-by-side"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 12 {
		testkit.Eventually(t, time.Minute, func(context.Context) error { return cl.BeginTransaction() })
		produceSync(t, cl, everyKind("transactions", 2, rng)...)
		if err := cl.EndTransaction(t.Context(), kgo.TransactionEndTry(i%3 != 1)); err != nil {
			t.Fatal(err)
		}
	}
}

// fillCompacted leaves a partition with gaps.
func fillCompacted(t *testing.T, bootstrap string) {
	t.Helper()
	cl := kafkaClient(t, bootstrap)
	for round := range 3 {
		for i := range 30 {
			produceSync(t, cl, &kgo.Record{Topic: "compacted", Key: fmt.Appendf(nil, "k%d", i%(10+round)), Value: fmt.Appendf(nil, "%d-%d", round, i)})
		}
	}
	awaitCompacted(t, bootstrap, cl)
}

// awaitCompacted waits until the topic compacted has lost 40 records, and has it stay as it is.
func awaitCompacted(t *testing.T, bootstrap string, cl *kgo.Client) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		// Each record may close a segment, and only closed ones are compacted.
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "compacted", Key: []byte("last"), Value: []byte("x")}).FirstErr(); err != nil {
			return err
		}
		recs, err := readTopic(ctx, t, bootstrap, "compacted", false)
		if err != nil {
			return err
		}
		if end := recs[len(recs)-1].Offset; end < int64(len(recs))+40 {
			return fmt.Errorf("%d records up to offset %d", len(recs), end)
		}
		return nil
	})
	// From here on it stays as it is, or the two copies would see different records.
	off := "0.99"
	longer := "3600000"
	changes := []kadm.AlterConfig{{Name: "min.cleanable.dirty.ratio", Value: &off}, {Name: "segment.ms", Value: &longer}, {Name: "min.compaction.lag.ms", Value: &longer}}
	if _, err := kadm.NewClient(cl).AlterTopicConfigs(t.Context(), changes, "compacted"); err != nil {
		t.Fatal(err)
	}
}

func commitAs(t *testing.T, admin *kadm.Client, group, topic string, partition int32, at int64) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(topic, partition, at, -1)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		return admin.CommitAllOffsets(ctx, group, offsets)
	})
}

// isData tells topics that hold copied records.
func isData(topic string) bool {
	return strings.HasPrefix(topic, "S.") && !strings.HasSuffix(topic, "heartbeats") && !strings.HasSuffix(topic, ".internal")
}
