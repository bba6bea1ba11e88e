package rest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/internal/jackson"
	"github.com/connectd/connectd/rest/api"
	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
)

// allRoutes is the route table; GET stands for HEAD too, and every path has OPTIONS.
var allRoutes = `
GET    /
GET    /health
GET    /openapi.json
GET    /metrics/
GET    /connectors/
POST   /connectors/
DELETE /connectors/{connector}
GET    /connectors/{connector}
GET    /connectors/{connector}/config
PATCH  /connectors/{connector}/config
PUT    /connectors/{connector}/config
PUT    /connectors/{connector}/fence
DELETE /connectors/{connector}/offsets
GET    /connectors/{connector}/offsets
PATCH  /connectors/{connector}/offsets
PUT    /connectors/{connector}/pause
GET    /connectors/{connector}/progress
POST   /connectors/{connector}/restart
PUT    /connectors/{connector}/resume
GET    /connectors/{connector}/status
PUT    /connectors/{connector}/stop
GET    /connectors/{connector}/tasks
POST   /connectors/{connector}/tasks
POST   /connectors/{connector}/tasks/{task}/restart
GET    /connectors/{connector}/tasks/{task}/status
GET    /connectors/{connector}/topics
PUT    /connectors/{connector}/topics/reset
GET    /connector-plugins/
GET    /connector-plugins/{plugin}/config
PUT    /connector-plugins/{plugin}/config/validate
`

var adminRoutes = `
GET    /admin/loggers/
GET    /admin/loggers/{logger}
PUT    /admin/loggers/{logger}
`

var apartRoutes = adminRoutes + `
GET    /metrics/
`

