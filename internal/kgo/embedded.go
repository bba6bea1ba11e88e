package kgoclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// EmbeddedConfig describes a Kafka cluster within this process.
type EmbeddedConfig struct {
	// ClusterID is what the cluster calls itself; default "embedded".
	ClusterID string
	// Brokers is how many there are; default 1, or the number of Ports.
	Brokers int
	// Ports are fixed TCP ports on 127.0.0.1, one per broker; empty means free ones.
	Ports []int
	// DataDir keeps topics, records and groups across restarts; it is created if absent. Empty means in memory. One
	// cluster at a time may use a folder, always with the same number of brokers.
	DataDir string
	// Topics are created unless they exist: name to number of partitions.
	Topics map[string]int32
	// DefaultPartitions is for topics created without a number; default 1.
	DefaultPartitions int
	// AutoCreateTopics creates topics that clients ask for.
	AutoCreateTopics bool
	// BrokerConfigs are broker settings, such as message.max.bytes.
	BrokerConfigs map[string]string
	// Options are further kfake options, for tests.
	Options []kfake.Opt
	// Log may be nil.
	Log hclog.Logger
}

// Embedded is a running cluster; Close it.
type Embedded struct {
	cluster *kfake.Cluster
	addrs   []string
}

const topicTimeout = 30 * time.Second

// StartEmbedded starts a cluster and waits until its topics exist. A port in use is an error that names the port.
func StartEmbedded(cfg EmbeddedConfig) (*Embedded, error) {
	if len(cfg.Ports) > 0 && cfg.Brokers > 0 && cfg.Brokers != len(cfg.Ports) {
		return nil, fmt.Errorf("embedded cluster: %d brokers but %d ports", cfg.Brokers, len(cfg.Ports))
	}
	var portErr error
	opts := []kfake.Opt{
		kfake.ClusterID(orDefault(cfg.ClusterID, "embedded")),
		kfake.DefaultNumPartitions(orDefault(cfg.DefaultPartitions, 1)),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if errors.Is(err, syscall.EADDRINUSE) {
				portErr = fmt.Errorf("%s is in use; stop what listens there or choose another port", address)
			}
			return l, err
		}),
	}
	if len(cfg.Ports) > 0 {
		opts = append(opts, kfake.Ports(cfg.Ports...))
	} else {
		opts = append(opts, kfake.NumBrokers(orDefault(cfg.Brokers, 1)))
	}
	if cfg.DataDir != "" {
		opts = append(opts, kfake.DataDir(cfg.DataDir))
	}
	if cfg.AutoCreateTopics {
		opts = append(opts, kfake.AllowAutoTopicCreation())
	}
	if len(cfg.BrokerConfigs) > 0 {
		opts = append(opts, kfake.BrokerConfigs(cfg.BrokerConfigs))
	}
	if cfg.Log != nil {
		opts = append(opts, kfake.WithLogger(fakeLogger{cfg.Log}))
	}
	cluster, err := kfake.NewCluster(append(opts, cfg.Options...)...)
	switch {
	case portErr != nil:
		return nil, fmt.Errorf("embedded cluster: %w", portErr)
	case err != nil:
		return nil, fmt.Errorf("embedded cluster: %w", err)
	}
	e := &Embedded{cluster: cluster, addrs: cluster.ListenAddrs()}
	if err := e.createTopics(cfg.Topics); err != nil {
		e.Close()
		return nil, fmt.Errorf("embedded cluster: %w", err)
	}
	return e, nil
}

// Addrs are the brokers' host:port.
func (e *Embedded) Addrs() []string { return slices.Clone(e.addrs) }

// Bootstrap is the value for bootstrap.servers.
func (e *Embedded) Bootstrap() string { return strings.Join(e.addrs, ",") }

// Cluster is the fake itself, for tests that steer it.
func (e *Embedded) Cluster() *kfake.Cluster { return e.cluster }

// Close stops the brokers and, with a data folder, writes out what they hold. It may be called more than once.
func (e *Embedded) Close() { e.cluster.Close() }

// createTopics asks over the wire, as the fake's own seeds are skipped once a data folder has been filled.
func (e *Embedded) createTopics(topics map[string]int32) error {
	if len(topics) == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(e.addrs...), kgo.DisableClientMetrics())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), topicTimeout)
	defer cancel()
	admin := kadm.NewClient(client)
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if _, err := admin.CreateTopic(ctx, topics[name], -1, nil, name); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("topic %s: %w", name, err)
		}
	}
	return nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
