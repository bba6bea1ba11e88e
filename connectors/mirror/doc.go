// Package mirror holds the connectors of MirrorMaker 2 under the class names, properties and source offsets of Kafka 4.3, so
// that a link may move between Java and Go workers and goes on where it was: MirrorSource, which copies topics of one Kafka
// cluster to another; MirrorCheckpoint, which translates the positions of consumer groups; MirrorHeartbeat, which tells that
// a link is alive.
//
// It reads and writes by clients that are handed in (Clients), and knows neither their library nor the worker. Which topics are
// copied, under which names, with which settings, and by which task, and what becomes of a group's position, are pure
// decisions (policy.go, filter.go, plan.go, configsync.go, groupplan.go); connectors and tasks carry them out.
//
// Where it differs from Kafka's on purpose is listed in docs/compatibility.md.
package mirror
