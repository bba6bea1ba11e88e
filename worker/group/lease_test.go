package group

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The lease is held from the first round to the loss of the session, through rebalances of any length, and the next
// membership is another term.
func TestLeaseFollowsTheMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrokers(t, 1)
		one, two := newMember(t, b), newMember(t, b)
		held := one.cfg.Lease
		if held.Current(time.Now()) != 0 {
			t.Fatal("held before the group was joined")
		}
		one.alone()
		term := held.Current(time.Now())
		two.join("two")
		expect[RebalanceNeeded](one)
		one.join("one")
		j := expect[Joined](one)
		time.Sleep(2 * session)
		if !held.Holds(term, time.Now()) {
			t.Fatal("lost while the leader took its time")
		}
		one.lead(j)
		one.assigned("[one]")
		one.meddler.set(func(ctx context.Context, _ kmsg.Request) (kmsg.Response, error, bool) {
			<-ctx.Done()
			return nil, ctx.Err(), true
		})
		expect[CoordinatorLost](one)
		if !held.Holds(term, time.Now()) {
			t.Fatal("lost before the session's time was over")
		}
		expect[Lost](one)
		if held.Current(time.Now()) != 0 {
			t.Fatal("held after the loss")
		}
		one.meddler.set(nil)
		one.completed = NoGeneration
		one.join("one")
		expect[CoordinatorRecovered](one)
		for held.Current(time.Now()) == 0 {
			time.Sleep(time.Second)
		}
		if held.Holds(term, time.Now()) {
			t.Fatal("the old term holds in the new membership")
		}
	})
}

// JoinGroup may wait for other members for longer than a session, and work goes on meanwhile.
func TestLeaseIsHeldWhileARoundWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		term := m.cfg.Lease.Current(time.Now())
		m.meddler.set(func(_ context.Context, req kmsg.Request) (kmsg.Response, error, bool) {
			if _, join := req.(*kmsg.JoinGroupRequest); join {
				time.Sleep(3 * session)
			}
			return nil, nil, false
		})
		m.join("waits")
		time.Sleep(2 * session)
		if !m.cfg.Lease.Holds(term, time.Now()) {
			t.Fatal("lost while a round waited for others")
		}
		m.meddler.set(nil)
		select {
		case e := <-m.Events(): // kfake has forgotten the member, a coordinator would not
			t.Logf("%T %+v", e, e)
		case <-time.After(time.Minute):
			t.Fatal("the round never ended")
		}
	})
}

// A process that was frozen: somebody who wants to write wakes up before the membership does. What he was told holds.
func TestWriterNoticesTheEndFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		if m.cfg.Lease.Current(time.Now().Add(2*session)) != 0 {
			t.Fatal("held past the session's end")
		}
		if e := expect[Lost](m); !errors.Is(e.Err, ErrSessionExpired) {
			t.Fatal(e.Err)
		}
	})
}
