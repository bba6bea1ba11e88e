// Package memlog is a compacted topic in memory, with the records in a file if asked: for tests, the standalone worker and
// the demo. Several handles on one Topic behave as several workers on one Kafka topic. It implements storage.Log and knows
// nothing of what the records mean.
package memlog

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/storage/configlog"
)

// ErrClosed is returned by a Log that was closed.
var ErrClosed = errors.New("the log is closed")

// Topic is one topic. It is safe for concurrent use.
type Topic struct {
	partitions int32

	mu      sync.Mutex
	records []entry // in the order of appending
	seq     int64   // of the last record
	next    []int64 // next offset of each partition
	live    map[string]bool
	logs    map[*Log]bool
	changed chan struct{} // closed and replaced with every append
	file    *file         // nil: memory only
	leader  *LeaderLog    // the one that has claimed the privilege, nil for nobody
}

type entry struct {
	seq int64
	rec storage.Record
}

// New makes an empty topic.
func New(partitions int32) *Topic {
	partitions = max(partitions, 1)
	return &Topic{
		partitions: partitions, next: make([]int64, partitions), live: map[string]bool{}, logs: map[*Log]bool{}, changed: make(chan struct{}),
	}
}

// Log opens a handle.
func (t *Topic) Log() *Log {
	return &Log{topic: t, stop: make(chan struct{}), done: make(chan struct{}), progress: make(chan struct{})}
}

// Records gives a copy of what the topic holds, in order of appending.
func (t *Topic) Records() []storage.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]storage.Record, len(t.records))
	for i, e := range t.records {
		out[i] = e.rec
	}
	return out
}

// Close closes the file, if there is one. Close the handles first.
func (t *Topic) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.file.close()
}

func (t *Topic) append(kvs []storage.KV) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now().UnixMilli()
	added := make([]storage.Record, len(kvs))
	next := slices.Clone(t.next)
	for i, kv := range kvs {
		p := configlog.Partition(kv.Key, t.partitions)
		added[i] = storage.Record{Key: bytes.Clone(kv.Key), Value: bytes.Clone(kv.Value), Partition: p, Offset: next[p], TimestampMs: now}
		next[p]++
	}
	if err := t.file.append(added); err != nil {
		return err
	}
	t.next = next
	for _, r := range added {
		t.add(r)
	}
	t.compact()
	close(t.changed)
	t.changed = make(chan struct{})
	return nil
}

func (t *Topic) add(r storage.Record) {
	t.seq++
	t.records = append(t.records, entry{t.seq, r})
	t.live[string(r.Key)] = true
	t.next[r.Partition] = max(t.next[r.Partition], r.Offset+1)
}

// compact drops records that a newer one of the same key replaced, once they are the larger part and every handle has
// seen them.
func (t *Topic) compact() {
	const small = 1000
	if len(t.records) < small || len(t.records) < 2*len(t.live) {
		return
	}
	seen := t.seq
	for l := range t.logs {
		seen = min(seen, l.seq)
	}
	newest := make(map[string]int64, len(t.live))
	for _, e := range t.records {
		newest[string(e.rec.Key)] = e.seq
	}
	t.records = slices.DeleteFunc(t.records, func(e entry) bool { return e.seq <= seen && newest[string(e.rec.Key)] != e.seq })
}

// after gives the records beyond seq and a channel that closes when there are more.
func (t *Topic) after(seq int64) ([]storage.Record, int64, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, _ := slices.BinarySearchFunc(t.records, seq+1, func(e entry, s int64) int { return int(e.seq - s) })
	out := make([]storage.Record, 0, len(t.records)-i)
	for _, e := range t.records[i:] {
		out = append(out, e.rec)
	}
	return out, t.seq, t.changed
}

// Log is one handle on a Topic.
type Log struct {
	topic *Topic
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	started bool
	closed  bool

	// seq and progress are guarded by the topic's lock.
	seq      int64         // of the last record handed out
	progress chan struct{} // closed and replaced when seq moves
}

var _ storage.Log = (*Log)(nil)

// Start hands out everything, then tails from its own goroutine until Close.
func (l *Log) Start(ctx context.Context, onRecords func([]storage.Record)) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	if l.started {
		l.mu.Unlock()
		return errors.New("the log was started already")
	}
	l.started = true
	l.mu.Unlock()
	l.topic.mu.Lock()
	l.topic.logs[l] = true
	l.topic.mu.Unlock()
	go l.tail(onRecords)
	return l.ReadToEnd(ctx)
}

func (l *Log) tail(onRecords func([]storage.Record)) {
	defer close(l.done)
	seq := int64(0)
	for {
		recs, upTo, changed := l.topic.after(seq)
		if len(recs) > 0 {
			onRecords(recs)
		}
		seq = upTo
		l.moved(seq)
		select {
		case <-l.stop:
			return
		case <-changed:
		}
	}
}

func (l *Log) moved(seq int64) {
	l.topic.mu.Lock()
	defer l.topic.mu.Unlock()
	l.seq = seq
	close(l.progress)
	l.progress = make(chan struct{})
}

// Append adds records; with a file, they are written to it.
func (l *Log) Append(ctx context.Context, recs ...storage.KV) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return l.topic.append(recs)
}

// ReadToEnd waits until this handle has seen what the topic holds now.
func (l *Log) ReadToEnd(ctx context.Context) error {
	l.mu.Lock()
	started, closed := l.started, l.closed
	l.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case !started:
		return errors.New("the log was not started")
	}
	l.topic.mu.Lock()
	end := l.topic.seq
	for l.seq < end {
		progress := l.progress
		l.topic.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.stop:
			return ErrClosed
		case <-progress:
		}
		l.topic.mu.Lock()
	}
	l.topic.mu.Unlock()
	return nil
}

// Close stops tailing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	started := l.started
	close(l.stop)
	l.mu.Unlock()
	if started {
		<-l.done
	}
	l.topic.mu.Lock()
	defer l.topic.mu.Unlock()
	delete(l.topic.logs, l)
	return nil
}
