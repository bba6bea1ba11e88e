// Package bench compares connectd with Kafka's own Connect worker on the same machine, in one run: the same records from
// the same topic, one worker after the other, and the same requests for the same connectors. `make bench` runs it.
package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 8
	recordSize = 650
	alias      = "S"
)

// records is how many are copied; CONNECTD_BENCH_RECORDS sets another number.
func records(b *testing.B) int { return number(b, "CONNECTD_BENCH_RECORDS", 2_000_000, partitions) }

// number reads an environment variable that sets another number than the usual one.
func number(b *testing.B, variable string, usual, least int) int {
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		b.Fatalf("%s=%q: a whole number of at least %d is needed", variable, text, least)
	}
	return n
}

// worker is one of the two.
type worker struct {
	name    string
	process *testkit.Process
	url     string
	ready   time.Duration // from the start of the process to the first answer of its REST API
}

// result is what one worker showed.
type result struct {
	name                        string
	mbPerCPU, mbPerSecond       float64
	peakRSS                     int64
	ready, firstRecord, elapsed time.Duration
}

// BenchmarkMirror copies the same records with connectd and with a Java worker whose producer is tuned.
func BenchmarkMirror(b *testing.B) {
	n := records(b)
	source, target := testkit.StartBroker(b), testkit.StartBroker(b)
	fill(b, source.Bootstrap, "in", n)
	for b.Loop() {
		ours := measure(b, startConnectd(b, target.Bootstrap), source.Bootstrap, target.Bootstrap, n)
		java := measure(b, startJava(b, target.Bootstrap), source.Bootstrap, target.Bootstrap, n)
		show(b, n, ours, java)
	}
}

// BenchmarkIdle measures a worker without connectors.
func BenchmarkIdle(b *testing.B) {
	target := testkit.StartBroker(b)
	for b.Loop() {
		w := startConnectd(b, target.Bootstrap)
		const rest, span = 10 * time.Second, 30 * time.Second
		pause(b, rest)
		before := w.process.Usage()
		pause(b, span)
		after := w.process.Usage()
		cpu := float64(after.CPU-before.CPU) / float64(span) * 100
		b.ReportMetric(float64(after.RSS)/(1<<20), "MiB-RSS")
		b.ReportMetric(cpu, "%core")
		fmt.Printf("idle connectd: %.1f MiB RSS, %.2f%% of a core\n", float64(after.RSS)/(1<<20), cpu)
		w.process.Stop()
	}
}

// pause lets wall time pass, which is what is being measured.
func pause(b *testing.B, d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.Context().Done():
	}
}

// fill produces records that compress about as well as JSON events do.
func fill(b *testing.B, bootstrap, topic string, n int) {
	cl := client(b, bootstrap)
	if resp, err := kadm.NewClient(cl).CreateTopic(b.Context(), partitions, 1, nil, topic); err != nil || resp.Err != nil {
		b.Fatal(err, resp.Err)
	}
	produceEvents(b, bootstrap, topic, n)
}

