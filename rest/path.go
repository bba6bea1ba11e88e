package rest

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/connectd/connectd/rest/api"
)

// rawPath is the path as the client wrote it; net/url repairs some characters that Java's server refuses.
func rawPath(r *http.Request) string {
	path := r.RequestURI
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	if strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath()
}

// cleanPath gives the raw path that is routed: without path parameters (";x=y") and without a trailing slash. It refuses what
// Java's server refuses, in its words: paths whose meaning depends on who decodes them.
func cleanPath(raw string) (string, *api.Error) {
	refuse := func(why string) (string, *api.Error) {
		return "", &api.Error{Status: http.StatusBadRequest, Message: why}
	}
	for _, c := range []byte(raw) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return refuse("Illegal Path Character")
		}
	}
	segments := strings.Split(raw, "/")
	for i, segment := range segments {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "" && i > 0 && i < len(segments)-1 {
			return refuse("Ambiguous URI empty segment")
		}
		if why := ambiguous(segment); why != "" {
			return refuse(why)
		}
		segments[i] = segment
	}
	clean := strings.Join(segments, "/")
	if len(clean) > 1 {
		clean = strings.TrimSuffix(clean, "/")
	}
	return clean, nil
}

// ambiguous tells what is wrong with a raw path segment.
func ambiguous(segment string) string {
	if !strings.Contains(segment, "%") {
		return ""
	}
	text, err := url.PathUnescape(segment)
	switch {
	case err != nil || strings.Contains(text, "\x00"):
		return "Bad Request"
	case !utf8.ValidString(text):
		return "Bad UTF-8 encoding"
	case text == "." || text == "..":
		return "Ambiguous URI path segment"
	case strings.Contains(text, "/"):
		return "Ambiguous URI path separator"
	case strings.Contains(text, "%"):
		return "Ambiguous URI path encoding"
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return "Suspicious Path Character"
	}
	return ""
}

// connectorPath is the path of a connector as Java writes it into Location: a slash in the name stays as it is.
func connectorPath(name string) string {
	return "/connectors/" + asJavaEscapes.Replace(url.PathEscape(name))
}

// asJavaEscapes puts back what Go escapes in a path and Java does not.
var asJavaEscapes = strings.NewReplacer("%2F", "/", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";")

// absolute makes a Location from a path; it follows the Host header and no other.
func absolute(r *http.Request, path string) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + path
}
