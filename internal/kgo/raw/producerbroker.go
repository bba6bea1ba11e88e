package raw

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

// outBroker is a broker that is written to, with a goroutine that fills requests.
type outBroker struct {
	p    *Producer
	id   int32
	wake chan struct{}

	// What follows is the producer's lock's.
	conn    *Conn
	number  uint64 // of the connection, among all of the producer
	ring    []*lane
	ready   int       // bytes of the batches whose turn comes next, one of each lane
	since   time.Time // something is ready
	flying  int       // requests
	trips   shortest
	probing bool
	probed  time.Time
	timer   *time.Timer
	err     error // why there is no connection
}

const (
	// worthIt is how many bytes need not wait for more behind one request, twice as many behind two, and so on: while the broker has work,
	// fewer and larger requests cost both sides less, and it has the next one before it has answered the last.
	worthIt     = 128 << 10
	mostDoubled = 4
	// batchOverhead is what a batch takes in a request besides its bytes, and the name of its topic.
	batchOverhead = 16
)

// broker gives the broker of an id. The lock is held.
func (p *Producer) broker(id int32) *outBroker {
	b := p.brokers[id]
	if b == nil {
		b = &outBroker{p: p, id: id, wake: make(chan struct{}, 1)}
		p.brokers[id] = b
		if !p.closed {
			p.work.Go(b.run)
		}
	}
	return b
}

// push has a lane wait for its turn. The lock is held.
func (b *outBroker) push(l *lane, next *batch) {
	if b.ready == 0 {
		b.since = time.Now()
	}
	l.ring, l.size = b, len(next.Of.Bytes)
	b.ring = append(b.ring, l)
	b.ready += l.size
	signal(b.wake)
}

// leave takes a lane out of its turn; its place in the ring is passed over later. The lock is held.
func (b *outBroker) leave(l *lane) {
	b.ready -= l.size
	l.ring, l.size = nil, 0
}

func (b *outBroker) stopTimer() {
	if b.timer != nil {
		b.timer.Stop()
	}
}

// run sends what there is to send.
func (b *outBroker) run() {
	for {
		select {
		case <-b.wake:
		case <-b.p.ctx.Done():
			return
		}
		for b.due() && b.connect() {
			b.sendOne()
		}
	}
}

// due tells whether a request is to be sent now. If that is only a matter of time, it arms the timer.
func (b *outBroker) due() bool {
	p := b.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || b.ready == 0 || b.flying >= p.set.MaxInFlight {
		return false
	}
	left := p.set.Linger - time.Since(b.since)
	if b.flying == 0 || b.ready >= worthIt<<min(b.flying-1, mostDoubled) || left <= 0 {
		return true
	}
	if b.timer == nil {
		b.timer = time.AfterFunc(left, func() { signal(b.wake) })
	} else {
		b.timer.Reset(left)
	}
	return false
}

// connect sees to it that there is a connection. It may take long; after a failure it looks again whether there is anything to send.
func (b *outBroker) connect() bool {
	p := b.p
	p.mu.Lock()
	conn := b.conn
	p.mu.Unlock()
	if conn != nil && conn.Err() == nil {
		return true
	}
	conn, err := p.cl.Conn(p.ctx, b.id, ForProduce)
	if errors.Is(err, ErrUnknownBroker) {
		err = p.pause(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.err = err; err != nil {
		if p.ctx.Err() == nil {
			p.log.Debug("no connection for record batches", "broker", b.id, "error", err)
			signal(b.wake)
		}
		return false
	}
	b.conn = conn
	p.conns++
	b.number = p.conns
	return true
}

// pause waits for newer metadata, or for a while.
func (p *Producer) pause(err error) error {
	changed, _ := p.cl.Changed()
	timer := time.NewTimer(p.cl.Backoff(1))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-p.ctx.Done():
	}
	return err
}

// sendOne fills one request and sends it, its batches numbered as they are now.
func (b *outBroker) sendOne() {
	p := b.p
	req := b.fill()
	if req == nil {
		return
	}
	for i := range req.items {
		b := req.items[i].batch
		rawbatch.Patch(b.Of.Bytes, b.ID.Producer, b.ID.Epoch, b.Seq, p.txn != nil, b.Of.BodyCRC)
	}
	reply := func(resp kmsg.Response, hold *client.Hold, err error) { b.answered(req, resp, hold, err) }
	if err := b.conn.SendNow(req, reply); err != nil {
		b.answered(req, nil, nil, err)
	}
}

// fill takes lanes' next batches, one of each and in turn, up to max.request.size.
func (b *outBroker) fill() *produceRequest {
	p := b.p
	p.mu.Lock()
	defer p.mu.Unlock()
	req := p.newRequest(b.conn)
	size := 0
	for turns := len(b.ring); turns > 0; turns-- {
		l := b.ring[0]
		if l.ring != b { // it has left
			b.shift()
			continue
		}
		next := l.seq.Next(b.number)
		if next == nil || p.txn != nil && !p.txn.admits(l) {
			b.shift()
			b.leave(l)
			continue
		}
		n := len(next.Of.Bytes) + batchOverhead + len(l.topic.name)
		if size > 0 && size+n > p.set.MaxRequestSize {
			break // it begins the next request
		}
		size += n
		b.shift()
		b.leave(l)
		l.seq.Sent(next, b.number)
		l.flying += int64(len(next.Of.Bytes))
		req.items = append(req.items, outItem{lane: l, batch: next, bytes: next.Of.Bytes})
		p.offer(l)
	}
	b.since = time.Now()
	if len(req.items) == 0 {
		return nil
	}
	b.flying++
	b.probe()
	req.sort()
	return req
}

// shift takes the first lane out of the ring.
func (b *outBroker) shift() {
	b.ring[0] = nil
	b.ring = b.ring[1:]
	if len(b.ring) == 0 {
		b.ring = nil
	}
}

// answered takes in what became of a request. It runs on the connection's goroutine.
func (b *outBroker) answered(req *produceRequest, resp kmsg.Response, hold *client.Hold, err error) {
	p := b.p
	p.mu.Lock()
	b.flying--
	if err != nil {
		b.err = err
	}
	var stale []string
	req.answers(resp, err, func(it *outItem, a result) {
		l := it.lane
		l.last = time.Now()
		l.flying -= int64(len(it.bytes))
		answer := p.judge(l, it.batch, a)
		if answer.Err != nil && a.moved() {
			stale = append(stale, l.topic.name)
		}
		l.seq.Answer(it.batch, answer, &p.out)
		p.settled(l)
		p.fenced(a)
	})
	p.unlock()
	hold.Release()
	if err != nil && p.ctx.Err() == nil {
		p.log.Debug("record batches have no answer", "broker", b.id, "error", err)
		p.cl.Stale()
	}
	if len(stale) > 0 {
		p.cl.Stale(stale...)
	}
	signal(b.wake)
	if p.txn != nil {
		signal(p.txn.moved)
	}
}
