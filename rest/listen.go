package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/connectd/connectd/worker/workerconf"
	"github.com/hashicorp/go-hclog"
)

func checkListeners(cfg Config) error {
	check := func(property string, listeners []string, hasTLS bool) error {
		for _, text := range listeners {
			l, err := workerconf.ParseListener(text)
			if err != nil {
				return fmt.Errorf("%s: %q: %w", property, text, err)
			}
			if l.Scheme == "https" && !hasTLS {
				return fmt.Errorf("%s: %q needs a certificate: set listeners.https.ssl.keystore.location or ssl.keystore.location", property, text)
			}
		}
		return nil
	}
	return errors.Join(check("listeners", cfg.Listeners, cfg.TLS != nil), check("admin.listeners", cfg.AdminListeners, cfg.AdminTLS != nil))
}

// listening is one open listener and its server.
type listening struct {
	net   net.Listener
	http  *http.Server
	admin bool
}

// Listen opens all listeners, so that a port in use is known before anything else starts. On an error none stays open.
func (s *Server) Listen(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return http.ErrServerClosed
	}
	err := errors.Join(
		s.open(ctx, "listeners", s.cfg.Listeners, s.main, s.cfg.TLS, false),
		s.open(ctx, "admin.listeners", s.cfg.AdminListeners, s.admin, s.cfg.AdminTLS, true))
	if err != nil {
		for _, l := range s.servers {
			_ = l.net.Close()
		}
		s.servers = nil
	}
	return err
}

func (s *Server) open(ctx context.Context, property string, listeners []string, h http.Handler, conf *tls.Config, admin bool) error {
	for _, text := range listeners {
		l, err := workerconf.ParseListener(text)
		if err != nil {
			return fmt.Errorf("%s: %q: %w", property, text, err)
		}
		var lc net.ListenConfig
		n, err := lc.Listen(ctx, "tcp", l.Address())
		if err != nil {
			return fmt.Errorf("%s: cannot listen on %s: %w; choose another port or stop what uses it", property, text, err)
		}
		if l.Scheme == "https" {
			conf := conf.Clone()
			conf.NextProtos = []string{"http/1.1"}
			n = tls.NewListener(n, conf)
		}
		s.servers = append(s.servers, &listening{net: n, http: s.httpServer(h), admin: admin})
		s.log.Info("REST listener open", "url", l.Scheme+"://"+n.Addr().String(), "admin", admin)
	}
	return nil
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.cfg.ReadTimeout,
		// The longest wait for the herder, and then time for a slow client to take the answer.
		WriteTimeout: s.cfg.RequestTimeout + 2*s.cfg.ReadTimeout,
		IdleTimeout:  2 * time.Minute,
		// Twice what is allowed, so that a little too much is answered as other failures are.
		MaxHeaderBytes: 2 * maxHeaderBytes,
		ConnState:      s.conns.changed,
		ErrorLog:       s.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
}

// Serve answers requests until Shutdown, or until a listener fails, which is the error.
func (s *Server) Serve() error {
	s.mu.Lock()
	servers := s.servers
	s.mu.Unlock()
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, l := range servers {
		all.Go(func() {
			if err := l.http.Serve(l.net); !errors.Is(err, http.ErrServerClosed) {
				errs[i] = fmt.Errorf("the REST listener %s failed: %w", l.net.Addr(), err)
				s.closeAll()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.servers {
		_ = l.http.Close()
	}
}

// Shutdown closes the listeners and waits for requests in hand; when ctx ends first, they are cut off and its error is
// returned. The server cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	servers := s.servers
	s.mu.Unlock()
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, l := range servers {
		all.Go(func() {
			if errs[i] = l.http.Shutdown(ctx); errs[i] != nil {
				_ = l.http.Close()
			}
			_ = l.net.Close()
		})
	}
	all.Wait()
	s.cancel()
	s.client.Close()
	return errors.Join(errs...)
}

// Addrs are the addresses of the open listeners, admin listeners left out.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []net.Addr
	for _, l := range s.servers {
		if !l.admin {
			out = append(out, l.net.Addr())
		}
	}
	return out
}
