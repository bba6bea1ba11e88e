package rest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/connectd/connectd/rest/api"
)

// configRoutes read and change a connector's config.
func (s *Server) configRoutes() []route {
	const path = "/{connector}/config"
	return []route{
		{method: http.MethodGet, pattern: path, handler: s.getConfig},
		{method: http.MethodPut, pattern: path, handler: s.putConfig, body: true},
		{method: http.MethodPatch, pattern: path, handler: s.patchConfig, body: true},
	}
}

func (s *Server) getConfig(q *request) (*response, error) {
	cfg, err := s.herder.ConnectorConfig(q.ctx, q.param("connector"))
	return &response{status: http.StatusOK, body: cfg}, err
}

func (s *Server) putConfig(q *request) (*response, error) {
	name := q.param("connector")
	given, err := api.DecodeConfig(q.body, "connectorConfig")
	if err != nil {
		return nil, err
	}
	cfg, err := s.configFor(q, name, given)
	if err != nil {
		return nil, err
	}
	created, info, err := s.herder.PutConnectorConfig(q.ctx, name, cfg, "", true)
	if err != nil {
		return nil, err
	}
	if created {
		return &response{status: http.StatusCreated, body: info, location: connectorPath(name)}, nil
	}
	return ok(info)
}

func (s *Server) patchConfig(q *request) (*response, error) {
	patch, err := api.DecodePatch(q.body)
	if errors.Is(err, api.ErrNoPatch) {
		// Java looks for the connector before it notices that there is nothing to change.
		if _, missing := s.herder.ConnectorConfig(q.ctx, q.param("connector")); missing != nil {
			return nil, missing
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := s.herder.PatchConnectorConfig(q.ctx, q.param("connector"), patch)
	return &response{status: http.StatusOK, body: info}, err
}

// configFor checks the name within a config, or adds it, and refuses null values together with whatever else is wrong.
func (s *Server) configFor(q *request, name string, given api.Config) (map[string]string, error) {
	if included, has := given.Get("name"); has && included != name {
		return nil, &api.Error{
			Status:  http.StatusBadRequest,
			Message: fmt.Sprintf("Connector name configuration (%s) doesn't match connector name in the URL (%s)", included, name),
		}
	}
	given.Set("name", name)
	cfg, nulls := given.Values()
	class, has := given.Get("connector.class")
	if len(nulls) == 0 || !has {
		return cfg, nil // without a class nothing else is looked at
	}
	infos, err := s.herder.Validate(q.ctx, class, cfg)
	if err != nil {
		return nil, err
	}
	infos.AddNulls(nulls)
	return nil, infos.InvalidConfig()
}
