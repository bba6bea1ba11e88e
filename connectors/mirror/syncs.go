package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

// syncs tells where a task's records came to lie in the target, in the offset-syncs topic and in the topic of pieces. It writes
// beside the task: what can't be written is tried again in its newest state, and holds nothing up.
type syncs struct {
	log      *slog.Logger
	open     func() (client.Producer, error)
	producer client.Producer // used by run alone
	cancel   context.CancelFunc
	done     chan struct{} // closed when run has ended
	wake     chan struct{} // a sync is due

	mu       sync.Mutex
	parts    map[connect.TopicPartition]*synced
	bySource map[*connect.Entry]*synced // by the identity of the source partition that a partition's records share
	lifetime int64                      // of the next one
	dirty    []*synced                  // delivered to since the last tick
	due      []*synced                  // a sync of each is to be written
	flying   int                        // syncs that are not answered
	seq      uint64
	flights  map[uint64]flight
	syncs    outlet
	pieces   outlet
	broken   error // why the producer is of no use any more

	// The partition of the last record.
	lastSource *connect.Entry
	last       *synced
}

// synced is one partition.
type synced struct {
	tp       connect.TopicPartition
	progress *offsetsync.Progress

	up, down int64           // of the record delivered last
	pending  offsetsync.Sync // to be written as soon as possible, if due
	due      bool
	delayed  bool // the record delivered last is to be told at the next commit
	dirty    bool // delivered to since the last tick

	flying int // records of pieces that are not answered
	failed []offsetsync.Record
}

// flight is a record on its way. Of pieces it has the record.
type flight struct {
	part  *synced
	piece *offsetsync.Record
}

const (
	// mostFlying is how many syncs are on their way at most, as in Java: those that wait meanwhile are overtaken by newer ones.
	mostFlying = 10
	// syncsRest is how long newer syncs overtake those that wait, after some were written: a mirror that catches up would write one for nearly
	// each batch.
	syncsRest = 50 * time.Millisecond
	// piecesTick is how often pieces are written that have grown.
	piecesTick = time.Second
	// lastWords is how long a task that ends tries to write what is left.
	lastWords = 2 * time.Second
)

