package mirror

import (
	"math"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
)

const (
	// A measurement comes every second, and less often for many partitions: librdkafka searches its topics for each end.
	measureEvery = time.Second
	measureEach  = 500 * time.Microsecond
	// restful is how many measurements pass until the end is asked for of a partition that was at it and stood still.
	restful = 30
	// rateMemory is over how long rates are a mean: what is older weighs less and less.
	rateMemory = 10 * time.Second
)

var _ connect.Progresser = (*task)(nil)

// counters count what was copied of one partition. They belong to Poll's goroutine.
type counters struct {
	records, bytes int64
	newest         time.Time     // timestamp of the newest record, zero for unknown
	told           time.Time     // newest as it was when its age was last taken
	throttled      time.Duration // paused for the limit of its topic
	end            int64         // of the partition as last asked for, -1 for unknown

	// As of the last measurement.
	atRecords, atBytes int64
	recordRate         rate
	byteRate           rate
}

// rate is an exponentially weighted mean of something per second. Time is handed in.
type rate struct {
	value float64
	began bool
}

// add takes in n things that came within d.
func (r *rate) add(n int64, d time.Duration) {
	if d <= 0 {
		return
	}
	now := float64(n) / d.Seconds()
	if !r.began {
		r.value, r.began = now, true
		return
	}
	r.value += (now - r.value) * (1 - math.Exp(-d.Seconds()/rateMemory.Seconds()))
	if r.value < 1e-3 {
		r.value = 0
	}
}

// gauge holds the last measurement for those who ask.
type gauge struct {
	throttled time.Duration // of all partitions: the link's limit
	quota     time.Duration // of readers that were closed: the brokers' quotas
	at        time.Time
	turn      int

	mu   sync.Mutex
	last []connect.PartitionProgress
}

// Progress implements connect.Progresser.
func (t *task) Progress() []connect.PartitionProgress {
	t.gauge.mu.Lock()
	defer t.gauge.mu.Unlock()
	return append([]connect.PartitionProgress(nil), t.gauge.last...)
}

// measure renews what Progress tells, now and then.
func (t *task) measure(now time.Time) {
	d := now.Sub(t.gauge.at)
	if t.reader == nil || d < max(measureEvery, time.Duration(len(t.parts))*measureEach) {
		return
	}
	if t.gauge.at.IsZero() {
		d = 0
	}
	t.gauge.at = now
	t.gauge.turn++
	held := t.gauge.throttled + t.gauge.quota + t.reader.Throttled() + t.lane.throttled()
	linkWaits := t.slow.link.wait(now) > 0
	out := make([]connect.PartitionProgress, 0, len(t.parts))
	for tp, p := range t.parts {
		c := &p.count
		if c.records != c.atRecords || c.end != p.next || (t.gauge.turn+int(tp.Partition))%restful == 0 {
			c.end = t.reader.End(tp)
		}
		c.recordRate.add(c.records-c.atRecords, d)
		c.byteRate.add(c.bytes-c.atBytes, d)
		c.atRecords, c.atBytes = c.records, c.bytes
		throttled := held + c.throttled
		since, slowed := t.slowed[tp]
		if slowed {
			throttled += now.Sub(since)
		}
		pp := progressOf(now, p.next, c.end, c)
		pp.Topic, pp.Target, pp.Partition, pp.ThrottledMs = tp.Topic, p.remote, tp.Partition, throttled.Milliseconds()
		pp.SourceCluster, pp.TargetCluster, pp.Records, pp.Bytes = t.s.source, t.s.target, c.records, c.bytes
		pp.AgeMs, pp.LatencyMs = p.delay.spreads(now)
		t.tellWay(&pp, p)
		switch k := t.parked[tp]; {
		case k != nil:
			pp.State, pp.Reason = connect.ProgressWaiting, k.reason
		case t.proofs.has(tp):
			pp.State, pp.Reason = connect.ProgressWaiting, "its leader has yet to tell whether it has what was copied"
		case slowed:
			pp.State, pp.Reason = connect.ProgressThrottled, "the limit of its topic ("+propThrottleTopics+")"
		case linkWaits:
			pp.State, pp.Reason = connect.ProgressThrottled, "the limit of the link ("+propThrottle+")"
		}
		out = append(out, pp)
	}
	t.gauge.mu.Lock()
	defer t.gauge.mu.Unlock()
	t.gauge.last = out
}

// progressOf words numbers: a position (below 0 before anything was read), an end (-1 for unknown) and what was counted.
func progressOf(now time.Time, next, end int64, c *counters) connect.PartitionProgress {
	p := connect.PartitionProgress{
		Position: max(next, -1), End: max(end, -1), LagMs: -1, ETAMs: -1, State: connect.ProgressCopying,
		RecordsPerSecond: c.recordRate.value, BytesPerSecond: c.byteRate.value,
	}
	if next >= 0 && p.End >= 0 {
		p.End = max(p.End, next) // the end is as old as the last fetch
	}
	switch {
	case next < 0 || p.End < 0:
	case next == p.End:
		p.LagMs, p.ETAMs = 0, 0
	default:
		if !c.newest.IsZero() {
			p.LagMs = max(0, now.Sub(c.newest).Milliseconds())
		}
		if r := c.recordRate.value; r > 0 {
			p.ETAMs = int64(min(float64(p.End-next)/r*1000, math.MaxInt64/2))
		}
	}
	return p
}
