package raw

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	probeEvery   = 3 * time.Second
	probes       = 3 // of which the quickest counts
	probeTimeout = 10 * time.Second
)

// probe finds out how far away a broker is, now and then while requests wait for it: those that are answered in turn say how busy it
// is, and behind how many others they waited. So a small one goes by another connection. The lock is held.
func (b *outBroker) probe() {
	p := b.p
	if b.flying < p.set.MaxInFlight || b.probing || p.closed || time.Since(b.probed) < probeEvery {
		return
	}
	b.probing = true
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, probeTimeout)
		defer cancel()
		took, ok := p.distance(ctx, b.id)
		p.mu.Lock()
		defer p.mu.Unlock()
		b.probing, b.probed = false, time.Now()
		if ok {
			b.trips.took(b.probed, took)
		}
	})
}

// distance is how long the quickest of a few small requests takes.
func (p *Producer) distance(ctx context.Context, broker int32) (quickest time.Duration, ok bool) {
	conn, err := p.cl.Conn(ctx, broker, ForOther)
	if err != nil {
		return 0, false
	}
	for range probes {
		began := time.Now()
		_, hold, err := conn.Do(ctx, kmsg.NewPtrApiVersionsRequest())
		if err != nil {
			return quickest, ok
		}
		took := time.Since(began)
		hold.Release()
		if !ok || took < quickest {
			quickest, ok = took, true
		}
	}
	return quickest, ok
}

// shortest follows the shortest round trip of the last while.
type shortest struct {
	now, before time.Duration // of this period and the one before; 0 for none
	since       time.Time
}

const tripsPeriod = 15 * time.Second

// took takes a round trip in.
func (s *shortest) took(at time.Time, d time.Duration) {
	if at.Sub(s.since) >= tripsPeriod {
		s.before, s.now, s.since = s.now, 0, at
	}
	if s.now == 0 || d < s.now {
		s.now = d
	}
}

// get is the shortest one, 0 if there was none.
func (s *shortest) get() time.Duration {
	if s.before > 0 && (s.now == 0 || s.before < s.now) {
		return s.before
	}
	return s.now
}
