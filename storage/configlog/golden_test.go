package configlog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
)

// dump reads what Kafka's console consumer printed of a topic that a Java 4.3.1 worker wrote.
func dump(t *testing.T, topic string) []Record {
	t.Helper()
	var out []Record
	for _, d := range testkit.ReadDump(t, "testdata/java-"+topic+".txt") {
		r := Record{TimestampMs: d.TimestampMs, Partition: d.Partition, Offset: d.Offset, Key: []byte(d.Key)}
		if d.Value != nil {
			r.Value = []byte(*d.Value)
		}
		out = append(out, r)
	}
	return out
}

func TestReplayOfAJavaConfigTopic(t *testing.T) {
	recs := dump(t, "configs")
	s, d, warns := New().Apply(recs)
	if len(warns) != 0 {
		t.Errorf("warnings: %v", warns)
	}
	snap := s.Snapshot()
	if snap.Offset != 25 {
		t.Errorf("offset %d, the Java worker reported 25", snap.Offset)
	}
	f := snap.Connectors["f-1"]
	if f == nil || f.Target != cluster.TargetStopped || len(f.Tasks) != 0 || f.TaskCountRecord != 0 || f.Inconsistent {
		t.Fatalf("f-1: %+v", f)
	}
	if got, want := f.Config["x"], "a\"b\\c/<>&é\u2028😀\u0001\u001f\u007f\t\n"; got != want {
		t.Errorf("x = %q, want %q", got, want)
	}
	if snap.Connectors["p-2"] != nil || snap.SessionKey == nil || snap.SessionKey.Algorithm != "HmacSHA256" || len(snap.SessionKey.Key) != 32 {
		t.Errorf("snapshot %+v", snap)
	}
	want := Delta{
		Removed: []string{"p-2"}, Configs: []string{"f-1"}, Tasks: []string{"f-1"}, TaskCounts: []string{"f-1"}, SessionKey: true,
		Restarts: []Restart{{Connector: "f-1", IncludeTasks: true}}, Loggers: []LoggerLevel{{"org.x", "DEBUG"}},
	}
	if diff := cmp.Diff(want, d, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// Every record of the Java dump is encoded again; the bytes must be the same. Java writes maps in hash order, so configs
// are compared by what they hold and by their escapes.
func TestEncodersGiveJavasBytes(t *testing.T) {
	s := New()
	for _, r := range dump(t, "configs") {
		next, d, _ := s.Apply([]Record{r})
		s = next
		snap := s.Snapshot()
		var kv KV
		key := string(r.Key)
		switch {
		case r.Value == nil:
			continue
		case key == keySession:
			kv = SessionKey(*snap.SessionKey)
		case strings.HasPrefix(key, "target-state-f-1"):
			kv = Target("f-1", snap.Connectors["f-1"].Target)
		case strings.HasPrefix(key, "target-state-p-2"):
			kv = Target("p-2", cluster.TargetStopped)
		case strings.HasPrefix(key, "restart-"):
			kv = RestartRequest(d.Restarts[0])
		case strings.HasPrefix(key, "logger-"):
			kv = Logger(d.Loggers[0])
		case strings.HasPrefix(key, "tasks-fencing-"):
			kv = TaskCount("f-1", snap.Connectors["f-1"].TaskCountRecord)
		case strings.HasPrefix(key, "commit-"):
			tasks := Tasks("f-1", snap.Connectors["f-1"].Tasks)
			kv = tasks[len(tasks)-1]
		case key == "connector-f-1":
			kv = Connector("f-1", snap.Connectors["f-1"].Config)
			sameMembers(t, r.Value, kv.Value)
			kv.Value = r.Value
		default:
			continue
		}
		if string(kv.Key) != key || string(kv.Value) != string(r.Value) {
			t.Errorf("got  %s %s\nJava %s %s", kv.Key, kv.Value, key, r.Value)
		}
	}
}

// sameMembers compares two properties records as sets of `"key":"value"` texts, escapes included.
func sameMembers(t *testing.T, a, b []byte) {
	t.Helper()
	split := func(v []byte) map[string]bool {
		m := map[string]bool{}
		for _, p := range strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(v), `{"properties":{`), "}}"), `","`) {
			m[strings.Trim(p, `"`)] = true
		}
		return m
	}
	if diff := cmp.Diff(split(a), split(b)); diff != "" {
		t.Error(diff)
	}
}

