package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/converter"
	"github.com/connectd/connectd/connectors/fault"
	"github.com/connectd/connectd/connectors/file"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
	"github.com/connectd/connectd/worker"
	"github.com/connectd/connectd/worker/group"
	"github.com/connectd/connectd/worker/plugin"
	"github.com/connectd/connectd/worker/workerconf"
)

// patience is how long a test waits for what must happen: far longer than it takes.
const patience = 30 * time.Second

// workers is a Connect cluster within the test's process: real workers, group membership and REST, a fake Kafka for
// topics.
type workers struct {
	t      testing.TB
	kafka  *fakeKafka
	group  *kgoclient.Embedded
	faults *fault.Set
	all    []*testWorker
	more   func(connect.Registrar)
	props  map[string]string
	// log gets what the workers log, where it is not nil.
	log io.Writer
	// flow makes the workers nodes of the dedicated mode without REST, where it is not nil.
	flow *worker.Flow
}

type testWorker struct {
	*worker.Worker
	t    testing.TB
	logs *worker.Logs
	id   string
	stop func() error // ends it in order, and gives what Run returned
}

// newWorkers starts n workers and waits until each is healthy.
func newWorkers(t testing.TB, n int, more func(connect.Registrar), props map[string]string) *workers {
	t.Helper()
	return newLoggingWorkers(t, n, more, props, nil)
}

