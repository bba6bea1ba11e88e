package rest

import (
	"net/http"

	"github.com/connectd/connectd/internal/cluster"
)

// stateRoutes show and change what a connector is doing.
func (s *Server) stateRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/{connector}/status", handler: s.connectorStatus},
		{method: http.MethodPut, pattern: "/{connector}/pause", handler: s.target(cluster.TargetPaused, http.StatusAccepted)},
		{method: http.MethodPut, pattern: "/{connector}/resume", handler: s.target(cluster.TargetStarted, http.StatusAccepted)},
		{method: http.MethodPut, pattern: "/{connector}/stop", handler: s.target(cluster.TargetStopped, http.StatusNoContent)},
		{method: http.MethodPost, pattern: "/{connector}/restart", handler: s.restartConnector},
	}
}

func (s *Server) connectorStatus(q *request) (*response, error) {
	status, err := s.herder.ConnectorStatus(q.ctx, q.param("connector"))
	return &response{status: http.StatusOK, body: status}, err
}

func (s *Server) target(state cluster.TargetState, status int) func(*request) (*response, error) {
	return func(q *request) (*response, error) {
		return empty(status, s.herder.SetTargetState(q.ctx, q.param("connector"), state))
	}
}

// restartConnector is KIP-745: without parameters only the connector restarts, on the worker that owns it, and the answer has no
// body; else the leader plans the restart, and the answer is the planned status.
func (s *Server) restartConnector(q *request) (*response, error) {
	name := q.param("connector")
	includeTasks, onlyFailed := q.flag("includeTasks", false), q.flag("onlyFailed", false)
	if !includeTasks && !onlyFailed {
		return empty(http.StatusNoContent, s.herder.RestartConnector(q.ctx, name))
	}
	status, err := s.herder.RestartConnectorAndTasks(q.ctx, name, onlyFailed, includeTasks)
	return &response{status: http.StatusAccepted, body: status}, err
}
