package configlog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/internal/cluster"
)

var ignoreNil = cmp.FilterValues(func(a, b []map[string]string) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

// compacted draws what Kafka's log cleaner may leave of a topic: behind the dirty tail, which is as it was, each key keeps its
// newest records, one at least, where nothing newer of it stands in the tail. A tombstone goes once all before it is gone.
func compacted(t *rapid.T, recs []Record) []Record {
	dirty := rapid.IntRange(0, len(recs)).Draw(t, "first dirty record")
	eager := rapid.Bool().Draw(t, "cleaned to the last record")
	byKey := map[string][]Record{}
	inTail := map[string]bool{}
	for i, r := range recs {
		if i < dirty {
			byKey[string(r.Key)] = append(byKey[string(r.Key)], r)
		} else {
			inTail[string(r.Key)] = true
		}
	}
	gone := map[int64]bool{}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		list := byKey[key]
		most := len(list) - 1
		if list[most].Value == nil || inTail[key] && rapid.Bool().Draw(t, "cleaner came by "+key) {
			most++
		}
		n := most
		if !eager {
			n = rapid.IntRange(0, most).Draw(t, "records gone of "+key)
		}
		for _, r := range list[:n] {
			gone[r.Offset] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(recs), func(r Record) bool { return gone[r.Offset] })
}

// javaForm spells a value as another writer may: fields in another order, more of them, spaces.
func javaForm(kv KV) KV {
	v := string(kv.Value)
	switch {
	case kv.Value == nil:
	case strings.HasPrefix(v, `{"include-tasks":`), strings.HasPrefix(v, `{"key":`), strings.HasPrefix(v, `{"state":`):
		members := strings.Split(strings.TrimSuffix(strings.TrimPrefix(v, "{"), "}"), ",")
		slices.Reverse(members)
		kv.Value = []byte("{ " + strings.Join(members, " , ") + ` ,"since":{"release":[9]}}`)
	default:
		kv.Value = []byte(strings.TrimSuffix(v, "}") + `,"version":2 }`)
	}
	return kv
}

func TestCompactionLosesNothingUnnoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kvs := history(t)
		foreign := slices.Clone(kvs)
		for i := range foreign {
			if rapid.Bool().Draw(t, "spelt otherwise") {
				foreign[i] = javaForm(foreign[i])
			}
		}
		full, _, _ := New().Apply(number1(kvs))
		kept := compacted(t, number1(foreign))
		got, _, warnings := New().Apply(kept)
		if len(warnings) > 0 {
			t.Fatal(warnings)
		}
		want := full.Snapshot()
		if diff := cmp.Diff(want.SessionKey, got.Snapshot().SessionKey); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(want.Names(), got.Snapshot().Names(), ignoreNil); diff != "" {
			t.Fatal(diff)
		}
		for name, w := range want.Connectors {
			sameConnector(t, *w, *got.Snapshot().Connectors[name], kept)
		}
	})
}

// sameConnector compares what is known of a connector after compaction with what was known before.
func sameConnector(t *rapid.T, want, got cluster.Connector, kept []Record) {
	if got.Inconsistent && !want.Inconsistent {
		if why := lost(want.Name, kept); why == "" {
			t.Fatalf("%s is said to be inconsistent, although nothing is missing", want.Name)
		}
		if len(want.Tasks) > 0 && got.EarlyTasks != nil {
			// A leader that knows of the tasks hands them out by number.
			if diff := cmp.Diff(want.Tasks, got.EarlyTasks); diff != "" {
				t.Fatalf("%s: %s", want.Name, diff)
			}
		}
		got.Inconsistent, got.Tasks, got.TasksOffset = want.Inconsistent, want.Tasks, want.TasksOffset
		if len(want.Tasks) == 0 {
			got.FencingPending = want.FencingPending
		}
	}
	got.EarlyTasks = want.EarlyTasks
	if got.Applied == nil { // the record that told is gone
		got.Applied = want.Applied
	}
	got.ConfigOffset = want.ConfigOffset // an equal config written again leaves its first record to compaction
	if got.TasksOffset < 0 || want.TasksOffset < 0 {
		got.TasksOffset, got.FencingPending = want.TasksOffset, want.FencingPending // a commit of no tasks before the connector
	}
	if diff := cmp.Diff(want, got, ignoreNil); diff != "" {
		t.Fatalf("%s: %s", want.Name, diff)
	}
}

