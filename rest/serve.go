package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/go-chi/chi/v5"
)

// request is what a handler gets: the request, its whole body, and a context that ends when the wait for the herder does.
type request struct {
	*http.Request
	ctx  context.Context
	body []byte
}

// response is what a handler gives. Without a body, a stream or raw there is none at all.
type response struct {
	status int
	body   any
	// stream is a body of JSON that is written as it is made.
	stream streamed
	// location is a path that becomes an absolute Location.
	location string
	// write writes a body of another kind as it is made, contentType is its kind.
	write       func(io.Writer) error
	contentType string
	// raw is another worker's answer, passed on as it came.
	raw *rawBody
}

type rawBody struct {
	contentType string
	data        []byte
}

func ok(body any) (*response, error) { return &response{status: http.StatusOK, body: body}, nil }

// empty is a success without a body, or the error.
func empty(status int, err error) (*response, error) { return &response{status: status}, err }

// param is a path parameter, percent-decoded: the router sees the raw path.
func (q *request) param(name string) string {
	raw := chi.URLParam(q.Request, name)
	if text, err := url.PathUnescape(raw); err == nil {
		return text
	}
	return raw
}

// flag reads a boolean query parameter as Java does: absent and empty give the default, all but "true" is false.
func (q *request) flag(name string, def bool) bool {
	if f := q.optionalFlag(name); f != nil {
		return *f
	}
	return def
}

func (q *request) optionalFlag(name string) *bool {
	text := q.URL.Query().Get(name)
	if text == "" {
		return nil
	}
	is := strings.EqualFold(text, "true")
	return &is
}

// task is the task id of the path. An id that is no int32 is answered as if there was no such path.
func (q *request) task() (cluster.TaskID, error) {
	n, err := strconv.ParseInt(q.param("task"), 10, 32)
	if err != nil {
		return cluster.TaskID{}, plain(http.StatusNotFound)
	}
	return cluster.TaskID{Connector: q.param("connector"), Task: int(n)}, nil
}

// plain is a failure without a story, in the words of Java's servlet container.
func plain(status int) *api.Error {
	return &api.Error{Status: status, Message: "HTTP " + strconv.Itoa(status) + " " + http.StatusText(status)}
}

// handle makes an HTTP handler of a route.
func (s *Server) handle(rt route) http.HandlerFunc {
	serve := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
		defer cancel()
		q := &request{Request: r, ctx: ctx}
		resp, err := s.answer(rt, w, q)
		if err != nil {
			s.writeError(w, r, err)
			return
		}
		s.write(w, r, resp)
	}
	if rt.access == withCredentials {
		serve = s.guarded(jsonMediaType, serve)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if status := rt.refuses(r); status != 0 {
			s.bareError(w, status)
			return
		}
		serve(w, r)
	}
}

func (s *Server) answer(rt route, w http.ResponseWriter, q *request) (*response, error) {
	var err error
	if q.body, err = s.readBody(w, q.Request); err != nil {
		return nil, err
	}
	if rt.body && rt.consumes && len(q.body) > 0 && !namesJSON(q.Header.Get("Content-Type")) {
		return nil, plain(http.StatusUnsupportedMediaType)
	}
	resp, err := rt.handler(q)
	var notLeader *cluster.NotLeader
	var notAssigned *cluster.NotAssigned
	switch {
	case errors.As(err, &notLeader):
		return s.forward(q, notLeader.LeaderURL)
	case errors.As(err, &notAssigned):
		return s.forward(q, notAssigned.OwnerURL)
	case errors.Is(err, context.DeadlineExceeded) && q.ctx.Err() != nil:
		return nil, &api.Error{Status: http.StatusInternalServerError, Message: "Request timed out"}
	}
	return resp, err
}

// readBody takes the whole body, wanted or not, within the limit of size and the deadline that limitReads has set; the deadline
// ends with the body, as the wait for the herder may be longer.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &api.Error{
			Status:  http.StatusRequestEntityTooLarge,
			Message: "The body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes",
		}
	}
	if err != nil {
		return nil, cluster.BadRequest("Cannot read the body: %v", err)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

// limitReads keeps a slow client from holding a connection: without a deadline even an answer that ignores the body would wait
// for it. Recorders in tests know no deadlines; real connections do.
func (s *Server) limitReads(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.cfg.ReadTimeout))
}

// write sends a success.
func (s *Server) write(w http.ResponseWriter, r *http.Request, resp *response) {
	h := w.Header()
	if resp.location != "" {
		h.Set("Location", absolute(r, resp.location))
	}
	var data []byte
	switch {
	case resp.stream != nil:
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(resp.stream.size()))
		w.WriteHeader(resp.status)
		if r.Method != http.MethodHead {
			_, _ = resp.stream.WriteTo(w) // as below
		}
		return
	case resp.write != nil:
		h.Set("Content-Type", resp.contentType)
		w.WriteHeader(resp.status)
		if r.Method != http.MethodHead {
			_ = resp.write(w) // as below
		}
		return
	case resp.raw != nil:
		data = resp.raw.data
		h["Content-Type"] = nil
		if resp.raw.contentType != "" {
			h.Set("Content-Type", resp.raw.contentType)
		}
	case resp.body != nil:
		var err error
		if data, err = api.Marshal(resp.body); err != nil {
			s.writeError(w, r, err)
			return
		}
		h.Set("Content-Type", "application/json")
	default:
		h["Content-Type"] = nil
	}
	if resp.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(data)))
	}
	w.WriteHeader(resp.status)
	// A client that went away is no concern of ours.
	_, _ = w.Write(data)
}

// bareError is a failure that Java's container answers before any resource is asked: it names no content type.
func (s *Server) bareError(w http.ResponseWriter, status int) {
	w.Header()["Content-Type"] = nil
	sendError(w, plain(status))
}

func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := toAPI(err)
	// An api.Error is a caller's mistake, whatever status Java gives it.
	if e.Status == http.StatusInternalServerError && !errors.As(err, new(*api.Error)) {
		s.log.Error("Request failed", "method", r.Method, "path", r.URL.Path, "error", e.Message)
	}
	w.Header().Set("Content-Type", "application/json")
	sendError(w, e)
}

func sendError(w http.ResponseWriter, e *api.Error) {
	// Two plain fields always encode.
	data, _ := api.Marshal(api.ErrorBody{ErrorCode: e.Status, Message: e.Message})
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(data)
}

// statuses maps the classes of herder errors.
var statuses = map[cluster.Code]int{
	cluster.CodeBadRequest:    http.StatusBadRequest,
	cluster.CodeForbidden:     http.StatusForbidden,
	cluster.CodeNotFound:      http.StatusNotFound,
	cluster.CodeConflict:      http.StatusConflict,
	cluster.CodeRebalancing:   http.StatusConflict,
	cluster.CodeUnavailable:   http.StatusServiceUnavailable,
	cluster.CodeUnprocessable: http.StatusUnprocessableEntity,
}

// toAPI gives any error its status; what has no class is a 500.
func toAPI(err error) *api.Error {
	var known *api.Error
	if errors.As(err, &known) {
		return known
	}
	status := http.StatusInternalServerError
	var classed *cluster.Error
	if errors.As(err, &classed) {
		if st := statuses[classed.Code]; st != 0 {
			status = st
		}
		return &api.Error{Status: status, Message: classed.Message}
	}
	return &api.Error{Status: status, Message: err.Error()}
}
