package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// task copies some partitions.
type task struct {
	clients Clients
	s       *settings
	log     *slog.Logger
	reset   string // auto.offset.reset as given, empty for not given
	parts   map[connect.TopicPartition]*partition

	life   context.Context // ends with Stop
	cancel context.CancelFunc

	mu      sync.Mutex // held while the reader is in use
	reader  Reader
	records []connect.SourceRecord
}

// partition is what the records of one partition have in common.
type partition struct {
	tp     connect.TopicPartition
	remote string
	source connect.Entries
}

const offsetKey = "offset"

// Start implements connect.SourceTask.
func (t *task) Start(ctx context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	t.life, t.cancel = context.WithCancel(context.Background())
	s, err := parse(props)
	if err != nil {
		return err
	}
	tps, err := decode(props[propPartitions])
	if err != nil {
		return err
	}
	t.s, t.log = s, tc.Logger()
	consumer := s.clientProps("source", "consumer", "replication-consumer")
	t.reset = consumer["auto.offset.reset"]
	consumer["auto.offset.reset"] = "none" // so that it shows; the task does what was asked for
	offsets, err := t.positions(ctx, tc.Offsets(), tps)
	if err != nil {
		return err
	}
	r, err := t.clients.Reader(consumer)
	if err != nil {
		return fmt.Errorf("source.cluster.*: %w", err)
	}
	if err := r.Assign(offsets); err != nil {
		return errors.Join(err, r.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reader = r
	t.log.Info("a mirror task begins", "partitions", len(tps))
	return nil
}

// positions finds where to go on: after the last record copied, or where auto.offset.reset says.
func (t *task) positions(ctx context.Context, reader connect.OffsetReader, tps []connect.TopicPartition) (map[connect.TopicPartition]int64, error) {
	t.parts = make(map[connect.TopicPartition]*partition, len(tps))
	sources := make([]connect.Entries, len(tps))
	for i, tp := range tps {
		p := &partition{tp: tp, remote: t.s.remote(tp.Topic), source: t.s.partition(tp)}
		t.parts[tp], sources[i] = p, p.source
	}
	stored, err := reader.Offsets(ctx, sources)
	if err != nil {
		return nil, err
	}
	at := make(map[connect.TopicPartition]int64, len(tps))
	for i, tp := range tps {
		last, ok := stored[i].Int64(offsetKey)
		switch {
		case ok && last >= 0:
			at[tp] = last + 1
		case t.reset == "latest":
			at[tp] = client.Latest
		case t.reset == "none":
			return nil, fmt.Errorf("%s-%d of cluster %s has no stored offset, and auto.offset.reset=none allows no start without one", tp.Topic, tp.Partition, t.s.source)
		default:
			at[tp] = client.Earliest
		}
	}
	return at, nil
}

// Poll implements connect.SourceTask.
func (t *task) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reader == nil {
		return nil, t.life.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	recs, err := t.reader.Poll(ctx, t.s.pollTimeout)
	if err != nil && len(recs) == 0 {
		return nil, t.judge(ctx, err)
	}
	return t.convert(recs), nil
}

// convert makes source records. What the records of a partition have in common is shared, and the offsets of a batch
// lie in one allocation.
func (t *task) convert(recs []client.ConsumedRecord) []connect.SourceRecord {
	out := t.records[:0]
	offsets := make([]connect.Entry, len(recs))
	var p *partition
	for i := range recs {
		r := &recs[i]
		if p == nil || p.tp.Partition != r.Partition || p.tp.Topic != r.Topic {
			if p = t.parts[connect.TopicPartition{Topic: r.Topic, Partition: r.Partition}]; p == nil {
				continue
			}
		}
		offsets[i] = connect.Entry{Key: offsetKey, Value: r.Offset}
		out = append(out, connect.SourceRecord{
			SourcePartition: p.source,
			SourceOffset:    offsets[i : i+1 : i+1],
			Topic:           p.remote,
			Partition:       r.Partition,
			KeySchema:       connect.OptionalBytesSchema,
			Key:             bytesOrNil(r.Key),
			ValueSchema:     connect.OptionalBytesSchema,
			Value:           bytesOrNil(r.Value),
			Timestamp:       r.Timestamp,
			Headers:         headers(r.Headers),
		})
	}
	t.records = out
	return out
}

// bytesOrNil keeps null apart from empty.
func bytesOrNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

func headers(hs []client.Header) []connect.Header {
	if len(hs) == 0 {
		return nil
	}
	out := make([]connect.Header, len(hs))
	for i, h := range hs {
		out[i] = connect.Header{Key: h.Key, Schema: connect.OptionalBytesSchema, Value: bytesOrNil(h.Value)}
	}
	return out
}

// judge decides what an error of the reader means for the task: nil to go on.
func (t *task) judge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var fatal []error
	for _, e := range each(err) {
		var pe *client.PartitionError
		switch {
		case !errors.As(e, &pe):
			fatal = append(fatal, e)
		case errors.Is(e, client.ErrOffsetOutOfRange):
			if err := t.lost(pe); err != nil {
				fatal = append(fatal, err)
			}
		case errors.Is(e, client.ErrUnknownTopic), errors.Is(e, client.ErrUnauthorized):
			// The topic may come back, and the connector takes it away when it does not.
			t.log.Warn("a partition can't be read at present", "error", e)
		default:
			fatal = append(fatal, e)
		}
	}
	return errors.Join(fatal...)
}

// each takes the errors of errors.Join apart.
func each(err error) []error {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range j.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}

// lost deals with a position that is gone.
func (t *task) lost(pe *client.PartitionError) error {
	to := client.Earliest
	switch t.reset {
	case "latest":
		to = client.Latest
	case "earliest":
	default:
		return fmt.Errorf("%s-%d of cluster %s: the position to go on from does not exist: records were deleted before they were copied, or the "+
			"topic was made anew. Set source.consumer.auto.offset.reset to earliest or latest to go on there, or change the connector's offsets (%w)",
			pe.Topic, pe.Partition, t.s.source, pe.Err)
	}
	t.log.Warn("a position is gone: records were deleted before they were copied, or the topic was made anew",
		"cluster", t.s.source, "topic", pe.Topic, "partition", pe.Partition, "going on at", t.reset, "error", pe.Err)
	return t.reader.Seek(pe.TopicPartition, to)
}

// Stop implements connect.SourceTask.
func (t *task) Stop() error {
	if t.cancel == nil {
		return nil
	}
	t.cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reader == nil {
		return nil
	}
	r := t.reader
	t.reader = nil
	return r.Close()
}
