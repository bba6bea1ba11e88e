package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/rest/api"
)

// worker is one of several in a test, each with its own herder and port.
func worker(t *testing.T, h *fakeHerder) string {
	t.Helper()
	srv := httptest.NewServer(newTestServer(t, Config{Herder: h}).Handler())
	t.Cleanup(srv.Close)
	return srv.URL
}

func exchangeWith(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

// TestForwardCreate: a follower passes on the body as it came, and the answer; Location stays with the host that was asked.
func TestForwardCreate(t *testing.T) {
	testkit.NoLeaks(t)
	leader := &fakeHerder{infos: map[string]*api.ConnectorInfo{"a->b": {Name: "a->b", Type: "source"}}}
	leaderURL := worker(t, leader)
	follower := worker(t, &fakeHerder{err: &cluster.NotLeader{LeaderURL: leaderURL + "/"}})
	resp, body := exchangeWith(t, "POST", follower+"/connectors/", `{"name":"a->b","config":{"n":1.50}}`)
	if resp.StatusCode != 201 || body != `{"name":"a->b","config":{},"tasks":[],"type":"source"}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if got, want := resp.Header.Get("Location"), follower+"/connectors/a-%3Eb"; got != want {
		t.Errorf("Location %s, want %s", got, want)
	}
	calls := leader.take()
	if want := `PutConnectorConfig("a->b", [map[n:1.50 name:a->b]  false])`; len(calls) != 1 || calls[0].text() != want {
		t.Errorf("leader was asked %v", calls)
	}
}

// TestForwardPassesThrough: statuses, texts, parameters and encoded names survive a hop.
func TestForwardPassesThrough(t *testing.T) {
	testkit.NoLeaks(t)
	leader := &fakeHerder{}
	leaderURL := worker(t, leader)
	follower := worker(t, &fakeHerder{err: &cluster.NotAssigned{OwnerURL: leaderURL}})
	leader.err = cluster.Conflict("stopped")
	resp, body := exchangeWith(t, "POST", follower+"/connectors/a-%3Eb/tasks/1/restart", "")
	if resp.StatusCode != 409 || body != `{"error_code":409,"message":"stopped"}` || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	leader.err = nil
	leader.statuses = map[string]*api.ConnectorStatus{"x": {Name: "x"}}
	resp, _ = exchangeWith(t, "POST", follower+"/connectors/x/restart?includeTasks=true&onlyFailed=true", "")
	if resp.StatusCode != 202 {
		t.Errorf("restart %d", resp.StatusCode)
	}
	if resp, body = exchangeWith(t, "DELETE", follower+"/connectors/x", ""); resp.StatusCode != 204 || body != "" {
		t.Errorf("delete %d %q", resp.StatusCode, body)
	}
	calls := leader.take()
	for i, want := range []string{`RestartTask("a->b", [1])`, `RestartConnectorAndTasks("x", [true true])`, `DeleteConnector("x", [])`} {
		if i >= len(calls) || calls[i].text() != want {
			t.Fatalf("calls %v", calls)
		}
	}
}

// TestTwoHops: the first worker's idea of the leader may be old; the second may pass the request on once, and then it ends.
func TestTwoHops(t *testing.T) {
	testkit.NoLeaks(t)
	var flags []string
	spy := func(url string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			flags = append(flags, r.URL.Query().Get("forward"))
			resp, body := exchangeWith(t, r.Method, url+r.URL.RequestURI(), "")
			w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
			w.WriteHeader(resp.StatusCode)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	third := &fakeHerder{}
	thirdURL := spy(worker(t, third))
	secondURL := spy(worker(t, &fakeHerder{err: &cluster.NotLeader{LeaderURL: thirdURL}}))
	first := worker(t, &fakeHerder{err: &cluster.NotLeader{LeaderURL: secondURL}})
	if resp, _ := exchangeWith(t, "DELETE", first+"/connectors/x", ""); resp.StatusCode != 204 {
		t.Errorf("status %d", resp.StatusCode)
	}
	third.err = &cluster.NotLeader{LeaderURL: first}
	resp, body := exchangeWith(t, "DELETE", first+"/connectors/x", "")
	if resp.StatusCode != 409 || !strings.Contains(body, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if got := strings.Join(flags, " "); got != "true false true false" {
		t.Errorf("hops: %s", got)
	}
}

func TestForwardFailures(t *testing.T) {
	testkit.NoLeaks(t)
	redirect := httptest.NewServer(http.RedirectHandler("http://elsewhere/", http.StatusFound))
	t.Cleanup(redirect.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tc := range []struct {
		url, want string
		status    int
	}{
		{"", "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.", 409},
		{gone.URL, "IO Error trying to forward REST request: ", 500},
		{redirect.URL, "Unexpected status code when handling forwarded request: 302", 500},
		{"://", "IO Error trying to forward REST request: ", 500},
	} {
		s := newTestServer(t, Config{Herder: &fakeHerder{err: &cluster.NotLeader{LeaderURL: tc.url}}})
		rec := ask(s.Handler(), "DELETE", "/connectors/x", "")
		if text := message(t, rec); rec.Code != tc.status || !strings.HasPrefix(text, tc.want) {
			t.Errorf("%q: %d %s", tc.url, rec.Code, text)
		}
	}
}

// TestForwardKeepsCredentials: the caller's Authorization goes along, cookies and the like do not.
func TestForwardKeepsCredentials(t *testing.T) {
	testkit.NoLeaks(t)
	var got http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }))
	t.Cleanup(srv.Close)
	s := newTestServer(t, Config{Herder: &fakeHerder{err: &cluster.NotLeader{LeaderURL: srv.URL}}})
	ask(s.Handler(), "PUT", "/connectors/x/stop", "", "Authorization", "Basic x", "Cookie", "c=1")
	if got.Get("Authorization") != "Basic x" || got.Get("Cookie") != "" || got.Get("User-Agent") != "kafka-connect" || got.Get("Accept") != "application/json" {
		t.Errorf("%v", got)
	}
}

// TestInternalRequests: what Client signs, a worker with the same key takes, even through a follower.
func TestInternalRequests(t *testing.T) {
	testkit.NoLeaks(t)
	h := &fakeHerder{}
	leader := worker(t, h)
	follower := worker(t, &fakeHerder{err: &cluster.NotLeader{LeaderURL: leader}})
	c := NewClient(ClientConfig{})
	defer c.Close()
	signWith := func(key []byte) Signer {
		return func(body []byte) (string, string, bool, error) {
			sig, err := api.Sign(key, "HmacSHA256", body)
			return sig, "HmacSHA256", true, err
		}
	}
	configs := []map[string]string{{"task.class": "a->b", "n": "1"}, {}}
	for _, url := range []string{leader + "/", follower} {
		if err := c.PostTaskConfigs(t.Context(), url, "a->b", configs, signWith(sessionKey)); err != nil {
			t.Error(err)
		}
		if err := c.PutFence(t.Context(), url, "a b", signWith(sessionKey)); err != nil {
			t.Error(err)
		}
	}
	var asked []string
	for _, call := range h.take() {
		if call.method != "VerifySignature" {
			asked = append(asked, call.text())
		}
	}
	put, fence := `PutTaskConfigs("a->b", [[map[n:1 task.class:a->b] map[]]])`, `FenceZombies("a b", [])`
	if got, want := strings.Join(asked, "; "), strings.Join([]string{put, fence, put, fence}, "; "); got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}

	var failure *api.Error
	err := c.PostTaskConfigs(t.Context(), leader, "x", nil, signWith([]byte("other")))
	if !errors.As(err, &failure) || failure.Status != 403 {
		t.Errorf("wrong key: %v", err)
	}
	if err = c.PutFence(t.Context(), leader, "x", nil); !errors.As(err, &failure) || failure.Status != 400 {
		t.Errorf("no signature: %v", err)
	}
	noKey := errors.New("no session key yet")
	failing := func([]byte) (string, string, bool, error) { return "", "", false, noKey }
	if err = c.PutFence(t.Context(), leader, "x", failing); !errors.Is(err, noKey) {
		t.Errorf("failing signer: %v", err)
	}
	h.err = cluster.ErrRebalancing
	if err = c.PostTaskConfigs(t.Context(), leader, "x", nil, signWith(sessionKey)); !errors.As(err, &failure) || failure.Status != 409 {
		t.Errorf("rebalancing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err = c.PutFence(ctx, leader, "x", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
