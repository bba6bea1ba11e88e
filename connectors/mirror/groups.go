package mirror

import (
	"context"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// GroupAdmin reads and commits the positions of consumer groups from outside of them. It is safe for concurrent use.
type GroupAdmin interface {
	// Groups lists the groups of consumers, of the classic and of the new protocol (KIP-848), by name.
	Groups(ctx context.Context) (map[string]client.Group, error)
	// Offsets gives committed positions, of many groups in few requests; the second map holds what failed, by group. A
	// group that does not exist has none.
	Offsets(ctx context.Context, groups []string) (map[string]map[connect.TopicPartition]client.GroupOffset, map[string]error)
	// Commit commits positions of a group without members, of either protocol. The brokers refuse it for others:
	// client.ErrGroupNotEmpty. The map holds what failed for single partitions.
	Commit(ctx context.Context, group string, offsets map[connect.TopicPartition]client.GroupOffset) (map[connect.TopicPartition]error, error)
	// Bounds gives where partitions begin and end; those that don't exist are left out.
	Bounds(ctx context.Context, tps []connect.TopicPartition) (map[connect.TopicPartition]client.Bounds, error)
	Close()
}

// Log is a topic that is read to its end and followed, by all of its partitions.
type Log interface {
	// Start returns once everything that was there has been handed to onRecords, which is called from one goroutine at a
	// time, in order per partition, until Close. The topic must exist; Start waits for it until ctx ends.
	Start(ctx context.Context, onRecords func([]client.LogRecord)) error
	// ReadToEnd returns once every record that existed when it was called has been handed on.
	ReadToEnd(ctx context.Context) error
	Close() error
}

// Logs opens topics of one cluster.
type Logs interface {
	Log(topic string) Log
	Close()
}
