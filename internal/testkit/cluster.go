package testkit

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Cluster is several brokers under one controller, which is a node of its own: any broker may be stopped or killed, and the
// cluster goes on deciding who leads.
type Cluster struct {
	Brokers    []*Broker
	Controller *Process
}

// Bootstrap is the list of all brokers' addresses, for bootstrap.servers.
func (c *Cluster) Bootstrap() string {
	var addresses []string
	for _, b := range c.Brokers {
		addresses = append(addresses, b.Bootstrap)
	}
	return strings.Join(addresses, ",")
}

// StartCluster starts a cluster of so many brokers, with ids from 1, and waits until all serve. The options count for each.
func StartCluster(t testing.TB, brokers int, options ...Option) *Cluster {
	t.Helper()
	in, dir := kafka(t), t.TempDir()
	port := FreePort(t)
	q := quorum{clusterID: newUUID(), id: 1000, brokers: brokers, address: fmt.Sprintf("127.0.0.1:%d", port)}
	plan := func(id int, roles string, options ...Option) *brokerPlan {
		p, err := planNode(in, filepath.Join(dir, fmt.Sprint(id)), id, roles, q, options)
		if err != nil {
			t.Fatalf("testkit: %v", err)
		}
		return p
	}
	cluster := &Cluster{}
	cluster.Controller = StartProcess(t, plan(q.id, "controller").spec)
	plans := make([]*brokerPlan, brokers)
	for i := range plans {
		plans[i] = plan(i+1, "broker", options...)
	}
	errs := make([]error, brokers)
	var wait sync.WaitGroup
	for i, p := range plans {
		process, err := newProcess(t, p.spec)
		if err != nil {
			t.Fatalf("testkit: %v", err)
		}
		p.broker.Process = process
		cluster.Brokers = append(cluster.Brokers, p.broker)
		wait.Go(func() { errs[i] = process.start() })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("testkit: %v", err)
		}
	}
	return cluster
}
