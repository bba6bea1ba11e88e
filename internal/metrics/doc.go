// Package metrics names what a worker measures, and writes it for Prometheus: one table of names, types, labels and help texts
// (tables_*.go), from which docs/metrics.md is generated, too, and the exposition. Names are those that the usual rules of the JMX exporter
// make of Java's MBeans.
//
// It measures and gathers nothing but the process itself: the worker hands in a Snapshot. It knows no worker, no task and no HTTP.
package metrics
