package bench

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/connectd/connectd/internal/testkit"
)

// laneCase is a kind of source: how its batches are compressed, and how large a record's value is.
type laneCase struct {
	codec string
	size  int
}

func (c laneCase) String() string {
	return c.codec + "/" + map[int]string{100: "small", 10_000: "large"}[c.size]
}

// usual are the cases that run when none is asked for.
func (c laneCase) usual() bool { return c.codec == "lz4" || c.codec == "none" }

// withLatency are the cases that show latency too, which hardly depends on the case.
func (c laneCase) withLatency() bool {
	return c.codec == "lz4" && c.size == 100 || os.Getenv("CONNECTD_BENCH_LATENCY") == "all"
}

// laneSettings are the knobs.
type laneSettings struct {
	fill    int64         // bytes of a case's topic on disk
	batch   int           // bytes of a source batch before compression, at most
	cpu     time.Duration // what each contender must have taken before its figures count
	tasks   int
	latency time.Duration // for how long latency is measured
	only    string        // contenders, comma-separated; all if empty
}

// laneBench is what the contenders of a case share.
type laneBench struct {
	*testing.B
	laneSettings
	laneCase
	laneData
	source, target *testkit.Broker
	admin          *kadm.Client // of the target
	copies         int          // numbers the copies, so that each has topics of its own
}

// BenchmarkLane has connectd, by either of its lanes, Kafka's own worker, and a plain loop with franz-go copy the same topic in
// turns, and a relay hand on bytes that nobody understands: what a megabyte costs, and how late records are.
//
// Usually lz4 and none run, with small and large records: -bench Lane/zstd, or CONNECTD_BENCH_LANE=all, for others.
// CONNECTD_BENCH_MB is the size of a case's topic on disk (1024), CONNECTD_BENCH_BATCH that of a source batch before compression in
// bytes (131072), CONNECTD_BENCH_CPU how many seconds of CPU time each must have taken (5), CONNECTD_BENCH_TASKS tasks.max (1),
// CONNECTD_BENCH_ONLY the contenders, such as connectd,loop, and CONNECTD_BENCH_LATENCY=all measures latency in each case.
func BenchmarkLane(b *testing.B) {
	s := laneSettings{
		fill: int64(number(b, "CONNECTD_BENCH_MB", 1024, 64)) << 20, batch: number(b, "CONNECTD_BENCH_BATCH", 131072, 1024),
		cpu: time.Duration(number(b, "CONNECTD_BENCH_CPU", 5, 1)) * time.Second, tasks: number(b, "CONNECTD_BENCH_TASKS", 1, 1),
		latency: time.Duration(number(b, "CONNECTD_BENCH_LATENCY_SECONDS", 30, 1)) * time.Second, only: os.Getenv("CONNECTD_BENCH_ONLY"),
	}
	all := os.Getenv("CONNECTD_BENCH_LANE") == "all" || strings.Contains(flag.Lookup("test.bench").Value.String(), "/")
	// Kafka's own flags: what brokers cost counts here, too.
	options := []testkit.Option{testkit.StockJVM(), testkit.Property("log.segment.delete.delay.ms", "1000")}
	source, target := testkit.StartBroker(b, options...), testkit.StartBroker(b, options...)
	for _, codec := range []string{"lz4", "none", "zstd", "snappy", "gzip"} {
		for _, size := range []int{100, 10_000} {
			c := laneCase{codec, size}
			if !all && !c.usual() {
				continue
			}
			b.Run(c.String(), func(b *testing.B) {
				for b.Loop() {
					l := &laneBench{B: b, laneSettings: s, laneCase: c, source: source, target: target}
					l.admin = kadm.NewClient(client(b, target.Bootstrap))
					l.run()
				}
			})
		}
	}
}

// run fills the source, lets the contenders take their turns, and shows what came of it.
func (l *laneBench) run() {
	l.laneData = fillLane(l.B, l.source, "in-"+strings.ReplaceAll(l.laneCase.String(), "/", "-"), l.laneCase, l.batch, l.fill)
	load := loadAverage()
	var results []*laneResult
	for _, turn := range []func() []*laneResult{l.ours, l.recordLane, l.loop, l.java, l.relay} {
		results = append(results, turn()...)
	}
	l.show(load, results)
	l.remove(l.source, l.topic)
}

// wanted tells whether a contender of this name takes part.
func (l *laneBench) wanted(name string) bool {
	return l.only == "" || strings.Contains(","+l.only+",", ","+name+",")
}

// remove deletes a topic, which need not be there.
func (l *laneBench) remove(broker *testkit.Broker, topics ...string) {
	if _, err := kadm.NewClient(client(l.B, broker.Bootstrap)).DeleteTopics(l.Context(), topics...); err != nil {
		l.Error(err)
	}
}

// laneResult is what a contender showed: the work of all its copies, and what that took.
type laneResult struct {
	name               string
	wire, raw          float64 // bytes
	cpu, brokers, wall time.Duration
	peakRSS            int64
	p50, p99           time.Duration // 0: not measured
	note               string
}

func (r *laneResult) wirePerCPU() float64 { return r.wire / 1e6 / r.cpu.Seconds() }
func (r *laneResult) rawPerCPU() float64  { return r.raw / 1e6 / r.cpu.Seconds() }

// moment is what had been copied and taken at one time.
type moment struct {
	at           time.Time
	copied       int64
	cpu, brokers time.Duration
}

func (l *laneBench) now(p *testkit.Process, copied int64) moment {
	return moment{time.Now(), copied, p.Usage().CPU, l.source.Usage().CPU + l.target.Usage().CPU}
}

// watch follows a copy from its first record until it is complete or has taken so much CPU time, and adds what it sees.
func (l *laneBench) watch(p *testkit.Process, topic string, enough time.Duration, r *laneResult) {
	const stuckAfter = 2 * time.Minute
	var first, last moment
	moved, before := time.Now(), int64(0)
	for {
		copied := end(l.Context(), l.admin, topic)
		last = l.now(p, copied)
		switch {
		case copied > 0 && first.copied == 0:
			first = last
		case first.copied > 0 && (copied >= l.records || last.cpu-first.cpu >= enough):
			share := float64(last.copied-first.copied) / float64(l.records)
			r.wire += share * float64(l.wire)
			r.raw += share * float64(l.raw)
			r.cpu += last.cpu - first.cpu
			r.brokers += last.brokers - first.brokers
			r.wall += last.at.Sub(first.at)
			return
		case copied > before:
			before, moved = copied, last.at
		case time.Since(moved) > stuckAfter:
			p.Signal(syscall.SIGQUIT) // both kinds of workers then print what their threads do
			pause(l.B, 3*time.Second)
			l.Fatalf("%s: %d of %d records are in %s, and none came for %v\n%s", r.name, copied, l.records, topic, stuckAfter, p.Log())
		}
		pause(l.B, 25*time.Millisecond)
	}
}

// settle waits until nothing comes to a topic any more: what a task that ends had under way.
func (l *laneBench) settle(topic string) {
	for before, quiet := int64(-1), 0; quiet < 4; pause(l.B, 250*time.Millisecond) {
		now := end(l.Context(), l.admin, topic)
		if quiet++; now != before {
			before, quiet = now, 0
		}
	}
}

// loadAverage is the machine's, over a minute; 0 where it is unknown.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// nextAlias gives a name for a copy.
func (l *laneBench) nextAlias() string {
	l.copies++
	return fmt.Sprintf("copy%d", l.copies)
}
