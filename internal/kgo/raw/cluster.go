package raw

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	kgoclient "github.com/connectd/connectd/internal/kgo"
)

// Purpose tells connections to one broker apart: a fetch blocks those behind it for as long as the broker waits for records.
type Purpose uint8

// The purposes of connections.
const (
	ForOther Purpose = iota
	ForFetch
	ForProduce
)

// ErrUnknownBroker is a broker that the cluster doesn't tell of (any more). Newer metadata may.
var ErrUnknownBroker = errors.New("the cluster does not name this broker")

// ClusterOptions are what a Cluster needs besides settings.
type ClusterOptions struct {
	// Buffers is where responses are read into; nil for some of its own, which keep 16 MiB.
	Buffers *Buffers
	// CreateTopics has brokers create topics that are asked for, if they are willing to.
	CreateTopics bool
	// Log may be nil.
	Log hclog.Logger
}

// Cluster knows the brokers of a cluster and the leaders of the topics that it was told, and keeps connections. Its metadata is
// renewed when it is older than metadata.max.age.ms and when somebody found it wrong. It is safe for concurrent use. Close it.
type Cluster struct {
	dialer  *Dialer
	servers []string
	log     hclog.Logger
	create  bool
	maxAge  time.Duration
	retry   func(tries int) time.Duration
	redial  func(tries int) time.Duration

	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{} // the metadata's goroutine
	wake   chan struct{}

	mu      sync.Mutex
	brokers map[int32]Broker
	topics  map[string]*Topic // nil: wanted, and nothing known yet
	stale   map[string]struct{}
	allOld  bool
	rounds  uint64    // metadata rounds begun
	heard   uint64    // the last round that had an answer
	failure error     // why the last round had none
	urgent  bool      // somebody waits
	asked   time.Time // when the last round ended
	renewed time.Time // when the last one for all topics did
	tries   int       // rounds in a row without an answer
	missed  int       // rounds in a row with topics or leaders missing
	change  chan struct{}
	version uint64
	slots   map[slotKey]*slot
}

// Broker is where a broker is.
type Broker struct {
	ID   int32
	Addr string
	Rack string
}

type slotKey struct {
	broker  int32 // -1 with addr: a bootstrap server
	addr    string
	purpose Purpose
}

// NewCluster opens the cluster of s's bootstrap.servers. It does not wait for a broker. The error is about TLS material.
func NewCluster(s *clientconf.Settings, o ClusterOptions) (*Cluster, error) {
	if o.Buffers == nil {
		o.Buffers = NewBuffers(16 << 20)
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	d, err := NewDialer(s, o.Buffers)
	if err != nil {
		return nil, err
	}
	n := s.Network
	c := &Cluster{
		dialer: d, servers: s.BootstrapServers, log: o.Log, create: o.CreateTopics,
		maxAge: max(or(n.MetadataMaxAge, defaultMaxAge), 10*time.Millisecond),
		retry:  kgoclient.Backoff(or(n.RetryBackoff, defaultBackoff), or(n.RetryBackoffMax, defaultBackoffMax)),
		redial: kgoclient.Backoff(or(n.ReconnectBackoff, defaultBackoff/2), or(n.ReconnectBackoffMax, defaultBackoffMax)),
		ended:  make(chan struct{}), wake: make(chan struct{}, 1), change: make(chan struct{}),
		brokers: map[int32]Broker{}, topics: map[string]*Topic{}, stale: map[string]struct{}{}, slots: map[slotKey]*slot{},
	}
	c.renewed = time.Now() // there is nothing to renew yet
	c.ctx, c.cancel = context.WithCancel(context.Background())
	go c.keep()
	return c, nil
}

// Dialer is what opens the cluster's connections.
func (c *Cluster) Dialer() *Dialer { return c.dialer }

// Throttled is the sum of the throttle times that brokers asked for.
func (c *Cluster) Throttled() time.Duration { return c.dialer.Throttled() }

// Backoff is how long to wait before the try after tries (1 or more) that failed: retry.backoff.ms, doubled up to
// retry.backoff.max.ms (KIP-580).
func (c *Cluster) Backoff(tries int) time.Duration { return c.retry(tries) }

// Close ends all connections and the cluster's goroutine, and waits until all replies were called.
func (c *Cluster) Close() {
	c.cancel()
	<-c.ended
	c.mu.Lock()
	slots := slices.Collect(maps.Values(c.slots))
	c.mu.Unlock()
	for _, s := range slots {
		s.close()
	}
}

// Brokers lists the brokers by id, as far as they are known.
func (c *Cluster) Brokers() map[int32]Broker {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.brokers)
}

