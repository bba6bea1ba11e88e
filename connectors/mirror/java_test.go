package mirror

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// javaRows reads what Kafka's own classes answered (testdata/MirrorGolden.java), of one kind of row. A null is "\N".
func javaRows(t *testing.T, kind string) [][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/java-mirror.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if cells[0] == kind {
			for i := range cells {
				if cells[i] != `\N` {
					cells[i] = strings.ReplaceAll(cells[i], `\\`, `\`)
				}
			}
			rows = append(rows, cells[1:])
		}
	}
	if len(rows) == 0 {
		t.Fatalf("no rows of kind %s", kind)
	}
	return rows
}

// row describes a key as MirrorGolden does: name, type, default, importance.
func row(k config.Key) []string {
	def := fmt.Sprint(k.Default)
	if list, ok := k.Default.([]string); ok {
		def = strings.Join(list, ",")
	}
	switch {
	case k.Default == nil && !k.HasDefault:
		def = "<required>"
	case k.Default == nil:
		def = `\N`
	}
	typ, imp := k.Type, k.Importance
	if typ == "" {
		typ = config.TypeString
	}
	if imp == "" {
		imp = config.Medium
	}
	return []string{k.Name, string(typ), def, string(imp)}
}

// TestProperties holds names, order, types, defaults and importance against Kafka's.
func TestProperties(t *testing.T) {
	var want, got [][]string
	own := false
	for _, r := range javaRows(t, "key") {
		own = own || r[0] == "enabled" // what stands before it is common to all connectors
		if own {
			want = append(want, r[:4])
		}
	}
	for _, k := range sourceDef().Keys() {
		got = append(got, row(k))
	}
	// The one that allows more than Java's: a number or "source".
	i := slices.IndexFunc(got, func(r []string) bool { return r[0] == propReplication })
	if got[i][1] != "STRING" {
		t.Errorf("%v", got[i])
	}
	got[i][1] = "INT"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFilterProperties(t *testing.T) {
	for _, r := range javaRows(t, "filter") {
		k, ok := filterDef.Key(r[0])
		if !ok {
			k, ok = sourceDef().Key(r[0])
		}
		if !ok {
			t.Errorf("%s is missing", r[0])
			continue
		}
		if d := cmp.Diff(r[:4], row(k)); d != "" {
			t.Error(d)
		}
	}
}

// TestValidators holds closed sets of values against Kafka's.
func TestValidators(t *testing.T) {
	for _, r := range javaRows(t, "key") {
		list, ok := strings.CutPrefix(r[4], "[")
		_, known := sourceDef().Key(r[0])
		if !ok || !known || strings.Contains(list, "...") {
			continue
		}
		for _, v := range strings.Split(strings.TrimSuffix(list, "]"), ", ") {
			if _, err := parse(props(r[0], v)); err != nil {
				t.Errorf("%s=%s: %v", r[0], v, err)
			}
		}
		if _, err := parse(props(r[0], "other")); err == nil {
			t.Errorf("%s=other is allowed", r[0])
		}
	}
}

// props is a config with some more properties.
func props(more ...string) map[string]string {
	m := map[string]string{
		"name": "m", "connector.class": "MirrorSource", propSourceAlias: "S", propTargetAlias: "T",
		"source.cluster.bootstrap.servers": "h:1", "target.cluster.bootstrap.servers": "h:2",
	}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func null(s string, ok bool) string {
	if !ok {
		return `\N`
	}
	return s
}

// TestPolicy holds names, origins and what is copied against Kafka's replication policies.
func TestPolicy(t *testing.T) {
	for _, r := range javaRows(t, "policy") {
		p := props(propPolicy, javaPackage+r[0])
		if r[1] != "" {
			p[propSeparator] = r[1]
		}
		if r[2] != "" {
			p[propInternalSep] = r[2]
		}
		s, err := parse(p)
		if err != nil {
			t.Fatal(err)
		}
		topic := r[3]
		got := []string{
			s.remote(topic), null(s.policy.origin(topic)), null(s.policy.upstream(topic)), s.policy.original(topic),
			fmt.Sprint(s.policy.isHeartbeats(topic)), fmt.Sprint(s.policy.isInternal(topic)), fmt.Sprint(s.filter.mayCopy(topic)),
		}
		if d := cmp.Diff(r[4:], got); d != "" {
			t.Errorf("%v: %s", r[:4], d)
		}
	}
}

func TestTopicFilter(t *testing.T) {
	for _, r := range javaRows(t, "filtered") {
		p := props()
		for _, name := range []string{propTopics, propExclude, "heartbeats.replication.enabled"} {
			if _, rest, ok := strings.Cut(" "+r[0], " "+name+" "); ok {
				for _, other := range []string{propTopics, propExclude, "heartbeats.replication.enabled"} {
					rest, _, _ = strings.Cut(rest, " "+other)
				}
				p[name] = rest
			}
		}
		s, err := parse(p)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, topic := range []string{"a", "b", "ab", "ba", "bc", "heartbeats", "x.replica", "mm2-x.internal", "app.internal", "__c"} {
			if s.filter.mayCopy(topic) {
				got = append(got, topic)
			}
		}
		if strings.Join(got, " ") != r[1] {
			t.Errorf("%s: copies %v, Kafka %s", r[0], got, r[1])
		}
	}
}

// TestClientProps holds the properties of clients against Kafka's.
func TestClientProps(t *testing.T) {
	for _, r := range javaRows(t, "client") {
		p := map[string]string{"name": "m", propSourceAlias: "S", propTargetAlias: "T"}
		for kv := range strings.SplitSeq(r[0], ";") {
			k, v, _ := strings.Cut(kv, "=")
			p[k] = v
		}
		s, err := parse(p)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		switch r[1] {
		case "consumer":
			got = s.clientProps("source", "consumer", "replication-consumer")
		case "source admin":
			got = s.clientProps("source", "admin", "replication-source-admin")
		case "target admin":
			got = s.clientProps("target", "admin", "replication-target-admin")
		}
		want := map[string]string{}
		for kv := range strings.SplitSeq(strings.Trim(r[2], "{}"), ", ") {
			k, v, _ := strings.Cut(kv, "=")
			want[k] = v
		}
		delete(want, "poll.timeout.ms") // consumer.poll.timeout.ms is the connector's, which Kafka's consumer warns about
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s of %s: %s", r[1], r[0], d)
		}
	}
}

// TestTaskConfig holds a task config against Kafka's.
func TestTaskConfig(t *testing.T) {
	p := map[string]string{"name": "m", "connector.class": "MirrorSource", propSourceAlias: "S", "x": "y"}
	tps := []connect.TopicPartition{{Topic: "a-b", Partition: 1}, {Topic: "c", Partition: 0}}
	c := divide(p, tps, 1, nil)[0]
	c[propTaskIndex] = "3"
	var got []string
	for _, k := range []string{"connector.class", "name", propSourceAlias, propPartitions, propTaskIndex, "x"} {
		got = append(got, k+"="+c[k])
		delete(c, k)
	}
	if want := javaRows(t, "task")[0][0]; "{"+strings.Join(got, ", ")+"}" != want || len(c) > 0 {
		t.Errorf("%v, Kafka %s; more: %v", got, want, c)
	}
	back, err := decode("a-b-1,c-0")
	if d := cmp.Diff(tps, back); d != "" || err != nil {
		t.Error(d, err)
	}
}
