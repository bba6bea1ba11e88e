package offsetsync

import "github.com/connectd/connectd/connect"

// Quality says how good a translation is. Whatever it is, no record is skipped.
type Quality int

// The qualities.
const (
	// Unknown: nothing is known that allows a translation.
	Unknown Quality = iota
	// Early: reading on there delivers every record from the position on, and perhaps some before it again.
	Early
	// Exact: reading on there delivers every record from the position on and none before it, but for those that the target
	// itself holds twice.
	Exact
)

func (q Quality) String() string {
	switch q {
	case Early:
		return "early"
	case Exact:
		return "exact"
	}
	return "unknown"
}

// Translator translates positions of consumers from the source of a link to its target. It is filled with all records of
// the offset-syncs topic and of the topic of pieces, each in the order of its topic. The zero value is ready for use.
type Translator struct {
	parts map[connect.TopicPartition]*known
}

type known struct {
	syncs  []Sync // in order of Upstream
	pieces Pieces
}

func (t *Translator) part(topic string, partition int32) *known {
	tp := connect.TopicPartition{Topic: topic, Partition: partition}
	k := t.parts[tp]
	if k == nil {
		if t.parts == nil {
			t.parts = map[connect.TopicPartition]*known{}
		}
		k = &known{}
		t.parts[tp] = k
	}
	return k
}

// mostSyncs is how many syncs of a partition are kept: the newest, and ever fewer of the older ones. Where the whole range of
// offsets is filled, thin leaves some 350.
const mostSyncs = 512

// Apply adds a record of the offset-syncs topic. As in Java, one that goes back makes those at and behind it void.
func (t *Translator) Apply(s Sync) {
	if s.Upstream < 0 || s.Downstream < 0 {
		return
	}
	k := t.part(s.Topic, s.Partition)
	n := len(k.syncs)
	for n > 0 && k.syncs[n-1].Upstream >= s.Upstream {
		n--
	}
	k.syncs = append(k.syncs[:n], s)
	if len(k.syncs) > mostSyncs {
		k.thin()
	}
}

// thin leaves syncs out whose neighbours are close, compared to how far back they are.
func (k *known) thin() {
	const part = 8
	newest := k.syncs[len(k.syncs)-1].Upstream
	kept := k.syncs[:1]
	for i := 1; i < len(k.syncs); i++ {
		s := k.syncs[i]
		if i+1 < len(k.syncs) {
			if next := k.syncs[i+1].Upstream; next-kept[len(kept)-1].Upstream <= (newest-next)/part {
				continue
			}
		}
		kept = append(kept, s)
	}
	k.syncs = kept
}

// ApplyPieces adds a record of the topic of pieces; a Segment without runs (a tombstone) takes one away.
func (t *Translator) ApplyPieces(s Segment) {
	tp := connect.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	if len(s.Runs) == 0 && t.parts[tp] == nil {
		return
	}
	t.part(s.Topic, s.Partition).pieces.Apply(s)
}

// Knows tells whether anything is known of a partition of the source.
func (t *Translator) Knows(tp connect.TopicPartition) bool {
	k := t.parts[tp]
	return k != nil && (len(k.syncs) > 0 || !k.pieces.Empty())
}

// Translate finds the position in the target from which a consumer must read that would read on at upstream in the source:
// the latest one that skips nothing. It is -1 when that is Unknown: nothing is known of the partition, or the position lies
// further back than what is known.
func (t *Translator) Translate(tp connect.TopicPartition, upstream int64) (int64, Quality) {
	k := t.parts[tp]
	if k == nil || upstream < 0 {
		return -1, Unknown
	}
	at := k.pieces.locate(upstream)
	best, least := k.sync(upstream)
	switch {
	case at.known && !at.early && at.at <= least:
		return at.at, Exact
	case at.known:
		return min(at.at, least), Early
	}
	// No segment tells of the position: another worker copied there, the last second before a crash was lost, or it lies
	// behind everything that is known.
	switch {
	case best != nil && best.Upstream >= at.upEnd:
		down := best.Downstream
		if best.Upstream != upstream {
			down++ // as in Java: how much was copied behind it is not known
		}
		return min(down, least, at.right), Early
	case at.upEnd == upstream && at.downEnd <= min(least, at.right):
		return at.downEnd, Exact
	case at.upEnd >= 0:
		return min(at.downEnd, least, at.right), Early
	}
	return -1, Unknown
}

// sync finds the last sync at or before a position, and the lowest downstream offset of those behind it.
func (k *known) sync(upstream int64) (best *Sync, least int64) {
	least = nothing
	for i := len(k.syncs) - 1; i >= 0; i-- {
		if k.syncs[i].Upstream <= upstream {
			return &k.syncs[i], least
		}
		least = min(least, k.syncs[i].Downstream)
	}
	return nil, least
}
