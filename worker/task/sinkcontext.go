package task

import (
	"log/slog"
	"maps"
	"time"

	"github.com/connectd/connectd/connect"
)

// sinkContext is what the task may ask; it belongs to the task's own goroutine, which is the runner's.
type sinkContext struct {
	s               *Sink
	rewinds         map[connect.TopicPartition]int64
	paused          map[connect.TopicPartition]bool
	retryTimeout    time.Duration
	commitRequested bool
}

func (c *sinkContext) Rewind(offsets map[connect.TopicPartition]int64) {
	if c.rewinds == nil {
		c.rewinds = make(map[connect.TopicPartition]int64, len(offsets))
	}
	maps.Copy(c.rewinds, offsets)
}

func (c *sinkContext) SetRetryTimeout(d time.Duration) { c.retryTimeout = d }

func (c *sinkContext) Assignment() []connect.TopicPartition {
	tps := make([]connect.TopicPartition, 0, len(c.s.owned))
	for tp := range c.s.owned {
		tps = append(tps, tp)
	}
	return tps
}

func (c *sinkContext) Pause(tps ...connect.TopicPartition) {
	owned := c.owned("pause", tps)
	for _, tp := range owned {
		c.paused[tp] = true
	}
	if !c.s.pausing && !c.s.redelivering && len(owned) > 0 {
		c.log("pause", c.s.consume(func(k Consumer) error { return k.Pause(owned) }))
	}
}

func (c *sinkContext) Resume(tps ...connect.TopicPartition) {
	owned := c.owned("resume", tps)
	for _, tp := range owned {
		delete(c.paused, tp)
	}
	if !c.s.pausing && !c.s.redelivering && len(owned) > 0 {
		c.log("resume", c.s.consume(func(k Consumer) error { return k.Resume(owned) }))
	}
}

// owned leaves the partitions that are assigned.
func (c *sinkContext) owned(what string, tps []connect.TopicPartition) []connect.TopicPartition {
	owned := make([]connect.TopicPartition, 0, len(tps))
	for _, tp := range tps {
		if c.s.owned[tp] {
			owned = append(owned, tp)
			continue
		}
		c.s.log.Warn("The task asked for a partition that is not assigned", "request", what,
			"topic", tp.Topic, "partition", tp.Partition)
	}
	return owned
}

func (c *sinkContext) log(what string, err error) {
	if err != nil && !c.s.killed() {
		c.s.log.Warn("A request of the task failed", "request", what, "error", err)
	}
}

func (c *sinkContext) RequestCommit()       { c.commitRequested = true }
func (c *sinkContext) Logger() *slog.Logger { return Slog(c.s.log) }
