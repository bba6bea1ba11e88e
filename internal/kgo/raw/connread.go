package raw

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// readAhead is the reader's own buffer: small answers cost one call to the system, and little of a large one is copied.
const readAhead = 4 << 10

// read is the reader: one answer after the other. It is the one who calls replies, also when the connection has ended.
func (c *Conn) read() {
	defer close(c.done)
	br := bufio.NewReaderSize(c.nc, readAhead)
	for {
		if err := c.answer(br); err != nil {
			c.fail(err)
			break
		}
	}
	<-c.written  // who may still be reading what requests point to
	c.pen.Lock() // and who else may be
	c.mu.Lock()
	flying, waiting, err := c.flying, c.waiting, c.err
	c.flying, c.waiting = nil, nil
	c.mu.Unlock()
	c.pen.Unlock()
	for _, f := range flying {
		c.finish(f, answer{err: &ConnError{Addr: c.Addr, Written: true, Err: err}})
	}
	for _, w := range waiting {
		c.finish(w, answer{err: &ConnError{Addr: c.Addr, Err: err}})
	}
}

func (c *Conn) finish(f *call, a answer) {
	c.inFlight.Add(-1)
	f.sized(a)
}

// answer reads one response and hands it on.
func (c *Conn) answer(br *bufio.Reader) error {
	head, err := br.Peek(8)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return c.expired()
		}
		return readError(err)
	}
	size, corr := int(int32(binary.BigEndian.Uint32(head))), int32(binary.BigEndian.Uint32(head[4:]))
	if size < 4 || size > c.d.mostResponse {
		return badSize(head, size, c.d.mostResponse)
	}
	_, _ = br.Discard(8)
	c.mu.Lock()
	var f *call
	if len(c.flying) > 0 {
		f = c.flying[0]
	}
	c.mu.Unlock()
	if f == nil || f.corr != corr {
		return fmt.Errorf("%w: an answer to a request that was not made", ErrProtocol)
	}
	buf := c.d.buffers.Get(size - 4)
	if err := c.readBody(br, buf); err != nil {
		c.d.buffers.Put(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ErrTimeout
		}
		return readError(err)
	}
	hold := c.d.buffers.Hold(buf)
	resp, err := decode(f.req, buf)
	if err != nil {
		hold.Release()
		return err
	}
	c.landed(resp)
	c.finish(f, answer{resp: resp, hold: hold, size: len(buf)})
	return nil
}

const (
	// worthWaiting is how many bytes of a large answer are read at a time.
	worthWaiting = 256 << 10
	largeAnswer  = 2 * worthWaiting
)

// readBody reads an answer's bytes.
func (c *Conn) readBody(br *bufio.Reader, buf []byte) error {
	if len(buf) < largeAnswer {
		_, err := io.ReadFull(br, buf)
		return err
	}
	mark := worthWaiting
	lowWater(c.nc, mark)
	defer lowWater(c.nc, 1)
	for at := 0; at < len(buf); {
		if left := len(buf) - at; left < mark {
			mark = left
			lowWater(c.nc, mark)
		}
		n, err := br.Read(buf[at:])
		if at += n; err != nil && at < len(buf) {
			return err
		}
	}
	return nil
}

// landed takes the oldest request out of those in flight, and heeds a throttle time.
func (c *Conn) landed(resp kmsg.Response) {
	throttle := throttleOf(resp)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying[0] = nil
	c.flying = c.flying[1:]
	if len(c.flying) == 0 {
		c.flying = nil
	}
	if throttle > 0 {
		c.d.throttled.Add(int64(throttle))
		c.mute = time.Now().Add(throttle)
		for _, f := range c.flying { // which the broker does not look at so long
			f.due = f.due.Add(throttle)
		}
	}
	switch {
	case len(c.flying) > 0:
		_ = c.nc.SetReadDeadline(c.flying[0].due)
	case c.d.maxIdle > 0:
		_ = c.nc.SetReadDeadline(time.Now().Add(c.d.maxIdle))
	default:
		_ = c.nc.SetReadDeadline(time.Time{})
	}
}

// expired is called when the read deadline has passed. It may be an old one.
func (c *Conn) expired() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.flying) == 0 && len(c.waiting) == 0:
		return ErrIdle
	case len(c.flying) == 0: // muted, or about to be written: launch sets another
		_ = c.nc.SetReadDeadline(time.Now().Add(max(c.d.maxIdle, time.Second)))
		return nil
	case time.Now().Before(c.flying[0].due):
		_ = c.nc.SetReadDeadline(c.flying[0].due)
		return nil
	default:
		return ErrTimeout
	}
}

// mostThrottle bounds what a broker can ask for: a broken one shall not end all work.
const mostThrottle = 10 * time.Minute

// throttleOf is for how long the broker does not look at the connection from now on. Brokers before 2.0 have waited already.
func throttleOf(resp kmsg.Response) time.Duration {
	t, can := resp.(kmsg.ThrottleResponse)
	if !can {
		return 0
	}
	ms, after := t.Throttle()
	if !after || ms <= 0 {
		return 0
	}
	return min(time.Duration(ms)*time.Millisecond, mostThrottle)
}

// decode reads a response, behind the correlation id. Bytes stay where they are.
func decode(req kmsg.Request, buf []byte) (kmsg.Response, error) {
	body := buf
	if req.IsFlexible() && req.Key() != int16(kmsg.ApiVersions) { // whose header stays the old one, for those who don't know the version
		r := kbin.Reader{Src: body}
		kmsg.SkipTags(&r)
		if !r.Ok() {
			return nil, fmt.Errorf("%w: the header of an answer to %s is cut off", ErrProtocol, kmsg.NameForKey(req.Key()))
		}
		body = r.Src
	}
	resp := req.ResponseKind()
	read := resp.ReadFrom
	if f, fetch := resp.(*kmsg.FetchResponse); fetch {
		read = f.UnsafeReadFrom // topic names: not a string for each
	}
	if err := read(body); err != nil {
		return nil, fmt.Errorf("%w: an answer to %s can't be read: %w", ErrProtocol, kmsg.NameForKey(req.Key()), err)
	}
	return resp, nil
}

// badSize tells what an impossible length may come from.
func badSize(head []byte, size, most int) error {
	hint := "the listener may speak another protocol"
	switch {
	case head[0] == 0x15 && head[1] == 3:
		hint = "the listener expects TLS: check security.protocol"
	case string(head[:4]) == "HTTP":
		hint = "it is an HTTP server"
	case size > most && size < 1<<30:
		hint = "a smaller fetch.max.bytes brings smaller answers"
	}
	return fmt.Errorf("%w: it announces %d bytes, where 4 to %d are allowed; %s", ErrProtocol, size, most, hint)
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the broker closed the connection (%w)", err)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err // its addresses are told already
	}
	return err
}
