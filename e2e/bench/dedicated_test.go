package bench

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/connectd/connectd/internal/testkit"
)

// dedicated is what one start of a dedicated mirror showed.
type dedicated struct {
	first time.Duration // from the start of the process until records are in the other cluster
	cpu   time.Duration // until then
	idle  time.Duration // CPU in a second of idling afterwards
	rss   float64       // MiB, then
}

// BenchmarkDedicated starts `connectd mirror` and Kafka's connect-mirror-maker.sh in turns with the same file, both ways between two
// clusters: how long until the first records are there, and what it takes to be there. It prints medians of CONNECTD_BENCH_ROUNDS (3).
func BenchmarkDedicated(b *testing.B) {
	const records = 1000
	rounds := number(b, "CONNECTD_BENCH_ROUNDS", 3, 1)
	near, other := testkit.StartBroker(b), testkit.StartBroker(b)
	fill(b, near.Bootstrap, "in", records)
	admin := kadm.NewClient(client(b, other.Bootstrap))
	bin := connectd(b)
	start := map[string]func(file string) *testkit.Process{
		"connectd": func(file string) *testkit.Process {
			return testkit.StartProcess(b, testkit.ProcessSpec{Name: "connectd", Path: bin, Args: []string{"mirror", file}})
		},
		"java": func(file string) *testkit.Process {
			return testkit.StartMirrorMaker(b, file, testkit.StockJVM(), testkit.Heap("2G"))
		},
	}
	for b.Loop() {
		shown := map[string][]dedicated{}
		for round := range rounds {
			for _, name := range []string{"connectd", "java"} {
				alias := fmt.Sprintf("%s%d", name, round)
				file := mirrorFile(b, alias, near.Bootstrap, other.Bootstrap)
				began := time.Now()
				p := start[name](file)
				for end(b.Context(), admin, alias+".in") < records {
					if time.Since(began) > 3*time.Minute {
						b.Fatalf("%s: nothing was copied in 3 minutes\n%s", name, p.Log())
					}
					pause(b, 20*time.Millisecond)
				}
				d := dedicated{first: time.Since(began), cpu: p.Usage().CPU}
				const rest, span = 15 * time.Second, 20 * time.Second
				pause(b, rest)
				before := p.Usage()
				pause(b, span)
				after := p.Usage()
				d.idle, d.rss = (after.CPU-before.CPU)/time.Duration(span/time.Second), float64(after.RSS)/(1<<20)
				shown[name] = append(shown[name], d)
				p.Stop()
			}
		}
		showDedicated(shown)
	}
}

func showDedicated(shown map[string][]dedicated) {
	fmt.Printf("\ntwo clusters, both ways, medians of %d\n%-44s %12s %12s %14s\n", len(shown["java"]), "", "connectd", "java", "connectd/java")
	row := func(what, format string, value func(dedicated) float64) {
		median := func(name string) float64 {
			all := slices.SortedFunc(slices.Values(shown[name]), func(x, y dedicated) int { return cmp.Compare(value(x), value(y)) })
			return value(all[len(all)/2])
		}
		x, y := median("connectd"), median("java")
		fmt.Printf("%-44s %12s %12s %14.2f\n", what, fmt.Sprintf(format, x), fmt.Sprintf(format, y), x/y)
	}
	row("start to the first records, s", "%.1f", func(d dedicated) float64 { return d.first.Seconds() })
	row("CPU until then, s", "%.1f", func(d dedicated) float64 { return d.cpu.Seconds() })
	row("RSS at idle, MiB", "%.0f", func(d dedicated) float64 { return d.rss })
	row("CPU at idle, % of a core", "%.1f", func(d dedicated) float64 { return d.idle.Seconds() * 100 })
}

// mirrorFile writes a file for both ways between two clusters, under aliases that nobody else has.
func mirrorFile(b *testing.B, alias, near, other string) string {
	var t strings.Builder
	a, z := alias, alias+"-other"
	fmt.Fprintf(&t, "clusters=%s,%s\n%s.bootstrap.servers=%s\n%s.bootstrap.servers=%s\n", a, z, a, near, z, other)
	fmt.Fprintf(&t, "%s->%s.enabled=true\n%s->%s.enabled=true\ntopics=in\n", a, z, z, a)
	for _, what := range []string{"", "checkpoints.topic.", "heartbeats.topic.", "offset-syncs.topic.", "offset.storage.", "status.storage.", "config.storage."} {
		fmt.Fprintf(&t, "%sreplication.factor=1\n", what)
	}
	file := filepath.Join(b.TempDir(), "mm2.properties")
	if err := os.WriteFile(file, []byte(t.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}
