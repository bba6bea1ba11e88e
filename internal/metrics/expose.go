package metrics

import (
	"io"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// flowLabel tells the workers of one node apart.
const flowLabel = "flow"

// Exposer writes snapshots for Prometheus, and what Go and the operating system tell of the process. It is safe for concurrent use.
type Exposer struct {
	process *prometheus.Registry
}

// NewExposer makes one. version and commit are connectd's own, kafka is the release as which it behaves.
func NewExposer(version, commit, kafka string) *Exposer {
	r := prometheus.NewRegistry()
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: buildInfo.Name, Help: buildInfo.Help,
		ConstLabels: prometheus.Labels{"version": version, "commit": commit, "kafka_version": kafka},
	}, func() float64 { return 1 })
	r.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Exposer{process: r}
}

// Format is the content type in which a request's Accept asks for metrics: the text format where it does not say.
func Format(header http.Header) string { return string(expfmt.Negotiate(header)) }

// Write writes all metrics in a format that Format gave. One family is held in memory at a time, as a mirror may have very many.
func (e *Exposer) Write(w io.Writer, format string, snapshots ...*Snapshot) error {
	encoder := expfmt.NewEncoder(w, expfmt.Format(format))
	for _, t := range tables {
		if err := t.write(snapshots, encoder.Encode); err != nil {
			return err
		}
	}
	families, err := e.process.Gather()
	if err != nil {
		return err
	}
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// write makes the families of a table one after another. A row's labels are made once for all of them, and their memory is used again.
func (t table[T]) write(snapshots []*Snapshot, encode func(*dto.MetricFamily) error) error {
	type labelled struct {
		row    *T
		labels []*dto.LabelPair
	}
	var rows []labelled
	for _, s := range snapshots {
		all := t.rows(s)
		for i := range all {
			rows = append(rows, labelled{&all[i], t.pairs(s, &all[i])})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	var b builder
	add := b.add // once: each mention of it is a new function
	for i := range t.families {
		f := &t.families[i]
		b.begin(t.prefix+f.name, f.help, isCounter(f.name))
		for _, r := range rows {
			b.labels, b.own = r.labels, f.labels
			f.each(r.row, add)
		}
		if len(b.list) == 0 {
			continue
		}
		if err := encode(b.finish()); err != nil {
			return err
		}
	}
	return nil
}

func (t table[T]) pairs(s *Snapshot, row *T) []*dto.LabelPair {
	values := t.of(row)
	out := make([]*dto.LabelPair, 0, len(values)+3)
	if s.Flow != "" {
		out = append(out, pair(flowLabel, s.Flow))
	}
	for i := range values {
		out = append(out, pair(t.labels[i], values[i]))
	}
	return out
}

func pair(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// builder makes one family after another of the same memory.
type builder struct {
	family dto.MetricFamily
	slots  []*slot
	list   []*dto.Metric
	labels []*dto.LabelPair // of the row
	own    []string         // labels of the family
}

// slot is the memory of one sample.
type slot struct {
	metric  dto.Metric
	gauge   dto.Gauge
	counter dto.Counter
	value   float64
}

func (b *builder) begin(name, help string, counter bool) {
	kind := dto.MetricType_GAUGE
	if counter {
		kind = dto.MetricType_COUNTER
	}
	b.family.Name, b.family.Help, b.family.Type = &name, &help, &kind
	b.list = b.list[:0]
}

func (b *builder) add(v float64, own ...string) {
	n := len(b.list)
	if n == len(b.slots) {
		b.slots = append(b.slots, &slot{})
	}
	s := b.slots[n]
	s.value = v
	s.gauge.Value, s.counter.Value = &s.value, &s.value
	s.metric.Gauge, s.metric.Counter = nil, nil
	if b.family.GetType() == dto.MetricType_COUNTER {
		s.metric.Counter = &s.counter
	} else {
		s.metric.Gauge = &s.gauge
	}
	s.metric.Label = b.labels
	for i := range own {
		s.metric.Label = append(slices.Clip(s.metric.Label), pair(b.own[i], own[i]))
	}
	b.list = append(b.list, &s.metric)
}

func (b *builder) finish() *dto.MetricFamily {
	b.family.Metric = b.list
	return &b.family
}
