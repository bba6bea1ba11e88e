package mirror

import (
	"context"
	"errors"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

const (
	// watchInterval is how often partitions are looked at that stand still.
	watchInterval = 30 * time.Second
	watchTimeout  = 5 * time.Second
)

// watch looks after partitions from which nothing came for a while, now and then. A topic that is made anew within moments
// can leave librdkafka waiting for a leader of the old one for ever: the partition would stand still without a word.
func (t *task) watch(ctx context.Context) error {
	if time.Since(t.watched) < watchInterval {
		return nil
	}
	t.watched = time.Now()
	t.looks++
	t.recount = t.limits.link >= 0
	if every := 1 + len(t.parts)/1000; t.looks%every == 0 {
		// The connector looks more often, unless it runs on a Java worker.
		if err := t.sameTopics(ctx, t.going()); err != nil && ctx.Err() == nil {
			if t.s.life.fail && t.life.Err() == nil && !connect.IsRetriable(err) {
				return err
			}
			t.log.Debug("the ids of topics can't be found out", "error", err)
		}
	}
	idle := map[connect.TopicPartition]int64{}
	for tp, p := range t.parts {
		if p.next >= 0 && p.next == p.seen && t.parked[tp] == nil && !t.proofs.has(tp) {
			if _, slowed := t.slowed[tp]; !slowed {
				idle[tp] = client.Latest
			}
		}
		p.seen = p.next
	}
	if len(idle) == 0 {
		return nil
	}
	ask, cancel := context.WithTimeout(ctx, watchTimeout)
	ends, err := t.reader.ListOffsets(ask, idle, false)
	cancel()
	if err != nil {
		t.log.Debug("the ends of partitions can't be found out", "error", err)
		return nil
	}
	stuck := false
	for tp, end := range ends {
		p := t.parts[tp]
		switch {
		case end < p.next:
			t.gone[tp] = errBeyond
		case end > p.next && p.reopened != p.next:
			// Once for each position: what lies there may be markers of transactions, which are no records.
			p.reopened = p.next
			stuck = true
			t.log.Info("nothing came from a partition whose end is further on; it is read with a new client", "topic", tp.Topic, "partition", tp.Partition, "position", p.next, "end", end)
		}
	}
	if !stuck {
		return nil
	}
	return t.reopen()
}

// going lists the partitions that do not wait.
func (t *task) going() []connect.TopicPartition {
	tps := make([]connect.TopicPartition, 0, len(t.parts))
	for tp := range t.parts {
		if t.parked[tp] == nil {
			tps = append(tps, tp)
		}
	}
	return tps
}

// reopen reads on with a new client.
func (t *task) reopen() error {
	old := t.reader
	if err := t.open(); err != nil {
		return err
	}
	if err := t.assign(t.reader); err != nil {
		return errors.Join(err, old.Close())
	}
	t.gauge.quota += old.Throttled()
	for tp, since := range t.slowed { // the new client has not paused them
		t.parts[tp].count.throttled += time.Since(since)
	}
	clear(t.slowed)
	return old.Close()
}
