package raw

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
)

// Errors that a ConnError wraps, besides those of the network.
var (
	// ErrClosed is a connection, cluster or reader that was closed on this side.
	ErrClosed = errors.New("closed")
	// ErrIdle is a connection that nobody used for connections.max.idle.ms.
	ErrIdle = errors.New("closed after being idle")
	// ErrTimeout is a request without an answer within request.timeout.ms.
	ErrTimeout = errors.New("no answer within request.timeout.ms")
	// ErrProtocol is an answer that is none.
	ErrProtocol = errors.New("not an answer of Kafka's protocol")
)

// ConnError is the end of a connection, or why there is none. A request that fails with it has no answer.
type ConnError struct {
	// Addr is the broker's host:port.
	Addr string
	// Written tells that the broker may have got the request, in part or as a whole.
	Written bool
	Err     error
}

func (e *ConnError) Error() string { return "broker " + e.Addr + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *ConnError) Unwrap() error { return e.Err }

// Reply gets a request's answer, or a *ConnError that says why there is none. It is called from the connection's goroutine, for the
// requests of a connection in the order in which they were sent, and must not wait for anything. What it gets of the response lies
// in the memory of hold as far as it is bytes (and, of fetch responses, strings): it must let go of hold when it needs them no more.
// hold is nil with an error only.
type Reply func(resp kmsg.Response, hold *client.Hold, err error)

// Gathered is a request whose bytes lie in several pieces, so that record batches go out without being copied.
type Gathered interface {
	kmsg.Request
	// Gather appends the request's body to parts, piece by piece. Small pieces may be built in scratch, which is returned as
	// far as it was used; what was appended to parts must not move. The pieces are the connection's until the Reply.
	Gather(scratch []byte, parts net.Buffers) ([]byte, net.Buffers)
}

// Conn is a connection to a broker, authenticated, whose API versions are known. It is safe for concurrent use. Its two goroutines end
// with Close, or with the first error.
type Conn struct {
	// Addr is the broker's host:port.
	Addr string

	d        *Dialer
	nc       net.Conn
	versions map[int16][2]int16
	sess     session

	// pen belongs to who writes: to the writer, or to who finds nothing to wait for. It comes before mu.
	pen sync.Mutex

	mu      sync.Mutex
	wake    chan struct{} // holds one element once there is something for the writer
	waiting []*call
	flying  []*call
	corr    int32
	err     error // why it ended
	mute    time.Time

	ctx     context.Context // ends at the first error
	cancel  context.CancelFunc
	written chan struct{} // closed when the writer has ended
	done    chan struct{} // closed when all is over

	inFlight atomic.Int32
	// What follows is the pen's.
	buf   []byte
	parts net.Buffers
	small []byte
}

// call is one request on its way.
type call struct {
	req   kmsg.Request
	sized func(answer)
	corr  int32
	due   time.Time
}

// Version is the highest version of a kind of request that both sides know, up to most; negative if there is none.
func (c *Conn) Version(key, most int16) int16 {
	v, known := c.versions[key]
	if !known || v[0] > most {
		return -1
	}
	return min(v[1], most)
}

// Negotiate sets the request's version to the highest from least to most that the broker knows.
func (c *Conn) Negotiate(req kmsg.Request, least, most int16) error {
	v := c.Version(req.Key(), min(most, req.MaxVersion()))
	if v < least {
		return fmt.Errorf("broker %s is too old or too new: it does not know %s in the versions %d to %d (%w)",
			c.Addr, kmsg.NameForKey(req.Key()), least, most, kerr.UnsupportedVersion)
	}
	req.SetVersion(v)
	return nil
}

// Send writes a request, whose version is set, behind those sent before. Several may be in flight; they are answered in
// order. It does not wait, not even for the writing. An error means that reply will not be called; otherwise it is called once. The request is the
// connection's until then.
func (c *Conn) Send(req kmsg.Request, reply Reply) error {
	return c.send(newCall(req, reply))
}

func newCall(req kmsg.Request, reply Reply) *call {
	return &call{req: req, sized: func(a answer) { reply(a.resp, a.hold, a.err) }}
}

// SendNow is Send for who may wait for the writing, request.timeout.ms at most: it writes the request itself unless others are before it.
// Besides the errors of Send there is none: a request that can't be written is answered.
func (c *Conn) SendNow(req kmsg.Request, reply Reply) error {
	next := newCall(req, reply)
	if !c.pen.TryLock() {
		return c.send(next)
	}
	defer c.pen.Unlock()
	if !c.overtake(next) {
		return c.send(next)
	}
	if err := c.put(next); err != nil {
		c.fail(err)
	}
	return nil
}

// overtake puts a request among those in flight if there is nothing that it would have to wait for. The pen is held.
func (c *Conn) overtake(next *call) bool {
	if c.sess.due() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || len(c.waiting) > 0 || c.muted() > 0 {
		return false
	}
	c.inFlight.Add(1)
	c.launch(next)
	return true
}

