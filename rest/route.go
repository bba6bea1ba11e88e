package rest

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// route is one method on one path.
type route struct {
	method, pattern string
	handler         func(*request) (*response, error)
	// body tells that the handler reads one.
	body bool
	// consumes tells that a Content-Type other than JSON is refused, with a body or without.
	consumes bool
	// anyAnswer tells that the answer is not JSON: Accept rules nothing out.
	anyAnswer bool
	access    access
}

// access tells whether a route asks for credentials, where the worker has basic authentication.
type access uint8

const (
	withCredentials access = iota
	// signed requests are those between workers, which have a signature instead.
	signed
	// open routes are those of separate admin listeners: Java's extension does not reach them.
	open
)

// router makes the router of a resource. GET answers HEAD too, and every path answers OPTIONS.
func (s *Server) router(routes []route) chi.Router {
	r := chi.NewRouter()
	methods := map[string][]string{}
	unguarded := map[string]bool{}
	for _, rt := range routes {
		unguarded[rt.pattern] = rt.access == open
		h := s.handle(rt)
		r.Method(rt.method, rt.pattern, h)
		if rt.method == http.MethodGet {
			r.Method(http.MethodHead, rt.pattern, h)
			methods[rt.pattern] = append(methods[rt.pattern], http.MethodHead)
		}
		methods[rt.pattern] = append(methods[rt.pattern], rt.method)
	}
	for pattern, allowed := range methods {
		h := options(append(allowed, http.MethodOptions))
		if !unguarded[pattern] {
			h = s.guarded("text/plain", h)
		}
		r.Method(http.MethodOptions, pattern, h)
	}
	return r
}

// methodOrder is the order in which Java lists methods.
var methodOrder = []string{
	http.MethodHead, http.MethodDelete, http.MethodPost, http.MethodGet, http.MethodOptions, http.MethodPut, http.MethodPatch,
}

func options(allowed []string) http.HandlerFunc {
	slices.SortFunc(allowed, func(a, b string) int { return slices.Index(methodOrder, a) - slices.Index(methodOrder, b) })
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed, ","))
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(strings.Join(allowed, ", ")))
	}
}

// refuses gives the status with which a request's media types rule it out, 0 when they do not.
func (rt route) refuses(r *http.Request) int {
	if given := r.Header.Get("Content-Type"); given != "" {
		media, _, err := mime.ParseMediaType(given)
		if err != nil || !strings.Contains(media, "/") {
			return http.StatusBadRequest
		}
		if rt.consumes && !matchesJSON(media) {
			return http.StatusUnsupportedMediaType
		}
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if rt.anyAnswer || strings.TrimSpace(accept) == "" {
		return 0
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		if matchesJSON(strings.ToLower(strings.TrimSpace(media))) {
			return 0
		}
	}
	return http.StatusNotAcceptable
}

func matchesJSON(media string) bool {
	return media == "application/json" || media == "application/*" || media == "*/*"
}

// namesJSON tells that a Content-Type says JSON itself: a range or none is not enough to read a body by.
func namesJSON(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	return media == "application/json"
}
