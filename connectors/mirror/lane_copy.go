package mirror

import (
	"context"
	"errors"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

var _ client.BatchSource = (*task)(nil)

// PollBatches implements client.BatchSource.
func (t *task) PollBatches(ctx context.Context) ([]client.SourceBatch, error) {
	clear(t.lane.out)
	t.lane.out = t.lane.out[:0]
	err := t.turn(ctx, func(ctx context.Context, wait time.Duration) error {
		now := time.Now()
		t.lookUpRules(ctx, now)
		got, err := t.whole.Poll(ctx, wait)
		defer func() {
			for i := range got {
				got[i].Hold.Release()
			}
		}()
		if err != nil {
			err = t.judge(ctx, err)
		}
		if err != nil && !connect.IsRetriable(err) {
			return err
		}
		for i := range got {
			if err := t.copyFetched(now, &got[i]); err != nil {
				return err
			}
		}
		t.holdBack()
		if len(t.lane.out) > 0 {
			return nil
		}
		return err
	})
	if err != nil {
		for i := range t.lane.out {
			t.lane.out[i].Hold.Release()
		}
		return nil, err
	}
	return t.lane.out, nil
}

// copyFetched takes what a fetch brought of one partition. Its error is one that fails the task.
func (t *task) copyFetched(now time.Time, f *client.FetchedBatches) error {
	tp := connect.TopicPartition{Topic: f.Topic, Partition: f.Partition}
	p := t.parts[tp]
	if p == nil || t.parked[tp].waits() { // it may have come before the partition was paused
		return nil
	}
	switch {
	case p.next < 0:
		p.next = f.From
	case f.From > p.next:
		t.log.Warn("a partition is read further on than it was copied; it is read again", "topic", f.Topic, "partition", f.Partition, "position", p.next, "read", f.From)
		return t.reread(tp)
	}
	p.way.forget(p.next)
	c := carrier{t: t, p: p, f: f, k: t.parked[tp], now: now, rules: t.rulesFor(p), next: p.next}
	if t.lane.ctx != nil {
		c.merge = p.way.merging.decide(now, t.lane.ctx.Backlog(p.remote, f.Partition))
	}
	err := c.carry()
	if cause := c.encode(); err == nil {
		err = cause
	}
	if err != nil {
		return t.park(tp, "it can't be read: "+err.Error(), -1, err)
	}
	return nil
}

// carrier carries the batches of one fetch of a partition over.
type carrier struct {
	t     *task
	p     *partition
	f     *client.FetchedBatches
	k     *parking
	now   time.Time
	rules rawbatch.Rules
	merge bool
	next  int64            // behind the last batch that was looked at; the partition's is behind what is being sent
	wait  []rawbatch.Batch // to be decoded
}

// carry goes through the batches up to the first that is not what was written, or can't be sent now.
func (c *carrier) carry() error {
	order := rawbatch.NewOrder(c.f.From, c.f.End)
	filter := rawbatch.NewFilter(c.f.Aborted)
	for data := c.f.Data; ; {
		b, rest, err := rawbatch.Next(data)
		if errors.Is(err, rawbatch.ErrPartial) {
			return nil
		}
		if err == nil {
			_, err = order.Check(&b)
		}
		if err != nil {
			return err
		}
		bodyCRC, err := rawbatch.Check(&b)
		if err != nil {
			return err
		}
		aborted, err := filter.Aborted(&b)
		if err != nil {
			return err
		}
		v := rawbatch.Judge(&b, c.next, c.rules)
		if aborted {
			v = rawbatch.Verdict{Action: rawbatch.Drop, Reason: rawbatch.Aborted}
		}
		if more, err := c.take(&b, bodyCRC, v); err != nil || !more {
			return err
		}
		data = rest
	}
}

// take does with a batch what was decided. False: nothing behind it may be sent now.
func (c *carrier) take(b *rawbatch.Batch, bodyCRC uint32, v rawbatch.Verdict) (more bool, err error) {
	if v.Action != rawbatch.Drop && !c.k.admits(max(b.BaseOffset, c.next)) {
		return false, nil
	}
	if v.Action == rawbatch.Pass {
		switch w := &c.p.way; {
		case w.records > 0 && int(b.Count) > w.records:
			v = rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.Refused}
		case c.merge && len(b.Bytes) < largeEnough:
			v = rawbatch.Verdict{Action: rawbatch.Decode, Reason: rawbatch.Small}
		}
	}
	switch v.Action {
	case rawbatch.Pass:
		if err := c.encode(); err != nil {
			return false, err
		}
		c.pass(b, bodyCRC)
	case rawbatch.Decode:
		c.wait = append(c.wait, *b)
		c.p.way.decoded++
		c.p.way.reason = v.Reason.String()
		c.weigh(len(b.Bytes))
	}
	c.next = max(c.next, b.LastOffset()+1)
	if len(c.wait) == 0 {
		c.p.next = c.next
	}
	return true, nil
}