func (c *Conn) send(next *call) error {
	c.mu.Lock()
	if c.err != nil {
		err := c.err
		c.mu.Unlock()
		return &ConnError{Addr: c.Addr, Err: err}
	}
	c.waiting = append(c.waiting, next)
	c.mu.Unlock()
	c.inFlight.Add(1)
	signal(c.wake)
	return nil
}

// Do sends a request with the highest version that both know and waits for the answer. If ctx ends before, the request may be
// answered all the same, and the request stays the connection's until then.
func (c *Conn) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, *client.Hold, error) {
	if err := c.Negotiate(req, 0, req.MaxVersion()); err != nil {
		return nil, nil, err
	}
	return c.DoAs(ctx, req)
}

// DoAs is Do with the version that the request has.
func (c *Conn) DoAs(ctx context.Context, req kmsg.Request) (kmsg.Response, *client.Hold, error) {
	w := newWaiter()
	defer w.leave()
	if err := c.send(&call{req: req, sized: w.answer}); err != nil {
		return nil, nil, err
	}
	return w.wait(ctx)
}

// InFlight is how many requests have no answer yet, those that are not written among them.
func (c *Conn) InFlight() int { return int(c.inFlight.Load()) }

// Muted is for how long nothing will be written because the broker asked for it (KIP-219); 0 or less: not at all.
func (c *Conn) Muted() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.muted()
}

// muted is Muted; mu is held.
func (c *Conn) muted() time.Duration {
	if c.mute.IsZero() {
		return 0
	}
	return time.Until(c.mute)
}

// Err is why the connection ended, nil while it has not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return &ConnError{Addr: c.Addr, Err: c.err}
}

func (c *Conn) ended() bool { return c.ctx.Err() != nil }

// Close ends the connection; what has no answer fails with ErrClosed. It does not wait: see Done.
func (c *Conn) Close() { c.fail(ErrClosed) }

// Done is closed when the connection has ended and all replies were called.
func (c *Conn) Done() <-chan struct{} { return c.done }

// fail ends the connection. The reader calls the replies.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	c.mu.Unlock()
	if first {
		c.cancel()
		_ = c.nc.Close()
	}
}

// start runs the connection.
func (c *Conn) start() {
	if c.d.maxIdle > 0 {
		_ = c.nc.SetReadDeadline(time.Now().Add(c.d.maxIdle))
	}
	go c.write()
	go c.read()
}

// write is the writer: one request after the other, as long as the connection lasts.
func (c *Conn) write() {
	defer close(c.written)
	for {
		next := c.next()
		if next == nil || !c.unmuted() {
			return
		}
		if err := c.turn(next); err != nil {
			c.fail(err)
			return
		}
	}
}

// turn writes the oldest request.
func (c *Conn) turn(next *call) error {
	c.pen.Lock()
	defer c.pen.Unlock()
	if c.sess.due() {
		if err := c.reauthenticate(); err != nil {
			return err
		}
	}
	if !c.take(next) {
		return ErrClosed // it has ended for another reason
	}
	return c.put(next)
}

// next waits for the oldest request that is not written. It stays in the queue; only the writer takes from there.
func (c *Conn) next() *call {
	for {
		c.mu.Lock()
		ended := c.err != nil
		var next *call
		if len(c.waiting) > 0 {
			next = c.waiting[0]
		}
		c.mu.Unlock()
		if ended {
			return nil
		}
		if next != nil {
			return next
		}
		select {
		case <-c.wake:
		case <-c.ctx.Done():
			return nil
		}
	}
}

// unmuted waits until the broker wants requests again.
func (c *Conn) unmuted() bool {
	for {
		left := c.Muted()
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// take moves a request from the queue to those in flight, before a byte of it is written.
func (c *Conn) take(next *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	c.waiting[0] = nil
	c.waiting = c.waiting[1:]
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
	c.launch(next)
	return true
}

// launch counts a request as written; mu is held.
func (c *Conn) launch(next *call) {
	c.corr++
	next.corr = c.corr
	next.due = time.Now().Add(c.d.timeoutOf(next.req))
	c.flying = append(c.flying, next)
	if len(c.flying) == 1 {
		_ = c.nc.SetReadDeadline(next.due)
	}
}

// put writes a request.
func (c *Conn) put(next *call) error {
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.d.requestTimeout))
	g, gathered := next.req.(Gathered)
	if !gathered {
		c.buf = c.d.format.AppendRequest(c.buf[:0], next.req, next.corr)
		_, err := c.nc.Write(c.buf)
		c.trim()
		return err
	}
	c.buf = c.d.format.AppendRequest(c.buf[:0], headOnly{next.req}, next.corr)
	c.parts = append(c.parts[:0], c.buf)
	c.small, c.parts = g.Gather(c.small[:0], c.parts)
	setSize(c.buf, c.parts)
	err := writeParts(c.nc, c.parts)
	clear(c.parts)
	c.trim()
	return err
}

// keptScratch is how much memory a connection keeps for its requests.
const keptScratch = 256 << 10

func (c *Conn) trim() {
	if cap(c.buf) > keptScratch {
		c.buf = nil
	}
	if cap(c.small) > keptScratch {
		c.small = nil
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
