package inspect

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/storage/configlog"
)

var update = flag.Bool("update", false, "write the golden files anew")

// dump reads what Kafka's console consumer printed of a topic that a Java 4.3.1 worker wrote.
func dump(t testing.TB, topic string) []configlog.Record {
	t.Helper()
	var out []configlog.Record
	for _, d := range testkit.ReadDump(t, "../../storage/configlog/testdata/java-"+topic+".txt") {
		r := configlog.Record{TimestampMs: d.TimestampMs, Partition: d.Partition, Offset: d.Offset, Key: []byte(d.Key)}
		if d.Value != nil {
			r.Value = []byte(*d.Value)
		}
		out = append(out, r)
	}
	return out
}

var javaTopics = map[Kind]Source{
	ConfigTopic: {Name: "java-configs", Partitions: 1}, OffsetTopic: {Name: "java-offsets", Partitions: 25}, StatusTopic: {Name: "java-status", Partitions: 5},
}

func javaCollector(t testing.TB, o Options) *Collector {
	t.Helper()
	c := New(o, Cluster{ID: "kafka-1", BootstrapServers: "localhost:9092", Group: "java"}, javaTopics)
	c.Add(ConfigTopic, dump(t, "configs")...)
	c.Add(OffsetTopic, dump(t, "offsets")...)
	c.Add(StatusTopic, dump(t, "status")...)
	return c
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s:\n%s", file, diff)
	}
}

func TestReportOfJavasTopics(t *testing.T) {
	r := javaCollector(t, Options{}).Report()
	doc, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "java.json", doc)
	golden(t, "java.txt", []byte(r.Text(TextOptions{})))
	if key := []byte("H7ZHCnvax31TvbnhVQhuQzch0VGSSvkRjU1VNQHK6CI"); bytes.Contains(doc, key) {
		t.Error("the session key is shown")
	}
}

func TestLinesOfJavasTopics(t *testing.T) {
	l := NewLines(Options{})
	var text, doc bytes.Buffer
	for _, topic := range []struct {
		kind Kind
		file string
	}{{ConfigTopic, "configs"}, {OffsetTopic, "offsets"}, {StatusTopic, "status"}} {
		for _, r := range dump(t, topic.file) {
			line, wanted := l.Line(topic.kind, r)
			if !wanted {
				t.Errorf("%s is left out", r.Key)
			}
			text.WriteString(line.Text(TextOptions{}))
			b, err := line.JSON()
			if err != nil {
				t.Fatal(err)
			}
			doc.Write(b)
		}
	}
	golden(t, "java-lines.txt", text.Bytes())
	golden(t, "java-lines.json", doc.Bytes())
	if bytes.Contains(append(text.Bytes(), doc.Bytes()...), []byte("H7ZHCnvax31TvbnhVQhuQzch0VGSSvkRjU1VNQHK6CI")) {
		t.Error("the session key is shown")
	}
}

