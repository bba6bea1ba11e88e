package mirror

import (
	"context"
	"slices"
	"time"
)

// carryHeld goes on with what limits have held up.
func (t *task) carryHeld(now time.Time) error {
	held := t.lane.held
	t.lane.held, t.lane.deep = nil, false
	for _, c := range held {
		c.p.way.held = 0
	}
	for i, c := range held {
		if err := t.carry(now, c); err != nil {
			for _, c := range held[i+1:] {
				t.lane.hold(c)
			}
			return err
		}
	}
	return nil
}

// hold has a fetch wait, behind others of its partition.
func (l *lane) hold(c *carrier) {
	l.held = append(l.held, c)
	c.p.way.held++
}

const (
	// answersWorth is how many answers make it worth a look whether the producer takes more.
	answersWorth = deepest / 2
	mostLook     = 50 * time.Millisecond
)

// rousable gives a context that ends when it is worth a look at what is held.
func (l *lane) rousable(ctx context.Context) (context.Context, context.CancelFunc) {
	if !l.deep {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	l.answers.Store(0)
	l.rouse.Store(&cancel)
	return ctx, func() {
		l.rouse.Store(nil)
		cancel()
	}
}

// within bounds a wait by that for answers.
func (l *lane) within(wait time.Duration) time.Duration {
	if l.deep {
		return min(wait, mostLook)
	}
	return wait
}

// answered counts a batch that was answered.
func (l *lane) answered() {
	if f := l.rouse.Load(); f != nil && l.answers.Add(1) >= answersWorth {
		(*f)()
	}
}

// drop gives up what is held of a partition, of all of them if it is nil.
func (l *lane) drop(p *partition) {
	l.held = slices.DeleteFunc(l.held, func(c *carrier) bool {
		gone := p == nil || c.p == p
		if gone {
			c.p.way.held--
			c.f.Hold.Release()
		}
		return gone
	})
}
