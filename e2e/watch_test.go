package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
)

// roster is the workers of a group as a test changes them.
type roster struct {
	mu    sync.Mutex
	nodes []*node
}

// set puts a worker in a place of the group.
func (r *roster) set(place int, n *node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.nodes) <= place {
		r.nodes = append(r.nodes, nil)
	}
	r.nodes[place] = n
}

// live are the workers whose processes run.
func (r *roster) live() (out []*node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.nodes {
		if n != nil && n.Running() {
			out = append(out, n)
		}
	}
	return out
}

// ids are the worker ids of all places.
func (r *roster) ids() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.nodes {
		out = append(out, n.id)
	}
	return out
}

// javaNode is a Java worker as one of the group's.
func javaNode(j *testkit.JavaWorker) *node {
	return &node{Process: j.Process, url: j.URL, id: strings.TrimPrefix(j.URL, "http://")}
}

// taskWatch looks at the status of a connector all the time.
type taskWatch struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	idle    []time.Time // since when a task has been seen not running; zero while it runs
	longest time.Duration
	longID  int
	failed  []string // tasks seen FAILED, once for each reason
}

// watchTasks begins to watch: a task counts as running when its status says so and names a worker whose process is there.
// Time in which no worker tells of the status counts neither way.
func watchTasks(t testing.TB, r *roster, connector string, tasks int) *taskWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &taskWatch{cancel: cancel, done: make(chan struct{}), idle: make([]time.Time, tasks)}
	t.Cleanup(w.stop)
	go func() {
		defer close(w.done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				w.look(ctx, r, connector)
			}
		}
	}()
	return w
}

// stop ends the watch.
func (w *taskWatch) stop() { w.cancel(); <-w.done }

// look takes the first answer that a worker gives.
func (w *taskWatch) look(ctx context.Context, r *roster, connector string) {
	for _, n := range r.live() {
		var s status
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := call(short, http.MethodGet, n.url+"/connectors/"+connector+"/status", nil, &s)
		cancel()
		if err == nil {
			w.note(r, &s)
			return
		}
	}
}

func (w *taskWatch) note(r *roster, s *status) {
	alive := map[string]bool{}
	for _, n := range r.live() {
		alive[n.id] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	running := make([]bool, len(w.idle))
	for _, task := range s.Tasks {
		if task.ID < len(running) {
			running[task.ID] = task.State == "RUNNING" && alive[task.WorkerID]
		}
		if task.State == "FAILED" {
			reason := fmt.Sprintf("task %d on %s: %.600s", task.ID, task.WorkerID, task.Trace)
			if !slices.Contains(w.failed, reason) {
				w.failed = append(w.failed, reason)
			}
		}
	}
	now := time.Now()
	for id, runs := range running {
		if !runs && w.idle[id].IsZero() {
			w.idle[id] = now
		}
		if !w.idle[id].IsZero() {
			if gone := now.Sub(w.idle[id]); gone > w.longest {
				w.longest, w.longID = gone, id
			}
		}
		if runs {
			w.idle[id] = time.Time{}
		}
	}
}

// longestIdle is the longest time in which a task ran nowhere, and the task.
func (w *taskWatch) longestIdle() (time.Duration, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.longest, w.longID
}

// failures are the tasks that were seen FAILED.
func (w *taskWatch) failures() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.failed)
}

// awaitSpread waits until the tasks of the connector run on all workers of the roster, as many on each but for one, and for the tasks
// that other connectors have besides.
func awaitSpread(t testing.TB, r *roster, connector string, tasks, besides int) {
	t.Helper()
	ids := r.ids()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		var s status
		if _, err := call(ctx, http.MethodGet, r.live()[0].url+"/connectors/"+connector+"/status", nil, &s); err != nil {
			return err
		}
		held, total, least := s.workers(), 0, tasks
		for _, id := range ids {
			total += held[id]
			least = min(least, held[id])
		}
		if total != tasks || len(s.Tasks) != tasks || least < tasks/len(ids)-besides {
			return fmt.Errorf("want %d tasks spread over %v, have %+v", tasks, ids, s)
		}
		return nil
	})
}
