package sequence

import (
	"math"
	"time"
)

// ID is who writes: what InitProducerId gave, and the epoch.
type ID struct {
	Producer int64
	Epoch    int16
}

// NoID is that of a producer without sequence numbers.
var NoID = ID{-1, -1}

// Config is the same for all partitions of a producer.
type Config struct {
	// Window is how many batches may be without an outcome, at most 5 with sequence numbers.
	Window int
	// Idempotent producers number their batches. Others have one batch in flight, so that order is kept at least.
	Idempotent bool
	// Transactional producers get a new epoch from their coordinator only.
	Transactional bool
	// Retries is how often a batch may be tried again.
	Retries int
}

// Batch is one batch on its way. Of, Records and Deadline are the caller's, the rest is for reading.
type Batch[T any] struct {
	Of T
	// Records is how many numbers the batch takes.
	Records int32
	// Deadline is when it is given up.
	Deadline time.Time

	// ID and Seq are what it was sent under, valid after Sent.
	ID  ID
	Seq int32

	state state
	// unsure: it may be in the log, or a copy of it may get there yet.
	unsure bool
	// numbered: Seq is its own, under the line's present ID.
	numbered bool
	tries    int
	offset   int64
	err      error
}

// Tries is how often it was sent.
func (b *Batch[T]) Tries() int { return b.tries }

type state uint8

const (
	waiting state = iota
	flying
	written
	refused // can't be written, as soon as it is the first
	ghost   // given up while it flies
)

// Outcome of a batch, in the order in which they were queued.
type Outcome[T any] struct {
	Batch *Batch[T]
	// Offset is that of the first record, -1 unknown.
	Offset int64
	Err    error
}

// Out collects what follows from an event. The caller empties it.
type Out[T any] struct {
	// Done have their outcome now.
	Done []Outcome[T]
	// Free will not be sent or read any more. Each batch comes once in Done and once in Free, not before.
	Free []*Batch[T]
}

// Reset makes room for the next event.
func (o *Out[T]) Reset() {
	clear(o.Done)
	clear(o.Free)
	o.Done, o.Free = o.Done[:0], o.Free[:0]
}

// Need is what a line waits for besides answers.
type Need uint8

const (
	// NeedNothing: it can go on.
	NeedNothing Need = iota
	// NeedID: it can't go on without another producer id, or epoch of its coordinator's: Restart.
	NeedID
)

type mode uint8

const (
	// probing: one batch at a time, until the broker has taken one.
	probing mode = iota
	// steady: up to the window.
	steady
	// draining: none until all in flight are answered.
	draining
)

// Line is the order of one partition's batches. It is not safe for concurrent use.
type Line[T any] struct {
	cfg   Config
	id    ID
	has   bool
	next  int32 // the number of the next batch that has none
	mode  mode
	bump  bool // the epoch changes once nothing flies
	anew  bool // and the producer id with it
	queue []*Batch[T]
	// fly counts batches in flight, ghosts among them; they all go over conn.
	fly      int
	conn     uint64
	failures int
	failed   bool
}

// New makes a line of a partition that the producer has not written to.
func New[T any](cfg Config) *Line[T] {
	if !cfg.Idempotent {
		cfg.Window = 1
		return &Line[T]{cfg: cfg, id: NoID, has: true}
	}
	cfg.Window = min(max(cfg.Window, 1), 5)
	return &Line[T]{cfg: cfg, id: NoID}
}

// Add queues a batch. A line that has failed passes it over, until Resume.
func (l *Line[T]) Add(b *Batch[T], out *Out[T]) {
	if l.failed {
		l.passOver(b, out)
		return
	}
	l.queue = append(l.queue, b)
}

// Next is the batch that may be sent over a connection now, or nil. It stays the next one until Sent.
func (l *Line[T]) Next(conn uint64) *Batch[T] {
	if !l.has || l.bump || l.mode == draining || l.fly > 0 && (l.mode == probing || l.conn != conn) {
		return nil
	}
	for i, b := range l.queue {
		switch {
		case i >= l.cfg.Window, b.state == refused:
			return nil
		case b.state == waiting:
			return b
		}
	}
	return nil
}

// Sent notes that Next's batch goes over a connection, and numbers it.
func (l *Line[T]) Sent(b *Batch[T], conn uint64) {
	l.conn = conn
	l.fly++
	b.tries++
	b.state = flying
	if l.cfg.Idempotent && !b.numbered {
		b.numbered, b.Seq = true, l.next
		l.next = after(b.Seq, b.Records)
	}
	if !l.cfg.Idempotent {
		b.Seq = -1
	}
	b.ID = l.id
}

// after is the number behind n records from seq on: numbers begin anew behind the largest int32.
func after(seq, n int32) int32 { return int32((int64(seq) + int64(n)) & math.MaxInt32) }

// Need tells what the line waits for; something else only once nothing is in flight.
func (l *Line[T]) Need() Need {
	if !l.has {
		return NeedID
	}
	return NeedNothing
}

// Restart gives the line an identity under which it has not written, while nothing is in flight. Numbers begin at 0.
func (l *Line[T]) Restart(id ID) {
	l.id, l.has, l.bump, l.anew = id, true, false, false
	l.next, l.mode = 0, probing
	for _, b := range l.queue {
		b.numbered, b.unsure = false, false
	}
}

// ID is the line's present identity.
func (l *Line[T]) ID() ID { return l.id }

// Resume ends a failure: the one who sends goes back to what failed.
func (l *Line[T]) Resume() { l.failed = false }

// Forgotten tells that the partition may know nothing of the producer any more: it has been idle for long (producer.id.expiration.ms),
// or was made anew. The next batch goes alone, since a broker that knows nothing takes any number.
func (l *Line[T]) Forgotten() {
	if l.mode == steady {
		l.mode = draining
		l.settle()
	}
}

// Failures is how often in a row the partition could not be written to; 0 after a success.
func (l *Line[T]) Failures() int { return l.failures }

// InFlight is how many batches are in flight.
func (l *Line[T]) InFlight() int { return l.fly }

// Empty tells that no batch waits for an outcome.
func (l *Line[T]) Empty() bool { return len(l.queue) == 0 }

// Window is how many batches may be without an outcome.
func (l *Line[T]) Window() int { return l.cfg.Window }

// Waiting is how many batches have no outcome and are not in flight.
func (l *Line[T]) Waiting() int {
	n := 0
	for i, b := range l.queue {
		if i >= l.cfg.Window {
			return n + len(l.queue) - i
		}
		if b.state == waiting || b.state == refused {
			n++
		}
	}
	return n
}

// Deadline is when the first batch is to be given up; false if there is none.
func (l *Line[T]) Deadline() (time.Time, bool) {
	if len(l.queue) == 0 {
		return time.Time{}, false
	}
	return l.queue[0].Deadline, true
}
