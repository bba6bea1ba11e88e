package rest

import (
	"crypto/tls"
	"time"

	"github.com/connectd/connectd/internal/metrics"
	"github.com/hashicorp/go-hclog"
)

// Defaults of Config. The first two are Java's; it has no bound for the others.
const (
	DefaultRequestTimeout = 90 * time.Second
	DefaultHealthTimeout  = 10 * time.Second
	DefaultReadTimeout    = 30 * time.Second
	DefaultMaxBodyBytes   = 64 << 20
)

// Config is what a Server is made of. Only Herder is required.
type Config struct {
	Herder Herder
	// Logger is for requests (debug) and failures; nil discards.
	Logger hclog.Logger
	// Version is connectd's own, for the header "Server: connectd/<version>".
	Version string

	// Metrics writes what GET /metrics answers; by default one that knows Version only.
	Metrics *metrics.Exposer

	// Listeners are the property listeners, e.g. "http://:8083" or "https://[::1]:8443". None: Handler alone is used.
	Listeners []string
	// AdminListeners is the property admin.listeners: nil serves /admin on Listeners, empty nowhere, else on these only.
	AdminListeners []string
	// TLS is for https among Listeners, AdminTLS among AdminListeners (TLS if nil), ClientTLS for requests to other workers.
	TLS, AdminTLS, ClientTLS *tls.Config

	// BasicAuth asks callers of Listeners for credentials, nil for none. Separate admin listeners ask for none, as in Java.
	BasicAuth *BasicAuth

	// AllowOrigin and AllowMethods are access.control.allow.origin and access.control.allow.methods; empty allows no
	// other origin, and GET, POST and HEAD.
	AllowOrigin, AllowMethods string
	// ResponseHeaders is response.http.headers.config, e.g. "set Cache-Control: no-cache, add X-Frame-Options: DENY".
	ResponseHeaders string
	// NoTopicTracking and NoTopicTrackingReset are the negations of topic.tracking.enable and topic.tracking.allow.reset.
	NoTopicTracking, NoTopicTrackingReset bool

	// RequestTimeout bounds the wait for the herder or another worker.
	RequestTimeout time.Duration
	// HealthTimeout bounds the wait for the herder in GET /health.
	HealthTimeout time.Duration
	// ReadTimeout bounds the arrival of a request's header, and then of its body.
	ReadTimeout time.Duration
	// MaxBodyBytes bounds a request's body, and the answer of another worker.
	MaxBodyBytes int64
	// MaxConnections bounds the connections of all listeners: beyond it those are closed that have waited longest for a request.
	// By default half of the files that the process may open, at most 10,000.
	MaxConnections int
}

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Metrics == nil {
		c.Metrics = metrics.NewExposer(c.Version, "", "")
	}
	if c.AdminTLS == nil {
		c.AdminTLS = c.TLS
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = DefaultRequestTimeout
	}
	if c.HealthTimeout == 0 {
		c.HealthTimeout = DefaultHealthTimeout
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = DefaultReadTimeout
	}
	if c.MaxBodyBytes == 0 {
		c.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultConnections()
	}
	return c
}
