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
		if err := t.carryHeld(now); err != nil || len(t.lane.out) > 0 {
			return err
		}
		ctx, cancel := t.lane.rousable(ctx)
		defer cancel()
		got, err := t.whole.Poll(ctx, t.lane.within(wait))
		if errors.Is(err, context.Canceled) && t.life.Err() == nil {
			err = nil // there is room for what is held, or the worker has something to say, which it looks for after each poll
		}
		if err != nil {
			err = t.judge(ctx, err)
		}
		if err != nil && !connect.IsRetriable(err) {
			letGo(got)
			return err
		}
		if fatal := t.carryFetched(time.Now(), got); fatal != nil {
			return fatal
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

// carryFetched takes what fetches brought. Its error is one that fails the task.
func (t *task) carryFetched(now time.Time, got []client.FetchedBatches) error {
	for i := range got {
		f := &got[i]
		tp := connect.TopicPartition{Topic: f.Topic, Partition: f.Partition}
		p := t.parts[tp]
		if p == nil {
			f.Hold.Release()
			continue
		}
		if p.next < 0 {
			p.next = f.From
		}
		// The end is no bound: brokers take it down before they read, and the log may have grown meanwhile.
		c := &carrier{t: t, p: p, f: *f, data: f.Data, order: rawbatch.NewOrder(f.From, -1), filter: rawbatch.NewFilter(f.Aborted)}
		if err := t.carry(now, c); err != nil {
			letGo(got[i+1:])
			return err
		}
	}
	return nil
}

func letGo(got []client.FetchedBatches) {
	for i := range got {
		got[i].Hold.Release()
	}
}

// carry carries batches over, as far as limits let it; the rest is held. Its error is one that fails the task.
func (t *task) carry(now time.Time, c *carrier) error {
	if t.parked[c.p.tp].waits() { // it may have come before the partition was paused
		c.f.Hold.Release()
		return nil
	}
	if c.p.way.held > 0 || t.limited(now, c.p) {
		t.lane.hold(c)
		return nil
	}
	if c.f.From > c.p.next {
		t.log.Warn("a partition is read further on than it was copied; it is read again", "topic", c.f.Topic, "partition", c.f.Partition, "position", c.p.next, "read", c.f.From)
		c.f.Hold.Release()
		return t.reread(c.p.tp)
	}
	c.p.way.forget(c.p.next)
	c.now, c.k, c.rules, c.next = now, t.parked[c.p.tp], t.rulesFor(c.p), c.p.next
	c.room = deepest
	if t.lane.ctx != nil {
		b := t.lane.ctx.Backlog(c.p.remote, c.f.Partition)
		c.merge = c.p.way.merging.decide(now, b, c.p.count.bytes)
		if c.room = room(b, c.merge); c.room <= 0 {
			t.lane.hold(c)
			t.lane.deep = true
			return nil
		}
	}
	more, err := c.carry()
	if cause := c.encode(); err == nil {
		err = cause
	}
	switch {
	case errors.Is(err, errDoubted):
		c.f.Hold.Release()
		return t.reread(c.p.tp)
	case err != nil:
		c.f.Hold.Release()
		return t.park(c.p.tp, "it can't be read: "+err.Error(), -1, err)
	case more:
		c.f.From = c.p.next
		t.lane.hold(c)
		if !t.limited(now, c.p) {
			t.lane.deep = true
		}
	default:
		c.f.Hold.Release()
	}
	return nil
}

// errDoubted has a partition read again from where it is.
var errDoubted = errors.New("a batch may lie elsewhere than it says")

// limited tells whether a partition has had its share for now.
func (t *task) limited(now time.Time, p *partition) bool {
	return t.slow.link.wait(now) > 0 || t.slow.topicWait(now, p.tp.Topic) > 0
}

// carrier carries the batches of one fetch of a partition over.
type carrier struct {
	t      *task
	p      *partition
	f      client.FetchedBatches
	data   []byte // of f, what is not copied yet
	order  rawbatch.Order
	filter rawbatch.Filter

	// As of the present turn.
	now   time.Time
	k     *parking
	rules rawbatch.Rules
	merge bool
	room  int              // how many more batches may be sent
	next  int64            // behind the last batch that was looked at; the partition's is behind what is being sent
	wait  []rawbatch.Batch // to be decoded
}

// carry goes through the batches up to the first that is not what was written, or can't be sent now. It tells whether a limit
// has ended it before the last one.
func (c *carrier) carry() (more bool, err error) {
	for {
		b, rest, err := rawbatch.Next(c.data)
		if errors.Is(err, rawbatch.ErrPartial) {
			return false, nil
		}
		if err == nil && (c.room <= 0 || c.t.limited(c.now, c.p)) {
			return true, nil
		}
		var gap int64
		expected := c.order.Next()
		if err == nil {
			gap, err = c.order.Check(&b)
		}
		if err != nil {
			return false, err
		}
		if gap > 0 && c.p.way.doubts(&b, expected) {
			if _, _, err := rawbatch.Next(rest); err != nil { // nothing behind it says that it lies where it says
				return false, errDoubted
			}
		}
		bodyCRC, err := rawbatch.Check(&b)
		if err != nil {
			return false, err
		}
		aborted, err := c.filter.Aborted(&b)
		if err != nil {
			return false, err
		}
		v := rawbatch.Judge(&b, c.next, c.rules)
		if aborted {
			v = rawbatch.Verdict{Action: rawbatch.Drop, Reason: rawbatch.Aborted}
		}
		if goOn, err := c.take(&b, bodyCRC, v); err != nil || !goOn {
			return false, err
		}
		c.data = rest
	}
}

// take does with a batch what was decided. False: nothing behind it may be sent now.
func (c *carrier) take(b *rawbatch.Batch, bodyCRC uint32, v rawbatch.Verdict) (goOn bool, err error) {
	if v.Action != rawbatch.Drop && !c.k.admits(max(b.BaseOffset, c.next), b.LastOffset()) {
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
		c.room--
	case rawbatch.Decode:
		c.wait = append(c.wait, *b)
		c.p.way.decoded++
		c.p.way.reason = v.Reason.String()
		if !c.merge { // when merged they are few
			c.room--
		}
		c.weigh(len(b.Bytes))
	}
	c.next = max(c.next, b.LastOffset()+1)
	c.p.mark.read(b.LeaderEpoch(), b.LastOffset()+1)
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
	e.Records, e.RawBytes, e.NoTimestamp = c.p.way.records, 0, c.now.UnixMilli()
	if c.merge {
		e.RawBytes = mergeBytes
	}
	if rules.MaxBytes == 0 {
		rules.MaxBytes = usualLimit
	}
	err := e.Encode(c.wait, c.p.next, rules, func(b rawbatch.Built) error {
		c.send(client.SourceBatch{
			RawBatch: client.RawBatch{Bytes: b.Bytes, Records: b.Records, BodyCRC: b.BodyCRC}, Runs: b.Runs, MaxTimestamp: b.MaxTimestamp,
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
	c.p.sent = last.From + last.N - 1
	b.SourceOffset = connect.Entries{{Key: offsetKey, Value: c.p.sent}}
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
