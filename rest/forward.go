package rest

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/connectd/connectd/rest/api"
)

// Java's sentences for requests that find no worker to answer them.
const (
	noLeaderURL   = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
	tooManyHops   = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
	forwardParam  = "forward"
	ioForward     = "IO Error trying to forward REST request: "
	wrongStatus   = "Unexpected status code when handling forwarded request: "
	forwardAgent  = "kafka-connect"
	jsonMediaType = "application/json"
)

// forward passes a request on to the worker at base. A request from a client may take two hops, as the first worker's idea of
// the leader can be old: the first hop says forward=true, the second forward=false, and then it ends.
func (s *Server) forward(q *request, base string) (*response, error) {
	again := q.optionalFlag(forwardParam)
	if again != nil && !*again {
		s.log.Error("A request found no worker to answer it within two hops", "method", q.Method, "path", q.URL.Path)
		return nil, &api.Error{Status: http.StatusConflict, Message: tooManyHops}
	}
	if base == "" {
		return nil, &api.Error{Status: http.StatusConflict, Message: noLeaderURL}
	}
	query := q.URL.Query()
	query.Set(forwardParam, strconv.FormatBool(again == nil))
	target := joinURL(base, q.URL.EscapedPath()) + "?" + query.Encode()
	s.log.Debug("Forwarding a request", "method", q.Method, "url", target)
	header := http.Header{}
	for _, name := range []string{"Authorization", api.SignatureHeader, api.AlgorithmHeader} {
		if v := q.Header.Get(name); v != "" {
			header.Set(name, v)
		}
	}
	answer, err := s.client.do(q.ctx, q.Method, target, header, q.body)
	if err != nil {
		if q.ctx.Err() != nil {
			return nil, q.ctx.Err()
		}
		s.log.Error("Cannot forward a request", "url", target, "error", err)
		return nil, &api.Error{Status: http.StatusInternalServerError, Message: ioForward + reason(err)}
	}
	if answer.status < 200 || answer.status >= 300 && answer.status < 400 {
		return nil, &api.Error{Status: http.StatusInternalServerError, Message: wrongStatus + strconv.Itoa(answer.status)}
	}
	resp := &response{status: answer.status, raw: &rawBody{contentType: answer.contentType, data: answer.body}}
	if u, err := url.Parse(answer.location); err == nil {
		resp.location = u.EscapedPath() // the client stays with the host it asked
	}
	return resp, nil
}

// reason leaves out of a client error what its message repeats: method and URL.
func reason(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err.Error()
	}
	return err.Error()
}
