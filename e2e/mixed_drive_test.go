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

// files is a pair of connectors: lines of a file go to a topic by one task, and from there to another file by several.
type files struct {
	m              *mixed
	source, sink   string // names of connectors
	topic, in, out string
	lines          int
	// settled is the first line that no worker was killed after: it and later ones come once.
	settled int
	// restartsBy is the worker that restarts of connectors with their tasks are asked of, where not any will do: one of the 3.9 line does
	// not understand what newer workers answer, Java's or ours.
	restartsBy *peer
}

func newFiles(t *testing.T, m *mixed) *files {
	t.Helper()
	dir := t.TempDir()
	f := &files{
		m: m, source: m.group + "->in", sink: m.group + "-out", topic: m.group + "-lines",
		in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out"),
	}
	createTopic(t, m.bootstrap, f.topic, 4, nil)
	f.write(t, 500)
	return f
}

func (f *files) path(name, rest string) string {
	return "/connectors/" + strings.ReplaceAll(name, ">", "%3E") + rest
}

func (f *files) sourceConfig() map[string]string {
	return map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": f.in, "topic": f.topic}
}

func (f *files) sinkConfig(tasks int) map[string]string {
	return map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": fmt.Sprint(tasks), "file": f.out, "topics": f.topic,
	}
}

// write appends n more lines, numbered.
func (f *files) write(t *testing.T, n int) {
	t.Helper()
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "line %d\n", f.lines)
		f.lines++
	}
	file, err := os.OpenFile(f.in, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(b.String()); err != nil {
		t.Fatal(err)
	}
}

// killed says that a worker was killed: what it copied last may come again.
func (f *files) killed() { f.settled = f.lines }

// verify wants each line in the topic, and but once unless a worker was killed: else a task ran twice, or was not asked where it
// was before it stopped.
func (f *files) verify(t *testing.T) {
	t.Helper()
	cl := kafkaClient(t, f.m.bootstrap, kgo.ConsumeTopics(f.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := map[string]int{}
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
		for i := range f.lines {
			if seen[fmt.Sprintf("line %d", i)] == 0 {
				return fmt.Errorf("line %d of %d is missing", i, f.lines)
			}
		}
		return nil
	})
	for i := f.settled; i < f.lines; i++ {
		if n := seen[fmt.Sprintf("line %d", i)]; n > 1 {
			t.Fatalf("%s: line %d of %d came %d times", f.topic, i, f.lines, n)
		}
	}
}

// soleTasks waits until the sink's consumer group has one member for each task: none that another worker forgot to stop.
func (f *files) soleTasks(t *testing.T, tasks int) {
	t.Helper()
	admin := kadm.NewClient(kafkaClient(t, f.m.bootstrap))
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		groups, err := admin.DescribeGroups(ctx, "connect-"+f.sink)
		if err != nil {
			return err
		}
		g := groups["connect-"+f.sink]
		ids := map[string]bool{}
		for _, member := range g.Members {
			ids[member.ClientID] = true
		}
		if g.Err != nil || len(ids) != tasks || len(g.Members) != tasks {
			return fmt.Errorf("%s has %d members with client ids %v, want %d: %v", g.Group, len(g.Members), ids, tasks, g.Err)
		}
		return nil
	})
}

// create makes both connectors, each through another worker, and waits until they run everywhere.
func (f *files) create(t *testing.T, a, b *peer) {
	t.Helper()
	f.m.ask(t, a, http.MethodPost, "/connectors", map[string]any{"name": f.source, "config": f.sourceConfig()})
	f.m.ask(t, b, http.MethodPost, "/connectors", map[string]any{"name": f.sink, "config": f.sinkConfig(3)})
	f.balanced(t, a, b, 3)
}

// balanced waits until both connectors and their tasks run, half on each worker.
func (f *files) balanced(t *testing.T, a, b *peer, tasks int) {
	t.Helper()
	f.m.running(t, a, map[string]int{f.source: 1, f.sink: tasks}, balanced(a, b))
	f.m.running(t, b, map[string]int{f.source: 1, f.sink: tasks}, balanced(a, b))
	f.soleTasks(t, tasks)
}

// reconfigure has each worker change the number of tasks, whichever of them owns the connector and leads.
func (f *files) reconfigure(t *testing.T, a, b *peer) {
	t.Helper()
	f.m.ask(t, a, http.MethodPut, f.path(f.sink, "/config"), f.sinkConfig(5))
	f.balanced(t, a, b, 5)
	f.m.ask(t, b, http.MethodPut, f.path(f.sink, "/config"), f.sinkConfig(3))
	f.balanced(t, a, b, 3)
}

// operate restarts, pauses and stops through both workers.
func (f *files) operate(t *testing.T, a, b *peer) {
	t.Helper()
	m, all := f.m, map[string]int{f.source: 1, f.sink: 3}
	for i, p := range []*peer{a, b} {
		m.ask(t, p, http.MethodPost, f.path(f.source, "/restart"), nil)
		m.ask(t, p, http.MethodPost, f.path(f.sink, fmt.Sprintf("/tasks/%d/restart", i)), nil)
		m.ask(t, p, http.MethodPost, f.path(f.source, "/tasks/0/restart"), nil)
		by := p
		if f.restartsBy != nil {
			by = f.restartsBy
		}
		m.ask(t, by, http.MethodPost, f.path(f.sink, "/restart?includeTasks=true"), nil)
		m.running(t, p, all, nil)
	}
	m.ask(t, a, http.MethodPut, f.path(f.sink, "/pause"), nil)
	f.state(t, b, "PAUSED", 3)
	m.ask(t, b, http.MethodPut, f.path(f.sink, "/resume"), nil)
	m.running(t, a, all, nil)
	m.ask(t, b, http.MethodPut, f.path(f.sink, "/stop"), nil)
	f.state(t, a, "STOPPED", 0)
	m.ask(t, a, http.MethodPut, f.path(f.sink, "/resume"), nil)
	f.balanced(t, a, b, 3)
	f.write(t, 100)
	f.verify(t)
}

// state waits until the sink and all its tasks are in a state.
func (f *files) state(t *testing.T, p *peer, want string, tasks int) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		var s status
		if err := f.m.get(ctx, p, f.path(f.sink, "/status"), &s); err != nil {
			return err
		}
		for _, task := range s.Tasks {
			if task.State != want {
				return fmt.Errorf("want task %d %s: %+v", task.ID, want, s)
			}
		}
		if s.Connector.State != want || len(s.Tasks) != tasks {
			return fmt.Errorf("want connector %s with %d tasks: %+v", want, tasks, s)
		}
		return nil
	})
}

// remove deletes both, each through another worker.
func (f *files) remove(t *testing.T, a, b *peer) {
	t.Helper()
	f.m.ask(t, b, http.MethodDelete, f.path(f.source, ""), nil)
	f.m.ask(t, a, http.MethodDelete, f.path(f.sink, ""), nil)
	f.m.awaitConnectors(t, nil, a, b)
}
