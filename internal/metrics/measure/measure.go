// Package measure sums up what was measured in the last while, in the way of Java's metrics: over two windows of 30 seconds, of which the
// older one drops out. It holds nothing but values and the lock around them: time is handed in, and nothing is named or exposed here.
package measure

import (
	"sync"
	"time"
)

// The defaults of metrics.sample.window.ms and metrics.num.samples.
const (
	windowLength = 30 * time.Second
	windows      = 2
)

// Window holds measurements of the last 30 to 60 seconds. The zero value is empty. It is safe for concurrent use.
type Window struct {
	mu      sync.Mutex
	samples [windows]sample
	at      int // the one that is being filled
	last    float64
}

// sample is one window; n is 0 for none.
type sample struct {
	start         time.Time
	n             int64
	sum, min, max float64
}

// Spread tells of measurements.
type Spread struct {
	// Last is the newest, Min, Max and Avg are of those of the last while.
	Last, Min, Max, Avg float64
}

// Add takes in a measurement.
func (w *Window) Add(now time.Time, v float64) { w.AddN(now, v, 1) }

// AddN takes in one that holds for n things.
func (w *Window) AddN(now time.Time, v float64, n int64) {
	if n <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.samples[w.at]
	if s.n > 0 && now.Sub(s.start) >= windowLength {
		w.at = (w.at + 1) % windows
		s = &w.samples[w.at]
		*s = sample{}
	}
	if s.n == 0 {
		*s = sample{start: now, min: v, max: v}
	}
	s.n += n
	s.sum += v * float64(n)
	s.min, s.max = min(s.min, v), max(s.max, v)
	w.last = v
}

// AddMs takes in a time in milliseconds.
func (w *Window) AddMs(now time.Time, d time.Duration) {
	w.Add(now, float64(d)/float64(time.Millisecond))
}

// Spread tells of the last while; false when nothing was measured in it.
func (w *Window) Spread(now time.Time) (Spread, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, any := w.fresh(now)
	if !any {
		return Spread{}, false
	}
	return Spread{Last: w.last, Min: s.min, Max: s.max, Avg: s.sum / float64(s.n)}, true
}

// PerSecond is the sum of the last while, per second; as in Java the time counts that must pass until the older window is full.
func (w *Window) PerSecond(now time.Time) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, any := w.fresh(now)
	if !any {
		return 0
	}
	d := now.Sub(s.start)
	if d < windowLength {
		d += windowLength * (windows - 1)
	}
	return s.sum / d.Seconds()
}

// fresh joins the samples that are not over: start is that of the oldest.
func (w *Window) fresh(now time.Time) (out sample, any bool) {
	for _, s := range w.samples {
		switch {
		case s.n == 0 || now.Sub(s.start) >= windows*windowLength:
			continue
		case out.n == 0:
			out = s
			continue
		case s.start.Before(out.start):
			out.start = s.start
		}
		out.n += s.n
		out.sum += s.sum
		out.min, out.max = min(out.min, s.min), max(out.max, s.max)
	}
	return out, out.n > 0
}
