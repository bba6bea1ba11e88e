package offsetsync

import (
	"cmp"
	"maps"
	"slices"

	"github.com/connectd/connectd/connect"
)

// Clearing finds out which records of the topic of pieces are of no use any more. It is filled with all of them, in the order
// of the topic. The zero value is ready for use.
type Clearing struct {
	parts map[connect.TopicPartition]*extents
}

// extents is where the segments of a partition end.
type extents struct {
	ends      map[segmentID]int64
	lifetimes []int64 // in order of first appearance
	void      int     // so many of the oldest lifetimes are void
}

// Add adds a record; a Segment without runs takes one away.
func (c *Clearing) Add(s Segment) {
	tp := connect.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	e := c.parts[tp]
	if e == nil {
		e = &extents{ends: map[segmentID]int64{}}
		if c.parts == nil {
			c.parts = map[connect.TopicPartition]*extents{}
		}
		c.parts[tp] = e
	}
	id := segmentID{s.Lifetime, s.First}
	if len(s.Runs) == 0 {
		delete(e.ends, id)
		return
	}
	if !slices.Contains(e.lifetimes, s.Lifetime) {
		if s.Anew {
			e.void = len(e.lifetimes)
		}
		e.lifetimes = append(e.lifetimes, s.Lifetime)
	}
	e.ends[id] = s.End()
}

// Partitions lists the partitions of which there are segments.
func (c *Clearing) Partitions() []connect.TopicPartition {
	var tps []connect.TopicPartition
	for tp, e := range c.parts {
		if len(e.ends) > 0 {
			tps = append(tps, tp)
		}
	}
	return tps
}

// Useless gives the keys of records that may be removed: those that are void, and those that only tell of records before
// the first one that the source still has (starts; partitions that are not in it are left alone). The last segment before
// that stays, and what came after it, so that positions behind it are translated as before.
func (c *Clearing) Useless(starts map[connect.TopicPartition]int64) [][]byte {
	var keys [][]byte
	for tp, start := range starts {
		e := c.parts[tp]
		if e == nil {
			continue
		}
		age := make(map[int64]int, len(e.lifetimes))
		for i, l := range e.lifetimes {
			age[l] = i
		}
		last := e.last(start, age)
		for _, id := range slices.SortedFunc(maps.Keys(e.ends), compareIDs) {
			passed := e.ends[id] <= start && id != last && age[id.lifetime] <= age[last.lifetime]
			if passed || age[id.lifetime] < e.void {
				s := Segment{Topic: tp.Topic, Partition: tp.Partition, First: id.first, Lifetime: id.lifetime}
				keys = append(keys, s.key())
			}
		}
	}
	return keys
}

// last is the segment that ends last of those that end at or before start; of several the latest.
func (e *extents) last(start int64, age map[int64]int) segmentID {
	best, end := segmentID{lifetime: -1}, int64(-1)
	for id, to := range e.ends {
		if to > start || age[id.lifetime] < e.void {
			continue
		}
		if to > end || to == end && (age[id.lifetime] > age[best.lifetime] || id.lifetime == best.lifetime && id.first > best.first) {
			best, end = id, to
		}
	}
	return best
}

func compareIDs(a, b segmentID) int {
	return cmp.Or(cmp.Compare(a.lifetime, b.lifetime), cmp.Compare(a.first, b.first))
}
