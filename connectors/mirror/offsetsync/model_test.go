package offsetsync

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/connect"
)

// world is a partition at the source, its copy, and the topics that tell of it, as they come to be over the lives of several
// tasks of this project's and of Java's.
type world struct {
	t   *rapid.T
	ids int64

	age    int    // times that the source's topic was made anew
	first  int64  // of the source; what lies before it was deleted
	source []bool // by offset: whether there is a record
	target []copied

	next      int64 // where the present life reads on
	copied    int64 // behind the last record that was copied
	committed int64 // where the next life begins; -1 for nowhere yet
	progress  *Progress
	java      bool
	javaSync  Progress

	pieces []Record
	syncs  []Sync
	live   Translator // has read everything as it came

	// What was ever done, which decides how much may be asked of the translation.
	foreign   bool // Java copied
	lostState bool // a life ended before it had told of everything, or something was not told
	truncated bool
	ended     bool // some life ended before copying on from exactly there
}

// copied is what lies at an offset of the target: a record of the source, or -1 for what is no record of it.
type copied struct {
	up  int64
	age int
}

var tp = connect.TopicPartition{Topic: "t", Partition: 3}

func (w *world) draw(name string, from, to int) int { return rapid.IntRange(from, to).Draw(w.t, name) }

// produce adds records and gaps to the source.
func (w *world) produce() {
	for range w.draw("records", 1, 12) {
		w.source = append(w.source, true)
	}
	for range w.draw("markers", 0, 2) {
		w.source = append(w.source, false)
	}
}

// compact takes records away from the source.
func (w *world) compact() {
	if len(w.source) > 0 {
		at := w.draw("compacted from", 0, len(w.source)-1)
		for i := range w.draw("compacted", 1, 5) {
			if at+i < len(w.source) {
				w.source[at+i] = false
			}
		}
	}
}

// start begins a life.
func (w *world) start() {
	w.java = w.draw("kind of task", 0, 3) == 0
	w.next = max(w.committed, 0)
	w.ids++
	if w.java {
		w.foreign = true
		w.javaSync = Progress{lagMax: 7, prevUp: -1, prevDown: -1, synced: -1}
		return
	}
	next := w.committed
	if next < 0 && w.draw("start known", 0, 1) == 0 {
		next = -1
	}
	w.progress = NewProgress(tp.Topic, tp.Partition, next, int64(w.draw("offset.lag.max", 0, 9)), w.ids, w.committed < 0 && !w.foreign)
}

func (w *world) running() bool { return w.java || w.progress != nil }

// copy copies some records.
func (w *world) copy() {
	if !w.running() {
		w.start()
	}
	for range w.draw("copies", 1, 15) {
		for w.next < int64(len(w.source)) && !w.source[w.next] {
			w.next++
		}
		if w.next == int64(len(w.source)) {
			return
		}
		up, down := w.next, int64(len(w.target))
		w.target = append(w.target, copied{up, w.age})
		w.next++
		w.copied = w.next
		switch {
		case w.java:
			if w.javaSync.due(up, down) {
				w.sync(up, down)
			}
		case w.draw("no offset", 0, 40) == 0:
			w.ids++
			w.progress.Lost(up, w.ids)
			w.lostState = true
		default:
			w.ids++
			if w.progress.Delivered(up, down, w.ids) {
				w.sync(up, down)
			}
		}
		if w.draw("target marker", 0, 9) == 0 {
			w.target = append(w.target, copied{up: -1})
		}
	}
}

func (w *world) sync(up, down int64) {
	s := Sync{tp.Topic, tp.Partition, up, down}
	w.syncs = append(w.syncs, s)
	w.live.Apply(s)
}

// flush writes what is noted of pieces; sometimes the topic refuses it.
func (w *world) flush() {
	if w.progress == nil {
		return
	}
	recs := w.progress.Take()
	written := recs
	if w.draw("refused", 0, 5) == 0 {
		written = recs[:w.draw("written", 0, len(recs))]
	}
	for _, r := range written {
		w.pieces = append(w.pieces, r)
		s, err := DecodeSegment(r.Key, r.Value)
		if err != nil {
			w.t.Fatal(err)
		}
		w.live.ApplyPieces(s)
	}
	w.progress.Failed(recs[len(written):]...)
}

// flushAll writes all that is noted.
func (w *world) flushAll() {
	for w.progress != nil && (w.progress.changed || len(w.progress.full) > 0) {
		w.flush()
	}
}

// commit stores where the next life begins.
func (w *world) commit() {
	if w.running() && w.copied > 0 {
		w.committed = max(w.committed, w.copied-int64(w.draw("not yet committed", 0, 9)), 1)
	}
}

// end ends a life, in order or not.
func (w *world) end() {
	if !w.running() {
		return
	}
	if w.draw("crash", 0, 1) == 0 {
		w.flushAll()
		if w.copied > 0 {
			w.committed = w.copied
		}
	} else if w.progress != nil && (w.progress.changed || len(w.progress.full) > 0) {
		w.lostState = true
	}
	w.progress, w.java, w.ended = nil, false, true
}

// back has the task read again what it has read before, as it does for a record that could not be delivered.
func (w *world) back() {
	if w.progress != nil && w.next > 0 {
		w.next = int64(w.draw("back to", int(max(0, w.committed)), int(w.next)))
		w.copied = min(w.copied, w.next)
		w.ended = true
	}
}

