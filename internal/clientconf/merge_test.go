package clientconf

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	mergeWorker = map[string]string{
		"bootstrap.servers": "b:1", "group.id": "cluster", "security.protocol": "SSL", "request.timeout.ms": "11000", "session.timeout.ms": "9000",
		"offset.storage.topic": "o", "config.providers": "file", "retries": "4", "linger.ms": "1", "librdkafka.debug": "broker",
		"producer.linger.ms": "50", "producer.acks": "1", "producer.librdkafka.sticky.partitioning.linger.ms": "3", "producer.": "x",
		"consumer.max.poll.records": "9", "consumer.auto.offset.reset": "latest", "admin.request.timeout.ms": "12000", "admin.client.id": "adm",
	}
	mergeConnector = map[string]string{
		"connector.class": "X", "producer.override.acks": "all", "producer.override.linger.ms": "70", "consumer.override.group.id": "mine",
		"admin.override.retries": "8",
	}
)

func TestConnectPrecedence(t *testing.T) {
	const forever = "2147483647"
	tests := map[string]struct{ got, want map[string]string }{
		"source task": {
			TaskProducerProps(mergeWorker, mergeConnector, "connector-producer-c-0", nil),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "connector-producer-c-0", "acks": "all", "linger.ms": "70",
				"max.in.flight.requests.per.connection": "5", "enable.idempotence": "true", "delivery.timeout.ms": forever,
				"max.block.ms": "9223372036854775807", "librdkafka.sticky.partitioning.linger.ms": "3",
			},
		},
		"source task, exactly once": {
			TransactionalProducerProps(mergeWorker, mergeConnector, "p", "cluster-c-0", nil),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "p", "acks": "all", "linger.ms": "70",
				"max.in.flight.requests.per.connection": "5", "enable.idempotence": "true", "delivery.timeout.ms": forever,
				"max.block.ms": "9223372036854775807", "librdkafka.sticky.partitioning.linger.ms": "3", "transactional.id": "cluster-c-0",
			},
		},
		"sink task": {
			TaskConsumerProps(mergeWorker, nil, "c", "connector-consumer-c-0"),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "connector-consumer-c-0", "group.id": "connect-c", "enable.auto.commit": "false",
				"auto.offset.reset": "latest", "max.poll.records": "9",
			},
		},
		"source offsets": {
			SourceOffsetsConsumerProps(mergeWorker, mergeConnector, "c", "x", false),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "x", "group.id": "mine", "enable.auto.commit": "false",
				"auto.offset.reset": "latest", "max.poll.records": "9", "isolation.level": "read_committed",
			},
		},
		"admin": {
			TaskAdminProps(mergeWorker, mergeConnector, "default"),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "adm", "security.protocol": "SSL", "request.timeout.ms": "12000", "retries": "8",
				"librdkafka.debug": "broker",
			},
		},
		"status store producer": {
			StoreProducerProps(StatusStore, mergeWorker, "cluster-statuses"),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "cluster-statuses", "security.protocol": "SSL", "request.timeout.ms": "11000",
				"retries": "0", "linger.ms": "1", "acks": "all", "max.in.flight.requests.per.connection": "1", "enable.idempotence": "false",
				"librdkafka.debug": "broker",
			},
		},
		"config store consumer, exactly once": {
			StoreConsumerProps(ConfigStore, mergeWorker, "cluster-configs", true),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "cluster-configs", "group.id": "cluster", "security.protocol": "SSL",
				"request.timeout.ms": "11000", "session.timeout.ms": "9000", "auto.offset.reset": "earliest", "enable.auto.commit": "false",
				"isolation.level": "read_committed", "librdkafka.debug": "broker",
			},
		},
		"group member": {
			GroupProps(mergeWorker, "connect-1"),
			map[string]string{
				"bootstrap.servers": "b:1", "client.id": "connect-1", "security.protocol": "SSL", "request.timeout.ms": "11000",
				"connections.max.idle.ms": "540000", "retries": "4", "librdkafka.debug": "broker",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestMergedPropertiesTranslate(t *testing.T) {
	worker := map[string]string{"bootstrap.servers": "b:1", "group.id": "cluster", "key.converter": "x", "rest.port": "1"}
	for _, c := range []struct {
		role  Role
		props map[string]string
	}{
		{Producer, TaskProducerProps(worker, nil, "a", nil)},
		{Producer, TransactionalProducerProps(worker, nil, "a", "t", nil)},
		{Producer, StoreProducerProps(ConfigStore, worker, "a")},
		{Producer, StoreProducerProps(StatusStore, worker, "a")},
		{Producer, TransactionalStoreProducerProps(worker, "a", "t")},
		{Consumer, TaskConsumerProps(worker, nil, "c", "a")},
		{Consumer, StoreConsumerProps(OffsetStore, worker, "a", false)},
		{Admin, StoreAdminProps(worker, "a")},
		{Admin, TaskAdminProps(worker, nil, "a")},
		{Admin, GroupProps(worker, "a")},
	} {
		if s := mustTranslate(t, c.role, c.props); len(s.Warnings) > 0 {
			t.Errorf("%v", s.Warnings)
		}
	}
}

// TestPluginsProducerDefaults: a plugin's own defaults yield to what is given, and order is kept without idempotence.
func TestPluginsProducerDefaults(t *testing.T) {
	plugin := map[string]string{"enable.idempotence": "true", inFlight: "5", "batch.size": "1000000"}
	for name, c := range map[string]struct {
		worker, connector map[string]string
		idempotence, want string
	}{
		"nothing given":         {nil, nil, "true", "5"},
		"acks":                  {map[string]string{"producer.acks": "1"}, nil, "false", "1"},
		"acks that allow it":    {map[string]string{"producer.acks": "-1"}, nil, "true", "5"},
		"no idempotence":        {nil, map[string]string{"producer.override.enable.idempotence": "false"}, "false", "1"},
		"no retries":            {nil, map[string]string{"producer.override.retries": "0"}, "false", "1"},
		"requests":              {nil, map[string]string{"producer.override." + inFlight: "3"}, "true", "3"},
		"many requests":         {nil, map[string]string{"producer.override." + inFlight: "8"}, "false", "8"},
		"idempotence asked for": {map[string]string{"producer.acks": "1"}, map[string]string{"producer.override.enable.idempotence": "true"}, "true", "5"},
	} {
		t.Run(name, func(t *testing.T) {
			got := TaskProducerProps(c.worker, c.connector, "id", plugin)
			if got["enable.idempotence"] != c.idempotence || got[inFlight] != c.want || got["batch.size"] != "1000000" {
				t.Errorf("%v", got)
			}
		})
	}
	if got := TaskProducerProps(nil, map[string]string{"producer.override.batch.size": "7"}, "id", plugin)["batch.size"]; got != "7" {
		t.Errorf("batch.size is %s", got)
	}
}
