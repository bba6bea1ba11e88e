package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/connectd/connectd/rest/api"
)

// wrap puts around a router what holds for every request. CORS is for the main listeners only, as in Java.
func (s *Server) wrap(router http.Handler, public bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if v := recover(); v != nil {
				s.panicked(rec, r, v)
			}
			s.log.Debug("Request", "method", r.Method, "path", r.URL.EscapedPath(), "status", rec.status,
				"bytes", rec.bytes, "remote", r.RemoteAddr, "took", time.Since(start))
		}()
		s.limitReads(rec)
		rec.Header().Set("Server", "connectd/"+s.cfg.Version)
		if public {
			s.cors.apply(rec.Header(), r)
			s.applyHeaderRules(rec.Header(), start)
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer context.AfterFunc(s.requests, cancel)()
		defer cancel()
		s.dispatch(router, rec, r.WithContext(ctx))
	})
}

// Limits of a request's head; a Java worker takes 8 KB of either.
const (
	maxURIBytes    = 16 << 10
	maxHeaderBytes = 64 << 10
)

// tooLong gives the status of a request whose head is too large, 0 for others.
func tooLong(r *http.Request) int {
	if len(r.RequestURI) > maxURIBytes {
		return http.StatusRequestURITooLong
	}
	size := 0
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	if size > maxHeaderBytes {
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return 0
}

// dispatch routes by the raw path, so that an encoded slash or arrow stays within its segment.
func (s *Server) dispatch(router http.Handler, w http.ResponseWriter, r *http.Request) {
	if status := tooLong(r); status != 0 {
		s.bareError(w, status)
		return
	}
	path, refused := cleanPath(rawPath(r))
	if refused != nil {
		s.writeError(w, r, refused)
		return
	}
	u := *r.URL
	u.RawPath = path
	if text, err := url.PathUnescape(path); err == nil {
		u.Path = text
	}
	r.URL = &u
	router.ServeHTTP(w, r)
}

// panicked keeps a bug in one handler from ending the connection without an answer.
func (s *Server) panicked(w *recorder, r *http.Request, v any) {
	s.log.Error("A request handler panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if w.status == 0 {
		s.writeError(w, r, &api.Error{Status: http.StatusInternalServerError, Message: "The worker met an internal error; its log tells more"})
	}
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status, bytes int
}

// Unwrap gives http.ResponseController the real writer.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += n
	return n, err
}
