package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// task copies some partitions.
type task struct {
	clients Clients
	s       *settings
	log     *slog.Logger
	notes   connect.Noter // nil for a worker that takes none
	reset   string        // auto.offset.reset as given, empty for not given
	share   float64       // of the link's limit
	parts   map[connect.TopicPartition]*partition
	syncs   *syncs // nil if offset syncs are not written

	life   context.Context // ends with Stop
	cancel context.CancelFunc

	mu       sync.Mutex                       // held while the reader is in use
	reader   Positions                        // the one of the next two that is used; nil before and after
	single   Reader                           // reads records
	whole    BatchReader                      // reads batches
	known    bool                             // the ids of topics were looked at once
	looks    int                              // at partitions that stand still
	watched  time.Time                        // when partitions were last looked at that stand still
	gone     map[connect.TopicPartition]error // why partitions stand still, until it is found where they go on
	parked   map[connect.TopicPartition]*parking
	events   []event
	noted    string
	logged   parkLog
	recount  bool // share is to be found out anew
	limits   limits
	slow     throttle
	slowed   map[connect.TopicPartition]time.Time // paused for the limit of their topic, since
	keep     map[connect.TopicPartition]lineage   // waits to be kept
	unread   time.Time                            // since when the ids of topics can't be read
	kept     time.Time                            // when that was last tried
	keepWait time.Duration                        // before it is tried again
	blind    bool                                 // what is kept of partitions could not be read
	proofs   proofs
	marks    marks
	records  []connect.SourceRecord

	acks  acks
	gauge gauge
	lane  lane

	delays delays
}

// partition is what the records of one partition have in common.
type partition struct {
	tp     connect.TopicPartition
	remote string
	source connect.Entries
	next   int64  // offset of the next record, client.Earliest or client.Latest before the first one
	stored int64  // offset of the last record copied as found at the start, -1 for none
	id     string // of the topic that is read, empty for unknown
	of     int32  // partitions that the topic has, 0 for unknown
	kept   lineage
	mark   mark // of what was read

	sent     int64 // offset of the last record of the batches that were handed out, stored before that
	seen     int64 // next when partitions were last looked at
	reopened int64 // next when the reader was last opened anew because of this partition

	count counters
	delay delay
	way   way
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
	t.notes, _ = tc.(connect.Noter)
	t.lane.choose(tc)
	t.lane.encoder.Codec = t.clients.Codec()
	t.share = 1 / float64(mostTasks(props))
	t.gone, t.parked = map[connect.TopicPartition]error{}, map[connect.TopicPartition]*parking{}
	t.slowed, t.keep = map[connect.TopicPartition]time.Time{}, map[connect.TopicPartition]lineage{}
	if err := t.positions(ctx, tc.Offsets(), tps); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watched = time.Now()
	t.marks.looked, t.marks.renewed = t.watched, t.watched
	t.limit(t.watched, s.life.limits)
	if err := t.open(); err != nil {
		return err
	}
	if err := t.startSyncs(); err != nil {
		return err
	}
	t.log.Info("a mirror task begins", "partitions", len(tps))
	return nil
}

// open opens a reader that reads nothing yet, in place of the present one.
func (t *task) open() error {
	consumer := t.s.clientProps("source", "consumer", "replication-consumer")
	if _, given := consumer[autoCreate]; !given {
		consumer[autoCreate] = "false" // or a topic that is deleted at the source would come back
	}
	if _, given := consumer[fetchSize]; !given {
		size := fetchBytes(len(t.parts))
		if t.lane.whole {
			size = min(size, int(t.s.life.memory/fetchesHeld))
		}
		consumer[fetchSize] = strconv.Itoa(size)
	}
	if t.lane.whole {
		r, err := t.clients.BatchReader(consumer, t.s.life.memory)
		if err != nil {
			return fmt.Errorf("source.cluster.*: %w", err)
		}
		t.reader, t.whole = r, r
		return nil
	}
	r, err := t.clients.Reader(consumer)
	if err != nil {
		return fmt.Errorf("source.cluster.*: %w", err)
	}
	t.reader, t.single = r, r
	return nil
}

// fetchesHeld is how many answers to fetches a task's memory holds at least: one is being written while the next arrives.
const fetchesHeld = 8

// assign has the reader read all partitions where they are, but for those that wait.
func (t *task) assign(r Positions) error {
	t.lane.drop(nil)
	offsets := make(map[connect.TopicPartition]int64, len(t.parts))
	for tp, p := range t.parts {
		if !t.parked[tp].waits() && !t.proofs.has(tp) {
			offsets[tp] = p.next
		}
	}
	return r.Assign(offsets)
}

// fetchBytes is how much one fetch may bring for so many partitions, where the operator has not said. Java's default, 50 MB,
// is the most; a task with few partitions has no use for it but memory.
func fetchBytes(partitions int) int {
	const each, least, most = 512 << 10, 2 << 20, 50 << 20
	return min(max(partitions*each, least), most)
}

