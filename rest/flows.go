package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
)

// Flows serves the workers of MirrorMaker's dedicated mode, several in one process, each below the path of its flow,
// /{source}/{target}. As in Java's, what workers ask of each other is there and the public interface is not: connectors come
// from the properties file. What only shows how a flow is doing, and no config, is there besides.
type Flows struct {
	*Server
	mu    sync.Mutex
	flows map[flowName]*flowServer
}

type flowName struct{ source, target string }

// flowServer answers for one worker.
type flowServer struct {
	connectors, health http.Handler
	herder             Herder
}

// FlowPath is what stands before the paths of a flow's resources.
func FlowPath(source, target string) string {
	return "/" + url.PathEscape(source) + "/" + url.PathEscape(target)
}

// NewFlows makes a server without workers, which does not listen yet. The config's Herder, AdminListeners and BasicAuth have no
// effect: requests between workers are signed.
func NewFlows(cfg Config) (*Flows, error) {
	cfg.AdminListeners, cfg.BasicAuth = nil, nil
	s, err := bareServer(cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	f := &Flows{Server: s, flows: map[flowName]*flowServer{}}
	r := s.emptyRouter()
	r.Mount("/{source}/{target}/connectors", f.toFlow(func(fs *flowServer) http.Handler { return fs.connectors }))
	r.Mount("/{source}/{target}/health", f.toFlow(func(fs *flowServer) http.Handler { return fs.health }))
	r.Mount("/health", s.router([]route{{method: http.MethodGet, pattern: "/", handler: f.allHealthy}}))
	r.Mount(metricsPath, s.router([]route{{method: http.MethodGet, pattern: "/", anyAnswer: true, handler: f.allMetrics}}))
	s.main = s.wrap(r, true)
	return f, nil
}

// Add has a worker answer for its flow, in place of one that did before.
func (f *Flows) Add(source, target string, h Herder) {
	s := f.view(h)
	fs := &flowServer{
		herder:     h,
		connectors: s.router(append(s.flowRoutes(), s.internalRoutes()...)),
		health:     s.router([]route{{method: http.MethodGet, pattern: "/", handler: s.health}}),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flows[flowName{source, target}] = fs
}

// view is the server as the handlers of one worker see it.
func (f *Flows) view(h Herder) *Server {
	return &Server{
		cfg: f.cfg, herder: h, log: f.log, header: f.header, cors: f.cors, client: f.client, requests: f.requests, cancel: f.cancel,
	}
}

// flowRoutes show how a flow is doing.
func (s *Server) flowRoutes() []route {
	return append(s.progressRoutes(),
		route{method: http.MethodGet, pattern: "/", handler: s.listNames},
		route{method: http.MethodGet, pattern: "/{connector}/status", handler: s.connectorStatus},
	)
}

func (s *Server) listNames(q *request) (*response, error) {
	names, err := s.herder.Connectors(q.ctx)
	if err != nil {
		return nil, err
	}
	return ok(append([]string{}, names...))
}

// toFlow hands a request to the worker of the flow in its path.
func (f *Flows) toFlow(part func(*flowServer) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Request: r}
		source, target := q.param("source"), q.param("target")
		f.mu.Lock()
		fs := f.flows[flowName{source, target}]
		f.mu.Unlock()
		if fs == nil {
			f.writeError(w, r, &api.Error{
				Status:  http.StatusNotFound,
				Message: "No replication flow found for source '" + source + "' and target '" + target + "'",
			})
			return
		}
		part(fs).ServeHTTP(w, r)
	})
}

// allHealthy is the health of the process: that of its least healthy worker.
func (f *Flows) allHealthy(q *request) (*response, error) {
	s := f.view(flowsHealth{herders: f.herders()})
	return s.health(q)
}

// herders are those of all flows.
func (f *Flows) herders() (out []Herder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fs := range f.flows {
		out = append(out, fs.herder)
	}
	return out
}

// flowsHealth joins the health of several workers.
type flowsHealth struct {
	Herder
	herders []Herder
}

func (a flowsHealth) Health(ctx context.Context) error {
	if len(a.herders) == 0 {
		return cluster.Errorf(cluster.CodeUnavailable, "no flow has started yet")
	}
	var starting, wrong error
	for _, h := range a.herders {
		switch err := h.Health(ctx); {
		case err == nil:
		case toAPI(err).Status == http.StatusServiceUnavailable:
			starting = errors.Join(starting, err)
		default:
			wrong = errors.Join(wrong, err)
		}
	}
	if wrong != nil {
		return wrong
	}
	return starting
}
