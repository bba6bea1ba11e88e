package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
)

// gate is a port by which workers reach another: shut it refuses connections, open it passes them through.
type gate struct {
	t    *testing.T
	addr string
	to   string // set before the first open

	mu    sync.Mutex
	ln    net.Listener
	conns []net.Conn
	wg    sync.WaitGroup
}

func newGate(t *testing.T) *gate {
	g := &gate{t: t, addr: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))}
	t.Cleanup(g.shut)
	return g
}

func (g *gate) open() {
	g.t.Helper()
	ln, err := net.Listen("tcp", g.addr)
	if err != nil {
		g.t.Fatal(err)
	}
	g.ln = ln
	g.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			g.wg.Go(func() { g.pass(c) })
		}
	})
}

func (g *gate) pass(c net.Conn) {
	defer c.Close()
	onward, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer onward.Close()
	g.mu.Lock()
	g.conns = append(g.conns, c, onward)
	g.mu.Unlock()
	g.wg.Go(func() {
		defer onward.Close()
		_, _ = io.Copy(onward, c)
	})
	_, _ = io.Copy(c, onward)
}

func (g *gate) shut() {
	if g.ln == nil {
		return
	}
	_ = g.ln.Close()
	g.ln = nil
	g.mu.Lock()
	for _, c := range g.conns {
		_ = c.Close()
	}
	g.conns = nil
	g.mu.Unlock()
	g.wg.Wait()
}

// leaderThatCannotBeReached has a leader whose advertised port refuses, while it is a healthy member of the group.
func leaderThatCannotBeReached(t *testing.T, broker *testkit.Broker) {
	g := newGate(t)
	host, port, _ := net.SplitHostPort(g.addr)
	a := startNode(t, broker.Bootstrap, "apart", map[string]string{"rest.advertised.host.name": host, "rest.advertised.port": port})
	g.to, a.id = strings.TrimPrefix(a.url, "http://"), g.addr
	g.open()
	file := map[string]string{}
	for _, name := range []string{"f1", "f2"} {
		file[name] = filepath.Join(t.TempDir(), name)
		writeLines(t, file[name], "one")
		create(t, a.url, name, map[string]string{"connector.class": "FileStreamSource", "file": file[name], "topic": name})
		awaitTasks(t, a.url, name, 1, a.id)
	}
	b := startNode(t, broker.Bootstrap, "apart", nil)
	name := connectorOn(t, a, b.id, "f1", "f2")
	awaitRecords(t, broker.Bootstrap, name, 1)
	g.shut()

	t.Run("requests to a follower fail as in Java, and do nothing", func(t *testing.T) {
		conf := map[string]string{"connector.class": "FileStreamSource", "file": file["f1"], "topic": "new"}
		for _, r := range []struct {
			method, path string
			body         any
		}{
			{http.MethodPost, "/connectors", map[string]any{"name": "new", "config": conf}},
			{http.MethodPut, "/connectors/new/config", conf},
			{http.MethodPut, "/connectors/f1/stop", nil},
			{http.MethodDelete, "/connectors/f1", nil},
		} {
			code, err := call(t.Context(), r.method, b.url+r.path, r.body, nil)
			if code != http.StatusInternalServerError || !strings.Contains(err.Error(), `"message":"IO Error trying to forward REST request: `) {
				t.Errorf("%s %s: %d %v", r.method, r.path, code, err)
			}
		}
		var names []string
		if err := a.get(t.Context(), "/connectors", &names); err != nil || !slices.Equal(names, []string{"f1", "f2"}) {
			t.Errorf("connectors %v, %v", names, err)
		}
	})
	t.Run("tasks go on when new configs cannot be handed over", func(t *testing.T) {
		do(t, http.MethodPut, a.url+"/connectors/"+name+"/config",
			map[string]string{"connector.class": "FileStreamSource", "file": file[name], "topic": "moved"}, nil)
		awaitTrace(t, a, name, "Failed to publish task configs", "refused")
		writeLines(t, file[name], "two")
		awaitRecords(t, broker.Bootstrap, name, 2)
		g.open()
		awaitTrace(t, a, name)
		writeLines(t, file[name], "three")
		awaitRecords(t, broker.Bootstrap, "moved", 1)
	})
}

