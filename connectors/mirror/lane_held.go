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
	w := &c.p.way
	if w.held++; w.held == 1 {
		w.worth.Store(int32(max(1, (depth(c.merge)-max(c.room, 0))/2)))
		w.answers.Store(0)
	}
}

// mostLook is how long what is held waits for answers at most.
const mostLook = 50 * time.Millisecond

// rousable gives a context that ends when it is worth a look at what is held.
func (l *lane) rousable(ctx context.Context) (context.Context, context.CancelFunc) {
	if !l.deep {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	l.rouse.Store(&cancel)
	for _, c := range l.held {
		if c.p.way.roomy() { // since it was held
			cancel()
		}
	}
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

// answered counts a batch that was answered. A partition whose batches were answered by half makes it worth a look: then most others have room
// too, and none has run dry.
func (l *lane) answered(w *way) {
	w.answers.Add(1)
	if f := l.rouse.Load(); f != nil && w.roomy() {
		(*f)()
	}
}

func (w *way) roomy() bool { return w.answers.Load() >= w.worth.Load() }

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
