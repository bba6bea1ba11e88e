package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/connectd/connectd/internal/metrics/measure"
)

var update = flag.Bool("update", false, "write testdata anew")

// sample has a value for every metric that there is.
func sample() *Snapshot {
	s := func(last, low, high, avg float64) *measure.Spread {
		return &measure.Spread{Last: last, Min: low, Max: high, Avg: avg}
	}
	return &Snapshot{
		Workers: []Worker{{
			Connectors: 2, Tasks: 3, Leader: true, Epoch: 5, Rebalances: 4, RebalanceMs: s(1, 1, 30, 20), SinceRebalance: 1500 * time.Millisecond,
			ConnectorStartups: Startups{Succeeded: 2, SuccessShare: 1},
			TaskStartups:      Startups{Succeeded: 3, Failed: 1, SuccessShare: .75, FailureShare: .25},
		}},
		Connectors: []Connector{{Name: "m", Type: "source", Class: "org.x.Mirror", Version: "4.3.1", State: "running"}},
		Counts:     []TaskCounts{{Connector: "m", Total: 3, Running: 1, Paused: 1, Failed: 1}},
		Tasks: []Task{
			{
				Connector: "m", State: "running", Known: true, RunningRatio: .5, PauseRatio: .25, BatchSize: s(1, 1, 9, 3), CommitMs: s(2, 2, 8, 4),
				CommitSuccess: .9, CommitFailure: .1, Errors: Errors{1, 2, 3, 4, 5, time.UnixMilli(1_700_000_000_123)},
				Source: &Source{10, 8, 2, 1.5, 1.25, s(1, 1, 7, 2), s(1, 1, 6, 3), s(1, 1, 5, 2)},
			},
			{Connector: "s", Task: 1, State: "paused", Known: true, Sink: &Sink{20, 19, 4, 2.5, 2.25, 6, 7, 3, .5, s(1, 1, 4, 2), s(1, 1, 3, 2)}},
			{Connector: "m", Task: 2, State: "failed"},
		},
		Partitions: []Partition{
			{
				Connector: "m", Source: "A", Target: "B", Topic: "t", Remote: "A.t", Partition: 7, Counted: true, Records: 1 << 40, Bytes: 1 << 50,
				RecordsPerSecond: 2.5, BytesPerSecond: 1e7, AgeMs: s(4, 1, 9, 5), LatencyMs: s(14, 11, 19, 15), Position: 12, End: 34, LagMs: 56,
				State: "throttled", ThrottledMs: 78, Lane: "batch", LaneReason: `a "reason" \ and a` + "\nline", Whole: 90, Decoded: 1,
			},
			{Connector: "m", Task: 2, Source: "A", Target: "B", Topic: "t", Remote: "A.t", Partition: 7, Position: -1, End: -1, LagMs: -1, State: "copying"},
		},
		Checkpoints: []Checkpoint{{"c", measure.CheckpointLatency{Source: "A", Target: "B", Group: "g", Topic: "A.t", Partition: 7, Ms: *s(3, 2, 5, 4)}}},
	}
}

func expose(t *testing.T, snapshots ...*Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := NewExposer("1.0", "abc", "4.3.1").Write(&b, Format(http.Header{}), snapshots...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func parse(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// ours leaves out what client_golang tells of the process.
func ours(text []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, "kafka_") || strings.HasPrefix(name, "connectd_") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestExposition(t *testing.T) {
	text := expose(t, sample())
	const golden = "testdata/exposition.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(ours(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), ours(text)); diff != "" {
		t.Errorf("exposition (-want +got), -update writes it anew:\n%s", diff)
	}
	families := parse(t, text)
	for _, d := range Descriptions() {
		f := families[d.Name]
		switch {
		case f == nil:
			t.Errorf("%s has no value", d.Name)
		case f.GetHelp() != d.Help, (f.GetType() == dto.MetricType_COUNTER) != d.Counter:
			t.Errorf("%s is told as %v", d.Name, f)
		}
	}
	for name, f := range families {
		seen := map[string]bool{}
		for _, m := range f.Metric {
			if key := fmt.Sprint(m.Label); seen[key] {
				t.Errorf("%s has two values for %s", name, key)
			} else {
				seen[key] = true
			}
		}
	}
	if families["go_goroutines"] == nil || families["process_cpu_seconds_total"] == nil {
		t.Error("nothing is told of the process")
	}
}

func TestUnknownValuesAreLeftOut(t *testing.T) {
	families := parse(t, expose(t, &Snapshot{
		Workers: []Worker{{SinceRebalance: -1}}, Tasks: []Task{{Connector: "c", State: "failed"}},
		Partitions: []Partition{{Connector: "c", Topic: "t", Position: -1, End: -1, LagMs: -1, State: "waiting"}},
	}))
	for name := range families {
		for _, unknown := range []string{"_percentage", "time_since", "last_error", "kafka_connect_task_error", "ratio", "_position", "_end", "_lag_ms", "mirrorsource"} {
			if strings.HasPrefix(name, "kafka_") && strings.Contains(name, unknown) {
				t.Errorf("%s has a value", name)
			}
		}
	}
	if families["connectd_mirror_state"] == nil || families["connectd_mirror_position"] != nil {
		t.Errorf("of the partition is told %v", families["connectd_mirror_position"])
	}
}

// A worker that has not started yet tells of its process only.
func TestNothingButTheProcess(t *testing.T) {
	families := parse(t, expose(t, &Snapshot{}))
	for name := range families {
		if strings.HasPrefix(name, "kafka_") || strings.HasPrefix(name, "connectd_") && name != buildInfo.Name {
			t.Errorf("%s is told", name)
		}
	}
}

func TestWorkersOfFlowsShareFamilies(t *testing.T) {
	a, b := sample(), sample()
	a.Flow, b.Flow = "A->B", "B->A"
	text := expose(t, a, b)
	if n := strings.Count(string(text), "# TYPE kafka_connect_worker_task_count "); n != 1 {
		t.Errorf("the family is told %d times", n)
	}
	var flows []string
	for _, m := range parse(t, text)["kafka_connect_worker_task_count"].Metric {
		flows = append(flows, m.Label[0].GetName()+m.Label[0].GetValue())
	}
	if want := []string{"flowA->B", "flowB->A"}; !slices.Equal(flows, want) {
		t.Errorf("flows %v", flows)
	}
}

// Formats other than text are those of Prometheus' own library: names and values must fit them, too.
func TestOtherFormats(t *testing.T) {
	accept := http.Header{"Accept": {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"}}
	var b bytes.Buffer
	if err := NewExposer("1", "a", "4").Write(&b, Format(accept), sample()); err != nil {
		t.Fatal(err)
	}
	var f dto.MetricFamily
	if err := expfmt.NewDecoder(&b, expfmt.Format(Format(accept))).Decode(&f); err != nil || f.GetName() != "kafka_connect_worker_connector_count" {
		t.Errorf("%v, %v", f.GetName(), err)
	}
}

// BenchmarkManyPartitions writes what a worker tells that mirrors 10,000 partitions.
func BenchmarkManyPartitions(b *testing.B) {
	s := &Snapshot{}
	for i := range 10_000 {
		p := sample().Partitions[0]
		p.Partition, p.LaneReason = int32(i), ""
		s.Partitions = append(s.Partitions, p)
	}
	e := NewExposer("1", "a", "4")
	b.ReportAllocs()
	for b.Loop() {
		var n count
		if err := e.Write(&n, Format(http.Header{}), s); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n), "bytes/scrape")
	}
}

type count int

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}
