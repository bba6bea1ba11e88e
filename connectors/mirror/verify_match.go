package mirror

import "math"

// Kinds of difference between a partition and its copy.
const (
	diffMissing = "missing" // a record of the source is not on the target
	diffExtra   = "extra"   // a record of the target is not on the source
	diffChanged = "changed" // a record differs from its copy
)

// digest is what is kept of a record to compare it: checksums of its parts, equal in this process for equal bytes.
type digest struct {
	offset                         int64
	after                          int64 // the last source offset that had matched when this was passed over
	key, value, headers, timestamp uint64
	all                            uint64
	tombstone                      bool
}

// Difference is one record that is not the same on both sides. An offset is -1 where there is none.
type Difference struct {
	Kind         string `json:"kind"`
	SourceOffset int64  `json:"source_offset"`
	TargetOffset int64  `json:"target_offset"`
	// What names the parts of a changed record that differ: key, value, headers, timestamp.
	What []string `json:"what,omitempty"`
}

// Counts are the outcome of comparing one partition, or several, in records.
type Counts struct {
	Source int64 `json:"source"` // read
	Target int64 `json:"target"`
	// Matched records are on both sides and equal.
	Matched int64 `json:"matched"`
	Missing int64 `json:"missing"`
	Changed int64 `json:"changed"`
	Extra   int64 `json:"extra"`
	// Duplicates are copies of what the target had already, as at-least-once delivery allows.
	Duplicates int64 `json:"duplicates"`
	// Reordered records are equal, but come later on the target than records that were behind them.
	Reordered int64 `json:"reordered"`
	// Pending records lie behind the last one that was copied.
	Pending int64 `json:"pending"`
	// ExpiredTarget and ExpiredSource are gone on one side, by retention.
	ExpiredTarget int64 `json:"expired_on_target"`
	ExpiredSource int64 `json:"expired_on_source"`
	// Compacted records have been superseded by a later record of their key.
	Compacted int64 `json:"compacted"`
}

// stream is one side: next gives a record, false at the end. The digest is the callee's until the next call.
type stream interface{ next() (*digest, bool) }

// matchOptions say what is no difference.
type matchOptions struct {
	// lookAhead bounds what is kept in memory of each side, in records.
	lookAhead int
	// compacted topics lack records whose key has a later one.
	compacted bool
	// sourceCut and targetCut tell that the range does not begin with the first record ever of its side, so that what the other
	// side has before the first match is no difference.
	sourceCut, targetCut bool
	// end is the end of the range (exclusive), 0 for none. Records of the source behind it only show what belongs to them.
	end int64
	// targetOpen tells that the target may hold records behind the range.
	targetOpen bool
	// copied is up to where (exclusive) the source is known to have been copied, -1 for not known: then what lies behind
	// the last match is pending.
	copied int64
	// most is how many differences are told one by one.
	most int
}

// matcher joins two streams of records that are mostly the same, in one pass and bounded memory.
type matcher struct {
	o        matchOptions
	src, dst stream
	c        Counts
	diffs    []Difference

	ahead          queue // records of the source that are to be matched next
	srcEnd, dstEnd bool
	seen           hashes // of what was matched lately
	skipped        bag    // records of the source that were passed over
	extras         bag    // records of the target that nothing matched yet
	lastHit        int64  // offset of the last source record that matched, -1 for none
	finished       bool
	tail           []digest // passed over behind the last match: pending, unless another match follows
	tailN          int64

	srcKeys, dstKeys openKeys // of compacted topics: records that a later one of their key explains
}

// match compares two streams.
func match(src, dst stream, o matchOptions) (Counts, []Difference) {
	if o.lookAhead <= 0 {
		o.lookAhead = defaultLookAhead
	}
	if o.end <= 0 {
		o.end = math.MaxInt64
	}
	m := &matcher{o: o, src: src, dst: dst, lastHit: -1}
	m.srcKeys.gone, m.dstKeys.gone = &m.c.Compacted, &m.c.Compacted
	for !m.finished {
		m.step()
	}
	m.settle()
	return m.c, m.diffs
}

