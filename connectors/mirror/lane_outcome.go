package mirror

import (
	"errors"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// BatchWritten implements client.BatchSource.
func (t *task) BatchWritten(b *client.SourceBatch, base int64) {
	tp, last, ok := placeOf(&connect.SourceRecord{SourcePartition: b.SourcePartition, SourceOffset: b.SourceOffset})
	if !ok {
		return
	}
	t.acks.reached(tp, last)
	if p := t.parts[tp]; p != nil {
		if b.MaxTimestamp >= 0 {
			p.delay.written(time.Now(), time.UnixMilli(b.MaxTimestamp))
		}
		t.lane.answered(&p.way)
	}
	if t.syncs != nil {
		t.syncs.deliveredRuns(tp, b.Runs, base)
	}
}

// BatchFailed implements client.BatchSource. A batch that is refused is tried again in smaller ones, as the broker may mean one of its
// records; the partition waits at what can't be made smaller.
func (t *task) BatchFailed(b *client.SourceBatch, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	tp, _, ok := placeOf(&connect.SourceRecord{SourcePartition: b.SourcePartition, SourceOffset: b.SourceOffset})
	p := t.parts[tp]
	if !ok || p == nil || t.reader == nil || len(b.Runs) == 0 {
		return false
	}
	first := b.Runs[0].From
	k := t.parked[tp]
	if errors.Is(err, client.ErrPassedOver) {
		return t.goBack(p, k, first)
	}
	if k != nil && k.stranded {
		p.next = first
		return true // nothing comes of it before somebody has decided
	}
	if b.Records > 1 && p.way.smaller(b, err) {
		t.lane.rules.asked = time.Time{} // they may have changed
		return t.goBack(p, k, first)
	}
	if t.s.life.fail {
		return false
	}
	p.next = first
	if t.park(tp, batchReason(b, err), first, err) != nil {
		return false
	}
	t.tell(time.Now())
	return true
}

// goBack has a partition read again from an offset on: at once, unless it waits.
func (t *task) goBack(p *partition, k *parking, to int64) bool {
	p.next = to
	if k.waits() {
		return true
	}
	if k != nil {
		k.sent, k.held = false, false
	}
	if err := t.reread(p.tp); err != nil {
		t.log.Warn("a partition can't be read again", "topic", p.tp.Topic, "partition", p.tp.Partition, "error", err)
		return false
	}
	return true
}

// smaller has the partition's batches made smaller than one that was refused, if that may help.
func (w *way) smaller(b *client.SourceBatch, err error) bool {
	switch {
	case errors.Is(err, client.ErrTooLarge):
		w.most = max(1, b.Size/2)
	case errors.Is(err, client.ErrTimestamp), errors.Is(err, client.ErrRecord):
		w.records = max(1, int(b.Records)/2)
	default:
		return false
	}
	last := b.Runs[len(b.Runs)-1]
	w.until = max(w.until, last.From+last.N)
	return true
}

// batchReason words why a batch can't be written, and what helps.
func batchReason(b *client.SourceBatch, err error) string {
	first := b.Runs[0].From
	if b.Records == 1 {
		return deliveryReason(b.Topic, first, fmt.Sprintf("it has %d bytes in a batch of its own", b.Size), time.UnixMilli(b.MaxTimestamp), err)
	}
	end := b.Runs[len(b.Runs)-1]
	return fmt.Sprintf("the records at offsets %d to %d can't be written to %s: %s", first, end.From+end.N-1, b.Topic, writeReason(err))
}
