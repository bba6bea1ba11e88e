package worker_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/connectd/connectd/connectors/fault"
)

// FuzzWorkerREST asks a whole worker: what a caller sends is never answered with a panic, a hang, or a failure that the worker takes
// for its own.
func FuzzWorkerREST(f *testing.F) {
	log := &lockedLog{}
	c := newLoggingWorkers(f, 1, nil, nil, log)
	w := c.all[0]
	w.create("stopped", source(1, "initial", "x"))
	w.must(http.StatusNoContent, "PUT", "/connectors/stopped/stop", nil)
	requests := []string{
		"GET /connectors", "POST /connectors", "GET /connectors/{}", "GET /connectors/{}/config", "PUT /connectors/{}/config",
		"PATCH /connectors/{}/config", "GET /connectors/{}/status", "PUT /connectors/{}/pause", "PUT /connectors/{}/resume",
		"PUT /connectors/{}/stop", "POST /connectors/{}/restart", "GET /connectors/{}/tasks", "POST /connectors/{}/tasks",
		"PUT /connectors/{}/fence", "GET /connectors/{}/tasks/{}/status", "POST /connectors/{}/tasks/{}/restart",
		"GET /connectors/{}/offsets", "PATCH /connectors/{}/offsets", "DELETE /connectors/{}/offsets", "GET /connectors/{}/topics",
		"PUT /connectors/{}/topics/reset", "GET /connector-plugins", "GET /connector-plugins/{}/config",
		"PUT /connector-plugins/{}/config/validate", "GET /admin/loggers", "GET /admin/loggers/{}", "PUT /admin/loggers/{}",
		"DELETE /connectors/{}", "GET /health", "GET /openapi.json",
	}
	for i := range requests {
		for _, seed := range [][3]string{
			{"stopped", "", ""},
			{"new->one", "expand=info&expand=status&includeTasks=true&onlyFailed=true&connectorsOnly=false&scope=cluster", `{"level":"INFO"}`},
			{fault.SourceClass, "forward=false", `{"connector.class":"` + fault.SourceClass + `","tasks.max":"1","topic":"t","transforms":"a","transforms.a.type":"x","producer.override.acks":"2"}`},
			{"0", "", `{"name":"made","config":{"connector.class":"` + fault.SourceClass + `","tasks.max":1,"topic":"t"},"initial_state":"STOPPED"}`},
			{"stopped", "", `{"offsets":[{"partition":{"a":1},"offset":{"b":null}},{"partition":{},"offset":null}]}`},
		} {
			f.Add(uint8(i), seed[0], seed[1], []byte(seed[2]))
		}
	}
	f.Fuzz(func(t *testing.T, index uint8, name, query string, body []byte) {
		method, path, _ := strings.Cut(requests[int(index)%len(requests)], " ")
		path = strings.ReplaceAll(path, "{}", url.PathEscape(name))
		if method == http.MethodDelete && !strings.HasSuffix(path, "/offsets") && name == "stopped" {
			t.Skip() // what others ask for
		}
		log.take()
		req, err := http.NewRequest(method, strings.TrimSuffix(w.URL(), "/")+path, strings.NewReader(string(body)))
		if err != nil {
			t.Skip()
		}
		req.URL.RawQuery = strings.Map(func(r rune) rune {
			if r <= ' ' || r >= 0x7f || r == '#' {
				return '_'
			}
			return r
		}, query)
		req.Header.Set("Content-Type", "application/json")
		resp, err := httpClient.Do(req)
		if err != nil {
			t.Fatalf("%s %q: %v", method, path, err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 && !json.Valid(text) {
			t.Errorf("%s %q: %d %q is no JSON", method, path, resp.StatusCode, text)
		}
		for line := range strings.Lines(log.take()) {
			failed := strings.Contains(line, "Request failed") && !strings.Contains(line, asJava)
			if failed || strings.Contains(line, "panic") {
				t.Errorf("%s %q?%s %q: %d %s\n%s", method, path, req.URL.RawQuery, body, resp.StatusCode, text, line)
			}
		}
		tidy(w)
	})
}

// asJava begins messages of Java workers that answer 500 to a caller's mistake; tools may look for them.
const asJava = "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: "

// tidy removes connectors that a request created, so that they do not pile up.
func tidy(w *testWorker) {
	var names []string
	if err := w.expect(http.StatusOK, "GET", "/connectors", nil, &names); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		if name != "stopped" {
			_, _, _ = w.call("DELETE", "/connectors/"+url.PathEscape(name), nil)
		}
	}
}

// lockedLog keeps what workers log.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take gives what was logged since it was called last.
func (l *lockedLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}
