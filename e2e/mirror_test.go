package e2e

import (
	"context"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestMirrorLosesNothing has three workers copy a million numbered records while one is killed, one is stopped and one
// joins; then the link is paused, resumed and deleted.
func TestMirrorLosesNothing(t *testing.T) {
	source, target := testkit.StartBroker(t), testkit.StartBroker(t)
	const partitions = 12
	createTopic(t, source.Bootstrap, "in", partitions, nil)

	a := startNode(t, target.Bootstrap, "grp", nil)
	b := startNode(t, target.Bootstrap, "grp", nil)
	c := startNode(t, target.Bootstrap, "grp", nil)
	create(t, a.url, "m", mirrorConfig(source.Bootstrap, target.Bootstrap, "in", 6))
	awaitTasks(t, a.url, "m", 6, a.id, b.id, c.id)

	producer := kafkaClient(t, source.Bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(50_000))
	s := newStream("in", partitions)
	const total = 1_000_000
	done := make(chan error, 1)
	go func() { done <- s.produce(t.Context(), producer, total) }()

	sent := func(n int64) {
		testkit.Eventually(t, 2*time.Minute, func(context.Context) error {
			if got := s.sent.Load(); got < n {
				return fmt.Errorf("%d of %d records sent", got, n)
			}
			return nil
		})
	}
	sent(total / 5)
	b.Kill() // SIGKILL
	sent(2 * total / 5)
	d := startNode(t, target.Bootstrap, "grp", nil)
	sent(3 * total / 5)
	c.Signal(syscall.SIGTERM)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records, %d of them more than once", total, s.verify(t, target.Bootstrap, "S.in"))
	awaitTasks(t, d.url, "m", 6, a.id, d.id)

	pauseResumeDelete(t, a, producer, s, target.Bootstrap)
}

func pauseResumeDelete(t *testing.T, a *node, producer *kgo.Client, s *stream, target string) {
	cl := kafkaClient(t, target)
	do(t, http.MethodPut, a.url+"/connectors/m/pause", nil, nil)
	awaitState(t, a, "PAUSED")
	before, err := ends(t.Context(), cl, "S.in")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.produce(t.Context(), producer, 1200); err != nil {
		t.Fatal(err)
	}
	if after, err := ends(t.Context(), cl, "S.in"); err != nil || after != before {
		t.Fatalf("a paused link copied %d records (%v)", after-before, err)
	}
	do(t, http.MethodPut, a.url+"/connectors/m/resume", nil, nil)
	awaitState(t, a, "RUNNING")
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		after, err := ends(ctx, cl, "S.in")
		if err == nil && after < before+1200 {
			err = fmt.Errorf("%d of 1200 records arrived after the link was resumed", after-before)
		}
		if after > before+1200 {
			t.Fatalf("a resumed link copied %d records instead of 1200: it did not go on where it stopped", after-before)
		}
		return err
	})
	s.verify(t, target, "S.in")
	do(t, http.MethodDelete, a.url+"/connectors/m", nil, nil)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		status, _ := call(ctx, http.MethodGet, a.url+"/connectors/m/status", nil, nil)
		if status != http.StatusNotFound {
			return fmt.Errorf("the deleted connector still has a status: %d", status)
		}
		return nil
	})
	if after, err := ends(t.Context(), cl, "S.in"); err != nil || after < before+1200 {
		t.Fatalf("deleting the link took copied records away: %d left (%v)", after, err)
	}
}

func awaitState(t *testing.T, n *node, state string) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		var s status
		if err := n.get(ctx, "/connectors/m/status", &s); err != nil {
			return err
		}
		if s.Connector.State != state {
			return fmt.Errorf("connector is %s", s.Connector.State)
		}
		for _, task := range s.Tasks {
			if task.State != state {
				return fmt.Errorf("task %d is %s %s", task.ID, task.State, task.Trace)
			}
		}
		return nil
	})
}
