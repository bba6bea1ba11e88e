package raw

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// EpochEnds asks the leaders of partitions, once, where a leader epoch ends in their logs (OffsetForLeaderEpoch, KIP-320): where the first
// greater epoch begins, or the log ends. One request goes to each broker. It is -1 where the leader can't tell, or knows no such request. Partitions
// that nobody answered for are left out; the error is why: *client.PartitionErrors, and what is about a broker as a whole, joined.
func (r *Reader) EpochEnds(ctx context.Context, epochs map[connect.TopicPartition]int32) (map[connect.TopicPartition]int64, error) {
	out := make(map[connect.TopicPartition]int64, len(epochs))
	if len(epochs) == 0 {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var names []string
	asked := make(map[connect.TopicPartition]int64, len(epochs))
	for tp := range epochs {
		names = append(names, tp.Topic)
		asked[tp] = 0
	}
	defer r.unwant(asked)
	slices.Sort(names)
	if err := r.cl.Refresh(ctx, slices.Compact(names)...); err != nil {
		return out, r.cl.unreachable("asking for the ends of leader epochs", err)
	}
	var errs []error
	fail := func(tp connect.TopicPartition, err error) {
		errs = append(errs, &client.PartitionError{TopicPartition: tp, Err: telling(err)})
	}
	groups := map[int32][]wanted{}
	for tp, epoch := range epochs {
		leader, leaderEpoch, err := r.cl.leaderOf(tp)
		if err != nil {
			fail(tp, err)
			continue
		}
		groups[leader] = append(groups[leader], wanted{tp: tp, leaderEpoch: leaderEpoch, epoch: epoch})
	}
	for _, g := range r.cl.askAll(ctx, groups, r.cl.epochs) {
		if g.err != nil {
			errs = append(errs, fmt.Errorf("broker %d: %w", g.broker, g.err))
			continue
		}
		for _, w := range g.parts {
			switch a := g.answers[w.tp]; { // which names all that were asked about
			case a.err != nil:
				fail(w.tp, a.err)
			default:
				out[w.tp] = a.offset
			}
		}
	}
	return out, errors.Join(errs...)
}