// positions finds where to go on: after the last record copied, or where auto.offset.reset says.
func (t *task) positions(ctx context.Context, reader connect.OffsetReader, tps []connect.TopicPartition) error {
	t.parts = make(map[connect.TopicPartition]*partition, len(tps))
	sources := make([]connect.Entries, len(tps))
	for i, tp := range tps {
		sources[i] = t.s.partition(tp)
	}
	stored, err := reader.Offsets(ctx, sources)
	if err != nil {
		return err
	}
	for i, tp := range tps {
		p := &partition{tp: tp, remote: t.s.remote(tp.Topic), source: sources[i], stored: -1, sent: -1, reopened: client.Earliest, mark: noMark}
		last, ok := stored[i].Int64(offsetKey)
		switch {
		case ok && last >= 0:
			p.stored, p.sent, p.next = last, last, last+1
		case t.reset == "latest":
			p.next = client.Latest
		case t.reset == "none":
			return fmt.Errorf("%s-%d of cluster %s has no stored offset, and auto.offset.reset=none allows no start without one", tp.Topic, tp.Partition, t.s.source)
		default:
			p.next = client.Earliest
		}
		t.parts[tp] = p
	}
	return nil
}

// Poll implements connect.SourceTask.
func (t *task) Poll(ctx context.Context) (recs []connect.SourceRecord, err error) {
	err = t.turn(ctx, func(ctx context.Context, wait time.Duration) error {
		got, err := t.single.Poll(ctx, wait)
		if err != nil {
			err = t.judge(ctx, err)
		}
		if len(got) == 0 || err != nil && !connect.IsRetriable(err) {
			return err
		}
		recs = t.convert(got)
		t.holdBack()
		return nil
	})
	return recs, err
}

// turn does what is due, and then reads for as long as nothing else is.
func (t *task) turn(ctx context.Context, read func(ctx context.Context, wait time.Duration) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reader == nil {
		return t.life.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	wait, err := t.prepare(ctx)
	if err == nil && wait >= 0 {
		err = read(ctx, wait)
	}
	now := time.Now()
	t.age(now)
	t.tell(now)
	t.sumUp(now)
	t.measure(now)
	t.keepMarks(now)
	return err
}

// prepare does what is due before partitions are read, and tells how long they may be waited for; below 0 for not at all.
func (t *task) prepare(ctx context.Context) (wait time.Duration, err error) {
	if !t.known {
		if err := t.identify(ctx); err != nil {
			return 0, err
		}
	}
	if err := t.proveLate(ctx, time.Now()); err != nil {
		return 0, err
	}
	if err := t.watch(ctx); err != nil {
		return 0, err
	}
	if t.recount {
		t.countTasks(ctx)
	}
	if len(t.gone) > 0 {
		if err := t.settle(ctx); err != nil {
			return 0, err
		}
	}
	now := time.Now()
	if err := t.tend(ctx, now); err != nil {
		return 0, err
	}
	wait = min(t.s.pollTimeout, t.nextTry(now), t.pace(now))
	if w := t.slow.link.wait(now); w > 0 {
		// Nothing is taken from the client meanwhile, which then stops fetching: its queue is bounded.
		sleep(ctx, min(w, wait, mostPause))
		t.gauge.throttled += time.Since(now)
		return -1, ctx.Err()
	}
	return wait, nil
}

// sleep waits, but not beyond ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Stop implements connect.SourceTask.
func (t *task) Stop() error {
	if t.cancel == nil {
		return nil
	}
	t.cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastMarks()
	t.syncs.stop()
	t.awaitMarks()
	if t.reader == nil {
		return nil
	}
	r := t.reader
	t.reader = nil
	t.lane.drop(nil)
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
		case t.parts[pe.TopicPartition] == nil:
		case errors.Is(e, client.ErrOffsetOutOfRange), errors.Is(e, client.ErrTruncated):
			t.gone[pe.TopicPartition] = pe.Err
		default: // what could not be read must not be skipped
			if err := t.park(pe.TopicPartition, readReason(pe.Err), -1, e); err != nil {
				fatal = append(fatal, err)
			}
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

// acks keeps which records came to lie on the target, for partitions of which somebody wants to know. It is written beside Poll.
type acks struct {
	wanted atomic.Int32
	mu     sync.Mutex
	last   map[connect.TopicPartition]int64
}

// want begins to look for a partition, unwant ends it.
func (a *acks) want(tp connect.TopicPartition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		a.last = map[connect.TopicPartition]int64{}
	}
	a.last[tp] = -1
	a.wanted.Store(int32(len(a.last)))
}

func (a *acks) unwant(tp connect.TopicPartition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.last, tp)
	a.wanted.Store(int32(len(a.last)))
}

func (a *acks) of(tp connect.TopicPartition) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, has := a.last[tp]; has {
		return at
	}
	return -1
}

// note takes a record that is on the target.
func (a *acks) note(rec *connect.SourceRecord) {
	if a.wanted.Load() == 0 {
		return
	}
	if tp, offset, ok := placeOf(rec); ok {
		a.reached(tp, offset)
	}
}

// reached takes a batch that is on the target, up to an offset.
func (a *acks) reached(tp connect.TopicPartition, offset int64) {
	if a.wanted.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, has := a.last[tp]; has {
		a.last[tp] = max(at, offset)
	}
}

// lastOffset is the offset of the last record that was handed out, as far as it is still to count: what is stored when all of it is delivered.
func (p *partition) lastOffset() int64 {
	if p.sent < 0 {
		return p.next - 1
	}
	return min(p.sent, p.next-1)
}

// placeOf gives where a record of this task lies at the source.
func placeOf(rec *connect.SourceRecord) (tp connect.TopicPartition, offset int64, ok bool) {
	v, _ := rec.SourcePartition.Get(topicKey)
	topic, isText := v.(string)
	n, isNumber := rec.SourcePartition.Int64(partitionKey)
	offset, has := rec.SourceOffset.Int64(offsetKey)
	return connect.TopicPartition{Topic: topic, Partition: int32(n)}, offset, isText && isNumber && has
}