// recreate makes the source's topic anew while a task of ours copies it.
func (w *world) recreate() {
	if w.progress == nil || len(w.source) == 0 || w.progress.open.N == 0 {
		return
	}
	w.age++
	w.source, w.first, w.next, w.copied, w.committed = nil, 0, 0, 0, -1
	w.progress.Anew()
	w.source = append(w.source, true) // what makes the task go back
	w.lostState = w.lostState || w.foreign
	w.copy()
}

// truncate makes the target's topic anew.
func (w *world) truncate() {
	if len(w.target) > 0 {
		w.target = nil
		w.truncated = true
	}
}

// retain has the source delete its oldest records, and clears pieces away.
func (w *world) retain() {
	w.first += int64(w.draw("retained from", 0, len(w.source)-int(w.first)))
	for i := range w.first {
		w.source[i] = false
	}
	var c Clearing
	for _, r := range w.pieces {
		s, _ := DecodeSegment(r.Key, r.Value)
		c.Add(s)
	}
	w.read()
	before := w.positions()
	for _, key := range c.Useless(map[connect.TopicPartition]int64{tp: w.first}) {
		w.pieces = append(w.pieces, Record{Key: key})
	}
	w.read()
	for i, after := range w.positions() {
		if after != before[i] && !w.truncated {
			w.t.Fatalf("position %d: %d before it was cleared, %d after", w.first+int64(i), before[i], after)
		}
	}
}

// positions are the translations of what the source still has.
func (w *world) positions() (all []int64) {
	for up := w.first; up < int64(len(w.source))+3; up++ {
		down, _ := w.live.Translate(tp, up)
		all = append(all, down)
	}
	return all
}

// compactTopics leaves the newest record of each key, and reads all again.
func (w *world) compactTopics() {
	newest := map[string]int{}
	for i, r := range w.pieces {
		newest[string(r.Key)] = i
	}
	w.pieces = slices.Collect(func(yield func(Record) bool) {
		for i, r := range w.pieces {
			if newest[string(r.Key)] == i && !yield(r) {
				return
			}
		}
	})
	w.syncs = w.syncs[max(0, len(w.syncs)-1):]
	w.read()
}

// read reads the topics from their beginning.
func (w *world) read() {
	w.live = Translator{}
	for _, r := range w.pieces {
		s, _ := DecodeSegment(r.Key, r.Value)
		w.live.ApplyPieces(s)
	}
	for _, s := range w.syncs {
		w.live.Apply(s)
	}
}

// check translates every position.
func (w *world) check() {
	told := w.progress == nil || !w.progress.changed && len(w.progress.full) == 0
	lastCopy := map[int64]int64{}
	end := int64(0)
	for d, c := range w.target {
		if c.up >= 0 && c.age == w.age {
			lastCopy[c.up] = int64(d)
			end = max(end, c.up+1)
		}
	}
	for up := w.first; up < int64(len(w.source))+3; up++ {
		down, q := w.live.Translate(tp, up)
		if q == Unknown {
			if down != -1 {
				w.t.Fatalf("position %d: unknown, but %d", up, down)
			}
			if w.age == 0 && !w.foreign && !w.lostState && told && !w.truncated && len(w.pieces) > 0 {
				w.t.Fatalf("position %d is unknown", up)
			}
			continue
		}
		best := int64(len(w.target)) // the latest position that skips nothing
		for later := up; later < end; later++ {
			last, has := lastCopy[later]
			if !has || later >= int64(len(w.source)) || !w.source[later] {
				continue
			}
			best = min(best, last)
			if last < down && w.mustKeep(later, told) {
				w.t.Fatalf("position %d -> %d (%v): record %d lies at %d", up, down, q, later, last)
			}
		}
		certain := told && !w.lostState && !w.foreign && !w.truncated
		if q == Exact && certain && (best < int64(len(w.target)) || !w.ended) {
			for d := down; d < best; d++ {
				if c := w.target[d]; c.up >= 0 && c.up < up && c.age == w.age {
					w.t.Fatalf("position %d -> %d (%v): record %d is read again at %d", up, down, q, c.up, d)
				}
			}
		}
		if certain && !w.ended && w.age == 0 && q != Exact && up <= end {
			w.t.Fatalf("position %d -> %d (%v)", up, down, q)
		}
	}
}

// mustKeep tells whether a translation to behind a record that is in the target would be an error.
func (w *world) mustKeep(up int64, told bool) bool {
	guess := w.foreign || w.lostState
	switch {
	case (w.truncated || w.age > 0) && (guess || !told):
		return false // nobody has told yet that a topic is another
	case w.running() && up >= w.next, !w.running() && up >= w.committed:
		// It will be copied again. Only where pieces told of all copies its old copy is found until then.
		return !guess && told && w.age == 0
	}
	return true
}

func TestTranslation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, committed: -1}
		w.produce()
		actions := []func(){w.produce, w.copy, w.copy, w.copy, w.flush, w.flush, w.commit, w.end, w.compact, w.back, w.recreate, w.truncate, w.compactTopics, w.retain}
		for range rapid.IntRange(1, 40).Draw(t, "actions") {
			actions[rapid.IntRange(0, len(actions)-1).Draw(t, "action")]()
			w.check()
		}
		w.flushAll()
		w.check()
	})
}