// step takes one record from one of the sides.
func (m *matcher) step() {
	m.fill()
	head, more := m.ahead.first()
	if more {
		if _, waits := m.extras.take(head.all); waits { // the target had it before its turn
			m.ahead.pop()
			m.hit(head)
			return
		}
	}
	if m.done(head, more) {
		m.finished = true
		return
	}
	if !m.dstEnd && (m.extras.len() < m.o.lookAhead || !more || m.older()) {
		t, ok := m.dst.next()
		if !ok {
			m.dstEnd = true
			return
		}
		m.c.Target++
		m.target(*t)
		return
	}
	if !more {
		m.finished = true
		return
	}
	if m.dstEnd && m.extras.len() == 0 {
		m.rest()
		return
	}
	m.ahead.pop()
	m.skip(head)
}

// done tells that what comes is behind the range, and nothing waits for it.
func (m *matcher) done(head digest, more bool) bool {
	if !m.o.targetOpen {
		return false
	}
	if !more {
		return m.skipped.len() == 0 || m.extras.len() >= m.o.lookAhead
	}
	return head.offset >= m.o.end && m.skipped.len() == 0 && m.extras.len() == 0
}

// older tells whether the target is still where the source does not reach back to.
func (m *matcher) older() bool { return m.lastHit < 0 && m.o.sourceCut && !m.o.targetCut }

// fill reads the source ahead.
func (m *matcher) fill() {
	for !m.srcEnd && m.ahead.len() < m.o.lookAhead {
		p, ok := m.src.next()
		if !ok {
			m.srcEnd = true
			return
		}
		if p.offset < m.o.end {
			m.c.Source++
		}
		m.ahead.push(*p)
	}
}

// target finds out what a record of the target is.
func (m *matcher) target(t digest) {
	m.dstKeys.later(t)
	if head, more := m.ahead.first(); more && head.all == t.all {
		m.ahead.pop()
		m.hit(head)
		return
	}
	if m.seen.has(t.all) {
		if m.behind() {
			m.c.Target--
		} else {
			m.c.Duplicates++
		}
		return
	}
	for m.ahead.has(t.all) {
		head, _ := m.ahead.first()
		m.ahead.pop()
		if head.all == t.all {
			m.hit(head)
			return
		}
		m.skip(head)
	}
	if s, late := m.skipped.take(t.all); late {
		m.c.Reordered++
		m.srcKeys.forget(s)
		m.hit(s)
		return
	}
	if m.behind() {
		m.c.Target--
		return
	}
	t.after = m.lastHit
	if m.o.compacted {
		m.dstKeys.open(t)
	}
	m.extras.push(t)
	if m.extras.len() > m.o.lookAhead {
		m.extra(m.extras.pop())
	}
}

// behind tells that the target is behind the range already.
func (m *matcher) behind() bool { return m.lastHit >= m.o.end }

// hit notes a record that both sides have.
func (m *matcher) hit(s digest) {
	if m.lastHit < 0 {
		m.begin()
	}
	if s.offset < m.o.end {
		m.c.Matched++
	} else {
		m.c.Target--
	}
	if m.tailN > 0 && s.offset > m.lastHit { // what is behind them has been copied
		m.c.Missing += m.tailN
		for _, p := range m.tail {
			m.tell(Difference{Kind: diffMissing, SourceOffset: p.offset, TargetOffset: -1})
		}
		m.tail, m.tailN = nil, 0
	}
	m.lastHit = max(m.lastHit, s.offset)
	m.srcKeys.later(s)
	m.seen.push(s.all, 4*m.o.lookAhead)
}

// begin settles what lies before the first match.
func (m *matcher) begin() {
	for m.o.sourceCut && m.extras.len() > 0 {
		m.dstKeys.forget(m.extras.pop())
		m.c.ExpiredSource++
	}
	for m.o.targetCut && m.skipped.len() > 0 {
		m.srcKeys.forget(m.skipped.pop())
		m.c.ExpiredTarget++
	}
}

// skip passes over a record of the source. It may still come.
func (m *matcher) skip(s digest) {
	m.srcKeys.later(s)
	if s.offset >= m.o.end {
		return
	}
	s.after = m.lastHit
	if m.o.compacted {
		m.srcKeys.open(s)
	}
	m.skipped.push(s)
	if m.skipped.len() > 2*m.o.lookAhead {
		m.missing(m.skipped.pop())
	}
}

