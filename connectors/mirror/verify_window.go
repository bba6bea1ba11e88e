package mirror

// defaultLookAhead is how many records of each side are kept in memory for each partition under way.
const defaultLookAhead = 10_000

// queue is first in, first out, and knows which checksums are in it.
type queue struct {
	items []digest
	start int
	count map[uint64]int
}

func (q *queue) len() int { return len(q.items) - q.start }

func (q *queue) push(p digest) {
	if q.count == nil {
		q.count = map[uint64]int{}
	}
	q.items = append(q.items, p)
	q.count[p.all]++
}

func (q *queue) first() (digest, bool) {
	if q.len() == 0 {
		return digest{}, false
	}
	return q.items[q.start], true
}

func (q *queue) pop() {
	all := q.items[q.start].all
	if q.count[all]--; q.count[all] == 0 {
		delete(q.count, all)
	}
	q.start++
	if q.start > 1024 && 2*q.start > len(q.items) {
		q.items = append(q.items[:0], q.items[q.start:]...)
		q.start = 0
	}
}

func (q *queue) has(all uint64) bool { return q.count[all] > 0 }

// hashes are the last checksums of many.
type hashes struct {
	items []uint64
	next  int
	count map[uint64]int
}

// push takes one in, and forgets the oldest when there are more than most.
func (h *hashes) push(all uint64, most int) {
	if h.count == nil {
		h.count = map[uint64]int{}
	}
	h.count[all]++
	if len(h.items) < most {
		h.items = append(h.items, all)
		return
	}
	old := h.items[h.next]
	if h.count[old]--; h.count[old] == 0 {
		delete(h.count, old)
	}
	h.items[h.next] = all
	h.next = (h.next + 1) % len(h.items)
}

func (h *hashes) has(all uint64) bool { return h.count[all] > 0 }

// bag is first in, first out, and gives out of its order what has a checksum.
type bag struct {
	items []*digest // nil for what was taken
	start int
	n     int
	by    map[uint64][]*digest // oldest first
	at    map[*digest]int      // place in items, counted from the first ever
	gone  int                  // items cut off at the front
}

func (b *bag) len() int { return b.n }

func (b *bag) push(p digest) {
	if b.by == nil {
		b.by, b.at = map[uint64][]*digest{}, map[*digest]int{}
	}
	q := &p
	b.at[q] = b.gone + len(b.items)
	b.items = append(b.items, q)
	b.by[p.all] = append(b.by[p.all], q)
	b.n++
}

// pop gives the oldest; the bag must not be empty.
func (b *bag) pop() digest {
	for b.items[b.start] == nil {
		b.start++
	}
	q := b.items[b.start]
	b.remove(q)
	return *q
}

// take gives the oldest with this checksum.
func (b *bag) take(all uint64) (digest, bool) {
	if len(b.by[all]) == 0 {
		return digest{}, false
	}
	q := b.by[all][0]
	b.remove(q)
	return *q, true
}

// remove takes out what each gave.
func (b *bag) remove(q *digest) {
	b.items[b.at[q]-b.gone] = nil
	delete(b.at, q)
	same := b.by[q.all]
	for i := range same {
		if same[i] == q {
			same = append(same[:i:i], same[i+1:]...)
			break
		}
	}
	if b.by[q.all] = same; len(same) == 0 {
		delete(b.by, q.all)
	}
	b.n--
	for b.start < len(b.items) && b.items[b.start] == nil {
		b.start++
	}
	if b.start > 1024 && 2*b.start > len(b.items) {
		b.items = append(b.items[:0], b.items[b.start:]...)
		b.gone += b.start
		b.start = 0
	}
}

// each goes over what is in the bag, oldest first; f may remove what it is given.
func (b *bag) each(f func(*digest)) {
	for _, q := range append([]*digest(nil), b.items[b.start:]...) {
		if q != nil {
			f(q)
		}
	}
}

// mostOpenKeys bounds what is kept of a compacted partition.
const mostOpenKeys = 500_000

// openKeys are the records of one side of a compacted topic that the other side lacks, until a later record of their key shows
// that they were compacted away.
type openKeys struct {
	m    map[uint64]openRecord // by key
	gone *int64                // counts what was explained
}

type openRecord struct {
	digest
	judged bool // nothing else explains it
}

// open takes a record in. One of its key before it is explained.
func (k *openKeys) open(p digest) {
	if k.m == nil {
		k.m = map[uint64]openRecord{}
	}
	k.superseded(p.key)
	if !p.tombstone && len(k.m) < mostOpenKeys { // tombstones go after a while
		k.m[p.key] = openRecord{digest: p}
	}
}

// later explains what a record of the same side supersedes.
func (k *openKeys) later(p digest) {
	if o, has := k.m[p.key]; has && o.offset < p.offset {
		k.superseded(p.key)
	}
}

// superseded explains the record of a key, whatever comes later.
func (k *openKeys) superseded(key uint64) {
	if k.m[key].judged {
		*k.gone++
	}
	delete(k.m, key)
}

// forget takes a record back that was found after all.
func (k *openKeys) forget(p digest) {
	if o, has := k.m[p.key]; has && o.offset == p.offset {
		delete(k.m, p.key)
	}
}

// judge says that nothing but compaction can explain the record.
func (k *openKeys) judge(p digest) {
	if o, has := k.m[p.key]; has && o.offset == p.offset {
		o.judged = true
		k.m[p.key] = o
		return
	}
	*k.gone++
}

// end gives what nothing explained.
func (k *openKeys) end(tell func(digest)) {
	for _, o := range k.m {
		if o.judged {
			tell(o.digest)
		}
	}
	k.m = nil
}