// startSyncs begins to write for these partitions. Those without a position yet were never copied.
func startSyncs(clients Clients, s *settings, log *slog.Logger, parts map[connect.TopicPartition]*partition) (*syncs, error) {
	w := &syncs{
		log: log, done: make(chan struct{}), wake: make(chan struct{}, 1),
		parts: map[connect.TopicPartition]*synced{}, bySource: map[*connect.Entry]*synced{}, flights: map[uint64]flight{},
		lifetime: time.Now().UnixNano(),
	}
	side, alias := s.syncsSide()
	w.syncs.topic, w.pieces.topic = s.policy.offsetSyncsTopic(alias), s.policy.piecesTopic(alias)
	for tp, p := range parts {
		part := &synced{tp: tp, progress: offsetsync.NewProgress(tp.Topic, tp.Partition, p.next, s.syncs.lagMax, w.lifetime, p.next < 0)}
		w.parts[tp] = part
		w.bySource[&p.source[0]] = part
	}
	w.open = func() (client.Producer, error) {
		return clients.Writer(s.clientProps(side, "producer", "offset-syncs-"+side+"-producer"), w.answered)
	}
	var err error
	if w.producer, err = w.open(); err != nil {
		return nil, fmt.Errorf("%s.cluster.*: %w", side, err)
	}
	admin, err := clients.Admin(s.clientProps(side, "admin", "offset-syncs-"+side+"-admin"))
	if err != nil {
		w.producer.Close()
		return nil, fmt.Errorf("%s.cluster.*: %w", side, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.run(ctx, func() {
		s.makeSyncsTopics(ctx, admin, log)
		admin.Close()
	})
	return w, nil
}

// delivered notes a record that is in the target at an offset, -1 for unknown.
func (w *syncs) delivered(rec *connect.SourceRecord, down int64) {
	if len(rec.SourcePartition) == 0 || len(rec.SourceOffset) == 0 {
		return
	}
	up, ok := rec.SourceOffset[0].Value.(int64)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.last
	if source := &rec.SourcePartition[0]; source != w.lastSource {
		if p = w.bySource[source]; p == nil {
			return
		}
		w.lastSource, w.last = source, p
	}
	w.lifetime++
	if !p.dirty {
		p.dirty = true
		w.dirty = append(w.dirty, p)
	}
	if down < 0 {
		p.progress.Lost(up, w.lifetime)
		return
	}
	p.up, p.down, p.delayed = up, down, true
	if p.progress.Delivered(up, down, w.lifetime) {
		w.ask(p)
	}
}

// deliveredRuns notes a batch that is in the target from an offset on, -1 for unknown.
func (w *syncs) deliveredRuns(tp connect.TopicPartition, runs []client.OffsetRun, down int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.parts[tp]
	if p == nil {
		return
	}
	if !p.dirty {
		p.dirty = true
		w.dirty = append(w.dirty, p)
	}
	for _, r := range runs {
		w.lifetime++
		last := r.From + r.N - 1
		if down < 0 {
			p.progress.Lost(r.From, w.lifetime)
			p.progress.Lost(last, w.lifetime)
			continue
		}
		due := p.progress.DeliveredRun(r.From, down, r.N, w.lifetime)
		if due >= 0 {
			p.up, p.down = r.From+due, down+due
			w.ask(p)
		}
		if due != r.N-1 {
			p.up, p.down, p.delayed = last, down+r.N-1, true
		}
		down += r.N
	}
}

// ask has the newest sync of a partition written as soon as possible. The caller holds mu.
func (w *syncs) ask(p *synced) {
	p.pending = offsetsync.Sync{Topic: p.tp.Topic, Partition: p.tp.Partition, Upstream: p.up, Downstream: p.down}
	p.delayed = false
	if !p.due {
		p.due = true
		w.due = append(w.due, p)
	}
	if w.flying < mostFlying {
		w.rouse()
	}
}

func (w *syncs) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// commit has the newest offsets of partitions written that were not worth a sync so far, so that those with few records
// don't lag behind for ever.
func (w *syncs) commit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.parts {
		if p.delayed {
			w.ask(p)
		}
	}
}

// anew notes that a topic of the source was made anew: what was copied of the old one is no longer where its offsets point.
func (w *syncs) anew(tp connect.TopicPartition) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.parts[tp]; p != nil {
		p.progress.Anew()
	}
}

// stop writes what is left, in a bounded time, and closes the producer.
func (w *syncs) stop() {
	if w == nil {
		return
	}
	w.cancel()
	<-w.done
}

// run writes until ctx ends. Before that it has the topics made: the connector does so too, but it may be late, and brokers
// that make topics for producers would make them without compaction.
func (w *syncs) run(ctx context.Context, makeTopics func()) {
	defer close(w.done)
	defer func() { w.producer.Close() }()
	makeTopics()
	if ctx.Err() != nil {
		return
	}
	tick := time.NewTicker(piecesTick)
	defer tick.Stop()
	rested := time.NewTimer(syncsRest)
	defer rested.Stop()
	wake := (<-chan struct{})(w.wake)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-rested.C:
			wake = w.wake
		case <-wake:
			w.send(ctx, w.dueSyncs(mostFlying))
			wake = nil
			rested.Reset(syncsRest)
		case <-tick.C:
			w.tick()
			w.mend()
			w.send(ctx, append(w.grown(), w.dueSyncs(mostFlying)...))
		}
	}
	w.commit()
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	w.send(ctx, append(w.grown(), w.dueSyncs(len(w.parts)+mostFlying)...))
	if err := w.producer.Flush(ctx); err != nil {
		w.log.Warn("the last offset syncs of a task could not be written; positions of consumer groups may be translated to earlier records", "error", err)
	}
}

func (w *syncs) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.syncs.tick()
	w.pieces.tick()
}

