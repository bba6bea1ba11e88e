package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// proofs are partitions that are not read before their leader has told that it has what was copied.
type proofs struct {
	open  map[connect.TopicPartition]mark
	since time.Time // when they were first asked about
	next  time.Time // when they are asked about again
	tries int
}

const (
	proofFirst = time.Second
	proofMost  = 30 * time.Second
	// proverBytes is the memory of a reader of batches that reads none.
	proverBytes = 1 << 20
)

// has tells whether a partition waits for its proof.
func (d *proofs) has(tp connect.TopicPartition) bool {
	_, open := d.open[tp]
	return open
}

// epochEnds asks as BatchReader.EpochEnds does, in either lane: librdkafka has no such request.
func (t *task) epochEnds(ctx context.Context, epochs map[connect.TopicPartition]int32) (map[connect.TopicPartition]int64, error) {
	if t.whole != nil {
		return t.whole.EpochEnds(ctx, epochs)
	}
	r, err := t.clients.BatchReader(t.s.clientProps(sourceSide, "consumer", "replication-consumer"), proverBytes)
	if err != nil {
		return nil, err
	}
	ends, err := r.EpochEnds(ctx, epochs)
	return ends, errors.Join(err, r.Close())
}

// findProofs asks about what is open. It gives what is found to be truncated, and takes what is answered from what is open; what is to
// be kept of that is in t.keep, and must be kept before those partitions are read.
func (t *task) findProofs(ctx context.Context, now time.Time) (truncated []connect.TopicPartition) {
	d := &t.proofs
	if len(d.open) == 0 || now.Before(d.next) {
		return nil
	}
	if d.since.IsZero() {
		d.since = now
	}
	epochs := make(map[connect.TopicPartition]int32, len(d.open))
	for tp, m := range d.open {
		epochs[tp] = m.epoch
	}
	within, cancel := context.WithTimeout(ctx, watchTimeout)
	ends, err := t.epochEnds(within, epochs)
	cancel()
	for tp, m := range d.open {
		end, answered := ends[tp]
		if !answered {
			continue
		}
		delete(d.open, tp)
		p := t.parts[tp]
		lost, left := m.prove(p.next, end)
		p.mark = left
		switch {
		case lost:
			truncated = append(truncated, tp)
			t.keep[tp] = lineage{ID: p.id, Gone: &p.stored, Why: wasTruncated}
		case left != m:
			t.keep[tp] = lineage{ID: p.id}.with(left)
		}
	}
	if len(d.open) > 0 && ctx.Err() == nil {
		t.giveUp(now, err)
		d.next = now.Add(min(proofFirst<<min(d.tries, 10), proofMost))
		d.tries++
	}
	return truncated
}

// giveUp has partitions read without proof which nobody will answer for: what is wrong with them shows when they are read.
func (t *task) giveUp(now time.Time, why error) {
	d := &t.proofs
	if now.Sub(d.since) < idsPatience || why == nil {
		return
	}
	own := false // the errors are about partitions
	for _, e := range each(why) {
		var pe *client.PartitionError
		if !errors.As(e, &pe) {
			continue
		}
		own = true
		if errors.Is(e, client.ErrUnknownTopic) || errors.Is(e, client.ErrUnauthorized) {
			delete(d.open, pe.TopicPartition)
		}
	}
	if own || t.whole != nil { // which can't read either
		return
	}
	t.log.Warn("leaders can't be asked where leader epochs end; partitions that were truncated while no task ran are not noticed", "partitions", len(d.open), "error", why)
	clear(d.open)
}

// proveLate asks again about partitions that are not read yet for want of an answer, and has those read that have one.
func (t *task) proveLate(ctx context.Context, now time.Time) error {
	before := len(t.proofs.open)
	if before == 0 {
		return nil
	}
	open := make(map[connect.TopicPartition]mark, before)
	for tp, m := range t.proofs.open {
		open[tp] = m
	}
	truncated := t.findProofs(ctx, now)
	if len(t.proofs.open) == before {
		return nil
	}
	if err := t.keepNow(ctx); err != nil {
		t.proofs.open, t.proofs.next = open, now.Add(proofFirst) // asked about once more
		return connect.Retriable(err)
	}
	for _, tp := range truncated {
		if err := t.lost(t.parts[tp], wasTruncated); err != nil {
			return err
		}
	}
	return t.join()
}

