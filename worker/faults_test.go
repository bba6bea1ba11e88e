package worker_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/fault"
)

func TestTasksOutliveAConnectorThatCannotDivide(t *testing.T) {
	for _, action := range []string{fault.ActionError, fault.ActionPanic} {
		t.Run(action, func(t *testing.T) {
			p := newProbe()
			c := newWorkers(t, 2, p.register, nil)
			w := c.all[0]
			conf := source(2, "connector.class", probeClass)
			w.create("a", conf)
			w.awaitStates("a", "RUNNING RUNNING RUNNING")
			started := p.startsOf("a-0")
			// Fails twice, then works: the trace comes and goes.
			broken := maps.Clone(conf)
			maps.Copy(broken, map[string]string{
				fault.PropPoint: fault.PointTaskConfigs, fault.PropAction: action, fault.PropTimes: "3", "topic": "later",
			})
			w.must(http.StatusOK, "PUT", "/connectors/a/config", broken)
			w.eventually(func() error {
				s, err := w.status("a")
				if err == nil && (s.states() != "RUNNING RUNNING RUNNING" || !strings.Contains(s.Connector.Trace, "fault.point=task.configs")) {
					err = fmt.Errorf("status %+v", s)
				}
				return err
			})
			w.eventually(func() error {
				s, err := w.status("a")
				if err == nil && (s.states() != "RUNNING RUNNING RUNNING" || s.Connector.Trace != "" || p.startsOf("a-0") == started) {
					err = fmt.Errorf("status %+v", s)
				}
				return err
			})
			w.eventually(func() error {
				if len(c.kafka.values("later")) == 0 {
					return errors.New("tasks have not got the new config")
				}
				return nil
			})
		})
	}
}

func TestTooManyTasksFailTheConnector(t *testing.T) {
	greedy := greedyConnector{}
	c := newWorkers(t, 1, greedy.register, nil)
	w := c.all[0]
	w.create("a", map[string]string{"connector.class": greedyClass, "tasks.max": "2"})
	s := w.awaitStates("a", "FAILED")
	if !strings.Contains(s.Connector.Trace, "generated 3 tasks, which is greater than 2") {
		t.Errorf("trace %q", s.Connector.Trace)
	}
	w.must(http.StatusOK, "PUT", "/connectors/a/config", map[string]string{
		"connector.class": greedyClass, "tasks.max": "2", "tasks.max.enforce": "false",
	})
	w.awaitStates("a", "RUNNING RUNNING RUNNING RUNNING")
}

const greedyClass = "test.GreedyConnector"

// greedyConnector always wants three tasks.
type greedyConnector struct{ connect.Connector }

func (g greedyConnector) register(r connect.Registrar) {
	set := fault.New()
	p := set.Source()
	newConnector := p.New
	p.Class, p.TaskClass = greedyClass, "test.GreedyTask"
	p.New = func() connect.Connector { return threeTasks{newConnector()} }
	r.Connector(p)
}

// A connector whose every kind of call hangs delays nobody else: not REST, not other connectors, not the end.
func TestHangingConnectorsDelayNobody(t *testing.T) {
	for _, point := range []string{
		fault.PointConnectorStart, fault.PointConnectorStop, fault.PointTaskConfigs, fault.PointTaskStart, fault.PointTaskStop,
		fault.PointPoll, fault.PointCommit,
	} {
		t.Run(point, func(t *testing.T) {
			c := newWorkers(t, 2, nil, map[string]string{"task.shutdown.graceful.timeout.ms": "300"})
			w := c.all[0]
			w.create("bad", source(2, fault.PropPoint, point, fault.PropAction, fault.ActionBlock))
			w.create("good", source(2))
			w.awaitStates("good", "RUNNING RUNNING RUNNING")
			w.must(http.StatusOK, "PUT", "/connectors/bad/config", source(3, fault.PropPoint, point, fault.PropAction, fault.ActionBlock))
			w.must(http.StatusAccepted, "PUT", "/connectors/bad/pause", nil)
			w.must(http.StatusAccepted, "PUT", "/connectors/good/pause", nil)
			w.awaitStates("good", "PAUSED PAUSED PAUSED")
			w.must(http.StatusAccepted, "PUT", "/connectors/good/resume", nil)
			w.awaitStates("good", "RUNNING RUNNING RUNNING")
			w.must(http.StatusAccepted, "PUT", "/connectors/bad/resume", nil)
			w.must(http.StatusNoContent, "DELETE", "/connectors/good", nil)
			for _, w := range c.all {
				if err := w.stop(); err != nil {
					t.Errorf("stopped with %v", err)
				}
			}
		})
	}
}

func TestWhatCannotBeBuiltFails(t *testing.T) {
	c := newWorkers(t, 1, func(r connect.Registrar) {
		r.Transform(connect.TransformPlugin{Class: "test.Explosive", Config: config.New(), New: func() connect.Transform { return explosive{} }})
	}, nil)
	w := c.all[0]
	// Configs that another worker accepted, which has other plugins.
	put := func(name string, conf map[string]string) {
		t.Helper()
		conf["name"] = name
		if err := c.writeConfig(name, conf); err != nil {
			t.Fatal(err)
		}
	}
	put("unknown", map[string]string{"connector.class": "com.example.Nowhere"})
	s := w.awaitStates("unknown", "FAILED")
	if !strings.Contains(s.Connector.Trace, "com.example.Nowhere") {
		t.Errorf("trace %q", s.Connector.Trace)
	}
	for name, more := range map[string][]string{
		"converter": {"value.converter", "com.example.NoConverter"},
		"transform": {"transforms", "x", "transforms.x.type", "com.example.NoTransform"},
		"panic":     {"transforms", "x", "transforms.x.type", "test.Explosive"},
		"tolerance": {"errors.tolerance", "some"},
		"creation":  {"topic.creation.default.partitions", "many"},
	} {
		put(name, source(1, more...))
		s := w.awaitStates(name, "RUNNING FAILED")
		for _, word := range append(more[len(more)-1:], more[len(more)-2]) {
			if name != "panic" && !strings.Contains(s.Tasks[0].Trace, word) {
				t.Errorf("%s: trace %q does not name %s", name, s.Tasks[0].Trace, word)
			}
		}
		if name == "panic" && !strings.Contains(s.Tasks[0].Trace, "boom") {
			t.Errorf("trace %q", s.Tasks[0].Trace)
		}
		w.must(http.StatusInternalServerError, "POST", "/connectors/"+name+"/tasks/0/restart", nil)
	}
}

// explosive panics when it is configured.
type explosive struct{ connect.Transform }

func (explosive) Configure(map[string]string) error { panic("boom") }
