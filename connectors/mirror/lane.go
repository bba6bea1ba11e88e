package mirror

import (
	"context"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

// lane is what a task knows of how its records travel.
type lane struct {
	whole bool   // whole batches are copied
	why   string // why not
	ctx   client.BatchContext
	rules rules
	out   []client.SourceBatch
	held  []*carrier // what limits, or a producer that is busy, have held up, in order
	deep  bool       // something is held because the producer has enough of it: worth a look when some of that is answered

	// rouse ends the wait for what fetches bring, as there is room for what is held; called beside Poll.
	rouse atomic.Pointer[context.CancelFunc]

	encoder rawbatch.Encoder
}

// way is how the records of one partition travel.
type way struct {
	batches, decoded int64 // copied as they are, and decoded
	reason           string
	merging          merging
	// most is how many bytes a batch may have, records how many records, after a larger one was refused; 0 for no such limit. They
	// hold up to the offset until, the end of that one.
	most, records int
	until         int64
	doubted       int64 // base offset of a batch that was read again to be sure of it
	held          int   // fetches that are held
	// answers counts batches that were answered since a fetch was last held, worth is how many of them make room that is worth a look.
	// They are read beside Poll.
	answers, worth atomic.Int32
}

// doubts tells whether a batch that lies further on than expected is to be read again: its base offset differs from the expected
// one in a single bit, and no checksum covers it. What comes twice is true.
func (w *way) doubts(b *rawbatch.Batch, expected int64) bool {
	if bits.OnesCount64(uint64(b.BaseOffset^expected)) != 1 || w.doubted == b.BaseOffset {
		return false
	}
	w.doubted = b.BaseOffset
	return true
}

// forget drops the limits that a partition has got over.
func (w *way) forget(next int64) {
	if next >= w.until {
		w.most, w.records = 0, 0
	}
}

// choose asks the worker which way records go.
func (l *lane) choose(tc connect.SourceTaskContext) {
	if b, can := tc.(client.BatchContext); can {
		l.ctx = b
		l.whole, l.why = b.WholeBatches()
	}
}

// throttled is how long brokers of the target have held requests back.
func (l *lane) throttled() time.Duration {
	if l.ctx == nil {
		return 0
	}
	return l.ctx.Throttled()
}

// tellWay adds the way to what a partition tells.
func (t *task) tellWay(pp *connect.PartitionProgress, p *partition) {
	if !t.lane.whole {
		pp.Lane, pp.LaneReason = connect.LaneRecord, t.lane.why
		return
	}
	w := &p.way
	pp.Lane, pp.Batches, pp.Decoded = connect.LaneBatch, w.batches, w.decoded
	if w.decoded > 0 {
		pp.LaneReason = w.reason
	}
}

// Merging puts small batches of a partition together, which takes decoding them.
const (
	// fastEnough is a rate in bytes per second that small batches may have for all that they wait for answers.
	fastEnough = 16 << 20
	// largeEnough is a batch that gains nothing from others.
	largeEnough = 512 << 10
	// gain is how much more must come through for it, or it is not worth its while.
	gain = 1.5

	mergeMeasure = 2 * time.Second  // how long it is looked how much comes through
	mergeSettle  = time.Second      // what was under way before is written meanwhile
	mergeFor     = 10 * time.Minute // how long to go on with what has proved
	mergeRest    = 5 * time.Minute  // how long to leave what has not
)

// merging decides whether a partition's batches are merged. A broker takes one batch of a partition with a request, and a producer
// has a few requests of a partition under way: over a long way small batches crawl, whatever else there is to send. Whether they
// crawl for that, or because somebody is busy, shows when it is tried: what comes through is measured before and after. Time is handed in.
type merging struct {
	state  mergeState
	since  time.Time
	bytes  int64   // that had come through then
	before float64 // bytes per second without it
	rest   time.Time
}

type mergeState uint8

const (
	asTheyAre mergeState = iota
	measured             // as they are, while it is measured how they go
	tried
	proved
)

// decide looks at the way of the batches that wait to be written, and at how many bytes have come through so far. It tells
// whether those that come now are to be merged.
func (m *merging) decide(now time.Time, b client.Backlog, bytes int64) bool {
	lasted := now.Sub(m.since)
	switch {
	case m.state == asTheyAre && crawls(b) && !now.Before(m.rest):
		m.enter(measured, now, bytes)
	case m.state == measured && lasted >= mergeMeasure:
		m.before = float64(bytes-m.bytes) / lasted.Seconds()
		m.enter(tried, now.Add(mergeSettle), -1)
	case m.state == tried && m.bytes < 0:
		if lasted >= 0 {
			m.enter(tried, now, bytes)
		}
	case m.state == tried && lasted >= mergeMeasure:
		if float64(bytes-m.bytes)/lasted.Seconds() >= gain*m.before {
			m.enter(proved, now, bytes)
		} else {
			m.enter(asTheyAre, now, bytes)
			m.rest = now.Add(mergeRest)
		}
	case m.state == proved && lasted >= mergeFor:
		m.enter(asTheyAre, now, bytes)
	}
	return m.state == tried || m.state == proved
}

func (m *merging) enter(s mergeState, now time.Time, bytes int64) {
	m.state, m.since, m.bytes = s, now, bytes
}

const (
	// deepest is how many batches of a partition wait for the producer at most; merged ones are larger. What is behind them is held, so that
	// no partition fills the producer's memory, and what is held may yet be merged.
	deepest       = 16
	deepestMerged = 4
)

func depth(merge bool) int {
	if merge {
		return deepestMerged
	}
	return deepest
}

// room tells how many more batches of a partition may be sent now.
func room(b client.Backlog, merge bool) int { return depth(merge) - b.Batches }

// crawls tells whether batches wait for nothing but answers, and are too small for how long those take.
func crawls(b client.Backlog) bool {
	if b.Most <= 0 || b.InFlight < b.Most || b.Batches < b.Most || b.RoundTrip <= 0 {
		return false
	}
	each := float64(b.Bytes) / float64(b.Batches)
	return each < largeEnough && float64(b.Most)*each/b.RoundTrip.Seconds() < fastEnough
}
