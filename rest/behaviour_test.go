package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/rest/api"
)

func (c call) text() string { return fmt.Sprintf("%s(%q, %v)", c.method, c.name, c.args) }

// ask makes one request to a handler, with a JSON body unless it is empty.
func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func message(t *testing.T, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var e api.ErrorBody
	if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil {
		t.Fatalf("%v in %q", err, rec.Body)
	}
	if e.ErrorCode != rec.Code {
		t.Errorf("error_code %d with status %d", e.ErrorCode, rec.Code)
	}
	return e.Message
}

func TestErrorClasses(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		text   string
	}{
		{cluster.ErrRebalancing, 409, cluster.ErrRebalancing.Message},
		{cluster.Errorf(cluster.CodeTimeout, "Request timed out. The worker is joining"), 500, "Request timed out. The worker is joining"},
		{fmt.Errorf("wrapped: %w", cluster.NotFound("gone")), 404, "gone"},
		{cluster.Errorf(cluster.CodeUnprocessable, "no"), 422, "no"},
		{&api.Error{Status: 403, Message: "never"}, 403, "never"},
		{errors.New("disk on fire"), 500, "disk on fire"},
	} {
		s := newTestServer(t, Config{Herder: &fakeHerder{err: tc.err}})
		rec := ask(s.Handler(), "DELETE", "/connectors/x", "")
		if rec.Code != tc.status || message(t, rec) != tc.text {
			t.Errorf("%v gave %d %s", tc.err, rec.Code, rec.Body)
		}
	}
}

func TestHealth(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		want   string
	}{
		{nil, 200, `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`},
		{cluster.Errorf(cluster.CodeUnavailable, "Reading the config topic."), 503, `{"status":"starting","message":"Worker is still starting up. Reading the config topic."}`},
		{cluster.Errorf(cluster.CodeTimeout, ""), 500, `{"status":"unhealthy","message":"Worker was unable to handle this request and may be unable to handle other requests."}`},
	} {
		s := newTestServer(t, Config{Herder: &fakeHerder{err: tc.err}})
		if rec := ask(s.Handler(), "GET", "/health", ""); rec.Code != tc.status || rec.Body.String() != tc.want {
			t.Errorf("%v gave %d %s", tc.err, rec.Code, rec.Body)
		}
	}
}

// TestTimeouts: a herder that does not answer is given up after the bounds of Java.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := func(ctx context.Context, _ call) error {
			<-ctx.Done()
			return ctx.Err()
		}
		s := newTestServer(t, Config{Herder: &fakeHerder{onCall: stuck}})
		start := time.Now()
		rec := ask(s.Handler(), "GET", "/connectors/x", "")
		if rec.Code != 500 || message(t, rec) != "Request timed out" || time.Since(start) != 90*time.Second {
			t.Errorf("after %v: %d %s", time.Since(start), rec.Code, rec.Body)
		}
		start = time.Now()
		if rec = ask(s.Handler(), "GET", "/health", ""); rec.Code != 500 || time.Since(start) != 10*time.Second {
			t.Errorf("health after %v: %d %s", time.Since(start), rec.Code, rec.Body)
		}
	})
}

// TestPanic: a bug in the herder or a handler is a 500, and the server lives on.
func TestPanic(t *testing.T) {
	h := &fakeHerder{onCall: func(context.Context, call) error { panic("secret detail") }}
	s := newTestServer(t, Config{Herder: h})
	rec := ask(s.Handler(), "GET", "/connectors", "")
	if text := message(t, rec); rec.Code != 500 || strings.Contains(text, "secret") {
		t.Errorf("%d %s", rec.Code, text)
	}
}

func TestBodyLimit(t *testing.T) {
	s := newTestServer(t, Config{Herder: &fakeHerder{}, MaxBodyBytes: 20})
	if rec := ask(s.Handler(), "PUT", "/connectors/x/config", `{"a":"12345678901234567890"}`); rec.Code != 413 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestSlowClient: a client that stops in the middle of a body is answered and cut off, whether the body is wanted or not.
func TestSlowClient(t *testing.T) {
	testkit.NoLeaks(t)
	h := &fakeHerder{}
	srv := httptest.NewServer(newTestServer(t, Config{Herder: h, ReadTimeout: 50 * time.Millisecond}).Handler())
	t.Cleanup(srv.Close)
	for path, want := range map[string]int{"/connectors/x/config": 400, "/connectors/x/pause": 400, "/nope": 404} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "PUT "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		reader := bufio.NewReader(conn)
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != want {
			t.Errorf("%s: status %d, %v", path, resp.StatusCode, err)
		}
		if _, err := reader.ReadByte(); err != io.EOF {
			t.Errorf("%s: the connection stays open: %v", path, err)
		}
		_ = conn.Close()
	}
	if calls := h.take(); len(calls) != 0 {
		t.Errorf("the herder was asked: %v", calls)
	}
}