// join has the reader read partitions that it did not read so far; the others go on where they are.
func (t *task) join() error {
	offsets := make(map[connect.TopicPartition]int64, len(t.parts))
	for tp, p := range t.parts {
		if !t.proofs.has(tp) {
			offsets[tp] = p.next
		}
	}
	if err := t.reader.Assign(offsets); err != nil {
		return err
	}
	for tp, k := range t.parked {
		if k.waits() && !t.proofs.has(tp) {
			t.halt(tp)
		}
	}
	return nil
}

// keepNow writes what waits to be kept, as going on without it would be wrong after the next start.
func (t *task) keepNow(ctx context.Context) error {
	if len(t.keep) == 0 {
		return nil
	}
	t.kept = time.Time{}
	if err := t.keepLineages(ctx, time.Now()); err != nil {
		return fmt.Errorf("target cluster %s: topic %s can't be written: %w", t.s.target, t.s.policy.topicIDsTopic(t.s.source), err)
	}
	return nil
}

// marks are marks on their way to be kept, beside the task.
type marks struct {
	stored          atomic.Bool // positions, since marks were renewed; set beside Poll
	looked, renewed time.Time
	rest            time.Time // when it is tried again after a failure
	wait            time.Duration
	flight          map[connect.TopicPartition]lineage
	done            chan error
	cancel          context.CancelFunc
}

// keepMarks begins to write marks that are due, and takes in what became of earlier ones.
func (t *task) keepMarks(now time.Time) {
	m := &t.marks
	if m.done != nil {
		select {
		case err := <-m.done:
			t.marksKept(now, err)
		default:
			return
		}
	}
	renew := now.Sub(m.renewed) >= max(markEvery, time.Duration(len(t.parts))*markEach) && m.stored.Load()
	if t.blind || now.Before(m.rest) || !renew && now.Sub(m.looked) < epochEvery {
		return
	}
	m.looked = now
	if renew {
		m.renewed = now
		m.stored.Store(false)
	}
	t.sendMarks(renew, watchTimeout)
}

// sendMarks begins to write what is due of marks.
func (t *task) sendMarks(moved bool, within time.Duration) {
	m := &t.marks
	due := map[connect.TopicPartition]lineage{}
	for tp, p := range t.parts {
		if _, other := t.keep[tp]; other {
			continue
		}
		if l, some := p.toKeep(moved); some {
			due[tp] = l
		}
	}
	if len(due) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	done := make(chan error, 1)
	m.flight, m.done, m.cancel = due, done, cancel
	go func() { // whoever stops the task, or writes something else, waits for it
		done <- writeLineages(ctx, t.clients, t.s, due)
	}()
}

// marksKept takes in what became of marks.
func (t *task) marksKept(now time.Time, err error) {
	m := &t.marks
	if err == nil {
		for tp, l := range m.flight {
			t.parts[tp].kept = l
		}
		m.wait = 0
	} else {
		m.wait = min(max(2*m.wait, keepInterval), keepMost)
		m.rest = now.Add(m.wait)
		t.log.Debug("leader epochs of what was read can't be kept", "topic", t.s.policy.topicIDsTopic(t.s.source), "error", err)
	}
	m.cancel()
	m.flight, m.done = nil, nil
}

// lastMarks begins to write marks of a task that ends, unless earlier ones are held up.
func (t *task) lastMarks() {
	m := &t.marks
	if m.done != nil {
		late := time.AfterFunc(lastWords, m.cancel)
		t.awaitMarks()
		if !late.Stop() {
			return
		}
	}
	if t.reader != nil && t.known && !t.blind {
		t.sendMarks(true, lastWords)
	}
}

// awaitMarks waits for marks that are being written, which would otherwise overtake what is written next.
func (t *task) awaitMarks() {
	if m := &t.marks; m.done != nil {
		t.marksKept(time.Now(), <-m.done)
	}
}