// produceEvents fills the partitions of a topic in turns.
func produceEvents(b *testing.B, bootstrap, topic string, n int) {
	cl := client(b, bootstrap, kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerBatchMaxBytes(131072),
		kgo.ProducerLinger(10*time.Millisecond), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.MaxBufferedRecords(100_000))
	rng := rand.New(rand.NewPCG(1, 2))
	template := sample(rng)
	for i := range n {
		value := append([]byte(nil), template...)
		copy(value, fmt.Sprintf(`{"id":%012d,"at":%d,`, i, 1_700_000_000_000+i))
		for range 12 { // what differs from one event to the next
			value[64+rng.IntN(len(value)-64)] = byte('a' + rng.IntN(26))
		}
		cl.Produce(b.Context(), &kgo.Record{Topic: topic, Key: strconv.AppendInt(nil, int64(i), 10), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := cl.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// sample is one event: half words that repeat, half that does not.
func sample(rng *rand.Rand) []byte {
	var v bytes.Buffer
	for v.Len() < recordSize {
		fmt.Fprintf(&v, `"field%02d":"%x",`, v.Len()%37, rng.Uint64())
	}
	return v.Bytes()[:recordSize]
}

func client(b *testing.B, bootstrap string, opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(50 * time.Millisecond)}, opts...)...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cl.Close)
	return cl
}

// connectd is the binary: built from this tree, or what CONNECTD_BIN names.
func connectd(b *testing.B) string {
	bin := os.Getenv("CONNECTD_BIN")
	if bin == "" {
		bin = filepath.Join(b.TempDir(), "connectd")
		if out, err := exec.Command("go", "build", "-trimpath", "-o", bin, "../../cmd/connectd").CombinedOutput(); err != nil {
			b.Fatalf("building connectd: %v\n%s", err, out)
		}
	}
	return bin
}

// startConnectd starts a worker.
func startConnectd(b *testing.B, bootstrap string) worker {
	bin := connectd(b)
	port := testkit.FreePort(b)
	file := filepath.Join(b.TempDir(), "worker.properties")
	props := fmt.Sprintf(`bootstrap.servers=%s
group.id=ours
key.converter=org.apache.kafka.connect.converters.ByteArrayConverter
value.converter=org.apache.kafka.connect.converters.ByteArrayConverter
config.storage.topic=ours-configs
offset.storage.topic=ours-offsets
status.storage.topic=ours-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
listeners=http://127.0.0.1:%d
rest.advertised.host.name=127.0.0.1
rest.advertised.port=%d
`, bootstrap, port, port)
	if err := os.WriteFile(file, []byte(props), 0o600); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	w := worker{name: "connectd", url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	w.process = testkit.StartProcess(b, testkit.ProcessSpec{Name: "connectd", Path: bin, Args: []string{"distributed", file}})
	w.await(b, began)
	return w
}

// startJava starts Kafka's Connect worker with its default heap settings, as its own script would.
func startJava(b *testing.B, bootstrap string) worker {
	bytesConverter := "org.apache.kafka.connect.converters.ByteArrayConverter"
	began := time.Now()
	j := testkit.StartJavaWorker(b, bootstrap, "java", testkit.StockJVM(), testkit.Heap("2G"),
		testkit.Property("key.converter", bytesConverter), testkit.Property("value.converter", bytesConverter))
	w := worker{name: "java", process: j.Process, url: j.URL}
	w.await(b, began)
	return w
}

func (w *worker) await(b *testing.B, began time.Time) {
	for {
		if status, _, err := call(b.Context(), http.MethodGet, w.url+"/connectors", nil); err == nil && status == http.StatusOK {
			w.ready = time.Since(began)
			return
		}
		select {
		case <-b.Context().Done():
			b.Fatal("the worker did not come up")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// measure has a worker copy everything, and stops it.
func measure(b *testing.B, w worker, source, target string, n int) result {
	topic := w.name + ".in"
	conf := map[string]string{
		"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector", "tasks.max": "2",
		"source.cluster.alias": w.name, "target.cluster.alias": "T",
		"source.cluster.bootstrap.servers": source, "target.cluster.bootstrap.servers": target,
		"topics": "in", "replication.factor": "1", "offset-syncs.topic.replication.factor": "1", "sync.topic.acls.enabled": "false",
		"key.converter":                      "org.apache.kafka.connect.converters.ByteArrayConverter",
		"value.converter":                    "org.apache.kafka.connect.converters.ByteArrayConverter",
		"header.converter":                   "org.apache.kafka.connect.converters.ByteArrayConverter",
		"producer.override.compression.type": "lz4", "producer.override.batch.size": "131072", "producer.override.linger.ms": "10",
	}
	body, err := json.Marshal(map[string]any{"name": "m", "config": conf})
	if err != nil {
		b.Fatal(err)
	}
	cl := client(b, target)
	admin := kadm.NewClient(cl)
	before := w.process.Usage()
	posted := time.Now()
	if status, answer, err := call(b.Context(), http.MethodPost, w.url+"/connectors", body); err != nil || status != http.StatusCreated {
		b.Fatalf("POST /connectors: %d %s %v", status, answer, err)
	}
	r := result{name: w.name, ready: w.ready}
	for copied := int64(0); copied < int64(n); {
		copied = end(b.Context(), admin, topic)
		if copied > 0 && r.firstRecord == 0 {
			r.firstRecord = time.Since(posted)
		}
		select {
		case <-b.Context().Done():
			b.Fatalf("%s copied %d of %d records", w.name, copied, n)
		case <-time.After(20 * time.Millisecond):
		}
	}
	r.elapsed = time.Since(posted)
	after := w.process.Usage()
	mb := float64(n) * recordSize / 1e6
	r.mbPerCPU = mb / (after.CPU - before.CPU).Seconds()
	r.mbPerSecond = mb / r.elapsed.Seconds()
	r.peakRSS = after.PeakRSS
	w.process.Stop()
	return r
}

// end sums the end offsets of a topic, 0 while it is not there.
func end(ctx context.Context, admin *kadm.Client, topic string) (n int64) {
	listed, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0
	}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			n += o.Offset
		}
	})
	return n
}

func call(ctx context.Context, method, url string, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), err
}

// show prints the comparison, which is what the benchmark is for.
func show(b *testing.B, n int, ours, java result) {
	var t strings.Builder
	fmt.Fprintf(&t, "\n%d records of %d bytes, lz4, %d partitions, both workers with lz4, batch.size=131072, linger.ms=10\n", n, recordSize, partitions)
	fmt.Fprintf(&t, "%-34s %12s %12s %12s\n", "", ours.name, java.name, "connectd/java")
	row := func(what, format string, x, y float64) {
		fmt.Fprintf(&t, "%-34s %12s %12s %12.2f\n", what, fmt.Sprintf(format, x), fmt.Sprintf(format, y), x/y)
	}
	row("MB per CPU-second of the worker", "%.0f", ours.mbPerCPU, java.mbPerCPU)
	row("MB per second", "%.0f", ours.mbPerSecond, java.mbPerSecond)
	row("peak RSS, MiB", "%.0f", float64(ours.peakRSS)/(1<<20), float64(java.peakRSS)/(1<<20))
	row("start to REST ready, s", "%.2f", ours.ready.Seconds(), java.ready.Seconds())
	row("POST to first record, s", "%.2f", ours.firstRecord.Seconds(), java.firstRecord.Seconds())
	fmt.Println(t.String())
	b.ReportMetric(ours.mbPerCPU, "MB/cpu-s")
	b.ReportMetric(ours.mbPerCPU/java.mbPerCPU, "x-java")
}
