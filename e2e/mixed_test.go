package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
)

// peer is one worker of a mixed group, Java's or ours.
type peer struct {
	*testkit.Process
	url string
	id  string // worker_id
}

// mixed is a Connect group of Java workers and connectd.
type mixed struct {
	bootstrap, group string
	http             *http.Client
	secure           bool
	props            map[string]string // of both kinds of worker
}

// mixedProps keep the rounds of a group short.
func mixedProps(more map[string]string) map[string]string {
	return merged(map[string]string{
		"session.timeout.ms": "6000", "heartbeat.interval.ms": "250", "scheduled.rebalance.max.delay.ms": "1000",
		"offset.flush.interval.ms": "500", "key.converter": "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":             "org.apache.kafka.connect.storage.StringConverter",
		"consumer.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "250",
		"offset.storage.partitions": "2", "status.storage.partitions": "1",
	}, more)
}

func newMixed(bootstrap, group string) *mixed {
	return &mixed{bootstrap: bootstrap, group: group, http: http.DefaultClient, props: mixedProps(nil)}
}

// connectd starts one of our workers and waits until it is a member.
func (m *mixed) connectd(t *testing.T, more map[string]string) *peer {
	t.Helper()
	port, scheme := testkit.FreePort(t), "http"
	if m.secure {
		scheme = "https"
	}
	props := workerProps(m.bootstrap, m.group, port, merged(m.props, more))
	p := &peer{url: fmt.Sprintf("%s://127.0.0.1:%d", scheme, port), id: fmt.Sprintf("127.0.0.1:%d", port)}
	props["listeners"] = p.url
	p.Process = testkit.StartProcess(t, testkit.ProcessSpec{
		Name: "connectd at " + p.url, Path: connectd, Args: []string{"distributed", writeProps(t, props)},
	})
	m.await(t, p, "/health", nil)
	return p
}

// java starts a Java worker and waits until it serves.
func (m *mixed) java(t *testing.T, more map[string]string, options ...testkit.Option) *peer {
	t.Helper()
	if m.secure {
		options = append(options, testkit.HTTPS())
	}
	for k, v := range merged(m.props, more) {
		options = append(options, testkit.Property(k, v))
	}
	j := testkit.StartJavaWorker(t, m.bootstrap, m.group, options...)
	_, id, _ := strings.Cut(j.URL, "://")
	p := &peer{Process: j.Process, url: j.URL, id: id}
	m.await(t, p, "/connectors", nil)
	return p
}

// reply is what a worker said to a request.
type reply struct {
	status int
	body   string
}

func (a reply) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// send makes one request. The body is sent as it is; headers are pairs of name and value.
func (m *mixed) send(ctx context.Context, method, url, body string, headers ...string) (reply, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return reply{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := m.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(bytes.TrimSpace(data))}, err
}

// await gets a path until it is answered with success.
func (m *mixed) await(t *testing.T, p *peer, path string, out any) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error { return m.get(ctx, p, path, out) })
}

func (m *mixed) get(ctx context.Context, p *peer, path string, out any) error {
	a, err := m.send(ctx, http.MethodGet, p.url+path, "")
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("GET %s%s: %v", p.url, path, a)
	}
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal([]byte(a.body), out)
}

// ask makes a request that must succeed; it is made again while the group rebalances, so it must bear that.
func (m *mixed) ask(t *testing.T, p *peer, method, path string, in any) {
	t.Helper()
	body := ""
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = string(b)
	}
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		a, err := m.send(ctx, method, p.url+path, body)
		switch {
		case err != nil:
			return err
		case a.status < 300, strings.Contains(a.body, "already exists"):
			return nil // the second: an attempt before was not told of its success
		case a.status < 500 && a.status != http.StatusConflict:
			t.Fatalf("%s %s%s: %v", method, p.url, path, a)
		}
		return fmt.Errorf("%s %s%s: %v", method, p.url, path, a)
	})
}

var roundLine = regexp.MustCompile(`herder: joined the group: .*protocol=(\w+) leader=(https?://[^ ]*?)/? connectors`)

// round tells by which protocol and leader the worker of ours last completed a round.
func round(p *peer) (protocol, leader string) {
	all := roundLine.FindAllStringSubmatch(p.Log(), -1)
	if len(all) == 0 {
		return "", ""
	}
	last := all[len(all)-1]
	return last[1], last[2]
}

// awaitRound waits until our worker is in a group with this leader and protocol.
func awaitRound(t *testing.T, ours, leader *peer, protocol string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(context.Context) error {
		if p, l := round(ours); p != protocol || l != leader.url {
			return fmt.Errorf("the group speaks %q and is led by %q; want %s and %s", p, l, protocol, leader.url)
		}
		return nil
	})
}

// placed says where a connector and its tasks run.
type placed struct {
	connector string
	tasks     []string // worker of each task
}

// running waits until these connectors run with so many tasks each, and hands back where.
func (m *mixed) running(t *testing.T, p *peer, want map[string]int, also func(map[string]placed) error) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		out := map[string]placed{}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			var s status
			if err := m.get(ctx, p, "/connectors/"+name+"/status", &s); err != nil {
				return err
			}
			if s.Connector.State != "RUNNING" || len(s.Tasks) != want[name] {
				return fmt.Errorf("want connector %s to run with %d tasks: %+v", name, want[name], s)
			}
			at := placed{connector: s.Connector.WorkerID}
			for _, task := range s.Tasks {
				if task.State != "RUNNING" {
					return fmt.Errorf("want all tasks of %s to run: %+v", name, s)
				}
				at.tasks = append(at.tasks, task.WorkerID)
			}
			out[name] = at
		}
		if also == nil {
			return nil
		}
		return also(out)
	})
}

// balanced wants connectors and tasks dealt out evenly among these workers.
func balanced(peers ...*peer) func(map[string]placed) error {
	return func(all map[string]placed) error {
		connectors, tasks := map[string]int{}, map[string]int{}
		for _, p := range peers {
			connectors[p.id], tasks[p.id] = 0, 0
		}
		for _, at := range all {
			connectors[at.connector]++
			for _, w := range at.tasks {
				tasks[w]++
			}
		}
		for _, counts := range []map[string]int{connectors, tasks} {
			least, most := slices.Min(slices.Collect(maps.Values(counts))), slices.Max(slices.Collect(maps.Values(counts)))
			if most-least > 1 || len(counts) != len(peers) {
				return fmt.Errorf("connectors %v and tasks %v are not evenly dealt out: %+v", connectors, tasks, all)
			}
		}
		return nil
	}
}

// awaitConnectors waits until every worker lists exactly these.
func (m *mixed) awaitConnectors(t *testing.T, want []string, peers ...*peer) {
	t.Helper()
	for _, p := range peers {
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
			var got []string
			if err := m.get(ctx, p, "/connectors", &got); err != nil {
				return err
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				return fmt.Errorf("%s has connectors %v, want %v", p.url, got, want)
			}
			return nil
		})
	}
}
