package mirror

import (
	"maps"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

// checkpoints are the newest checkpoints of groups, by group and partition of the target.
type checkpoints map[string]map[connect.TopicPartition]offsetsync.Checkpoint

// put notes a checkpoint as the newest of its partition.
func (c checkpoints) put(cp offsetsync.Checkpoint) {
	of := c[cp.Group]
	if of == nil {
		of = map[connect.TopicPartition]offsetsync.Checkpoint{}
		c[cp.Group] = of
	}
	of[connect.TopicPartition{Topic: cp.Topic, Partition: cp.Partition}] = cp
}

func (c checkpoints) get(group string, tp connect.TopicPartition) (offsetsync.Checkpoint, bool) {
	cp, ok := c[group][tp]
	return cp, ok
}

// clone copies all that may change.
func (c checkpoints) clone() checkpoints {
	out := make(checkpoints, len(c))
	for group, of := range c {
		out[group] = maps.Clone(of)
	}
	return out
}

// news tells whether a checkpoint says something that the one before did not. As in Java a group never goes back on the
// target, unless it went back on the source; and unless it is known exactly that it belongs further back, as it does when the
// copy was made anew.
func (c checkpoints) news(cp offsetsync.Checkpoint, exact bool) bool {
	last, has := c.get(cp.Group, connect.TopicPartition{Topic: cp.Topic, Partition: cp.Partition})
	return !has || cp.Upstream < last.Upstream || cp.Downstream > last.Downstream || exact && cp.Downstream < last.Downstream
}

// due gives the positions that the target lacks for a group without members there. at is where it stands on the target, wrote
// what was committed for it before by this task.
//
// A position that lies further on the target stays: the group read there on its own. It is taken back only if it is
// exactly what was written here and the group has gone back on the source since.
func due(newest, wrote map[connect.TopicPartition]offsetsync.Checkpoint, at map[connect.TopicPartition]client.GroupOffset) map[connect.TopicPartition]client.GroupOffset {
	out := map[connect.TopicPartition]client.GroupOffset{}
	for tp, cp := range newest {
		is, has := at[tp]
		w, ours := wrote[tp]
		wentBack := ours && is.At == w.Downstream && cp.Upstream < w.Upstream
		if !has || is.At < cp.Downstream || is.At > cp.Downstream && wentBack {
			out[tp] = client.GroupOffset{At: cp.Downstream, Metadata: cp.Metadata}
		}
	}
	return out
}

// position is where a group stands in a partition of the source, and where it would go on in its counterpart.
type position struct {
	group    string
	from, to connect.TopicPartition
	at       client.GroupOffset
	// down is the translated position, -1 for unknown; exact says that it can't be better.
	down  int64
	exact bool
}

// better improves a position by where both partitions begin and end. The target must have been asked first: what it held then
// are copies of records before the source's end. So a group that has read the source to its end goes on at the target's end,
// unless others write there too, as they may when the topic keeps its name. Where nothing is known the target's first
// record is the only one before which nothing can have been missed.
func (p position) better(source, target map[connect.TopicPartition]client.Bounds) position {
	s, sOK := source[p.from]
	t, tOK := target[p.to]
	switch {
	case p.exact || !tOK:
	case sOK && s.End == p.at.At && p.from.Topic != p.to.Topic:
		p.down = max(p.down, t.End)
	case p.down < 0:
		p.down = t.Start
	}
	return p
}

func (p position) checkpoint() offsetsync.Checkpoint {
	return offsetsync.Checkpoint{
		Group: p.group, Topic: p.to.Topic, Partition: p.to.Partition, Upstream: p.at.At, Downstream: p.down, Metadata: p.at.Metadata,
	}
}
