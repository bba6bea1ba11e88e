package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// quiet is how long a partition that was tried again must be quiet to count as going on, where there is nothing to read.
const quiet = 10 * time.Second

var _ connect.DeliveryFailer = (*task)(nil)

// DeliveryFailed implements connect.DeliveryFailer: the partition waits at the record.
func (t *task) DeliveryFailed(rec *connect.SourceRecord, err error) bool {
	tp, offset, ok := placeOf(rec)
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.parts[tp]
	if !ok || p == nil || t.reader == nil || t.s.life.fail {
		return false
	}
	p.next = offset
	if k := t.parked[tp]; k != nil && k.stranded {
		return true // nothing comes of it before somebody has decided
	}
	if t.park(tp, deliveryReason(rec.Topic, offset, fmt.Sprintf("it, or the batch that it was sent in, has %d bytes", sizeOf(rec)), rec.Timestamp, err), offset, err) != nil {
		return false
	}
	t.tell(time.Now())
	return true
}

// park has a partition wait for its next attempt. past is the offset of a record that can't be delivered, below 0 for a
// partition that can't be read. It is an error where a partition may not wait.
func (t *task) park(tp connect.TopicPartition, reason string, past int64, cause error) error {
	// A topic that is gone from the source is no failure: the connector takes it away. Nor was a missing permission ever one.
	missing := past < 0 && (errors.Is(cause, client.ErrUnknownTopic) || errors.Is(cause, client.ErrUnauthorized))
	if t.s.life.fail && !missing {
		return cause
	}
	k := t.parked[tp]
	if k == nil || k.past != past {
		k = &parking{}
		t.parked[tp] = k
	}
	if k.waits() && k.tries > 0 {
		k.reason = reason // told twice of the same
		return nil
	}
	now := time.Now()
	k.again(now, reason, past)
	if t.logged.waits.alone(tp, now) {
		t.log.Warn("a partition can't go on; the others do", "topic", tp.Topic, "partition", tp.Partition, "reason", reason, "try again at", k.until)
	}
	t.halt(tp)
	return nil
}

// strand has a partition wait until somebody decides: it is not tried again.
func (t *task) strand(tp connect.TopicPartition, reason string, cause error) error {
	if t.s.life.fail {
		return cause
	}
	now := time.Now()
	t.parked[tp] = &parking{reason: reason, since: now, tries: 1, stranded: true, past: -1}
	if t.logged.strands.alone(tp, now) {
		t.log.Error("a partition waits until somebody decides how it goes on; the others go on", "topic", tp.Topic, "partition", tp.Partition, "reason", reason)
	}
	if t.known { // it is read
		t.halt(tp)
	}
	return nil
}

func (t *task) halt(tp connect.TopicPartition) {
	t.lane.drop(t.parts[tp])
	delete(t.slowed, tp)
	if err := t.reader.Pause([]connect.TopicPartition{tp}); err != nil { // it is not being read
		t.log.Debug("a partition can't be paused", "topic", tp.Topic, "partition", tp.Partition, "error", err)
	}
}

