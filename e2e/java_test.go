package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestJavaWorkerInTheGroup joins a Java worker into a group of connectd: both see the same connectors, both run tasks, and
// what was copied before the Java worker leaves is not copied again after.
func TestJavaWorkerInTheGroup(t *testing.T) {
	source, target := testkit.StartBroker(t), testkit.StartBroker(t)
	const partitions = 4
	createTopic(t, source.Bootstrap, "in", partitions, nil)
	a := startNode(t, target.Bootstrap, "mixed", nil)
	conf := mirrorConfig(source.Bootstrap, target.Bootstrap, "in", 4)
	// A Java mirror copies bytes only where it is told to.
	for _, k := range []string{"key.converter", "value.converter", "header.converter"} {
		conf[k] = "org.apache.kafka.connect.converters.ByteArrayConverter"
	}
	create(t, a.url, "m", conf)
	awaitTasks(t, a.url, "m", 4, a.id)

	producer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s := newStream("in", partitions)
	if err := s.produce(t.Context(), producer, 10_000); err != nil {
		t.Fatal(err)
	}
	s.verify(t, target.Bootstrap, "S.in")

	j := testkit.StartJavaWorker(t, target.Bootstrap, "mixed",
		testkit.Property("session.timeout.ms", "6000"), testkit.Property("heartbeat.interval.ms", "1000"),
		testkit.Property("scheduled.rebalance.max.delay.ms", "2000"), testkit.Property("offset.flush.interval.ms", "1000"))
	awaitShared(t, a, j.URL, 4)
	sameAnswers(t, a.url, j.URL, "/connectors", "/connectors/m", "/connectors/m/config", "/connectors/m/tasks")

	if err := s.produce(t.Context(), producer, 10_000); err != nil {
		t.Fatal(err)
	}
	s.verify(t, target.Bootstrap, "S.in")
	// Requests go to whichever worker leads.
	do(t, http.MethodPut, j.URL+"/connectors/m/pause", nil, nil)
	awaitState(t, a, "PAUSED")
	do(t, http.MethodPut, a.url+"/connectors/m/resume", nil, nil)
	awaitState(t, a, "RUNNING")

	j.Stop()
	awaitTasks(t, a.url, "m", 4, a.id)
	if err := s.produce(t.Context(), producer, 10_000); err != nil {
		t.Fatal(err)
	}
	s.verify(t, target.Bootstrap, "S.in")
}

// awaitShared waits until n tasks run, some on each of two workers.
func awaitShared(t *testing.T, a *node, other string, n int) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		var s status
		if _, err := call(ctx, http.MethodGet, other+"/connectors/m/status", nil, &s); err != nil {
			return err
		}
		w, total := s.workers(), 0
		for _, k := range w {
			total += k
		}
		if total != n || len(w) != 2 || w[a.id] == 0 {
			return fmt.Errorf("want %d tasks on two workers, have %+v", n, s)
		}
		return nil
	})
}

// sameAnswers compares what two workers answer, as decoded JSON.
func sameAnswers(t *testing.T, a, b string, paths ...string) {
	t.Helper()
	for _, p := range paths {
		testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
			var x, y any
			if _, err := call(ctx, http.MethodGet, a+p, nil, &x); err != nil {
				return err
			}
			if _, err := call(ctx, http.MethodGet, b+p, nil, &y); err != nil {
				return err
			}
			if fmt.Sprint(x) != fmt.Sprint(y) {
				return fmt.Errorf("GET %s differs:\n%v\n%v", p, x, y)
			}
			return nil
		})
	}
}
