package raw

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
)

// Java's defaults, for settings that say nothing.
const (
	defaultRequestTimeout = 30 * time.Second
	defaultMaxIdle        = 9 * time.Minute
	defaultMaxAge         = 5 * time.Minute
	defaultBackoff        = 100 * time.Millisecond
	defaultBackoffMax     = time.Second
)

// leastMostResponse is the least bound on a response, so that a small fetch.max.bytes doesn't refuse a large batch.
const leastMostResponse = 128 << 20

// Dialer opens connections with the settings of one client. It is safe for concurrent use.
type Dialer struct {
	dial           func(ctx context.Context, network, address string) (net.Conn, error)
	format         *kmsg.RequestFormatter
	mechanism      sasl.Mechanism // nil: none
	buffers        *Buffers
	requestTimeout time.Duration
	maxIdle        time.Duration // 0: for ever
	mostResponse   int
	throttled      atomic.Int64
}

// NewDialer prepares connections with request.timeout.ms, connections.max.idle.ms, client.id, TLS and SASL of s, which read into
// buffers. The error is about TLS material.
func NewDialer(s *clientconf.Settings, buffers *Buffers) (*Dialer, error) {
	dial, err := kgoclient.Dialer(s)
	if err != nil {
		return nil, err
	}
	d := &Dialer{
		dial: dial, format: kmsg.NewRequestFormatter(), buffers: buffers,
		requestTimeout: or(s.Network.RequestTimeout, defaultRequestTimeout),
		maxIdle:        max(or(s.Network.ConnectionsMaxIdle, defaultMaxIdle), 0),
		mostResponse:   leastMostResponse,
	}
	if s.ClientID != "" {
		d.format = kmsg.NewRequestFormatter(kmsg.FormatterClientID(s.ClientID))
	}
	if c := s.Consumer; c != nil {
		d.mostResponse = max(d.mostResponse, min(c.FetchMaxBytes, 1<<30)+leastMostResponse)
	}
	if s.SASL != nil {
		d.mechanism = kgoclient.Mechanism(s.SASL)
	}
	return d, nil
}

// Throttled is the sum of the throttle times that brokers asked for.
func (d *Dialer) Throttled() time.Duration { return time.Duration(d.throttled.Load()) }

// Buffers is where responses are read into.
func (d *Dialer) Buffers() *Buffers { return d.buffers }

// RequestTimeout is request.timeout.ms.
func (d *Dialer) RequestTimeout() time.Duration { return d.requestTimeout }

// timeoutOf is how long a request may go without an answer.
func (d *Dialer) timeoutOf(req kmsg.Request) time.Duration {
	if f, fetch := req.(*kmsg.FetchRequest); fetch {
		return d.requestTimeout + time.Duration(f.MaxWaitMillis)*time.Millisecond
	}
	return d.requestTimeout
}

// Dial connects to host:port, asks for the API versions and authenticates. An error is a *ConnError, or ctx's. Close the connection.
func (d *Dialer) Dial(ctx context.Context, addr string) (*Conn, error) {
	nc, err := d.dial(ctx, "tcp", addr)
	if err != nil {
		return nil, dialError(ctx, addr, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	_ = nc.SetDeadline(time.Now().Add(d.requestTimeout))
	own, cancel := context.WithCancel(context.Background())
	c := &Conn{
		Addr: addr, d: d, nc: nc, ctx: own, cancel: cancel,
		wake: make(chan struct{}, 1), written: make(chan struct{}), done: make(chan struct{}),
	}
	err = c.greet(ctx)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		_ = nc.Close()
		return nil, dialError(ctx, addr, err)
	}
	_ = nc.SetDeadline(time.Time{})
	c.start()
	return c, nil
}

func dialError(ctx context.Context, addr string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var known *ConnError
	if errors.As(err, &known) {
		return err
	}
	return &ConnError{Addr: addr, Err: err}
}

func or[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}
