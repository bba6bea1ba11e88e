package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/internal/configprovider"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/internal/mm2conf"
	"github.com/connectd/connectd/rest"
	"github.com/connectd/connectd/worker"
	"github.com/connectd/connectd/worker/connconf"
	"github.com/connectd/connectd/worker/plugin"
	"github.com/connectd/connectd/worker/workerconf"
)

// Mirror is a node of MirrorMaker's dedicated mode: a worker for each flow between clusters, in one process.
type Mirror struct {
	flows []*flowNode
	rest  *rest.Flows // nil without dedicated.mode.enable.internal.rest
	url   string
	log   hclog.Logger
}

// flowNode is the worker of one flow, and what it takes to make it anew.
type flowNode struct {
	mm2conf.Flow
	enabled bool // it copies; else it is there for heartbeats
	make    func(context.Context) (*Node, error)
	node    *Node
}

// NewMirror makes the workers of the flows in a file (mm2.properties) into some of its clusters, or all for none, and opens
// the internal REST listeners; it does not wait for a broker. A fault in the properties is a *ConfigError.
func NewMirror(ctx context.Context, props map[string]string, targets []string, o Options) (*Mirror, error) {
	providers, err := configprovider.New(props, configprovider.Sources{ReadFile: os.ReadFile, LookupEnv: os.LookupEnv})
	if err != nil {
		return nil, &ConfigError{err}
	}
	conf, err := mm2conf.Parse(props, mm2conf.Options{OwnKeys: mirror.OwnKeys(), Resolve: func(props map[string]string) (map[string]string, error) {
		resolved, _, err := providers.Resolve(props)
		return resolved, err
	}})
	if err != nil {
		return nil, &ConfigError{err}
	}
	flows, err := conf.Into(targets)
	if err != nil {
		return nil, &ConfigError{err}
	}
	log := o.Logger.Named("mirror")
	for _, w := range conf.Warnings {
		log.Warn(w)
	}
	m := &Mirror{log: log}
	wc, err := m.serve(ctx, conf, o)
	if err != nil {
		return nil, err
	}
	tr := newTranslator(o.Logger.Named("kafka"))
	for _, f := range flows {
		fn, err := newFlowNode(conf, f, m.url, wc, tr, o)
		if err == nil {
			m.flows = append(m.flows, fn)
			err = m.start(ctx, fn)
		}
		if err != nil {
			m.Close()
			return nil, &ConfigError{flowError(f, err)}
		}
	}
	return m, nil
}

// serve opens the internal REST server, if there is to be one, and gives the TLS of requests to others.
func (m *Mirror) serve(ctx context.Context, conf *mm2conf.Config, o Options) (*worker.Config, error) {
	wc := &worker.Config{}
	if !conf.InternalREST {
		return wc, nil
	}
	props := conf.REST()
	rc, err := workerconf.ParseREST(props)
	if err == nil {
		err = serverTLS(wc, &workerconf.Config{REST: rc})
	}
	if err != nil {
		return nil, &ConfigError{err}
	}
	var listeners []string
	for _, l := range rc.Listeners {
		listeners = append(listeners, l.String())
	}
	m.rest, err = rest.NewFlows(rest.Config{
		Logger: o.Logger.Named("rest"), Version: o.Version, Listeners: listeners, TLS: wc.TLS, ClientTLS: wc.ClientTLS,
		Metrics:     metrics.NewExposer(o.Version, o.Commit, worker.KafkaVersion),
		AllowOrigin: rc.AllowOrigin, AllowMethods: rc.AllowMethods, ResponseHeaders: props["response.http.headers.config"],
	})
	if err != nil {
		return nil, &ConfigError{err}
	}
	if err := m.rest.Listen(ctx); err != nil {
		return nil, err
	}
	m.url = worker.Advertised(rc, m.rest.Addrs()).String()
	return wc, nil
}

// newFlowNode works out the properties of a flow's worker and connectors.
func newFlowNode(conf *mm2conf.Config, f mm2conf.Flow, url string, wc *worker.Config, tr *translator, o Options) (*flowNode, error) {
	props, err := conf.Worker(f)
	if err != nil {
		return nil, err
	}
	flow := &worker.Flow{Name: f.String(), URL: url, Path: rest.FlowPath(f.Source, f.Target)}
	for _, name := range mm2conf.Connectors() {
		flow.Connectors = append(flow.Connectors, worker.FlowConnector{Name: name, Config: conf.Connector(f, name)})
	}
	o.Logger = o.Logger.Named(f.String())
	p := parts{tr: tr, flow: flow, clientTLS: wc.ClientTLS}
	return &flowNode{Flow: f, enabled: conf.Enabled(f), make: func(ctx context.Context) (*Node, error) {
		return build(ctx, props, o, p)
	}}, nil
}

