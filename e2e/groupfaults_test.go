package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// dump reads a topic from given offsets to its present end, in the order of each partition.
func dump(t *testing.T, bootstrap, topic string, from map[int32]kgo.Offset) []*kgo.Record {
	t.Helper()
	cl := kafkaClient(t, bootstrap)
	listed, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	left := map[int32]int64{}
	starts := map[int32]kgo.Offset{}
	listed.Each(func(o kadm.ListedOffset) {
		start, ok := from[o.Partition]
		if !ok {
			start = kgo.NewOffset().AtStart()
		}
		if start.EpochOffset().Offset < o.Offset && o.Offset > 0 {
			left[o.Partition], starts[o.Partition] = o.Offset, start
		}
	})
	if len(left) == 0 {
		return nil
	}
	reader := kafkaClient(t, bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out []*kgo.Record
	for len(left) > 0 {
		fs := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("topic %s: not read to its end: %v", topic, left)
		}
		fs.EachRecord(func(r *kgo.Record) {
			out = append(out, r)
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return out
}

// now remembers where a topic ends.
func now(t *testing.T, bootstrap, topic string) map[int32]kgo.Offset {
	t.Helper()
	listed, err := kadm.NewClient(kafkaClient(t, bootstrap)).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	out := map[int32]kgo.Offset{}
	listed.Each(func(o kadm.ListedOffset) { out[o.Partition] = kgo.NewOffset().At(o.Offset) })
	return out
}

// writers lists the producer ids by which records were written.
func writers(recs []*kgo.Record) map[int64]int {
	out := map[int64]int{}
	for _, r := range recs {
		out[r.ProducerID]++
	}
	return out
}

// storedStatus is a record of the status topic.
type storedStatus struct {
	State      string `json:"state"`
	WorkerID   string `json:"worker_id"`
	Generation int    `json:"generation"`
}

// checkStatuses fails where an older generation of one worker overwrites a newer one of another. The UNASSIGNED of a worker
// that gave work away may come late: readers pass over it, as in Java.
func checkStatuses(t *testing.T, recs []*kgo.Record) {
	t.Helper()
	last := map[string]storedStatus{}
	for _, r := range recs {
		var s storedStatus
		if strings.HasPrefix(string(r.Key), "status-topic-") || r.Value == nil {
			continue
		}
		if err := json.Unmarshal(r.Value, &s); err != nil {
			t.Fatalf("%s: %v", r.Key, err)
		}
		if s.State == "UNASSIGNED" {
			continue
		}
		if was := last[string(r.Key)]; was.WorkerID != "" && was.WorkerID != s.WorkerID && s.Generation < was.Generation {
			t.Errorf("%s: %+v overwrote %+v", r.Key, s, was)
		}
		last[string(r.Key)] = s
	}
}

// checkPositions fails where a mirror's stored position goes back. It returns the last one of each source partition.
func checkPositions(t *testing.T, recs []*kgo.Record) map[string]int64 {
	t.Helper()
	last := map[string]int64{}
	for _, r := range recs {
		var o struct {
			Offset int64 `json:"offset"`
		}
		if err := json.Unmarshal(r.Value, &o); err != nil {
			t.Fatalf("%s: %v", r.Key, err)
		}
		if was, ok := last[string(r.Key)]; ok && o.Offset < was {
			t.Errorf("the position of %s goes back from %d to %d", r.Key, was, o.Offset)
		}
		last[string(r.Key)] = o.Offset
	}
	return last
}

// TestGroupFaults has groups of two workers, each with a fault of its own. docs/faults.md tells what is seen of them.
func TestGroupFaults(t *testing.T) {
	t.Parallel()
	broker := testkit.StartBroker(t, testkit.Property("auto.create.topics.enable", "false"))
	for _, topic := range []string{"f1", "f2", "moved", "anew"} {
		createTopic(t, broker.Bootstrap, topic, 1, nil)
	}
	for name, test := range map[string]func(*testing.T, *testkit.Broker){
		"a zombie writes nothing":         zombieWritesNothing,
		"a leader that cannot be reached": leaderThatCannotBeReached,
		"the config topic is made anew":   configTopicMadeAnew,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, broker)
		})
	}
}

