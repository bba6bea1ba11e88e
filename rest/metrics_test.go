package rest

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/internal/testkit"
)

func TestMetricsAreText(t *testing.T) {
	h := &fakeHerder{metrics: &metrics.Snapshot{Workers: []metrics.Worker{{Tasks: 7}}}}
	s := newTestServer(t, Config{Herder: h, AdminListeners: []string{"http://127.0.0.1:0"}, Version: "1.2"})
	for _, tc := range []struct {
		name, method, path, accept string
		admin                      bool
		status                     int
		kind                       string
	}{
		{"as a browser asks", "GET", "/metrics", "", false, 200, "text/plain; version=0.0.4"},
		{"a slash", "GET", "/metrics/", "", false, 200, "text/plain; version=0.0.4"},
		{"text", "GET", "/metrics", "text/plain", false, 200, "text/plain; version=0.0.4"},
		{"as Prometheus asks", "GET", "/metrics", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", false, 200, "text/plain; version=0.0.4"},
		{"admin listeners", "GET", "/metrics", "", true, 200, "text/plain; version=0.0.4"},
		{"only the head", "HEAD", "/metrics", "", false, 200, "text/plain; version=0.0.4"},
		{"no other method", "POST", "/metrics", "", false, 405, ""},
		{"nothing below", "GET", "/metrics/x", "", false, 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			handler := s.Handler()
			if tc.admin {
				handler = s.AdminHandler()
			}
			var header []string
			if tc.accept != "" {
				header = []string{"Accept", tc.accept}
			}
			rec := ask(handler, tc.method, tc.path, "", header...)
			if rec.Code != tc.status || !strings.HasPrefix(rec.Header().Get("Content-Type"), tc.kind) {
				t.Fatalf("%d, %s", rec.Code, rec.Header().Get("Content-Type"))
			}
			told := strings.Contains(rec.Body.String(), "\nkafka_connect_worker_task_count 7\n") &&
				strings.Contains(rec.Body.String(), `connectd_build_info{commit="",kafka_version="",version="1.2"} 1`)
			if want := tc.status == 200 && tc.method == "GET"; told != want {
				t.Errorf("told %v, want %v: %s", told, want, rec.Body)
			}
		})
	}
}

func TestMetricsAskForCredentials(t *testing.T) {
	s := newTestServer(t, Config{Herder: &fakeHerder{}, BasicAuth: NewBasicAuth(map[string]string{"u": "secret"})})
	if rec := ask(s.Handler(), "GET", "/metrics", ""); rec.Code != 401 {
		t.Errorf("%d without credentials", rec.Code)
	}
}

func TestFlowsTellTheirMetricsApart(t *testing.T) {
	testkit.NoLeaks(t)
	f := newFlows(t, map[flowName]Herder{
		{"A", "B"}: &fakeHerder{metrics: &metrics.Snapshot{Flow: "A->B", Workers: []metrics.Worker{{Tasks: 2}}}},
		{"B", "A"}: &fakeHerder{metrics: &metrics.Snapshot{Flow: "B->A", Workers: []metrics.Worker{{Tasks: 3}}}},
	})
	body := ask(f.Handler(), "GET", "/metrics", "").Body.String()
	for _, want := range []string{`kafka_connect_worker_task_count{flow="A->B"} 2`, `kafka_connect_worker_task_count{flow="B->A"} 3`} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("%s is missing in %s", want, body)
		}
	}
}
