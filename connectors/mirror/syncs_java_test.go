package mirror

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSyncsClients holds the topic of offset syncs and the properties of its clients against Kafka's.
func TestSyncsClients(t *testing.T) {
	for _, r := range javaRows(t, "syncs client") {
		p := map[string]string{"name": "m", propSourceAlias: "S", propTargetAlias: "T", propSyncsLocation: r[1]}
		for kv := range strings.SplitSeq(r[0], ";") {
			k, v, _ := strings.Cut(kv, "=")
			p[k] = v
		}
		s, err := parse(p)
		if err != nil {
			t.Fatal(err)
		}
		side, alias := s.syncsSide()
		got := []map[string]string{
			{"": s.policy.offsetSyncsTopic(alias)},
			s.clientProps(side, "producer", "offset-syncs-"+side+"-producer"),
			s.clientProps(side, "admin", "offset-syncs-"+side+"-admin"),
		}
		want := []map[string]string{{"": r[2]}, javaMap(r[3]), javaMap(r[4])}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s at the %s: %s", r[0], r[1], d)
		}
	}
}

// javaMap reads a map as Java prints it.
func javaMap(text string) map[string]string {
	m := map[string]string{}
	for kv := range strings.SplitSeq(strings.Trim(text, "{}"), ", ") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}