func TestOnlyOneConnector(t *testing.T) {
	r := javaCollector(t, Options{Connector: "f-1"}).Report()
	if n := len(r.Configs.Connectors) + len(r.Offsets.Connectors) + len(r.Statuses.Connectors); n != 3 || !r.Known("f-1") || r.Known("p-2") {
		t.Errorf("%d places name a connector: %+v", n, r)
	}
	if r.Configs.Topic.Records != 16 || r.Configs.SessionKey == nil {
		t.Errorf("what belongs to all is gone: %+v", r.Configs.Topic)
	}
	l := NewLines(Options{Connector: "p-2"})
	n := 0
	for _, r := range dump(t, "configs") {
		if _, wanted := l.Line(ConfigTopic, r); wanted {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d lines of p-2, want 4", n)
	}
}

// history makes config records of "key value" lines; no value is a tombstone.
func history(lines ...string) []configlog.Record {
	var out []configlog.Record
	for i, l := range lines {
		key, value, _ := strings.Cut(l, " ")
		r := configlog.Record{Key: []byte(key), Offset: int64(10 * i), TimestampMs: -1}
		if value != "" {
			r.Value = []byte(value)
		}
		out = append(out, r)
	}
	return out
}

func TestTasksThatCountAndThoseThatDoNot(t *testing.T) {
	const (
		connector = `connector-m {"properties":{"name":"m"}}`
		task0     = `task-m-0 {"properties":{"i":"0"}}`
		task1     = `task-m-1 {"properties":{"i":"1"}}`
		task2     = `task-m-2 {"properties":{"i":"2"}}`
	)
	for name, test := range map[string]struct {
		records []string
		tasks   int
		ignored map[int]string
		problem string // of the connector; empty for none
	}{
		"whole":                 {[]string{connector, task0, task1, `commit-m {"tasks":2}`}, 2, nil, ""},
		"no tasks yet":          {[]string{connector}, 0, nil, ""},
		"half-written":          {[]string{connector, task0, task1}, 0, map[int]string{0: Uncommitted, 1: Uncommitted}, "half-written: task configs 0-1 are not followed by a commit record"},
		"half-written again":    {[]string{connector, task0, `commit-m {"tasks":1}`, task0, task2}, 1, map[int]string{0: Uncommitted, 2: Uncommitted}, "half-written: task configs 0, 2 are"},
		"fewer than counted":    {[]string{connector, task1, `commit-m {"tasks":2}`}, 0, map[int]string{1: Incomplete}, "the commit record at offset 20 counts 2 tasks, but only task configs 1 precede it"},
		"none of those counted": {[]string{connector, `commit-m {"tasks":1}`}, 0, nil, "counts 1 task, but no task configs precede it"},
		"leftover":              {[]string{connector, task0, task1, task2, `commit-m {"tasks":1}`}, 1, map[int]string{1: Leftover, 2: Leftover}, ""},
		"turned around":         {[]string{task0, `commit-m {"tasks":1}`, connector}, 0, map[int]string{0: BeforeConfig}, "KAFKA-17719"},
		"newer config":          {[]string{connector, task0, `commit-m {"tasks":1}`, `connector-m {"properties":{"name":"m","x":"y"}}`}, 1, nil, "was changed after its task configs were committed"},
		"stopped, newer config": {[]string{connector, task0, `commit-m {"tasks":0}`, `connector-m {"properties":{"name":"m","x":"y"}}`}, 0, map[int]string{0: Leftover}, ""},
		"deleted":               {[]string{connector, task0, `commit-m {"tasks":1}`, "connector-m"}, 0, nil, ""},
		"deleted, then tasks":   {[]string{connector, "connector-m", task0}, 0, map[int]string{0: Uncommitted}, "left over from a deletion"},
		"only a target state":   {[]string{`target-state-m {"state":"PAUSED"}`}, 0, nil, "a target state, but no config"},
		"fenced":                {[]string{connector, task0, `tasks-fencing-m {"task-count":1}`, `commit-m {"tasks":1}`, `tasks-fencing-m {"task-count":1}`}, 1, nil, ""},
		"not fenced yet":        {[]string{connector, `tasks-fencing-m {"task-count":1}`, task0, `commit-m {"tasks":1}`}, 1, nil, "start only after a round of fencing"},
		"order of the records between two commits counts": {[]string{connector, task0, task1, `commit-m {"tasks":2}`, task0, `commit-m {"tasks":1}`}, 1, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := New(Options{}, Cluster{}, map[Kind]Source{ConfigTopic: {Name: "c", Partitions: 1}})
			c.Add(ConfigTopic, history(test.records...)...)
			r := c.Report().Configs
			if len(r.Connectors) != 1 {
				t.Fatalf("%d connectors", len(r.Connectors))
			}
			m := r.Connectors[0]
			ignored := map[int]string{}
			for _, i := range m.IgnoredTasks {
				ignored[i.Task.Task] = i.Reason
			}
			if diff := cmp.Diff(test.ignored, ignored, cmpopts.EquateEmpty()); diff != "" || len(m.Tasks) != test.tasks {
				t.Errorf("%d tasks count, want %d; ignored: %s", len(m.Tasks), test.tasks, diff)
			}
			problems := strings.Join(m.Problems, "; ")
			if test.problem == "" && problems != "" || !strings.Contains(problems, test.problem) {
				t.Errorf("problems %q, want %q", problems, test.problem)
			}
			if len(r.Topic.Skipped) > 0 {
				t.Errorf("skipped: %+v", r.Topic.Skipped)
			}
		})
	}
}

