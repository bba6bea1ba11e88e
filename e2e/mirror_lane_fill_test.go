package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// laneTopics are topics of the source with their partitions. Each holds what makes a mirror's way different.
var laneTopics = func() map[string]int32 {
	topics := map[string]int32{
		"go.transactions": 2, "java.transactions": 2, "librdkafka.transactions": 2, // some aborted
		"interleaved":  1, // transactions of several producers at a time
		"compacted":    1, // offsets have gaps
		"append-time":  1, // the source's broker set the timestamps
		"small-target": 1, // batches are too large for the target's topic
		"zstd-target":  2, // the target's topic has a codec of its own
		"mixed":        1, // batches of every codec
	}
	for _, client := range []string{"go", "java", "librdkafka"} {
		for codec := range codecs {
			topics[client+"."+codec] = 2
		}
	}
	return topics
}()

// laneClients produce records of every kind with a codec, to two partitions.
var laneClients = map[string]func(t *testing.T, bootstrap, codec, topic string, java *testkit.JavaProgram){
	"go": func(t *testing.T, bootstrap, codec, topic string, _ *testkit.JavaProgram) {
		cl := kafkaClient(t, bootstrap, kgo.ProducerBatchCompression(codecs[codec]), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for round := range uint64(3) {
			produceSync(t, cl, everyKind(topic, 2, rand.New(rand.NewPCG(7, round)))...)
		}
	},
	"java": func(t *testing.T, _, codec, topic string, java *testkit.JavaProgram) {
		if answer := java.Ask(fmt.Append(nil, codec, " ", topic, " plain")); string(answer) != "done" {
			t.Fatalf("Java's producer: %s", answer)
		}
	},
	"librdkafka": func(t *testing.T, bootstrap, codec, topic string, _ *testkit.JavaProgram) {
		p := librdkafka(t, bootstrap, kafka.ConfigMap{"compression.codec": codec, "enable.idempotence": true})
		for round := range uint64(3) {
			librdkafkaSend(t, p, everyKind(topic, 2, rand.New(rand.NewPCG(8, round))))
		}
	},
}

// fillLaneSource fills all topics.
func fillLaneSource(t *testing.T, bootstrap string) {
	t.Helper()
	java := testkit.StartJava(t, "testdata/mirror/Produce.java", bootstrap)
	settings := map[string]map[string]string{
		"append-time": {"message.timestamp.type": "LogAppendTime"},
		"compacted":   {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "0"},
	}
	for topic, partitions := range laneTopics {
		createTopic(t, bootstrap, topic, partitions, pointers(settings[topic]))
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for client, produce := range laneClients {
		for codec := range codecs {
			produce(t, bootstrap, codec, client+"."+codec, java)
		}
	}
	fillTransactions(t, bootstrap, java)
	interleave(t, bootstrap, rng)
	produceSync(t, kafkaClient(t, bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner())), everyKind("append-time", 1, rng)...)
	fillSpecial(t, bootstrap, rng)
	// Each batch loses every other record.
	cl := kafkaClient(t, bootstrap, kgo.ProducerLinger(20*time.Millisecond))
	for round := range 4 {
		var recs []*kgo.Record
		for i := range 30 {
			key := fmt.Append(nil, "again-", i)
			if i%2 == 1 {
				key = fmt.Append(nil, round, "-", i)
			}
			recs = append(recs, &kgo.Record{Topic: "compacted", Key: key, Value: noise(rng, 10+i)})
		}
		produceSync(t, cl, recs...)
	}
	awaitCompacted(t, bootstrap, cl)
}

func pointers(conf map[string]string) map[string]*string {
	out := map[string]*string{}
	for k, v := range conf {
		out[k] = &v
	}
	return out
}

// fillTransactions has each client commit some transactions and abort others.
func fillTransactions(t *testing.T, bootstrap string, java *testkit.JavaProgram) {
	t.Helper()
	if answer := java.Ask([]byte("lz4 java.transactions transactions")); string(answer) != "done" {
		t.Fatalf("Java's producer: %s", answer)
	}
	cl := kafkaClient(t, bootstrap, kgo.TransactionalID("go"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	p := librdkafka(t, bootstrap, kafka.ConfigMap{"compression.codec": "zstd", "transactional.id": "librdkafka"})
	if err := p.InitTransactions(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(6) {
		rng, commit := rand.New(rand.NewPCG(9, i)), i%3 != 1
		transact(t, cl, commit, everyKind("go.transactions", 2, rng)...)
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		librdkafkaSend(t, p, everyKind("librdkafka.transactions", 2, rng))
		end := p.CommitTransaction
		if !commit {
			end = p.AbortTransaction
		}
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// transact produces in a transaction of its own.
func transact(t *testing.T, cl *kgo.Client, commit bool, recs ...*kgo.Record) {
	t.Helper()
	begin(t, cl)
	produceSync(t, cl, recs...)
	finish(t, cl, commit)
}

func begin(t *testing.T, cl *kgo.Client) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(context.Context) error { return cl.BeginTransaction() })
}

func finish(t *testing.T, cl *kgo.Client, commit bool) {
	t.Helper()
	if err := cl.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatal(err)
	}
}

// interleave has transactions overlap in a partition, one of them aborted while others go on, and others' records between them.
func interleave(t *testing.T, bootstrap string, rng *rand.Rand) {
	t.Helper()
	manual := kgo.RecordPartitioner(kgo.ManualPartitioner())
	var in [3]*kgo.Client
	for i := range in {
		in[i] = kafkaClient(t, bootstrap, kgo.TransactionalID(fmt.Sprint("interleaved-", i)), manual)
	}
	plain := kafkaClient(t, bootstrap, manual)
	for round := range 3 {
		for i, cl := range in {
			begin(t, cl)
			produceSync(t, cl, everyKind("interleaved", 1, rng)[:7+i]...)
		}
		produceSync(t, plain, everyKind("interleaved", 1, rng)[:3]...)
		for i := range in {
			cl := in[(i+round)%len(in)]
			produceSync(t, cl, everyKind("interleaved", 1, rng)[:2]...)
			finish(t, cl, i != round)
			transact(t, cl, i == round, everyKind("interleaved", 1, rng)[:5]...)
		}
	}
}

// fillSpecial fills the topics whose copies have settings of their own, and one with batches of every codec.
func fillSpecial(t *testing.T, bootstrap string, rng *rand.Rand) {
	t.Helper()
	manual := kgo.RecordPartitioner(kgo.ManualPartitioner())
	large := kafkaClient(t, bootstrap, manual, kgo.ProducerBatchMaxBytes(1_000_000), kgo.ProducerLinger(50*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	var recs []*kgo.Record
	for i := range 600 { // 600 KB that don't compress, as one batch or a few; one record alone is close to the target's limit
		recs = append(recs, &kgo.Record{Topic: "small-target", Key: fmt.Append(nil, i), Value: noise(rng, 1000), Timestamp: time.UnixMilli(1_600_000_000_000)})
	}
	recs = append(recs, &kgo.Record{Topic: "small-target", Value: noise(rng, 60_000)}, &kgo.Record{Topic: "small-target", Value: bytes.Repeat([]byte("x"), 50_000)})
	produceSync(t, large, recs...)
	produceSync(t, large, everyKind("zstd-target", 2, rng)...)
	for range 2 {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			cl := kafkaClient(t, bootstrap, manual, kgo.ProducerBatchCompression(codecs[codec]))
			produceSync(t, cl, everyKind("mixed", 1, rng)...)
			cl.Close()
		}
	}
}

// librdkafka is a producer of the C client.
func librdkafka(t *testing.T, bootstrap string, conf kafka.ConfigMap) *kafka.Producer {
	t.Helper()
	conf["bootstrap.servers"], conf["linger.ms"], conf["topic.metadata.propagation.max.ms"] = bootstrap, 20, 60_000
	p, err := kafka.NewProducer(&conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// librdkafkaSend produces records as the C client does and waits until all are there.
func librdkafkaSend(t *testing.T, p *kafka.Producer, recs []*kgo.Record) {
	t.Helper()
	delivered := make(chan kafka.Event, len(recs))
	for _, r := range recs {
		m := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &r.Topic, Partition: r.Partition}, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		if err := p.Produce(m, delivered); err != nil {
			t.Fatal(err)
		}
	}
	for range recs {
		select {
		case ev := <-delivered:
			if m := ev.(*kafka.Message); m.TopicPartition.Error != nil {
				t.Fatal(m.TopicPartition.Error)
			}
		case <-t.Context().Done():
			t.Fatal("the test ended while librdkafka produced")
		}
	}
}
