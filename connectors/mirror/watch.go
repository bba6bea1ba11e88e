package mirror

import (
	"context"
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
	idle := map[connect.TopicPartition]int64{}
	for tp, p := range t.parts {
		if p.next >= 0 && p.next == p.seen {
			idle[tp] = client.Latest
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

// reopen reads on with a new client.
func (t *task) reopen() error {
	offsets := make(map[connect.TopicPartition]int64, len(t.parts))
	for tp, p := range t.parts {
		offsets[tp] = p.next
	}
	old := t.reader
	if err := t.open(offsets); err != nil {
		return err
	}
	return old.Close()
}
