package task

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A task of a worker that lost its membership sends nothing more, stores nothing, gives up what is in flight and has not
// failed: it waits for its stop.
func TestFencedSourceSendsAndStoresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		var member atomic.Bool
		member.Store(true)
		r.cfg.Member = member.Load
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")))
		synctest.Wait()
		r.prod.mu.Lock()
		r.prod.hold = true
		r.prod.mu.Unlock()
		r.task.give(rec(0, 2, []byte("b")))
		synctest.Wait()
		member.Store(false)
		r.task.give(rec(0, 3, []byte("c")))
		time.Sleep(time.Minute) // several flush intervals
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.all(), "start", "state RUNNING", "send t a", "send t b", "close producer", "stop", "state UNASSIGNED")
	})
}

// A fence that comes while a commit waits to be tried again lets it be.
func TestFencedSourceForgetsWhatCouldNotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		var member atomic.Bool
		member.Store(true)
		r.cfg.Member = member.Load
		r.offs.set(errNoQuorum{}, false)
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		member.Store(false)
		r.offs.set(nil, false)
		time.Sleep(time.Minute)
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("store", "flush"), "store fails")
	})
}

type errNoQuorum struct{}

func (errNoQuorum) Error() string { return "no quorum" }
