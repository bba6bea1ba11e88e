package connecttest

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// Offsets is an offset store in memory. It is safe for concurrent use.
type Offsets struct {
	mu    sync.Mutex
	pairs []offsetPair
}

type offsetPair struct{ partition, offset connect.Entries }

var _ connect.OffsetReader = (*Offsets)(nil)

// Set stores an offset, as a worker does after records were acknowledged; nil removes it.
func (o *Offsets) Set(partition, offset connect.Entries) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pairs = slices.DeleteFunc(o.pairs, func(p offsetPair) bool { return samePartition(p.partition, partition) })
	if offset != nil {
		o.pairs = append(o.pairs, offsetPair{slices.Clone(partition), slices.Clone(offset)})
	}
}

// Store stores the offsets of records, in order.
func (o *Offsets) Store(records []connect.SourceRecord) {
	for i := range records {
		o.Set(records[i].SourcePartition, records[i].SourceOffset)
	}
}

// Offsets gives the stored offsets. Partitions match only with the same fields in the same order, as in Kafka. Numbers
// come back as int64 or float64, as they do from a worker.
func (o *Offsets) Offsets(_ context.Context, partitions []connect.Entries) ([]connect.Entries, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]connect.Entries, len(partitions))
	for i, p := range partitions {
		for _, have := range o.pairs {
			if samePartition(have.partition, p) {
				out[i] = readBack(have.offset)
			}
		}
	}
	return out, nil
}

func samePartition(a, b connect.Entries) bool { return reflect.DeepEqual(readBack(a), readBack(b)) }

func readBack(e connect.Entries) connect.Entries {
	out := slices.Clone(e)
	for i := range out {
		switch n := out[i].Value.(type) {
		case int:
			out[i].Value = int64(n)
		case int8:
			out[i].Value = int64(n)
		case int16:
			out[i].Value = int64(n)
		case int32:
			out[i].Value = int64(n)
		case float32:
			out[i].Value = float64(n)
		}
	}
	return out
}

func logger(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// notes keeps what was noted. It is safe for concurrent use.
type notes struct {
	mu   sync.Mutex
	said []string
}

// Note keeps the text.
func (n *notes) Note(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, text)
}

// Notes lists all that was noted, in order; an empty text took the one before back.
func (n *notes) Notes() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.said)
}

// ConnectorContext is a fake connect.ConnectorContext that counts what a connector asks for.
type ConnectorContext struct {
	// Store is nil for a sink.
	Store *Offsets
	log   *slog.Logger

	notes
	mu        sync.Mutex
	requested int
	errs      []error
}

var (
	_ connect.ConnectorContext = (*ConnectorContext)(nil)
	_ connect.Noter            = (*ConnectorContext)(nil)
)

// NewConnectorContext makes a context that logs to the test.
func NewConnectorContext(t testing.TB) *ConnectorContext {
	return &ConnectorContext{Store: &Offsets{}, log: logger(t)}
}

// RequestTaskReconfiguration counts the call.
func (c *ConnectorContext) RequestTaskReconfiguration() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requested++
}

// RaiseError keeps the error.
func (c *ConnectorContext) RaiseError(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// Requested tells how often new task configs were asked for.
func (c *ConnectorContext) Requested() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requested
}

// Errors lists the raised errors.
func (c *ConnectorContext) Errors() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.errs)
}

// Logger logs to the test.
func (c *ConnectorContext) Logger() *slog.Logger { return c.log }

// Offsets reads the store.
func (c *ConnectorContext) Offsets() connect.OffsetReader {
	if c.Store == nil {
		return nil
	}
	return c.Store
}

// SourceTaskContext is a fake connect.SourceTaskContext.
type SourceTaskContext struct {
	Store *Offsets
	log   *slog.Logger
	notes
}

var (
	_ connect.SourceTaskContext = (*SourceTaskContext)(nil)
	_ connect.Noter             = (*SourceTaskContext)(nil)
)

// NewSourceTaskContext makes a context with an offset store; nil makes an empty one.
func NewSourceTaskContext(t testing.TB, store *Offsets) *SourceTaskContext {
	if store == nil {
		store = &Offsets{}
	}
	return &SourceTaskContext{Store: store, log: logger(t)}
}

// Offsets reads the store.
func (c *SourceTaskContext) Offsets() connect.OffsetReader { return c.Store }

// Logger logs to the test.
func (c *SourceTaskContext) Logger() *slog.Logger { return c.log }

// SinkTaskContext is a fake connect.SinkTaskContext that keeps what a task asks for. It is for one goroutine.
type SinkTaskContext struct {
	Partitions []connect.TopicPartition
	// Rewound holds the offsets asked for by Rewind, Paused the paused partitions.
	Rewound         map[connect.TopicPartition]int64
	Paused          map[connect.TopicPartition]bool
	RetryTimeout    time.Duration
	CommitRequested bool
	log             *slog.Logger
}

var _ connect.SinkTaskContext = (*SinkTaskContext)(nil)

// NewSinkTaskContext makes a context of a task with these partitions.
func NewSinkTaskContext(t testing.TB, partitions ...connect.TopicPartition) *SinkTaskContext {
	return &SinkTaskContext{
		Partitions: partitions, log: logger(t),
		Rewound: map[connect.TopicPartition]int64{}, Paused: map[connect.TopicPartition]bool{},
	}
}

// Rewind keeps the offsets.
func (c *SinkTaskContext) Rewind(offsets map[connect.TopicPartition]int64) {
	maps.Copy(c.Rewound, offsets)
}

// SetRetryTimeout keeps the timeout.
func (c *SinkTaskContext) SetRetryTimeout(d time.Duration) { c.RetryTimeout = d }

// Assignment gives the partitions.
func (c *SinkTaskContext) Assignment() []connect.TopicPartition { return slices.Clone(c.Partitions) }

// Pause notes the partitions.
func (c *SinkTaskContext) Pause(partitions ...connect.TopicPartition) {
	for _, p := range partitions {
		c.Paused[p] = true
	}
}

// Resume forgets the partitions.
func (c *SinkTaskContext) Resume(partitions ...connect.TopicPartition) {
	for _, p := range partitions {
		delete(c.Paused, p)
	}
}

// RequestCommit notes the call.
func (c *SinkTaskContext) RequestCommit() { c.CommitRequested = true }

// Logger logs to the test.
func (c *SinkTaskContext) Logger() *slog.Logger { return c.log }
