package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/connectd/connectd/rest/api"
	"github.com/go-chi/chi/v5"
)

// loggersRouter serves /admin/loggers (KIP-495, KIP-976).
func (s *Server) loggersRouter(a access) chi.Router {
	return s.router([]route{
		{method: http.MethodGet, pattern: "/", handler: s.listLoggers, consumes: true, access: a},
		{method: http.MethodGet, pattern: "/{logger}", handler: s.getLogger, consumes: true, access: a},
		{method: http.MethodPut, pattern: "/{logger}", handler: s.setLogger, body: true, consumes: true, access: a},
	})
}

// logLevels are those of log4j.
var logLevels = []string{"OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"}

func (s *Server) listLoggers(*request) (*response, error) { return ok(s.herder.Loggers()) }

func (s *Server) getLogger(q *request) (*response, error) {
	name := q.param("logger")
	level, found := s.herder.Logger(name)
	if !found {
		return nil, &api.Error{Status: http.StatusNotFound, Message: "Logger " + name + " not found."}
	}
	return ok(level)
}

func (s *Server) setLogger(q *request) (*response, error) {
	body, err := api.DecodeConfig(q.body, "levelMap")
	if err != nil {
		return nil, err
	}
	level, has := body.Get("level")
	if !has {
		return nil, &api.Error{Status: http.StatusBadRequest, Message: "Desired 'level' parameter was not specified in request."}
	}
	if !slices.Contains(logLevels, strings.ToUpper(level)) {
		return nil, &api.Error{Status: http.StatusNotFound, Message: fmt.Sprintf("invalid log level '%s'.", level)}
	}
	cluster := strings.EqualFold(q.URL.Query().Get("scope"), "cluster")
	changed, err := s.herder.SetLogger(q.ctx, q.param("logger"), strings.ToUpper(level), cluster)
	if err != nil {
		return nil, err
	}
	if cluster {
		return empty(http.StatusNoContent, nil)
	}
	return ok(append([]string{}, changed...))
}
