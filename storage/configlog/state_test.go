package configlog

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/internal/cluster"
)

func number1(kvs []KV) []Record {
	recs := make([]Record, len(kvs))
	for i, kv := range kvs {
		recs[i] = Record{Key: kv.Key, Value: kv.Value, Offset: int64(i)}
	}
	return recs
}

func kv(key, value string) KV {
	if value == "" {
		return KV{Key: []byte(key)}
	}
	return KV{Key: []byte(key), Value: []byte(value)}
}

func props(v string) string { return `{"properties":{"v":"` + v + `"}}` }

func TestReplayRules(t *testing.T) {
	c := kv("connector-m", props("1"))
	t0, t1 := kv("task-m-0", props("a")), kv("task-m-1", props("b"))
	commit := func(n int) KV { return kv("commit-m", `{"tasks":`+strconv.Itoa(n)+`}`) }
	tests := []struct {
		name         string
		recs         []KV
		tasks        int // -1: no such connector
		target       cluster.TargetState
		inconsistent bool
		warnings     int
	}{
		{"tasks without commit do not count", []KV{c, t0, t1}, 0, "STARTED", false, 0},
		{"commit makes them count", []KV{c, t0, t1, commit(2)}, 2, "STARTED", false, 0},
		{"too few", []KV{c, t1, commit(2)}, 0, "STARTED", true, 0},
		{"too few, then complete", []KV{c, t1, commit(2), t0, t1, commit(2)}, 2, "STARTED", false, 0},
		{"leftovers beyond the count", []KV{c, t1, t0, commit(1)}, 1, "STARTED", false, 0},
		{"commit clears what was pending", []KV{c, t0, commit(1), commit(1)}, 0, "STARTED", true, 0},
		{"stopped", []KV{c, t0, commit(1), commit(0), Target("m", cluster.TargetStopped)}, 0, "STOPPED", false, 0},
		{"tasks before connector", []KV{t0, commit(1), c}, 0, "STARTED", true, 0},
		{"no tasks before connector", []KV{commit(0), c}, 0, "STARTED", false, 0},
		{"tasks before connector, then written anew", []KV{t0, commit(1), c, t0, commit(1)}, 1, "STARTED", false, 0},
		{"deleted", []KV{c, t0, commit(1), kv("connector-m", ""), kv("target-state-m", "")}, -1, "", false, 0},
		{"created anew", []KV{c, t0, commit(1), kv("connector-m", ""), kv("target-state-m", ""), c}, 0, "STARTED", false, 0},
		{"created anew, pending tasks of the old one", []KV{c, t0, kv("connector-m", ""), c, commit(1)}, 0, "STARTED", true, 0},
		{"initial target state", []KV{Target("m", cluster.TargetPaused), c}, 0, "PAUSED", false, 0},
		{"old target record", []KV{c, kv("target-state-m", `{"state":"PAUSED"}`)}, 0, "PAUSED", false, 0},
		{"v2 counts before v1", []KV{c, kv("target-state-m", `{"state":"PAUSED","state.v2":"STARTED"}`)}, 0, "STARTED", false, 0},
		{"broken v2 falls back", []KV{c, kv("target-state-m", `{"state":"PAUSED","state.v2":7}`)}, 0, "PAUSED", false, 0},
		{"unknown target state", []KV{c, Target("m", cluster.TargetPaused), kv("target-state-m", `{"state":"X"}`)}, 0, "PAUSED", false, 1},
		{"target tombstone means started", []KV{c, Target("m", cluster.TargetPaused), kv("target-state-m", "")}, 0, "STARTED", false, 0},
		{
			"broken records", []KV{
				c, kv("connector-m", `[]`), kv("connector-m", `{"properties":3}`), kv("connector-m", `{"properties":{"a":1}}`),
				kv("task-m", props("")), kv("task-m-x", props("")), kv("task-m-0", ""), kv("commit-m", `{"tasks":-1}`), kv("commit-m", `{"tasks":"1"}`),
				kv("commit-m", `{"tasks":99999999999}`), kv("commit-m", ""), kv("session-key", `{"key":"%"}`), kv("what", `{}`), kv("connector-m", `{`),
				kv("logger-cluster-a", `{}`), kv("tasks-fencing-m", `1`), kv("restart-connector-m", ``), kv("", `{}`),
			}, 0, "STARTED", false, 17,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, warns := New().Apply(number1(tt.recs))
			if len(warns) != tt.warnings {
				t.Errorf("warnings %v", warns)
			}
			m := s.Snapshot().Connectors["m"]
			if tt.tasks < 0 {
				if m != nil {
					t.Fatalf("still there: %+v", m)
				}
				return
			}
			if m == nil || m.Target != tt.target || m.Inconsistent != tt.inconsistent || len(s.Snapshot().TaskIDs("m")) != tt.tasks {
				t.Fatalf("got %+v", m)
			}
		})
	}
}

func TestOffsetOfAnUnreadableValueDoesNotCount(t *testing.T) {
	s, _, _ := New().Apply([]Record{{Key: []byte("x"), Value: []byte("{}"), Offset: 4}, {Key: []byte("x"), Value: []byte("{"), Offset: 5}})
	if s.Snapshot().Offset != 5 {
		t.Errorf("offset %d: Java members would report 5", s.Snapshot().Offset)
	}
}

