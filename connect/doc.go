// Package connect is the public API for connector authors: sources, sinks, their tasks and contexts, records with
// schemas, converters, transforms and predicates, and the Registrar to which a distribution hands its plugins.
//
// It imports the standard library and connect/config only, and knows nothing of Kafka clients, REST or the worker.
//
// # Life of a source connector
//
// A worker makes a Connector with New, calls Start once, then TaskConfigs whenever tasks must be divided anew, and Stop
// once. Each returned map is one task's config; the tasks may run on other workers. A task is made by NewSourceTask and
// sees Start, then Poll again and again from one goroutine, then Stop. Stop may be called from another goroutine while
// Poll is under way; Poll's context is cancelled at the same time, and Poll should return soon. Commit is called now and
// then once source offsets are stored.
//
// # Life of a sink connector
//
// Connector as above. A sink task sees Start, then Open for the partitions it was given, Put for records of those
// partitions in order, PreCommit before their offsets are committed, Close when partitions are taken away, and Stop. All
// calls come from one goroutine.
//
// # Errors
//
// An error from Start, Poll, Put or PreCommit fails the task: its state is FAILED with the error as trace, until a restart.
// An error wrapped by Retriable is tried again by the worker. Contexts end when the task must stop; returning their
// error then is a clean end.
package connect
