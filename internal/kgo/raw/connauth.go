package raw

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
)

// What brokers see of the client in their metrics (KIP-511).
const (
	softwareName    = "connectd"
	softwareVersion = "1"
)

// ErrAuthentication is a broker that does not accept the credentials, or the mechanism.
var ErrAuthentication = errors.New("authentication failed")

// session is how long the broker takes the client for who it is (KIP-368).
type session struct {
	renew time.Time // zero: for ever
}

func (s session) due() bool { return !s.renew.IsZero() && !time.Now().Before(s.renew) }

// asker makes one request of the handshake, whose version is set.
type asker func(req kmsg.Request) (kmsg.Response, *client.Hold, error)

// greet learns the versions and authenticates, before the connection's goroutines run.
func (c *Conn) greet(ctx context.Context) error {
	if err := c.learnVersions(); err != nil {
		return err
	}
	if c.d.mechanism == nil {
		return nil
	}
	return c.authenticate(ctx, func(req kmsg.Request) (kmsg.Response, *client.Hold, error) {
		buf, err := c.roundTrip(req)
		if err != nil {
			return nil, nil, err
		}
		resp, err := decode(req, buf)
		return resp, nil, err
	})
}

// mostGreeting bounds answers before the broker is known to be one.
const mostGreeting = 1 << 20

// roundTrip writes a request and waits for the answer, without the connection's goroutines.
func (c *Conn) roundTrip(req kmsg.Request) ([]byte, error) {
	c.corr++
	c.buf = c.d.format.AppendRequest(c.buf[:0], req, c.corr)
	if _, err := c.nc.Write(c.buf); err != nil {
		return nil, greetError(err)
	}
	var head [8]byte
	if _, err := io.ReadFull(c.nc, head[:]); err != nil {
		return nil, greetError(err)
	}
	size := int(int32(binary.BigEndian.Uint32(head[:])))
	if size < 4 || size > mostGreeting {
		return nil, badSize(head[:], size, mostGreeting)
	}
	if corr := int32(binary.BigEndian.Uint32(head[4:])); corr != c.corr {
		return nil, fmt.Errorf("%w: an answer to a request that was not made", ErrProtocol)
	}
	buf := make([]byte, size-4)
	if _, err := io.ReadFull(c.nc, buf); err != nil {
		return nil, greetError(err)
	}
	return buf, nil
}

func greetError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrTimeout
	}
	err = readError(err)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w at once: check security.protocol and sasl.mechanism", err)
	}
	return err
}

// learnVersions asks what the broker knows. Brokers before 2.4 answer the flexible request in the oldest form, with an error.
func (c *Conn) learnVersions() error {
	for version := int16(3); ; version = 0 {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = version, softwareName, softwareVersion
		buf, err := c.roundTrip(req)
		if err != nil {
			return err
		}
		if version > 0 && len(buf) >= 2 && int16(binary.BigEndian.Uint16(buf)) == kerr.UnsupportedVersion.Code {
			continue
		}
		decoded, err := decode(req, buf)
		if err != nil {
			return err
		}
		resp := decoded.(*kmsg.ApiVersionsResponse)
		if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
			return fmt.Errorf("asking for API versions: %w", err)
		}
		c.versions = make(map[int16][2]int16, len(resp.ApiKeys))
		for _, k := range resp.ApiKeys {
			c.versions[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
		}
		return nil
	}
}

// authenticate leads a SASL session to its end.
func (c *Conn) authenticate(ctx context.Context, ask asker) error {
	if err := c.chooseMechanism(ask); err != nil {
		return err
	}
	s, message, err := c.d.mechanism.Authenticate(ctx, c.Addr)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
	var lifetime time.Duration
	begun := time.Now()
	for done := false; !done || len(message) > 0; {
		req := kmsg.NewPtrSASLAuthenticateRequest()
		req.SASLAuthBytes = message
		if err := c.Negotiate(req, 0, 2); err != nil {
			return err
		}
		begun = time.Now()
		resp, hold, err := ask(req)
		if err != nil {
			return err
		}
		r := resp.(*kmsg.SASLAuthenticateResponse)
		if err := refusal(r.ErrorCode, r.ErrorMessage); err != nil {
			hold.Release()
			return err
		}
		challenge := slices.Clone(r.SASLAuthBytes)
		lifetime = time.Duration(min(r.SessionLifetimeMillis, int64(mostLifetime/time.Millisecond))) * time.Millisecond
		hold.Release()
		message = nil
		if !done {
			if done, message, err = s.Challenge(challenge); err != nil {
				return fmt.Errorf("%w: %w", ErrAuthentication, err)
			}
		}
	}
	c.sess = sessionOf(begun, lifetime)
	return nil
}

func (c *Conn) chooseMechanism(ask asker) error {
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Mechanism = c.d.mechanism.Name()
	if err := c.Negotiate(req, 1, 1); err != nil {
		return err
	}
	resp, hold, err := ask(req)
	if err != nil {
		return err
	}
	defer hold.Release()
	r := resp.(*kmsg.SASLHandshakeResponse)
	if r.ErrorCode == kerr.UnsupportedSaslMechanism.Code {
		return fmt.Errorf("%w: the broker does not take sasl.mechanism=%s; it takes %s", ErrAuthentication, req.Mechanism,
			strings.Join(r.SupportedMechanisms, ", "))
	}
	return refusal(r.ErrorCode, nil)
}

// refusal is nil for code 0. Brokers tell only what may be told.
func refusal(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	switch {
	case err == nil:
		return nil
	case message != nil && *message != "":
		return fmt.Errorf("%w: %s", ErrAuthentication, *message)
	default:
		return fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
}

const mostLifetime = 365 * 24 * time.Hour

// leastSession is how soon a session can be renewed: brokers take a handshake within a second of the last for a mistake.
const leastSession = time.Second + 50*time.Millisecond

// sessionOf renews a session when 85 to 95% of its life are over, as Java's clients do.
func sessionOf(begun time.Time, lifetime time.Duration) session {
	if lifetime <= 0 {
		return session{}
	}
	return session{renew: begun.Add(max(time.Duration(float64(lifetime)*(0.85+0.1*rand.Float64())), leastSession))}
}

// reauthenticate renews the session over the connection itself, between two requests. It is the writer's.
func (c *Conn) reauthenticate() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.d.requestTimeout)
	defer cancel()
	return c.authenticate(ctx, c.askBetween)
}

// askBetween sends a request of the writer's own, ahead of those that wait.
func (c *Conn) askBetween(req kmsg.Request) (kmsg.Response, *client.Hold, error) {
	w := newWaiter()
	defer w.leave()
	own := &call{req: req, sized: w.answer}
	c.mu.Lock()
	if err := c.err; err != nil {
		c.mu.Unlock()
		return nil, nil, err
	}
	c.launch(own)
	c.mu.Unlock()
	c.inFlight.Add(1)
	if err := c.put(own); err != nil {
		return nil, nil, err
	}
	return w.wait(c.ctx)
}
