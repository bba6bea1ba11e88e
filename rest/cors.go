package rest

import (
	"net/http"
	"regexp"
	"strings"
)

// corsPolicy answers requests that pages of other origins make. Nil allows none and adds no header.
type corsPolicy struct {
	any     bool
	origins []origin
	methods string
}

// origin is one of access.control.allow.origin: a name and, as in Java, also a pattern that must match whole.
type origin struct {
	name    string
	pattern *regexp.Regexp // nil when the name is no valid pattern
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
	for _, name := range splitList(origins) {
		p.any = p.any || name == "*"
		pattern, err := regexp.Compile("^(?:" + name + ")$")
		if err != nil {
			pattern = nil
		}
		p.origins = append(p.origins, origin{name, pattern})
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

// apply adds the headers. A preflight goes on to its resource like any other OPTIONS, as in Java.
func (p *corsPolicy) apply(h http.Header, r *http.Request) {
	if p == nil {
		return
	}
	h.Add("Vary", "Origin")
	from := r.Header.Get("Origin")
	if from == "" || !p.allows(from) {
		return
	}
	h.Set("Access-Control-Allow-Origin", from)
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", p.methods)
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		h.Set("Access-Control-Max-Age", "60")
	}
}

func (p *corsPolicy) allows(from string) bool {
	if p.any {
		return true
	}
	for _, o := range p.origins {
		if o.name == from || o.pattern != nil && o.pattern.MatchString(from) {
			return true
		}
	}
	return false
}