// configTopicMadeAnew takes the config topic from under a worker, which goes on with what it knows; written again, its
// configs are there for the next worker.
func configTopicMadeAnew(t *testing.T, broker *testkit.Broker) {
	const topic = "anew-configs"
	a := startNode(t, broker.Bootstrap, "anew", nil)
	file := filepath.Join(t.TempDir(), "file")
	writeLines(t, file, "one")
	create(t, a.url, "n", map[string]string{"connector.class": "FileStreamSource", "file": file, "topic": "anew"})
	awaitTasks(t, a.url, "n", 1, a.id)
	admin := kadm.NewClient(kafkaClient(t, broker.Bootstrap))
	if _, err := admin.DeleteTopic(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	compact := "compact"
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		created, err := admin.CreateTopic(ctx, 1, 1, map[string]*string{"cleanup.policy": &compact}, topic)
		if err == nil {
			err = created.Err
		}
		return err
	})
	awaitLog(t, a, "topic "+topic)
	writeLines(t, file, "two")
	awaitRecords(t, broker.Bootstrap, "anew", 2)
	var conf map[string]string
	do(t, http.MethodGet, a.url+"/connectors/n/config", nil, &conf)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		_, err := call(ctx, http.MethodPut, a.url+"/connectors/n/config", conf, nil)
		return err
	})
	b := startNode(t, broker.Bootstrap, "anew", nil)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var s status
		if err := b.get(ctx, "/connectors/n/status", &s); err != nil || len(s.workers()) != 1 || s.Connector.State != "RUNNING" {
			return fmt.Errorf("%+v, %w", s, err)
		}
		return nil
	})
	a.Stop()
	awaitTasks(t, b.url, "n", 1, b.id)
	writeLines(t, file, "three")
	awaitRecords(t, broker.Bootstrap, "anew", 3)
}

// awaitRecords waits until a topic holds so many records.
func awaitRecords(t *testing.T, bootstrap, topic string, want int64) {
	t.Helper()
	cl := kafkaClient(t, bootstrap)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		n, err := ends(ctx, cl, topic)
		if err == nil && n < want {
			err = fmt.Errorf("%d of %d records in topic %s", n, want, topic)
		}
		return err
	})
}

func writeLines(t *testing.T, file string, lines ...string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, l := range lines {
		if _, err := fmt.Fprintln(f, l); err != nil {
			t.Fatal(err)
		}
	}
}

// connectorOn waits until a worker runs exactly one of the connectors, with its task running somewhere, and names it.
func connectorOn(t *testing.T, ask *node, worker string, names ...string) string {
	t.Helper()
	found := ""
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var there []string
		for _, name := range names {
			var s status
			if err := ask.get(ctx, "/connectors/"+name+"/status", &s); err != nil {
				return err
			}
			if s.Connector.State != "RUNNING" || len(s.workers()) != 1 {
				return fmt.Errorf("%s: %+v", name, s)
			}
			if s.Connector.WorkerID == worker {
				there = append(there, name)
			}
		}
		if len(there) != 1 {
			return fmt.Errorf("%s runs %v", worker, there)
		}
		found = there[0]
		return nil
	})
	return found
}

// awaitTrace waits until a connector is RUNNING, its trace holding all the words, or being empty without any.
func awaitTrace(t *testing.T, n *node, connector string, words ...string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var s status
		if err := n.get(ctx, "/connectors/"+connector+"/status", &s); err != nil {
			return err
		}
		for _, w := range words {
			if !strings.Contains(s.Connector.Trace, w) {
				return fmt.Errorf("the trace does not name %q: %+v", w, s)
			}
		}
		if s.Connector.State != "RUNNING" || len(s.workers()) != 1 || len(words) == 0 && s.Connector.Trace != "" {
			return fmt.Errorf("status %+v", s)
		}
		return nil
	})
}