func (c *Cluster) knows(broker int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.brokers[broker]
	return known
}

// Conn gives the connection to a broker for a purpose, and opens it if there is none; after failures it waits for
// reconnect.backoff.ms and more before it tries once. Callers at the same time get the same one. An error is a *ConnError,
// ErrUnknownBroker or ctx's; after the first two the metadata is renewed by itself. Don't close the connection.
func (c *Cluster) Conn(ctx context.Context, broker int32, purpose Purpose) (*Conn, error) {
	c.mu.Lock()
	b, known := c.brokers[broker]
	c.mu.Unlock()
	if !known {
		c.Stale()
		return nil, fmt.Errorf("broker %d: %w", broker, ErrUnknownBroker)
	}
	conn, err := c.slot(slotKey{broker: broker, purpose: purpose}).conn(ctx, b.Addr)
	if err != nil && ctx.Err() == nil {
		c.Stale()
	}
	return conn, err
}

// slot gives the place of a connection.
func (c *Cluster) slot(key slotKey) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[key]
	if s == nil {
		s = &slot{c: c, turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		c.slots[key] = s
	}
	return s
}

// Any gives a connection to any broker: one that is open and idle if possible, else to a broker that is known, else to one of the
// bootstrap servers. The error tells of all that failed.
func (c *Cluster) Any(ctx context.Context) (*Conn, error) {
	if conn := c.idle(); conn != nil {
		return conn, nil
	}
	var all []error
	try := func(key slotKey, addr string) *Conn {
		conn, err := c.slot(key).conn(ctx, addr)
		if err != nil {
			all = append(all, err)
		}
		return conn
	}
	brokers := slices.Collect(maps.Values(c.Brokers()))
	rand.Shuffle(len(brokers), func(i, j int) { brokers[i], brokers[j] = brokers[j], brokers[i] })
	for _, b := range brokers {
		if conn := try(slotKey{broker: b.ID, purpose: ForOther}, b.Addr); conn != nil {
			return conn, nil
		}
	}
	for _, i := range rand.Perm(len(c.servers)) {
		if conn := try(slotKey{broker: -1, addr: c.servers[i], purpose: ForOther}, c.servers[i]); conn != nil {
			return conn, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, errors.Join(all...)
}

// idle finds an open connection that waits for no answer, from a broker that may hang or be busy.
func (c *Cluster) idle() *Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, s := range c.slots {
		if key.purpose != ForOther {
			continue
		}
		if conn := s.usable(); conn != nil && conn.InFlight() == 0 {
			return conn
		}
	}
	return nil
}

// Do makes a request to any broker, with the highest version that both know.
func (c *Cluster) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, *client.Hold, error) {
	conn, err := c.Any(ctx)
	if err != nil {
		return nil, nil, err
	}
	return conn.Do(ctx, req)
}

// DoAt makes a request to one broker, over its connection for other purposes.
func (c *Cluster) DoAt(ctx context.Context, broker int32, req kmsg.Request) (kmsg.Response, *client.Hold, error) {
	conn, err := c.Conn(ctx, broker, ForOther)
	if err != nil {
		return nil, nil, err
	}
	return conn.Do(ctx, req)
}

func addrOf(host string, port int32) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }
