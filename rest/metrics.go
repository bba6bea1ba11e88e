package rest

import (
	"io"
	"net/http"

	"github.com/connectd/connectd/internal/metrics"
)

// metricsPath is where Prometheus reads what was measured. A Java worker has nothing there.
const metricsPath = "/metrics"

// metricsRoutes are in all listeners, as a scrape may be let in where nobody may change anything.
func (s *Server) metricsRoutes(access access) []route {
	return []route{{
		method: http.MethodGet, pattern: "/", access: access, anyAnswer: true,
		handler: func(q *request) (*response, error) { return s.exposed(q, s.herder.Metrics(q.ctx)), nil },
	}}
}

// exposed is the answer in the format that the request prefers.
func (s *Server) exposed(q *request, snapshots ...*metrics.Snapshot) *response {
	format := metrics.Format(q.Header)
	return &response{status: http.StatusOK, contentType: format, write: func(w io.Writer) error {
		return s.cfg.Metrics.Write(w, format, snapshots...)
	}}
}

// allMetrics tells of all workers of a node, each by its flow.
func (f *Flows) allMetrics(q *request) (*response, error) {
	var all []*metrics.Snapshot
	for _, h := range f.herders() {
		all = append(all, h.Metrics(q.ctx))
	}
	return f.exposed(q, all...), nil
}
