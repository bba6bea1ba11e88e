package mirror

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect"
)

// mostPause is the longest time that a throttled task does not look up.
const mostPause = 500 * time.Millisecond

var _ connect.Reconfigurable = (*task)(nil)

// shareOf gives a task's part of the link: the partitions are dealt out evenly.
func shareOf(props map[string]string) float64 {
	n, err := strconv.Atoi(props[propTaskCount])
	if err != nil || n < 1 {
		// Not told: there are as many tasks as there may be. One that has several partitions proves it.
		if n, err = strconv.Atoi(props["tasks.max"]); err != nil || n < 1 {
			n = 1
		}
	}
	return 1 / float64(n)
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
}

// limit sets limits. The caller holds mu.
func (t *task) limit(now time.Time, l limits) {
	t.limits = l
	own, all := map[string]int32{}, map[string]int32{}
	for tp, p := range t.parts {
		own[tp.Topic]++
		all[tp.Topic] = p.of
	}
	t.slow.set(now, l, t.share, slices.Sorted(maps.Keys(own)), func(topic string) float64 {
		if n := all[topic]; n > 0 {
			return min(1, float64(own[topic])/float64(n))
		}
		return t.share
	})
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
		case t.parked[tp].waits():
		case w > 0:
			wait = min(wait, w)
			if !slowed && p.next >= 0 {
				pause = append(pause, tp)
				t.slowed[tp] = now
			}
		case slowed:
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
