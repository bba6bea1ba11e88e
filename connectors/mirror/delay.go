package mirror

import (
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/metrics/measure"
)

// delay is how long after their timestamps the records of a partition were read, and written to the target.
type delay struct {
	age, latency measure.Window
}

// written takes in that the records up to one with this timestamp came to lie in the target.
func (d *delay) written(now, timestamp time.Time) { addDelay(&d.latency, now, timestamp) }

func addDelay(w *measure.Window, now, timestamp time.Time) {
	w.AddMs(now, max(0, now.Sub(timestamp))) // clocks differ
}

// spreads gives what Progress tells.
func (d *delay) spreads(now time.Time) (age, latency *connect.Spread) {
	return spreadOf(&d.age, now), spreadOf(&d.latency, now)
}

func spreadOf(w *measure.Window, now time.Time) *connect.Spread {
	s, any := w.Spread(now)
	if !any {
		return nil
	}
	return &connect.Spread{Last: s.Last, Min: s.Min, Max: s.Max, Avg: s.Avg}
}

// aged takes in the age of the newest record that was read, if there is another than before.
func (p *partition) aged(now time.Time) {
	if c := &p.count; !c.newest.IsZero() && !c.newest.Equal(c.told) {
		c.told = c.newest
		addDelay(&p.delay.age, now, c.newest)
	}
}

// age takes in the ages of batches that the worker is about to get.
func (t *task) age(now time.Time) {
	for i := range t.lane.out {
		b := &t.lane.out[i]
		tp, _, _ := placeOf(&connect.SourceRecord{SourcePartition: b.SourcePartition, SourceOffset: b.SourceOffset})
		if p := t.parts[tp]; p != nil {
			p.aged(now)
		}
	}
}

// delays finds the partition of single records that were written, cheaply: most follow one of the same partition, and many have the
// same millisecond, of which one is enough. It belongs to the goroutine in which the producer tells of deliveries.
type delays struct {
	of   *connect.Entry // the source partition of the last record
	p    *partition
	last time.Time
}

func (d *delays) written(parts map[connect.TopicPartition]*partition, rec *connect.SourceRecord) {
	if len(rec.SourcePartition) == 0 || rec.Timestamp.IsZero() {
		return
	}
	if of := &rec.SourcePartition[0]; of != d.of {
		tp, _, _ := placeOf(rec)
		d.of, d.p, d.last = of, parts[tp], time.Time{}
	}
	if d.p != nil && !rec.Timestamp.Equal(d.last) {
		d.last = rec.Timestamp
		d.p.delay.written(time.Now(), rec.Timestamp)
	}
}
