package mirror

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// TestPropertiesOfCheckpointAndHeartbeat holds names, order, types, defaults and importance against Kafka's.
func TestPropertiesOfCheckpointAndHeartbeat(t *testing.T) {
	for kind, def := range map[string]*config.Def{"checkpoint key": checkpointDef(), "heartbeat key": heartbeatDef()} {
		var want, got [][]string
		for _, r := range javaRows(t, kind) {
			if len(want) > 0 || r[0] == "enabled" { // what stands before it is common to all connectors
				want = append(want, r[:4])
			}
		}
		for _, k := range def.Keys() {
			got = append(got, row(k))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
}

func checkpointSettingsOf(t *testing.T, more ...string) *checkpointSettings {
	t.Helper()
	s, err := parseCheckpoint(props(more...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestInternalTopics holds the names of internal topics, and those of topics on the target, against Kafka's.
func TestInternalTopics(t *testing.T) {
	for _, r := range javaRows(t, "internal topics") {
		s := checkpointSettingsOf(t, propPolicy, javaPackage+r[0], propSeparator, r[1], propInternalSep, r[2], propSyncsLocation, r[3])
		side, alias := s.syncsSide()
		var renamed []string
		for _, topic := range []string{"a", "T.a", "T_a", "S.a", "T.S.a", "heartbeats", "T.heartbeats"} {
			renamed = append(renamed, s.downstream(topic))
		}
		got := []string{side, s.policy.checkpointsTopic("S"), s.policy.offsetSyncsTopic(alias), heartbeats, strings.Join(renamed, " ")}
		if d := cmp.Diff(r[3:], got); d != "" {
			t.Errorf("%v: %s", r[:4], d)
		}
		if !s.policy.isInternal(s.policy.piecesTopic(alias)) {
			t.Errorf("%v: the topic of pieces would be copied", r[:4])
		}
	}
}

// TestCheckpointClients holds the properties of a task's clients against Kafka's.
func TestCheckpointClients(t *testing.T) {
	for _, r := range javaRows(t, "checkpoint client") {
		s := checkpointSettingsOf(t, "source.consumer.x", "1", "admin.y", "2", propTaskIndex, "3")
		s.asTask()
		want := map[string]string{}
		for kv := range strings.SplitSeq(strings.Trim(r[3], "{}"), ", ") {
			k, v, _ := strings.Cut(kv, "=")
			want[k] = v
		}
		if d := cmp.Diff(want, s.clientProps(r[0], r[1], r[2])); d != "" {
			t.Errorf("%s: %s", r[2], d)
		}
	}
}

func TestGroupFilter(t *testing.T) {
	s := checkpointSettingsOf(t, propGroups, "g.*,x", propGroupsExclude, "g2", propTopics, "a,b.*", propExclude, "bad")
	var groups, topics []string
	for _, g := range []string{"g", "g1", "g2", "x", "xy", "other"} {
		if yes, err := s.selectsGroup(g); err != nil {
			t.Error(err)
		} else if yes {
			groups = append(groups, g)
		}
	}
	for _, n := range []string{"a", "b", "bad", "c", "heartbeats", "S.a"} {
		if yes, err := s.wantsTopic(n); err != nil {
			t.Error(err)
		} else if yes {
			topics = append(topics, n)
		}
	}
	if d := cmp.Diff(javaRows(t, "groups filtered")[0], []string{strings.Join(groups, " "), strings.Join(topics, " ")}); d != "" {
		t.Error(d)
	}
}

// TestGroupsAreDividedAsJavaDoes: and task configs are read back as they are written.
func TestGroupsAreDividedAsJavaDoes(t *testing.T) {
	for _, r := range javaRows(t, "groups divided") {
		n, _ := strconv.Atoi(r[0])
		most, _ := strconv.Atoi(r[1])
		var all, tasks, back []string
		for i := range n {
			all = append(all, fmt.Sprint("g", i))
		}
		for _, c := range divideGroups(props(), all, most) {
			tasks = append(tasks, c[propTaskIndex]+":"+c[propTaskGroups])
			back = append(back, taskGroups(c)...)
		}
		if got := strings.Join(tasks, " "); got != r[2] {
			t.Errorf("%d groups, %d tasks: %s, Kafka %s", n, most, got, r[2])
		}
		if d := cmp.Diff(all, back); d != "" {
			t.Error(d)
		}
	}
}

// TestAlteredOffsetsOfCheckpointAndHeartbeat holds what operators are told against Kafka's sentences.
func TestAlteredOffsetsOfCheckpointAndHeartbeat(t *testing.T) {
	for kind, c := range map[string]connect.SourceOffsetsAlterer{"checkpoint offsets": &checkpointConnector{}, "heartbeat offsets": &heartbeatConnector{}} {
		for _, r := range javaRows(t, kind) {
			var partition connect.Entries
			for kv := range strings.SplitSeq(r[0], ";") {
				k, v, _ := strings.Cut(kv, "=")
				partition = append(partition, connect.Entry{Key: k, Value: typed(v)})
			}
			given := []connect.PartitionOffset{{Partition: partition, Offset: connect.Entries{{Key: offsetKey, Value: typed(r[1])}}}}
			_, err := c.AlterSourceOffsets(t.Context(), nil, given)
			switch {
			case err == nil && r[2] != "", err != nil && err.Error() != r[2]:
				t.Errorf("%s %s: %v, Kafka %q", kind, r[0], err, r[2])
			case err == nil && kind == "checkpoint offsets" && given[0].Partition[0].Key != partitionKey:
				t.Errorf("not in the order in which tasks write: %v", given[0].Partition)
			}
		}
	}
	garbage := []connect.PartitionOffset{{}, {Partition: connect.Entries{{Key: "x", Value: nil}}}}
	if _, err := (&checkpointConnector{}).AlterSourceOffsets(t.Context(), nil, garbage); err != nil {
		t.Errorf("garbage can't be removed: %v", err)
	}
}

func typed(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	return s
}

func TestCheckpointValidate(t *testing.T) {
	for _, c := range []struct{ name, value, at, want string }{
		{propEmitCheckpoints, "false", propEmitCheckpoints, "MirrorCheckpointConnector can't run with emit.checkpoints.enabled set to false"},
		{propEmitSyncs, "false", propEmitSyncs, "MirrorCheckpointConnector can't run without offset syncs"},
		{propGroups, "a(", propGroups, "Invalid value"},
		{propExclude, "a(", propExclude, "Invalid value"},
		{propGroupFilter, "com.example.Filter", propGroupFilter, "Invalid value"},
	} {
		p := props(c.name, c.value)
		found := ""
		for _, v := range (&checkpointConnector{}).Validate(t.Context(), p, checkpointDef().Validate(p)) {
			if v.Name == c.at {
				found = strings.Join(v.Errors, "; ")
			}
		}
		if !strings.HasPrefix(found, c.want) {
			t.Errorf("%s=%s: %q, want %q", c.name, c.value, found, c.want)
		}
		p["enabled"] = "false"
		if c.name == propEmitSyncs && len((&checkpointConnector{}).Validate(t.Context(), p, nil)) > 0 {
			t.Error("a link that is disabled is refused")
		}
	}
}