func TestRouteTable(t *testing.T) {
	for _, tc := range []struct {
		name        string
		admin       []string
		main, apart string
	}{
		{"admin on the same listeners", nil, allRoutes + adminRoutes, ""},
		{"no admin", []string{}, allRoutes, ""},
		{"admin apart", []string{"http://127.0.0.1:0"}, allRoutes, apartRoutes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newTestServer(t, Config{Herder: &fakeHerder{}, AdminListeners: tc.admin})
			if diff := cmp.Diff(sortedLines(tc.main), walk(t, s.routes())); diff != "" {
				t.Errorf("routes (-want +got):\n%s", diff)
			}
			if (s.AdminHandler() != nil) != (tc.apart != "") {
				t.Errorf("admin handler: %v", s.AdminHandler() != nil)
			}
			if tc.apart != "" {
				if diff := cmp.Diff(sortedLines(tc.apart), walk(t, s.adminRoutes())); diff != "" {
					t.Errorf("admin routes (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func sortedLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 2 {
			lines = append(lines, fields[0]+" "+fields[1])
		}
	}
	slices.Sort(lines)
	return lines
}

// walk lists a router's routes and checks that GET has HEAD, and every path OPTIONS, beside it.
func walk(t *testing.T, r chi.Routes) []string {
	t.Helper()
	all := map[string]bool{}
	err := chi.Walk(r, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		all[method+" "+strings.ReplaceAll(route, "/*/", "/")] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range all {
		method, path, _ := strings.Cut(line, " ")
		if method == http.MethodGet && !all["HEAD "+path] {
			t.Errorf("%s has no HEAD", path)
		}
		if !all["OPTIONS "+path] {
			t.Errorf("%s has no OPTIONS", path)
		}
		if method != http.MethodHead && method != http.MethodOptions {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// TestHead: a HEAD has the headers of its GET, the length included, and no body.
func TestHead(t *testing.T) {
	s := newTestServer(t, Config{Herder: &fakeHerder{names: []string{"a"}}})
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodHead, "/connectors/", nil))
	if rec.Code != 200 || rec.Header().Get("Content-Length") != "5" || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
}

// TestWhatTheHerderIsAsked: names arrive decoded, parameters as Java reads them.
func TestWhatTheHerderIsAsked(t *testing.T) {
	for _, tc := range []struct {
		method, path, body string
		want               call
	}{
		{"GET", "/connectors/a-%3Eb%20c", "", call{"ConnectorInfo", "a->b c", nil}},
		{"GET", "/connectors/a+b;v=1/", "", call{"ConnectorInfo", "a+b", nil}},
		{"DELETE", "/connectors/x/", "", call{"DeleteConnector", "x", nil}},
		{"PUT", "/connectors/x/resume", "", call{"SetTargetState", "x", []any{"STARTED"}}},
		{"POST", "/connectors/x/restart?includeTasks=true", "", call{"RestartConnectorAndTasks", "x", []any{false, true}}},
		{"POST", "/connectors/x/restart?onlyFailed=TRUE", "", call{"RestartConnectorAndTasks", "x", []any{true, false}}},
		{"POST", "/connectors/x/restart?onlyFailed=yes", "", call{"RestartConnector", "x", nil}},
		{"POST", "/connectors/x/tasks/7/restart", "", call{"RestartTask", "x", []any{7}}},
		{"DELETE", "/connectors/x/offsets/", "", call{"ResetConnectorOffsets", "x", nil}},
		{
			"PATCH", "/connectors/x/offsets", `{"offsets":[{"offset":{"o":1.50,"n":{"a":[null,"b"]}},"partition":{"z":-0,"a":true,"z":"\u00e9"}},{}]}`,
			call{"AlterConnectorOffsets", "x", []any{[]api.ConnectorOffset{
				{
					Partition: jackson.Object{{Key: "z", Value: "é"}, {Key: "a", Value: true}},
					Offset: jackson.Object{
						{Key: "o", Value: jackson.Number("1.50")},
						{Key: "n", Value: jackson.Object{{Key: "a", Value: []any{nil, "b"}}}},
					},
				}, {},
			}}},
		},
		{"GET", "/connector-plugins?connectorsOnly=false", "", call{"Plugins", "", []any{false}}},
		{"GET", "/connector-plugins?connectorsOnly=", "", call{"Plugins", "", []any{true}}},
		{"GET", "/connector-plugins/a.B$C/config", "", call{"PluginConfig", "a.B$C", nil}},
		{"PUT", "/admin/loggers/org.x?scope=CLUSTER", `{"level":"debug"}`, call{"SetLogger", "org.x", []any{"DEBUG", true}}},
		{"PUT", "/admin/loggers/org.x?scope=zzz", `{"level":"ALL"}`, call{"SetLogger", "org.x", []any{"ALL", false}}},
		{
			"POST", "/connectors", `{"name":" n\t","initial_state":"paused","config":{"a":1.50,"b":true}}`,
			call{"PutConnectorConfig", "n", []any{map[string]string{"a": "1.50", "b": "true", "name": "n"}, "PAUSED", false}},
		},
		{
			"PUT", "/connectors/%20n/config", `{"a":"x"}`,
			call{"PutConnectorConfig", " n", []any{map[string]string{"a": "x", "name": " n"}, "", true}},
		},
		{
			"PUT", "/connectors/n/config", `{"a":null,"connector.class":"C"}`,
			call{"Validate", "C", []any{map[string]string{"connector.class": "C", "name": "n"}}},
		},
		{
			"PUT", "/connector-plugins/C/config/validate", `{"a":null,"connector.class":"x.CConnector"}`,
			call{"Validate", "C", []any{map[string]string{"connector.class": "x.CConnector"}}},
		},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			h := &fakeHerder{}
			s := newTestServer(t, Config{Herder: h})
			req := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
			if tc.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			s.Handler().ServeHTTP(httptest.NewRecorder(), req)
			calls := h.take()
			if len(calls) != 1 {
				t.Fatalf("calls %v", calls)
			}
			if diff := cmp.Diff(tc.want.text(), calls[0].text()); diff != "" {
				t.Errorf("call (-want +got):\n%s", diff)
			}
		})
	}
}