func TestWhatWorkersSkipIsListed(t *testing.T) {
	topics := map[Kind]Source{ConfigTopic: {Name: "c", Partitions: 2}, OffsetTopic: {Name: "o", Partitions: 3, Undecided: 4}, StatusTopic: {Name: "s", Partitions: 1}}
	c := New(Options{}, Cluster{}, topics)
	c.Add(ConfigTopic, history(`shiny-new {}`, `connector-m {`, `task-m-0`, `commit-m {"tasks":"1"}`, `connector-m {"properties":{"password":7}}`)...)
	c.Add(ConfigTopic, configlog.Record{Offset: 99, Value: []byte("x"), TimestampMs: -1})
	c.Add(OffsetTopic, history(`["m",{"p":1}] {"offset":[]}`, `{} {}`, `["m",{"p":1}] {"offset":1}`, `["m",{"p":1.0}] {"offset":1}`)...)
	c.Add(OffsetTopic, configlog.Record{Partition: 2, Key: []byte(`["m",{"p":1}]`), Value: []byte(`{"offset":0}`)})
	c.Add(StatusTopic, history(`status-task-m {}`, `status-connector-m {"state":"DANCING","generation":1}`, `status-topic-x {}`)...)
	r := c.Report()
	reasons := func(topic Topic) (out []string) {
		for _, s := range topic.Skipped {
			out = append(out, s.Key+": "+s.Reason)
		}
		return out
	}
	want := []string{
		"shiny-new: unknown key", "connector-m: the value is not JSON: invalid JSON at byte 1: a field name is expected",
		"task-m-0: the value is null instead of an object", "commit-m: field tasks must be a whole number from 0 to 1048576",
		`connector-m: property "password" is a number instead of a string`, ": the key is null",
	}
	if diff := cmp.Diff(want, reasons(r.Configs.Topic)); diff != "" {
		t.Error(diff)
	}
	want = []string{
		`["m",{"p":1}]: value: field "offset" is an array; a plain value is expected`,
		`{}: key: an offset key is an array of connector name and partition`,
	}
	if diff := cmp.Diff(want, reasons(r.Offsets.Topic)); diff != "" {
		t.Error(diff)
	}
	want = []string{
		"status-task-m: the key does not end in a task number", `status-connector-m: unknown state "DANCING"`,
		"status-topic-x: a topic status key names topic and connector",
	}
	if diff := cmp.Diff(want, reasons(r.Statuses.Topic)); diff != "" {
		t.Error(diff)
	}
	text := r.Text(TextOptions{})
	for _, s := range []string{
		"! the topic has 2 partitions", "! 1 key stands in more than one partition", "! a transaction is open: 4 offsets",
		"! m: 1 source partition has more than one record that counts", "! m: no connector of that name exists",
	} {
		if !strings.Contains(text, s) {
			t.Errorf("the text lacks %q:\n%s", s, text)
		}
	}
}

func TestStatusesAreHeldAgainstConfigs(t *testing.T) {
	c := New(Options{}, Cluster{}, map[Kind]Source{ConfigTopic: {Partitions: 1}, StatusTopic: {Partitions: 2}})
	c.Add(ConfigTopic, history(`connector-m {"properties":{"name":"m"}}`, `task-m-0 {"properties":{}}`, `commit-m {"tasks":1}`)...)
	status := `{"state":"FAILED","trace":"first\r\n\tat x.Y\u001b[31m(Z.java:1)\n","worker_id":"w:1","generation":3,"version":"1"}`
	c.Add(StatusTopic, history("status-task-m-3 "+status, "status-connector-gone "+status, "status-connector-back "+status, "status-connector-back")...)
	// The same key in two partitions: the newer one counts.
	c.Add(StatusTopic, configlog.Record{Key: []byte("status-task-n-0"), Value: []byte(strings.Replace(status, "FAILED", "PAUSED", 1)), TimestampMs: 5})
	c.Add(StatusTopic, configlog.Record{Partition: 1, Key: []byte("status-task-n-0"), Value: []byte(status), TimestampMs: 4})
	r := c.Report()
	got := map[string][]string{}
	for _, s := range r.Statuses.Connectors {
		got[s.Name] = s.Problems
	}
	want := map[string][]string{
		"m": {
			"the connector has no status", "task 3 has a status but no committed config: the status is left over",
			"task 0 is committed but has no status",
		},
		"gone": {"no connector of that name exists: the statuses are left over"},
		"n":    {"no connector of that name exists: the statuses are left over"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := r.Statuses.Connectors[2].Tasks[0].State; s != "PAUSED" {
		t.Errorf("n-0 is %s, want the newer status", s)
	}
	if text := r.Text(TextOptions{}); !strings.Contains(text, "first\n") || strings.Contains(text, "x.Y") {
		t.Errorf("not only the trace's first line:\n%s", text)
	}
	if text := r.Text(TextOptions{Traces: true}); !strings.Contains(text, `"at x.Y\x1b[31m(Z.java:1)"`) || strings.ContainsRune(text, 0x1b) {
		t.Errorf("not the whole trace, or with control characters:\n%q", text)
	}
}

func TestANamelessTopicIsNotRead(t *testing.T) {
	c := New(Options{}, Cluster{}, map[Kind]Source{StatusTopic: {Name: "s"}})
	c.Add(ConfigTopic, history(`connector-m {"properties":{}}`)...)
	r := c.Report()
	if r.Configs != nil || r.Offsets != nil || r.Statuses == nil {
		t.Errorf("%+v", r)
	}
	doc, err := r.JSON()
	if err != nil || bytes.Contains(doc, []byte(`"configs"`)) || bytes.Contains(doc, []byte("null")) {
		t.Errorf("%v %s", err, doc)
	}
}
