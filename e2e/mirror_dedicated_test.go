package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// twoClusters are two brokers, and a file for both ways between them, with aliases and topics of the test's own.
type twoClusters struct {
	a, b  string // bootstrap addresses
	props map[string]string
}

// mirrors gives properties for the aliases of the two brokers.
func (c *twoClusters) mirrors(a, b, topics string) *twoClusters {
	props := map[string]string{
		"clusters": a + "," + b, a + ".bootstrap.servers": c.a, b + ".bootstrap.servers": c.b, a + "->" + b + ".enabled": "true",
		"topics": topics, "tasks.max": "2", "replication.factor": "1", "checkpoints.topic.replication.factor": "1",
		"heartbeats.topic.replication.factor": "1", "offset-syncs.topic.replication.factor": "1",
		"offset.storage.replication.factor": "1", "status.storage.replication.factor": "1", "config.storage.replication.factor": "1",
		"refresh.topics.interval.seconds": "1", "refresh.groups.interval.seconds": "1", "emit.checkpoints.interval.seconds": "1",
		"emit.heartbeats.interval.seconds": "1", "offset.lag.max": "0",
	}
	for _, alias := range []string{a, b} {
		for name, value := range map[string]string{
			"offset.flush.interval.ms": "500", "session.timeout.ms": "6000", "heartbeat.interval.ms": "1000",
			"scheduled.rebalance.max.delay.ms": "0",
		} {
			props[alias+"."+name] = value
		}
	}
	return &twoClusters{a: c.a, b: c.b, props: props}
}

// file writes the properties, with more.
func (c *twoClusters) file(t *testing.T, more map[string]string) string {
	t.Helper()
	props := maps.Clone(c.props)
	maps.Copy(props, more)
	file := filepath.Join(t.TempDir(), "mm2.properties")
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&b, "%s = %s\n", name, props[name])
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// startMirror starts a node of the dedicated mode.
func startMirror(t *testing.T, file string, args ...string) *testkit.Process {
	t.Helper()
	return testkit.StartProcess(t, testkit.ProcessSpec{
		Name: "connectd mirror", Path: connectd, Args: append([]string{"mirror", file}, args...),
		Ready: func(line string) bool { return strings.Contains(line, "mirroring:") },
	})
}

// node starts one with internal REST and waits until its flows are healthy.
func (c *twoClusters) node(t *testing.T) *node {
	t.Helper()
	port := testkit.FreePort(t)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	n := &node{url: url, id: fmt.Sprintf("127.0.0.1:%d", port)}
	n.Process = startMirror(t, c.file(t, map[string]string{"dedicated.mode.enable.internal.rest": "true", "listeners": url}))
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error { return n.get(ctx, "/health", nil) })
	return n
}

// send produces n more records of a stream.
func send(t *testing.T, s *stream, bootstrap string, n int) {
	t.Helper()
	if err := s.produce(t.Context(), kafkaClient(t, bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner())), n); err != nil {
		t.Fatal(err)
	}
}

// awaitCopy waits until a topic holds so many records, and tells of others.
func awaitCopy(t *testing.T, bootstrap, topic string, want int64) {
	t.Helper()
	cl := kafkaClient(t, bootstrap)
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		n, err := ends(ctx, cl, topic)
		if err == nil && n != want {
			err = fmt.Errorf("%s has %d records, not %d", topic, n, want)
		}
		return err
	})
}

func topicsOf(t *testing.T, bootstrap string) []string {
	t.Helper()
	all, err := kadm.NewClient(kafkaClient(t, bootstrap)).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all.Names(), func(name string) bool { return strings.HasPrefix(name, "__") })
}

// TestDedicatedMode runs on two brokers what the dedicated mode is for.
func TestDedicatedMode(t *testing.T) {
	t.Parallel()
	c := &twoClusters{a: testkit.StartBroker(t).Bootstrap, b: testkit.StartBroker(t).Bootstrap}
	t.Run("TwoNodes", func(t *testing.T) { t.Parallel(); shareFlows(t, c.mirrors("A", "B", "orders,late")) })
	t.Run("ContinuesJava", func(t *testing.T) { t.Parallel(); continueJava(t, c.mirrors("P", "Q", "bills")) })
}

// shareFlows: two nodes share the flows both ways between two clusters by one file.
func shareFlows(t *testing.T, c *twoClusters) {
	c.props["B->A.enabled"] = "true"
	atA, atB := newStream("orders", 4), newStream("orders", 4)
	for bootstrap, s := range map[string]*stream{c.a: atA, c.b: atB} {
		createTopic(t, bootstrap, "orders", 4, nil)
		send(t, s, bootstrap, 400)
	}
	commitGroup(t, c.a, "billing", "orders", 4, 50)
	n1, n2 := c.node(t), c.node(t)
	atA.verify(t, c.b, "A.orders")
	atB.verify(t, c.a, "B.orders")
	awaitSharedFlow(t, "A/B", n1, n2)
	awaitSharedFlow(t, "B/A", n1, n2)
	awaitProgress(t, n2, "A/B")
	for _, bootstrap := range []string{c.a, c.b} {
		awaitSome(t, bootstrap, "heartbeats")
	}
	awaitSome(t, c.b, "A.checkpoints.internal")

	// A follower's connector hands new tasks to the leader: whoever has it, more partitions are copied.
	createTopic(t, c.a, "late", 3, nil)
	late := newStream("late", 3)
	send(t, late, c.a, 30)
	late.verify(t, c.b, "A.late")

	// One node goes, the other has it all.
	n1.Stop()
	send(t, atA, c.a, 400)
	atA.verify(t, c.b, "A.orders")
	for _, bootstrap := range []string{c.a, c.b} {
		for _, name := range topicsOf(t, bootstrap) {
			if strings.HasPrefix(name, "A.B.") || strings.HasPrefix(name, "B.A.") {
				t.Errorf("%s went round", name)
			}
		}
	}
	n2.Stop()
}

