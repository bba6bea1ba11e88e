package rest

import (
	"fmt"
	"net/http"
	"slices"
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
	plugin := q.param("plugin")
	keys, err := s.herder.PluginConfig(q.ctx, plugin)
	if err != nil {
		return nil, err
	}
	if wanted, given := q.URL.Query()["version"]; given {
		if err := s.checkVersion(plugin, wanted[0]); err != nil {
			return nil, err
		}
	}
	return ok(append([]api.ConfigKeyInfo{}, keys...))
}

// checkVersion refuses another version of a plugin than the one that is there (KIP-891).
func (s *Server) checkVersion(plugin, wanted string) error {
	for _, p := range s.herder.Plugins(false) {
		simple := p.Class[strings.LastIndexByte(p.Class, '.')+1:]
		if p.Class != plugin && !slices.Contains([]string{simple, withoutSuffix(simple)}, plugin) {
			continue
		}
		if wanted == string(p.Version) || wanted == "latest" {
			return nil
		}
		return &api.Error{
			Status: http.StatusBadRequest,
			Message: fmt.Sprintf("Plugin %s not found that matches the version range [%s,%s], available versions: [%s]",
				p.Class, wanted, wanted, p.Version),
		}
	}
	return nil
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
