package workerconf

import (
	"fmt"

	"github.com/connectd/connectd/connect/config"
)

// The prefixes under which further settings of the internal topics are given.
const (
	configStoragePrefix = "config.storage."
	offsetStoragePrefix = "offset.storage."
	statusStoragePrefix = "status.storage."
)

func storageKeys() []config.Key {
	keys := storageTopicKeys(offsetStoragePrefix, "source connectors' offsets", 25)
	keys = append(keys, storageTopicKeys(configStoragePrefix, "connector configurations", 1)...)
	return append(keys, storageTopicKeys(statusStoragePrefix, "connector and task statuses", 5)...)
}

// storageTopicKeys declares one internal topic; one with a single partition has no key for their number.
func storageTopicKeys(prefix, holds string, partitions int) []config.Key {
	name := config.Key{
		Name: prefix + "topic", Importance: config.High,
		Doc: fmt.Sprintf("Topic that holds %s, compacted; the same on all workers of a group. It is created where absent, with any topic "+
			"settings given as `%s*`.", holds, prefix),
	}
	count := config.Key{
		Name: prefix + "partitions", Type: config.TypeInt, Default: partitions, Validator: partitionsValidator(), Importance: config.Low,
		Doc: "Partitions of that topic when it is created.",
	}
	replicas := config.Key{
		Name: prefix + "replication.factor", Type: config.TypeShort, Default: 3, Validator: replicationValidator(), Importance: config.Low,
		Doc: "Replicas of that topic when it is created.",
	}
	if partitions == 1 {
		return []config.Key{name, replicas}
	}
	return []config.Key{name, count, replicas}
}

func partitionsValidator() config.Validator {
	return positiveOrDefault("Positive number, or -1 to use the broker's default",
		"Number of partitions must be positive, or -1 to use the broker's default")
}

func replicationValidator() config.Validator {
	return positiveOrDefault("Positive number not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default",
		"Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use the broker's default")
}

func positiveOrDefault(description, refusal string) config.Validator {
	return config.Check(description, func(name string, value any) error {
		var n int64
		switch v := value.(type) {
		case int32:
			n = int64(v)
		case int16:
			n = int64(v)
		}
		if n > 0 || n == -1 {
			return nil
		}
		return config.Invalid(name, value, refusal)
	})
}
