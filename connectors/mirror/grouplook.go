package mirror

import (
	"context"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

// look asks where the groups stand on the source, translates that, and notes what is new. It tells whether positions could be
// translated. t.mu is held.
func (t *checkpointTask) look(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, t.s.adminTimeout)
	defer cancel()
	t.present = nil
	// In this order: what was copied before a position was read is known then, so that it translates as well as it can.
	at, failed := t.source.Offsets(ctx, t.groups)
	if err := t.failures(ctx, failed); err != nil {
		return false, err
	}
	if ready, err := t.where.ready(ctx); !ready || err != nil {
		return false, err
	}
	found, err := t.translated(ctx, at)
	if err != nil {
		return false, err
	}
	t.present = map[string]map[connect.TopicPartition]bool{}
	for g := range at {
		t.present[g] = map[connect.TopicPartition]bool{}
	}
	for _, p := range found {
		t.present[p.group][p.to] = true
		if p.down < 0 {
			continue
		}
		if cp := p.checkpoint(); t.newest.news(cp, p.exact) {
			t.newest.put(cp)
			t.pending.put(cp)
		}
	}
	return true, nil
}

// failures tells of groups whose positions could not be read. It is an error if that are all of them.
func (t *checkpointTask) failures(ctx context.Context, failed map[string]error) error {
	for g, err := range failed {
		if len(failed) == len(t.groups) {
			return fmt.Errorf("source cluster %s: reading the positions of %d consumer groups, %s among them: %w", t.s.source, len(failed), g, err)
		}
		if ctx.Err() == nil {
			t.log.Warn("the positions of a consumer group can't be read", "group", g, "groups", len(failed), "error", err)
		}
		return nil
	}
	return nil
}

// translated finds out where groups go on.
func (t *checkpointTask) translated(ctx context.Context, groups map[string]map[connect.TopicPartition]client.GroupOffset) ([]position, error) {
	var found []position
	ends := map[connect.TopicPartition]connect.TopicPartition{} // partitions to ask for, and their counterparts
	for g, offsets := range groups {
		for tp, at := range offsets {
			if wanted, err := t.s.wantsTopic(tp.Topic); err != nil {
				return nil, err
			} else if !wanted {
				continue
			}
			p := position{group: g, from: tp, to: connect.TopicPartition{Topic: t.s.downstream(tp.Topic), Partition: tp.Partition}, at: at}
			down, quality := t.where.translate(tp, at.At)
			p.down, p.exact = down, quality == offsetsync.Exact
			if !p.exact {
				ends[p.from] = p.to
			}
			found = append(found, p)
		}
	}
	if len(ends) == 0 {
		return found, nil
	}
	var from, to []connect.TopicPartition
	for f, t := range ends {
		from, to = append(from, f), append(to, t)
	}
	target, err := t.target.Bounds(ctx, to) // first: see position.better
	if err != nil {
		return nil, fmt.Errorf("target cluster %s: %w", t.s.target, err)
	}
	source, err := t.source.Bounds(ctx, from)
	if err != nil {
		return nil, fmt.Errorf("source cluster %s: %w", t.s.source, err)
	}
	for i := range found {
		found[i] = found[i].better(source, target)
	}
	return found, nil
}
