package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzRequest: whatever the path and the body, there is one answer, it is no success of something else, and a failure is JSON.
func FuzzRequest(f *testing.F) {
	for _, e := range append(recorded(f, "testdata/java-4.3.1.json", 300), recorded(f, "testdata/offsets-4.3.1.json", 200)...) {
		f.Add(e.Method, e.Path, e.Headers["Accept"], e.body())
	}
	s, err := New(Config{Herder: &fakeHerder{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, accept string, body []byte) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path+method, " \r\n\t") || method == "" || !utf8.ValidString(path) {
			t.Skip()
		}
		req, err := http.NewRequest(method, "http://x"+path, strings.NewReader(string(body)))
		if err != nil {
			t.Skip()
		}
		req.RequestURI = path
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", accept)
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, req)
		if rec.Code < 200 || rec.Code > 599 {
			t.Errorf("status %d", rec.Code)
		}
		if rec.Code >= 400 && !strings.HasPrefix(path, "/health") {
			if text := message(t, rec); strings.Contains(text, "internal error") {
				t.Errorf("a handler panicked on %s %s %q", method, path, body)
			}
		}
	})
}