// mend opens another producer after one that can't go on.
func (w *syncs) mend() {
	w.mu.Lock()
	err := w.broken
	w.mu.Unlock()
	if err == nil {
		return
	}
	p, openErr := w.open()
	if openErr != nil {
		w.log.Error("the producer of offset syncs can't be opened again", "error", openErr)
		return
	}
	w.producer.Close()
	w.producer = p
	w.mu.Lock()
	w.broken = nil
	lost := make([]client.Delivery, 0, len(w.flights))
	for seq := range w.flights {
		lost = append(lost, client.Delivery{Seq: seq, Err: err})
	}
	w.mu.Unlock()
	slices.SortFunc(lost, func(a, b client.Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
	w.answered(lost)
}

// dueSyncs takes the syncs that may be sent while no more than most are on their way.
func (w *syncs) dueSyncs(most int) []client.ProducerRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.due), most-w.flying)
	if n <= 0 || w.syncs.waits() {
		return nil
	}
	recs := make([]client.ProducerRecord, 0, n)
	for _, p := range w.due[:n] {
		p.due = false
		key, value := p.pending.Encode()
		recs = append(recs, w.record(&w.syncs, flight{part: p}, key, value))
	}
	w.due = slices.Delete(w.due, 0, n)
	w.flying += n
	return recs
}

// grown takes the pieces that have changed. Those of a partition wait until the last ones were answered, so that an older
// state never comes after a newer one.
func (w *syncs) grown() []client.ProducerRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pieces.waits() {
		return nil
	}
	var recs []client.ProducerRecord
	rest := w.dirty[:0]
	for _, p := range w.dirty {
		if p.flying > 0 {
			rest = append(rest, p)
			continue
		}
		p.dirty = false
		for _, r := range p.progress.Take() {
			p.flying++
			recs = append(recs, w.record(&w.pieces, flight{p, &r}, r.Key, r.Value))
		}
	}
	clear(w.dirty[len(rest):])
	w.dirty = rest
	return recs
}

// record makes a record for one of the topics, which have a single partition. The caller holds mu.
func (w *syncs) record(o *outlet, f flight, key, value []byte) client.ProducerRecord {
	w.seq++
	w.flights[w.seq] = f
	return client.ProducerRecord{Seq: w.seq, Topic: o.topic, Key: key, Value: value, TimestampMs: -1}
}

// send hands records to the producer. Those that it does not take have failed.
func (w *syncs) send(ctx context.Context, recs []client.ProducerRecord) {
	if len(recs) == 0 {
		return
	}
	err := w.producer.Send(ctx, recs)
	if err == nil {
		return
	}
	ds := make([]client.Delivery, len(recs))
	for i, r := range recs {
		ds[i] = client.Delivery{Seq: r.Seq, Err: err}
	}
	w.answered(ds)
}

// answered takes outcomes.
func (w *syncs) answered(ds []client.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range ds {
		d := &ds[i]
		f, flies := w.flights[d.Seq]
		if !flies {
			continue
		}
		delete(w.flights, d.Seq)
		if errors.Is(d.Err, client.ErrFatal) {
			w.broken = d.Err
		}
		if f.piece != nil {
			w.pieceAnswered(f, d.Err)
		} else {
			w.syncAnswered(f.part, d.Err)
		}
	}
	if len(w.due) > 0 && w.flying < mostFlying {
		w.rouse()
	}
}

func (w *syncs) syncAnswered(p *synced, err error) {
	w.flying--
	w.syncs.answered(w.log, err)
	if err != nil && !p.due {
		w.ask(p) // in its newest state
	}
}

func (w *syncs) pieceAnswered(f flight, err error) {
	p := f.part
	p.flying--
	w.pieces.answered(w.log, err)
	if err != nil {
		p.failed = append(p.failed, *f.piece)
	}
	if p.flying > 0 || len(p.failed) == 0 {
		return
	}
	p.progress.Failed(p.failed...)
	p.failed = nil
	if !p.dirty {
		p.dirty = true
		w.dirty = append(w.dirty, p)
	}
}
