package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// listenerPattern is Java's: protocol://host:port, host possibly empty or an IPv6 address in brackets.
var listenerPattern = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)$`)

// Listener is one entry of listeners or admin.listeners.
type Listener struct {
	// Protocol is http or https.
	Protocol string
	// Host is empty for all interfaces.
	Host string
	Port int
}

// ParseListener reads a listener such as "HTTPS://myhost:8443". The error says what is allowed.
func ParseListener(text string) (Listener, error) {
	m := listenerPattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Listener{}, fmt.Errorf("%q is no listener: it must have the form protocol://hostname:port, for example http://:8083", text)
	}
	protocol := strings.ToLower(m[1])
	if protocol != "http" && protocol != "https" {
		return Listener{}, fmt.Errorf("%q is no listener: its protocol must be http or https", text)
	}
	port, err := strconv.ParseUint(m[3], 10, 16)
	if err != nil {
		return Listener{}, fmt.Errorf("%q is no listener: its port must be from 0 to 65535", text)
	}
	return Listener{Protocol: protocol, Host: m[2], Port: int(port)}, nil
}

func checkListeners(cfg Config) error {
	check := func(property string, listeners []string, hasTLS bool) error {
		for _, text := range listeners {
			l, err := ParseListener(text)
			if err != nil {
				return fmt.Errorf("%s: %w", property, err)
			}
			if l.Protocol == "https" && !hasTLS {
				return fmt.Errorf("%s: %q needs a certificate: set listeners.https.ssl.keystore.location or ssl.keystore.location", property, text)
			}
		}
		return nil
	}
	return errors.Join(check("listeners", cfg.Listeners, cfg.TLS != nil), check("admin.listeners", cfg.AdminListeners, cfg.AdminTLS != nil))
}

// listening is one open listener and its server.
type listening struct {
	Listener
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
		l, err := ParseListener(text)
		if err != nil {
			return fmt.Errorf("%s: %w", property, err)
		}
		var lc net.ListenConfig
		n, err := lc.Listen(ctx, "tcp", net.JoinHostPort(l.Host, strconv.Itoa(l.Port)))
		if err != nil {
			return fmt.Errorf("%s: cannot listen on %s: %w; choose another port or stop what uses it", property, text, err)
		}
		if l.Protocol == "https" {
			conf := conf.Clone()
			conf.NextProtos = []string{"http/1.1"}
			n = tls.NewListener(n, conf)
		}
		s.servers = append(s.servers, &listening{Listener: l, net: n, http: s.httpServer(h), admin: admin})
		s.log.Info("REST listener open", "url", l.Protocol+"://"+n.Addr().String(), "admin", admin)
	}
	return nil
}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.cfg.ReadTimeout,
		// The longest wait for the herder, and then time for a slow client to take the answer.
		WriteTimeout:   s.cfg.RequestTimeout + 2*s.cfg.ReadTimeout,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
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