// rest takes the source's tail, to which the target has not come.
func (m *matcher) rest() {
	for {
		m.fill()
		s, more := m.ahead.first()
		if !more {
			m.finished = true
			return
		}
		m.ahead.pop()
		switch {
		case s.offset < min(m.o.copied, m.o.end):
			m.skip(s)
			continue
		case s.offset < m.o.end:
			m.c.Pending++
		}
		m.srcKeys.later(s)
		m.dstKeys.superseded(s.key)
	}
}

// settle judges what is left.
func (m *matcher) settle() {
	if m.lastHit < 0 {
		m.begin()
	}
	m.pair()
	for m.skipped.len() > 0 {
		m.missing(m.skipped.pop())
	}
	for m.extras.len() > 0 {
		m.extra(m.extras.pop())
	}
	m.c.Pending += m.tailN
	m.srcKeys.end(m.tellMissing)
	m.dstKeys.end(m.tellExtra)
}

// pair finds records that were passed over at the same place on both sides and have something in common: one became the
// other.
func (m *matcher) pair() {
	places := map[int64][]*digest{}
	m.extras.each(func(t *digest) { places[t.after] = append(places[t.after], t) })
	m.skipped.each(func(s *digest) {
		here := places[s.after]
		for i, t := range here {
			if t == nil || !s.resembles(t) {
				continue
			}
			here[i] = nil
			m.c.Changed++
			m.tell(Difference{Kind: diffChanged, SourceOffset: s.offset, TargetOffset: t.offset, What: s.differs(t)})
			m.srcKeys.forget(*s)
			m.dstKeys.forget(*t)
			m.skipped.remove(s)
			m.extras.remove(t)
			return
		}
	})
}

// resembles tells whether one may be the other, changed.
func (p *digest) resembles(q *digest) bool {
	const null = 0
	return p.value == q.value && p.value != null || p.key == q.key && (p.key != null || p.timestamp == q.timestamp)
}

// differs names the parts in which records differ.
func (p *digest) differs(q *digest) (what []string) {
	for _, part := range []struct {
		name string
		same bool
	}{{"key", p.key == q.key}, {"value", p.value == q.value}, {"headers", p.headers == q.headers}, {"timestamp", p.timestamp == q.timestamp}} {
		if !part.same {
			what = append(what, part.name)
		}
	}
	return what
}

func (m *matcher) missing(s digest) {
	switch {
	case m.lastHit < 0 && m.o.targetCut:
		m.srcKeys.forget(s)
		m.c.ExpiredTarget++
	case m.tailing(s):
		m.srcKeys.forget(s)
		if m.tailN++; len(m.tail) < m.o.most {
			m.tail = append(m.tail, s)
		}
	case m.o.compacted:
		m.srcKeys.judge(s)
	default:
		m.tellMissing(s)
	}
}

// tailing tells that a record may still come to the target: nothing behind it has.
func (m *matcher) tailing(s digest) bool {
	ended := m.dstEnd || !m.o.compacted // of a compacted topic, a later record may explain it
	return s.offset > m.lastHit && s.offset >= m.o.copied && ended
}

func (m *matcher) extra(t digest) {
	switch {
	case m.o.targetOpen && t.after == m.lastHit: // behind the range
		m.dstKeys.forget(t)
	case m.lastHit < 0 && m.o.sourceCut:
		m.dstKeys.forget(t)
		m.c.ExpiredSource++
	case m.o.compacted:
		m.dstKeys.judge(t)
	default:
		m.tellExtra(t)
	}
}

func (m *matcher) tellMissing(s digest) {
	m.c.Missing++
	m.tell(Difference{Kind: diffMissing, SourceOffset: s.offset, TargetOffset: -1})
}

func (m *matcher) tellExtra(t digest) {
	m.c.Extra++
	m.tell(Difference{Kind: diffExtra, SourceOffset: -1, TargetOffset: t.offset})
}

func (m *matcher) tell(d Difference) {
	if len(m.diffs) < m.o.most {
		m.diffs = append(m.diffs, d)
	}
}