// mergeBytes is how many bytes of records are put together at most, not compressed.
const mergeBytes = 4 << 20

// usualLimit is a batch that a topic takes whose settings are not known: Kafka's default of max.message.bytes, and some less.
const usualLimit = 1_000_000

// encode puts the records of the batches that wait for it into new ones.
func (c *carrier) encode() error {
	if len(c.wait) == 0 {
		return nil
	}
	e, rules := &c.t.lane.encoder, c.rules
	e.Records, e.RawBytes = c.p.way.records, 0
	if c.merge {
		e.RawBytes = mergeBytes
	}
	if rules.MaxBytes == 0 {
		rules.MaxBytes = usualLimit
	}
	err := e.Encode(c.wait, c.p.next, rules, func(b rawbatch.Built) error {
		made, _, err := rawbatch.Next(b.Bytes)
		if err != nil {
			return err
		}
		c.send(client.SourceBatch{
			RawBatch: client.RawBatch{Bytes: b.Bytes, Records: b.Records, BodyCRC: b.BodyCRC}, Runs: b.Runs, MaxTimestamp: made.MaxTimestamp,
		})
		c.p.next = b.LastOffset() + 1
		return nil
	})
	clear(c.wait)
	c.wait = c.wait[:0]
	if err == nil {
		c.p.next = c.next
	}
	return err
}

// pass has a batch sent as it is.
func (c *carrier) pass(b *rawbatch.Batch, bodyCRC uint32) {
	c.f.Hold.Retain(1)
	c.p.way.batches++
	c.send(client.SourceBatch{
		RawBatch:     client.RawBatch{Bytes: b.Bytes, Records: b.Count, BodyCRC: bodyCRC, Hold: c.f.Hold},
		Runs:         []client.OffsetRun{{From: b.BaseOffset, N: int64(b.Count)}},
		MaxTimestamp: b.MaxTimestamp,
	})
	c.weigh(len(b.Bytes))
}

// send adds a batch to those that the worker gets.
func (c *carrier) send(b client.SourceBatch) {
	last := b.Runs[len(b.Runs)-1]
	b.Topic, b.Partition, b.Size = c.p.remote, c.p.tp.Partition, len(b.Bytes)
	b.SourcePartition = c.p.source
	b.SourceOffset = connect.Entries{{Key: offsetKey, Value: last.From + last.N - 1}}
	c.p.count.records += int64(b.Records)
	if b.MaxTimestamp >= 0 {
		c.p.count.newest = time.UnixMilli(b.MaxTimestamp)
	}
	c.t.lane.out = append(c.t.lane.out, b)
}

// weigh counts what was taken off the source.
func (c *carrier) weigh(size int) {
	c.p.count.bytes += int64(size)
	c.t.slow.take(c.now, c.p.tp.Topic, size)
}
