package rest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
)

// serveOn listens at a free port of the loopback until the test ends.
func serveOn(t *testing.T, cfg Config) string {
	t.Helper()
	testkit.NoLeaks(t)
	cfg.Listeners = []string{"http://127.0.0.1:0"}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx) // cuts off what is left
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s.Addrs()[0].String()
}

// dial opens a connection and sends text on it. It is closed when the test ends.
func dial(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestHeadLimits: a head that is too large is refused in the style of other failures.
func TestHeadLimits(t *testing.T) {
	s := newTestServer(t, Config{Herder: &fakeHerder{}})
	for _, tc := range []struct {
		path, header string
		status       int
		message      string
	}{
		{"/connectors", strings.Repeat("x", maxHeaderBytes-100), 200, ""},
		{"/connectors", strings.Repeat("x", maxHeaderBytes), 431, "HTTP 431 Request Header Fields Too Large"},
		{"/" + strings.Repeat("x", maxURIBytes), "", 414, "HTTP 414 Request URI Too Long"},
	} {
		rec := ask(s.Handler(), "GET", tc.path, "", "X-Long", tc.header)
		if rec.Code != tc.status || tc.message != "" && message(t, rec) != tc.message {
			t.Errorf("%.20s: %d %s", tc.path, rec.Code, rec.Body)
		}
	}
	addr := serveOn(t, Config{Herder: &fakeHerder{}})
	conn := dial(t, addr, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 4*maxHeaderBytes))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 431 {
		t.Errorf("an endless head: %v %v", resp, err)
	}
}

// TestSlowHead: a client that never ends its head is cut off, however it goes on sending.
func TestSlowHead(t *testing.T) {
	addr := serveOn(t, Config{Herder: &fakeHerder{}, ReadTimeout: 100 * time.Millisecond})
	for _, text := range []string{"", "GET", "GET / HTTP/1.1\r\nHost: x\r\n"} {
		conn := dial(t, addr, text)
		drip := time.NewTicker(10 * time.Millisecond)
		stop := make(chan struct{})
		dripped := make(chan struct{})
		go func() {
			defer close(dripped)
			for {
				select {
				case <-drip.C:
					if text != "" {
						_, _ = io.WriteString(conn, "X: y\r\n")
					}
				case <-stop:
					return
				}
			}
		}()
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%q: still open after a minute", text)
		}
		close(stop)
		<-dripped
		drip.Stop()
	}
}

// TestSlowReader: a client that asks and does not take the answer does not keep its connection.
func TestSlowReader(t *testing.T) {
	names := make([]string, 200_000)
	for i := range names {
		names[i] = fmt.Sprintf("connector-with-a-long-name-%d", i)
	}
	cfg := Config{Herder: &fakeHerder{names: names}, ReadTimeout: 100 * time.Millisecond, RequestTimeout: time.Second}
	addr := serveOn(t, cfg)
	conn := dial(t, addr, "GET /connectors HTTP/1.1\r\nHost: x\r\n\r\n")
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err == nil {
			return fmt.Errorf("the connection is open")
		}
		return nil
	})
}

// TestConnectionLimit: beyond the limit idle connections make room, the longest idle first, and busy ones stay.
func TestConnectionLimit(t *testing.T) {
	entered, release := make(chan struct{}, 2), make(chan struct{})
	h := &fakeHerder{onCall: func(_ context.Context, c call) error {
		if c.method == "DeleteConnector" {
			entered <- struct{}{}
			<-release
		}
		return nil
	}}
	addr := serveOn(t, Config{Herder: h, MaxConnections: 3})
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	answered := func(conn net.Conn) error {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
		}
		return err
	}
	busy := dial(t, addr, "DELETE /connectors/x HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	silent := dial(t, addr, "") // never asks
	idle := dial(t, addr, get)
	if err := answered(idle); err != nil {
		t.Fatal(err)
	}
	fourth := dial(t, addr, get)
	if err := answered(fourth); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection that was idle longest stays open: %v", err)
	}
	if _, err := io.WriteString(idle, get); err != nil {
		t.Error(err)
	}
	if err := answered(idle); err != nil {
		t.Errorf("a connection that was idle less long was closed: %v", err)
	}
	close(release)
	if err := answered(busy); err != nil {
		t.Errorf("a busy connection was closed: %v", err)
	}
}

// TestAllBusy: when all connections are busy, it is the new one that is closed.
func TestAllBusy(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	h := &fakeHerder{onCall: func(context.Context, call) error {
		entered <- struct{}{}
		<-release
		return nil
	}}
	addr := serveOn(t, Config{Herder: h, MaxConnections: 1})
	busy := dial(t, addr, "DELETE /connectors/x HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	refused := dial(t, addr, "")
	if _, err := refused.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("one too many stays open: %v", err)
	}
	close(release)
	if resp, err := http.ReadResponse(bufio.NewReader(busy), nil); err != nil || resp.StatusCode != 204 {
		t.Errorf("the busy one: %v %v", resp, err)
	}
}
