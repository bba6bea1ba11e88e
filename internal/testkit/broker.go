package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Broker is a running Apache Kafka node. Its data and ports stay the same over Restart.
type Broker struct {
	*Process
	// Bootstrap is the address for bootstrap.servers: 127.0.0.1 and a port, PLAINTEXT.
	Bootstrap string
	// ID is the node id.
	ID int32

	listeners map[string]string
}

// Listener returns the address of a listener that was added with the option of that name.
func (b *Broker) Listener(name string) string { return b.listeners[name] }

// StartBroker starts a one-node KRaft cluster of the test's own and waits until it serves.
func StartBroker(t testing.TB, options ...Option) *Broker {
	t.Helper()
	plan, err := planBroker(kafka(t), t.TempDir(), options)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	plan.broker.Process = StartProcess(t, plan.spec)
	return plan.broker
}

// Kafka returns the bootstrap address of a real cluster that other tests use at the same time: take topic and group names of
// your own. It is what KAFKA_BOOTSTRAP names; else one broker for the whole test binary if its TestMain calls Main; else a
// broker of the test's own.
func Kafka(t testing.TB) string {
	t.Helper()
	if address := os.Getenv("KAFKA_BOOTSTRAP"); address != "" {
		return address
	}
	if !shared.enabled {
		return StartBroker(t).Bootstrap
	}
	in := kafka(t)
	shared.once.Do(func() { shared.err = shared.start(in) })
	if shared.err != nil {
		t.Fatalf("testkit: %v", shared.err)
	}
	return shared.broker.Bootstrap
}

// Main runs the tests and, after them, stops the broker that Kafka started for all of them. For TestMain.
func Main(m *testing.M) {
	shared.enabled = true
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// shared is the broker that the tests of one binary have in common.
var shared sharedBroker

type sharedBroker struct {
	enabled bool
	once    sync.Once
	err     error
	dir     string
	broker  *Broker
}

func (s *sharedBroker) start(in *installation) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "connectd-kafka-"); err != nil {
		return err
	}
	plan, err := planBroker(in, s.dir, nil)
	if err != nil {
		return err
	}
	s.broker = plan.broker
	s.broker.Process, err = startDetached(plan.spec, s.dir)
	return err
}

func (s *sharedBroker) stop() {
	if s.broker != nil && s.broker.Process != nil {
		s.broker.end()
		s.broker.log.close()
	}
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// brokerPlan is a broker ready to be started: ports chosen, storage formatted.
type brokerPlan struct {
	broker *Broker
	spec   ProcessSpec
}

// planBroker prepares a node that is broker and controller in one.
func planBroker(in *installation, dir string, options []Option) (*brokerPlan, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	quorum := quorum{clusterID: newUUID(), id: 1, brokers: 1, address: fmt.Sprintf("127.0.0.1:%d", port)}
	return planNode(in, dir, 1, "broker,controller", quorum, options)
}

// quorum is the controller that a cluster's nodes follow.
type quorum struct {
	clusterID string
	id        int    // the controller's node id
	brokers   int    // how many brokers the cluster has
	address   string // the controller's listener
}

// planNode prepares a node of any role.
func planNode(in *installation, dir string, id int, roles string, q quorum, options []Option) (*brokerPlan, error) {
	s := newSettings(options)
	b := &Broker{ID: int32(id), listeners: map[string]string{}}
	var listeners []string
	if strings.Contains(roles, "broker") {
		for _, name := range append([]listener{{"PLAINTEXT", "PLAINTEXT"}}, s.listeners...) {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			b.listeners[name.name] = fmt.Sprintf("127.0.0.1:%d", port)
			listeners = append(listeners, name.name+"://"+b.listeners[name.name])
		}
		s.set("advertised.listeners", strings.Join(listeners, ","))
		b.Bootstrap = b.listeners["PLAINTEXT"]
	}
	if strings.Contains(roles, "controller") {
		listeners = append(listeners, "CONTROLLER://"+q.address)
	}
	s.node(id, q.brokers, fmt.Sprintf("%d@%s", q.id, q.address), strings.Join(listeners, ","), roles)
	data := filepath.Join(dir, "data")
	s.set("log.dirs", data)
	if err := in.formatFolder(data, q.clusterID, id); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, s.text(), 0o600); err != nil {
		return nil, err
	}
	return &brokerPlan{b, ProcessSpec{
		Name:  fmt.Sprintf("Kafka node %d", id),
		Path:  in.java,
		Args:  append(s.flags(in, "broker", in.recordBroker), "kafka.Kafka", file),
		Env:   []string{"CLASSPATH=" + in.classpath},
		Ready: func(line string) bool { return strings.Contains(line, "Kafka Server started") },
	}}, nil
}

// formatFolder does what `kafka-storage.sh format` does: meta.properties, and the checkpoint with the feature levels.
func (in *installation) formatFolder(data, clusterID string, id int) error {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	meta := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\ndirectory.id=%s\n", clusterID, id, newUUID())
	if err := os.WriteFile(filepath.Join(data, "meta.properties"), []byte(meta), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, "bootstrap.checkpoint"), in.bootstrap, 0o644)
}