// newLoggingWorkers is newWorkers for tests that look at the log.
func newLoggingWorkers(t testing.TB, n int, more func(connect.Registrar), props map[string]string, log io.Writer) *workers {
	t.Helper()
	testkit.NoLeaks(t)
	e, err := kgoclient.StartEmbedded(kgoclient.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	c := &workers{t: t, kafka: newFakeKafka(), group: e, faults: fault.New(), more: more, props: props, log: log}
	for range n {
		c.add()
	}
	// Blocks are released first, so that abandoned code ends too.
	t.Cleanup(c.faults.Release)
	return c
}

func (c *workers) add() *testWorker {
	c.t.Helper()
	props := map[string]string{
		"bootstrap.servers": "unused:1", "group.id": "g",
		"config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
		"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"listeners":       "http://127.0.0.1:0", "rest.advertised.host.name": "127.0.0.1",
		"heartbeat.interval.ms": "100", "session.timeout.ms": "6000", "scheduled.rebalance.max.delay.ms": "200",
		"offset.flush.interval.ms": "100", "task.shutdown.graceful.timeout.ms": "1000",
	}
	maps.Copy(props, c.props)
	conf, _, err := workerconf.Parse(props)
	if err != nil {
		c.t.Fatal(err)
	}
	client, err := kgo.NewClient(append(group.ClientOptions(), kgo.SeedBrokers(c.group.Addrs()...), kgo.DisableClientMetrics())...)
	if err != nil {
		c.t.Fatal(err)
	}
	registry := plugin.New()
	converter.Register(registry)
	file.Register(registry)
	c.faults.Register(registry)
	if c.more != nil {
		c.more(registry)
	}
	out, level := io.Discard, hclog.Info
	switch {
	case c.log != nil:
		out, level = c.log, hclog.Trace
	case testing.Verbose():
		out = c.t.Output()
	}
	logs := worker.NewLogs(hclog.New(&hclog.LoggerOptions{
		Name: fmt.Sprintf("w%d", len(c.all)+1), Level: level, Output: out, IndependentLevels: true,
	}))
	w, err := worker.New(context.Background(), worker.Config{
		Conf: conf, Registry: registry, Kafka: c.kafka, Group: client, Logs: logs, Version: "test", Commit: "none",
		Resolve: resolveSecrets, Flow: c.flow,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		defer client.Close()
		done <- w.Run(ctx)
	}()
	u, err := url.Parse(w.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	tw := &testWorker{Worker: w, t: c.t, logs: logs, id: u.Host}
	tw.stop = func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	c.t.Cleanup(func() {
		if err := tw.stop(); err != nil {
			c.t.Errorf("worker %s ended with %v", tw.id, err)
		}
	})
	c.all = append(c.all, tw)
	tw.eventually(func() error {
		if c.flow != nil {
			return tw.Health(c.t.Context())
		}
		return tw.expect(http.StatusOK, "GET", "/health", nil, nil)
	})
	return tw
}

// resolveSecrets stands for config providers.
func resolveSecrets(props map[string]string) (map[string]string, error) {
	out := maps.Clone(props)
	for k, v := range out {
		out[k] = strings.ReplaceAll(v, "${vault:secret}", "open sesame")
	}
	return out, nil
}

func (w *testWorker) eventually(f func() error) {
	w.t.Helper()
	testkit.Eventually(w.t, patience, func(context.Context) error { return f() })
}

var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// call makes a request; in becomes the JSON body unless it is nil.
func (w *testWorker) call(method, path string, in any) (status int, body string, err error) {
	var r io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return 0, "", err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, strings.TrimSuffix(w.URL(), "/")+path, r)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := httpClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// expect makes a request that must be answered with status, and decodes the answer into out unless that is nil.
func (w *testWorker) expect(status int, method, path string, in, out any) error {
	got, body, err := w.call(method, path, in)
	switch {
	case err != nil:
		return err
	case got != status:
		return fmt.Errorf("%s %s answered %d %s, want %d", method, path, got, body, status)
	case out != nil:
		return json.Unmarshal([]byte(body), out)
	}
	return nil
}

// must is expect for what must succeed at once.
func (w *testWorker) must(status int, method, path string, in any) {
	w.t.Helper()
	if err := w.expect(status, method, path, in, nil); err != nil {
		w.t.Fatal(err)
	}
}

// create posts a connector.
func (w *testWorker) create(name string, conf map[string]string) {
	w.t.Helper()
	w.must(http.StatusCreated, "POST", "/connectors", map[string]any{"name": name, "config": conf})
}

type state struct {
	ID       int    `json:"id"`
	State    string `json:"state"`
	WorkerID string `json:"worker_id"`
	Trace    string `json:"trace"`
	Version  string `json:"version"`
}

type status struct {
	Connector state   `json:"connector"`
	Tasks     []state `json:"tasks"`
}

// states are the connector's state and then those of its tasks.
func (s status) states() string {
	out := []string{s.Connector.State}
	for _, t := range s.Tasks {
		out = append(out, t.State)
	}
	return strings.Join(out, " ")
}

// perWorker is how many tasks each worker has, sorted.
func (s status) perWorker() (out []int) {
	n := map[string]int{}
	for _, t := range s.Tasks {
		n[t.WorkerID]++
	}
	return slices.Sorted(maps.Values(n))
}

func (w *testWorker) status(name string) (s status, err error) {
	err = w.expect(http.StatusOK, "GET", "/connectors/"+url.PathEscape(name)+"/status", nil, &s)
	return s, err
}

// awaitStates waits until a connector and its tasks have these states, and gives the whole status.
func (w *testWorker) awaitStates(name, states string) (s status) {
	w.t.Helper()
	w.eventually(func() (err error) {
		if s, err = w.status(name); err == nil && s.states() != states {
			err = fmt.Errorf("states of %s are %s, want %s: %+v", name, s.states(), states, s)
		}
		return err
	})
	return s
}

// source is the config of a faulty source.
func source(tasks int, more ...string) map[string]string {
	conf := map[string]string{
		"connector.class": fault.SourceClass, "tasks.max": fmt.Sprint(tasks), "topic": "out", "poll.interval.ms": "20",
	}
	for i := 0; i < len(more); i += 2 {
		conf[more[i]] = more[i+1]
	}
	return conf
}

// apart picks a leader and a follower.
func (c *workers) apart() (leader, follower *testWorker) {
	c.t.Helper()
	for _, w := range c.all {
		if w.View().IsLeader {
			leader = w
		} else {
			follower = w
		}
	}
	if leader == nil || follower == nil {
		c.t.Fatal("no leader or no follower")
	}
	return leader, follower
}

func fileHolds(path, want string) error {
	data, err := os.ReadFile(path)
	if err == nil && string(data) != want {
		err = fmt.Errorf("%s holds %q, want %q", path, data, want)
	}
	return err
}
