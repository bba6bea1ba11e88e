package rest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/connectd/connectd/internal/cluster"
)

// refusal is the body that a Java worker sends, which is no JSON whatever its content type says.
const refusal = "User cannot access the resource."

func guardedServer(t *testing.T, h Herder, users ...map[string]string) *Server {
	t.Helper()
	return newTestServer(t, Config{
		Herder: h, BasicAuth: NewBasicAuth(users...), AllowOrigin: "http://a.example",
		AdminListeners: []string{"http://127.0.0.1:0"}, ResponseHeaders: "add X-A: 1",
	})
}

// TestBasicAuthCredentials: which headers a Java worker with the same credentials file lets pass. Broken base64 is the caller's
// mistake and no 500.
func TestBasicAuthCredentials(t *testing.T) {
	s := guardedServer(t, &fakeHerder{}, map[string]string{"admin": "secret", "user": "pässword", "empty": "", "colon": "a:b"})
	for header, want := range map[string]int{
		"":                                     401,
		"Basic YWRtaW46c2VjcmV0":               200, // admin:secret
		"bAsIc YWRtaW46c2VjcmV0":               200,
		"Basic dXNlcjpww6Rzc3dvcmQ=":           200, // user:pässword
		"Basic dXNlcjpww6Rzc3dvcmQ":            200, // the same without padding
		"Basic ZW1wdHk6":                       200, // empty:
		"Basic Y29sb246YTpi":                   200, // colon:a:b
		"Basic YWRtaW46YmFk":                   401, // admin:bad
		"Basic YWRtaW46":                       401, // admin:
		"Basic YWRtaW4=":                       401, // admin
		"Basic OnNlY3JldA==":                   401, // :secret
		"Basic bm9ib2R5Og==":                   401, // nobody:
		"Basic bm9ib2R5OnNlY3JldA==":           401, // nobody:secret
		"Basic  YWRtaW46c2VjcmV0":              401,
		"Basic !!!":                            401,
		"Basic":                                401,
		"Bearer YWRtaW46c2VjcmV0":              401,
		"Basic YWRtaW46c2VjcmV0,Basic YWRtaW4": 401,
	} {
		rec := ask(s.Handler(), "GET", "/connectors", "", "Authorization", header)
		if rec.Code != want || want == 401 && rec.Body.String() != refusal {
			t.Errorf("%q: %d %s", header, rec.Code, rec.Body)
		}
	}
	req := httptest.NewRequest("GET", "/connectors", nil)
	req.Header["Authorization"] = []string{"Basic YWRtaW46c2VjcmV0", "Basic xx"}
	rec := httptest.NewRecorder()
	if s.Handler().ServeHTTP(rec, req); rec.Code != 401 {
		t.Errorf("two headers: %d", rec.Code)
	}
}

