package mirror

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMarks(t *testing.T) {
	m := noMark
	for i, c := range []struct {
		epoch int32
		to    int64
		want  mark
	}{
		{-1, 5, noMark}, // of an old format
		{3, 10, mark{3, 10}},
		{3, 20, mark{3, 20}},
		{3, 15, mark{3, 20}}, // read again
		{-1, 30, mark{3, 20}},
		{4, 40, mark{4, 40}},
		{3, 20, mark{4, 40}}, // read again
		{3, 50, noMark},      // epochs only grow along a log
		{6, 45, mark{6, 45}},
	} {
		if m.read(c.epoch, c.to); m != c.want {
			t.Fatalf("step %d: %+v, want %+v", i, m, c.want)
		}
	}
}

func TestProve(t *testing.T) {
	for name, c := range map[string]struct {
		m         mark
		next, end int64
		truncated bool
		left      mark
	}{
		"nothing known":                           {noMark, 10, 5, false, noMark},
		"the leader can't tell":                   {mark{3, 10}, 10, -1, false, mark{3, 10}},
		"still the latest epoch":                  {mark{3, 10}, 10, 15, false, mark{3, 10}},
		"ends where it was read":                  {mark{3, 10}, 10, 10, false, mark{3, 10}},
		"truncated":                               {mark{3, 10}, 10, 9, true, noMark},
		"truncated altogether":                    {mark{3, 10}, 10, 0, true, noMark},
		"position of a later epoch, mark is old":  {mark{3, 10}, 99, 10, false, mark{3, 10}},
		"truncated, and the position lies far on": {mark{3, 10}, 99, 9, true, noMark},
		"truncated behind the position":           {mark{3, 10}, 5, 7, false, mark{3, 7}},
		"truncated at the position":               {mark{3, 10}, 7, 7, false, mark{3, 7}},
		"set back, and truncated before that":     {mark{3, 10}, 5, 4, true, noMark},
	} {
		if truncated, left := c.m.prove(c.next, c.end); truncated != c.truncated || left != c.left {
			t.Errorf("%s: %v, %+v", name, truncated, left)
		}
	}
}

// TestLineageOfOlderVersions has what is kept stay readable both ways.
func TestLineageOfOlderVersions(t *testing.T) {
	for text, want := range map[string]mark{
		`{"topic_id":"x"}`: noMark,
		`{"topic_id":"x","leader_epoch":0,"read_to":7}`: {0, 7},
	} {
		var l lineage
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.mark() != want {
			t.Errorf("%s: %+v %v", text, l.mark(), err)
		}
		if b, err := json.Marshal(l); err != nil || string(b) != text {
			t.Errorf("%s became %s", text, b)
		}
	}
}

func TestMarksThatAreDue(t *testing.T) {
	plain := lineage{ID: "x"}
	gone := int64(4)
	for name, c := range map[string]struct {
		id    string
		kept  lineage
		read  mark
		fresh bool // due at once
		moved bool // due when marks are renewed
	}{
		"first epoch":         {"x", plain, mark{0, 5}, true, true},
		"same":                {"x", plain.with(mark{2, 5}), mark{2, 5}, false, false},
		"went on":             {"x", plain.with(mark{2, 5}), mark{2, 9}, false, true},
		"read again":          {"x", plain.with(mark{2, 9}), mark{2, 5}, false, false},
		"new epoch":           {"x", plain.with(mark{2, 9}), mark{3, 12}, true, true},
		"nothing read":        {"x", plain, noMark, false, false},
		"no id":               {"", lineage{}, mark{2, 9}, false, false},
		"id not kept yet":     {"x", lineage{ID: "o"}, mark{2, 9}, false, false},
		"position is no good": {"x", lineage{ID: "x", Gone: &gone, Why: wasTruncated}, mark{2, 9}, false, false},
	} {
		p := &partition{id: c.id, kept: c.kept, mark: c.read}
		for moved, want := range map[bool]bool{false: c.fresh, true: c.moved} {
			if l, due := p.toKeep(moved); due != want || due && (l.mark() != c.read || l.ID != c.id) {
				t.Errorf("%s (%v): %v %+v", name, moved, due, l)
			}
		}
	}
}

// modelLog is a partition as its leader has it, with the leader's epochs as Kafka keeps them.
type modelLog struct {
	recs   []modelRecord
	start  int64
	epoch  int32
	starts []modelEpoch // in order
	ids    int
	vague  int64 // up to here records were compacted away, so that a replica that is filled anew may not know of their epochs
}

type modelRecord struct {
	id    int // differs from all others that ever were
	epoch int32
	gone  bool // compacted away
}

type modelEpoch struct {
	epoch int32
	start int64
}

func (l *modelLog) end() int64 { return int64(len(l.recs)) }

func (l *modelLog) begins(e modelEpoch) {
	if n := len(l.starts); n > 0 && l.starts[n-1].epoch == e.epoch {
		return
	}
	l.starts = append(slices.DeleteFunc(l.starts, func(o modelEpoch) bool { return o.start >= e.start }), e)
}

