package mirror

import (
	"context"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

// Clients opens clients of the source and target clusters with Java client properties. Opening does not wait for a broker.
type Clients interface {
	Admin(props map[string]string) (Admin, error)
	// Reader opens a consumer without a group, for which a position that does not exist is an error whatever
	// auto.offset.reset says.
	Reader(props map[string]string) (Reader, error)
	// BatchReader opens one that reads whole record batches, and holds so many bytes of them at most that nobody has let go of.
	BatchReader(props map[string]string, memory int64) (BatchReader, error)
	// Codec compresses and decompresses record batches.
	Codec() rawbatch.Codec
	// Writer opens a producer with Java client properties. onDelivery gets what became of each record.
	Writer(props map[string]string, onDelivery func([]client.Delivery)) (client.Producer, error)
	// Groups opens a client for consumer groups.
	Groups(props map[string]string) (GroupAdmin, error)
	// Logs opens a client that follows whole topics, with the properties of a consumer and those of what asks for offsets.
	Logs(consumer, admin map[string]string) (Logs, error)
}

// Admin is an administrative client, safe for concurrent use. Maps of errors hold what failed, by topic.
type Admin interface {
	Cluster(ctx context.Context) (client.Cluster, error)
	Topics(ctx context.Context) (map[string]client.Topic, error)
	// Shapes is Topics with the topics' ids.
	Shapes(ctx context.Context) (map[string]client.Topic, error)
	CreateTopics(ctx context.Context, specs ...client.TopicSpec) (map[string]error, error)
	CreatePartitions(ctx context.Context, counts map[string]int32) (map[string]error, error)
	TopicConfigs(ctx context.Context, topics ...string) (map[string]map[string]client.ConfigEntry, error)
	AlterTopicConfigs(ctx context.Context, changes ...client.ConfigChange) (map[string]error, error)
	// TopicACLs lists the ACLs of topics, CreateTopicACLs adds to them. The error is client.ErrNoAuthorizer for a cluster
	// without any.
	TopicACLs(ctx context.Context) ([]client.ACL, error)
	CreateTopicACLs(ctx context.Context, acls ...client.ACL) (map[client.ACL]error, error)
	Close()
}

// Positions is what Reader and BatchReader have in common: they read partitions that they are told, for one goroutine.
type Positions interface {
	// Assign names the partitions and where to start; client.Earliest and client.Latest stand for the ends.
	Assign(offsets map[connect.TopicPartition]int64) error
	// Seek goes on elsewhere in a partition, which is paused no longer.
	Seek(tp connect.TopicPartition, offset int64) error
	// Pause stops reading partitions until Seek. What was fetched of them is given up.
	Pause(tps []connect.TopicPartition) error
	// End is the offset after the last record as far as the last fetch told, -1 for unknown. It asks nobody.
	End(tp connect.TopicPartition) int64
	// Throttled is how long brokers have held requests back because of their quotas.
	Throttled() time.Duration
	// Shapes gives topics with their ids, as far as there are any. Replication is not among it.
	Shapes(ctx context.Context, topics ...string) (map[string]client.Topic, error)
	// ListOffsets asks for the offsets that specs (client.Earliest, client.Latest) stand for.
	ListOffsets(ctx context.Context, specs map[connect.TopicPartition]int64, committed bool) (map[connect.TopicPartition]int64, error)
	Close() error
}

// Reader reads records.
type Reader interface {
	Positions
	// Poll waits up to timeout for records. The bytes they point to stay valid, the slice until the next Poll. Errors
	// of partitions are client.PartitionErrors, several joined; reading goes on after them.
	Poll(ctx context.Context, timeout time.Duration) ([]client.ConsumedRecord, error)
}

// BatchReader reads whole record batches.
type BatchReader interface {
	Positions
	// Poll waits up to timeout for batches, of which the caller lets go (Hold). Errors are as Reader's. Of one partition
	// there may be several in a row.
	Poll(ctx context.Context, timeout time.Duration) ([]client.FetchedBatches, error)
	// EpochEnds asks the leaders of partitions once where a leader epoch ends in their logs: where the first greater one begins, or
	// the log ends. It is -1 where the leader can't tell. Partitions whose leader does not answer are left out; the error is why,
	// client.PartitionErrors as far as it is about one.
	EpochEnds(ctx context.Context, epochs map[connect.TopicPartition]int32) (map[connect.TopicPartition]int64, error)
}
