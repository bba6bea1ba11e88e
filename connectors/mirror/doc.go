// Package mirror holds the connectors of MirrorMaker 2: so far MirrorSource, which copies topics of one Kafka cluster to
// another, under the class names, properties and source offsets of Kafka 4.3, so that a link may move between Java and
// Go workers and resumes where it was.
//
// It reads by clients that are handed in (Clients), and knows neither their library nor the worker. Which topics are
// copied, under which names, with which settings, and by which task are pure decisions (policy.go, filter.go, plan.go,
// configsync.go); connector.go and task.go carry them out.
//
// # Where it differs from Kafka's
//
//   - replication.factor may also be "source": that of the source topic, at most the target's number of brokers.
//   - A task whose stored position exists no longer fails and says so, instead of going back to the partition's
//     beginning without a word. With an auto.offset.reset given for the consumer, it follows that and warns.
//   - A connector that can't reach a cluster reports it and tries again, where Java's runs without tasks until the next
//     refresh of topics.
//   - A topic that can't be made on the target is left out and tried again with each refresh.
//   - Topic settings are compared first, and only differences are written.
//   - ACLs and offset syncs are not written; their properties are accepted.
package mirror
