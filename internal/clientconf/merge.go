package clientconf

import (
	"maps"
	"math"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// The functions here are Connect's precedence of client properties, each for one kind of client. They take the worker's
// properties as the operator wrote them (worker) and a connector's (connector, nil if there is none), and return properties
// for [Translate]. Later wins over earlier:
//
//	task producers and consumers   Connect's defaults, worker's bootstrap.servers < producer. / consumer. < *.override.
//	admin clients                  worker's top level < admin. < admin.override.
//	stores of the worker           worker's top level < what the stores need
//
// Security settings at the worker's top level thus reach the worker's own clients and admin clients, not the tasks'
// producers and consumers: those need the prefixed ones, exactly as in Java.

// ConnectProducerDefaults is what is set on every producer of a source task: endless retries in order. Connect
// (Worker.baseProducerConfigs) has one request in flight and no idempotence; librdkafka keeps the order only with it.
func ConnectProducerDefaults() map[string]string {
	return map[string]string{
		"acks":                                  "all",
		"max.in.flight.requests.per.connection": "5",
		"enable.idempotence":                    "true",
		"delivery.timeout.ms":                   strconv.Itoa(math.MaxInt32),
		"max.block.ms":                          strconv.FormatInt(math.MaxInt64, 10),
	}
}

// ConnectConsumerDefaults is what Connect sets on every consumer (Worker.baseConsumerConfigs).
func ConnectConsumerDefaults() map[string]string {
	return map[string]string{"enable.auto.commit": "false", "auto.offset.reset": "earliest"}
}

// TaskProducerProps are the properties of a source task's producer, or of a dead letter queue's. plugin are a connector plugin's
// own defaults, over Connect's; nil for none.
func TaskProducerProps(worker, connector map[string]string, clientID string, plugin map[string]string) map[string]string {
	defaults := ConnectProducerDefaults()
	maps.Copy(defaults, plugin)
	props := taskProps(worker, clientID, defaults)
	given := config.WithPrefix(worker, "producer.")
	maps.Copy(given, config.WithPrefix(connector, "producer.override."))
	maps.Copy(props, given)
	keepOrder(props, given)
	return props
}

// keepOrder turns idempotence off where it is only a default and what was given rules it out, and has one request in flight at a
// time where there is no idempotence, unless more were asked for: with several, a request that is tried again is overtaken.
func keepOrder(props, given map[string]string) {
	if _, asked := given["enable.idempotence"]; !asked && ruledOut(given) {
		props["enable.idempotence"] = "false"
	}
	if _, asked := given[inFlight]; !asked && !strings.EqualFold(strings.TrimSpace(props["enable.idempotence"]), "true") {
		props[inFlight] = "1"
	}
}

const inFlight = "max.in.flight.requests.per.connection"

// ruledOut tells whether an idempotent producer is not possible with these properties.
func ruledOut(given map[string]string) bool {
	acks, hasAcks := given["acks"]
	retries, hasRetries := given["retries"]
	requests, err := strconv.Atoi(strings.TrimSpace(given[inFlight]))
	acks = strings.ToLower(strings.TrimSpace(acks))
	return hasAcks && acks != "all" && acks != "-1" || hasRetries && strings.TrimSpace(retries) == "0" || err == nil && requests > 5
}

// TransactionalProducerProps are those of a source task under exactly-once. Idempotence is on unless an operator wrote
// otherwise, which then is an error in [Translate]; transactional.id can't be overridden. plugin is as for TaskProducerProps.
func TransactionalProducerProps(worker, connector map[string]string, clientID, transactionalID string, plugin map[string]string) map[string]string {
	props := TaskProducerProps(worker, connector, clientID, plugin)
	_, byWorker := worker["producer.enable.idempotence"]
	_, byConnector := connector["producer.override.enable.idempotence"]
	if !byWorker && !byConnector {
		props["enable.idempotence"] = "true"
	}
	props["transactional.id"] = transactionalID
	return props
}

// TaskConsumerProps are the properties of a sink task's consumer; its group is "connect-" and the connector's name, unless
// overridden.
func TaskConsumerProps(worker, connector map[string]string, connectorName, clientID string) map[string]string {
	props := taskProps(worker, clientID, ConnectConsumerDefaults())
	props["group.id"] = "connect-" + connectorName
	maps.Copy(props, config.WithPrefix(worker, "consumer."))
	maps.Copy(props, config.WithPrefix(connector, "consumer.override."))
	return props
}

// SourceOffsetsConsumerProps are those of the consumer that reads a source connector's own offset topic. It reads
// committed data: by force under exactly-once, else unless overridden.
func SourceOffsetsConsumerProps(worker, connector map[string]string, connectorName, clientID string, exactlyOnce bool) map[string]string {
	props := TaskConsumerProps(worker, connector, connectorName, clientID)
	if _, given := props["isolation.level"]; exactlyOnce || !given {
		props["isolation.level"] = "read_committed"
	}
	return props
}

// TaskAdminProps are the properties of an admin client, of the worker itself (connector nil) or for a connector.
func TaskAdminProps(worker, connector map[string]string, clientID string) map[string]string {
	props := map[string]string{"client.id": clientID}
	maps.Copy(props, topLevel(Admin, worker))
	maps.Copy(props, config.WithPrefix(worker, "admin."))
	maps.Copy(props, config.WithPrefix(connector, "admin.override."))
	return props
}

// Store names the worker's three topics, whose clients differ slightly.
type Store uint8

const (
	ConfigStore Store = iota + 1
	OffsetStore
	StatusStore
)

// StoreProducerProps are the properties of the producer to one of the worker's own topics. It takes the worker's top level
// and no prefix; what keeps the topic in order can't be changed (KafkaBasedLog and the three backing stores).
func StoreProducerProps(store Store, worker map[string]string, clientID string) map[string]string {
	props := topLevel(Producer, worker)
	props["acks"] = "all"
	props["max.in.flight.requests.per.connection"] = "1"
	props["enable.idempotence"] = "false"
	props["client.id"] = clientID
	if store == StatusStore {
		props["retries"] = "0" // a stale status must not overtake a newer one; the store itself tries again
	} else {
		props["delivery.timeout.ms"] = strconv.Itoa(math.MaxInt32)
	}
	return props
}

// TransactionalStoreProducerProps are those of the leader's fenceable producer to the config topic under exactly-once.
func TransactionalStoreProducerProps(worker map[string]string, clientID, transactionalID string) map[string]string {
	props := StoreProducerProps(ConfigStore, worker, clientID)
	props["enable.idempotence"] = "true"
	props["max.in.flight.requests.per.connection"] = "5"
	props["transactional.id"] = transactionalID
	return props
}

// StoreConsumerProps are those of the reader of one of the worker's own topics. Under exactly-once the config and offset
// topics are read committed.
func StoreConsumerProps(store Store, worker map[string]string, clientID string, exactlyOnce bool) map[string]string {
	props := topLevel(Consumer, worker)
	maps.Copy(props, map[string]string{"auto.offset.reset": "earliest", "enable.auto.commit": "false", "client.id": clientID})
	if exactlyOnce && store != StatusStore {
		props["isolation.level"] = "read_committed"
	}
	return props
}

// StoreAdminProps are those of the admin client that creates the worker's own topics.
func StoreAdminProps(worker map[string]string, clientID string) map[string]string {
	props := topLevel(Admin, worker)
	props["client.id"] = clientID
	return props
}

// GroupProps are those of the client by which the worker is a member of its group, to be translated as [Admin]: the
// worker's top level with DistributedConfig's defaults.
func GroupProps(worker map[string]string, clientID string) map[string]string {
	props := map[string]string{"request.timeout.ms": "40000", "connections.max.idle.ms": "540000"}
	maps.Copy(props, topLevel(Admin, worker))
	props["client.id"] = clientID
	return props
}

func taskProps(worker map[string]string, clientID string, defaults map[string]string) map[string]string {
	props := maps.Clone(defaults)
	props["client.id"] = clientID
	if servers, ok := worker["bootstrap.servers"]; ok {
		props["bootstrap.servers"] = servers
	}
	return props
}

// topLevel picks from a worker's properties those that a client of this role understands: the others are the worker's.
func topLevel(role Role, worker map[string]string) map[string]string {
	props := map[string]string{}
	for name, value := range worker {
		if IsClientProperty(role, name) && !workerOnly[name] {
			props[name] = value
		}
	}
	return props
}

// workerOnly are names that the worker shares with clients and has itself acted on: config providers have been resolved,
// and metric reporters would be warned about once per client.
var workerOnly = map[string]bool{"config.providers": true, "metric.reporters": true}
