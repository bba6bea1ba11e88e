package worker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker"
)

func newExactlyOnce(t *testing.T, n int, mode string) *workers {
	t.Helper()
	c := newWorkers(t, 0, nil, map[string]string{"exactly.once.source.support": mode})
	c.kafka.transactions = true
	for range n {
		c.add()
	}
	return c
}

// wrote waits until the topic has n records, each once.
func (c *workers) wrote(topic string, n int) {
	c.t.Helper()
	c.all[0].eventually(func() error {
		values := c.kafka.values(topic)
		slices.Sort(values)
		if len(values) != n || len(slices.Compact(values)) != n {
			return fmt.Errorf("%d records in %s: %v", len(values), topic, values)
		}
		return nil
	})
}

// TestExactlyOnceTasks: tasks start after a record of their count, those before them are fenced off when there are others, and
// offsets come with the records.
func TestExactlyOnceTasks(t *testing.T) {
	c := newExactlyOnce(t, 2, "enabled")
	w := c.all[1]
	w.create("a", source(2, "records", "3"))
	c.wrote("out", 6)
	if fenced := c.kafka.allFenced(); len(fenced) != 0 {
		t.Errorf("fenced %v, where nobody was before", fenced)
	}
	if text := c.kafka.configTopic(); strings.Count(text, `tasks-fencing-a {"task-count":2}`) != 1 {
		t.Errorf("config topic:\n%s", text)
	}
	w.must(200, "PUT", "/connectors/a/config", source(3, "records", "3", "note", "x"))
	w.eventually(func() error {
		fenced := c.kafka.allFenced()
		slices.Sort(fenced)
		if got := fmt.Sprint(fenced); got != "[g-a-0 g-a-1]" || !strings.Contains(c.kafka.configTopic(), `tasks-fencing-a {"task-count":3}`) {
			return fmt.Errorf("fenced %s, config topic:\n%s", got, c.kafka.configTopic())
		}
		return nil
	})
	c.wrote("out", 9) // the third task's
}

// TestExactlyOnceOffsets: an operator changes offsets by the tasks' own producer, after those who might still write were fenced off.
func TestExactlyOnceOffsets(t *testing.T) {
	c := newExactlyOnce(t, 1, "enabled")
	w := c.all[0]
	w.create("a", source(2, "records", "3", "offsets.storage.topic", "own"))
	c.wrote("out", 6)
	w.must(204, "PUT", "/connectors/a/stop", nil)
	c.kafka.failFencing(errors.New("no coordinator"))
	w.offsets("DELETE", "a", "", "500 {\"error_code\":500,\"message\":\"Failed to perform zombie fencing for source connector prior to modifying offsets\"}")
	c.kafka.failFencing(nil)
	w.offsets("GET", "a", "", `200 {"offsets":[{"partition":{"task":"0"},"offset":{"written":3}},{"partition":{"task":"1"},"offset":{"written":3}}]}`)
	w.offsets("PATCH", "a", offset(`{"task":"1"}`, `{"written":2}`), "200")
	w.offsets("DELETE", "a", "", "200")
	w.offsets("GET", "a", "", `200 {"offsets":[]}`)
	for what, topic := range map[string][]storage.Record{
		"own": c.kafka.ownTopic("own").Records(), "worker's": c.kafka.stores[worker.OffsetStore].Records(),
	} {
		if n := len(topic); n == 0 || topic[n-1].Value != nil {
			t.Errorf("the %s topic of offsets ends otherwise: %v", what, topic)
		}
	}
	if fenced := c.kafka.allFenced(); !slices.Contains(fenced, "g-a-1") {
		t.Errorf("fenced %v", fenced)
	}
	w.must(202, "PUT", "/connectors/a/resume", nil)
	w.eventually(func() error {
		if n := len(c.kafka.values("out")); n != 12 {
			return fmt.Errorf("%d records", n)
		}
		return nil
	})
}

// TestPreparing: the leader writes with its privilege, tasks as before.
func TestPreparing(t *testing.T) {
	c := newExactlyOnce(t, 2, "preparing")
	c.all[0].create("a", source(2, "records", "3"))
	c.wrote("out", 6)
	if text := c.kafka.configTopic(); strings.Contains(text, "tasks-fencing") {
		t.Errorf("config topic:\n%s", text)
	}
	if c.kafka.holders != nil {
		t.Error("tasks write in transactions")
	}
}
