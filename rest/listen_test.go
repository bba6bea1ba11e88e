package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
)

// TestListeners: http, https and admin listeners each serve their part; requests in hand end before Shutdown returns.
func TestListeners(t *testing.T) {
	testkit.NoLeaks(t)
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	serverTLS := &tls.Config{Certificates: certs.TLS.Certificates}
	roots := x509.NewCertPool()
	roots.AddCert(certs.Certificate())
	certs.Close()

	entered, release := make(chan struct{}), make(chan struct{})
	h := &fakeHerder{names: []string{"a"}}
	h.onCall = func(_ context.Context, c call) error {
		if c.method == "DeleteConnector" {
			close(entered)
			<-release
		}
		return nil
	}
	s, err := New(Config{
		Herder: h, TLS: serverTLS,
		Listeners: []string{"HTTP://127.0.0.1:0", "https://127.0.0.1:0"}, AdminListeners: []string{"http://127.0.0.1:0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()

	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	addrs := s.Addrs()
	if len(addrs) != 2 {
		t.Fatalf("addresses %v", addrs)
	}
	urls := map[string]int{
		"http://" + addrs[0].String() + "/connectors":                   200,
		"https://" + addrs[1].String() + "/connectors":                  200,
		"http://" + addrs[0].String() + "/admin/loggers":                404,
		"http://" + s.servers[2].net.Addr().String() + "/admin/loggers": 200,
		"http://" + s.servers[2].net.Addr().String() + "/connectors":    404,
	}
	for url, want := range urls {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
	answered := make(chan int, 1)
	go func() {
		resp, _ := exchangeWith(t, "DELETE", "http://"+addrs[0].String()+"/connectors/x", "")
		answered <- resp.StatusCode
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if err := <-served; err != nil { // the listeners are closed while the request is in hand
		t.Error(err)
	}
	close(release)
	if status := <-answered; status != 204 {
		t.Errorf("request in hand: %d", status)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := s.Listen(t.Context()); err == nil {
		t.Error("a server that was shut down listens again")
	}
}

// TestShutdownCutsOff: a request that does not end in time does not keep the worker from stopping.
func TestShutdownCutsOff(t *testing.T) {
	testkit.NoLeaks(t)
	entered := make(chan struct{})
	h := &fakeHerder{onCall: func(ctx context.Context, _ call) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	}}
	s, err := New(Config{Herder: h, Listeners: []string{"http://127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	conn, err := net.Dial("tcp", s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET /connectors HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("Shutdown says that all ended well")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestPortInUse: the message names the property and the listener, and the other listeners are closed again.
func TestPortInUse(t *testing.T) {
	testkit.NoLeaks(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	text := "http://" + taken.Addr().String()
	s := newTestServer(t, Config{Herder: &fakeHerder{err: cluster.ErrRebalancing}, Listeners: []string{"http://127.0.0.1:0", text}})
	err = s.Listen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "listeners: cannot listen on "+text) || len(s.Addrs()) != 0 {
		t.Errorf("%v, open %v", err, s.Addrs())
	}
}
