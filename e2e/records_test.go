package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// TestRecordsOfJava plays one history of operations on a Java worker and on connectd, each alone in a group on the same
// broker, and compares what then stands in their config, offset and status topics, record by record. Whatever differs must
// be in the list of kept differences.
func TestRecordsOfJava(t *testing.T) {
	t.Parallel()
	broker := testkit.StartBroker(t)
	createTopic(t, broker.Bootstrap, "words", 2, nil)
	text := kafkaClient(t, broker.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := text.ProduceSync(t.Context(), wordsRecord()).FirstErr(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	java := &writer{group: "records-of-java", dir: dir, bootstrap: broker.Bootstrap}
	ours := &writer{group: "records-of-connectd", dir: dir, bootstrap: broker.Bootstrap}
	quick := map[string]string{
		"heartbeat.interval.ms": "200", "session.timeout.ms": "10000", "offset.flush.interval.ms": "200", "inter.worker.key.ttl.ms": "3000",
	}
	var options []testkit.Option
	for k, v := range quick {
		options = append(options, testkit.Property(k, v))
	}
	var history []string
	for _, life := range lives() {
		j := testkit.StartJavaWorker(t, broker.Bootstrap, java.group, options...)
		n := startNode(t, broker.Bootstrap, ours.group, quick)
		java.use(t, j.URL)
		ours.use(t, n.url)
		for _, s := range life {
			if s.line != "" {
				appendLine(t, filepath.Join(dir, "lines"), s.line)
			}
			var errs [2]error
			var wg sync.WaitGroup
			for i, w := range []*writer{java, ours} {
				wg.Go(func() { errs[i] = w.play(t.Context(), s) })
			}
			wg.Wait()
			if errs[0] != nil || errs[1] != nil {
				t.Errorf("%v\nJava: %v\n%s\nconnectd: %v\n%s", s, errs[0], java.dump(), errs[1], ours.dump())
				t.FailNow()
			}
			history = append(history, s.String())
		}
		j.Stop()
		n.Stop()
		for _, w := range []*writer{java, ours} {
			if err := w.toEnd(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.after = append(w.after, w.newest())
		}
		history = append(history, "stop of the worker")
	}
	compareRecords(t, history, java, ours)
}

func appendLine(t *testing.T, file, line string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(line + "\n")
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// step is one operation, and what must stand in the topics before the next may come.
type step struct {
	exchange
	line  string // for the file of the source; before the request
	wants []want
}

// want is a key, and what the newest record of it holds that came since the operation began; "null" is a tombstone.
type want struct{ key, text string }

func (s step) String() string { return fmt.Sprintf("%s %s %v", s.exchange, s.line, s.wants) }

// writer is a worker, and what stands in its topics.
type writer struct {
	group, dir, bootstrap string
	base                  string // URL of the worker's API
	client                *kgo.Client

	records []*kgo.Record
	next    map[string]map[int32]int64 // by topic and partition
	seen    int                        // records from before the operation
	after   []map[string]string        // the newest statuses by key, after each operation
}

func (w *writer) topics() []string {
	return []string{w.group + "-configs", w.group + "-offsets", w.group + "-status"}
}

// use takes a worker that has just been started.
func (w *writer) use(t *testing.T, url string) {
	t.Helper()
	w.base = url
	if w.client == nil { // the topics are there now
		w.next = map[string]map[int32]int64{}
		w.client = kafkaClient(t, w.bootstrap, kgo.ConsumeTopics(w.topics()...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	}
}

// own puts what belongs to this worker into a text, or names for it instead.
func (w *writer) own(text string) string {
	return strings.NewReplacer("{dir}", w.dir, "{side}", w.group, "{bootstrap}", w.bootstrap).Replace(text)
}

func (w *writer) common(text string) string {
	return strings.NewReplacer(w.dir, "{dir}", w.group, "{side}").Replace(text)
}

// play makes the request and waits until what it causes is written.
func (w *writer) play(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if s.method != "" {
		if err := w.toEnd(ctx); err != nil {
			return err
		}
		w.seen = len(w.records)
		side := newSide("{bootstrap}", "{dir}", w.base)
		x := s.exchange
		x.path, x.body = w.own(x.path), w.own(x.body)
		var a *answer
		err := testkit.Poll(ctx, func(ctx context.Context) (err error) {
			if a, err = side.ask(ctx, x); err == nil && a.status >= http.StatusConflict && strings.Contains(a.body, "rebalance") {
				err = fmt.Errorf("still rebalancing: %s", a.body)
			}
			return err
		})
		if err != nil {
			return err
		}
		if a.status >= http.StatusMultipleChoices {
			return fmt.Errorf("answers %d %s", a.status, a.body)
		}
	}
	err := testkit.Poll(ctx, func(ctx context.Context) error {
		if err := w.toEnd(ctx); err != nil {
			return err
		}
		for _, want := range s.wants {
			newest := "nothing"
			for _, r := range w.records[w.seen:] {
				if string(r.Key) == w.own(want.key) {
					newest = valueOf(r)
				}
			}
			if !strings.Contains(newest, want.text) || want.text == "null" && newest != "null" {
				return fmt.Errorf("want %s of %s, have %s", want.text, want.key, newest)
			}
		}
		return nil
	})
	w.seen = len(w.records)
	w.after = append(w.after, w.newest())
	return err
}

// toEnd reads what stands in the topics now.
func (w *writer) toEnd(ctx context.Context) error {
	var ends kadm.ListedOffsets
	err := testkit.Poll(ctx, func(ctx context.Context) (err error) { // new topics may be unknown for a moment
		if ends, err = kadm.NewClient(w.client).ListEndOffsets(ctx, w.topics()...); err == nil {
			err = ends.Error()
		}
		return err
	})
	if err != nil {
		return err
	}
	behind := func() (yes bool) {
		ends.Each(func(o kadm.ListedOffset) { yes = yes || w.next[o.Topic][o.Partition] < o.Offset })
		return yes
	}
	for behind() {
		fetched := w.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fetched.EachRecord(func(r *kgo.Record) {
			w.records = append(w.records, r)
			if w.next[r.Topic] == nil {
				w.next[r.Topic] = map[int32]int64{}
			}
			w.next[r.Topic][r.Partition] = r.Offset + 1
		})
	}
	return nil
}

func valueOf(r *kgo.Record) string {
	if r.Value == nil {
		return "null"
	}
	return string(r.Value)
}

func (w *writer) dump() string {
	var b strings.Builder
	for _, r := range w.records {
		fmt.Fprintf(&b, "%s-%d@%d %s %s\n", strings.TrimPrefix(r.Topic, w.group+"-"), r.Partition, r.Offset, r.Key, valueOf(r))
	}
	return b.String()
}

// lives are what is done between a start of the workers and their stop.
func lives() [][]step {
	do := func(x exchange, wants ...want) step { return step{exchange: x, wants: wants} }
	states := func(name, states string) (wants []want) {
		for i, state := range strings.Fields(states) {
			key := "status-connector-" + name
			if i > 0 {
				key = fmt.Sprintf("status-task-%s-%d", name, i-1)
			}
			if state != "null" {
				state = `"state":"` + state + `"`
			}
			wants = append(wants, want{key, state})
		}
		return wants
	}
	create := func(name, config, initial string) exchange {
		return post("/connectors", fmt.Sprintf(`{"name":%q,"config":%s,"initial_state":%q}`, name, config, initial))
	}
	source := func(more ...string) string {
		return conf(append([]string{
			"connector.class", fileSource, "tasks.max", "1", "file", "{dir}/lines", "topic", "lines",
			"value.converter", "org.apache.kafka.connect.storage.StringConverter", "odd", "a\"b\\c/<>&é\u2028😀\u0001\u001f\u007f\t\n",
		}, more...)...)
	}
	sink := func(tasks string, more ...string) string {
		return conf(append([]string{
			"connector.class", fileSink, "tasks.max", tasks, "file", "{dir}/{side}.out", "topics", "none-yet",
			"consumer.override.group.id", "{side}-snk", "consumer.override.auto.offset.reset", "earliest",
		}, more...)...)
	}
	position := func(n int) want { return want{`["src",{"filename":"{dir}/lines"}]`, fmt.Sprintf(`{"position":%d}`, n)} }
	bad := sink("1", "topics", "words", "consumer.override.group.id", "{side}-bad")
	return [][]step{{
		do(create("src", source(), "RUNNING"), states("src", "RUNNING RUNNING")...),
		{line: "one", wants: []want{{"status-topic-lines:connector-src", `"task":0`}, position(4)}},
		do(put("/connectors/src/topics/reset", ""), want{"status-topic-lines:connector-src", "null"}),
		{line: "two", wants: []want{{"status-topic-lines:connector-src", `"task":0`}, position(8)}},

		do(create("snk", sink("1"), "STOPPED"), states("snk", "STOPPED")...),
		do(put("/connectors/snk/resume", ""), states("snk", "RUNNING RUNNING")...),
		do(put("/connectors/snk/config", sink("3")), states("snk", "RUNNING RUNNING RUNNING RUNNING")...),
		do(put("/connectors/snk/config", sink("2")), states("snk", "RUNNING RUNNING RUNNING null")...),
		do(put("/connectors/snk/pause", ""), states("snk", "PAUSED PAUSED PAUSED")...),
		do(put("/connectors/snk/resume", ""), states("snk", "RUNNING RUNNING RUNNING")...),
		do(post("/connectors/snk/restart", ""), states("snk", "RUNNING")...),
		do(post("/connectors/snk/restart?includeTasks=true", ""), states("snk", "RUNNING RUNNING RUNNING")...),
		do(post("/connectors/snk/tasks/1/restart", ""), want{"status-task-snk-1", `"state":"RUNNING"`}),
		do(put("/connectors/snk/config", sink("2")), states("snk", "RUNNING")...), // as it was
		do(put("/connectors/snk/stop", ""), states("snk", "STOPPED null null")...),
		do(put("/connectors/snk/config", sink("1")), states("snk", "STOPPED")...),
		do(put("/connectors/snk/pause", ""), states("snk", "PAUSED")...),
		do(put("/connectors/snk/resume", ""), states("snk", "RUNNING RUNNING")...),
		do(del("/connectors/snk"), states("snk", "null null")...),
		do(create("snk", sink("2"), "RUNNING"), states("snk", "RUNNING RUNNING RUNNING")...),

		do(create("mir", mirrorConf(), "PAUSED"), states("mir", "PAUSED")...),
		do(put("/connectors/mir/resume", ""), append(states("mir", "RUNNING RUNNING RUNNING"),
			want{"status-topic-a.words:connector-mir", `"task":0`}, want{`["mir",{"cluster":"a","partition":0,"topic":"words"}]`, `{"offset":0}`})...),
		do(put("/connectors/mir/pause", ""), states("mir", "PAUSED PAUSED PAUSED")...),

		do(create("bad", bad, "RUNNING"), states("bad", "RUNNING FAILED")...),
		do(post("/connectors/bad/tasks/0/restart", ""), want{"status-task-bad-0", `"state":"FAILED"`}),
		do(post("/connectors/bad/restart?includeTasks=true&onlyFailed=true", ""), want{"status-task-bad-0", `"state":"FAILED"`}),
		do(post("/connectors/bad/restart?onlyFailed=true", "")),
		do(put("/connectors/bad/pause", ""), states("bad", "PAUSED")...),
		do(del("/connectors/bad"), states("bad", "null null")...),

		do(put("/admin/loggers/org.example?scope=cluster", `{"level":"DEBUG"}`), want{"logger-cluster-org.example", "DEBUG"}),
	}, {
		{wants: slices.Concat(states("src", "RUNNING RUNNING"), states("snk", "RUNNING RUNNING RUNNING"), states("mir", "PAUSED PAUSED PAUSED"))},
		{line: "three", wants: []want{position(14)}},
		do(put("/connectors/src/config", source("batch.size", "7")), states("src", "RUNNING RUNNING")...),
		do(del("/connectors/src"), append(states("src", "null null"), want{"status-topic-lines:connector-src", "null"})...),
		do(del("/connectors/mir"), append(states("mir", "null null null"), want{"status-topic-a.words:connector-mir", "null"})...),
		{wants: []want{{"session-key", "creation-timestamp"}}},
	}}
}
