package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

const (
	// resetTimeout bounds the question where a topic begins that has changed under its reader.
	resetTimeout = 10 * time.Second
	// lookAgain is the pause between two looks whether a topic that is gone is there again: librdkafka would look after
	// five minutes.
	lookAgain = time.Second
)

// recover reports what went wrong, and goes on where that is possible.
func (l *Log) recover(err error) {
	if IsAuthorization(err) {
		l.refuse(err)
	}
	changed := false
	for _, e := range joined(err) {
		var pe *PartitionError
		switch {
		case !errors.As(e, &pe):
			l.report(e)
		case errors.Is(e, ErrOffsetOutOfRange):
			l.reset(pe.TopicPartition)
			changed = true
		default:
			l.report(e)
			changed = changed || errors.Is(e, client.ErrUnknownTopic)
		}
	}
	if changed && l.lookAt.IsZero() {
		l.lookAt = time.Now()
	}
}

// reset reads a partition again from its first record, because the position is none of its: it was cut, or made anew with
// its topic. A compacted topic's records may be read twice.
func (l *Log) reset(tp connect.TopicPartition) {
	ctx, cancel := context.WithTimeout(l.life, resetTimeout)
	defer cancel()
	was, _ := l.reader.Position(tp)
	start := Earliest
	at, err := l.offsets(ctx, func() map[connect.TopicPartition]int64 { return map[connect.TopicPartition]int64{tp: Earliest} })
	if err == nil {
		start = at[tp] // where nothing is in it, this is its end too
	}
	if err := l.reader.Seek(tp, start); err != nil {
		l.report(err)
		l.mu.Lock()
		delete(l.cut, tp)
		l.mu.Unlock()
		return
	}
	l.report(&ResetError{Partition: tp.Partition, Position: was, Start: start})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next[tp] = start
	delete(l.cut, tp)
	l.wentBack()
}

// resetCut resets partitions whose ends were seen to be before what was read.
func (l *Log) resetCut() {
	l.mu.Lock()
	cut := slices.Collect(maps.Keys(l.cut))
	l.mu.Unlock()
	for _, tp := range cut {
		l.reset(tp)
		l.lookAt = time.Now()
	}
}

// look sees whether a topic that has changed is there, ends the reading of partitions that it has no more, and begins with
// new ones. It is the tailing goroutine's.
func (l *Log) look() {
	ctx, cancel := context.WithTimeout(l.life, lookAgain)
	defer cancel()
	n, err := l.reader.Partitions(ctx, l.topic)
	if err != nil { // it has been reported
		l.lookAt = time.Now().Add(lookAgain)
		return
	}
	l.lookAt = time.Time{}
	l.mu.Lock()
	for tp := range l.next {
		if tp.Partition < n {
			continue
		}
		if err := l.reader.stop(tp); err != nil {
			l.log.Debug("a partition that is gone was not read", "topic", tp.Topic, "partition", tp.Partition, "error", err)
		}
		delete(l.next, tp)
		delete(l.cut, tp)
		l.wentBack()
	}
	l.mu.Unlock()
	if err := l.addPartitions(ctx); err != nil && l.life.Err() == nil {
		l.log.Debug("new partitions cannot be read yet", "topic", l.topic, "error", err)
		l.lookAt = time.Now().Add(lookAgain)
	}
}

// wentBack has those who wait for the end ask anew where it is. The caller holds mu.
func (l *Log) wentBack() {
	l.resets++
	close(l.moved)
	l.moved = make(chan struct{})
}

// ResetError says that a partition of an internal topic no longer has the records that were read of it.
type ResetError struct {
	Partition int32
	// Position is where reading would have gone on, Start where it begins again, Earliest if that is not known.
	Position, Start int64
}

func (e *ResetError) Error() string {
	start := "its first record"
	if e.Start >= 0 {
		start = fmt.Sprintf("offset %d", e.Start)
	}
	return fmt.Sprintf("partition %d does not have offset %d, up to which it was read: the topic was made anew, or records were deleted; "+
		"it is read again from %s. What was read before stays in this worker's memory, but not over a restart: see the documentation, "+
		"\"Internal topics truncated or recreated\"; make sure that the topic's cleanup.policy is compact", e.Partition, e.Position, start)
}

// joined takes an error of errors.Join apart.
func joined(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range j.Unwrap() {
			all = append(all, joined(e)...)
		}
		return all
	}
	return []error{err}
}
