package lease

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const session = 10 * time.Second

func at(s int) time.Time { return time.Unix(1_000_000, 0).Add(time.Duration(s) * time.Second) }

func TestTerms(t *testing.T) {
	var l Lease
	if l.Current(at(0)) != 0 || l.Extend(at(0), at(10)) || l.Holds(0, at(0)) {
		t.Fatal("a lease that was never begun is held")
	}
	l.Begin(at(10))
	first := l.Current(at(9))
	if first == 0 || !l.Holds(first, at(9)) {
		t.Fatal("not held within its time")
	}
	if !l.Extend(at(9), at(15)) || !l.Holds(first, at(14)) {
		t.Fatal("not extended")
	}
	// Frozen from 14 to 40: the first who asks ends the term, whatever the coordinator's answers say after.
	if l.Holds(first, at(40)) {
		t.Fatal("held past its end")
	}
	if l.Extend(at(40), at(50)) {
		t.Fatal("a term that was over came back")
	}
	l.Begin(at(50))
	if second := l.Current(at(41)); second == first || l.Holds(first, at(41)) || !l.Holds(second, at(41)) {
		t.Fatal("the old term holds in the new one")
	}
	l.End()
	if l.Current(at(42)) != 0 || l.Extend(at(42), at(60)) {
		t.Fatal("held after its end")
	}
}

// The membership finds the end itself, also when nobody asked: an answer that comes too late does not extend.
func TestLateAnswer(t *testing.T) {
	var l Lease
	l.Begin(at(10))
	if l.Extend(at(10), at(18)) || l.Current(at(10)) != 0 {
		t.Fatal("extended at its very end")
	}
}

// Once anybody was told that a term is not held, nobody is told that it is.
func TestTermsEndOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Lease
		now, over := at(0), Term(0)
		step := func(s int) { now = now.Add(time.Duration(s) * time.Second) }
		ask := func(t *rapid.T) {
			switch c := l.Current(now); {
			case c == 0:
				over = l.last
			case c <= over:
				t.Fatalf("term %d came back", c)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin":  func(*rapid.T) { l.Begin(now.Add(session)) },
			"extend": func(*rapid.T) { l.Extend(now, now.Add(session)) },
			"end":    func(*rapid.T) { l.End() },
			"wait":   func(t *rapid.T) { step(rapid.IntRange(0, 15).Draw(t, "seconds")) },
			"ask":    ask,
			"": func(t *rapid.T) {
				if l.Holds(over, now) {
					t.Fatalf("term %d holds after it was over", over)
				}
			},
		})
	})
}
