package bench

import (
	"fmt"
	"strings"
	"time"
)

// show prints a case's table, its ratios and how they stand to the bars. A bar that is missed fails nothing: machines differ.
func (l *laneBench) show(load float64, results []*laneResult) {
	of := map[string]*laneResult{}
	var t strings.Builder
	fmt.Fprintf(&t, "\n%s: %d records in %d batches, %.0f MB on disk, %.0f MB of keys and values (%d bytes a value, batches of up to %d bytes\n"+
		"before compression), %d partitions, tasks.max=%d; load of the machine before the first turn %.1f\n%-42s", l.laneCase, l.records, l.batches,
		float64(l.wire)/1e6, float64(l.raw)/1e6, l.size, l.batch, partitions, l.tasks, load, "")
	for _, r := range results {
		of[r.name] = r
		fmt.Fprintf(&t, "%12s", r.name)
	}
	row := func(what, format string, value func(r *laneResult) float64) {
		fmt.Fprintf(&t, "\n%-42s", what)
		for _, r := range results {
			text := "-"
			if v := value(r); v > 0 {
				text = fmt.Sprintf(format, v)
			}
			fmt.Fprintf(&t, "%12s", text)
		}
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	row("MB per CPU-second, wire", "%.0f", (*laneResult).wirePerCPU)
	row("MB per CPU-second, uncompressed", "%.0f", (*laneResult).rawPerCPU)
	row("MB/s, wire", "%.0f", func(r *laneResult) float64 { return r.wire / 1e6 / r.wall.Seconds() })
	row("MB/s, uncompressed", "%.0f", func(r *laneResult) float64 { return r.raw / 1e6 / r.wall.Seconds() })
	row("CPU-seconds measured", "%.1f", func(r *laneResult) float64 { return r.cpu.Seconds() })
	row("peak RSS, MB", "%.0f", func(r *laneResult) float64 { return float64(r.peakRSS) / 1e6 })
	row("brokers' CPU-seconds per GB on the wire", "%.1f", func(r *laneResult) float64 { return r.brokers.Seconds() / r.wire * 1e9 })
	row("latency at 1,000 records/s, p50, ms", "%.1f", func(r *laneResult) float64 { return ms(r.p50) })
	row("latency at 1,000 records/s, p99, ms", "%.1f", func(r *laneResult) float64 { return ms(r.p99) })
	ours := of[nameOurs]
	if ours != nil {
		row("connectd's MB per CPU-second over it", "%.2f", func(r *laneResult) float64 { return ours.wirePerCPU() / r.wirePerCPU() })
	}
	t.WriteString("\n")
	if l.withLatency() {
		p50, p99 := l.atSource()
		fmt.Fprintf(&t, "a consumer of the source sees the same records after %.1f ms (p50) and %.1f ms (p99)\n", ms(p50), ms(p99))
	}
	for _, r := range results {
		if r.note != "" {
			fmt.Fprintf(&t, "%s: %s\n", r.name, r.note)
		}
	}
	if ours != nil {
		l.judge(&t, ours, of)
	}
	fmt.Println(t.String())
}

// judge tells which bars are met.
func (l *laneBench) judge(t *strings.Builder, ours *laneResult, of map[string]*laneResult) {
	bar := func(what string, is, wanted float64, met bool) {
		verdict := "missed"
		if met {
			verdict = "met"
		}
		fmt.Fprintf(t, "  %-64s %8.2f, wanted %6.2f: %s\n", what, is, wanted, verdict)
	}
	atLeast := func(what string, other *laneResult, wanted float64) {
		if other != nil && wanted > 0 {
			is := ours.wirePerCPU() / other.wirePerCPU()
			bar(what, is, wanted, is >= wanted)
		}
	}
	java, loop := map[string]float64{"lz4": 8, "none": 4}, map[string]float64{"lz4": 3, "none": 1.3}
	atLeast("MB per CPU-second over tuned Java's", of[nameTuned], java[l.codec])
	atLeast("MB per CPU-second over the franz-go loop's", of[nameLoop], loop[l.codec])
	atLeast("wire bytes per CPU-second over the relay's (aim 0.33)", of[nameRelay], 0.2)
	mb := float64(ours.peakRSS) / 1e6
	bar("peak RSS with 8 partitions, MB", mb, 120, mb <= 120)
	for _, name := range []string{nameJava, nameTuned} {
		if r := of[name]; r != nil && r.p99 > 0 {
			is := ours.p99.Seconds() / r.p99.Seconds()
			bar("p99 latency over "+name+"'s", is, 1, is < 1)
		}
	}
	if r := of[nameTuned]; r != nil {
		l.ReportMetric(ours.wirePerCPU()/r.wirePerCPU(), "x-java-tuned")
	}
	l.ReportMetric(ours.wirePerCPU(), "wire-MB/cpu-s")
}
