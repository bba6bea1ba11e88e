package metrics

import (
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Description is what the table says of one metric.
type Description struct {
	Name, Help string
	// Counter says that the value only grows, until its task or the worker starts again. Others are gauges.
	Counter bool
	Labels  []string
	// MBean and Attribute are where Java has it, both empty for what Java does not have.
	MBean, Attribute string
}

// emit takes a value, with the values of the labels that the family has of its own.
type emit func(v float64, own ...string)

// family is one metric about rows of type T.
type family[T any] struct {
	name, help string
	labels     []string // of its own, behind those of the table
	each       func(row *T, emit emit)
}

// table is a group of families that are about the same rows.
type table[T any] struct {
	// prefix is before the names. mbean is Java's, empty for none: attributes are the names with dashes then.
	prefix, mbean string
	labels        []string
	rows          func(*Snapshot) []T
	of            func(*T) []string // values of labels
	families      []family[T]
}

// some is a table of any type of rows.
type some interface {
	describe() []Description
	write(snapshots []*Snapshot, encode func(*dto.MetricFamily) error) error
}

// isCounter tells that the name is one of a counter. Java's names decide, as consumers of OpenMetrics would have counters end so.
func isCounter(name string) bool { return strings.HasSuffix(name, "_total") }

func (t table[T]) describe() []Description {
	out := make([]Description, 0, len(t.families))
	for _, f := range t.families {
		d := Description{
			Name: t.prefix + f.name, Help: f.help, Counter: isCounter(f.name),
			Labels: append(append([]string{}, t.labels...), f.labels...), MBean: t.mbean,
		}
		if t.mbean != "" {
			d.Attribute = strings.ReplaceAll(f.name, "_", "-")
		}
		out = append(out, d)
	}
	return out
}

// value is a family of one value for each row; NaN for none.
func value[T any](name, help string, of func(*T) float64) family[T] {
	return family[T]{name: name, help: help, each: func(row *T, emit emit) {
		if v := of(row); !math.IsNaN(v) {
			emit(v)
		}
	}}
}

// text is a family that tells a text by a label: 1 for the text that holds, nothing for others.
func text[T any](name, label, help string, of func(*T) string) family[T] {
	return family[T]{name: name, help: help, labels: []string{label}, each: func(row *T, emit emit) {
		if s := of(row); s != "" {
			emit(1, s)
		}
	}}
}

// whole makes values of whole numbers.
func whole[T any, N int | int32 | int64](of func(*T) N) func(*T) float64 {
	return func(row *T) float64 { return float64(of(row)) }
}

// known is a number that is below 0 when it is unknown.
func known(n int64) float64 {
	if n < 0 {
		return math.NaN()
	}
	return float64(n)
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
