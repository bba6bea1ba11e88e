package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/node"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"
)

// maxDevWorkers bounds what one process runs.
const maxDevWorkers = 100

// devFlags are the flags of connectd dev.
type devFlags struct {
	port      int
	kafkaPort int
	workers   int
	dataDir   string
	noSample  bool
	rate      int
	verbose   bool
}

// keptKafkaPort is -kafka-port where data is kept: connectors that are kept with it name the clusters by their addresses.
const keptKafkaPort = 19092

func (c cli) parseDev(args []string) (devFlags, error) {
	var f devFlags
	fs := flag.NewFlagSet("connectd dev", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the caller prints errors, once
	fs.IntVar(&f.port, "port", 8083, "REST port of the first worker; the next ones follow")
	fs.IntVar(&f.kafkaPort, "kafka-port", 0,
		fmt.Sprintf("port of the source cluster, the target cluster's follows (default: free ports; with -data-dir %d)", keptKafkaPort))
	fs.IntVar(&f.workers, "workers", 2, "how many workers to run")
	fs.StringVar(&f.dataDir, "data-dir", "", "keep the clusters' data in this folder (default: in memory)")
	fs.BoolVar(&f.noSample, "no-sample", false, "no sample records and no mirror: just clusters and workers")
	fs.IntVar(&f.rate, "rate", 1000, "sample records per second")
	fs.BoolVar(&f.verbose, "verbose", false, "show the workers' logs")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(c.stdout)
		fs.Usage()
		return f, err
	case err != nil:
		return f, usageError{err}
	case fs.NArg() > 0:
		return f, usageError{fmt.Errorf("dev takes flags only, got %q", fs.Arg(0))}
	case f.workers < 1 || f.workers > maxDevWorkers:
		return f, usageError{fmt.Errorf("-workers=%d: from 1 to %d are possible", f.workers, maxDevWorkers)}
	case f.port < 1 || f.port+f.workers > 65536:
		return f, usageError{fmt.Errorf("-port=%d: the ports of %d workers must lie between 1 and 65535", f.port, f.workers)}
	case f.kafkaPort < 0 || f.kafkaPort > 65534:
		return f, usageError{fmt.Errorf("-kafka-port=%d: the ports of two clusters must lie between 1 and 65535", f.kafkaPort)}
	case f.rate < 1:
		return f, usageError{fmt.Errorf("-rate=%d: at least 1 is needed", f.rate)}
	}
	if f.dataDir != "" && f.kafkaPort == 0 {
		f.kafkaPort = keptKafkaPort
	}
	return f, nil
}

// devEnv is what dev runs: two clusters and some workers, in one process.
type devEnv struct {
	source, target *kgoclient.Embedded
	nodes          []*node.Node
	run            bool // nodes that run release themselves
}

func (e *devEnv) close() {
	if !e.run {
		for _, n := range e.nodes {
			n.Close()
		}
	}
	if e.source != nil {
		e.source.Close()
	}
	if e.target != nil {
		e.target.Close()
	}
}

// dev runs the playground until ctx ends.
func (c cli) dev(ctx context.Context, args []string) error {
	f, err := c.parseDev(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	log := hclog.NewNullLogger()
	if f.verbose {
		log = c.logger()
	}
	env, err := c.startDev(ctx, f, log)
	defer env.close()
	if err != nil {
		return err
	}
	env.run = true
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range env.nodes {
		g.Go(func() error { return n.Run(ctx) })
	}
	g.Go(func() error { return c.playDev(ctx, f, env) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	fmt.Fprintln(c.stdout, "\nstopped: workers have left their group, clusters are closed")
	return nil
}

func (c cli) startDev(ctx context.Context, f devFlags, log hclog.Logger) (*devEnv, error) {
	env := &devEnv{}
	var err error
	if env.source, err = embedded("source", f, 0, log); err != nil {
		return env, err
	}
	if env.target, err = embedded("target", f, 1, log); err != nil {
		return env, err
	}
	for i := range f.workers {
		n, err := node.New(ctx, devProps(env.target.Bootstrap(), f.port+i), c.nodeOptions(log.ResetNamed("worker"+strconv.Itoa(i+1))))
		if err != nil {
			return env, fmt.Errorf("worker %d: %w", i+1, err)
		}
		env.nodes = append(env.nodes, n)
	}
	return env, nil
}

func embedded(name string, f devFlags, number int, log hclog.Logger) (*kgoclient.Embedded, error) {
	cfg := kgoclient.EmbeddedConfig{ClusterID: name, AutoCreateTopics: true, Log: log.Named("kafka-" + name)}
	if f.kafkaPort > 0 {
		cfg.Ports = []int{f.kafkaPort + number}
	}
	if f.dataDir != "" {
		cfg.DataDir = filepath.Join(f.dataDir, name)
		if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
			return nil, fmt.Errorf("-data-dir: %w", err)
		}
	}
	e, err := kgoclient.StartEmbedded(cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded %s cluster: %w", name, err)
	}
	return e, nil
}

// devProps are a worker's properties, as an operator would write them for a small cluster.
func devProps(bootstrap string, port int) map[string]string {
	return map[string]string{
		"bootstrap.servers": bootstrap, "group.id": "connect-dev",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"config.storage.topic": "connect-configs", "config.storage.replication.factor": "1",
		"offset.storage.topic": "connect-offsets", "offset.storage.replication.factor": "1",
		"status.storage.topic": "connect-status", "status.storage.replication.factor": "1",
		"listeners":                 "http://127.0.0.1:" + strconv.Itoa(port),
		"rest.advertised.host.name": "127.0.0.1", "rest.advertised.port": strconv.Itoa(port),
		"offset.flush.interval.ms":         "5000",
		"scheduled.rebalance.max.delay.ms": "5000",
	}
}
