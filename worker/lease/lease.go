// Package lease holds how long a worker may take itself for a member of its group without hearing from the coordinator.
//
// A worker that was frozen (SIGSTOP, a paused container, a machine without CPU) or cut off for longer than the session
// timeout is a zombie when it goes on: its work runs elsewhere by then, and what it still meant to write is old. It notices
// by its own monotonic clock, before any answer of the coordinator's: the group's membership extends the lease with each
// heartbeat that is answered, and whoever writes asks the lease first.
//
// It is a floor package: values and a lock, no clock (time is handed in), no goroutine, no I/O. It must not know who
// extends the lease or who asks.
package lease

import (
	"sync"
	"time"
)

// Term is one membership from its begin to its loss. A term that is over never comes back: work that began in it stays
// fenced, even when the worker has joined anew. 0 is no term.
type Term uint64

// Lease is one worker's. Its methods may be called from any goroutine; now must come from the monotonic clock, as
// time.Now's does, so that a wall clock that jumps decides nothing. The zero value is not held.
type Lease struct {
	mu    sync.Mutex
	last  Term
	held  bool
	until time.Time
}

// Begin starts a new term that ends at until unless it is extended. The one before it is over.
func (l *Lease) Begin(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.held, l.until = true, until
}

// Extend moves the end of the present term. It is false when there is none, or when now is past its end: whoever asked in
// between may have been told so, hence the term is over for good and the membership must be given up.
func (l *Lease) Extend(now, until time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.check(now) {
		return false
	}
	l.until = until
	return true
}

// End ends the present term, if there is one.
func (l *Lease) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
}

// Current is the term at now, 0 for none.
func (l *Lease) Current(now time.Time) Term {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.check(now) {
		return 0
	}
	return l.last
}

// Holds tells whether t is still the present term.
func (l *Lease) Holds(t Term, now time.Time) bool {
	return t != 0 && l.Current(now) == t
}

// check ends a term whose time is over.
func (l *Lease) check(now time.Time) bool {
	l.held = l.held && now.Before(l.until)
	return l.held
}
