package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestClusterOfThreeLosesABroker mirrors within a cluster whose broker that leads the worker's config topic is killed for
// good: other brokers take over, and so must the worker's clients.
func TestClusterOfThreeLosesABroker(t *testing.T) {
	cluster := testkit.StartCluster(t, 3, testkit.Heap("256m"))
	bootstrap := cluster.Bootstrap()
	seeds := kgo.SeedBrokers(strings.Split(bootstrap, ",")...)
	admin := kadm.NewClient(kafkaClient(t, cluster.Brokers[0].Bootstrap, seeds))
	created, err := admin.CreateTopic(t.Context(), 3, 2, nil, "in")
	if err == nil {
		err = created.Err
	}
	if err != nil {
		t.Fatal(err)
	}
	n := startNode(t, bootstrap, "three", map[string]string{
		"config.storage.replication.factor": "3", "offset.storage.replication.factor": "3", "status.storage.replication.factor": "3",
	})
	create(t, n.url, "m", merged(mirrorConfig(bootstrap, bootstrap, "in", 2), map[string]string{
		"replication.factor": "source", "offset-syncs.topic.replication.factor": "3",
	}))
	awaitTasks(t, n.url, "m", 2, n.id)
	producer := kafkaClient(t, bootstrap, seeds, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := newStream("in", 3)
	if err := s.produce(t.Context(), producer, 3000); err != nil {
		t.Fatal(err)
	}
	s.verify(t, cluster.Brokers[0].Bootstrap, "S.in")
	topics, err := admin.ListTopics(t.Context(), "S.in", "three-configs")
	if err != nil {
		t.Fatal(err)
	}
	if got := topics["S.in"].Partitions.NumReplicas(); got != 2 {
		t.Errorf("replication.factor=source: the copy has %d replicas, the source 2", got)
	}
	leader := topics["three-configs"].Partitions[0].Leader
	var left *testkit.Broker
	for _, b := range cluster.Brokers {
		if b.ID == leader {
			b.Kill()
		} else {
			left = b
		}
	}
	if err := s.produce(t.Context(), producer, 3000); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records came again", s.verify(t, left.Bootstrap, "S.in"))
	do(t, http.MethodPut, n.url+"/connectors/m/pause", nil, nil)
	awaitState(t, n, "PAUSED")
	do(t, http.MethodPut, n.url+"/connectors/m/resume", nil, nil)
	awaitState(t, n, "RUNNING")
	if strings.Contains(n.Log(), "Task failed") {
		t.Error("a task failed when a broker was lost")
	}
}