// commitGroup commits the same position in all partitions of a topic.
func commitGroup(t *testing.T, bootstrap, group, topic string, partitions int32, at int64) {
	t.Helper()
	var offsets kadm.Offsets
	for p := range partitions {
		offsets.AddOffset(topic, p, at, -1)
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		return kadm.NewClient(kafkaClient(t, bootstrap)).CommitAllOffsets(ctx, group, offsets)
	})
}

func awaitSome(t *testing.T, bootstrap, topic string) {
	t.Helper()
	cl := kafkaClient(t, bootstrap)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		n, err := ends(ctx, cl, topic)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s is empty", topic)
		}
		return err
	})
}

// awaitSharedFlow waits until all of a flow runs, some of it on each node.
func awaitSharedFlow(t *testing.T, flow string, nodes ...*node) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var names []string
		if err := nodes[0].get(ctx, "/"+flow+"/connectors", &names); err != nil {
			return err
		}
		workers := map[string]bool{}
		for _, name := range names {
			var st status
			if err := nodes[0].get(ctx, "/"+flow+"/connectors/"+name+"/status", &st); err != nil {
				return err
			}
			if st.Connector.State != "RUNNING" || name == "MirrorSourceConnector" && len(st.Tasks) == 0 {
				return fmt.Errorf("%s: %+v", name, st)
			}
			workers[st.Connector.WorkerID] = true
			for _, task := range st.Tasks {
				if task.State != "RUNNING" {
					return fmt.Errorf("%s: %+v", name, st)
				}
				workers[task.WorkerID] = true
			}
		}
		for _, n := range nodes {
			if !workers[n.id+"/"+strings.Replace(flow, "/", "->", 1)] {
				return fmt.Errorf("nothing of %s runs on %s, but on %v", flow, n.id, workers)
			}
		}
		return nil
	})
}

// awaitProgress asks one node how far a flow is, which asks the others for their tasks.
func awaitProgress(t *testing.T, n *node, flow string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var got struct {
			Tasks []struct {
				Available bool   `json:"available"`
				Reason    string `json:"reason"`
			} `json:"tasks"`
			Partitions []struct {
				Topic string `json:"topic"`
			} `json:"partitions"`
		}
		if err := n.get(ctx, "/"+flow+"/connectors/MirrorSourceConnector/progress", &got); err != nil {
			return err
		}
		orders := 0
		for _, p := range got.Partitions {
			if p.Topic == "orders" {
				orders++
			}
		}
		for _, task := range got.Tasks {
			if !task.Available {
				return fmt.Errorf("a task does not tell: %+v", got)
			}
		}
		if len(got.Tasks) == 0 || orders != 4 {
			return fmt.Errorf("progress of %d partitions of 4: %+v", orders, got)
		}
		return nil
	})
}

// continueJava: Java's dedicated mode and connectd take turns by one file, and no topic is copied anew.
func continueJava(t *testing.T, c *twoClusters) {
	maps.Copy(c.props, map[string]string{
		"emit.heartbeats.enabled": "false", "heartbeats.replication.enabled": "false",
		// Else Java looks through all of its class path for plugins, several times.
		"plugin.discovery": "service_load", "Q.plugin.discovery": "service_load",
	})
	createTopic(t, c.a, "bills", 4, nil)
	s := newStream("bills", 4)
	file := c.file(t, nil)
	more := func() {
		t.Helper()
		send(t, s, c.a, 100)
	}
	copied := func(by string) {
		t.Helper()
		awaitCopy(t, c.b, "P.bills", s.sent.Load())
		if d := s.verify(t, c.b, "P.bills"); d != 0 {
			t.Fatalf("%d records came twice with %s", d, by)
		}
		awaitOffsets(t, c.b, "mm2-offsets.P.internal", s) // so that whatever the end of this node, the next knows
	}
	more()
	java := testkit.StartMirrorMaker(t, file)
	copied("Java")
	java.Stop()

	more()
	ours := startMirror(t, file)
	copied("connectd after Java")
	more()
	copied("connectd")
	ours.Stop()

	more()
	java.Restart()
	copied("Java after connectd")
	java.Stop()
}

// awaitOffsets waits until the source offsets of all that a stream has sent are stored.
func awaitOffsets(t *testing.T, bootstrap, topic string, s *stream) {
	t.Helper()
	cl := kafkaClient(t, bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	stored := map[int32]uint64{} // by partition of the source
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			var key [2]json.RawMessage
			var of struct {
				Partition int32
				Topic     string
			}
			var at struct{ Offset uint64 }
			if json.Unmarshal(r.Key, &key) == nil && json.Unmarshal(key[1], &of) == nil && json.Unmarshal(r.Value, &at) == nil && of.Topic == s.topic {
				stored[of.Partition] = at.Offset
			}
		})
		for p, next := range s.next {
			if at, has := stored[int32(p)]; !has || at+1 != next {
				return fmt.Errorf("partition %d: offset %d (%v) is stored, want %d", p, at, has, next-1)
			}
		}
		return nil
	})
}