func TestExpand(t *testing.T) {
	h := &fakeHerder{
		names:    []string{"b", "gone", "a"},
		infos:    map[string]*api.ConnectorInfo{"a": {Name: "a", Type: "source"}, "b": {Name: "b", Type: "sink"}},
		statuses: map[string]*api.ConnectorStatus{"a": {Name: "a"}, "b": {Name: "b"}},
	}
	s := newTestServer(t, Config{Herder: h})
	got := ask(s.Handler(), "GET", "/connectors?expand=info&expand=status", "").Body.String()
	want := `{"a":{"info":{"name":"a","config":{},"tasks":[],"type":"source"},"status":{"name":"a","connector":{"state":"","worker_id":"","version":null},"tasks":[],"type":""}},` +
		`"b":{"info":{"name":"b","config":{},"tasks":[],"type":"sink"},"status":{"name":"b","connector":{"state":"","worker_id":"","version":null},"tasks":[],"type":""}}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTopicTrackingOff(t *testing.T) {
	s := newTestServer(t, Config{Herder: &fakeHerder{}, NoTopicTracking: true})
	for method, path := range map[string]string{"GET": "/connectors/x/topics", "PUT": "/connectors/x/topics/reset"} {
		if rec := ask(s.Handler(), method, path, ""); rec.Code != 403 || message(t, rec) != "Topic tracking is disabled." {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	s = newTestServer(t, Config{Herder: &fakeHerder{}, NoTopicTrackingReset: true})
	if rec := ask(s.Handler(), "PUT", "/connectors/x/topics/reset", ""); rec.Code != 403 || message(t, rec) != "Topic tracking reset is disabled." {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestHeadersAndCORS: as seen on a Java worker with the same properties.
func TestHeadersAndCORS(t *testing.T) {
	cfg := Config{
		Herder: &fakeHerder{}, Version: "1.2.3", AllowOrigin: "http://a.example,https://.*\\.b\\.example", AllowMethods: "GET,PUT",
		ResponseHeaders: `ADD X-A: 1, "set Cache-Control: no-cache, no-store", setDate Expires: 1000`,
		AdminListeners:  []string{"http://127.0.0.1:0"},
	}
	s := newTestServer(t, cfg)
	rec := ask(s.Handler(), "OPTIONS", "/connectors", "", "Origin", "http://a.example", "Access-Control-Request-Method", "DELETE")
	want := map[string]string{
		"Vary": "Origin", "Access-Control-Allow-Origin": "http://a.example", "Access-Control-Allow-Methods": "GET,PUT",
		"Access-Control-Allow-Headers": "Content-Type", "Access-Control-Max-Age": "60", "X-A": "1",
		"Cache-Control": "no-cache, no-store", "Allow": "HEAD,POST,GET,OPTIONS", "Server": "connectd/1.2.3",
	}
	for name, value := range want {
		if got := rec.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if _, err := time.Parse(http.TimeFormat, rec.Header().Get("Expires")); err != nil {
		t.Error(err)
	}
	for origin, allowed := range map[string]string{"https://x.b.example": "https://x.b.example", "http://evil": "", "https://x.b.example.evil": ""} {
		rec := ask(s.Handler(), "GET", "/connectors", "", "Origin", origin)
		if got := rec.Header().Get("Access-Control-Allow-Origin"); got != allowed || rec.Header().Get("Access-Control-Max-Age") != "" {
			t.Errorf("%s: %v", origin, rec.Header())
		}
	}
	rec = ask(s.AdminHandler(), "GET", "/admin/loggers", "", "Origin", "http://a.example")
	if rec.Code != 200 || rec.Header().Get("X-A") != "" || rec.Header().Get("Vary") != "" {
		t.Errorf("admin: %d %v", rec.Code, rec.Header())
	}
	if rec = ask(s.Handler(), "GET", "/admin/loggers", ""); rec.Code != 404 {
		t.Errorf("admin on the main listener: %d", rec.Code)
	}
}

// TestWrongSettings: each message names the property and what is allowed.
func TestWrongSettings(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{Listeners: []string{"ftp://x:1"}}, `listeners: "ftp://x:1": Listener protocol must be either "http" or "https"`},
		{Config{Listeners: []string{"http://x"}}, "protocol://hostname:port"},
		{Config{AdminListeners: []string{"http://x:70000"}}, "admin.listeners"},
		{Config{Listeners: []string{"https://x:1"}}, "ssl.keystore.location"},
		{Config{ResponseHeaders: "put X: y"}, "response.http.headers.config"},
		{Config{ResponseHeaders: "set X y"}, "Expected: '[header name]:[header value]'"},
		{Config{ResponseHeaders: "addDate X: soon"}, "milliseconds"},
	} {
		if _, err := New(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc.cfg, err)
		}
	}
}

// TestLongWait: the deadline for reading a request does not bound the wait for the herder.
func TestLongWait(t *testing.T) {
	testkit.NoLeaks(t)
	h := &fakeHerder{onCall: func(ctx context.Context, _ call) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond): // several times the deadline
			return nil
		}
	}}
	srv := httptest.NewServer(newTestServer(t, Config{Herder: h, ReadTimeout: 20 * time.Millisecond}).Handler())
	t.Cleanup(srv.Close)
	if resp, body := exchangeWith(t, "PUT", srv.URL+"/connectors/x/pause", ""); resp.StatusCode != 202 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
