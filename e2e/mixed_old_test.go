package e2e

import (
	"testing"

	"github.com/connectd/connectd/internal/testkit"
)

// mixedOldRelease has a worker of the line before work with ours, led by either.
func mixedOldRelease(t *testing.T, bootstrap string) {
	t.Parallel()
	lap := laps(t)
	m := newMixed(bootstrap, "mixed-old")
	ours := m.connectd(t, nil)
	java := m.java(t, nil, testkit.OldRelease())
	awaitRound(t, ours, ours, "sessioned")
	lap("started")
	f := newFiles(t, m)
	f.restartsBy = ours
	f.create(t, java, ours)
	f.reconfigure(t, ours, java)
	f.operate(t, java, ours)
	byOurs := f.internalAnswers(t, "sessioned", ours, java)
	lap("led by ours")

	f.end(t, ours, java, false)
	ours.Restart()
	f.balanced(t, java, ours, 3)
	awaitRound(t, ours, java, "sessioned")
	f.reconfigure(t, java, ours)
	f.operate(t, ours, java)
	byJava := f.internalAnswers(t, "sessioned", java, ours)
	sameRefusals(t, internalAnswers{byJava.leader, byOurs.follower}, internalAnswers{byOurs.leader, byJava.follower})
	lap("led by Java's")

	f.end(t, java, ours, true)
	f.remove(t, ours, ours)
	ours.Stop()
}
