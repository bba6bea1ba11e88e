package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/fault"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/worker"
)

// flowStates waits until a connector and so many tasks run, by what a worker knows.
func (w *testWorker) flowStates(name string, tasks int) {
	w.t.Helper()
	w.eventually(func() error {
		s, err := w.ConnectorStatus(w.t.Context(), name)
		if err != nil {
			return err
		}
		running := func(t api.TaskStatus) bool { return t.State == string(cluster.Running) }
		if s.Connector.State != string(cluster.Running) || len(s.Tasks) != tasks || !slices.ContainsFunc(s.Tasks, running) {
			return fmt.Errorf("%+v", s)
		}
		for _, t := range s.Tasks {
			if !running(t) || !strings.Contains(t.WorkerID, "/A->B/") {
				return fmt.Errorf("%+v", s)
			}
		}
		return nil
	})
}

// TestFlowWithoutREST: nodes that can't ask each other share connectors that come from a file, and a connector's tasks run
// whoever runs the connector.
func TestFlowWithoutREST(t *testing.T) {
	c := newWorkers(t, 0, nil, nil)
	names := []string{"a", "b", "c", "d"}
	c.flow = &worker.Flow{Name: "A->B"}
	for _, name := range names {
		c.flow.Connectors = append(c.flow.Connectors, worker.FlowConnector{Name: name, Config: source(2, "name", name, "topic", "from-file")})
	}
	c.add()
	c.add()
	for _, name := range names {
		c.all[1].flowStates(name, 2)
	}
	leader, follower := c.apart()
	follower.eventually(func() error {
		if v := follower.View(); v.Connectors == 0 {
			return fmt.Errorf("the follower has no connector: %+v", v)
		}
		return nil
	})
	// A node with another file leads next: its file wins, and more tasks are made by whoever has the connectors.
	c.flow = &worker.Flow{Name: "A->B"}
	for _, name := range names {
		c.flow.Connectors = append(c.flow.Connectors, worker.FlowConnector{Name: name, Config: source(3, "name", name, "topic", "changed")})
	}
	third := c.add()
	for _, w := range []*testWorker{leader, follower} {
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range names {
		third.flowStates(name, 3)
	}
	fourth := c.add()
	for _, name := range names {
		fourth.flowStates(name, 3)
	}
}

// TestFlowRefusedConfig: a config that is refused does not hold up the others, and the log says once why.
func TestFlowRefusedConfig(t *testing.T) {
	log := &lockedLog{}
	c := newLoggingWorkers(t, 0, nil, nil, log)
	c.flow = &worker.Flow{Name: "A->B", Connectors: []worker.FlowConnector{
		{Name: "bad", Config: map[string]string{"connector.class": fault.SourceClass, "tasks.max": "none", "name": "bad"}},
		{Name: "good", Config: source(1, "name", "good")},
	}}
	w := c.add()
	w.flowStates("good", 1)
	text := log.take() // it was told of before the good one was configured
	if strings.Count(text, "can't be configured as the properties file says") != 1 ||
		!strings.Contains(text, "Invalid value none for configuration tasks.max") || strings.Contains(text, "connectorType}") {
		t.Error(text)
	}
}
