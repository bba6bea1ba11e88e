package rest

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// maxConnections is the most that a server lets its callers hold open, where files are plenty.
const maxConnections = 10_000

// connections keeps callers from using up the files that the worker needs for Kafka: when there are more than max connections, those
// that have waited longest for a request are closed, and a new one itself if all are busy.
type connections struct {
	max int

	mu   sync.Mutex
	open map[net.Conn]*list.Element // nil while a request is in hand
	idle list.List                  // of net.Conn, the longest idle first
}

func newConnections(limit int) *connections {
	return &connections{max: limit, open: map[net.Conn]*list.Element{}}
}

// changed is an http.Server's ConnState. Servers share one.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.open[conn]; e != nil {
		c.idle.Remove(e)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.idle.PushBack(conn)
	case http.StateActive:
		c.open[conn] = nil
	default:
		delete(c.open, conn)
	}
	for len(c.open) > c.max && c.idle.Len() > 0 {
		oldest := c.idle.Remove(c.idle.Front()).(net.Conn)
		delete(c.open, oldest)
		cut(oldest)
	}
}

// cut closes a connection at once: TLS would wait to say farewell.
func cut(conn net.Conn) {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
