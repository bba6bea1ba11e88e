package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/testkit"
)

// expandPath is what user interfaces ask for to draw their list of connectors, again and again.
const expandPath = "/connectors?expand=status&expand=info"

// callers is how many ask at the same time, where it is not one.
const callers = 8

// answering is what one worker showed.
type answering struct {
	name         string
	size         int
	single, many load
	before       int64 // resident memory after warming up, bytes
	after        int64 // and after all requests
}

// load is what came of requests with so many callers.
type load struct {
	took         []time.Duration
	wall, cpu    time.Duration
	before, last int64 // resident memory, bytes
}

// BenchmarkExpand asks a worker of either kind for all of 2,000 connectors. The connectors are written to the internal topics
// and given to a member of the group that does not run them: what is measured is the answer alone. Both workers are up, and
// asked in turns, so that what else the machine does meets both alike.
func BenchmarkExpand(b *testing.B) {
	connectors := number(b, "CONNECTD_BENCH_CONNECTORS", 2000, 1)
	requests := number(b, "CONNECTD_BENCH_REQUESTS", 100, 100)
	broker := testkit.StartBroker(b)
	for b.Loop() {
		ours, java := &answering{name: "connectd"}, &answering{name: "java"}
		workers := map[*answering]worker{}
		for _, w := range []struct {
			of    *answering
			group string
			start func(*testing.B, string) worker
		}{{ours, "ours", startConnectd}, {java, "java", startJava}} {
			writeConnectors(b, broker.Bootstrap, w.group, connectors)
			keepWork(b, broker.Bootstrap, w.group)
			workers[w.of] = w.start(b, broker.Bootstrap)
			awaitConnectors(b, workers[w.of], connectors)
		}
		sameAnswers(b, workers[ours].url, workers[java].url, ours, java)
		both := []*answering{ours, java}
		for _, a := range both {
			ask(b, workers[a], 1, 200) // Java's compiler has seen it by then
			ask(b, workers[a], callers, 5*callers)
			a.before = workers[a].process.Usage().RSS
		}
		const turns = 5
		for range turns {
			for _, a := range both {
				a.single.add(ask(b, workers[a], 1, requests/turns))
			}
		}
		for range turns {
			for _, a := range both {
				a.many.add(ask(b, workers[a], callers, requests/2/turns))
			}
		}
		for _, a := range both {
			a.after = workers[a].process.Usage().RSS
			workers[a].process.Stop()
		}
		showExpand(b, connectors, requests, ours, java)
	}
}

// add takes in another turn.
func (l *load) add(more load) {
	if l.before == 0 {
		l.before = more.before
	}
	l.took, l.wall, l.cpu, l.last = append(l.took, more.took...), l.wall+more.wall, l.cpu+more.cpu, more.last
}

// quantile is in milliseconds.
func (l *load) quantile(q float64) float64 {
	took := slices.Sorted(slices.Values(l.took))
	return took[min(int(q*float64(len(took))), len(took)-1)].Seconds() * 1000
}

func (l *load) perCPU() float64    { return float64(len(l.took)) / l.cpu.Seconds() }
func (l *load) perSecond() float64 { return float64(len(l.took)) / l.wall.Seconds() }

// keepalive holds connections open, with buffers that keep the client's part of the time small.
var keepalive = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: callers, ReadBufferSize: 64 << 10, DisableCompression: true}}