// start makes a flow's worker, and has the REST server know it.
func (m *Mirror) start(ctx context.Context, fn *flowNode) error {
	var err error
	if fn.node, err = fn.make(ctx); err != nil {
		return err
	}
	if m.rest != nil {
		m.rest.Add(fn.Source, fn.Target, fn.node.Worker)
	}
	return nil
}

func flowError(f mm2conf.Flow, err error) error { return fmt.Errorf("%s: %w", f, err) }

// Flows lists the flows that have a worker here.
func (m *Mirror) Flows() []string {
	var names []string
	for _, fn := range m.flows {
		names = append(names, fn.String())
	}
	return names
}

// URL is the advertised URL of the internal REST server, empty without one.
func (m *Mirror) URL() string { return m.url }

// Close releases what NewMirror took, of a node that is not run.
func (m *Mirror) Close() {
	for _, fn := range m.flows {
		if fn.node != nil {
			fn.node.Close()
		}
	}
	m.closeREST()
}

func (m *Mirror) closeREST() {
	if m.rest == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.rest.Shutdown(ctx) // whoever asks has to ask another node now
}

// Run works until ctx ends, and then stops all flows in order, side by side. It returns nil after an orderly stop. A flow that
// cannot go on, as when one of its clusters can't be reached, starts again after a while, as long as there is another that can:
// only when none can, that is the error.
func (m *Mirror) Run(ctx context.Context) error {
	defer m.closeREST()
	m.log.Info("mirroring", "flows", strings.Join(m.Flows(), " "), "url", m.url)
	g, ctx := errgroup.WithContext(ctx)
	if m.rest != nil {
		serving := make(chan error, 1)
		go func() { serving <- m.rest.Serve() }()
		g.Go(func() error {
			select {
			case err := <-serving:
				return err
			case <-ctx.Done():
				m.closeREST()
				return <-serving
			}
		})
	}
	k := keeper{down: map[mm2conf.Flow]bool{}, flows: len(m.flows)}
	for _, fn := range m.flows {
		g.Go(func() error { return m.keep(ctx, &k, fn) })
	}
	return g.Wait()
}

// Waits before a flow that failed starts again. One that has run for as long as the longest is fine.
const (
	restartFirst = 5 * time.Second
	restartMost  = 2 * time.Minute
)

// keep runs a flow, and runs it again when it fails.
func (m *Mirror) keep(ctx context.Context, k *keeper, fn *flowNode) error {
	wait := restartFirst
	for {
		var err error
		if fn.node == nil {
			err = m.start(ctx, fn)
		}
		if err == nil {
			began := time.Now()
			fine := time.AfterFunc(restartMost, func() { k.up(fn.Flow) })
			err = fn.node.Run(ctx)
			fine.Stop()
			fn.node = nil
			if time.Since(began) > restartMost {
				wait = restartFirst
			}
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if k.fails(fn.Flow) {
			return flowError(fn.Flow, err)
		}
		m.log.Error("a flow could not go on; it starts again", "flow", fn.String(), "error", err, "in", wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		wait = min(2*wait, restartMost)
	}
}

// keeper knows which flows are down.
type keeper struct {
	mu    sync.Mutex
	flows int
	down  map[mm2conf.Flow]bool
}

// fails notes that a flow is down, and tells whether now all are.
func (k *keeper) fails(f mm2conf.Flow) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down[f] = true
	return len(k.down) == k.flows
}

func (k *keeper) up(f mm2conf.Flow) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.down, f)
}

// checkConnectors holds the configs of a flow's connectors against what the connectors declare: what is wrong there would
// else be told in the log only, once the worker leads its group. A distribution need not have all of them.
func checkConnectors(reg *plugin.Registry, flow *worker.Flow, resolve func(map[string]string) (map[string]string, error), log hclog.Logger) error {
	var errs []error
	flow.Connectors = slices.DeleteFunc(slices.Clone(flow.Connectors), func(c worker.FlowConnector) bool {
		_, err := reg.FindConnector(c.Config["connector.class"])
		if err != nil {
			log.Warn("the flow goes without a connector that this program does not have", "connector", c.Name, "error", err)
		}
		return err != nil
	})
	for _, c := range flow.Connectors {
		p, err := reg.FindConnector(c.Config["connector.class"])
		if err != nil {
			return err
		}
		props, err := resolve(c.Config)
		if err != nil {
			return err
		}
		_, common := connconf.SourceDef().Parse(props)
		_, declared := p.Config.Parse(props)
		_, own := mirror.OwnDef().Parse(props)
		if err := errors.Join(common, declared, own); err != nil {
			for _, one := range config.Errors(err) {
				// What stands at the top of the file reaches all three.
				if !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == one.Error() }) {
					errs = append(errs, one)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// fromFile tells properties that every worker of a file gets by the rules of MirrorMaker, although only connectors have a use for
// them.
func fromFile(property string) bool {
	return strings.HasPrefix(property, "tasks.max") || strings.HasPrefix(property, "replication.policy")
}
