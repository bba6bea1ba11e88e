package kgoclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/connectd/connectd/internal/clientconf"
)

// tokenSource gets bearer tokens by the client credentials grant (RFC 6749, 4.4) and keeps one until 80% of its life are
// over. Safe for concurrent use; at most one request is under way.
type tokenSource struct {
	o      *clientconf.OAuth
	client *http.Client
	now    func() time.Time

	turn  chan struct{} // holds one element while nobody fetches
	value string
	until time.Time
}

const (
	defaultConnectTimeout = 10 * time.Second
	defaultReadTimeout    = 20 * time.Second
	mostTokenBytes        = 1 << 20
	tokenTries            = 4
)

func newTokenSource(o *clientconf.OAuth) *tokenSource {
	connect, read := o.ConnectTimeout, o.ReadTimeout
	if connect == 0 {
		connect = defaultConnectTimeout
	}
	if read == 0 {
		read = defaultReadTimeout
	}
	s := &tokenSource{o: o, now: time.Now, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	s.client = &http.Client{
		// Tokens are fetched once an hour or so: a kept connection would only be one more thing to close.
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			DialContext:       (&net.Dialer{Timeout: connect}).DialContext,
			DisableKeepAlives: true,
		},
		Timeout: connect + read,
		// A redirect would carry the client's credentials to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

func (s *tokenSource) token(ctx context.Context) (string, error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	if s.value != "" && s.now().Before(s.until) {
		return s.value, nil
	}
	wait := backoff(max(s.o.RetryBackoff, time.Millisecond), max(s.o.RetryBackoffMax, time.Millisecond))
	for try := 1; ; try++ {
		err := s.fetch(ctx)
		if err == nil {
			return s.value, nil
		}
		var refused *refusedError
		if errors.As(err, &refused) || try == tokenTries {
			return "", fmt.Errorf("token endpoint %s: %w", s.o.TokenEndpoint, err)
		}
		timer := time.NewTimer(wait(try))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", ctx.Err()
		}
	}
}

// refusedError is an answer that trying again won't change.
type refusedError struct{ status string }

func (e *refusedError) Error() string { return "answered " + e.status }

// fetch leaves the endpoint's body out of errors, as it may repeat what was sent.
func (s *tokenSource) fetch(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.o.Scope != "" {
		form.Set("scope", s.o.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	id, secret := s.o.ClientID, s.o.ClientSecret.Reveal()
	if s.o.URLEncode {
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	}
	req.SetBasicAuth(id, secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout {
			return fmt.Errorf("answered %s", resp.Status)
		}
		return &refusedError{resp.Status}
	}
	var answer struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostTokenBytes)).Decode(&answer); err != nil || answer.AccessToken == "" {
		return &refusedError{resp.Status + " without an access_token"}
	}
	s.value = answer.AccessToken
	// Without expires_in the token serves this once.
	s.until = s.now().Add(time.Duration(min(answer.ExpiresIn, 365*86400) * 0.8 * float64(time.Second)))
	return nil
}
