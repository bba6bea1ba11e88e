package rest

import (
	"net/http"
	"slices"
	"strings"
)

// corsPolicy answers requests that pages of other origins make. Nil allows none and adds no header.
type corsPolicy struct {
	origins []string
	any     bool
	methods string
}

const defaultCORSMethods = "GET,POST,HEAD"

// newCORSPolicy takes comma-separated origins, "*" among them for any, and methods.
func newCORSPolicy(origins, methods string) *corsPolicy {
	if strings.TrimSpace(origins) == "" {
		return nil
	}
	if strings.TrimSpace(methods) == "" {
		methods = defaultCORSMethods
	}
	p := &corsPolicy{methods: strings.Join(splitList(methods), ",")}
	for _, o := range splitList(origins) {
		p.any = p.any || o == "*"
		p.origins = append(p.origins, o)
	}
	return p
}

func splitList(text string) (out []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// handle adds the headers, and tells whether it has answered the request, which it does for preflights.
func (p *corsPolicy) handle(w http.ResponseWriter, r *http.Request) bool {
	if p == nil {
		return false
	}
	h := w.Header()
	if !p.any {
		h.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	if origin == "" || !p.allows(origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	wanted := r.Header.Get("Access-Control-Request-Method")
	if r.Method != http.MethodOptions || wanted == "" {
		return false
	}
	if slices.Contains(strings.Split(p.methods, ","), wanted) {
		h.Set("Access-Control-Allow-Methods", p.methods)
		h.Set("Access-Control-Allow-Headers", "X-Requested-With,Content-Type,Accept,Origin")
		h.Set("Access-Control-Max-Age", "1800")
	}
	w.WriteHeader(http.StatusOK)
	return true
}

// allows takes an exact origin, or one with * for any characters, such as https://*.example.com.
func (p *corsPolicy) allows(origin string) bool {
	if p.any {
		return true
	}
	return slices.ContainsFunc(p.origins, func(allowed string) bool {
		if before, after, wild := strings.Cut(allowed, "*"); wild {
			return len(origin) >= len(before)+len(after) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after)
		}
		return allowed == origin
	})
}