// tend tries waiting partitions again whose time has come, and lets go of those that go on. It fails when a partition has
// waited for too long.
func (t *task) tend(ctx context.Context, now time.Time) error {
	if len(t.keep) > 0 {
		_ = t.keepLineages(ctx, now) // what can't be written waits
	}
	if len(t.parked) == 0 {
		return nil
	}
	var due []connect.TopicPartition
	for tp, k := range t.parked {
		p := t.parts[tp]
		switch {
		case k.trying && (k.past >= 0 && t.acks.of(tp) >= k.past || k.past < 0 && (p.next != k.from || now.Sub(k.tried) >= quiet)):
			if t.logged.goesOn.alone(tp, now) {
				t.log.Info("a partition that waited goes on", "topic", tp.Topic, "partition", tp.Partition)
			}
			delete(t.parked, tp)
			t.acks.unwant(tp)
			if k.past >= 0 { // those behind it
				if err := t.reread(tp); err != nil {
					return err
				}
			}
			continue
		case !k.trying && !k.stranded && !now.Before(k.until):
			due = append(due, tp)
		}
		if d := t.s.life.failAfter; d > 0 && now.Sub(k.since) >= d {
			return fmt.Errorf("%s-%d of cluster %s has waited for %v, longer than %s allows: %s", tp.Topic, tp.Partition, t.s.source, now.Sub(k.since).Round(time.Millisecond), propFailAfter, k.reason)
		}
	}
	if len(due) == 0 {
		return nil
	}
	if err := t.sameTopics(ctx, due); err != nil {
		return nil // the cluster does not answer: later
	}
	for _, tp := range due {
		if k := t.parked[tp]; !k.stranded {
			if err := t.retry(tp, k, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// retry reads on where a partition waits.
func (t *task) retry(tp connect.TopicPartition, k *parking, now time.Time) error {
	p := t.parts[tp]
	k.trying, k.sent, k.held, k.tried, k.from = true, false, false, now, p.next
	if k.past >= 0 {
		t.acks.want(tp)
	}
	return t.reread(tp)
}

// holdBack reads no further where one record is being tried.
func (t *task) holdBack() {
	for tp, k := range t.parked {
		if k.trying && k.sent && !k.held {
			k.held = true
			t.halt(tp)
		}
	}
}

// reread reads a partition where it is, whether it was read before or not.
func (t *task) reread(tp connect.TopicPartition) error {
	t.lane.drop(t.parts[tp])
	next := t.parts[tp].next
	if err := t.reader.Seek(tp, next); err == nil {
		return nil
	}
	return t.assign(t.reader)
}

// nextTry is how long until a waiting partition is tried again.
func (t *task) nextTry(now time.Time) time.Duration {
	wait := longestWait
	for _, k := range t.parked {
		if !k.trying && !k.stranded {
			wait = min(wait, k.until.Sub(now))
		}
	}
	return max(wait, 0)
}

// happened notes what somebody should know of although the partition goes on.
func (t *task) happened(format string, args ...any) {
	e := event{time.Now(), fmt.Sprintf(format, args...)}
	t.log.Error(e.text)
	t.events = append(t.events, e)
	if n := len(t.events) - eventsKept; n > 0 {
		t.events = slices.Delete(t.events, 0, n)
	}
}

// tell puts into the task's status what is amiss, if that has changed.
func (t *task) tell(now time.Time) {
	if t.noted == "" && len(t.parked)+len(t.events) == 0 {
		return
	}
	t.events = slices.DeleteFunc(t.events, func(e event) bool { return now.Sub(e.at) >= eventLasts })
	text := noteOf(now, len(t.parts), t.parked, t.events)
	if text != t.noted && t.notes != nil {
		t.notes.Note(text)
	}
	t.noted = text
}

// readReason words why a partition can't be read.
func readReason(err error) string {
	switch {
	case errors.Is(err, client.ErrUnknownTopic):
		return "the topic or partition does not exist in the source cluster at present"
	case errors.Is(err, client.ErrUnauthorized):
		return "the source cluster does not let this principal read the topic: it needs READ and DESCRIBE on it"
	}
	return "it can't be read: " + err.Error()
}

// deliveryReason words why a record can't be delivered, and what helps.
func deliveryReason(topic string, offset int64, size string, at time.Time, err error) string {
	what := fmt.Sprintf("the record at offset %d can't be written to %s: ", offset, topic)
	switch {
	case errors.Is(err, client.ErrTooLarge):
		return what + fmt.Sprintf("%s, and is too large; raise the topic's max.message.bytes, and max.request.size of the producer (%v)", size, err)
	case errors.Is(err, client.ErrTimestamp):
		return what + fmt.Sprintf("its timestamp, %s, is refused; raise the topic's message.timestamp.before.max.ms or after.max.ms (%v)", at.UTC().Format(time.RFC3339), err)
	}
	return what + writeReason(err)
}

// writeReason words why what has nothing to do with single records can't be written.
func writeReason(err error) string {
	switch {
	case errors.Is(err, client.ErrUnknownTopic):
		return fmt.Sprintf("the topic or partition does not exist in the target cluster; the connector makes it anew with the next refresh of topics (%v)", err)
	case errors.Is(err, client.ErrUnauthorized):
		return fmt.Sprintf("the target cluster does not let this principal write to it (%v)", err)
	}
	return err.Error()
}

func sizeOf(rec *connect.SourceRecord) int {
	n := 0
	for _, v := range []any{rec.Key, rec.Value} {
		b, _ := v.([]byte)
		n += len(b)
	}
	return n
}
