package mirror

import "strings"

const javaPackage = "org.apache.kafka.connect.mirror."

// Class names of the replication policies.
const (
	defaultPolicyClass  = javaPackage + "DefaultReplicationPolicy"
	identityPolicyClass = javaPackage + "IdentityReplicationPolicy"
)

// policy is a replication policy: how a topic is called on the other cluster, and what a name tells of its origin.
type policy struct {
	// identity keeps names, except of heartbeats topics.
	identity bool
	// source is the alias of the source cluster, which only the identity policy uses.
	source    string
	separator string
	// internalSeparator is the separator within names of MirrorMaker's own topics.
	internalSeparator string
}

const heartbeats = "heartbeats"

// remote is a topic's name on the target of a link from the cluster with that alias.
func (p policy) remote(alias, topic string) string {
	if p.keeps(topic) {
		return topic
	}
	return alias + p.separator + topic
}

func (p policy) keeps(topic string) bool {
	return p.identity && !strings.HasSuffix(topic, heartbeats)
}

// origin is the alias of the cluster from which a topic was copied; false for a topic that was not.
func (p policy) origin(topic string) (string, bool) {
	if p.keeps(topic) {
		return p.source, p.source != ""
	}
	// Java's split drops empty parts at the end: "a." is no copy.
	alias, rest, found := strings.Cut(topic, p.separator)
	for found && strings.HasPrefix(rest, p.separator) {
		rest = rest[len(p.separator):]
	}
	return alias, found && rest != ""
}

// upstream is a copied topic's name on the cluster from which it was copied.
func (p policy) upstream(topic string) (string, bool) {
	if p.keeps(topic) {
		return topic, true
	}
	alias, ok := p.origin(topic)
	if !ok {
		return "", false
	}
	return topic[len(alias)+len(p.separator):], true
}

// original is the name of the topic at its first cluster.
func (p policy) original(topic string) string {
	for {
		up, ok := p.upstream(topic)
		if !ok || up == topic {
			return topic
		}
		topic = up
	}
}

func (p policy) isHeartbeats(topic string) bool { return p.original(topic) == heartbeats }

// isInternal tells MirrorMaker's and Kafka's own topics.
func (p policy) isInternal(topic string) bool {
	suffix := p.internalSeparator + "internal"
	return strings.HasPrefix(topic, "mm2") && strings.HasSuffix(topic, suffix) ||
		strings.HasSuffix(topic, p.internalSeparator+"checkpoints"+suffix) ||
		strings.HasPrefix(topic, "__") || strings.HasPrefix(topic, ".")
}

// isCycle tells whether the topic came from the target, so that copying it would go round for ever.
func (p policy) isCycle(topic, target string) bool {
	for {
		alias, ok := p.origin(topic)
		if !ok {
			return false
		}
		if alias == target {
			return true
		}
		up, ok := p.upstream(topic)
		if !ok || up == topic { // the identity policy can't tell
			return false
		}
		topic = up
	}
}

// checkpointsTopic holds, on the target, the checkpoints of groups of the cluster with that alias.
func (p policy) checkpointsTopic(alias string) string { return alias + p.internal("checkpoints") }

// offsetSyncsTopic holds the offset syncs of a link; alias is that of the cluster at its other end.
func (p policy) offsetSyncsTopic(alias string) string {
	return "mm2-offset-syncs" + p.internalSeparator + alias + p.internalSeparator + "internal"
}

// piecesTopic holds the pieces of a link, beside its offset syncs.
func (p policy) piecesTopic(alias string) string {
	return "mm2-offset-pieces" + p.internalSeparator + alias + p.internalSeparator + "internal"
}

func (p policy) internal(name string) string {
	return p.internalSeparator + name + p.internalSeparator + "internal"
}
