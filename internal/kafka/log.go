package kafka

/*
#include "glue.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

const (
	// logRefresh is how often a log looks whether its topic has more partitions.
	logRefresh = 5 * time.Minute
	// logRetryMin and logRetryMax bound the pause after a failed request. It begins short, because the partitions of a
	// topic made a moment ago have no leader for some milliseconds.
	logRetryMin = 10 * time.Millisecond
	logRetryMax = 500 * time.Millisecond
	// hurriedPoll bounds a poll while somebody waits for the end: positions past transaction markers show only when
	// a poll ends.
	hurriedPoll = 10 * time.Millisecond
)

// Log is one internal topic. It implements storage.Log.
type Log struct {
	logs  *Logs
	topic string
	log   hclog.Logger
	empty int32 // partitions of a topic known to be empty; 0 for any other
	// committed hides records of open and aborted transactions.
	committed bool

	life   context.Context // ends with Close
	cancel context.CancelFunc
	users  sync.WaitGroup // the tailing goroutine and calls that use the reader's client
	reader *Reader        // its polling belongs to Start, then to the tailing goroutine
	onRecs func([]client.LogRecord)
	out    []client.LogRecord
	lookAt time.Time // when to look whether the topic is there again; the tailing goroutine's, zero for not at all

	mu      sync.Mutex
	started bool
	closed  bool
	next    map[connect.TopicPartition]int64
	moved   chan struct{} // closed and replaced whenever next or resets change
	resets  int           // how often positions went back or partitions away
	// cut are partitions that end before what was read of them. They wait for the tailing goroutine.
	cut     map[connect.TopicPartition]bool
	hurry   int   // calls that wait for the end
	refused error // set while the brokers do not let this principal read
}

// Start implements storage.Log.
func (l *Log) Start(ctx context.Context, onRecords func([]client.LogRecord)) error {
	l.mu.Lock()
	if l.started || l.closed {
		l.mu.Unlock()
		return fmt.Errorf("the log of topic %s was started or closed before", l.topic)
	}
	l.started = true
	l.mu.Unlock()
	o := l.logs.o
	settings := map[string]string{"queued.max.messages.kbytes": "4096"}
	for k, v := range o.Consumer {
		settings[k] = v
	}
	settings["isolation.level"] = "read_uncommitted"
	if l.committed {
		settings["isolation.level"] = "read_committed"
	}
	r, err := NewReader(settings, ReaderOptions{Log: o.Log})
	if err != nil {
		return err
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errors.Join(ErrClosed, r.Close())
	}
	l.reader, l.onRecs = r, onRecords
	l.users.Add(1)
	l.mu.Unlock()
	if l.empty > 0 {
		if err := l.startEmpty(); err != nil {
			l.users.Done()
			return err
		}
		go l.tail()
		return nil
	}
	if err := l.addPartitions(ctx); err != nil {
		l.users.Done()
		return err
	}
	go l.tail()
	return l.ReadToEnd(ctx)
}

// Committed has records of open and aborted transactions hidden. It comes before Start. Reading to the end then waits for the
// transactions that are open.
func (l *Log) Committed() *Log {
	l.committed = true
	return l
}

// startEmpty begins to read a topic in which nothing is yet.
func (l *Log) startEmpty() error {
	starts := map[connect.TopicPartition]int64{}
	for p := range l.empty {
		tp := connect.TopicPartition{Topic: l.topic, Partition: p}
		if err := l.reader.start(tp, 0); err != nil {
			return err
		}
		starts[tp] = 0
	}
	l.advance(starts)
	return nil
}

// addPartitions begins to read partitions that are not read yet. It retries until ctx ends.
func (l *Log) addPartitions(ctx context.Context) error {
	n, err := l.reader.Partitions(ctx, l.topic)
	if err != nil {
		return err
	}
	fresh := map[connect.TopicPartition]int64{}
	l.mu.Lock()
	for p := range n {
		tp := connect.TopicPartition{Topic: l.topic, Partition: p}
		if _, has := l.next[tp]; !has {
			fresh[tp] = Earliest
		}
	}
	l.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	// Offsets are asked for rather than left to the fetcher, so that an empty partition is known to be at its end.
	starts, err := l.offsets(ctx, func() map[connect.TopicPartition]int64 { return fresh })
	if err != nil {
		return err
	}
	for tp, at := range starts {
		if err := l.reader.start(tp, at); err != nil {
			return err
		}
	}
	l.advance(starts)
	return nil
}

// offsets asks the brokers, again while they do not answer, until ctx ends. It asks by the producer: on the reader's
// connection a request would wait behind the fetch that is under way, up to fetch.wait.max.ms.
func (l *Log) offsets(ctx context.Context, specs func() map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	for pause := logRetryMin; ; pause = min(2*pause, logRetryMax) {
		// The end is the last record's, open transactions included: what was committed may lie behind what is not yet.
		at, err := map[connect.TopicPartition]int64(nil), ErrClosed
		if !l.logs.p.call(func() { at, err = l.logs.p.h.listOffsets(ctx, specs(), false) }) {
			return nil, err
		}
		if err == nil || IsAuthorization(err) {
			return at, err
		}
		if ctx.Err() == nil {
			l.log.Debug("asking for offsets failed", "topic", l.topic, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
				continue
			}
		}
		return nil, endedWith(ctx, err) // it would have been tried again: that the caller gave up counts
	}
}

// endedWith is why ctx ended, with the error that was there before.
func endedWith(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w (before: %w)", cause, err)
	}
	return err
}

// tail hands records on until Close.
func (l *Log) tail() {
	defer l.users.Done()
	refresh := time.Now().Add(logRefresh)
	for l.life.Err() == nil {
		timeout := max(0, time.Until(refresh))
		hurried := l.hurried()
		if hurried {
			timeout = hurriedPoll
		}
		if !l.lookAt.IsZero() {
			timeout = min(timeout, max(0, time.Until(l.lookAt)))
		}
		recs, err := l.reader.Poll(l.life, timeout)
		l.hand(recs)
		if err != nil && l.life.Err() == nil {
			l.recover(err)
		}
		l.resetCut()
		if !l.lookAt.IsZero() && !time.Now().Before(l.lookAt) {
			l.look()
		}
		l.advance(l.reader.pos)
		if hurried {
			l.advance(l.reader.consumed())
		}
		if time.Now().After(refresh) {
			ctx, cancel := context.WithTimeout(l.life, 10*time.Second)
			if err := l.addPartitions(ctx); err != nil {
				l.report(err)
			}
			cancel()
			refresh = time.Now().Add(logRefresh)
		}
	}
}

func (l *Log) hand(recs []client.ConsumedRecord) {
	if len(recs) == 0 {
		return
	}
	out := l.out[:0]
	for i := range recs {
		r := &recs[i]
		ts := int64(-1)
		if !r.Timestamp.IsZero() {
			ts = r.Timestamp.UnixMilli()
		}
		out = append(out, client.LogRecord{Key: r.Key, Value: r.Value, Partition: r.Partition, Offset: r.Offset, TimestampMs: ts})
	}
	l.onRecs(out)
	clear(out)
	l.out = out
	l.refuse(nil)
}

// refuse notes that the topic may not be read, or may again, and has who waits for its end look.
func (l *Log) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = err
	if err != nil {
		close(l.moved)
		l.moved = make(chan struct{})
	}
}

func (l *Log) report(err error) {
	if l.logs.o.OnError != nil {
		l.logs.o.OnError(l.topic, err)
		return
	}
	l.log.Warn("reading an internal topic meets an error", "topic", l.topic, "error", err)
}

// advance notes positions and wakes who waits for them.
func (l *Log) advance(pos map[connect.TopicPartition]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := false
	for tp, at := range pos {
		if old, ok := l.next[tp]; !ok || at > old {
			l.next[tp] = at
			changed = true
		}
	}
	if changed {
		close(l.moved)
		l.moved = make(chan struct{})
	}
}

func (l *Log) hurried() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hurry > 0
}

// enter counts a call that uses the reader; leave ends it.
func (l *Log) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.started || l.reader == nil {
		return ErrClosed
	}
	l.users.Add(1)
	l.hurry++
	return nil
}

func (l *Log) leave() {
	l.mu.Lock()
	l.hurry--
	l.mu.Unlock()
	l.users.Done()
}

// ReadToEnd implements storage.Log.
func (l *Log) ReadToEnd(ctx context.Context) error {
	if err := l.enter(); err != nil {
		return err
	}
	defer l.leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.life, func() { cancel(ErrClosed) })()
	for {
		ends, resets, err := l.ends(ctx)
		if err != nil {
			return fmt.Errorf("reading topic %s to its end: %w", l.topic, err)
		}
		if reset, err := l.await(ctx, ends, resets); err != nil || !reset {
			return err
		}
	}
}

// ends asks for the ends of the partitions that are read, and tells how many resets came before. An end below what was read
// before the question says that the topic is not the one that was read.
func (l *Log) ends(ctx context.Context) (ends map[connect.TopicPartition]int64, resets int, err error) {
	var read map[connect.TopicPartition]int64
	ends, err = l.offsets(ctx, func() map[connect.TopicPartition]int64 {
		l.mu.Lock()
		defer l.mu.Unlock()
		resets, read = l.resets, maps.Clone(l.next)
		specs := map[connect.TopicPartition]int64{}
		for tp := range l.next {
			specs[tp] = Latest
		}
		return specs
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for tp, end := range ends {
		if end < read[tp] && l.resets == resets {
			l.cut[tp] = true
		}
	}
	return ends, resets, err
}

// await returns once everything before the ends was handed on, or once a reset has made them those of another topic.
func (l *Log) await(ctx context.Context, ends map[connect.TopicPartition]int64, resets int) (reset bool, err error) {
	for first := true; ; first = false {
		l.mu.Lock()
		behind, moved, refused := "", l.moved, l.refused
		reset = l.resets != resets
		for tp, end := range ends {
			if l.cut[tp] {
				behind = fmt.Sprintf("partition %d ends at %d, and was read up to %d", tp.Partition, end, l.next[tp])
				break
			}
			if l.next[tp] < end {
				behind = fmt.Sprintf("partition %d is read up to %d of %d", tp.Partition, l.next[tp], end)
				break
			}
		}
		l.mu.Unlock()
		if reset || behind == "" {
			return reset, nil
		}
		if refused != nil {
			return false, fmt.Errorf("reading topic %s to its end: %s: not permitted by the cluster's ACLs; let this principal READ the topic: %w",
				l.topic, behind, refused)
		}
		if first {
			l.reader.h.yield(l.reader.queue) // from a long poll to hurried ones
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false, fmt.Errorf("reading topic %s to its end: %s: %w", l.topic, behind, context.Cause(ctx))
		}
	}
}

// Append implements storage.Log.
func (l *Log) Append(ctx context.Context, kvs ...client.KV) error {
	if len(kvs) == 0 {
		return nil
	}
	a, err := l.logs.send(ctx, l.topic, kvs)
	if err == nil {
		select {
		case <-a.done:
			err = given(a.err)
		case <-ctx.Done():
			err = unreachable(l.logs.p.h.servers, "waiting for acknowledgement", ctx.Err())
		}
	}
	if err != nil {
		return fmt.Errorf("writing to topic %s: %w", l.topic, err)
	}
	return nil
}

// given says in plain words that a record was given up.
func given(err error) error {
	var e *Error
	if errors.As(err, &e) && (e.Code == codePurgeQueue || e.Code == codePurgeInflight) {
		return fmt.Errorf("given up before a broker acknowledged it; it may have been written all the same: %w", err)
	}
	return err
}

// Abandon fails each Append that waits for its acknowledgement, to this topic and to the others that share its producer:
// what no broker has yet is not written any more.
func (l *Log) Abandon() { l.logs.p.Abandon() }

// Close implements storage.Log.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.users.Wait()
	if l.reader != nil {
		return l.reader.Close()
	}
	return nil
}
