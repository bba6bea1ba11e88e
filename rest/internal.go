package rest

import (
	"net/http"

	"github.com/connectd/connectd/rest/api"
)

// internalRoutes are what workers ask of each other (KIP-507). They take any content type.
func (s *Server) internalRoutes() []route {
	return []route{
		{method: http.MethodPost, pattern: "/{connector}/tasks", handler: s.putTaskConfigs, body: true, access: signed},
		{method: http.MethodPut, pattern: "/{connector}/fence", handler: s.fenceZombies, body: true, access: signed},
	}
}

func (s *Server) putTaskConfigs(q *request) (*response, error) {
	configs, err := api.DecodeTaskConfigs(q.body)
	if err != nil {
		return nil, err
	}
	if err := s.verify(q); err != nil {
		return nil, err
	}
	if configs == nil {
		return nil, &api.Error{Status: http.StatusInternalServerError, Message: "The list of task configs is null"}
	}
	return empty(http.StatusNoContent, s.herder.PutTaskConfigs(q.ctx, q.param("connector"), configs))
}

func (s *Server) fenceZombies(q *request) (*response, error) {
	if err := s.verify(q); err != nil {
		return nil, err
	}
	return empty(http.StatusNoContent, s.herder.FenceZombies(q.ctx, q.param("connector")))
}

func (s *Server) verify(q *request) error {
	return s.herder.VerifySignature(q.body, q.Header.Get(api.SignatureHeader), q.Header.Get(api.AlgorithmHeader))
}
