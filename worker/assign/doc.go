// Package assign decides which worker of a Connect group runs which connector and task: incremental cooperative
// assignment (KIP-415, with the revocation backoff of KAFKA-12495) and the older eager assignment.
//
// It is pure: members, configuration, generations, the time and the leader's memory of earlier rounds are values that
// come in; assignments and the new memory are values that go out. It must not touch a client, clock, logger or goroutine.
//
// An operator sees what Kafka Connect 4.3's IncrementalCooperativeAssignor and EagerAssignor would have done: a test has both
// lead the same random histories. Two differences are deliberate. Where Java's choice depends on the iteration order of a hash
// map, workers come in the order of their member ids. And work that runs but is no longer configured is always revoked: Java
// looks only at what it remembers to have assigned, so a leader elected anew leaves a deleted connector running until a later
// rebalance. The longest pause between revoking rounds is scheduled.rebalance.max.delay.ms, from which Java's floating point may
// take a millisecond.
package assign
