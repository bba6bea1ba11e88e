package mm2conf

import (
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// The connectors of a flow, by the names that they have in each flow's Connect group, in the order in which they are made.
const (
	SourceConnector     = "MirrorSourceConnector"
	HeartbeatConnector  = "MirrorHeartbeatConnector"
	CheckpointConnector = "MirrorCheckpointConnector"
)

// Connectors lists them.
func Connectors() []string { return []string{SourceConnector, HeartbeatConnector, CheckpointConnector} }

const (
	javaPackage     = "org.apache.kafka.connect.mirror."
	bytesConverter  = "org.apache.kafka.connect.converters.ByteArrayConverter"
	clustersKey     = "clusters"
	internalRESTKey = "dedicated.mode.enable.internal.rest"
	providersKey    = "config.providers"
	bootstrapKey    = "bootstrap.servers"
	enabledKey      = "enabled"
	heartbeatsKey   = "emit.heartbeats.enabled"
)

// clientKeys are the properties of a cluster that all its clients share (MirrorClientConfig.CLIENT_CONFIG_DEF).
var clientKeys = func() []string {
	names := []string{bootstrapKey, "security.protocol"}
	for _, k := range slices.Concat(config.ClientSSLKeys(), config.ClientSASLKeys()) {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return names
}()

// connectorKeys are the properties at the top of the file that every connector of every flow gets: what Kafka's three mirror
// connectors declare.
var connectorKeys = func() map[string]bool {
	keys := map[string]bool{}
	for name := range strings.FieldsSeq(`
		admin.timeout.ms checkpoints.topic.replication.factor config.action.reload config.properties.exclude
		config.property.filter.class config.providers connector.class connector.plugin.version consumer.poll.timeout.ms
		emit.checkpoints.enabled emit.checkpoints.interval.seconds emit.heartbeats.enabled emit.heartbeats.interval.seconds
		emit.offset-syncs.enabled enabled errors.log.enable errors.log.include.messages errors.retry.delay.max.ms
		errors.retry.timeout errors.tolerance forwarding.admin.class group.filter.class groups groups.exclude header.converter
		header.converter.plugin.version heartbeats.replication.enabled heartbeats.topic.replication.factor key.converter
		key.converter.plugin.version metric.names.formats metric.reporters name offset-syncs.topic.location
		offset-syncs.topic.replication.factor offset.lag.max predicates refresh.groups.enabled refresh.groups.interval.seconds
		refresh.topics.enabled refresh.topics.interval.seconds replication.factor replication.policy.class
		replication.policy.internal.topic.separator.enabled replication.policy.separator security.protocol
		source.cluster.alias sync.group.offsets.enabled sync.group.offsets.interval.seconds sync.topic.acls.enabled
		sync.topic.acls.interval.seconds sync.topic.configs.enabled sync.topic.configs.interval.seconds target.cluster.alias
		tasks.max tasks.max.enforce topic.filter.class topics topics.exclude transforms value.converter
		value.converter.plugin.version`) {
		keys[name] = true
	}
	for _, name := range clientKeys {
		if name != bootstrapKey {
			keys[name] = true
		}
	}
	return keys
}()

// workerPrefixes begin the properties at the top of the file that every flow's worker gets. They are plain beginnings of
// names: "task" covers tasks.max too.
var workerPrefixes = []string{
	"offset.storage", "config.storage", "status.storage", "key.converter", "value.converter", "header.converter", "task", "worker",
	"replication.policy",
}

// withPrefix picks the properties whose names begin so, under their whole names.
func withPrefix(props map[string]string, prefix string) map[string]string {
	out := maps.Clone(props)
	maps.DeleteFunc(out, func(name, _ string) bool { return !strings.HasPrefix(name, prefix) })
	return out
}

// putAbsent sets what is not set.
func putAbsent(props map[string]string, name, value string) {
	if _, has := props[name]; !has {
		props[name] = value
	}
}
