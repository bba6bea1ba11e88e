package rest

import (
	"context"
	"net/http"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/hashicorp/go-hclog"
)

// Server serves the REST interface of one worker.
type Server struct {
	cfg    Config
	herder Herder
	log    hclog.Logger
	client *Client
	header []headerRule
	cors   *corsPolicy
	main   http.Handler
	// document is the OpenAPI description of main.
	document []byte
	admin    http.Handler // nil unless admin has listeners of its own

	conns *connections

	mu      sync.Mutex
	servers []*listening
	stopped bool
	// requests ends at Shutdown, and with it every wait for the herder.
	requests context.Context
	cancel   context.CancelFunc
}

// New makes a Server that does not listen yet. The error names the property that is wrong.
func New(cfg Config) (*Server, error) {
	s, err := bareServer(cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	routes := s.routes()
	if s.document, err = s.openAPI(routes); err != nil {
		return nil, err
	}
	s.main = s.wrap(routes, true)
	if len(s.cfg.AdminListeners) > 0 {
		s.admin = s.wrap(s.adminRoutes(), false)
	}
	return s, nil
}

// bareServer makes a Server without routes.
func bareServer(cfg Config) (*Server, error) {
	header, err := parseHeaderRules(cfg.ResponseHeaders)
	if err != nil {
		return nil, err
	}
	if err := checkListeners(cfg); err != nil {
		return nil, err
	}
	s := &Server{
		cfg:    cfg,
		herder: cfg.Herder,
		log:    cfg.Logger,
		header: header,
		conns:  newConnections(cfg.MaxConnections),
		cors:   newCORSPolicy(cfg.AllowOrigin, cfg.AllowMethods),
		client: NewClient(ClientConfig{TLS: cfg.ClientTLS, Timeout: cfg.RequestTimeout, MaxBodyBytes: cfg.MaxBodyBytes}),
	}
	s.requests, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Handler is what the listeners serve; with separate admin listeners it lacks /admin.
func (s *Server) Handler() http.Handler { return s.main }

// AdminHandler is what separate admin listeners serve, nil without them.
func (s *Server) AdminHandler() http.Handler { return s.admin }

// Client is the client by which this server forwards requests; it is closed by Shutdown.
func (s *Server) Client() *Client { return s.client }

func (s *Server) routes() chi.Router {
	r := s.emptyRouter()
	for _, rt := range []struct {
		pattern string
		router  chi.Router
	}{
		{"/connectors", s.connectorsRouter()},
		{"/connector-plugins", s.pluginsRouter()},
	} {
		r.Mount(rt.pattern, rt.router)
	}
	r.Mount(metricsPath, s.router(s.metricsRoutes(withCredentials)))
	if s.cfg.AdminListeners == nil {
		r.Mount("/admin/loggers", s.loggersRouter(withCredentials))
	}
	r.Mount("/", s.router(s.rootRoutes()))
	return r
}

func (s *Server) adminRoutes() chi.Router {
	r := s.emptyRouter()
	r.Mount("/admin/loggers", s.loggersRouter(open))
	r.Mount(metricsPath, s.router(s.metricsRoutes(open)))
	return r
}

// emptyRouter answers what nothing matches as Java does: 404 and 405 without content type, and no Allow.
func (s *Server) emptyRouter() chi.Router {
	r := chi.NewRouter()
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) { s.bareError(w, http.StatusNotFound) })
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) { s.bareError(w, http.StatusMethodNotAllowed) })
	return r
}
