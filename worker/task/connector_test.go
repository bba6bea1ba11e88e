package task

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
)

// fakeConnector writes its calls to the journal and does what its hooks say.
type fakeConnector struct {
	j       *journal
	cc      connect.ConnectorContext
	start   func(context.Context) error
	configs func(context.Context, int) ([]map[string]string, error)
	stop    func() error
}

func (c *fakeConnector) Start(ctx context.Context, cc connect.ConnectorContext, _ map[string]string) error {
	c.j.add("start")
	c.cc = cc
	if c.start != nil {
		return c.start(ctx)
	}
	return nil
}

func (c *fakeConnector) TaskConfigs(ctx context.Context, n int) ([]map[string]string, error) {
	c.j.add("configs %d", n)
	if c.configs != nil {
		return c.configs(ctx, n)
	}
	return make([]map[string]string, n), nil
}

func (c *fakeConnector) Stop() error {
	c.j.add("stop")
	if c.stop != nil {
		return c.stop()
	}
	return nil
}

type connectorRig struct {
	*journal
	conn *fakeConnector
	cfg  ConnectorConfig
}

func newConnectorRig() *connectorRig {
	j := &journal{}
	r := &connectorRig{journal: j, conn: &fakeConnector{j: j}}
	r.cfg = ConnectorConfig{
		Name: "m", New: func() connect.Connector { return r.conn }, Report: j.report,
		RequestReconfiguration: func() { j.add("reconfigure") },
	}
	return r
}

func (r *connectorRig) run(t *testing.T) *Connector {
	c := StartConnector(t.Context(), r.cfg)
	synctest.Wait()
	return c
}

// generate asks for two task configs and writes the answer to the journal.
func (r *connectorRig) generate(ctx context.Context, c *Connector) {
	c.GenerateTaskConfigs(ctx, 2, func(configs []map[string]string, err error) {
		if err != nil {
			r.report("generated", err)
			return
		}
		r.add("generated %d", len(configs))
	})
	synctest.Wait()
}

func TestConnectorLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newConnectorRig()
		c := r.run(t)
		r.generate(t.Context(), c)
		r.conn.cc.RequestTaskReconfiguration()
		c.SetTarget(cluster.TargetPaused)
		synctest.Wait()
		r.conn.cc.RequestTaskReconfiguration() // of the paused one: not heard
		r.generate(t.Context(), c)
		c.SetTarget(cluster.TargetStarted)
		synctest.Wait()
		c.SetTarget(cluster.TargetStarted)
		c.SetTarget(cluster.TargetStopped)
		synctest.Wait()
		c.Stop()
		ended(t, c)
		r.generate(t.Context(), c)
		equalLines(t, "journal", r.all(),
			"start", "state RUNNING", "configs 2", "generated 2", "reconfigure", "stop", "state PAUSED",
			"state generated: the connector is not running", "start", "state RUNNING", "stop", "state STOPPED", "state UNASSIGNED",
			"state generated: the connector is not running")
	})
}

func TestConnectorPausedFromTheStart(t *testing.T) {
	for _, target := range []cluster.TargetState{cluster.TargetPaused, cluster.TargetStopped} {
		t.Run(string(target), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newConnectorRig()
				r.cfg.Target = target
				c := r.run(t)
				c.Stop()
				ended(t, c)
				equalLines(t, "journal", r.all(), fmt.Sprintf("state %s", target), "state UNASSIGNED")
			})
		})
	}
}

func TestConnectorFailures(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		do   func(*connectorRig) func(*Connector)
		want []string
	}{
		"start": {
			func(r *connectorRig) func(*Connector) {
				r.conn.start = func(context.Context) error { return boom }
				return nil
			},
			[]string{"start", "state FAILED: starting the connector: boom", "stop"},
		},
		"start panics": {
			func(r *connectorRig) func(*Connector) {
				r.conn.start = func(context.Context) error { panic("ouch") }
				return nil
			},
			[]string{"start", "state FAILED: starting the connector: panic in Start: ouch", "stop"},
		},
		"raised": {
			func(r *connectorRig) func(*Connector) {
				return func(*Connector) { r.conn.cc.RaiseError(boom); r.conn.cc.RaiseError(errors.New("again")) }
			},
			[]string{"start", "state RUNNING", "state FAILED: boom", "stop"},
		},
		"raised within start": {
			func(r *connectorRig) func(*Connector) {
				r.conn.start = func(context.Context) error { r.conn.cc.RaiseError(boom); return nil }
				return nil
			},
			[]string{"start", "state RUNNING", "state FAILED: boom", "stop"},
		},
		"task configs": {
			func(r *connectorRig) func(*Connector) {
				r.conn.configs = func(context.Context, int) ([]map[string]string, error) { return nil, boom }
				return func(c *Connector) { r.generate(context.Background(), c) }
			},
			[]string{"start", "state RUNNING", "configs 2", "state generated: generating task configs: boom"},
		},
		"task configs panic": {
			func(r *connectorRig) func(*Connector) {
				r.conn.configs = func(context.Context, int) ([]map[string]string, error) { panic("ouch") }
				return func(c *Connector) { r.generate(context.Background(), c) }
			},
			[]string{
				"start", "state RUNNING", "configs 2", "state generated: generating task configs: panic in TaskConfigs: ouch",
			},
		},
		"stop on pause": {
			func(r *connectorRig) func(*Connector) {
				r.conn.stop = func() error { return boom }
				return func(c *Connector) { c.SetTarget(cluster.TargetPaused) }
			},
			[]string{"start", "state RUNNING", "stop", "state FAILED: stopping the connector: boom"},
		},
		"failed ones can only be stopped": {
			func(r *connectorRig) func(*Connector) {
				r.conn.start = func(context.Context) error { return boom }
				return func(c *Connector) {
					for _, s := range []cluster.TargetState{cluster.TargetPaused, cluster.TargetStarted, cluster.TargetStopped} {
						c.SetTarget(s)
						synctest.Wait()
					}
				}
			},
			[]string{"start", "state FAILED: starting the connector: boom", "stop", "state STOPPED"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newConnectorRig()
				do := c.do(r)
				h := r.run(t)
				if do != nil {
					do(h)
				}
				synctest.Wait()
				equalLines(t, "journal", r.all(), c.want...)
				h.Stop()
				ended(t, h)
			})
		})
	}
}

func TestHangingConnectorAnswersItsCallers(t *testing.T) {
	for _, where := range []string{"start", "configs"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newConnectorRig()
				release := make(chan struct{})
				if where == "start" {
					r.conn.start = func(context.Context) error { <-release; return nil }
				} else {
					r.conn.configs = func(context.Context, int) ([]map[string]string, error) { <-release; return nil, nil }
				}
				c := r.run(t)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				r.generate(ctx, c)
				time.Sleep(3 * time.Second)
				synctest.Wait()
				r.generate(t.Context(), c)
				c.Stop()
				synctest.Wait()
				c.Kill()
				synctest.Wait()
				equalLines(t, "answers", r.only("state g"),
					"state generated: connector m did not return task configs in time: context deadline exceeded",
					"state generated: the connector is not running")
				states := len(r.only("state"))
				close(release)
				ended(t, c)
				if got := len(r.only("state")); got != states {
					t.Errorf("%d states were reported after Kill", got-states)
				}
			})
		})
	}
}

func TestConnectorThatStopsWhileStartingIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newConnectorRig()
		r.conn.start = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		c := r.run(t)
		c.Stop()
		ended(t, c)
		equalLines(t, "journal", r.all(), "start", "stop", "state UNASSIGNED")
	})
}
