package mirror

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/connectors/mirror/ring"
)

// linkBetween is a link between clusters with these ids.
func linkBetween(t testing.TB, source, target string, more ...string) definition {
	t.Helper()
	s, err := parse(props(append([]string{propSourceAlias, source, propTargetAlias, target, "name", source + "-" + target}, more...)...))
	if err != nil {
		t.Fatal(err)
	}
	d, err := define(s, source, target)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ringsIn looks for rings of the first link.
func ringsIn(t testing.TB, topics []string, ds ...definition) []ring.Ring {
	t.Helper()
	var links []*ring.Link
	for _, d := range ds {
		// By way of its record, as others see it.
		_, value, err := d.encode()
		if err != nil {
			t.Fatal(err)
		}
		if d, err = decodeDefinition(value); err != nil {
			t.Fatal(err)
		}
		l, err := d.link()
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, l)
	}
	rings, complete := ring.Rings(links[0], links[1:], topics)
	if !complete {
		t.Error("not everything was looked at")
	}
	return rings
}

var identity = []string{propPolicy, identityPolicyClass}

func TestSelfByAlias(t *testing.T) {
	d := linkBetween(t, "A", "B", propTopics, "one,.*[.]one")
	d.Target = "A"
	if rings := ringsIn(t, []string{"one"}, d); fmt.Sprint(rings) != "[A:one -> A:A.one (link A-B; A and B are the same cluster)]" {
		t.Error(rings)
	}
	d.Topics = []string{"one"}
	if rings := ringsIn(t, []string{"one"}, d); len(rings) != 0 {
		t.Error(rings)
	}
}

// Under the default policy, links that call clusters the same never go round, whatever there is between them: active/active,
// fan-in, fan-out, chains.
func TestNoFalseAlarmUnderTheDefaultPolicy(t *testing.T) {
	clusters := []string{"A", "B", "C", "D"}
	rapid.Check(t, func(rt *rapid.T) {
		var ds []definition
		for _, s := range clusters {
			for _, d := range clusters {
				if s != d && rapid.Bool().Draw(rt, s+d) {
					ds = append(ds, linkBetween(t, s, d, "heartbeats.replication.enabled", fmt.Sprint(rapid.Bool().Draw(rt, "heartbeats"))))
				}
			}
		}
		if len(ds) == 0 {
			return
		}
		topics := []string{"t", "heartbeats", "A.t", "B.A.t", "C.heartbeats", "x.y.z"}
		if rings := ringsIn(t, topics, ds...); len(rings) != 0 {
			rt.Fatal(rings)
		}
	})
}

// Rings of any length are found: by identity, by pattern, and by other names for the clusters.
func TestRingsOfAnyLength(t *testing.T) {
	for n := 1; n <= 5; n++ {
		for name, more := range map[string][]string{
			"identity": append([]string{propTopics, "t"}, identity...),
			"pattern":  append([]string{propTopics, "[s-u]+"}, identity...),
			"alias":    {propTopics, "(.*[.])?t"},
		} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				var ds []definition
				for i := range n {
					d := linkBetween(t, fmt.Sprint("c", i), fmt.Sprint("c", (i+1)%n), more...)
					if name == "alias" { // each link has names of its own for its clusters
						d.SourceAlias, d.TargetAlias = fmt.Sprint("s", i), fmt.Sprint("t", i)
					}
					ds = append(ds, d)
				}
				if n == 1 && name != "alias" {
					ds[0].TargetAlias = "other"
				}
				rings := ringsIn(t, []string{"t"}, ds...)
				if len(rings) != 1 || len(rings[0].Links) != n {
					t.Fatal(rings)
				}
				if rings = ringsIn(t, []string{"t"}, ds[:max(1, n-1)]...); n > 1 && len(rings) != 0 {
					t.Errorf("without the last link: %v", rings)
				}
				if strings.Contains(fmt.Sprint(rings), "%!") {
					t.Error(rings)
				}
			})
		}
	}
}
