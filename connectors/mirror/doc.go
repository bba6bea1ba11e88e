// Package mirror holds the connectors of MirrorMaker 2: so far MirrorSource, which copies topics of one Kafka cluster to
// another, under the class names, properties and source offsets of Kafka 4.3, so that a link may move between Java and
// Go workers and resumes where it was.
//
// It reads by clients that are handed in (Clients), and knows neither their library nor the worker. Which topics are
// copied, under which names, with which settings, and by which task are pure decisions (policy.go, filter.go, plan.go,
// configsync.go); connector.go and task.go carry them out.
//
// Where it differs from Kafka's on purpose is listed in docs/compatibility.md.
package mirror
