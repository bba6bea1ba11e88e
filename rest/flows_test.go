package rest

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/rest/api"
)

func newFlows(t *testing.T, flows map[flowName]Herder) *Flows {
	t.Helper()
	f, err := NewFlows(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Shutdown(context.Background()) })
	for name, h := range flows {
		f.Add(name.source, name.target, h)
	}
	return f
}

// askSigned asks as another node would.
func askSigned(t *testing.T, h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	mac, err := api.Sign(sessionKey, "HmacSHA256", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return ask(h, method, path, body, api.SignatureHeader, mac, api.AlgorithmHeader, "HmacSHA256")
}

// TestFlowsAnswerForTheirOwn: each flow has the internal endpoints below its path, as Java's dedicated mode has them, and what
// shows how it is doing; nothing else.
func TestFlowsAnswerForTheirOwn(t *testing.T) {
	testkit.NoLeaks(t)
	ab, odd := &fakeHerder{names: []string{"m"}}, &fakeHerder{}
	f := newFlows(t, map[flowName]Herder{{"A", "B"}: ab, {"x y", "ä->b"}: odd})
	for _, tc := range []struct {
		method, path, body string
		status             int
		herder             *fakeHerder
		called             string
	}{
		{"POST", "/A/B/connectors/m/tasks", `[{"a":"b"}]`, 204, ab, "PutTaskConfigs"},
		{"PUT", "/A/B/connectors/m/fence", ``, 204, ab, "FenceZombies"},
		{"GET", "/A/B/connectors", ``, 200, ab, "Connectors"},
		{"GET", "/A/B/connectors/", ``, 200, ab, "Connectors"},
		{"GET", "/A/B/connectors/m/status", ``, 404, ab, "ConnectorStatus"},
		{"GET", "/A/B/health", ``, 200, ab, "Health"},
		{"GET", "/health", ``, 200, ab, "Health"},
		{"GET", "/x%20y/%C3%A4-%3Eb/connectors", ``, 200, odd, "Connectors"},
		{"GET", "/x%20y/%C3%A4-%3Ec/connectors", ``, 404, nil, ""},
		{"GET", "/A/A/connectors", ``, 404, nil, ""},
		{"POST", "/B/A/connectors/m/tasks", `[]`, 404, nil, ""},
		// Configs hold secrets, and are the file's to say.
		{"GET", "/A/B/connectors/m", ``, 404, nil, ""},
		{"GET", "/A/B/connectors/m/config", ``, 404, nil, ""},
		{"GET", "/A/B/connectors/m/tasks", ``, 405, nil, ""},
		{"PUT", "/A/B/connectors/m/config", `{}`, 404, nil, ""},
		{"POST", "/A/B/connectors", `{}`, 405, nil, ""},
		{"DELETE", "/A/B/connectors/m", ``, 404, nil, ""},
		{"PUT", "/A/B/connectors/m/pause", ``, 404, nil, ""},
		{"GET", "/connectors", ``, 404, nil, ""},
		{"GET", "/connectors/m/status", ``, 404, nil, ""},
		{"GET", "/admin/loggers", ``, 404, nil, ""},
		{"GET", "/", ``, 404, nil, ""},
	} {
		ab.take()
		odd.take()
		rec := askSigned(t, f.Handler(), tc.method, tc.path, tc.body)
		if rec.Code != tc.status {
			t.Errorf("%s %s: %d %s; want %d", tc.method, tc.path, rec.Code, rec.Body, tc.status)
		}
		called := false
		for _, c := range append(ab.take(), odd.take()...) {
			called = called || c.method == tc.called
			if tc.herder == nil {
				t.Errorf("%s %s reached a worker: %s", tc.method, tc.path, c.text())
			}
		}
		if tc.herder != nil && !called {
			t.Errorf("%s %s did not reach %s", tc.method, tc.path, tc.called)
		}
	}
	if rec := ask(f.Handler(), "GET", "/B/A/connectors", ""); message(t, rec) != "No replication flow found for source 'B' and target 'A'" {
		t.Error(rec.Body)
	}
}

// TestFlowsCheckSignatures: a worker is asked by others of its flow only, who know the flow's key.
func TestFlowsCheckSignatures(t *testing.T) {
	f := newFlows(t, map[flowName]Herder{{"A", "B"}: &fakeHerder{}})
	if rec := ask(f.Handler(), "POST", "/A/B/connectors/m/tasks", "[]"); rec.Code != http.StatusBadRequest {
		t.Error(rec.Code, rec.Body)
	}
	wrong := base64.StdEncoding.EncodeToString(make([]byte, 32))
	rec := ask(f.Handler(), "POST", "/A/B/connectors/m/tasks", "[]", api.SignatureHeader, wrong, api.AlgorithmHeader, "HmacSHA256")
	if rec.Code != http.StatusForbidden {
		t.Error(rec.Code, rec.Body)
	}
}

// TestFlowsForward: a node that does not lead a flow passes requests on to the one that does, below the same path.
func TestFlowsForward(t *testing.T) {
	testkit.NoLeaks(t)
	leads := &fakeHerder{}
	leader := httptest.NewServer(newFlows(t, map[flowName]Herder{{"A", "B"}: leads}).Handler())
	defer leader.Close()
	follower := newFlows(t, map[flowName]Herder{{"A", "B"}: &fakeHerder{onCall: func(_ context.Context, c call) error {
		if c.method == "PutTaskConfigs" {
			return &cluster.NotLeader{LeaderURL: leader.URL + "/"}
		}
		return nil
	}}})
	rec := askSigned(t, follower.Handler(), "POST", "/A/B/connectors/m-%3En/tasks", `[{"k":"v"}]`)
	if rec.Code != http.StatusNoContent {
		t.Fatal(rec.Code, rec.Body)
	}
	var got []string
	for _, c := range leads.take() {
		got = append(got, c.text())
	}
	if text := strings.Join(got, "; "); !strings.Contains(text, `PutTaskConfigs("m->n"`) {
		t.Error(text)
	}
}

// TestHealthOfFlows: the process is as healthy as its least healthy worker.
func TestHealthOfFlows(t *testing.T) {
	starting := &fakeHerder{err: cluster.Errorf(cluster.CodeUnavailable, "reading")}
	broken := &fakeHerder{err: context.DeadlineExceeded}
	good := &fakeHerder{}
	for _, tc := range []struct {
		herders []Herder
		status  int
		want    string
	}{
		{[]Herder{good, good}, 200, api.Healthy},
		{[]Herder{good, starting}, 503, api.Starting},
		{[]Herder{starting, broken, good}, 500, api.Unhealthy},
		{nil, 503, api.Starting},
	} {
		flows := map[flowName]Herder{}
		for i, h := range tc.herders {
			flows[flowName{"A", string(rune('a' + i))}] = h
		}
		rec := ask(newFlows(t, flows).Handler(), "GET", "/health", "")
		if rec.Code != tc.status || !strings.Contains(rec.Body.String(), tc.want) {
			t.Errorf("%d %s; want %d %s", rec.Code, rec.Body, tc.status, tc.want)
		}
	}
}

func TestFlowPath(t *testing.T) {
	if p := FlowPath("us-east", "a b/c"); p != "/us-east/a%20b%2Fc" {
		t.Error(p)
	}
}
