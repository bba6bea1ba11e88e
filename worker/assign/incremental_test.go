package assign

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/worker/proto"
)

const fiveMinutes = 5 * time.Minute

func genDelay(t *rapid.T) time.Duration {
	return rapid.SampledFrom([]time.Duration{0, time.Millisecond, 2 * time.Second, fiveMinutes}).Draw(t, "max delay")
}

func TestRandomHistoriesSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(t, genDelay(t))
		g.join()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			for range rapid.IntRange(1, 3).Draw(t, "changes") {
				g.act(t)
			}
			lossy := rapid.IntRange(0, 5).Draw(t, "lossy") == 0
			g.round(func(string) bool { return lossy && rapid.Bool().Draw(t, "missed") })
		}
		g.settle()
		before := maps.Clone(g.members)
		g.settle()
		for id, w := range before {
			if !equalWork(sortedWork(w), sortedWork(g.members[id])) {
				t.Fatalf("a rebalance without cause moved work of %s: %v, was %v", id, g.members[id], w)
			}
		}
	})
}

func TestInputsAreLeftAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(t, genDelay(t))
		g.join()
		for range 12 {
			g.act(t)
			g.round(nil)
		}
		g.act(t)
		members, state := fmt.Sprint(g.members), fmt.Sprint(g.state)
		r := Round{
			Members: g.members, Configured: g.configured(), Generation: g.gen + 1, LastCompleted: g.completed, Now: g.now,
			MaxDelay: g.maxDelay,
		}
		p1, s1 := Incremental(g.state, r)
		if fmt.Sprint(g.members) != members || fmt.Sprint(g.state) != state {
			t.Fatal("Incremental changed its inputs")
		}
		p2, s2 := Incremental(g.state, r)
		if d := cmp.Diff(p1, p2); d != "" {
			t.Fatalf("the same inputs gave two plans:\n%s", d)
		}
		if d := cmp.Diff(s1, s2); d != "" {
			t.Fatalf("the same inputs gave two memories:\n%s", d)
		}
	})
}

// moves counts the work that one worker ran before and another runs after.
func moves(before, after map[string]proto.Work) int {
	owner := map[item]string{}
	for id, w := range before {
		for _, i := range setOf(w).list {
			owner[i] = id
		}
	}
	n := 0
	for id, w := range after {
		for _, i := range setOf(w).list {
			if was, ran := owner[i]; ran && was != id {
				n++
			}
		}
	}
	return n
}

func TestNoNeedlessMove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(t, fiveMinutes)
		for range rapid.IntRange(1, 6).Draw(t, "workers") {
			g.join()
		}
		for c := range rapid.IntRange(0, 5).Draw(t, "connectors") {
			g.config[fmt.Sprintf("c%d", c)] = rapid.IntRange(0, 9).Draw(t, "tasks")
		}
		g.settle()
		before := maps.Clone(g.members)
		g.join()
		g.settle()
		// The newcomer gets its share, at most the quotient rounded up of each kind, and nothing else moves.
		all, n, most := g.configured(), len(g.members), 0
		for _, total := range []int{len(all.Connectors), len(all.Tasks)} {
			most += total / n
		}
		if got := moves(before, g.members); got != most {
			t.Fatalf("%d pieces of work moved, want %d\nbefore %v\nafter  %v", got, most, before, g.members)
		}
	})
}

func TestLeaveMovesOnlyWhatWasLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(t, fiveMinutes)
		for range rapid.IntRange(2, 6).Draw(t, "workers") {
			g.join()
		}
		g.config["a"], g.config["b"] = rapid.IntRange(0, 9).Draw(t, "tasks a"), rapid.IntRange(0, 9).Draw(t, "tasks b")
		g.settle()
		before := maps.Clone(g.members)
		gone := rapid.SampledFrom(slices.Sorted(maps.Keys(g.members))).Draw(t, "leaves")
		lost := setOf(g.members[gone])
		delete(g.members, gone)
		start := g.now
		plan := g.round(nil)
		if lost.empty() {
			return
		}
		if plan.Delay != fiveMinutes {
			t.Fatalf("delay %v after %d pieces of work were lost", plan.Delay, len(lost.list))
		}
		// Rebalances within the delay do not cut it short, nor draw it out.
		for _, after := range []time.Duration{time.Second, time.Minute, fiveMinutes - time.Millisecond} {
			g.now = start.Add(after)
			plan := g.round(nil)
			if plan.Delay != fiveMinutes-after {
				t.Fatalf("delay %v after %v, want %v", plan.Delay, after, fiveMinutes-after)
			}
			if active, _ := activeWork(g.members); len(lost.without(active).list) != len(lost.list) {
				t.Fatalf("lost work was given away %v after the loss", after)
			}
		}
		g.now = start.Add(fiveMinutes)
		g.settle()
		if got, most := moves(before, g.members), len(lost.list); got != most {
			t.Fatalf("%d pieces of work moved, want the %d lost ones", got, most)
		}
	})
}

func TestReturningWorkersGetTheirWorkBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(t, fiveMinutes)
		for range rapid.IntRange(2, 6).Draw(t, "workers") {
			g.join()
		}
		// Enough work that nobody is empty-handed beforehand.
		g.config["a"], g.config["b"] = rapid.IntRange(8, 20).Draw(t, "tasks a"), rapid.IntRange(0, 9).Draw(t, "tasks b")
		g.settle()
		lost := &items{}
		gone := rapid.IntRange(1, len(g.members)-1).Draw(t, "leave")
		for _, id := range slices.Sorted(maps.Keys(g.members))[:gone] {
			lost.add(setOf(g.members[id]).list...)
			delete(g.members, id)
			g.now = g.now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "between ms")) * time.Millisecond)
			g.round(nil)
		}
		stayed := maps.Clone(g.members)
		for range gone {
			g.now = g.now.Add(time.Duration(rapid.IntRange(0, 50_000).Draw(t, "away ms")) * time.Millisecond)
			g.join()
			if plan := g.round(nil); plan.Delay == 0 {
				t.Fatalf("the delay was cut short by a worker that came back")
			}
		}
		g.settle()
		back := &items{}
		for id, w := range g.members {
			if before, ok := stayed[id]; !ok {
				back.add(setOf(w).list...)
			} else if !equalWork(sortedWork(before), sortedWork(w)) {
				t.Fatalf("%s, which never left, now has %v, had %v", id, w, before)
			}
		}
		if got, want := sortedWork(back.work()), sortedWork(lost.work()); !equalWork(got, want) {
			t.Fatalf("%d workers came back and got %v, had %v", gone, got, want)
		}
	})
}

func TestNewLeaderForgetsLostWork(t *testing.T) {
	for name, forget := range map[string]func(*group){
		"elected anew":        func(g *group) { g.state, g.completed = State{}, -1 },
		"led before":          func(g *group) { g.gen++; g.completed = g.gen },
		"missed a generation": func(g *group) { g.completed-- },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, fiveMinutes)
			g.join()
			second := g.join()
			g.config["a"] = 4
			g.settle()
			delete(g.members, second)
			forget(g)
			if plan := g.round(nil); plan.Delay != 0 {
				t.Errorf("delay %v", plan.Delay)
			}
			g.checkSettled()
		})
	}
}

func TestDeletedWorkStopsUnderANewLeader(t *testing.T) {
	g := newGroup(t, fiveMinutes)
	first := g.join()
	g.config["a"], g.config["b"] = 2, 1
	g.settle()
	delete(g.config, "a")
	g.state, g.completed = State{}, -1
	plan := g.round(nil)
	if got := sortedWork(plan.Members[first].Revoked); len(got.Connectors) != 1 || len(got.Tasks) != 2 {
		t.Errorf("revoked %v, want connector a and its two tasks", got)
	}
}

func TestRevocationBackoff(t *testing.T) {
	for _, tc := range []struct {
		limit time.Duration
		want  []time.Duration // as Java 4.3.1's ExponentialBackoff(1, 40, limit, 0) says
	}{
		{fiveMinutes, []time.Duration{40, 1600, 64000, 300000, 300000}},
		{time.Minute, []time.Duration{40, 1600, 60000, 60000}},
		{1600 * time.Millisecond, []time.Duration{40, 1600, 1600}},
		{time.Millisecond, []time.Duration{1, 1}},
		{0, []time.Duration{0, 0}},
	} {
		for i, want := range tc.want {
			if got := revocationBackoff(i+1, tc.limit); got != want*time.Millisecond {
				t.Errorf("limit %v, attempt %d: %v, want %v ms", tc.limit, i+1, got, int(want))
			}
		}
	}
}

// Workers that join one after the other make the second revoking round wait.
func TestSuccessiveRevocationsBackOff(t *testing.T) {
	g := newGroup(t, fiveMinutes)
	g.join()
	g.config["a"] = 12
	g.settle()
	g.join()
	if plan := g.round(nil); plan.Members["w01"].Revoked.Empty() || plan.Delay != 0 {
		t.Fatalf("first revoking round: %+v", plan)
	}
	g.join()
	plan := g.round(nil)
	for id, c := range plan.Members {
		if !c.Revoked.Empty() {
			t.Errorf("%s revoked in the second round: %v", id, c.Revoked)
		}
	}
	if plan.Delay != 40*time.Millisecond {
		t.Errorf("delay %v, want 40ms", plan.Delay)
	}
	g.settle()
}

// Once balanced, the next burst of joining workers starts from the shortest pause again.
func TestBackoffStartsAnewOnceBalanced(t *testing.T) {
	g := newGroup(t, fiveMinutes)
	g.join()
	g.config["a"] = 24
	g.settle()
	for range 2 {
		g.join()
		g.round(nil)
		g.join()
		if plan := g.round(nil); plan.Delay != 40*time.Millisecond {
			t.Fatalf("delay %v, want 40ms", plan.Delay)
		}
		g.settle()
	}
}
