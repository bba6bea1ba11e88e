package mirror

import (
	"errors"
	"math"
	"time"
)

// bucket is a token bucket: how many bytes may pass now. What has passed already may be more; then nothing may pass until
// the debt is paid. Time is handed in. The zero bucket lets everything pass.
type bucket struct {
	rate   float64 // bytes per second; no limit unless limited
	limit  bool
	tokens float64 // at most burst, below 0 for debt
	at     time.Time
}

// burst is what may pass at once after a quiet time: a second's worth.
func (b *bucket) burst() float64 { return b.rate }

// set changes the rate, below 0 for no limit. A debt stays, but no longer than a second at the new rate would make
// it: what was copied under another limit has been paid for by that.
func (b *bucket) set(now time.Time, rate float64) {
	b.refill(now)
	before := b.limit
	if before && rate == b.rate {
		return
	}
	b.limit, b.rate = rate >= 0, max(0, rate)
	switch {
	case !b.limit:
		b.tokens = 0
	case !before:
		b.tokens, b.at = b.burst(), now
	default:
		b.tokens = min(max(b.tokens, -b.rate), b.burst())
	}
}

func (b *bucket) refill(now time.Time) {
	if !b.limit {
		return
	}
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(b.tokens+b.rate*d.Seconds(), b.burst())
		b.at = now
	}
}

// take counts n bytes that pass.
func (b *bucket) take(now time.Time, n int) {
	if b.limit {
		b.refill(now)
		b.tokens -= float64(n)
	}
}

// longestWait stands for a wait that nothing but a new limit ends.
const longestWait = 24 * time.Hour

// wait is how long nothing may pass; 0 for something may pass now.
func (b *bucket) wait(now time.Time) time.Duration {
	if !b.limit {
		return 0
	}
	b.refill(now)
	switch {
	case b.rate <= 0:
		return longestWait
	case b.tokens > 0:
		return 0
	}
	s := -b.tokens / b.rate
	if s >= longestWait.Seconds() {
		return longestWait
	}
	return max(time.Millisecond, time.Duration(math.Ceil(s*1000))*time.Millisecond)
}

// throttle holds the buckets of one task: of its share of the link, and of its share of each topic that has a limit. It
// belongs to one goroutine.
type throttle struct {
	link   bucket
	topics map[string]*bucket
}

// set takes new limits over. names are the task's topics; share gives the part of the link's limit that is the task's own,
// shareOf that of a topic's. The error is that of limits.of; the limits hold all the same.
func (t *throttle) set(now time.Time, l limits, share float64, names []string, shareOf func(topic string) float64) error {
	t.link.set(now, scaled(l.link, share))
	if t.topics == nil {
		t.topics = map[string]*bucket{}
	}
	var errs []error
	for _, name := range names {
		rate, err := l.of(name)
		if err != nil {
			errs = append(errs, err)
		}
		if rate < 0 {
			delete(t.topics, name)
			continue
		}
		b := t.topics[name]
		if b == nil {
			b = &bucket{}
			t.topics[name] = b
		}
		b.set(now, scaled(rate, shareOf(name)))
	}
	return errors.Join(errs...)
}

func scaled(rate, share float64) float64 {
	if rate < 0 {
		return rate
	}
	return rate * share
}

// take counts what passes of a topic.
func (t *throttle) take(now time.Time, topic string, n int) {
	t.link.take(now, n)
	if b := t.topics[topic]; b != nil {
		b.take(now, n)
	}
}

// topicWait is how long a topic must wait for its own limit.
func (t *throttle) topicWait(now time.Time, topic string) time.Duration {
	if b := t.topics[topic]; b != nil {
		return b.wait(now)
	}
	return 0
}
