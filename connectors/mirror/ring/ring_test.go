package ring

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// keeps is a link that keeps names, of the topics that are listed, or of all.
func keeps(name, source, target string, topics ...string) *Link {
	return &Link{
		Name: name, Source: source, Target: target, SourceAlias: source, TargetAlias: target,
		Copies: func(t string) bool { return len(topics) == 0 || slices.Contains(topics, t) },
		Rename: func(t string) string { return t },
	}
}

// prefixes is a link that puts its source's alias before names, and can't tell where a topic came from.
func prefixes(name, source, target string) *Link {
	l := keeps(name, source, target)
	l.Rename = func(t string) string { return l.SourceAlias + "." + t }
	return l
}

func TestSpelling(t *testing.T) {
	alias := func(l *Link, source, target string) *Link {
		l.SourceAlias, l.TargetAlias = source, target
		return l
	}
	for _, tc := range []struct {
		name  string
		n     *Link
		known []*Link
		want  string
	}{
		{"itself", keeps("m", "A", "A"), nil, "A:t -> A:t (link m)"},
		{"itself under two names", alias(prefixes("m", "id", "id"), "A", "B"), nil, "A:t -> A:A.t (link m; A and B are the same cluster)"},
		{"two", keeps("ab", "A", "B"), []*Link{keeps("ba", "B", "A")}, "A:t -> B:t -> A:t (links ab, ba)"},
		{"the other takes other topics", keeps("ab", "A", "B"), []*Link{keeps("ba", "B", "A", "u")}, ""},
		{"this takes other topics", keeps("ab", "A", "B", "u"), []*Link{keeps("ba", "B", "A")}, ""},
		{"three", keeps("ab", "A", "B"), []*Link{keeps("ca", "C", "A"), keeps("bc", "B", "C")}, "A:t -> B:t -> C:t -> A:t (links ab, bc, ca)"},
		{
			"names of others", keeps("ab", "A", "B"),
			[]*Link{alias(keeps("ba", "B", "A"), "b2", "a2")},
			"A:t -> B:t -> A:t (links ab, ba; B and b2 are the same cluster; A and a2 are the same cluster)",
		},
		{
			"one name for two clusters", alias(keeps("ab", "1", "2"), "A", "B"),
			[]*Link{alias(keeps("bc", "2", "3"), "B", "A"), alias(keeps("ca", "3", "1"), "C", "A")},
			"A:t -> B:t -> A[3]:t -> A:t (links ab, bc, ca; A[3] and C are the same cluster)",
		},
		{"a chain", keeps("ab", "A", "B"), []*Link{keeps("bc", "B", "C"), keeps("cd", "C", "D")}, ""},
		{"a ring of others", keeps("ab", "A", "B"), []*Link{keeps("bc", "B", "C"), keeps("cb", "C", "B")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rings, complete := Rings(tc.n, tc.known, []string{"t", "other"}[:1])
			if !complete {
				t.Error("not everything was looked at")
			}
			got := ""
			if len(rings) > 0 {
				got = rings[0].String()
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// Links among any clusters: a ring is found exactly where following single topics by a slow search finds one.
func TestRingsAreThoseThatASlowSearchFinds(t *testing.T) {
	topics := []string{"t", "u", "v"}
	rapid.Check(t, func(t *rapid.T) {
		cluster := rapid.SampledFrom([]string{"A", "B", "C", "D", "E"})
		var links []*Link
		for i := range rapid.IntRange(1, 12).Draw(t, "links") {
			set := rapid.SliceOfN(rapid.SampledFrom(topics), 1, 3).Draw(t, "topics")
			links = append(links, keeps(fmt.Sprint("l", i), cluster.Draw(t, "source"), cluster.Draw(t, "target"), set...))
		}
		n, known := links[0], links[1:]
		rings, complete := Rings(n, known, topics)
		var got, want []string
		for _, r := range rings {
			got = append(got, r.Topic)
			checkRing(t, n, r)
		}
		for _, topic := range topics {
			if n.Copies(topic) && leads(links, n.Target, n.Source, topic) {
				want = append(want, topic)
			}
		}
		if !complete || !slices.Equal(got, want) {
			t.Fatalf("rings of %q, want %q", got, want)
		}
	})
}

// leads tells whether a topic's records come from one cluster to another, by Warshall's way.
func leads(links []*Link, from, to, topic string) bool {
	reach := map[string]bool{from: true}
	for range len(links) + 1 {
		for _, l := range links {
			if reach[l.Source] && l.Copies(topic) {
				reach[l.Target] = true
			}
		}
	}
	return reach[to]
}

// checkRing follows a ring link by link.
func checkRing(t *rapid.T, n *Link, r Ring) {
	if len(r.Places) != len(r.Links)+1 || r.Links[0] != n || r.Places[0] != (Place{n.Source, r.Topic}) {
		t.Fatalf("%v", r)
	}
	for i, l := range r.Links {
		from, to := r.Places[i], r.Places[i+1]
		if from.Cluster != l.Source || !l.Copies(from.Topic) || to != (Place{l.Target, l.Rename(from.Topic)}) {
			t.Fatalf("%s does not lead from %v to %v", l.Name, from, to)
		}
	}
	if last := r.Places[len(r.Places)-1]; last.Cluster != n.Source || !n.Copies(last.Topic) {
		t.Fatalf("the ring is open: %v", r)
	}
}

// Links that make ever more names are given up, whatever there is besides.
func TestWorkIsBounded(t *testing.T) {
	n := keeps("ab", "A", "B", "t")
	known := []*Link{prefixes("bc", "B", "C"), prefixes("cb", "C", "B"), keeps("ba", "B", "A", "never")}
	for _, c := range []string{"D", "E", "F"} {
		known = append(known, prefixes("to "+c, "B", c), prefixes("from "+c, c, "B"))
	}
	rings, complete := Rings(n, known, []string{"t"})
	if len(rings) != 0 || complete {
		t.Errorf("%v, complete %v", rings, complete)
	}
	// The same cluster under two names, without the policy's word on where topics come from: found at once.
	rings, _ = Rings(prefixes("aa", "A", "A"), nil, []string{"t"})
	if len(rings) != 1 || len(rings[0].Places) != 2 {
		t.Error(rings)
	}
}

func TestManyTopicsWithoutAWayBackCostNothing(t *testing.T) {
	topics := make([]string, 100_000)
	for i := range topics {
		topics[i] = fmt.Sprint("t", i)
	}
	asked := 0
	n := keeps("ab", "A", "B")
	n.Copies = func(string) bool { asked++; return true }
	rings, complete := Rings(n, []*Link{keeps("bc", "B", "C"), keeps("xa", "X", "A")}, topics)
	if len(rings) != 0 || !complete || asked != 0 {
		t.Errorf("%d rings, complete %v, %d questions", len(rings), complete, asked)
	}
}
