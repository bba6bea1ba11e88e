package bench

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
)

const roundTrip = 100 * time.Millisecond

// far is how a worker copies over a long way.
type far struct {
	name  string
	start func(b *testing.B, bootstrap string) worker
	props map[string]string // of the connector, besides those that all have
}

// BenchmarkRoundTrip copies one partition to brokers that are 100 ms away, with connectd as it comes, with Kafka's worker as it
// comes, and with Kafka's worker tuned. Each copies for at most the time of CONNECTD_BENCH_SECONDS (20), or all there is.
func BenchmarkRoundTrip(b *testing.B) {
	seconds := number(b, "CONNECTD_BENCH_SECONDS", 20, 1)
	n := number(b, "CONNECTD_BENCH_RECORDS", 400_000, 1)
	source := testkit.StartBroker(b)
	near, proxied := farBroker(b)
	fillOne(b, source.Bootstrap, n)
	ways := []far{
		{"connectd", startConnectd, map[string]string{}},
		{"java", startJava, nil},
		{"java-tuned", startJava, map[string]string{
			"producer.override.batch.size": "1000000", "producer.override.linger.ms": "10", "producer.override.compression.type": "lz4",
			"producer.override.max.in.flight.requests.per.connection": "5", "producer.override.enable.idempotence": "true",
		}},
	}
	for kv := range strings.SplitSeq(os.Getenv("CONNECTD_BENCH_PRODUCER"), ",") { // a=b,c=d: for connectd
		if k, v, ok := strings.Cut(kv, "="); ok {
			ways[0].props["producer.override."+k] = v
		}
	}
	if only := os.Getenv("CONNECTD_BENCH_ONLY"); only != "" {
		ways = []far{ways[map[string]int{"connectd": 0, "java": 1, "java-tuned": 2}[only]]}
	}
	for b.Loop() {
		var t strings.Builder
		fmt.Fprintf(&t, "\n%d records of %d bytes, one partition, target %v away\n%-12s %10s %10s %14s\n", n, recordSize, roundTrip,
			"", "MB/s", "MB", "MB/CPU-second")
		for _, w := range ways {
			rate, mb, perCPU := w.measure(b, source.Bootstrap, near, proxied, n, time.Duration(seconds)*time.Second)
			fmt.Fprintf(&t, "%-12s %10.2f %10.1f %14.1f\n", w.name, rate, mb, perCPU)
			b.ReportMetric(rate, w.name+"-MB/s")
		}
		fmt.Println(t.String())
	}
}

// farBroker starts a broker and gives two addresses of it: the near one, and one that is a round trip away.
func farBroker(b *testing.B) (near, proxied string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	at := func() string { return fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(b)) }
	plain, wan, controller := at(), at(), at()
	testkit.StartBroker(b,
		testkit.Listener("WAN", "PLAINTEXT"),
		testkit.Property("controller.quorum.voters", "1@"+controller),
		testkit.Property("listeners", "PLAINTEXT://"+plain+",WAN://"+wan+",CONTROLLER://"+controller),
		testkit.Property("advertised.listeners", "PLAINTEXT://"+plain+",WAN://"+l.Addr().String()),
	)
	delayTo(b, l, wan, roundTrip)
	return plain, l.Addr().String()
}

// fillOne fills the only partition of topic in.
func fillOne(b *testing.B, bootstrap string, n int) {
	cl := client(b, bootstrap)
	if resp, err := kadm.NewClient(cl).CreateTopic(b.Context(), 1, 1, nil, "in"); err != nil || resp.Err != nil {
		b.Fatal(err, resp.Err)
	}
	cl.Close()
	produceEvents(b, bootstrap, "in", n)
}

// measure has a fresh worker copy for some time, and gives megabytes of values per second, in all, and per second of CPU time.
func (f far) measure(b *testing.B, source, near, proxied string, n int, most time.Duration) (rate, mb, perCPU float64) {
	w := f.start(b, proxied)
	defer w.process.Stop()
	conf := map[string]string{
		"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector", "tasks.max": "1",
		"source.cluster.alias": f.name, "target.cluster.alias": "T",
		"source.cluster.bootstrap.servers": source, "target.cluster.bootstrap.servers": proxied,
		"topics": "in", "replication.factor": "1", "offset-syncs.topic.replication.factor": "1", "sync.topic.acls.enabled": "false",
		"key.converter":    "org.apache.kafka.connect.converters.ByteArrayConverter",
		"value.converter":  "org.apache.kafka.connect.converters.ByteArrayConverter",
		"header.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
	}
	maps.Copy(conf, f.props)
	body, err := json.Marshal(map[string]any{"name": f.name, "config": conf})
	if err != nil {
		b.Fatal(err)
	}
	admin := kadm.NewClient(client(b, near))
	if status, answer, err := call(b.Context(), http.MethodPost, w.url+"/connectors", body); err != nil || status != http.StatusCreated {
		b.Fatalf("POST /connectors: %d %s %v", status, answer, err)
	}
	var began time.Time
	var first, copied int64
	var before testkit.Usage
	deadline := time.Now().Add(2 * time.Minute)
	for copied < int64(n) && (began.IsZero() || time.Since(began) < most) {
		copied = end(b.Context(), admin, f.name+".in")
		switch {
		case copied > 0 && began.IsZero():
			began, first, before = time.Now(), copied, w.process.Usage()
		case began.IsZero() && time.Now().After(deadline):
			b.Fatalf("%s copied nothing", f.name)
		}
		pause(b, 20*time.Millisecond)
	}
	elapsed, after := time.Since(began), w.process.Usage()
	// Kafka's workers follow each other in one group.
	if status, answer, err := call(b.Context(), http.MethodDelete, w.url+"/connectors/"+f.name, nil); err != nil || status != http.StatusNoContent {
		b.Errorf("DELETE: %d %s %v", status, answer, err)
	}
	mb = float64(copied-first) * recordSize / 1e6
	return mb / elapsed.Seconds(), mb, mb / (after.CPU - before.CPU).Seconds()
}
