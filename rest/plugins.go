package rest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/connectd/connectd/rest/api"
	"github.com/go-chi/chi/v5"
)

// pluginsRouter serves all below /connector-plugins.
func (s *Server) pluginsRouter() chi.Router {
	return s.router([]route{
		{method: http.MethodGet, pattern: "/", handler: s.listPlugins, consumes: true},
		{method: http.MethodGet, pattern: "/{plugin}/config", handler: s.pluginConfig, consumes: true},
		{method: http.MethodPut, pattern: "/{plugin}/config/validate", handler: s.validate, body: true, consumes: true},
	})
}

func (s *Server) listPlugins(q *request) (*response, error) {
	return ok(append([]api.PluginInfo{}, s.herder.Plugins(q.flag("connectorsOnly", true))...))
}

func (s *Server) pluginConfig(q *request) (*response, error) {
	keys, err := s.herder.PluginConfig(q.ctx, q.param("plugin"))
	return &response{status: http.StatusOK, body: append([]api.ConfigKeyInfo{}, keys...)}, err
}

func (s *Server) validate(q *request) (*response, error) {
	plugin := q.param("plugin")
	given, err := api.DecodeConfig(q.body, "connectorConfig")
	if err != nil {
		return nil, err
	}
	if class, has := given.Get("connector.class"); has && !strings.HasSuffix(withoutSuffix(class), withoutSuffix(plugin)) {
		return nil, &api.Error{
			Status:  http.StatusBadRequest,
			Message: fmt.Sprintf("Included connector type %s does not match request type %s", class, plugin),
		}
	}
	cfg, nulls := given.Values()
	infos, err := s.herder.Validate(q.ctx, plugin, cfg)
	if err == nil {
		infos.AddNulls(nulls)
	}
	return &response{status: http.StatusOK, body: infos}, err
}

// withoutSuffix makes an alias of a class name.
func withoutSuffix(class string) string {
	if short := strings.TrimSuffix(class, "Connector"); short != "" {
		return short
	}
	return class
}
