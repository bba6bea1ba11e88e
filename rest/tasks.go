package rest

import (
	"net/http"

	"github.com/connectd/connectd/rest/api"
)

// taskRoutes show and restart tasks.
func (s *Server) taskRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/{connector}/tasks", handler: s.listTasks},
		{method: http.MethodGet, pattern: "/{connector}/tasks/{task}/status", handler: s.taskStatus},
		{method: http.MethodPost, pattern: "/{connector}/tasks/{task}/restart", handler: s.restartTask},
	}
}

func (s *Server) listTasks(q *request) (*response, error) {
	tasks, err := s.herder.TaskConfigs(q.ctx, q.param("connector"))
	return &response{status: http.StatusOK, body: append([]api.TaskInfo{}, tasks...)}, err
}

func (s *Server) taskStatus(q *request) (*response, error) {
	id, err := q.task()
	if err != nil {
		return nil, err
	}
	status, err := s.herder.TaskStatus(q.ctx, id)
	return &response{status: http.StatusOK, body: status}, err
}

func (s *Server) restartTask(q *request) (*response, error) {
	id, err := q.task()
	if err != nil {
		return nil, err
	}
	return empty(http.StatusNoContent, s.herder.RestartTask(q.ctx, id))
}
