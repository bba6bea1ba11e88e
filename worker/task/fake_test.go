package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/cluster"
)

// bytesConverter passes bytes; raw makes it say so.
type bytesConverter struct{ raw bool }

func (c bytesConverter) PassThrough() bool                       { return c.raw }
func (c bytesConverter) Configure(map[string]string, bool) error { return nil }
func (c bytesConverter) FromData(_ string, _ *connect.Schema, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	case error:
		return nil, v
	}
	return nil, fmt.Errorf("no bytes: %T", v)
}

func (c bytesConverter) ToData(_ string, b []byte) (*connect.Schema, any, error) {
	if string(b) == "bad" {
		return nil, nil, errors.New("bad bytes")
	}
	return connect.OptionalBytesSchema, bytesOrNil(b), nil
}

type bytesHeaders struct{ raw bool }

func (c bytesHeaders) PassThrough() bool                 { return c.raw }
func (c bytesHeaders) Configure(map[string]string) error { return nil }
func (c bytesHeaders) FromHeader(_, _ string, s *connect.Schema, v any) ([]byte, error) {
	return bytesConverter{}.FromData("", s, v)
}

func (c bytesHeaders) ToHeader(_, _ string, b []byte) (*connect.Schema, any, error) {
	return bytesConverter{}.ToData("", b)
}

func bytesConverters(raw bool) Converters {
	return Converters{Key: bytesConverter{raw}, Value: bytesConverter{raw}, Header: bytesHeaders{raw}}
}

// journal is what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// only gives the lines that start with one of the prefixes.
func (j *journal) only(prefixes ...string) []string {
	return slices.DeleteFunc(j.all(), func(l string) bool {
		return !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(l, p) })
	})
}

func (j *journal) report(state cluster.State, err error) {
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		j.add("state %s: %s", state, first)
		return
	}
	j.add("state %s", state)
}

func equalLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func ended(t *testing.T, h Handle) {
	t.Helper()
	synctest.Wait()
	select {
	case <-h.Done():
	default:
		t.Error("it has not ended")
	}
}

// fakeProducer keeps what is sent, and delivers it at once, or when told if hold is set.
type fakeProducer struct {
	j         *journal
	deliver   func([]Delivery)
	mu        sync.Mutex
	hold      bool
	failOn    string // value of the record whose delivery fails
	refuse    string // value of the record that Send does not take
	sendErr   error
	blockSend bool
	waiting   []Delivery
	sent      []ProducerRecord
	closed    bool
	settled   chan struct{} // closed and renewed when waiting was emptied
}

func newFakeProducer(j *journal) *fakeProducer {
	return &fakeProducer{j: j, settled: make(chan struct{})}
}

func (p *fakeProducer) open(_ map[string]string, deliver func([]Delivery)) (Producer, error) {
	p.deliver = deliver
	return p, nil
}

func (p *fakeProducer) Send(ctx context.Context, recs []ProducerRecord) error {
	p.mu.Lock()
	if p.closed {
		panic("Send after Close")
	}
	if p.sendErr != nil {
		defer p.mu.Unlock()
		return p.sendErr
	}
	if p.blockSend {
		p.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	for _, r := range recs {
		if p.refuse != "" && p.refuse == string(r.Value) {
			p.mu.Unlock()
			p.settle()
			return &client.RecordError{Seq: r.Seq, Err: errors.New("does not fit")}
		}
		r.Value, r.Key, r.Headers = slices.Clone(r.Value), slices.Clone(r.Key), slices.Clone(r.Headers)
		p.sent = append(p.sent, r)
		p.j.add("send %s %s", r.Topic, r.Value)
		d := Delivery{Seq: r.Seq, Partition: max(r.Partition, 0), Offset: int64(len(p.sent) - 1)}
		if p.failOn != "" && p.failOn == string(r.Value) {
			d.Err = errors.New("message too large")
		}
		p.waiting = append(p.waiting, d)
	}
	hold := p.hold
	p.mu.Unlock()
	if !hold {
		p.settle()
	}
	return nil
}

// settle delivers all that waits, the newest first: order is no promise.
func (p *fakeProducer) settle() {
	p.mu.Lock()
	ds := p.waiting
	p.waiting = nil
	p.mu.Unlock()
	slices.Reverse(ds)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if len(ds) > 0 {
			p.deliver(ds)
		}
	}()
	<-done
	p.mu.Lock()
	close(p.settled)
	p.settled = make(chan struct{})
	p.mu.Unlock()
}

