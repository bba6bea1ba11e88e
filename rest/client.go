package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/connectd/connectd/rest/api"
)

// ClientConfig bounds a Client.
type ClientConfig struct {
	// TLS is for https URLs; nil is Go's default.
	TLS *tls.Config
	// Timeout bounds a whole exchange, DefaultRequestTimeout if zero.
	Timeout time.Duration
	// MaxBodyBytes bounds an answer, DefaultMaxBodyBytes if zero.
	MaxBodyBytes int64
}

// Client makes requests to other workers. It follows no redirects and uses no proxy.
type Client struct {
	http *http.Client
	max  int64
}

// Signer signs the body of a request between workers. It returns the values of the two signature headers; ok is false
// when the group's protocol needs no signature. An error ends the request, e.g. when there is no session key yet.
type Signer func(body []byte) (signature, algorithm string, ok bool, err error)

// NewClient makes a Client; Close it when done.
func NewClient(cfg ClientConfig) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultRequestTimeout
	}
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = DefaultMaxBodyBytes
	}
	return &Client{max: cfg.MaxBodyBytes, http: &http.Client{
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:     cfg.TLS,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     30 * time.Second,
		},
	}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// PostTaskConfigs hands new task configs of a connector to the leader. An answer that is no success is an *api.Error with its
// status and message: 409 while the group rebalances, 503 while the leader has no session key.
func (c *Client) PostTaskConfigs(ctx context.Context, leaderURL, connector string, configs []map[string]string, sign Signer) error {
	if configs == nil {
		configs = []map[string]string{}
	}
	body, err := api.Marshal(configs)
	if err != nil {
		return err
	}
	return c.internal(ctx, http.MethodPost, joinURL(leaderURL, "/connectors/"+url.PathEscape(connector)+"/tasks"), body, sign)
}

// PutFence asks the leader to fence out older tasks of an exactly-once source connector. Errors are as in PostTaskConfigs.
func (c *Client) PutFence(ctx context.Context, leaderURL, connector string, sign Signer) error {
	return c.internal(ctx, http.MethodPut, joinURL(leaderURL, "/connectors/"+url.PathEscape(connector)+"/fence"), nil, sign)
}

func (c *Client) internal(ctx context.Context, method, target string, body []byte, sign Signer) error {
	header := http.Header{}
	if sign != nil {
		signature, algorithm, signed, err := sign(body)
		if err != nil {
			return err
		}
		if signed {
			header.Set(api.SignatureHeader, signature)
			header.Set(api.AlgorithmHeader, algorithm)
		}
	}
	answer, err := c.do(ctx, method, target, header, body)
	if err != nil {
		return err
	}
	if answer.status >= 200 && answer.status < 300 {
		return nil
	}
	var failure api.ErrorBody
	if json.Unmarshal(answer.body, &failure) != nil || failure.Message == "" {
		failure.Message = fmt.Sprintf("%s %s: the worker answered with status %d", method, target, answer.status)
	}
	return &api.Error{Status: answer.status, Message: failure.Message}
}

type answer struct {
	status                int
	contentType, location string
	body                  []byte
}

func (c *Client) do(ctx context.Context, method, target string, header http.Header, body []byte) (*answer, error) {
	var reader io.Reader
	if len(body) > 0 {
		reader = bytes.NewReader(body)
		header.Set("Content-Type", jsonMediaType)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, err
	}
	header.Set("Accept", jsonMediaType)
	header.Set("User-Agent", forwardAgent)
	req.Header = header
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, c.max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > c.max {
		return nil, fmt.Errorf("the answer of %s is larger than %d bytes", target, c.max)
	}
	return &answer{
		status:      resp.StatusCode,
		contentType: resp.Header.Get("Content-Type"),
		location:    resp.Header.Get("Location"),
		body:        data,
	}, nil
}

// joinURL appends a raw path to a worker's URL, which may end in a slash.
func joinURL(base, path string) string { return strings.TrimRight(base, "/") + path }
