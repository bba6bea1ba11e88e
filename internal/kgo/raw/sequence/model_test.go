package sequence

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/internal/client"
)

// broker is a model of how Kafka checks sequence numbers: the last five batches of a producer are known.
type broker struct {
	log   []int // numbers of the batches, in the order in which they were written
	known bool
	id    ID
	last  []entry
}

type entry struct {
	first, last int32
	offset      int64
}

// request is a copy of a batch on its way.
type request struct {
	b     *Batch[int]
	id    ID
	seq   int32
	n     int32
	large bool
}

func (k *broker) produce(r request) Answer {
	if r.large {
		return Answer{Kind: Refused, Err: client.ErrTooLarge}
	}
	end := after(r.seq, r.n-1)
	if k.known && r.id == k.id {
		for _, e := range k.last {
			if e.first == r.seq && e.last == end {
				return Answer{Kind: Written, Offset: e.offset}
			}
		}
	}
	switch {
	case !k.known: // any number
	case r.id.Producer != k.id.Producer: // the model's partition forgets the one before
		k.last = nil
	case r.id.Epoch < k.id.Epoch:
		return Answer{Kind: BadID, Err: errors.New("epoch")}
	case r.id.Epoch > k.id.Epoch:
		if r.seq != 0 {
			return Answer{Kind: OutOfOrder, Err: errors.New("order")}
		}
		k.last = nil
	case r.seq != after(k.last[len(k.last)-1].last, 1):
		return Answer{Kind: OutOfOrder, Err: errors.New("order")}
	}
	k.known, k.id = true, r.id
	offset := int64(len(k.log))
	k.log = append(k.log, r.b.Of)
	k.last = append(k.last, entry{r.seq, end, offset})
	if len(k.last) > 5 {
		k.last = k.last[1:]
	}
	return Answer{Kind: Written, Offset: offset}
}

// conn is a connection: requests and answers keep their order.
type conn struct {
	number  uint64
	leader  int
	dead    bool
	sent    []request // not looked at
	flying  []*Batch[int]
	answers []Answer
}

// world is a line, a partition whose leader moves, and what is between.
type world struct {
	t       *rapid.T
	line    *Line[int]
	out     Out[int]
	broker  broker
	leader  int
	conns   []*conn
	limbo   [][]request // of dead connections: may still be looked at, in their order
	now     time.Time
	added   []*Batch[int]
	large   map[int]bool
	done    []Outcome[int]
	freed   map[int]bool
	ids     int64
	stable  bool
	lossy   bool // data was lost on purpose
	written map[int]bool
}

var errWaited = errors.New("waited for too long")

func newWorld(t *rapid.T) *world {
	cfg := Config{Idempotent: true, Window: rapid.IntRange(1, 5).Draw(t, "window"), Retries: 1 << 30}
	w := &world{t: t, line: New[int](cfg), large: map[int]bool{}, freed: map[int]bool{}, now: time.Unix(0, 0), written: map[int]bool{}}
	w.line.Restart(w.newID())
	w.line.next = rapid.SampledFrom([]int32{0, 1<<31 - 8}).Draw(t, "first number")
	return w
}

func (w *world) newID() ID { w.ids++; return ID{w.ids, 0} }

func (w *world) collect() {
	for _, d := range w.out.Done {
		if n := len(w.done); w.added[n] != d.Batch {
			w.t.Fatalf("outcome of batch %d, want %d next", d.Batch.Of, n)
		}
		w.done = append(w.done, d)
		if d.Err == nil {
			w.written[d.Batch.Of] = true
			if !w.lossy && d.Offset >= 0 && w.broker.log[d.Offset] != d.Batch.Of {
				w.t.Fatalf("batch %d is said to be at %d, where %d is", d.Batch.Of, d.Offset, w.broker.log[d.Offset])
			}
		}
	}
	for _, b := range w.out.Free {
		if w.freed[b.Of] {
			w.t.Fatalf("batch %d is freed twice", b.Of)
		}
		if b.Of >= len(w.done) {
			w.t.Fatalf("batch %d is freed without an outcome", b.Of)
		}
		for _, c := range w.conns {
			if !c.dead && slices.Contains(c.flying, b) {
				w.t.Fatalf("batch %d is freed in flight", b.Of)
			}
		}
		w.freed[b.Of] = true
	}
	w.out.Reset()
	if w.line.Need() == NeedID {
		if w.line.InFlight() > 0 {
			w.t.Fatal("a new id is asked for while something is in flight")
		}
		w.line.Restart(w.newID())
	}
}

func (w *world) add() {
	n := len(w.added)
	b := &Batch[int]{Of: n, Records: int32(rapid.IntRange(1, 5).Draw(w.t, "records")), Deadline: w.now.Add(50 * time.Second)}
	w.large[n] = rapid.IntRange(0, 19).Draw(w.t, "large") == 0
	w.added = append(w.added, b)
	w.line.Add(b, &w.out)
}

func (w *world) send() {
	live := w.live()
	if len(live) == 0 {
		return
	}
	c := live[0]
	if !w.stable {
		c = rapid.SampledFrom(live).Draw(w.t, "connection")
	}
	b := w.line.Next(c.number)
	if b == nil {
		return
	}
	w.line.Sent(b, c.number)
	c.flying = append(c.flying, b)
	c.sent = append(c.sent, request{b, b.ID, b.Seq, b.Records, w.large[b.Of]})
}

func (w *world) live() (live []*conn) {
	for _, c := range w.conns {
		if !c.dead {
			live = append(live, c)
		}
	}
	return live
}

