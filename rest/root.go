package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
)

// rootRoutes are about the worker itself.
func (s *Server) rootRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/", handler: s.serverInfo},
		{method: http.MethodGet, pattern: "/health", handler: s.health},
		{method: http.MethodGet, pattern: openAPIPath, handler: s.openAPIDocument},
	}
}

// openAPIDocument answers with what was made of the routes at start.
func (s *Server) openAPIDocument(*request) (*response, error) {
	return &response{status: http.StatusOK, raw: &rawBody{contentType: jsonMediaType, data: s.document}}, nil
}

func (s *Server) serverInfo(*request) (*response, error) { return ok(s.herder.ServerInfo()) }

// health is KIP-1017: 503 while the worker starts, 500 when it does not answer in time.
func (s *Server) health(q *request) (*response, error) {
	ctx, cancel := context.WithTimeout(q.ctx, s.cfg.HealthTimeout)
	defer cancel()
	err := s.herder.Health(ctx)
	if err == nil {
		return ok(api.HealthStatus{
			Status:  api.Healthy,
			Message: "Worker has completed startup and is ready to handle requests.",
		})
	}
	status, health := http.StatusInternalServerError, api.HealthStatus{
		Status:  api.Unhealthy,
		Message: "Worker was unable to handle this request and may be unable to handle other requests.",
	}
	if toAPI(err).Status == http.StatusServiceUnavailable {
		status, health = http.StatusServiceUnavailable, api.HealthStatus{
			Status:  api.Starting,
			Message: "Worker is still starting up.",
		}
	}
	var classed *cluster.Error
	if errors.As(err, &classed) && classed.Message != "" {
		health.Message += " " + classed.Message
	}
	return &response{status: status, body: health}, nil
}