func TestDeltaTellsWhatChanged(t *testing.T) {
	c := kv("connector-m", props("1"))
	s, d, _ := New().Apply(number1([]KV{Target("m", cluster.TargetPaused), c}))
	if diff := cmp.Diff(Delta{Configs: []string{"m"}}, d, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	same, d, _ := s.Apply([]Record{{Key: []byte("target-state-m"), Value: Target("m", cluster.TargetPaused).Value, Offset: 9}})
	if !d.Empty() {
		t.Errorf("an unchanged target state is reported: %+v", d)
	}
	if same.Snapshot().Connectors["m"].ConfigOffset != 1 || s.Snapshot().Offset != 2 {
		t.Error("the earlier state changed")
	}
	_, d, _ = s.Apply(number1([]KV{kv("connector-m", ""), c}))
	if diff := cmp.Diff(Delta{Removed: []string{"m"}, Configs: []string{"m"}}, d); diff != "" {
		t.Error(diff)
	}
}

// history draws what workers write: whole operations, some of them cut off by a crash.
func history(t *rapid.T) []KV {
	var out []KV
	exists := map[string]bool{}
	for range rapid.IntRange(0, 14).Draw(t, "operations") {
		name := rapid.SampledFrom([]string{"a", "a-0", "b"}).Draw(t, "name")
		var op []KV
		switch rapid.IntRange(0, 9).Draw(t, "op") {
		case 0, 1:
			op = []KV{Connector(name, map[string]string{"v": strconv.Itoa(rapid.IntRange(0, 2).Draw(t, "v"))})}
			exists[name] = true
		case 2:
			op = RemoveConnector(name)
			exists[name] = false
		case 3, 4, 5:
			if !exists[name] {
				continue
			}
			var tasks []map[string]string
			for i := range rapid.IntRange(0, 3).Draw(t, "tasks") {
				tasks = append(tasks, map[string]string{"i": strconv.Itoa(i), "r": strconv.Itoa(len(out))})
			}
			op = Tasks(name, tasks)
			if len(tasks) > 0 && rapid.IntRange(0, 5).Draw(t, "crash") == 0 {
				op = op[:rapid.IntRange(1, len(op)-1).Draw(t, "written")]
			}
		case 6:
			op = []KV{Target(name, rapid.SampledFrom([]cluster.TargetState{"STARTED", "PAUSED", "STOPPED"}).Draw(t, "target"))}
			if rapid.Bool().Draw(t, "before KIP-875") {
				op[0].Value = []byte(`{"state":"PAUSED"}`)
			}
		case 7:
			op = []KV{TaskCount(name, rapid.IntRange(0, 3).Draw(t, "count"))}
		case 8:
			op = []KV{SessionKey(cluster.SessionKey{Key: []byte{1, byte(len(out))}, Algorithm: "HmacSHA256", CreatedMs: int64(len(out))})}
		case 9:
			op = []KV{Logger(LoggerLevel{"x", "INFO"}), RestartRequest(Restart{Connector: name})}
		}
		out = append(out, op...)
	}
	return out
}

func TestReplayInPartsIsReplayOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		recs := number1(history(t))
		whole, _, _ := New().Apply(recs)
		parts := New()
		for rest := recs; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			before, copied := parts.Snapshot(), cloneSnapshot(parts.Snapshot())
			parts, _, _ = parts.Apply(rest[:n])
			if !reflect.DeepEqual(before, copied) {
				t.Fatal("Apply changed an earlier snapshot")
			}
			rest = rest[n:]
		}
		if diff := cmp.Diff(whole.Snapshot(), parts.Snapshot()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func cloneSnapshot(s *cluster.Snapshot) *cluster.Snapshot {
	c := *s
	c.Connectors = maps.Clone(s.Connectors)
	for n, conn := range c.Connectors {
		d := *conn
		d.Config, d.Tasks = maps.Clone(conn.Config), slices.Clone(conn.Tasks)
		c.Connectors[n] = &d
	}
	return &c
}

func FuzzApply(f *testing.F) {
	f.Add("connector-m", `{"properties":{"a":"b"}}`)
	f.Add("task-m-0", `{"properties":{}}`)
	f.Add("commit-m", `{"tasks":1}`)
	f.Add("session-key", `{"key":"aa==","algorithm":"x","creation-timestamp":1e400}`)
	f.Add("target-state-m", `{"state.v2":"STOPPED"}`)
	f.Add(`["m",{"p":1}]`, `{"o":-0}`)
	f.Add("status-task-m-0", `{"state":"RUNNING","generation":1}`)
	f.Add("status-topic-t:connector-m", `{"topic":{"task":1,"discoverTimestamp":2}}`)
	f.Fuzz(func(t *testing.T, key, value string) {
		s, _, warns := New().Apply(number1([]KV{kv("connector-m", props("1")), kv(key, value), kv(key, "")}))
		if s.Snapshot() == nil || len(warns) > 2 {
			t.Fatal(warns)
		}
		if name, part, err := ParseOffsetKey([]byte(key)); err == nil {
			again, err := OffsetKey(name, part)
			if err != nil {
				t.Fatal(err)
			}
			name2, part2, err := ParseOffsetKey(again)
			if err != nil || name != name2 || !reflect.DeepEqual(part, part2) {
				t.Fatalf("%q: %v %v %v", key, part, part2, err)
			}
		}
		_, _ = ParseOffsetValue([]byte(value))
		_, _ = ParseStatus([]byte(key), []byte(value))
	})
}
