package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"
)

// BasicAuth knows who may call the API, as Java's BasicAuthSecurityRestExtension does (KIP-285). It holds digests, no passwords.
type BasicAuth struct {
	files []credentials
}

// credentials are the password digests of one file, by user.
type credentials map[string][sha256.Size]byte

// NewBasicAuth takes the users of each credentials file with their passwords. One file that knows a caller is enough. A file
// without users lets everybody in, as in Java.
func NewBasicAuth(files ...map[string]string) *BasicAuth {
	a := &BasicAuth{}
	for _, users := range files {
		digests := credentials{}
		for user, password := range users {
			digests[user] = sha256.Sum256([]byte(password))
		}
		a.files = append(a.files, digests)
	}
	return a
}

// allows tells whether a request names a user and the password that belongs to it. Nil allows all.
func (a *BasicAuth) allows(r *http.Request) bool {
	if a == nil {
		return true
	}
	user, password, given := basicCredentials(strings.Join(r.Header.Values("Authorization"), ","))
	digest := sha256.Sum256([]byte(password))
	ok := 0
	for _, users := range a.files {
		if len(users) == 0 {
			return true
		}
		// An unknown user has the zero digest, which takes as long to compare and equals that of no password.
		want := users[user]
		ok |= subtle.ConstantTimeCompare(digest[:], want[:])
	}
	return given && ok == 1
}

// basicCredentials reads an Authorization header. Padding may be left out, as for Java.
func basicCredentials(header string) (user, password string, ok bool) {
	scheme, encoded, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	encoding := base64.StdEncoding
	if !strings.HasSuffix(encoded, "=") {
		encoding = base64.RawStdEncoding
	}
	text, err := encoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	user, password, found = strings.Cut(string(text), ":")
	return user, password, found && user != ""
}

// guarded puts a check of credentials before an answer. What the worker serves under no path, or not by that method or media type,
// is told to everybody, as in Java.
func (s *Server) guarded(contentType string, h http.HandlerFunc) http.HandlerFunc {
	if s.cfg.BasicAuth == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.BasicAuth.allows(r) {
			h(w, r)
			return
		}
		s.log.Debug("A request has no valid credentials", "method", r.Method, "path", r.URL.Path, "remote", r.RemoteAddr)
		// Java's words, under the content type that the answer would have had, and without a challenge.
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte("User cannot access the resource."))
	}
}
