package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// mirrorProgress is GET /connectors/{name}/progress.
type mirrorProgress struct {
	Tasks []struct {
		ID        int
		Available bool
		Reason    string
	}
	Partitions []struct {
		Task          int
		Topic, Target string
		Partition     int32
		Position, End int64
		State, Reason string
	}
}

// awaitAllProgress waits until a worker tells of all partitions of a connector what good asks for.
func awaitAllProgress(t *testing.T, n *node, connector string, partitions int, good func(p *mirrorProgress) error) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var p mirrorProgress
		if err := n.get(ctx, "/connectors/"+connector+"/progress", &p); err != nil {
			return err
		}
		for _, task := range p.Tasks {
			if !task.Available {
				return fmt.Errorf("task %d could not be asked: %s", task.ID, task.Reason)
			}
		}
		if len(p.Partitions) != partitions {
			return fmt.Errorf("%d partitions instead of %d: %+v", len(p.Partitions), partitions, p)
		}
		return good(&p)
	})
}

// mirrorStatus runs connectd mirror status.
func mirrorStatus(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := exec.CommandContext(ctx, connectd, append([]string{"mirror", "status"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode(), string(b)
	case err != nil:
		t.Fatal(err)
	}
	return 0, string(b)
}

// TestMirrorProgress: any worker tells how far all partitions are, whoever copies them. A partition with a record that the target
// does not take waits, says so wherever one looks, and goes on when the target takes it; the others do not wait, nor does the task
// fail.
func TestMirrorProgress(t *testing.T) {
	t.Parallel()
	source, target := testkit.StartBroker(t), testkit.StartBroker(t)
	createTopic(t, source.Bootstrap, "in", 4, nil)
	producer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := newStream("in", 4)
	if err := s.produce(t.Context(), producer, 400); err != nil {
		t.Fatal(err)
	}
	a := startNode(t, target.Bootstrap, "grp", nil)
	b := startNode(t, target.Bootstrap, "grp", nil)
	conf := mirrorConfig(source.Bootstrap, target.Bootstrap, "in", 2)
	conf["sync.topic.configs.enabled"] = "false"
	for _, k := range []string{"linger.ms", "batch.size", "compression.type"} {
		delete(conf, "producer.override."+k) // the mirror's own
	}
	create(t, a.url, "m", conf)
	awaitTasks(t, a.url, "m", 2, a.id, b.id)
	copied := func(p *mirrorProgress) error {
		for _, part := range p.Partitions {
			if part.Target != "S.in" || part.State != "copying" || part.Position < 100 || part.Position != part.End {
				return fmt.Errorf("not there yet: %+v", part)
			}
		}
		return nil
	}
	for _, n := range []*node{a, b} {
		awaitAllProgress(t, n, "m", 4, copied)
	}
	if code, out := mirrorStatus(t, b.url); code != 0 || !strings.HasPrefix(out, "m: 2 tasks on 2 workers, 4 partitions: 4 copying\n") {
		t.Errorf("exit %d: %s", code, out)
	}

	// What a task counts begins anew with it, so that only positions are sure.
	const many = 1e12
	awaitMetrics(t, []*node{a, b}, map[string][2]float64{
		"connectd_worker_leader":                                       {1, 1},
		"connectd_mirror_position":                                     {400, 400},
		"connectd_mirror_state copying":                                {4, 4},
		"connectd_mirror_batches_total":                                {1, many},
		"connectd_mirror_lane batch":                                   {4, 4},
		"kafka_connect_mirror_mirrorsourceconnector_record_count S.in": {1, many},
		"kafka_connect_mirror_mirrorsourceconnector_byte_count T":      {1, many},
		"kafka_connect_source_task_source_record_poll_total m":         {1, many},
		"kafka_connect_source_task_source_record_write_total m":        {1, many},
		"kafka_connect_source_task_source_record_active_count m":       {0, 0},
		"kafka_connect_worker_connector_running_task_count m":          {2, 2},
	})

	limit(t, target.Bootstrap, "S.in", "20000")
	large := &kgo.Record{Topic: "in", Partition: 1, Value: make([]byte, 60_000)}
	_, _ = rand.Read(large.Value) // so that it stays large when it is compressed
	if err := producer.ProduceSync(t.Context(), large).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := s.produce(t.Context(), producer, 400); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*node{a, b} {
		awaitAllProgress(t, n, "m", 4, func(p *mirrorProgress) error {
			for _, part := range p.Partitions {
				if part.Partition == 1 && (part.State != "waiting" || part.Position != 100 || part.Reason == "") {
					return fmt.Errorf("it goes on: %+v", part)
				}
				if part.Partition != 1 && (part.State != "copying" || part.Position != 200) {
					return fmt.Errorf("it does not go on: %+v", part)
				}
			}
			return nil
		})
	}
	awaitMetrics(t, []*node{a, b}, map[string][2]float64{"connectd_mirror_state waiting": {1, 1}, "connectd_mirror_state copying": {3, 3}})
	if code, out := mirrorStatus(t, a.url, "m"); code != 1 || !strings.Contains(out, "waiting: ") || !strings.Contains(out, "m: 1 partition waits") {
		t.Errorf("exit %d: %s", code, out)
	}

	limit(t, target.Bootstrap, "S.in", "1000000")
	awaitAllProgress(t, b, "m", 4, copied)
}

// limit sets the size of the largest batch that a topic takes.
func limit(t *testing.T, bootstrap, topic, bytes string) {
	t.Helper()
	admin := kadm.NewClient(kafkaClient(t, bootstrap))
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &bytes}}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		resps, err := admin.AlterTopicConfigs(ctx, change, topic)
		if err != nil {
			return err
		}
		return resps[0].Err
	})
}