func (l *modelLog) add(n int) {
	for range n {
		l.begins(modelEpoch{l.epoch, l.end()})
		l.ids++
		l.recs = append(l.recs, modelRecord{id: l.ids, epoch: l.epoch})
	}
}

// lead has another replica lead that has the log up to an offset.
func (l *modelLog) lead(to int64) {
	l.recs = l.recs[:to]
	l.starts = slices.DeleteFunc(l.starts, func(o modelEpoch) bool { return o.start >= to })
	l.start, l.vague = min(l.start, to), min(l.vague, to)
	l.epoch++
	l.begins(modelEpoch{l.epoch, to})
}

// refill has a replica lead that was filled anew by fetching: it knows the epochs of the batches that were left.
func (l *modelLog) refill() {
	l.starts = nil
	for o := l.start; o < l.end(); o++ {
		if r := l.recs[o]; !r.gone {
			l.begins(modelEpoch{r.epoch, o})
		}
	}
	l.epoch++
	l.begins(modelEpoch{l.epoch, l.end()})
}

// expire is retention.
func (l *modelLog) expire(to int64) {
	if to <= l.start {
		return
	}
	l.start = to
	n := 0
	for n < len(l.starts) && l.starts[n].start <= to {
		n++
	}
	if n > 0 {
		l.starts = l.starts[n-1:]
		l.starts[0].start = to
	}
}

// endOf is what OffsetForLeaderEpoch answers.
func (l *modelLog) endOf(epoch int32) int64 {
	for i, e := range l.starts {
		if e.epoch > epoch {
			return l.starts[i].start
		}
	}
	if n := len(l.starts); n > 0 && l.starts[n-1].epoch == epoch {
		return l.end()
	}
	return -1
}

// known is a mark, and which records there were when it was read.
type known struct {
	mark
	ids []int
}

func (l *modelLog) known(m mark) known {
	k := known{mark: m}
	for _, r := range l.recs[:max(m.to, 0)] {
		k.ids = append(k.ids, r.id)
	}
	return k
}

// common is how far the log is still what it was.
func (l *modelLog) common(k known) int64 {
	n := 0
	for n < len(k.ids) && n < len(l.recs) && l.recs[n].id == k.ids[n] {
		n++
	}
	return int64(n)
}

// TestMarksAreSound copies a log that lives as Kafka's do: what a task knows is kept late or not at all, positions are stored late,
// moved by operators, and go on in tasks that know of no marks. A mark never cries wolf, and tells of every truncation before the
// position that it can know of.
func TestMarksAreSound(t *testing.T) {
	for range 20 { // a run is short, and the rarer mistakes take a thousand
		rapid.Check(t, soundMarks)
	}
}

func soundMarks(t *rapid.T) {
	l := &modelLog{}
	l.begins(modelEpoch{0, 0})
	upTo := func(n int64, what string) int64 { return rapid.Int64Range(0, max(n, 0)).Draw(t, what) }
	kept, read := known{mark: noMark}, known{mark: noMark}
	next := int64(0)
	t.Repeat(map[string]func(*rapid.T){
		"append":         func(*rapid.T) { l.add(int(upTo(6, "records"))) },
		"leader changes": func(*rapid.T) { l.lead(l.end()) },
		"is filled anew": func(*rapid.T) { l.refill() },
		"expire":         func(*rapid.T) { l.expire(upTo(l.end(), "start")) },
		"compact": func(*rapid.T) {
			for o := range l.end() - 1 {
				if rapid.Bool().Draw(t, "gone") {
					l.recs[o].gone = true
					l.vague = o + 1
				}
			}
		},
		"read": func(*rapid.T) {
			next = max(next, l.start)
			for n := upTo(l.end()-next, "records"); n > 0; n-- {
				if r := l.recs[next]; !r.gone {
					before := read.mark
					if read.read(r.epoch, next+1); read.mark != before {
						read = l.known(read.mark)
					}
				}
				next++
			}
		},
		"keep": func(*rapid.T) { kept = read },
		"another task truncates and goes on": func(*rapid.T) { // such as a Java worker's: it tells nobody
			next = upTo(l.end(), "position")
			read = known{mark: noMark}
		},
		"start again": func(*rapid.T) {
			if rapid.Bool().Draw(t, "meanwhile") {
				l.lead(upTo(l.end(), "truncated to"))
				l.add(int(upTo(12, "records")))
			}
			// The newest positions were not stored, or somebody has moved it.
			next = upTo(l.end()+3, "position")
			common, end := l.common(kept), l.endOf(kept.epoch)
			truncated, left := kept.prove(next, end)
			lost := kept.epoch >= 0 && common < min(kept.to, next)
			if truncated && !lost {
				t.Fatalf("a false alarm: mark %+v, position %d, epoch ends at %d: %+v", kept.mark, next, end, l)
			}
			if lost && !truncated && l.start <= common && l.vague <= common {
				t.Fatalf("a truncation to %d is not noticed: mark %+v, position %d, epoch ends at %d: %+v", common, kept.mark, next, end, l)
			}
			kept = l.known(left) // what was truncated so far is settled, and must not be told of later
			read, next = kept, min(next, l.end())
		},
	})
}
