package mirror

import (
	"time"

	"github.com/connectd/connectd/connect"
)

// What a task logs of single partitions. When a cluster is away all partitions wait, and each attempt concerns them all again:
// the first few are told one by one, the others as a number, at intervals that grow while it goes on.
const (
	tellEach  = 10
	tellFirst = 10 * time.Second
	tellMost  = 5 * time.Minute
	// tellQuiet is without anything of the kind before single partitions are told again: longer than the pause between attempts.
	tellQuiet = 2 * parkMost
)

// tally holds down the lines of one kind. Time is handed in; the zero value is ready.
type tally struct {
	told   int // one by one since it was last quiet
	others map[connect.TopicPartition]struct{}
	last   time.Time
	span   time.Duration // of the present interval, 0 for none
	end    time.Time
}

// alone tells whether what happened to a partition is to be logged by itself; otherwise it counts.
func (c *tally) alone(tp connect.TopicPartition, now time.Time) bool {
	if c.span == 0 {
		c.span, c.end = tellFirst, now.Add(tellFirst)
	}
	c.last = now
	if c.told < tellEach {
		c.told++
		return true
	}
	if c.others == nil {
		c.others = map[connect.TopicPartition]struct{}{}
	}
	c.others[tp] = struct{}{}
	return false
}

// over ends the interval when its time has come, and gives how many partitions were not told one by one, and one of them.
func (c *tally) over(now time.Time) (n int, one connect.TopicPartition) {
	if c.span == 0 || now.Before(c.end) {
		return 0, one
	}
	n = len(c.others)
	for one = range c.others {
		break
	}
	switch {
	case n > 0:
		c.span = min(2*c.span, tellMost)
		c.others = nil
	case now.Sub(c.last) >= tellQuiet:
		*c = tally{}
		return 0, one
	}
	c.end = now.Add(c.span)
	return n, one
}

// parkLog is what of a task's partitions is logged with restraint.
type parkLog struct {
	waits, strands, goesOn tally
}

// sumUp logs what was not logged one by one.
func (t *task) sumUp(now time.Time) {
	such := func(one connect.TopicPartition) []any {
		args := []any{"waiting", len(t.parked), "topic", one.Topic, "partition", one.Partition}
		if k := t.parked[one]; k != nil {
			args = append(args, "reason", k.reason)
		}
		return args
	}
	if n, one := t.logged.waits.over(now); n > 0 {
		t.log.Warn("more partitions can't go on; the others do", append([]any{"partitions", n}, such(one)...)...)
	}
	if n, one := t.logged.strands.over(now); n > 0 {
		t.log.Error("more partitions wait until somebody decides how they go on; the others go on", append([]any{"partitions", n}, such(one)...)...)
	}
	if n, _ := t.logged.goesOn.over(now); n > 0 {
		t.log.Info("more partitions that waited go on", "partitions", n, "waiting", len(t.parked))
	}
}
