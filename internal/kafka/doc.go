// Package kafka holds the clients of data and internal topics: producers and consumers of the record lane, the log of an
// internal topic, and the administrative calls. It stands on librdkafka, the library that confluent-kafka-go bundles, and
// is the only room that uses cgo. Settings arrive as librdkafka properties, already translated from Java's names.
//
// It must not know tasks, stores, REST or the worker: what it implements is declared in internal/client and by its users.
//
// Records cross between Go and C in batches (glue.h); docs/decisions-record-lane.md has the reasons and figures. What a
// caller is given is always Go memory. Administrative calls, which are rare, go through confluent-kafka-go's own API.
package kafka
