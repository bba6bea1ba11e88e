package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const stringConverter = "org.apache.kafka.connect.storage.StringConverter"

// sinkConfig is a FileStreamSink; topics is "topics" or "topics.regex" and its value.
func sinkConfig(file string, tasks int, topics, value string, more map[string]string) map[string]string {
	return merged(map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": fmt.Sprint(tasks), "file": file, topics: value,
		"key.converter": stringConverter, "value.converter": stringConverter,
		"consumer.override.session.timeout.ms": "6000", "consumer.override.metadata.max.age.ms": "1000",
	}, more)
}

// produceLines produces prefix-0 to prefix-(n-1) over all partitions of a topic.
func produceLines(t *testing.T, cl *kgo.Client, topic, prefix string, n int) {
	t.Helper()
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%s-%d", prefix, i)})
	}
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// counts reads how often each line stands in a file that may not be there yet.
func counts(t *testing.T, file string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	out := map[string]int{}
	for line := range strings.Lines(string(data)) {
		out[strings.TrimSuffix(line, "\n")]++
	}
	return out
}

// awaitLines waits until a file holds prefix-0 to prefix-(n-1), and returns how many of them stand there more than once.
func awaitLines(t *testing.T, file, prefix string, n int) (doubles int) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		got := counts(t, file)
		doubles = 0
		for i := range n {
			switch c := got[fmt.Sprintf("%s-%d", prefix, i)]; {
			case c == 0:
				return fmt.Errorf("%s-%d of %d has not arrived", prefix, i, n)
			case c > 1:
				doubles++
			}
		}
		return nil
	})
	return doubles
}

// awaitCommitted waits until a group has committed all of a topic.
func awaitCommitted(t *testing.T, cl *kgo.Client, group, topic string) {
	t.Helper()
	admin := kadm.NewClient(cl)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		committed, err := admin.FetchOffsetsForTopics(ctx, group, topic)
		if err != nil {
			return err
		}
		end, err := ends(ctx, cl, topic)
		if err != nil {
			return err
		}
		sum := int64(0)
		committed.Each(func(o kadm.OffsetResponse) { sum += max(o.At, 0) })
		if sum != end {
			return fmt.Errorf("group %s has committed %d of %d", group, sum, end)
		}
		return nil
	})
}

// groupState describes a consumer group.
func groupState(ctx context.Context, cl *kgo.Client, group string) (string, error) {
	described, err := kadm.NewClient(cl).DescribeGroups(ctx, group)
	if err != nil {
		return "", err
	}
	return described[group].State, described[group].Err
}

// awaitStable waits until a group has members that have settled.
func awaitStable(t *testing.T, cl *kgo.Client, group string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		state, err := groupState(ctx, cl, group)
		if err == nil && state != "Stable" {
			err = fmt.Errorf("group %s is %s", group, state)
		}
		return err
	})
}

func awaitConnector(t *testing.T, base, name, state string, tasks int) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var s status
		if _, err := call(ctx, http.MethodGet, base+"/connectors/"+name+"/status", nil, &s); err != nil {
			return err
		}
		n := 0
		for _, task := range s.Tasks {
			if task.State == state {
				n++
			}
		}
		if s.Connector.State != state || n != tasks || len(s.Tasks) != tasks {
			return fmt.Errorf("want %d tasks %s, have %+v", tasks, state, s)
		}
		return nil
	})
}

func awaitGone(t *testing.T, base, name string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		if code, _ := call(ctx, http.MethodGet, base+"/connectors/"+name+"/status", nil, nil); code != http.StatusNotFound {
			return fmt.Errorf("connector %s still has a status: %d", name, code)
		}
		return nil
	})
}

// TestSinksAndFiles runs sinks and sources of files on two workers.
func TestSinksAndFiles(t *testing.T) {
	broker := testkit.StartBroker(t)
	cl := kafkaClient(t, broker.Bootstrap)
	a := startNode(t, broker.Bootstrap, "files", nil)
	b := startNode(t, broker.Bootstrap, "files", nil)
	t.Run("topics.regex", func(t *testing.T) { sinkByPattern(t, broker, cl, a) })
	t.Run("round trips", func(t *testing.T) { roundTrips(t, broker, a) })
	t.Run("sink", func(t *testing.T) { sinkLosesNothing(t, broker, cl, a, b) })
}

