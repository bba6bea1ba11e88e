package e2e

import (
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
)

// TestMixed has Java workers and ours work as groups, on one broker: in every protocol, over https, and with a worker of the line
// before.
func TestMixed(t *testing.T) {
	broker := testkit.StartBroker(t)
	newStores(t) // before the rest takes the processor
	t.Run("protocols", func(t *testing.T) { mixedProtocols(t, broker.Bootstrap) })
	t.Run("https", func(t *testing.T) { mixedHTTPS(t, broker.Bootstrap) })
	t.Run("older release", func(t *testing.T) { mixedOldRelease(t, broker.Bootstrap) })
}

// mixedProtocols has one Java worker and one of ours work as a group in every protocol, and in the one that is left when
// they differ. Ours leads at first; it goes, by order or killed, so that Java's leads; it comes back with another protocol, and
// at last Java's worker goes the same way.
//
// While connectors run, a Java worker is never led from eager to another protocol or back. On the way to eager it keeps what it
// had, and what the round gives it comes on top, so that tasks run twice; on the way from eager it stops the tasks whose configs
// changed before, and starts them no sooner than with the next round.
func mixedProtocols(t *testing.T, bootstrap string) {
	t.Parallel()
	for _, c := range []struct {
		java        string
		ours, speak string // while ours leads
		then, last  string // what ours offers when it comes back, and what the group then speaks
		kill        bool
	}{
		{"sessioned", "sessioned", "sessioned", "sessioned", "sessioned", false},
		{"compatible", "compatible", "compatible", "eager", "eager", true},
		{"eager", "eager", "eager", "sessioned", "eager", true},
		{"sessioned", "compatible", "compatible", "compatible", "compatible", false},
		{"eager", "sessioned", "eager", "compatible", "eager", false},
	} {
		t.Run(c.java+" Java, "+c.ours+" and "+c.then, func(t *testing.T) {
			t.Parallel()
			lap := laps(t)
			m := newMixed(bootstrap, "mixed-"+c.java+"-"+c.ours)
			ours := m.connectd(t, map[string]string{"connect.protocol": c.ours})
			java := m.java(t, map[string]string{"connect.protocol": c.java})
			awaitRound(t, ours, ours, c.speak)
			lap("started")
			f := newFiles(t, m)
			f.create(t, java, ours)
			f.reconfigure(t, ours, java)
			lap("reconfigured")
			if c.speak == c.ours && c.speak == c.java {
				f.operate(t, java, ours)
				lap("operated")
			}
			byOurs := f.internalAnswers(t, c.speak, ours, java)
			lap("internal requests made")

			f.end(t, ours, java, c.kill)
			lap("Java's alone")
			toEager := c.java != "eager" && c.last == "eager"
			if toEager {
				f.remove(t, java, java)
			}
			ours = m.connectd(t, map[string]string{"connect.protocol": c.then})
			awaitRound(t, ours, java, c.last)
			if toEager {
				f.create(t, ours, java)
			}
			f.balanced(t, java, ours, 3)
			f.reconfigure(t, java, ours)
			lap("reconfigured")
			if c.speak == c.ours && c.speak == c.java {
				f.operate(t, ours, java)
				lap("operated")
			}
			byJava := f.internalAnswers(t, c.last, java, ours)
			if c.speak == c.last {
				sameRefusals(t, internalAnswers{byJava.leader, byOurs.follower}, internalAnswers{byOurs.leader, byJava.follower})
			}
			lap("internal requests made")

			f.end(t, java, ours, c.kill)
			f.remove(t, ours, ours)
			lap("ours alone")
			ours.Stop()
		})
	}
}

// laps logs how long the parts of a test take.
func laps(t *testing.T) func(string) {
	start := time.Now()
	return func(what string) { t.Logf("%5.1f s: %s", time.Since(start).Seconds(), what) }
}

// end stops or kills a worker; the other takes over all it had.
func (f *files) end(t *testing.T, goes, stays *peer, kill bool) {
	t.Helper()
	if kill {
		goes.Kill()
		f.killed()
	} else {
		goes.Stop()
	}
	f.m.running(t, stays, map[string]int{f.source: 1, f.sink: 3}, balanced(stays))
	f.soleTasks(t, 3)
	f.write(t, 100)
	f.verify(t)
}
