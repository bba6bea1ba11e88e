package client

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
)

// RawBatch is a record batch (format v2, KIP-98) on its way into a partition. It was checked: its length and checksum are right, it
// holds Records records at the offset deltas 0 to Records-1, and it is no control batch.
type RawBatch struct {
	// Seq is the sender's own number of the batch, echoed in its Delivery. Strictly increasing per producer.
	Seq uint64
	// Topic and Partition are where it goes to.
	Topic     string
	Partition int32
	// Bytes is the batch from its base offset on. A producer writes its own base offset, leader epoch, producer id and epoch, base
	// sequence, transactional flag and checksum into it; all else stays as it is.
	Bytes []byte
	// Records is how many records it holds, at least 1.
	Records int32
	// BodyCRC is the CRC-32C of Bytes[61:], the records, so that a new header's checksum takes no second look at them.
	BodyCRC uint32
	// Hold is the memory that Bytes lies in, nil for memory of no one's. A producer that took a batch lets go of it once, when its
	// outcome is known and nothing of it is needed any more.
	Hold *Hold
}

// Hold counts those who need a piece of memory, and gives it back after the last one. It is safe for concurrent use.
type Hold struct {
	users atomic.Int32
	free  func()
}

// NewHold begins with one user. free is called once, after the last one.
func NewHold(free func()) *Hold {
	h := &Hold{free: free}
	h.users.Store(1)
	return h
}

// Retain adds users. Somebody who has not let go must call it. A nil Hold ignores it.
func (h *Hold) Retain(n int) {
	if h != nil {
		h.users.Add(int32(n))
	}
}

// Release takes one user away. A nil Hold ignores it.
func (h *Hold) Release() {
	if h != nil && h.users.Add(-1) == 0 {
		h.free()
	}
}

// Backlog is how the way of one partition's batches looks at present.
type Backlog struct {
	// InFlight is how many requests with batches of the partition are not answered, Most how many there may be.
	InFlight, Most int
	// Batches and Bytes wait besides.
	Batches int
	Bytes   int64
	// RoundTrip is the shortest time in which a request was answered of late: how far the broker is, not how busy. 0 unknown.
	RoundTrip time.Duration
}

// BatchProducer writes whole record batches as an idempotent producer (KIP-98) of its own, with several requests in flight. The
// batches of a partition are written in the order in which they were sent, each once, however often they are tried again. Send and
// Flush are called from one goroutine, the others from any.
type BatchProducer interface {
	// Send queues batches in order, and tells how many. It blocks while more bytes wait for an answer than the producer may hold,
	// until ctx ends. An error is about the first that is not queued; the Holds of those not queued are still the caller's. After
	// a *RecordError those behind that batch may be sent again.
	//
	// A batch that can't be written (Delivery.Err) fails all those behind it in its partition with ErrPassedOver, what is sent
	// later too, until GoOn: nothing overtakes it. ErrFatal ends the producer.
	Send(ctx context.Context, batches []RawBatch) (queued int, err error)
	// GoOn has a partition written again after one of its batches failed. It is called from Send's goroutine, when the sender goes back
	// to that batch.
	GoOn(topic string, partition int32)
	// Flush returns once the outcome of every batch sent so far has been delivered, or ctx ends.
	Flush(ctx context.Context) error
	// Backlog tells how a partition is doing. It is cheap.
	Backlog(topic string, partition int32) Backlog
	// Throttled is for how long brokers have held requests back because of their quotas.
	Throttled() time.Duration
	// Abandon fails what has no outcome yet. What a broker has may still count, the rest is not sent any more.
	Abandon()
	// Close gives up what is not delivered yet and releases the client, and all Holds. No Delivery follows.
	Close()
}

// BatchProducerFactory opens a batch producer with Java producer properties (already merged: worker, producer., overrides). A
// transactional.id among them makes it a TransactionalBatches. onDelivery gets outcomes, with the batch's base offset in the
// target, as for ProducerFactory. It does not wait for a broker.
type BatchProducerFactory func(props map[string]string, onDelivery func([]Delivery)) (BatchProducer, error)

