package configlog

import (
	"strconv"
	"strings"

	"github.com/connectd/connectd/internal/client"
)

// Prefixes of config topic keys, as Java's KafkaConfigBackingStore has them.
const (
	prefixTarget    = "target-state-"
	prefixConnector = "connector-"
	prefixTask      = "task-"
	prefixCommit    = "commit-"
	prefixRestart   = "restart-connector-"
	prefixTaskCount = "tasks-fencing-"
	prefixLogger    = "logger-cluster-"
	keySession      = "session-key"
)

// Prefixes of status topic keys.
const (
	prefixConnectorStatus = "status-connector-"
	prefixTaskStatus      = "status-task-"
	prefixTopicStatus     = "status-topic-"
	topicStatusSeparator  = ":connector-"
)

// Record is one record of an internal topic. A nil Value is a tombstone.
type Record = client.LogRecord

// KV is a record to be written. A nil Value is a tombstone.
type KV = client.KV

// Warning says what was wrong with a record that was skipped. It never holds a value, which may be secret.
type Warning struct {
	Offset int64
	Key    string
	Reason string
}

// splitTask splits "name-with-dashes-3" into name and task number.
func splitTask(s string) (name string, task int, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(s[i+1:], 10, 32)
	if err != nil || n < 0 {
		return "", 0, false
	}
	return s[:i], int(n), true
}

// Partition gives the partition that Java's default partitioner chooses for a key: murmur2 over its bytes.
func Partition(key []byte, partitions int32) int32 {
	if partitions <= 0 {
		return 0
	}
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is the 32-bit MurmurHash2 with the seed of the Kafka clients.
func murmur2(data []byte) uint32 {
	const m, seed = 0x5bd1e995, 0x9747b28c
	h := uint32(seed) ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
