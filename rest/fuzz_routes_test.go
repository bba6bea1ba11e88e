package rest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/rest/api"
	"github.com/hashicorp/go-hclog"
)

// FuzzRoutes sends every route any name, query, body and headers. No route panics, and no 500 but those that a Java worker gives
// for the same mistake; what may be answered to strangers, and what not, does not depend on any of it.
func FuzzRoutes(f *testing.F) {
	routes := slices.Sorted(maps.Keys(operations))
	signature, err := api.Sign(sessionKey, "HmacSHA256", []byte(`[{"a":"b"}]`))
	if err != nil {
		f.Fatal(err)
	}
	for i := range routes {
		for _, seed := range [][5]string{
			{"x", "", "", "", ""},
			{"a->b", "forward=true&expand=info&expand=status&includeTasks=true&onlyFailed=x&connectorsOnly=&scope=cluster", `{"level":"debug"}`, "Basic YWRtaW46c2VjcmV0", ""},
			{"%", "forward=false", `{"name":"x","config":{"name":"x","connector.class":"C","a":null},"initial_state":"stopped"}`, "Basic YWRtaW46c2VjcmV0", ""},
			{"\x00/;", "%zz", `{"offsets":[{"partition":{"a":1},"offset":null}]}`, "Basic YWRtaW46c2VjcmV0", ""},
			{"7", "forward=", `[{"a":"b"}]`, "Basic YWRtaW46c2VjcmV0", "HmacSHA256 " + signature},
		} {
			f.Add(uint8(i), seed[0], seed[1], []byte(seed[2]), seed[3], seed[4])
		}
	}
	failures := &failureLog{}
	s, err := New(Config{
		Herder: &fakeHerder{names: []string{"x"}}, BasicAuth: NewBasicAuth(map[string]string{"admin": "secret"}),
		Logger: hclog.New(&hclog.LoggerOptions{Output: failures, Level: hclog.Error}),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, index uint8, name, query string, body []byte, authorization, signed string) {
		route := routes[int(index)%len(routes)]
		method, pattern, _ := strings.Cut(route, " ")
		path := ""
		for segment := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
			if strings.HasPrefix(segment, "{") {
				segment = url.PathEscape(name)
			}
			path += "/" + segment
		}
		req, err := http.NewRequest(method, "http://x"+path, strings.NewReader(string(body)))
		if err != nil {
			t.Skip()
		}
		req.RequestURI = path + "?" + query
		req.URL.RawQuery = query
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", authorization)
		algorithm, mac, _ := strings.Cut(signed, " ")
		req.Header.Set(api.AlgorithmHeader, algorithm)
		req.Header.Set(api.SignatureHeader, mac)
		rec := httptest.NewRecorder()
		failures.text.Reset()
		s.Handler().ServeHTTP(rec, req)
		if logged := failures.text.String(); logged != "" {
			t.Errorf("%s %q?%q %q: %d %s\n%s", method, path, query, body, rec.Code, rec.Body, logged)
		}
		if rec.Code >= 400 && rec.Code != 401 {
			message(t, rec)
		}
		internal := operations[route].tag == internalTag
		if user, password, ok := basicCredentials(authorization); (!ok || user != "admin" || password != "secret") && !internal && rec.Code < 400 {
			t.Errorf("%s %q answered %d to %q", method, path, rec.Code, authorization)
		}
		if internal && rec.Code < 400 && api.CheckSignature(body, mac, algorithm, sessionKey, []string{"HmacSHA256"}) != nil {
			t.Errorf("%s %q answered %d with signature %q", method, path, rec.Code, signed)
		}
	})
}

// failureLog is where the server logs what it takes for its own fault.
type failureLog struct{ text strings.Builder }

func (l *failureLog) Write(p []byte) (int, error) { return l.text.Write(p) }

// FuzzBasicCredentials: no header makes the reader panic; what net/http takes for credentials is taken as the same, or refused.
func FuzzBasicCredentials(f *testing.F) {
	for _, header := range []string{"", "Basic", "Basic YWRtaW46c2VjcmV0", "basic YTo=", "Basic YTo", "Basic Og==", "Bearer x", "Basic ====", "Basic YQ=="} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		user, password, ok := basicCredentials(header)
		req := &http.Request{Header: http.Header{"Authorization": {header}}}
		wantUser, wantPassword, want := req.BasicAuth()
		if ok && user == "" {
			t.Error("a caller without a name")
		}
		if ok && want && (user != wantUser || password != wantPassword) || want && !ok && wantUser != "" {
			t.Errorf("%q: %q %q %v, net/http says %q %q %v", header, user, password, ok, wantUser, wantPassword, want)
		}
	})
}
