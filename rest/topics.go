package rest

import (
	"net/http"

	"github.com/connectd/connectd/rest/api"
)

// topicRoutes show and forget the topics that a connector has used (KIP-558).
func (s *Server) topicRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/{connector}/topics", handler: s.listTopics},
		{method: http.MethodPut, pattern: "/{connector}/topics/reset", handler: s.resetTopics},
	}
}

func (s *Server) listTopics(q *request) (*response, error) {
	if s.cfg.NoTopicTracking {
		return nil, &api.Error{Status: http.StatusForbidden, Message: "Topic tracking is disabled."}
	}
	name := q.param("connector")
	topics, err := s.herder.ConnectorTopics(q.ctx, name)
	return &response{status: http.StatusOK, body: map[string]api.ActiveTopics{name: {Topics: topics}}}, err
}

func (s *Server) resetTopics(q *request) (*response, error) {
	switch {
	case s.cfg.NoTopicTracking:
		return nil, &api.Error{Status: http.StatusForbidden, Message: "Topic tracking is disabled."}
	case s.cfg.NoTopicTrackingReset:
		return nil, &api.Error{Status: http.StatusForbidden, Message: "Topic tracking reset is disabled."}
	}
	return empty(http.StatusAccepted, s.herder.ResetConnectorTopics(q.ctx, q.param("connector")))
}