func (w *world) connect() {
	leader := w.leader
	if !w.stable {
		leader = rapid.IntRange(0, 1).Draw(w.t, "broker")
	}
	w.conns = append(w.conns, &conn{number: uint64(len(w.conns) + 1), leader: leader})
}

// handle has the broker look at a connection's next request.
func (w *world) handle(c *conn) {
	if len(c.sent) == 0 {
		return
	}
	r := c.sent[0]
	c.sent = c.sent[1:]
	c.answers = append(c.answers, w.answer(r, c.leader))
}

func (w *world) answer(r request, leader int) Answer {
	if leader != w.leader {
		return Answer{Kind: Unsure, Err: errors.New("not the leader")}
	}
	if !w.stable {
		switch rapid.IntRange(0, 9).Draw(w.t, "fault") {
		case 0:
			return Answer{Kind: NotWritten, Err: errors.New("not enough replicas")}
		case 1:
			w.broker.produce(r)
			return Answer{Kind: Unsure, Err: errors.New("timed out")}
		}
	}
	return w.broker.produce(r)
}

// hear brings the client a connection's next answer.
func (w *world) hear(c *conn) {
	if len(c.answers) == 0 {
		return
	}
	a, b := c.answers[0], c.flying[0]
	c.answers, c.flying = c.answers[1:], c.flying[1:]
	w.line.Answer(b, a, &w.out)
}

// kill ends a connection. What the broker has not looked at, it may look at later.
func (w *world) kill(c *conn) {
	c.dead = true
	if len(c.sent) > 0 {
		w.limbo = append(w.limbo, c.sent)
	}
	for _, b := range c.flying {
		w.line.Answer(b, Answer{Kind: Unsure, Err: errors.New("no answer")}, &w.out)
	}
	c.flying, c.sent, c.answers = nil, nil, nil
}

// haunt has the broker look at a request of a connection that is gone.
func (w *world) haunt() {
	if len(w.limbo) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.limbo)-1).Draw(w.t, "ghost")
	r := w.limbo[i][0]
	if w.limbo[i] = w.limbo[i][1:]; len(w.limbo[i]) == 0 {
		w.limbo = slices.Delete(w.limbo, i, i+1)
	}
	w.broker.produce(r)
}

func (w *world) step() {
	live := w.live()
	pick := func() *conn { return rapid.SampledFrom(live).Draw(w.t, "connection") }
	switch rapid.IntRange(0, 30).Draw(w.t, "step") {
	case 0, 1, 2, 3, 4, 5:
		w.add()
	case 6:
		if len(live) < 2 {
			w.connect()
		}
	case 7:
		if len(live) > 0 {
			w.kill(pick())
		}
	case 8:
		w.leader = 1 - w.leader
	case 9:
		w.haunt()
	case 10:
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(w.t, "seconds")) * time.Second)
		w.line.Expire(w.now, func(*Batch[int], error) error { return errWaited }, &w.out)
	case 11:
		w.line.Resume()
	case 12:
		if rapid.IntRange(0, 5).Draw(w.t, "abandon") == 0 {
			w.line.Abandon(errors.New("abandoned"), &w.out)
		}
	case 13:
		if w.line.Empty() && w.line.InFlight() == 0 && len(w.limbo) == 0 {
			w.broker.known, w.broker.last = false, nil // expired
			w.line.Forgotten()
		}
	case 14, 15, 16, 17, 18, 19:
		if len(live) > 0 {
			w.handle(pick())
		}
	case 20, 21, 22, 23, 24:
		if len(live) > 0 {
			w.hear(pick())
		}
	default:
		w.send()
	}
	w.collect()
}

// settle lets all faults end, and everything get its outcome.
func (w *world) settle() {
	w.stable = true
	for _, c := range w.live() {
		w.kill(c)
		w.collect()
	}
	w.connect()
	c := w.conns[len(w.conns)-1]
	for range 20 * (len(w.added) + 5) {
		w.send()
		w.handle(c)
		w.hear(c)
		w.collect()
	}
	for len(w.limbo) > 0 {
		w.haunt()
	}
}

// TestEachBatchIsWrittenOnceAndInOrder lets requests, answers and connections get lost, leaders move and batches be given up. What the
// log holds at last is in the order in which it was sent, without duplicates, and all that was said to be written is there.
func TestEachBatchIsWrittenOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			w.step()
		}
		w.settle()
		if len(w.done) != len(w.added) {
			t.Fatalf("%d of %d batches have an outcome: %s", len(w.done), len(w.added), w.state())
		}
		for i := range w.added {
			if !w.freed[i] {
				t.Fatalf("batch %d is held for ever", i)
			}
		}
		for i := 1; i < len(w.broker.log); i++ {
			if w.broker.log[i] <= w.broker.log[i-1] {
				t.Fatalf("the log's order: %v", w.broker.log)
			}
		}
		for n := range w.written {
			if !slices.Contains(w.broker.log, n) {
				t.Fatalf("batch %d was acknowledged and is not in the log %v", n, w.broker.log)
			}
		}
		w.failures()
	})
}

// failures checks that what is behind a failure is passed over.
func (w *world) failures() {
	for _, d := range w.done {
		if errors.Is(d.Err, client.ErrTooLarge) && !w.large[d.Batch.Of] {
			w.t.Fatalf("batch %d: %v", d.Batch.Of, d.Err)
		}
		if d.Err == nil && w.large[d.Batch.Of] {
			w.t.Fatalf("batch %d was written, which is too large", d.Batch.Of)
		}
	}
}

func (w *world) state() string {
	return fmt.Sprintf("mode %d, id %v, bump %v, in flight %d, failed %v", w.line.mode, w.line.id, w.line.bump, w.line.fly, w.line.failed)
}
