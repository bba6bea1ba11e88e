package bench

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// delayed is a TCP proxy that hands on all bytes, in either direction, some time after they came: a long way without a limit to what
// it carries.
type delayed struct {
	listener net.Listener
	target   string
	delay    time.Duration

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
	wg    sync.WaitGroup
}

// delayTo has a listener lead to target, with a round trip that takes this long. It ends with the test.
func delayTo(b *testing.B, l net.Listener, target string, roundTrip time.Duration) {
	d := &delayed{listener: l, target: target, delay: roundTrip / 2, conns: map[net.Conn]bool{}}
	d.wg.Go(d.accept)
	b.Cleanup(d.close)
}

func (d *delayed) close() {
	_ = d.listener.Close()
	d.mu.Lock()
	d.ended = true
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
}

// keep notes a connection that is to be closed at the end; false when that has come.
func (d *delayed) keep(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		_ = c.Close()
		return false
	}
	d.conns[c] = true
	return true
}

func (d *delayed) accept() {
	for {
		in, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.wg.Go(func() { d.serve(in) })
	}
}

func (d *delayed) serve(in net.Conn) {
	out, err := net.Dial("tcp", d.target)
	if err != nil {
		_ = in.Close()
		return
	}
	if d.keep(in) && d.keep(out) {
		var both sync.WaitGroup
		both.Go(func() { d.carry(out, in) })
		both.Go(func() { d.carry(in, out) })
		both.Wait()
	}
	d.mu.Lock()
	delete(d.conns, in)
	delete(d.conns, out)
	d.mu.Unlock()
	_ = in.Close()
	_ = out.Close()
}

// chunk is what came at once, and when it is due at the other end.
type chunk struct {
	data []byte
	due  time.Time
}

// carry hands on what is read until the end, which is late too.
func (d *delayed) carry(to, from net.Conn) {
	under := make(chan chunk, 4096) // chunks under way: 256 MB
	go func() {
		defer close(under)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if n > 0 {
				under <- chunk{buf[:n], time.Now().Add(d.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	var failed error
	for c := range under {
		if failed != nil {
			continue // until the reader ends
		}
		time.Sleep(time.Until(c.due))
		if _, failed = to.Write(c.data); failed != nil {
			_ = from.Close()
		}
	}
	if c, is := to.(*net.TCPConn); is && failed == nil {
		failed = c.CloseWrite()
	}
	if failed != nil && !errors.Is(failed, net.ErrClosed) && !errors.Is(failed, io.EOF) {
		_ = to.Close()
	}
}
