package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

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
	syncs   *syncs // nil if offset syncs are not written

	life   context.Context // ends with Stop
	cancel context.CancelFunc

	mu      sync.Mutex // held while the reader is in use
	reader  Reader
	watched time.Time                        // when partitions were last looked at that stand still
	gone    map[connect.TopicPartition]error // why partitions stand still, until it is found where they go on
	records []connect.SourceRecord
}

// partition is what the records of one partition have in common.
type partition struct {
	tp     connect.TopicPartition
	remote string
	source connect.Entries
	next   int64 // offset of the next record, client.Earliest or client.Latest before the first one

	seen     int64 // next when partitions were last looked at
	reopened int64 // next when the reader was last opened anew because of this partition
}

const (
	offsetKey  = "offset"
	autoCreate = "allow.auto.create.topics"
	fetchSize  = "fetch.max.bytes"
)

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
	t.s, t.log, t.reset = s, tc.Logger(), s.offsetReset()
	t.gone = map[connect.TopicPartition]error{}
	offsets, err := t.positions(ctx, tc.Offsets(), tps)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watched = time.Now()
	if err := t.open(offsets); err != nil {
		return err
	}
	if err := t.startSyncs(); err != nil {
		return err
	}
	t.log.Info("a mirror task begins", "partitions", len(tps))
	return nil
}

// open opens the reader at these offsets.
func (t *task) open(offsets map[connect.TopicPartition]int64) error {
	consumer := t.s.clientProps("source", "consumer", "replication-consumer")
	if _, given := consumer[autoCreate]; !given {
		consumer[autoCreate] = "false" // or a topic that is deleted at the source would come back
	}
	if _, given := consumer[fetchSize]; !given {
		consumer[fetchSize] = strconv.Itoa(fetchBytes(len(offsets)))
	}
	r, err := t.clients.Reader(consumer)
	if err != nil {
		return fmt.Errorf("source.cluster.*: %w", err)
	}
	if err := r.Assign(offsets); err != nil {
		return errors.Join(err, r.Close())
	}
	t.reader = r
	return nil
}

// fetchBytes is how much one fetch may bring for so many partitions, where the operator has not said. Java's default, 50 MB,
// is the most; a task with few partitions has no use for it but memory.
func fetchBytes(partitions int) int {
	const each, least, most = 512 << 10, 2 << 20, 50 << 20
	return min(max(partitions*each, least), most)
}

// positions finds where to go on: after the last record copied, or where auto.offset.reset says.
func (t *task) positions(ctx context.Context, reader connect.OffsetReader, tps []connect.TopicPartition) (map[connect.TopicPartition]int64, error) {
	t.parts = make(map[connect.TopicPartition]*partition, len(tps))
	sources := make([]connect.Entries, len(tps))
	for i, tp := range tps {
		sources[i] = t.s.partition(tp)
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
		t.parts[tp] = &partition{tp: tp, remote: t.s.remote(tp.Topic), source: sources[i], next: at[tp], reopened: client.Earliest}
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
	if err := t.watch(ctx); err != nil {
		return nil, err
	}
	if len(t.gone) > 0 {
		if err := t.settle(ctx); err != nil {
			return nil, err
		}
	}
	recs, err := t.reader.Poll(ctx, t.s.pollTimeout)
	if err != nil {
		err = t.judge(ctx, err)
	}
	if len(recs) > 0 && (err == nil || connect.IsRetriable(err)) {
		return t.convert(recs), nil
	}
	return nil, err
}

// Stop implements connect.SourceTask.
func (t *task) Stop() error {
	if t.cancel == nil {
		return nil
	}
	t.cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.syncs.stop()
	if t.reader == nil {
		return nil
	}
	r := t.reader
	t.reader = nil
	return r.Close()
}

// judge decides what an error of the reader means for the task: nil to go on.
func (t *task) judge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var fatal, passing []error
	for _, e := range each(err) {
		var pe *client.PartitionError
		switch {
		case !errors.As(e, &pe): // of the client as a whole, which goes on trying
			passing = append(passing, e)
		case errors.Is(e, client.ErrOffsetOutOfRange):
			t.gone[pe.TopicPartition] = pe.Err
		case errors.Is(e, client.ErrUnknownTopic), errors.Is(e, client.ErrUnauthorized):
			// The topic may come back, and the connector takes it away when it does not.
			t.log.Warn("a partition can't be read at present", "error", e)
		default: // what could not be read must not be skipped
			fatal = append(fatal, e)
		}
	}
	if len(fatal) > 0 {
		return errors.Join(fatal...)
	}
	return connect.Retriable(errors.Join(passing...))
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
