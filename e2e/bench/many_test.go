package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

const perTopic = 10 // partitions

// wide is what one worker showed with many partitions.
type wide struct {
	name         string
	firstOnAll   time.Duration // from POST /connectors until each partition of the target had its record
	spent, idle  time.Duration // CPU until then, and in a second of idling afterwards
	rss, peakRSS float64       // MiB
	brokerIdle   float64       // CPU-seconds of the target's broker in a second of idling
}

// BenchmarkManyPartitions mirrors 900 topics of 10 partitions with a record each (CONNECTD_BENCH_TOPICS sets another number of
// topics): how long until all are on the target, and what it costs to have them when nothing comes any more. With 910 or more Kafka's own
// mirror never gets there: it asks for all topics in one request, and controllers refuse one that takes more than 10,000 records.
// CONNECTD_BENCH_ONLY=connectd leaves it out.
func BenchmarkManyPartitions(b *testing.B) {
	topics := number(b, "CONNECTD_BENCH_TOPICS", 900, 1)
	source := testkit.StartBroker(b, testkit.Heap("2g"))
	fillTopics(b, source.Bootstrap, topics)
	for b.Loop() {
		ours := mirrorMany(b, startConnectd, source.Bootstrap, topics)
		fmt.Printf("\n%+v\n", ours)
		b.ReportMetric(ours.firstOnAll.Seconds(), "s-first")
		b.ReportMetric(ours.rss, "MiB-RSS")
		if os.Getenv("CONNECTD_BENCH_ONLY") == ours.name {
			continue
		}
		java := mirrorMany(b, startJava, source.Bootstrap, topics)
		fmt.Printf("\n%d topics of %d partitions, one record each\n%-44s %12s %12s %14s\n", topics, perTopic, "", ours.name, java.name, "connectd/java")
		row := func(what, format string, x, y float64) {
			fmt.Printf("%-44s %12s %12s %14.2f\n", what, fmt.Sprintf(format, x), fmt.Sprintf(format, y), x/y)
		}
		row("POST to the first record on all, s", "%.1f", ours.firstOnAll.Seconds(), java.firstOnAll.Seconds())
		row("CPU of the worker until then, s", "%.1f", ours.spent.Seconds(), java.spent.Seconds())
		row("RSS at idle, MiB", "%.0f", ours.rss, java.rss)
		row("peak RSS, MiB", "%.0f", ours.peakRSS, java.peakRSS)
		row("CPU of the worker at idle, % of a core", "%.1f", ours.idle.Seconds()*100, java.idle.Seconds()*100)
		row("CPU of the target's broker then, % of a core", "%.1f", ours.brokerIdle*100, java.brokerIdle*100)
	}
}

// fillTopics makes the topics and gives each partition a record.
func fillTopics(b *testing.B, bootstrap string, topics int) {
	cl := client(b, bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	admin := kadm.NewClient(cl)
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%04d", i)
	}
	const step = 50 // more at once take the broker longer than a request may
	for at := 0; at < topics; at += step {
		made, err := admin.CreateTopics(b.Context(), perTopic, 1, nil, names[at:min(at+step, topics)]...)
		if err == nil {
			err = made.Error()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, name := range names {
		for p := range int32(perTopic) {
			cl.Produce(b.Context(), &kgo.Record{Topic: name, Partition: p, Value: []byte("one")}, func(_ *kgo.Record, err error) {
				if err != nil {
					b.Error(err)
				}
			})
		}
	}
	if err := cl.Flush(b.Context()); err != nil || b.Failed() {
		b.Fatal(err)
	}
}

// mirrorMany has a worker mirror all topics to a cluster of its own, and stops both.
func mirrorMany(b *testing.B, start func(*testing.B, string) worker, source string, topics int) wide {
	target := testkit.StartBroker(b, testkit.Heap("2g"))
	w := start(b, target.Bootstrap)
	body, err := json.Marshal(map[string]any{"name": "many", "config": map[string]string{
		"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector", "tasks.max": "4", "topics": "topic-.*",
		"source.cluster.alias": "S", "target.cluster.alias": "T", "admin.timeout.ms": "300000",
		"source.cluster.bootstrap.servers": source, "target.cluster.bootstrap.servers": target.Bootstrap,
		"replication.factor": "1", "offset-syncs.topic.replication.factor": "1", "sync.topic.acls.enabled": "false",
		"key.converter":    "org.apache.kafka.connect.converters.ByteArrayConverter",
		"value.converter":  "org.apache.kafka.connect.converters.ByteArrayConverter",
		"header.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
	}})
	if err != nil {
		b.Fatal(err)
	}
	before := w.process.Usage()
	posted := time.Now()
	if status, answer, err := call(b.Context(), http.MethodPost, w.url+"/connectors", body); err != nil || status != http.StatusCreated {
		b.Fatalf("POST /connectors: %d %s %v", status, answer, err)
	}
	admin := kadm.NewClient(client(b, target.Bootstrap, kgo.MetadataMinAge(time.Second)))
	for {
		n := 0
		if listed, err := admin.ListEndOffsets(b.Context()); err == nil {
			listed.Each(func(o kadm.ListedOffset) {
				if o.Err == nil && o.Offset > 0 && strings.HasPrefix(o.Topic, "S.topic-") {
					n++
				}
			})
		}
		if n == topics*perTopic {
			break
		}
		if time.Since(posted) > 20*time.Minute {
			b.Fatalf("%s: %d of %d partitions have their record after 20 minutes\n%s", w.name, n, topics*perTopic, w.process.Log())
		}
		pause(b, 200*time.Millisecond)
	}
	r := wide{name: w.name, firstOnAll: time.Since(posted), spent: w.process.Usage().CPU - before.CPU}
	const rest, span = 20 * time.Second, 30 * time.Second
	pause(b, rest)
	at, broker := w.process.Usage(), target.Usage()
	pause(b, span)
	after, brokerAfter := w.process.Usage(), target.Usage()
	r.rss, r.peakRSS = float64(after.RSS)/(1<<20), float64(after.PeakRSS)/(1<<20)
	r.idle = (after.CPU - at.CPU) / time.Duration(span/time.Second)
	r.brokerIdle = (brokerAfter.CPU - broker.CPU).Seconds() / span.Seconds()
	w.process.Stop()
	target.Stop()
	return r
}
