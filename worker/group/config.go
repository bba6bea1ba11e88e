package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/worker/lease"
)

// Requester sends a request to the group's coordinator; *kgo.Client does.
type Requester interface {
	Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
}

// ClientOptions are options for the client that a Member uses: few retries inside the client, so that a lost coordinator
// is noticed, and reported, while there is still time to act on it. The client should serve the Member alone.
func ClientOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequestRetries(2),
		kgo.RetryTimeout(3 * time.Second),
	}
}

// Config sets a Member up.
type Config struct {
	// Client is made and closed by the caller, see ClientOptions.
	Client Requester
	// GroupID is group.id.
	GroupID string
	// SessionTimeout is session.timeout.ms: without a heartbeat for that long the coordinator gives the member up, and
	// the Member reports Lost.
	SessionTimeout time.Duration
	// RebalanceTimeout is rebalance.timeout.ms: how long the coordinator waits for members to rejoin.
	RebalanceTimeout time.Duration
	// HeartbeatInterval is heartbeat.interval.ms.
	HeartbeatInterval time.Duration
	// RetryBackoff and RetryBackoffMax are retry.backoff.ms (0: 100 ms) and retry.backoff.max.ms (0: 1 s).
	RetryBackoff, RetryBackoffMax time.Duration
	// LeaveTimeout bounds LeaveGroup; 0: 3 s.
	LeaveTimeout time.Duration
	// Lease is kept up to date: held while the worker is a member, by its own clock. Nil for one that nobody asks.
	Lease *lease.Lease
	// Logger may be nil.
	Logger hclog.Logger
}

func (c *Config) complete() error {
	for _, d := range []struct {
		property string
		value    time.Duration
	}{
		{"session.timeout.ms", c.SessionTimeout},
		{"rebalance.timeout.ms", c.RebalanceTimeout},
		{"heartbeat.interval.ms", c.HeartbeatInterval},
	} {
		if d.value < time.Millisecond {
			return fmt.Errorf("%s is %v; at least 1 ms is needed", d.property, d.value)
		}
	}
	switch {
	case c.Client == nil:
		return errors.New("a group member needs a client")
	case c.GroupID == "":
		return errors.New("group.id is empty; name the Connect group")
	case c.HeartbeatInterval >= c.SessionTimeout:
		return fmt.Errorf("heartbeat.interval.ms is %d; it must be below session.timeout.ms, which is %d",
			c.HeartbeatInterval.Milliseconds(), c.SessionTimeout.Milliseconds())
	}
	orDefault(&c.RetryBackoff, 100*time.Millisecond)
	orDefault(&c.RetryBackoffMax, time.Second)
	orDefault(&c.LeaveTimeout, 3*time.Second)
	if c.Lease == nil {
		c.Lease = &lease.Lease{}
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	return nil
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}