// TestBasicAuthScope: what asks for credentials and what does not, and with which headers it is refused.
func TestBasicAuthScope(t *testing.T) {
	h := &fakeHerder{}
	s := guardedServer(t, h, map[string]string{"admin": "secret"})
	for _, tc := range []struct {
		method, path, body string
		status             int
		contentType        string
	}{
		{"GET", "/", "", 401, "application/json"},
		{"HEAD", "/", "", 401, "application/json"},
		{"GET", "/health", "", 401, "application/json"},
		{"GET", "/connectors", "", 401, "application/json"},
		{"OPTIONS", "/connectors", "", 401, "text/plain"},
		{"OPTIONS", "/connectors/x/fence", "", 401, "text/plain"},
		{"POST", "/connectors", "{}", 401, "application/json"},
		{"PUT", "/connectors/x/config", "no json", 401, "application/json"},
		{"GET", "/connectors/x/tasks", "", 401, "application/json"},
		{"PUT", "/connectors/x/tasks", "", 405, ""},
		{"GET", "/nope", "", 404, ""},
		{"DELETE", "/", "", 405, ""},
		{"GET", "/admin/loggers", "", 404, ""},
		{"POST", "/connectors/x/tasks", "[]", 400, "application/json"}, // no signature
		{"PUT", "/connectors/x%20y/fence/", "", 400, "application/json"},
	} {
		rec := ask(s.Handler(), tc.method, tc.path, tc.body)
		if rec.Code != tc.status || rec.Header().Get("Content-Type") != tc.contentType {
			t.Errorf("%s %s: %d %v %s", tc.method, tc.path, rec.Code, rec.Header(), rec.Body)
		}
		if rec.Header().Get("X-A") != "1" || rec.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s %s: %v", tc.method, tc.path, rec.Header())
		}
	}
	for _, c := range h.take() {
		if c.method != "VerifySignature" {
			t.Errorf("the herder was asked: %v", c)
		}
	}
	if rec := ask(s.AdminHandler(), "GET", "/admin/loggers", ""); rec.Code != 200 {
		t.Errorf("admin listener: %d %s", rec.Code, rec.Body)
	}
	if rec := ask(s.AdminHandler(), "OPTIONS", "/admin/loggers", ""); rec.Code != 200 {
		t.Errorf("admin listener: %d %s", rec.Code, rec.Body)
	}
	if rec := ask(s.Handler(), "GET", "/connectors", "", "Accept", "text/plain"); rec.Code != 406 {
		t.Errorf("not acceptable: %d", rec.Code)
	}
	rec := ask(s.Handler(), "OPTIONS", "/connectors", "", "Origin", "http://a.example", "Access-Control-Request-Method", "GET")
	if rec.Code != 401 || rec.Header().Get("Access-Control-Allow-Origin") != "http://a.example" {
		t.Errorf("preflight: %d %v", rec.Code, rec.Header())
	}
	shared := newTestServer(t, Config{Herder: h, BasicAuth: NewBasicAuth(map[string]string{"a": "b"})})
	for _, method := range []string{"GET", "OPTIONS"} {
		if rec := ask(shared.Handler(), method, "/admin/loggers", ""); rec.Code != 401 {
			t.Errorf("%s of loggers on the main listener: %d", method, rec.Code)
		}
	}
}

// TestBasicAuthFiles: any of several files may know a caller, and one without users lets everybody in, as in Java.
func TestBasicAuthFiles(t *testing.T) {
	with := func(name, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(name, password) }
	}
	for _, tc := range []struct {
		name  string
		auth  *BasicAuth
		as    func(*http.Request)
		wants bool
	}{
		{"first", NewBasicAuth(map[string]string{"a": "1"}, map[string]string{"b": "2"}), with("a", "1"), true},
		{"second", NewBasicAuth(map[string]string{"a": "1"}, map[string]string{"b": "2"}), with("b", "2"), true},
		{"crossed", NewBasicAuth(map[string]string{"a": "1"}, map[string]string{"b": "2"}), with("b", "1"), false},
		{"empty file", NewBasicAuth(map[string]string{"a": "1"}, nil), func(*http.Request) {}, true},
		{"no file", NewBasicAuth(), with("a", "1"), false},
	} {
		req := httptest.NewRequest("GET", "/", nil)
		tc.as(req)
		if got := tc.auth.allows(req); got != tc.wants {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// TestBasicAuthForwarded: the leader gets the caller's credentials, and asks for them itself.
func TestBasicAuthForwarded(t *testing.T) {
	users := map[string]string{"admin": "secret"}
	leader := &fakeHerder{}
	srv := httptest.NewServer(guardedServer(t, leader, users).Handler())
	t.Cleanup(srv.Close)
	follower := guardedServer(t, &fakeHerder{err: &cluster.NotLeader{LeaderURL: srv.URL}}, users)
	if rec := ask(follower.Handler(), "DELETE", "/connectors/x", "", "Authorization", "Basic YWRtaW46c2VjcmV0"); rec.Code != 204 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if calls := leader.take(); len(calls) != 1 || calls[0].method != "DeleteConnector" {
		t.Errorf("the leader was asked %v", calls)
	}
}
