package worker_test

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/fault"
)

// probe is the faulty source under a name of its own, which counts starts and keeps the props that its tasks get.
type probe struct {
	faults *fault.Set
	mu     sync.Mutex
	starts map[string]int
	props  map[string]map[string]string
}

const probeClass = "test.ProbeConnector"

func newProbe() *probe {
	return &probe{faults: fault.New(), starts: map[string]int{}, props: map[string]map[string]string{}}
}

func (p *probe) register(r connect.Registrar) {
	plugin := p.faults.Source()
	plugin.Class, plugin.TaskClass = probeClass, "test.ProbeTask"
	newTask, newConnector := plugin.NewSourceTask, plugin.New
	plugin.NewSourceTask = func() connect.SourceTask { return probeTask{newTask(), p} }
	plugin.New = func() connect.Connector { return probeConnector{newConnector(), p} }
	r.Connector(plugin)
}

// startsOf is how often a connector ("a") or task ("a-0") was started, on all workers.
func (p *probe) startsOf(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts[what]
}

func (p *probe) propsOf(what string) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.props[what]
}

func (p *probe) started(what string, props map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starts[what]++
	p.props[what] = maps.Clone(props)
}

type probeTask struct {
	connect.SourceTask
	probe *probe
}

func (t probeTask) Start(ctx context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	t.probe.started(fmt.Sprintf("%s-%s", props["name"], props["task.number"]), props)
	return t.SourceTask.Start(ctx, tc, props)
}

type probeConnector struct {
	connect.Connector
	probe *probe
}

func (c probeConnector) Start(ctx context.Context, cc connect.ConnectorContext, props map[string]string) error {
	c.probe.started(props["name"], props)
	return c.Connector.Start(ctx, cc, props)
}

// threeTasks asks for three tasks whatever it may have.
type threeTasks struct{ connect.Connector }

func (c threeTasks) TaskConfigs(ctx context.Context, _ int) ([]map[string]string, error) {
	return c.Connector.TaskConfigs(ctx, 3)
}
