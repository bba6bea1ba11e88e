package mirror

import (
	"math/bits"
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
	held  []*carrier // what limits have held up, in order

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
	// mergeLinger is how long batches are merged after it was last seen that they must be.
	mergeLinger = 30 * time.Second
	// fastEnough is a rate in bytes per second that small batches may have for all that they wait for answers.
	fastEnough = 8 << 20
	// largeEnough is a batch that gains nothing from others.
	largeEnough = 512 << 10
)

// merging decides whether a partition's batches are merged. A broker takes one batch of a partition with a request, and a producer
// has a few requests of a partition under way: over a long way small batches crawl, whatever else there is to send.
type merging struct {
	until time.Time // zero for not merging
}

// decide looks at the way of the batches that wait to be written. It tells whether those that come now are to be merged.
func (m *merging) decide(now time.Time, b client.Backlog) bool {
	if crawls(b) {
		m.until = now.Add(mergeLinger)
	}
	if !now.Before(m.until) {
		m.until = time.Time{}
	}
	return !m.until.IsZero()
}

// crawls tells whether batches wait for nothing but answers, and are too small for how long those take.
func crawls(b client.Backlog) bool {
	if b.Most <= 0 || b.InFlight < b.Most || b.Batches < b.Most || b.RoundTrip <= 0 {
		return false
	}
	each := float64(b.Bytes) / float64(b.Batches)
	return each < largeEnough && float64(b.Most)*each/b.RoundTrip.Seconds() < fastEnough
}
