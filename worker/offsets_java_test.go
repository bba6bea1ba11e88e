package worker_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/internal/jackson"
)

// TestOffsetsAreChangedAsInJava plays what a Java worker was asked about the offsets of stopped connectors, one of each kind,
// and wants the same answers.
func TestOffsetsAreChangedAsInJava(t *testing.T) {
	data, err := os.ReadFile("../rest/testdata/offsets-4.3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	var session []struct {
		Method, Path, Body, Origin, Response string
		Status                               int
	}
	if err := json.Unmarshal(data, &session); err != nil {
		t.Fatal(err)
	}
	c := newWorkers(t, 1, func(r connect.Registrar) { mirror.Register(r, nil) }, nil)
	w := c.all[0]
	c.kafka.known = []connect.TopicPartition{{Topic: "t1"}}
	for name, conf := range map[string]map[string]string{
		"s": {"connector.class": "FileStreamSource", "file": "/tmp/in.txt", "topic": "t1"},
		"k": {"connector.class": "FileStreamSink", "topics": "t1"},
		"m": {
			"connector.class": "MirrorSource", "source.cluster.alias": "a", "source.cluster.bootstrap.servers": "unused:1",
			"target.cluster.bootstrap.servers": "unused:1",
		},
	} {
		w.must(http.StatusCreated, "POST", "/connectors", map[string]any{"name": name, "config": conf, "initial_state": "STOPPED"})
		w.awaitStates(name, "STOPPED")
	}
	w.offsets("PATCH", "s", offset(`{"filename":"/tmp/in.txt"}`, `{"position":6}`), altered)
	w.offsets("PATCH", "k", offset(`{"kafka_topic":"t1","kafka_partition":0}`, `{"kafka_offset":6}`), altered)
	w.offsets("PATCH", "m", offset(`{"topic":"t1","cluster":"a","partition":0}`, `{"offset":5}`), altered)
	played := 0
	halfDone := false
	for _, e := range session {
		if e.Origin != "herder" || e.Method == http.MethodHead || strings.Contains(e.Response, mustBe) || strings.Contains(e.Path, "nope") {
			continue
		}
		played++
		var in any
		if e.Body != "" {
			in = json.RawMessage(e.Body)
		}
		status, body, err := w.call(e.Method, e.Path, in)
		if err != nil {
			t.Fatal(err)
		}
		want := e.Response
		if halfDone { // in Java
			want = strings.Replace(want, `{"kafka_offset":0}`, `{"kafka_offset":2}`, 1)
		}
		halfDone = strings.Contains(e.Body, `{"kafka_topic":"nope","kafka_partition":0},"offset":{"kafka_offset":1}}]`) && strings.Count(e.Body, "partition\":{") == 2
		if diff := cmp.Diff(fmt.Sprint(e.Status, " ", listed(t, want)), fmt.Sprint(status, " ", listed(t, body))); diff != "" {
			t.Errorf("%s %s %s (-java +ours)\n%s", e.Method, e.Path, e.Body, diff)
		}
	}
	if played < 100 {
		t.Errorf("only %d exchanges were played", played)
	}
}

// listed gives the offsets of an answer in some order, their fields in another: Java lists both by their hashes.
func listed(t *testing.T, body string) string {
	t.Helper()
	v, err := jackson.Parse([]byte(body))
	if err != nil {
		t.Fatal(err, body)
	}
	list, ok := v.(jackson.Object).Get("offsets")
	if !ok {
		return body
	}
	var out []string
	for _, o := range list.([]any) {
		text := ""
		for _, key := range []string{"partition", "offset"} {
			fields, _ := o.(jackson.Object).Get(key)
			sorted := slices.SortedFunc(slices.Values(fields.(jackson.Object)), func(a, b jackson.Member) int { return strings.Compare(a.Key, b.Key) })
			text += string(jackson.Append(nil, jackson.Object(sorted)))
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