func TestOffsetsAsJavaWritesThem(t *testing.T) {
	for _, r := range dump(t, "offsets") {
		if got := Partition(r.Key, 25); got != r.Partition {
			t.Errorf("%s in partition %d, Java chose %d", r.Key, got, r.Partition)
		}
		name, part, err := ParseOffsetKey(r.Key)
		if err != nil {
			t.Fatal(err)
		}
		off, err := ParseOffsetValue(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := off.Int64("position"); !ok {
			t.Errorf("offset %v", off)
		}
		key, err1 := OffsetKey(name, part)
		value, err2 := OffsetValue(off)
		if err1 != nil || err2 != nil || string(key) != string(r.Key) || string(value) != string(r.Value) {
			t.Errorf("got %s %s (%v %v), Java %s %s", key, value, err1, err2, r.Key, r.Value)
		}
	}
}

func TestStatusesAsJavaWritesThem(t *testing.T) {
	for _, r := range dump(t, "status") {
		if got := Partition(r.Key, 5); got != r.Partition {
			t.Errorf("%s in partition %d, Java chose %d", r.Key, got, r.Partition)
		}
		rec, err := ParseStatus(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		status := cluster.Status{State: cluster.Destroyed}
		if rec.Status != nil {
			status = *rec.Status
		}
		var kv KV
		switch {
		case rec.Connector != "":
			kv = ConnectorStatus(rec.Connector, status)
		case rec.Task != nil:
			kv = TaskStatus(*rec.Task, status)
		default:
			kv = TopicUsed(*rec.Topic)
		}
		if string(kv.Key) != string(r.Key) || string(kv.Value) != string(r.Value) {
			t.Errorf("got  %s %s\nJava %s %s", kv.Key, kv.Value, r.Key, r.Value)
		}
	}
}

func TestOffsetValuesAreNumbersAsTheyWere(t *testing.T) {
	in := `{"z":1,"a":-9223372036854775808,"f":1.5,"e":1.0E10,"s":"x","b":true,"n":null,"big":99999999999999999999}`
	got, err := ParseOffsetValue([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	want := connect.Entries{
		{Key: "z", Value: int64(1)},
		{Key: "a", Value: int64(-9223372036854775808)},
		{Key: "f", Value: 1.5},
		{Key: "e", Value: 1e10},
		{Key: "s", Value: "x"},
		{Key: "b", Value: true},
		{Key: "n", Value: nil},
		{Key: "big", Value: 1e20},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	back, err := OffsetValue(want[:7])
	if err != nil || string(back) != `{"z":1,"a":-9223372036854775808,"f":1.5,"e":1.0E10,"s":"x","b":true,"n":null}` {
		t.Errorf("%s %v", back, err)
	}
	if _, err := OffsetValue(connect.Entries{{Key: "m", Value: []int{1}}}); err == nil {
		t.Error("a list is accepted as an offset field")
	}
}

// Values of org.apache.kafka.common.utils.Utils.murmur2.
func TestMurmur2(t *testing.T) {
	for in, want := range map[string]int32{
		"": 275646681, "a": -1563381124, "ab": 316155434, "abc": 479470107, "abcd": -1323649548, "21": -973932308,
		"foobar": -790332482, "a-little-bit-long-string": -985981536, "é😀": 1501228757,
	} {
		if got := int32(murmur2([]byte(in))); got != want {
			t.Errorf("murmur2(%q) = %d, Java has %d", in, got, want)
		}
	}
	if Partition([]byte("a"), 0) != 0 || Partition([]byte("a"), 25) != 24 {
		t.Error("partition")
	}
}
