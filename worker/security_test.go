package worker_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/connectd/connectd/worker"
)

func TestSecretsStayReferences(t *testing.T) {
	const ref = "${vault:secret}"
	p := newProbe()
	c := newWorkers(t, 1, p.register, nil)
	w := c.all[0]
	// The connector copies its resolved properties into task configs, as many do.
	w.create("a", source(1, "connector.class", probeClass, "password", ref, "both", "user "+ref))
	w.awaitStates("a", "RUNNING RUNNING")
	for _, who := range []string{"a", "a-0"} {
		if got := p.propsOf(who); got["password"] != "open sesame" || got["both"] != "user open sesame" {
			t.Errorf("%s got %v", who, got)
		}
	}
	for _, path := range []string{"", "/config", "/tasks", "/status"} {
		status, body, err := w.call("GET", "/connectors/a"+path, nil)
		if err != nil || status != http.StatusOK || strings.Contains(body, "sesame") {
			t.Errorf("GET %s: %d %s, %v", path, status, body, err)
		}
		if path == "/config" || path == "/tasks" {
			if !strings.Contains(body, `"password":"`+ref+`"`) || !strings.Contains(body, `"both":"user `+ref+`"`) {
				t.Errorf("GET %s has no references: %s", path, body)
			}
		}
	}
	if strings.Contains(c.kafka.configTopic(), "sesame") {
		t.Errorf("a secret stands in the config topic:\n%s", c.kafka.configTopic())
	}
}

func TestSessionKeys(t *testing.T) {
	c := newWorkers(t, 2, nil, map[string]string{"inter.worker.key.ttl.ms": "500"})
	leader, _ := c.apart()
	leader.create("a", source(2))
	leader.awaitStates("a", "RUNNING RUNNING RUNNING")
	keys := func() int {
		n := 0
		for _, r := range c.kafka.stores[worker.ConfigStore].Records() {
			if string(r.Key) == "session-key" {
				n++
			}
		}
		return n
	}
	leader.eventually(func() error {
		if keys() < 3 {
			return fmt.Errorf("%d keys so far", keys())
		}
		return nil
	})
	// The follower's connectors are still generated: their configs are signed by the present key.
	leader.must(http.StatusOK, "PUT", "/connectors/a/config", source(3))
	leader.awaitStates("a", "RUNNING RUNNING RUNNING RUNNING")
	leader.create("b", source(3))
	leader.awaitStates("b", "RUNNING RUNNING RUNNING RUNNING")
	for _, w := range c.all {
		w.must(http.StatusBadRequest, "POST", "/connectors/a/tasks", []map[string]string{{"unsigned": "yes"}})
		if err := w.expectSigned(http.StatusForbidden, "bm9uZQ=="); err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(c.kafka.configTopic(), "unsigned") {
		t.Error("an unsigned request was written")
	}
}

func (w *testWorker) expectSigned(status int, signature string) error {
	req, err := http.NewRequest("POST", strings.TrimSuffix(w.URL(), "/")+"/connectors/a/tasks", strings.NewReader(`[{"unsigned":"yes"}]`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Connect-Authorization", signature)
	req.Header.Set("X-Connect-Request-Signature-Algorithm", "HmacSHA256")
	resp, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing of it is read
	if resp.StatusCode != status {
		return fmt.Errorf("a request with a wrong signature was answered %s", resp.Status)
	}
	return nil
}

func TestUnsignedProtocols(t *testing.T) {
	for _, protocol := range []string{"compatible", "eager"} {
		t.Run(protocol, func(t *testing.T) {
			c := newWorkers(t, 2, nil, map[string]string{"connect.protocol": protocol})
			_, follower := c.apart()
			for _, name := range []string{"a", "b"} { // one of them runs on the follower
				follower.create(name, source(2))
				follower.awaitStates(name, "RUNNING RUNNING RUNNING")
			}
			follower.must(http.StatusNoContent, "DELETE", "/connectors/a", nil)
			follower.awaitStates("b", "RUNNING RUNNING RUNNING")
			if strings.Contains(c.kafka.configTopic(), "session-key") {
				t.Error("a session key was distributed")
			}
		})
	}
}

func TestLevelsOfTheWholeCluster(t *testing.T) {
	c := newWorkers(t, 2, nil, nil)
	level := func(w *testWorker) string {
		l, _ := w.logs.Get("herder")
		return l.Level
	}
	c.all[0].must(http.StatusNoContent, "PUT", "/admin/loggers/herder?scope=cluster", map[string]string{"level": "error"})
	for _, w := range c.all {
		w.eventually(func() error {
			if level(w) != "ERROR" {
				return fmt.Errorf("worker %s has level %s", w.id, level(w))
			}
			return nil
		})
	}
	c.all[0].must(http.StatusOK, "PUT", "/admin/loggers/herder", map[string]string{"level": "WARN"})
	if a, b := level(c.all[0]), level(c.all[1]); a != "WARN" || b != "ERROR" {
		t.Errorf("a level of one worker: %s and %s", a, b)
	}
}
