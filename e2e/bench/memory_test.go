package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/connectd/connectd/internal/testkit"
)

// memoryTopics times partitions is how many partitions BenchmarkMemory has.
const memoryTopics = 125

// memoryLimit is the property that bounds what a task holds.
const memoryLimit = "copy.memory.bytes"

// BenchmarkMemory has connectd copy 1,000 partitions that are all full, to brokers beside it and to brokers 100 ms away, where what was
// read piles up, and shows the most memory it took. Each copies all there is, or for CONNECTD_BENCH_SECONDS (60).
// CONNECTD_BENCH_MB is what the topics hold before compression (2048), and CONNECTD_BENCH_CONNECTOR are more properties of the
// connector, as in a=b,c=d: a smaller limit, or another lane.
func BenchmarkMemory(b *testing.B) {
	total := int64(number(b, "CONNECTD_BENCH_MB", 2048, 1)) << 20
	most := time.Duration(number(b, "CONNECTD_BENCH_SECONDS", 60, 1)) * time.Second
	source := testkit.StartBroker(b, testkit.StockJVM())
	c := laneCase{"lz4", 1000}
	records := int64(0)
	admin := kadm.NewClient(client(b, source.Bootstrap))
	for i := range memoryTopics {
		topic := fmt.Sprintf("many-%03d", i)
		if resp, err := admin.CreateTopic(b.Context(), partitions, 1, nil, topic); err != nil || resp.Err != nil {
			b.Fatal(err, resp.Err)
		}
		produceLane(b, source.Bootstrap, topic, c, 131072, total/memoryTopics)
		records += end(b.Context(), admin, topic)
	}
	near, proxied := farBroker(b)
	for b.Loop() {
		fmt.Printf("\n%d partitions, %d records of %d bytes, lz4\n%-24s %14s %14s %14s %14s\n", memoryTopics*partitions, records, c.size, "target",
			"peak RSS, MB", "records", "MB/s", "MB/CPU-second")
		for _, to := range []struct{ what, bootstrap string }{{"beside it", near}, {roundTrip.String() + " away", proxied}} {
			m := memoryRun{alias: strings.ReplaceAll(to.what, " ", "-"), source: source.Bootstrap, near: near, target: to.bootstrap}
			m.run(b, records, most)
			mb := float64(m.copied) * float64(c.size) / 1e6
			fmt.Printf("%-24s %14.0f %14d %14.1f %14.1f\n", to.what, float64(m.used.PeakRSS)/1e6, m.copied, mb/m.took.Seconds(), mb/m.used.CPU.Seconds())
			fmt.Printf("  %s=%s; %s\n", memoryLimit, m.limit, m.lane)
			b.ReportMetric(float64(m.used.PeakRSS)/1e6, m.alias+"-MB")
		}
	}
}

// memoryRun is one worker that copies all topics.
type memoryRun struct {
	alias                string
	source, near, target string // addresses; near is that of the target for all but the worker

	copied int64
	took   time.Duration
	used   testkit.Usage
	lane   string
	limit  string // bytes
}

func (m *memoryRun) run(b *testing.B, records int64, most time.Duration) {
	w := startConnectd(b, m.near)
	defer w.process.Stop()
	conf := mirrorBytes(m.alias, m.source, m.target, "many-.*", 1)
	conf[memoryLimit] = "25165824" // the default
	for kv := range strings.SplitSeq(os.Getenv("CONNECTD_BENCH_CONNECTOR"), ",") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			conf[k] = v
		}
	}
	m.limit = conf[memoryLimit]
	admin := kadm.NewClient(client(b, m.near))
	createConnector(b, w, m.alias, conf)
	names := make([]string, memoryTopics)
	for i := range names {
		names[i] = fmt.Sprintf("%s.many-%03d", m.alias, i)
	}
	for began := time.Now(); m.copied < records && m.took < most; {
		pause(b, 200*time.Millisecond)
		m.copied = 0
		if listed, err := admin.ListEndOffsets(b.Context(), names...); err == nil {
			listed.Each(func(o kadm.ListedOffset) { m.copied += max(o.Offset, 0) })
		}
		if m.copied == 0 {
			if time.Since(began) > 2*time.Minute {
				b.Fatalf("nothing was copied\n%s", w.process.Log())
			}
			continue
		}
		if m.took == 0 {
			began = time.Now()
		}
		m.took = max(time.Since(began), 1)
		m.used = w.process.Usage()
	}
	m.lane = laneOf(b, w, m.alias)
	deleteConnector(b, w, m.alias)
}
