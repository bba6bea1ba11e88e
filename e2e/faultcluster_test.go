package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestClusterFaultsUnderAGroup has two workers copy on a cluster of three while the leaders of their internal topics move, the
// broker that coordinates their group dies, and workers are killed: first one that follows, then the one that leads.
func TestClusterFaultsUnderAGroup(t *testing.T) {
	t.Parallel()
	cluster := testkit.StartCluster(t, 3, testkit.Heap("256m"), testkit.Property("auto.leader.rebalance.enable", "false"))
	bootstrap := cluster.Bootstrap()
	seeds := kgo.SeedBrokers(strings.Split(bootstrap, ",")...)
	cl := kafkaClient(t, cluster.Brokers[0].Bootstrap, seeds)
	admin := kadm.NewClient(cl)
	created, err := admin.CreateTopic(t.Context(), 4, 3, nil, "in")
	if err == nil {
		err = created.Err
	}
	if err != nil {
		t.Fatal(err)
	}
	props := map[string]string{
		"config.storage.replication.factor": "3", "offset.storage.replication.factor": "3", "status.storage.replication.factor": "3",
		"offset.storage.partitions": "5",
	}
	a := startNode(t, bootstrap, "cf", props)
	create(t, a.url, "m", merged(mirrorConfig(bootstrap, bootstrap, "in", 4), map[string]string{
		"replication.factor": "3", "offset-syncs.topic.replication.factor": "3",
	}))
	awaitTasks(t, a.url, "m", 4, a.id)
	b := startNode(t, bootstrap, "cf", props)
	awaitTasks(t, a.url, "m", 4, a.id, b.id)
	producer := kafkaClient(t, bootstrap, seeds, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := newStream("in", 4)
	alive := cluster.Brokers
	more := func() {
		t.Helper()
		if err := s.produce(t.Context(), producer, 2000); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d records came again", s.verify(t, alive[0].Bootstrap, "S.in"))
	}
	more()

	t.Run("leaders of internal topics move while connectors come and go", func(t *testing.T) {
		for round := range 3 {
			moved := make(chan error, 1)
			go func() {
				var err error
				for _, topic := range []string{"cf-configs", "cf-offsets", "cf-status"} {
					if err == nil {
						err = moveLeaders(t.Context(), cl, admin, topic)
					}
				}
				moved <- err
			}()
			ask := []*node{a, b}[round%2]
			name := fmt.Sprintf("f%d", round)
			create(t, ask.url, name, map[string]string{"connector.class": "FileStreamSource", "file": "/dev/null", "topic": "t"})
			if err := <-moved; err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
				var st status
				if err := ask.get(ctx, "/connectors/"+name+"/status", &st); err != nil || len(st.workers()) != 1 {
					return fmt.Errorf("%s: %+v, %w", name, st, err)
				}
				return nil
			})
			do(t, http.MethodDelete, ask.url+"/connectors/"+name, nil, nil)
		}
		more()
		awaitTasks(t, a.url, "m", 4, a.id, b.id)
	})
	t.Run("the coordinator dies", func(t *testing.T) {
		coordinators := admin.FindGroupCoordinators(t.Context(), "cf")
		if err := coordinators.Error(); err != nil {
			t.Fatal(err)
		}
		for i, br := range cluster.Brokers {
			if br.ID == coordinators["cf"].NodeID {
				br.Kill()
				alive = slices.Delete(slices.Clone(cluster.Brokers), i, i+1)
			}
		}
		more()
		awaitTasks(t, a.url, "m", 4, a.id, b.id)
		do(t, http.MethodPut, b.url+"/connectors/m/pause", nil, nil)
		awaitState(t, a, "PAUSED")
		do(t, http.MethodPut, a.url+"/connectors/m/resume", nil, nil)
		awaitTasks(t, b.url, "m", 4, a.id, b.id)
		awaitLog(t, a, "the group coordinator answers again")
	})
	t.Run("a follower is killed", func(t *testing.T) {
		b.Kill()
		awaitTasks(t, a.url, "m", 4, a.id)
		more()
	})
	t.Run("the leader is killed", func(t *testing.T) {
		b.Restart()
		awaitTasks(t, a.url, "m", 4, a.id, b.id)
		a.Kill()
		awaitTasks(t, b.url, "m", 4, b.id)
		more()
		checkPositions(t, dump(t, alive[0].Bootstrap, "cf-offsets", nil))
		checkStatuses(t, dump(t, alive[0].Bootstrap, "cf-status", nil))
	})
	for _, n := range []*node{a, b} {
		if strings.Contains(n.Log(), "Task failed") {
			t.Errorf("a task failed on %s", n.id)
		}
	}
}

// moveLeaders has the next broker lead each partition of a topic, by giving its replicas in another order.
func moveLeaders(ctx context.Context, cl *kgo.Client, admin *kadm.Client, topic string) error {
	listed, err := admin.ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	var alter kadm.AlterPartitionAssignmentsReq
	for p, detail := range listed[topic].Partitions {
		replicas := slices.Clone(detail.Replicas)
		n := slices.Index(replicas, detail.Leader) + 1
		alter.Assign(topic, p, slices.Concat(replicas[n%len(replicas):], replicas[:n%len(replicas)]))
	}
	responses, err := admin.AlterPartitionAssignments(ctx, alter)
	if err == nil {
		err = responses.Error()
	}
	if err != nil {
		return err
	}
	return testkit.Poll(ctx, func(ctx context.Context) error {
		elect := kmsg.NewPtrElectLeadersRequest() // nil topics: all
		elect.TimeoutMillis = 10_000
		if _, err := elect.RequestWith(ctx, cl); err != nil {
			return err
		}
		after, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		for p, detail := range after[topic].Partitions {
			if detail.Leader == listed[topic].Partitions[p].Leader {
				return fmt.Errorf("%s-%d is still led by %d", topic, p, detail.Leader)
			}
		}
		return nil
	})
}
