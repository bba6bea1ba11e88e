package inspect

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage/configlog"
)

// FuzzRecords feeds one record to all that decode records: none panics, JSON is valid, and text holds nothing that a terminal
// would obey.
func FuzzRecords(f *testing.F) {
	for _, topic := range []string{"configs", "offsets", "status"} {
		for _, r := range dump(f, topic) {
			f.Add(r.Key, r.Value, r.TimestampMs, r.Value == nil)
		}
	}
	f.Add([]byte("status-connector-\x1b[2J"), []byte(`{"state":"FAILED","generation":1,"trace":"a\r\n\u0007\tb"}`), int64(-5), false)
	f.Add([]byte("connector-\xff"), []byte(`{"properties":{"\u0000":"x\ty"}}`), int64(1)<<62, false)
	f.Fuzz(func(t *testing.T, key, value []byte, at int64, tombstone bool) {
		if tombstone {
			value = nil
		}
		topics := map[Kind]Source{ConfigTopic: {Partitions: 1}, OffsetTopic: {Partitions: 1}, StatusTopic: {Partitions: 1}}
		c, l := New(Options{}, Cluster{}, topics), NewLines(Options{})
		for _, kind := range Kinds {
			r := configlog.Record{Key: key, Value: value, TimestampMs: at}
			c.Add(kind, r, r)
			line, _ := l.Line(kind, r)
			b, err := line.JSON()
			check(t, b, err, line.Text(TextOptions{Traces: true}))
		}
		r := c.Report()
		b, err := r.JSON()
		check(t, b, err, r.Text(TextOptions{Traces: true}))
	})
}

func check(t *testing.T, doc []byte, err error, text string) {
	t.Helper()
	if err != nil || !json.Valid(doc) {
		t.Fatalf("not JSON: %v\n%s", err, doc)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Fatalf("%q can't be printed", text[i:])
	}
}

// What the report says of task configs is what a replay, and so a worker, makes of them.
func TestReportAgreesWithTheReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "records")
		keys := []string{
			"connector-m", "connector-m", "task-m-0", "task-m-1", "task-m-2", "commit-m", "commit-m", "target-state-m", "tasks-fencing-m", "connector-n", "commit-n", "x",
		}
		values := map[string][]string{
			"connector": {"", `{"properties":{"a":"1"}}`, `{"properties":{"a":"2"}}`, `7`}, "task": {`{"properties":{"a":"1"}}`, `{"properties":{"a":"2"}}`, ""},
			"commit": {`{"tasks":0}`, `{"tasks":1}`, `{"tasks":2}`, `{"tasks":3}`, `{}`}, "target": {"", `{"state":"PAUSED"}`, `{"state":"?"}`},
			"tasks": {`{"task-count":1}`}, "x": {"{}"},
		}
		var lines []string
		for range n {
			key := rapid.SampledFrom(keys).Draw(t, "key")
			kind, _, _ := strings.Cut(key, "-")
			lines = append(lines, key+" "+rapid.SampledFrom(values[kind]).Draw(t, "value"))
		}
		recs := history(lines...)
		snap := replay(recs)
		c := New(Options{}, Cluster{}, map[Kind]Source{ConfigTopic: {Partitions: 1}})
		for batch := range slices.Chunk(recs, rapid.IntRange(1, 7).Draw(t, "batch")) {
			c.Add(ConfigTopic, batch...)
		}
		r := c.Report().Configs
		if r.NextOffset != snap.Offset {
			t.Fatalf("next offset %d, want %d", r.NextOffset, snap.Offset)
		}
		seen := 0
		for _, conn := range r.Connectors {
			want := snap.Connectors[conn.Name]
			if conn.Exists != (want != nil) {
				t.Fatalf("%s exists: %t", conn.Name, conn.Exists)
			}
			if want == nil {
				if len(conn.Tasks) > 0 {
					t.Fatalf("tasks without a connector: %+v", conn)
				}
				continue
			}
			seen++
			if string(want.Target) != conn.TargetState || want.Inconsistent != conn.Inconsistent || !maps.Equal(want.Config, conn.Config) || len(want.Tasks) != len(conn.Tasks) {
				t.Fatalf("%+v\nwant %+v", conn, want)
			}
			for i, task := range conn.Tasks {
				if task.Task != i || !maps.Equal(task.Config, want.Tasks[i]) {
					t.Fatalf("task %+v, want %+v", task, want.Tasks[i])
				}
			}
		}
		if seen != len(snap.Connectors) {
			t.Fatalf("%d connectors of %d", seen, len(snap.Connectors))
		}
	})
}

func replay(recs []configlog.Record) *cluster.Snapshot {
	s, _, _ := configlog.New().Apply(recs)
	return s.Snapshot()
}