// ask sends requests, each caller its next when the last is answered.
func ask(b *testing.B, w worker, callers, requests int) load {
	var mu sync.Mutex
	var wg sync.WaitGroup
	before := w.process.Usage()
	l := load{before: before.RSS}
	began := time.Now()
	for i := range callers {
		wg.Go(func() {
			for range (requests + callers - 1 - i) / callers {
				at := time.Now()
				if _, err := expand(b.Context(), w.url, io.Discard); err != nil {
					b.Errorf("%s: %v", w.name, err)
					return
				}
				took := time.Since(at)
				mu.Lock()
				l.took = append(l.took, took)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l.wall = time.Since(began)
	after := w.process.Usage()
	l.cpu, l.last = after.CPU-before.CPU, after.RSS
	if b.Failed() {
		b.FailNow()
	}
	return l
}

// expand writes the answer to out and gives its size.
func expand(ctx context.Context, url string, out io.Writer) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+expandPath, nil)
	if err != nil {
		return 0, err
	}
	resp, err := keepalive.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(out, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", expandPath, resp.Status)
	}
	return n, err
}

// awaitConnectors waits until a worker tells of all connectors.
func awaitConnectors(b *testing.B, w worker, connectors int) {
	testkit.Eventually(b, 2*time.Minute, func(ctx context.Context) error {
		all, _, err := answer(ctx, w.url)
		if err == nil && len(all) != connectors {
			err = fmt.Errorf("%s tells of %d connectors", w.name, len(all))
		}
		return err
	})
}

func answer(ctx context.Context, url string) (all map[string]any, size int64, err error) {
	var text strings.Builder
	if size, err = expand(ctx, url, &text); err != nil {
		return nil, 0, err
	}
	return all, size, json.Unmarshal([]byte(text.String()), &all)
}

// sameAnswers has both workers say the same, but for the order of members.
func sameAnswers(b *testing.B, oursURL, javaURL string, ours, java *answering) {
	x, xSize, err := answer(b.Context(), oursURL)
	if err != nil {
		b.Fatal(err)
	}
	y, ySize, err := answer(b.Context(), javaURL)
	if err != nil {
		b.Fatal(err)
	}
	if diff := cmp.Diff(y, x); diff != "" {
		b.Fatalf("the answers differ (-java +connectd):\n%.3000s", diff)
	}
	ours.size, java.size = int(xSize), int(ySize)
}

// showExpand prints the comparison.
func showExpand(b *testing.B, connectors, requests int, ours, java *answering) {
	var t strings.Builder
	fmt.Fprintf(&t, "\nGET %s of %d connectors, %d requests by one caller and %d by %d callers, both workers asked in turns\n",
		expandPath, connectors, requests, requests/2, callers)
	fmt.Fprintf(&t, "%-40s %12s %12s %12s\n", "", ours.name, java.name, "connectd/java")
	row := func(what, format string, value func(*answering) float64) {
		x, y := value(ours), value(java)
		fmt.Fprintf(&t, "%-40s %12s %12s %12.3f\n", what, fmt.Sprintf(format, x), fmt.Sprintf(format, y), x/y)
	}
	for _, of := range []struct {
		callers string
		load    func(*answering) *load
	}{
		{"1 caller", func(a *answering) *load { return &a.single }},
		{fmt.Sprintf("%d callers", callers), func(a *answering) *load { return &a.many }},
	} {
		row(of.callers+": ms per request, p50", "%.2f", func(a *answering) float64 { return of.load(a).quantile(0.5) })
		row(of.callers+": ms per request, p99", "%.2f", func(a *answering) float64 { return of.load(a).quantile(0.99) })
		row(of.callers+": requests per second", "%.0f", func(a *answering) float64 { return of.load(a).perSecond() })
		row(of.callers+": requests per CPU-second", "%.0f", func(a *answering) float64 { return of.load(a).perCPU() })
		row(of.callers+": RSS before, MiB", "%.1f", func(a *answering) float64 { return float64(of.load(a).before) / (1 << 20) })
		row(of.callers+": RSS after, MiB", "%.1f", func(a *answering) float64 { return float64(of.load(a).last) / (1 << 20) })
	}
	row("size of the answer, KiB", "%.0f", func(a *answering) float64 { return float64(a.size) / (1 << 10) })
	fmt.Println(t.String())
	b.ReportMetric(ours.single.quantile(0.5), "ms-p50")
	b.ReportMetric(java.single.quantile(0.5)/ours.single.quantile(0.5), "x-java-p50")
	b.ReportMetric(ours.single.perCPU()/java.single.perCPU(), "x-java-cpu")
	b.ReportMetric(float64(ours.after-ours.before)/(1<<20), "MiB-grown")
}