func (p *fakeProducer) Flush(ctx context.Context) error {
	p.j.add("flush")
	for {
		p.mu.Lock()
		n, settled := len(p.waiting), p.settled
		p.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *fakeProducer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.waiting = nil
	p.j.add("close producer")
}

// fakeOffsets keeps stored offsets as "partition=offset" lines.
type fakeOffsets struct {
	j    *journal
	mu   sync.Mutex
	err  error
	hang bool
}

func (o *fakeOffsets) set(err error, hang bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err, o.hang = err, hang
}

func (o *fakeOffsets) Set(ctx context.Context, _ string, pairs []OffsetPair) error {
	o.mu.Lock()
	err, hang := o.err, o.hang
	o.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		o.j.add("store fails")
		return err
	}
	var lines []string
	for _, p := range pairs {
		part, _ := p.Partition.Int64("p")
		off, _ := p.Offset.Int64("o")
		lines = append(lines, fmt.Sprintf("%d=%d", part, off))
	}
	slices.Sort(lines)
	o.j.add("store %s", strings.Join(lines, " "))
	return nil
}

// scriptTask is a source task: whatever comes by polls is the answer of the next Poll.
type scriptTask struct {
	j         *journal
	polls     chan func(context.Context) ([]connect.SourceRecord, error)
	startErr  error
	start     func(ctx context.Context) error
	onStop    func()
	commitErr error
}

func newScriptTask(j *journal) *scriptTask {
	return &scriptTask{j: j, polls: make(chan func(context.Context) ([]connect.SourceRecord, error), 100)}
}

func (s *scriptTask) Start(ctx context.Context, _ connect.SourceTaskContext, _ map[string]string) error {
	s.j.add("start")
	if s.start != nil {
		return s.start(ctx)
	}
	return s.startErr
}

func (s *scriptTask) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	select {
	case f := <-s.polls:
		return f(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *scriptTask) Stop() error {
	s.j.add("stop")
	if s.onStop != nil {
		s.onStop()
	}
	return nil
}

func (s *scriptTask) Commit(context.Context) error {
	s.j.add("commit")
	return s.commitErr
}

func (s *scriptTask) give(recs ...connect.SourceRecord) {
	s.polls <- func(context.Context) ([]connect.SourceRecord, error) { return recs, nil }
}

func (s *scriptTask) fail(err error) {
	s.polls <- func(context.Context) ([]connect.SourceRecord, error) { return nil, err }
}

// rec is a record of source partition p at offset o.
func rec(p, o int, value any) connect.SourceRecord {
	return connect.SourceRecord{
		SourcePartition: connect.Entries{{Key: "p", Value: int32(p)}},
		SourceOffset:    connect.Entries{{Key: "o", Value: int64(o)}},
		Topic:           "t", Partition: connect.NoPartition, Value: value,
	}
}

// sourceRig is a source task with all it needs, inside a synctest bubble.
type sourceRig struct {
	*journal
	task *scriptTask
	prod *fakeProducer
	offs *fakeOffsets
	cfg  SourceConfig
}

func newSourceRig() *sourceRig {
	j := &journal{}
	r := &sourceRig{journal: j, task: newScriptTask(j), prod: newFakeProducer(j), offs: &fakeOffsets{j: j}}
	r.cfg = SourceConfig{
		ID: cluster.TaskID{Connector: "m"}, New: func() connect.SourceTask { return r.task },
		Converters: bytesConverters(true), NewProducer: r.prod.open, Offsets: r.offs,
		FlushInterval: 10 * time.Second, FlushTimeout: 5 * time.Second, Report: j.report,
	}
	return r
}

func (r *sourceRig) run(t *testing.T) *Source {
	s := StartSource(t.Context(), r.cfg)
	synctest.Wait()
	return s
}
