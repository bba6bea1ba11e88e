package node

import (
	"context"
	"crypto/tls"
	"errors"
	"os"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/all"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/configprovider"
	"github.com/connectd/connectd/internal/kafka"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/worker"
	"github.com/connectd/connectd/worker/group"
	"github.com/connectd/connectd/worker/plugin"
	"github.com/connectd/connectd/worker/workerconf"
	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Options are what a worker needs besides its properties.
type Options struct {
	// Register hands over the plugins.
	Register func(connect.Registrar, all.Deps)
	// Logger is the root logger, with independent levels.
	Logger hclog.Logger
	// Version and Commit name the build.
	Version, Commit string
}

// ConfigError is a failure that lies in the properties.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// Node is a worker with its clients.
type Node struct {
	*worker.Worker
	kafka *kafkaClients
	group *kgo.Client
	log   hclog.Logger
}

// New checks the properties, opens the REST listeners and makes the clients; it does not wait for a broker. A fault in the
// properties is a *ConfigError.
func New(ctx context.Context, props map[string]string, o Options) (*Node, error) {
	return build(ctx, props, o, parts{})
}

// parts are what several workers in one process share. The zero value is a worker of its own.
type parts struct {
	tr        *translator
	flow      *worker.Flow
	clientTLS *tls.Config
}

func build(ctx context.Context, props map[string]string, o Options, shared parts) (*Node, error) {
	providers, err := configprovider.New(props, configprovider.Sources{ReadFile: os.ReadFile, LookupEnv: os.LookupEnv})
	if err != nil {
		return nil, &ConfigError{err}
	}
	resolved, unresolved, err := providers.Resolve(props)
	if err != nil {
		return nil, &ConfigError{err}
	}
	logs := worker.NewLogs(o.Logger)
	log := logs.Named("worker")
	for _, ref := range unresolved {
		log.Warn("a config provider reference is left as it is", "reference", ref)
	}
	tr := shared.tr
	if tr == nil {
		tr = newTranslator(logs.Named("kafka"))
	}
	reg := plugin.New()
	o.Register(reg, all.Deps{More: []func(connect.Registrar){registerMirror(tr, logs.Named("mirror"))}})
	conf, warnings, err := workerconf.Parse(resolved, workerconf.WithConverters(reg.Known))
	for _, w := range warnings {
		if shared.flow == nil || !fromFile(w.Property) {
			log.Warn(w.String())
		}
	}
	if err != nil {
		return nil, &ConfigError{err}
	}
	resolve := func(props map[string]string) (map[string]string, error) {
		resolved, _, err := providers.Resolve(props)
		return resolved, err
	}
	if shared.flow != nil {
		if err := checkConnectors(reg, shared.flow, resolve, log); err != nil {
			return nil, &ConfigError{err}
		}
	}
	n := &Node{kafka: newKafkaClients(conf, tr, logs.Named("kafka")), log: log}
	if n.group, err = groupClient(conf, tr, logs.Named("group")); err != nil {
		return nil, &ConfigError{err}
	}
	wc := worker.Config{
		Conf: conf, Registry: reg, Kafka: n.kafka, Group: n.group, Logs: logs, Version: o.Version, Commit: o.Commit,
		Resolve: resolve, Flow: shared.flow, ClientTLS: shared.clientTLS,
	}
	if shared.flow == nil {
		err = guard(&wc, log)
	}
	if err != nil {
		n.group.Close()
		return nil, &ConfigError{err}
	}
	if n.Worker, err = worker.New(ctx, wc); err != nil {
		n.group.Close()
		if errors.As(err, new(*config.Error)) {
			err = &ConfigError{err}
		}
		return nil, err
	}
	return n, nil
}

// guard makes what protects a worker's own REST server.
func guard(wc *worker.Config, log hclog.Logger) error {
	err := serverTLS(wc, wc.Conf)
	if err == nil {
		wc.BasicAuth, err = basicAuth(wc.Conf, os.Getenv, os.ReadFile, log)
	}
	return err
}

// Close releases what New took, of a node that is not run.
func (n *Node) Close() {
	n.Worker.Close()
	n.group.Close()
	n.kafka.close()
}

// Run works until ctx ends, and releases the clients.
func (n *Node) Run(ctx context.Context) error {
	defer n.group.Close()
	defer n.kafka.close()
	return n.Worker.Run(ctx)
}

// groupClient makes the franz-go client of group membership.
func groupClient(conf *workerconf.Config, tr *translator, log hclog.Logger) (*kgo.Client, error) {
	id := conf.ClientID
	if id == "" {
		id = "connect-" + conf.GroupID
	}
	s, err := tr.translate(clientconf.Admin, clientconf.GroupProps(conf.Raw, id))
	if err != nil {
		return nil, err
	}
	opts, err := kgoclient.Options(s, log)
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(opts, group.ClientOptions()...)...)
}

func isTopicExists(err error) bool { return errors.Is(err, kafka.ErrTopicExists) }
