// Package e2e tests the connectd binary as its users run it: several worker processes on real Kafka brokers, driven by
// HTTP, killed and joined by Java workers. Nothing of the worker's rooms is imported.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
)

// connectd is the binary as built by TestMain.
var connectd string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "connectd-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	connectd = filepath.Join(dir, "connectd")
	build := exec.Command("go", "build", "-o", connectd, "../cmd/connectd")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building connectd:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// node is one connectd worker process.
type node struct {
	*testkit.Process
	url string
	id  string // worker_id
}

// workerProps are an operator's properties, short timeouts apart.
func workerProps(bootstrap, group string, port int, more map[string]string) map[string]string {
	props := map[string]string{
		"bootstrap.servers":                 bootstrap,
		"group.id":                          group,
		"key.converter":                     "org.apache.kafka.connect.json.JsonConverter",
		"value.converter":                   "org.apache.kafka.connect.json.JsonConverter",
		"config.storage.topic":              group + "-configs",
		"config.storage.replication.factor": "1",
		"offset.storage.topic":              group + "-offsets",
		"offset.storage.replication.factor": "1",
		"status.storage.topic":              group + "-status",
		"status.storage.replication.factor": "1",
		"listeners":                         fmt.Sprintf("http://127.0.0.1:%d", port),
		"rest.advertised.host.name":         "127.0.0.1",
		"rest.advertised.port":              fmt.Sprint(port),
		"session.timeout.ms":                "6000",
		"heartbeat.interval.ms":             "1000",
		"scheduled.rebalance.max.delay.ms":  "2000",
		"offset.flush.interval.ms":          "1000",
	}
	for k, v := range more {
		props[k] = v
	}
	return props
}

func writeProps(t testing.TB, props map[string]string) string {
	t.Helper()
	var b strings.Builder
	for k, v := range props {
		fmt.Fprintf(&b, "%s=%s\n", k, v)
	}
	file := filepath.Join(t.TempDir(), "worker.properties")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// startNode starts a worker and waits until it is healthy.
func startNode(t testing.TB, bootstrap, group string, more map[string]string) *node {
	t.Helper()
	return startNodeAt(t, bootstrap, group, testkit.FreePort(t), more)
}

// startNodeAt is startNode for a port of the caller's choice.
func startNodeAt(t testing.TB, bootstrap, group string, port int, more map[string]string) *node {
	t.Helper()
	file := writeProps(t, workerProps(bootstrap, group, port, more))
	n := &node{url: fmt.Sprintf("http://127.0.0.1:%d", port), id: fmt.Sprintf("127.0.0.1:%d", port)}
	n.Process = testkit.StartProcess(t, testkit.ProcessSpec{
		Name: fmt.Sprintf("connectd-%d", port),
		Path: connectd, Args: []string{"distributed", file},
	})
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		return n.get(ctx, "/health", nil)
	})
	return n
}

// call makes a request and decodes a successful answer into out, unless that is nil.
func call(ctx context.Context, method, url string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, answer)
	}
	if out != nil && len(answer) > 0 {
		return resp.StatusCode, json.Unmarshal(answer, out)
	}
	return resp.StatusCode, nil
}

func (n *node) get(ctx context.Context, path string, out any) error {
	_, err := call(ctx, http.MethodGet, n.url+path, nil, out)
	return err
}

// do makes a request that must succeed, trying again while the group rebalances, or a worker can't reach another one. What an
// attempt created that was not told of its success counts.
func do(t testing.TB, method, url string, in, out any) {
	t.Helper()
	again := false
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		status, err := call(ctx, method, url, in, out)
		switch {
		case err == nil || again && method == http.MethodPost && strings.Contains(err.Error(), "already exists"):
			return nil
		case status >= 400 && status < 500 && status != http.StatusConflict:
			t.Fatal(err)
		}
		again = true
		return err
	})
}

// status is GET /connectors/{name}/status.
type status struct {
	Connector struct {
		State    string `json:"state"`
		WorkerID string `json:"worker_id"`
		Trace    string `json:"trace"`
	} `json:"connector"`
	Tasks []struct {
		ID       int    `json:"id"`
		State    string `json:"state"`
		WorkerID string `json:"worker_id"`
		Trace    string `json:"trace"`
	} `json:"tasks"`
	Type string `json:"type"`
}

// workers counts the running tasks of each worker.
func (s *status) workers() map[string]int {
	out := map[string]int{}
	for _, t := range s.Tasks {
		if t.State == "RUNNING" {
			out[t.WorkerID]++
		}
	}
	return out
}

// awaitTasks waits until n tasks run on exactly these workers.
func awaitTasks(t testing.TB, base, connector string, n int, ids ...string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		var s status
		if _, err := call(ctx, http.MethodGet, base+"/connectors/"+connector+"/status", nil, &s); err != nil {
			return err
		}
		w := s.workers()
		total := 0
		for _, id := range ids {
			if w[id] == 0 {
				return fmt.Errorf("no task runs on %s: %+v", id, s)
			}
			total += w[id]
		}
		if total != n || len(w) != len(ids) || len(s.Tasks) != n {
			return fmt.Errorf("want %d tasks on %v, have %+v", n, ids, s)
		}
		return nil
	})
}

// mirrorConfig is a MirrorSource from source to target.
func mirrorConfig(source, target, topics string, tasks int) map[string]string {
	return map[string]string{
		"connector.class":                        "MirrorSource",
		"tasks.max":                              fmt.Sprint(tasks),
		"source.cluster.alias":                   "S",
		"target.cluster.alias":                   "T",
		"source.cluster.bootstrap.servers":       source,
		"target.cluster.bootstrap.servers":       target,
		"topics":                                 topics,
		"replication.factor":                     "1",
		"offset-syncs.topic.replication.factor":  "1",
		"refresh.topics.interval.seconds":        "2",
		"sync.topic.acls.enabled":                "false",
		"producer.override.linger.ms":            "10",
		"producer.override.batch.size":           "131072",
		"producer.override.compression.type":     "lz4",
		"consumer.poll.timeout.ms":               "500",
		"source.consumer.auto.offset.reset":      "earliest",
		"sync.topic.configs.interval.seconds":    "2",
		"offset.lag.max":                         "100",
		"source.cluster.metadata.max.age.ms":     "2000",
		"errors.log.enable":                      "true",
		"config.action.reload":                   "none",
		"source.cluster.connections.max.idle.ms": "540000",
	}
}

func create(t testing.TB, base, name string, conf map[string]string) {
	t.Helper()
	do(t, http.MethodPost, base+"/connectors", map[string]any{"name": name, "config": conf}, nil)
}
