package raw

import (
	"context"
	"time"
)

// slot is the place of one connection.
type slot struct {
	c    *Cluster
	turn chan struct{} // holds one element while nobody connects
	// What follows is the cluster's lock's.
	now    *Conn
	tries  int
	again  time.Time
	closed bool
}

// usable is the connection if it is open. The cluster's lock is held.
func (s *slot) usable() *Conn {
	if s.now == nil || s.now.ended() {
		return nil
	}
	return s.now
}

// conn gives the connection to addr, and opens it if need be.
func (s *slot) conn(ctx context.Context, addr string) (*Conn, error) {
	if conn := s.current(addr); conn != nil {
		return conn, nil
	}
	select {
	case <-s.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.c.ctx.Done():
		return nil, &ConnError{Addr: addr, Err: ErrClosed}
	}
	defer func() { s.turn <- struct{}{} }()
	if conn := s.current(addr); conn != nil {
		return conn, nil
	}
	if err := s.pause(ctx, addr); err != nil {
		return nil, err
	}
	dialCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.c.ctx, cancel)()
	conn, err := s.c.dialer.Dial(dialCtx, addr)
	if err != nil && s.c.ctx.Err() != nil {
		err = &ConnError{Addr: addr, Err: ErrClosed}
	}
	return s.opened(ctx, conn, err)
}

// current is the connection if it is open and leads to addr. One that leads elsewhere is closed.
func (s *slot) current(addr string) *Conn {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	conn := s.usable()
	if conn != nil && conn.Addr != addr {
		conn.Close()
		return nil
	}
	return conn
}

// pause waits until the next try is due.
func (s *slot) pause(ctx context.Context, addr string) error {
	s.c.mu.Lock()
	left := time.Until(s.again)
	s.c.mu.Unlock()
	return s.c.sleep(ctx, left, addr)
}

// sleep waits; it ends early with ctx and with the cluster.
func (c *Cluster) sleep(ctx context.Context, d time.Duration, addr string) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return &ConnError{Addr: addr, Err: ErrClosed}
	}
}

// opened takes down what became of a try.
func (s *slot) opened(ctx context.Context, conn *Conn, err error) (*Conn, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	switch {
	case err != nil && ctx.Err() != nil: // which says nothing about the broker
		return nil, err
	case err != nil:
		s.tries++
		s.again = time.Now().Add(s.c.redial(s.tries))
		return nil, err
	case s.closed:
		conn.Close()
		return nil, &ConnError{Addr: conn.Addr, Err: ErrClosed}
	}
	s.tries, s.again = 0, time.Time{}
	s.now = conn
	return conn, nil
}

// close ends the connection and waits until it is over. Nobody can open another.
func (s *slot) close() {
	s.c.mu.Lock()
	s.closed = true
	conn := s.now
	s.c.mu.Unlock()
	<-s.turn // whoever connects is done, as the cluster's context has ended
	s.turn <- struct{}{}
	s.c.mu.Lock()
	if conn == nil {
		conn = s.now
	}
	s.c.mu.Unlock()
	if conn != nil {
		conn.Close()
		<-conn.Done()
	}
}
