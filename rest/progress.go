package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/connectd/connectd/rest/api"
)

// Progress is what a worker knows by itself of how far a connector is.
type Progress struct {
	// Known has all tasks, of which those that run on this worker have told, and their partitions.
	Known api.ConnectorProgress
	// Elsewhere are the URLs of the workers that run the others, by task.
	Elsewhere map[int]string
	// Stored reads the positions that are stored, for partitions of tasks that nobody can ask; nil for none.
	Stored func(ctx context.Context) ([]api.PartitionProgress, error)
}

// ownProgressTimeout bounds what this worker's tasks take to answer, progressTimeout a request to another worker for its part.
const (
	ownProgressTimeout = 3 * time.Second
	progressTimeout    = 5 * time.Second
)

// progressRoutes tell how far a connector is. They are an addition to Java's.
func (s *Server) progressRoutes() []route {
	return []route{{method: http.MethodGet, pattern: "/{connector}/progress", handler: s.getProgress}}
}

// getProgress joins what this worker's tasks tell with what others' do. Each of the other workers is asked once, for its own.
func (s *Server) getProgress(q *request) (*response, error) {
	ctx, cancel := context.WithTimeout(q.ctx, ownProgressTimeout)
	defer cancel()
	p, err := s.herder.ConnectorProgress(ctx, q.param("connector"))
	if err != nil {
		return nil, err
	}
	out := &p.Known
	if own := q.optionalFlag(forwardParam); own == nil || *own {
		s.askOthers(q, p)
		s.addStored(q.ctx, p)
	}
	slices.SortFunc(out.Partitions, func(a, b api.PartitionProgress) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Task, b.Task))
	})
	return ok(out)
}

// askOthers fills in the tasks of other workers.
func (s *Server) askOthers(q *request, p *Progress) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	asked := map[string]bool{}
	for _, base := range p.Elsewhere {
		if asked[base] {
			continue
		}
		asked[base] = true
		asking.Go(func() {
			theirs, err := s.askProgress(q, base)
			mu.Lock()
			defer mu.Unlock()
			p.merge(base, theirs, err)
		})
	}
	asking.Wait()
}

// merge takes what the worker at base tells of the tasks that it should have.
func (p *Progress) merge(base string, theirs *api.ConnectorProgress, err error) {
	for i := range p.Known.Tasks {
		t := &p.Known.Tasks[i]
		if p.Elsewhere[t.ID] != base {
			continue
		}
		if err != nil {
			t.Reason = err.Error()
			continue
		}
		t.Reason = "its worker does not run it now"
		for _, u := range theirs.Tasks {
			if u.ID == t.ID {
				t.Available, t.Reason = u.Available, u.Reason
			}
		}
		for _, part := range theirs.Partitions {
			if part.Task == t.ID && t.Available {
				p.Known.Partitions = append(p.Known.Partitions, part)
			}
		}
	}
}

func (s *Server) askProgress(q *request, base string) (*api.ConnectorProgress, error) {
	ctx, cancel := context.WithTimeout(q.ctx, progressTimeout)
	defer cancel()
	header := http.Header{}
	if v := q.Header.Get("Authorization"); v != "" {
		header.Set("Authorization", v)
	}
	target := joinURL(base, "/connectors/"+url.PathEscape(q.param("connector"))+"/progress") + "?" + forwardParam + "=false"
	answer, err := s.client.do(ctx, http.MethodGet, target, header, nil)
	if err != nil {
		s.log.Debug("A worker does not tell how far its tasks are", "url", target, "error", err)
		return nil, &api.Error{Status: http.StatusInternalServerError, Message: "its worker does not answer: " + reason(err)}
	}
	out := &api.ConnectorProgress{}
	if answer.status != http.StatusOK || json.Unmarshal(answer.body, out) != nil {
		var failure api.ErrorBody
		if json.Unmarshal(answer.body, &failure) != nil || failure.Message == "" {
			failure.Message = http.StatusText(answer.status)
		}
		if answer.status == http.StatusNotFound {
			failure.Message = "its worker can't tell: it is a Java worker, or an older one"
		}
		return nil, &api.Error{Status: answer.status, Message: failure.Message}
	}
	return out, nil
}

// addStored adds the stored positions of partitions of which no task has told, if there is a task that could not be asked.
func (s *Server) addStored(ctx context.Context, p *Progress) {
	missing := slices.ContainsFunc(p.Known.Tasks, func(t api.TaskProgress) bool { return !t.Available })
	if !missing || p.Stored == nil {
		return
	}
	stored, err := p.Stored(ctx)
	if err != nil {
		s.log.Warn("The stored positions of a connector can't be read", "connector", p.Known.Name, "error", err)
		return
	}
	type key struct {
		topic     string
		partition int32
	}
	told := map[key]bool{}
	for _, part := range p.Known.Partitions {
		told[key{part.Topic, part.Partition}] = true
	}
	for _, part := range stored {
		if !told[key{part.Topic, part.Partition}] {
			p.Known.Partitions = append(p.Known.Partitions, part)
		}
	}
}
