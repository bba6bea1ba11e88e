package worker_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestIdleAndSlowClients: 5,000 connections that ask nothing, and clients that send or read byte by byte, cost a worker neither its
// membership nor its answers. Both ends of each connection are files of this process: where it may not open that many, there are fewer.
func TestIdleAndSlowClients(t *testing.T) {
	idle := 5000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if most := (int(files.Cur) - 400) / 2; most < idle {
		t.Logf("only %d files may be open: %d connections instead of %d", files.Cur, most, idle)
		idle = most
	}
	if idle < 1 {
		t.Skip("this process may open too few files")
	}
	c := newWorkers(t, 1, nil, map[string]string{"session.timeout.ms": "8000"})
	w := c.all[0]
	w.create("a", source(2))
	w.awaitStates("a", "RUNNING RUNNING RUNNING")
	before, member := w.View().Generation, c.member()

	u, err := url.Parse(w.URL())
	if err != nil {
		t.Fatal(err)
	}
	conns := openAll(t, u.Host, idle)
	for i, conn := range conns[:min(150, idle)] {
		// They stop in the middle of a head or a body, or never read what they asked for.
		text := []string{
			"GET / HTTP/1.1\r\nHost: x\r\nX-",
			"PUT /connectors/b/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{",
			"GET /connector-plugins/org.apache.kafka.connect.file.FileStreamSourceConnector/config HTTP/1.1\r\nHost: x\r\n\r\n",
		}[i%3]
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	// Longer than the session timeout, after which a member that sent no heartbeats is expelled. Nothing here rebalances.
	for start := time.Now(); time.Since(start) < 9*time.Second; {
		w.must(http.StatusOK, "GET", "/connectors/a/status", nil)
		w.must(http.StatusOK, "GET", "/health", nil)
		w.must(http.StatusAccepted, "PUT", "/connectors/a/pause", nil)
		w.must(http.StatusAccepted, "PUT", "/connectors/a/resume", nil)
	}
	w.awaitStates("a", "RUNNING RUNNING RUNNING")
	if v := w.View(); !v.Settled || v.Generation != before {
		t.Errorf("the worker's view is %+v, generation %d before", v, before)
	}
	if now := c.member(); now != member {
		t.Errorf("the group's member is %s, and was %s", now, member)
	}
	open := make([]bool, idle)
	each(idle, func(i int) { open[i] = stillOpen(conns[i]) })
	still := 0
	for i := range open {
		if open[i] {
			still++
		}
	}
	t.Logf("%d of %d connections were open to the end", still, idle)
}

// member is the id of the group's only member, as the broker has it.
func (c *workers) member() string {
	c.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.group.Addrs()...), kgo.DisableClientMetrics())
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{"g"}
	resp, err := req.RequestWith(c.t.Context(), client)
	if err != nil || len(resp.Groups) != 1 || len(resp.Groups[0].Members) != 1 {
		c.t.Fatalf("%v %+v", err, resp)
	}
	return resp.Groups[0].Members[0].MemberID
}

// each calls f for 0 to n-1, many at a time.
func each(n int, f func(int)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	all.Wait()
}

// openAll opens n connections, many at a time.
func openAll(t *testing.T, addr string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	errs := make([]error, n)
	each(n, func(i int) { conns[i], errs[i] = net.Dial("tcp", addr) })
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				_ = conn.Close()
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return conns
}

// stillOpen tells that the other end has not closed a connection.
func stillOpen(conn net.Conn) bool {
	if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	_, err := conn.Read(make([]byte, 1))
	timeout, is := err.(net.Error)
	return err == nil || is && timeout.Timeout()
}