func sinkLosesNothing(t *testing.T, broker *testkit.Broker, cl *kgo.Client, a, b *node) {
	const name, group = "lines-sink", "connect-lines-sink"
	createTopic(t, broker.Bootstrap, "lines", 4, nil)
	file := filepath.Join(t.TempDir(), "out")
	produceLines(t, cl, "lines", "one", 400)
	create(t, a.url, name, sinkConfig(file, 2, "topics", "lines", nil))
	awaitTasks(t, a.url, name, 2, a.id, b.id)
	awaitLines(t, file, "one", 400)
	awaitStable(t, cl, group)

	do(t, http.MethodPut, b.url+"/connectors/"+name+"/pause", nil, nil)
	awaitConnector(t, a.url, name, "PAUSED", 2)
	produceLines(t, cl, "lines", "two", 100)
	if got := counts(t, file); got["two-0"]+got["two-99"] > 0 {
		t.Error("a paused sink goes on")
	}
	do(t, http.MethodPut, a.url+"/connectors/"+name+"/resume", nil, nil)
	awaitConnector(t, a.url, name, "RUNNING", 2)
	if n := awaitLines(t, file, "two", 100); n > 0 {
		t.Errorf("%d records came twice after a pause", n)
	}

	awaitCommitted(t, cl, group, "lines")
	b.Kill()
	produceLines(t, cl, "lines", "three", 400)
	awaitLines(t, file, "three", 400)
	awaitTasks(t, a.url, name, 2, a.id)
	if n := awaitLines(t, file, "one", 400) + awaitLines(t, file, "two", 100); n > 0 {
		t.Errorf("%d records that were committed came again after a worker was killed", n)
	}

	do(t, http.MethodDelete, a.url+"/connectors/"+name, nil, nil)
	awaitGone(t, a.url, name)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		state, err := groupState(ctx, cl, group)
		if err == nil && state != "Empty" && state != "Dead" {
			err = fmt.Errorf("group %s is %s after its connector was deleted", group, state)
		}
		return err
	})
}

func sinkByPattern(t *testing.T, broker *testkit.Broker, cl *kgo.Client, a *node) {
	createTopic(t, broker.Bootstrap, "re-a", 1, nil)
	file := filepath.Join(t.TempDir(), "out")
	create(t, a.url, "re", sinkConfig(file, 1, "topics.regex", "re-.*", map[string]string{"consumer.override.group.id": "mine"}))
	produceLines(t, cl, "re-a", "a", 10)
	awaitLines(t, file, "a", 10)
	createTopic(t, broker.Bootstrap, "re-b", 2, nil)
	produceLines(t, cl, "re-b", "b", 10)
	awaitLines(t, file, "b", 10)
	awaitStable(t, cl, "mine")
	if state, _ := groupState(t.Context(), cl, "connect-re"); state != "Dead" && state != "" {
		t.Errorf("group connect-re is %s although the connector names another", state)
	}
	do(t, http.MethodDelete, a.url+"/connectors/re", nil, nil)
	awaitGone(t, a.url, "re")
}

// roundTrips sends lines from a file through a topic into a file.
func roundTrips(t *testing.T, broker *testkit.Broker, a *node) {
	const jsonConverter = "org.apache.kafka.connect.json.JsonConverter"
	cases := map[string]struct{ converter, onTopic string }{
		"string": {stringConverter, "first: žluťoučký"},
		"json":   {jsonConverter, `{"schema":{"type":"string","optional":false},"payload":"first: žluťoučký"}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in, out, topic := filepath.Join(dir, "in"), filepath.Join(dir, "out"), "trip-"+name
			text := "first: žluťoučký\n\n{\"json\": true}\nlast\n"
			if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			createTopic(t, broker.Bootstrap, topic, 1, nil)
			create(t, a.url, topic+"-in", map[string]string{
				"connector.class": "FileStreamSource", "file": in, "topic": topic,
				"key.converter": c.converter, "value.converter": c.converter,
			})
			create(t, a.url, topic+"-out", sinkConfig(out, 1, "topics", topic, map[string]string{
				"key.converter": c.converter, "value.converter": c.converter,
			}))
			testkit.Eventually(t, time.Minute, func(context.Context) error {
				if got, _ := os.ReadFile(out); string(got) != text {
					return fmt.Errorf("arrived: %q", got)
				}
				return nil
			})
			if recs := readAll(t, broker.Bootstrap, topic); len(recs) == 0 || string(recs[0].Value) != c.onTopic {
				t.Errorf("on the topic: %+v", recs)
			}
			for _, name := range []string{topic + "-in", topic + "-out"} {
				do(t, http.MethodDelete, a.url+"/connectors/"+name, nil, nil)
				awaitGone(t, a.url, name)
			}
		})
	}
}