// Transactional is a producer whose records count together or not at all (KIP-98). Calls come from Send's goroutine. An error that
// is ErrFenced ends the producer: another one has its transactional.id. Other errors leave the transaction to be aborted, but
// for ErrFatal.
type Transactional interface {
	// Init gets the producer id, fences off earlier producers of the same transactional.id, and ends what they left open. It is
	// called once, before anything else.
	Init(ctx context.Context) error
	// Begin begins a transaction. Nothing can be sent outside of one.
	Begin() error
	// Commit waits for the outcome of all that was sent, and commits. It fails if any of that failed.
	Commit(ctx context.Context) error
	// Abort gives up all that was sent since Begin. The outcome of batches of which no other one is known is ErrPassedOver.
	Abort(ctx context.Context) error
}

// TransactionalBatches is a transactional BatchProducer.
type TransactionalBatches interface {
	BatchProducer
	Transactional
	// SendKVs queues records of the open transaction for a topic, partitioned by their keys as Java's default partitioner does.
	// They have no Delivery: Commit fails if they can't be written. Of source offsets, that is.
	SendKVs(ctx context.Context, topic string, kvs []KV) error
}

// SourceBatch is a RawBatch with what a source task knows of it.
type SourceBatch struct {
	RawBatch
	// SourcePartition is where it comes from, SourceOffset what is stored when it is written: the position of its last record.
	SourcePartition, SourceOffset connect.Entries
	// Runs tells which of the source's offsets its records have. They cover all its records in order.
	Runs []OffsetRun
	// Size is how many bytes it had, MaxTimestamp the newest of its records' timestamps in ms.
	Size         int
	MaxTimestamp int64
}

// OffsetRun is a run of records whose offsets follow each other, in the source and in the batch.
type OffsetRun struct {
	// From is the first one's offset in the source, N how many there are.
	From, N int64
}

// BatchSource is an optional interface of a source task that can copy whole record batches. Its context tells by a BatchContext
// whether it shall. If so its batches are polled instead of its records.
type BatchSource interface {
	// PollBatches waits for batches until there are some, or ctx ends. No batches and no error is allowed. The worker is done with the
	// slice when it calls PollBatches again, and with each batch when it lets go of its Hold.
	PollBatches(ctx context.Context) ([]SourceBatch, error)
	// BatchWritten tells that a batch is in the target, at base and the offsets behind it; -1 unknown. It comes from the producer's
	// goroutine, in order for each partition, and must not block for long. The batch's Bytes are gone.
	BatchWritten(b *SourceBatch, base int64)
	// BatchFailed is connect.DeliveryFailer.DeliveryFailed for a batch: true if the task goes back to it, or to one before it.
	//
	// In transactions a batch that fails takes with it what was sent since the last commit. Once that is aborted, BatchFailed is called for
	// what has failed, and with ErrPassedOver for the first batch of each source partition since then, that of what has failed too:
	// the partition is read again from there. BatchWritten was called of none of them.
	BatchFailed(b *SourceBatch, err error) bool
}

// BatchContext is what the context of a source task offers if the worker can send whole batches.
type BatchContext interface {
	// WholeBatches tells whether the task shall offer batches (BatchSource), and if not why: a few words, such as "transforms=route".
	WholeBatches() (yes bool, why string)
	// Backlog is the producer's; zero before Start has returned.
	Backlog(topic string, partition int32) Backlog
	// Throttled is the producer's.
	Throttled() time.Duration
}

// AbortedTxn is one entry of a fetch response's list of aborted transactions.
type AbortedTxn struct{ ProducerID, FirstOffset int64 }

// FetchedBatches is what a fetch brought for one partition.
type FetchedBatches struct {
	Topic     string
	Partition int32
	// From is the offset that was asked for: records before it, of a batch that begins earlier, do not count. End is the high
	// watermark as it was before Data was read, which may reach a little further; -1 unknown.
	From, End int64
	// Data is record batches as they lie in the log. The last one may be cut off. It may be written to, in place.
	Data []byte
	// Aborted is for read_committed only: data batches of such a producer at or behind FirstOffset do not count until its
	// next control batch with an abort marker.
	Aborted []AbortedTxn
	// Hold is the memory that Data lies in, retained once for whom Poll gives it to.
	Hold *Hold
}
