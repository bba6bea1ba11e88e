package mirror

import "log/slog"

// outlet is one of the topics to which offset syncs and pieces go, and how well that goes.
type outlet struct {
	topic string
	wait  int // ticks until it is tried again
	next  int // ticks of the next wait; 0 while all is well
	quiet int // ticks until a failure is told again
}

// Waits after failures, in ticks.
const (
	outletMost  = 30
	outletQuiet = 600
)

func (o *outlet) waits() bool { return o.wait > 0 }

func (o *outlet) tick() {
	o.wait, o.quiet = max(0, o.wait-1), max(0, o.quiet-1)
}

// answered takes the outcome of a record.
func (o *outlet) answered(log *slog.Logger, err error) {
	if err == nil {
		if o.next > 0 {
			log.Info("a topic of the mirror can be written again", "topic", o.topic)
			o.next, o.wait, o.quiet = 0, 0, 0
		}
		return
	}
	if o.wait > 0 {
		return // of those that were sent together one counts
	}
	o.next = min(max(1, 2*o.next), outletMost)
	o.wait = o.next
	if o.quiet == 0 {
		o.quiet = outletQuiet
		log.Error("a topic of the mirror can't be written; records are copied all the same, and positions of consumer groups are translated to earlier records meanwhile",
			"topic", o.topic, "error", err)
	}
}
