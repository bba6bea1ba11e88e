package mirror

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
)

// mostPause is the longest time that a throttled task does not look up.
const mostPause = 500 * time.Millisecond

var _ connect.Reconfigurable = (*task)(nil)

// mostTasks is how many tasks the connector may have.
func mostTasks(props map[string]string) int {
	n, err := strconv.Atoi(strings.TrimSpace(props["tasks.max"]))
	if err != nil {
		return 1
	}
	return max(1, n)
}

// countTasks finds out the task's share of the link. Partitions are dealt out evenly, so that a task with several proves that
// there are as many tasks as there may be; one with a single partition may be one of fewer, and counts what there is to copy.
func (t *task) countTasks(ctx context.Context) {
	t.recount = false
	most := mostTasks(t.s.props)
	t.share = 1 / float64(most)
	if most > 1 && len(t.parts) == 1 && t.limits.link >= 0 {
		n, err := t.countPartitions(ctx)
		if err != nil {
			t.log.Debug("it can't be found out how many tasks the connector has; the limit is taken for all that it may have", "error", err)
		} else {
			t.share = 1 / float64(min(max(n, 1), most))
		}
	}
	t.limit(time.Now(), t.limits)
}

// countPartitions counts what the link copies.
func (t *task) countPartitions(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	a, err := t.clients.Admin(t.s.clientProps(sourceSide, "admin", "replication-source-admin"))
	if err != nil {
		return 0, err
	}
	defer a.Close()
	topics, err := a.Shapes(ctx)
	if err != nil {
		return 0, err
	}
	for name, shape := range topics {
		copied, err := t.s.filter.copies(name)
		if err != nil {
			return 0, err
		}
		if copied {
			n += int(shape.Partitions)
		}
	}
	return n, nil
}

// Reconfigure implements connect.Reconfigurable: it takes new limits over.
func (t *task) Reconfigure(props map[string]string) {
	l, err := parseLimits(props)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.log.Error("new limits are not taken", "error", err)
		return
	}
	t.limit(time.Now(), l)
	t.recount = true
}

// limit sets limits. The caller holds mu.
func (t *task) limit(now time.Time, l limits) {
	t.limits = l
	own, all := map[string]int32{}, map[string]int32{}
	for tp, p := range t.parts {
		own[tp.Topic]++
		all[tp.Topic] = p.of
	}
	err := t.slow.set(now, l, t.share, slices.Sorted(maps.Keys(own)), func(topic string) float64 {
		if n := all[topic]; n > 0 {
			return min(1, float64(own[topic])/float64(n))
		}
		return t.share
	})
	if err != nil {
		t.log.Warn("it can't be found out whether topics have limits of their own; they are limited as if they had", "error", err)
	}
}

// pace pauses partitions of topics that have had their share, and lets them go on later. It gives the time until then.
func (t *task) pace(now time.Time) time.Duration {
	if len(t.slow.topics) == 0 && len(t.slowed) == 0 {
		return longestWait
	}
	wait := longestWait
	var pause []connect.TopicPartition
	for tp, p := range t.parts {
		w := t.slow.topicWait(now, tp.Topic)
		since, slowed := t.slowed[tp]
		switch {
		case t.parked[tp].waits() || t.proofs.has(tp):
		case w > 0:
			wait = min(wait, w)
			if !slowed && p.next >= 0 {
				pause = append(pause, tp)
				t.slowed[tp] = now
			}
		case slowed && p.way.held == 0: // what is held of it comes first
			p.count.throttled += now.Sub(since)
			delete(t.slowed, tp)
			if err := t.reread(tp); err != nil {
				t.log.Warn("a partition can't be read on", "topic", tp.Topic, "partition", tp.Partition, "error", err)
			}
		}
	}
	if len(pause) > 0 {
		if err := t.reader.Pause(pause); err != nil {
			t.log.Warn("partitions can't be paused", "error", err)
		}
	}
	return wait
}
