package rest

import (
	"net/http"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/go-chi/chi/v5"
)

// connectorsRouter serves all below /connectors.
func (s *Server) connectorsRouter() chi.Router {
	var all []route
	all = append(all, s.connectorRoutes()...)
	all = append(all, s.configRoutes()...)
	all = append(all, s.stateRoutes()...)
	all = append(all, s.taskRoutes()...)
	all = append(all, s.topicRoutes()...)
	all = append(all, s.offsetRoutes()...)
	all = append(all, s.progressRoutes()...)
	for i := range all {
		all[i].consumes = true
	}
	return s.router(append(all, s.internalRoutes()...))
}

// connectorRoutes list, create, show and delete connectors.
func (s *Server) connectorRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/", handler: s.listConnectors},
		{method: http.MethodPost, pattern: "/", handler: s.createConnector, body: true},
		{method: http.MethodGet, pattern: "/{connector}", handler: s.getConnector},
		{method: http.MethodDelete, pattern: "/{connector}", handler: s.deleteConnector},
	}
}

func (s *Server) listConnectors(q *request) (*response, error) {
	if words, expand := q.URL.Query()["expand"]; expand {
		return s.expandConnectors(q, words)
	}
	names, err := s.herder.Connectors(q.ctx)
	if err != nil {
		return nil, err
	}
	return ok(append([]string{}, names...))
}

// initialTargets maps KIP-980's initial states; absent means the herder's default.
var initialTargets = map[string]cluster.TargetState{
	"RUNNING": cluster.TargetStarted,
	"PAUSED":  cluster.TargetPaused,
	"STOPPED": cluster.TargetStopped,
}

func (s *Server) createConnector(q *request) (*response, error) {
	req, err := api.DecodeCreateConnector(q.body)
	if err != nil {
		return nil, err
	}
	// Java trims by String.trim: everything up to the space counts.
	name := strings.TrimFunc(req.Name, func(r rune) bool { return r <= ' ' })
	if req.Config == nil {
		return nil, api.NoConfig("connectorConfig")
	}
	cfg, err := s.configFor(q, name, req.Config)
	if err != nil {
		return nil, err
	}
	_, info, err := s.herder.PutConnectorConfig(q.ctx, name, cfg, initialTargets[req.InitialState], false)
	return &response{status: http.StatusCreated, body: info, location: connectorPath(name)}, err
}

func (s *Server) getConnector(q *request) (*response, error) {
	info, err := s.herder.ConnectorInfo(q.ctx, q.param("connector"))
	return &response{status: http.StatusOK, body: info}, err
}

func (s *Server) deleteConnector(q *request) (*response, error) {
	return empty(http.StatusNoContent, s.herder.DeleteConnector(q.ctx, q.param("connector")))
}