// zombieWritesNothing freezes the worker that leads the group, with copied records whose positions are not stored yet and
// a request that it has not read yet, until another worker has its work and its leadership; then lets it go on.
func zombieWritesNothing(t *testing.T, broker *testkit.Broker) {
	const partitions = 4
	createTopic(t, broker.Bootstrap, "in", partitions, nil)
	slow := map[string]string{"offset.flush.interval.ms": "3000"}
	// Producer ids tell one task's records from another's.
	conf := merged(mirrorConfig(broker.Bootstrap, broker.Bootstrap, "in", partitions),
		map[string]string{"producer.override.enable.idempotence": "true"})
	a := startNode(t, broker.Bootstrap, "zombie", slow)
	create(t, a.url, "m", conf)
	awaitTasks(t, a.url, "m", partitions, a.id)
	b := startNode(t, broker.Bootstrap, "zombie", slow)
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error { // half of them on each, and none on its way
		var s status
		if err := a.get(ctx, "/connectors/m/status", &s); err != nil {
			return err
		}
		if w := s.workers(); w[a.id] != partitions/2 || w[b.id] != partitions/2 {
			return fmt.Errorf("tasks %v", w)
		}
		return nil
	})

	producer := kafkaClient(t, broker.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := newStream("in", partitions)
	do(t, http.MethodPut, a.url+"/admin/loggers/rest", map[string]string{"level": "DEBUG"}, nil)
	put := func(url, value string) error {
		conf := merged(conf, map[string]string{"asked": value})
		_, err := call(context.Background(), http.MethodPut, url+"/connectors/m/config", conf, nil)
		return err
	}
	more := func() {
		t.Helper()
		if err := s.produce(t.Context(), producer, 4000); err != nil {
			t.Fatal(err)
		}
		s.verify(t, broker.Bootstrap, "S.in")
	}
	more()
	before := writers(dump(t, broker.Bootstrap, "S.in", nil))
	frozen := now(t, broker.Bootstrap, "S.in")
	a.Pause()
	// The kernel takes the request; the worker finds it when it goes on.
	late := make(chan error, 1)
	go func() { late <- put(a.url, "late") }()
	awaitTasks(t, b.url, "m", partitions, b.id)
	more()
	// What B's tasks go on writing is theirs, the rest of the writers is frozen.
	zombies := before
	for id := range writers(dump(t, broker.Bootstrap, "S.in", frozen)) {
		delete(zombies, id)
	}
	if len(zombies) != partitions/2 {
		t.Fatalf("writers that are frozen: %v, want %d", zombies, partitions/2)
	}
	if err := put(b.url, "meanwhile"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, time.Minute, func(context.Context) error { return stored(t, broker.Bootstrap, "zombie-offsets", s) })
	copied := now(t, broker.Bootstrap, "S.in")
	a.Continue()
	awaitLog(t, a, "lost the membership")
	awaitTasks(t, b.url, "m", partitions, a.id, b.id)
	// The request found a worker that does not lead any more: it went to the one that does, unless it came before the worker
	// knew who that is, or the other has trouble of its own.
	if err := <-late; err != nil && !strings.Contains(err.Error(), " 409 ") && !strings.Contains(err.Error(), "given up") {
		t.Errorf("the request that waited: %v", err)
	} else if err == nil && !strings.Contains(a.Log(), "Forwarding a request") {
		t.Error("a former leader has written a config")
	}
	more()

	for id, n := range writers(dump(t, broker.Bootstrap, "S.in", copied)) {
		if zombies[id] > 0 {
			t.Errorf("%d records of a zombie's task", n)
		}
	}
	checkPositions(t, dump(t, broker.Bootstrap, "zombie-offsets", nil))
	checkStatuses(t, dump(t, broker.Bootstrap, "zombie-status", nil))
}

// stored tells whether the positions of the whole stream are stored.
func stored(t *testing.T, bootstrap, topic string, s *stream) error {
	t.Helper()
	last := checkPositions(t, dump(t, bootstrap, topic, nil))
	for p, next := range s.next {
		key := fmt.Sprintf(`["m",{"cluster":"S","partition":%d,"topic":"in"}]`, p)
		if last[key] != int64(next)-1 {
			return fmt.Errorf("%s is stored as %d, %d records were copied", key, last[key], next)
		}
	}
	return nil
}

// awaitLog waits for a line of a worker's log.
func awaitLog(t *testing.T, n *node, text string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if !strings.Contains(n.Log(), text) {
			return fmt.Errorf("the log of %s says nothing like %q", n.id, text)
		}
		return nil
	})
}