// lost tells what a compacted topic does not tell any more of a connector's tasks, empty for nothing.
func lost(name string, kept []Record) string {
	config, commit, before, count := int64(-1), int64(-1), int64(-1), 0 // before is the commit before the last
	for _, r := range kept {
		switch string(r.Key) {
		case prefixConnector + name:
			if r.Value == nil {
				config = -1
			} else if config < 0 {
				config = r.Offset
			}
		case prefixCommit + name:
			before, commit = commit, r.Offset
			_, _ = fmt.Sscanf(string(r.Value), `{"tasks":%d`, &count)
		}
	}
	if config > commit {
		return "the config came after the tasks"
	}
	for i := range count {
		key := fmt.Sprintf("%s%s-%d", prefixTask, name, i)
		if !slices.ContainsFunc(kept, func(r Record) bool { return string(r.Key) == key && before < r.Offset && r.Offset < commit }) {
			return key
		}
	}
	return ""
}

// KAFKA-17719: a config is written again after the tasks, which stay as they are. Compaction leaves it behind the commit,
// and a Java worker that starts then knows of no tasks: the leader, whose memory is from before, hands it some, and they
// fail; or it leads, and all of them end. Here what the leader hands out is run, and whoever runs the connector generates
// its tasks anew.
func TestKAFKA17719ConfigBehindItsTasks(t *testing.T) {
	tasks := []map[string]string{{"i": "0"}, {"i": "1"}}
	history := number1(slices.Concat(
		[]KV{Connector("m", map[string]string{"v": "1"})}, Tasks("m", tasks), []KV{TaskCount("m", 2), Connector("m", map[string]string{"v": "1"})},
	))
	before, _, _ := New().Apply(history)
	after, _, _ := New().Apply(history[1:])
	m := after.Snapshot().Connectors["m"]
	if before.Snapshot().Connectors["m"].Inconsistent || !m.Inconsistent {
		t.Fatalf("before %+v, after %+v", before.Snapshot().Connectors["m"], m)
	}
	if len(before.Snapshot().TaskIDs("m")) != 2 || len(after.Snapshot().TaskIDs("m")) != 0 {
		t.Error("a leader that knows of the tasks hands them out; one that does not know whose they are does not")
	}
	for i, want := range tasks {
		id := cluster.TaskID{Connector: "m", Task: i}
		if got := after.Snapshot().TaskConfig(id); !maps.Equal(got, want) {
			t.Errorf("%v is run with %v, want %v", id, got, want)
		}
	}
	if m.FencingPending || m.TaskCountRecord != 2 {
		t.Errorf("fencing is as before: %+v", m)
	}
	again, _, _ := after.Apply(slices.Concat(history[1:4]))
	if m := again.Snapshot().Connectors["m"]; m.Inconsistent || m.EarlyTasks != nil || len(again.Snapshot().TaskIDs("m")) != 2 {
		t.Errorf("written anew: %+v", m)
	}
}

func TestEarlyTasksThatAreNotWhole(t *testing.T) {
	t0, t1 := kv("task-m-0", props("a")), kv("task-m-1", props("b"))
	c, commit := kv("connector-m", props("1")), kv("commit-m", `{"tasks":2}`)
	for name, recs := range map[string][]KV{
		"a task is missing":             {t1, commit, c},
		"written after the commit only": {t1, commit, t0, c},
		"of a deleted connector":        {t0, t1, commit, c, kv("connector-m", ""), c},
	} {
		s, _, _ := New().Apply(number1(recs))
		if got := s.Snapshot().TaskConfig(cluster.TaskID{Connector: "m", Task: 1}); got != nil {
			t.Errorf("%s: a task would be run with %v", name, got)
		}
	}
}
