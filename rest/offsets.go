package rest

import (
	"net/http"

	"github.com/connectd/connectd/rest/api"
)

// offsetRoutes show, change and remove a connector's offsets (KIP-875).
func (s *Server) offsetRoutes() []route {
	const path = "/{connector}/offsets"
	return []route{
		{method: http.MethodGet, pattern: path, handler: s.getOffsets},
		{method: http.MethodPatch, pattern: path, handler: s.alterOffsets, body: true},
		{method: http.MethodDelete, pattern: path, handler: s.resetOffsets},
	}
}

func (s *Server) getOffsets(q *request) (*response, error) {
	offsets, err := s.herder.ConnectorOffsets(q.ctx, q.param("connector"))
	return &response{status: http.StatusOK, body: api.ConnectorOffsets{Offsets: offsets}}, err
}

func (s *Server) alterOffsets(q *request) (*response, error) {
	offsets, err := api.DecodeOffsets(q.body)
	if err != nil {
		return nil, err
	}
	message, err := s.herder.AlterConnectorOffsets(q.ctx, q.param("connector"), offsets)
	return &response{status: http.StatusOK, body: api.Message{Message: message}}, err
}

func (s *Server) resetOffsets(q *request) (*response, error) {
	message, err := s.herder.ResetConnectorOffsets(q.ctx, q.param("connector"))
	return &response{status: http.StatusOK, body: api.Message{Message: message}}, err
}
