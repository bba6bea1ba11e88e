package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/fault"
)

// keeper is a connector with a password of its own, whose validation and start can be made to fail.
type keeper struct{ connect.Connector }

const keeperClass = "test.KeeperConnector"

func (k keeper) Start(ctx context.Context, cc connect.ConnectorContext, props map[string]string) error {
	if props["fail"] != "" {
		return errors.New("the login was refused")
	}
	return k.Connector.Start(ctx, cc, props)
}

func registerKeeper(r connect.Registrar) {
	plugin := fault.New().Source()
	plugin.Class = keeperClass
	plugin.Config = plugin.Config.Clone().Define(
		config.Key{Name: "login.password", Type: config.TypePassword, Default: "", Importance: config.High, Doc: "A secret."},
		config.Key{
			Name: "login.pin", Type: config.TypePassword, Default: "", Importance: config.High, Doc: "A secret that is checked.",
			Validator: config.Check("a number", func(name string, value any) error {
				if p, is := value.(config.Password); is && strings.Contains(p.Reveal(), "bad") {
					return config.Invalid(name, value, "must be a number")
				}
				return nil
			}),
		})
	newConnector := plugin.New
	plugin.New = func() connect.Connector { return keeper{newConnector()} }
	r.Connector(plugin)
}

// TestSecretsAreMasked: passwords show in a connector's config and tasks, as in Java, and nowhere else: not in what validation
// answers, in no error, trace or log, however much is logged, on the worker that is asked and on the leader.
func TestSecretsAreMasked(t *testing.T) {
	const secret = "s3cret-bad"
	log := &lockedLog{}
	c := newLoggingWorkers(t, 2, registerKeeper, nil, log)
	leader, follower := c.apart()
	conf := func(more ...string) map[string]string {
		return source(1, append([]string{
			"connector.class", keeperClass, "login.password", secret, "undeclared.password", secret,
			"producer.override.sasl.jaas.config", `x required password="` + secret + `";`, "producer.override.ssl.key.password", secret,
		}, more...)...)
	}
	hidden := func(what string, status int, method, path string, in any) {
		t.Helper()
		for _, w := range []*testWorker{follower, leader} {
			got, body, err := w.call(method, path, in)
			if err != nil || got != status || strings.Contains(body, secret) {
				t.Errorf("%s: %d %s, %v", what, got, body, err)
			}
		}
	}
	follower.create("a", conf())
	leader.awaitStates("a", "RUNNING RUNNING")
	follower.create("broken", conf("fail", "yes"))
	leader.eventually(func() error {
		_, body, err := leader.call("GET", "/connectors/broken/status", nil)
		if err == nil && !strings.Contains(body, "the login was refused") {
			err = fmt.Errorf("status %s", body)
		}
		return err
	})

	validate := "/connector-plugins/" + keeperClass + "/config/validate"
	hidden("a sound config", http.StatusOK, "PUT", validate, conf("name", "x"))
	hidden("a pin that is refused", http.StatusOK, "PUT", validate, conf("name", "x", "login.pin", secret, "tasks.max", "none"))
	_, body, err := leader.call("PUT", validate, conf("name", "x", "login.pin", secret))
	if err != nil || strings.Count(body, `"value":"[hidden]"`) < 4 || !strings.Contains(body, "must be a number") {
		t.Errorf("%v %s", err, body)
	}
	hidden("status", http.StatusOK, "GET", "/connectors/broken/status", nil)
	hidden("an invalid pin", http.StatusBadRequest, "PUT", "/connectors/b/config", conf("login.pin", secret))
	hidden("no class", http.StatusBadRequest, "POST", "/connectors", map[string]any{"name": "n", "config": map[string]string{"login.password": secret}})
	hidden("an unknown class", http.StatusBadRequest, "PUT", "/connectors/n/config", map[string]string{"connector.class": "Nope", "login.password": secret})
	hidden("malformed", http.StatusInternalServerError, "PUT", "/connectors/n/config", map[string]any{"login.password": []string{secret}})
	hidden("patched amiss", http.StatusBadRequest, "PATCH", "/connectors/a/config", map[string]string{"tasks.max": "none", "login.password": secret})
	hidden("the wrong plugin", http.StatusBadRequest, "PUT", "/connector-plugins/Other/config/validate", conf())
	for _, path := range []string{"/config", "/tasks"} {
		if _, body, err := follower.call("GET", "/connectors/a"+path, nil); err != nil || !strings.Contains(body, secret) {
			t.Errorf("GET %s no longer shows what was put, as tools expect: %s %v", path, body, err)
		}
	}
	logged := log.take()
	if !strings.Contains(logged, "[TRACE]") && !strings.Contains(logged, "[DEBUG]") {
		t.Error("nothing was logged in detail")
	}
	for line := range strings.Lines(logged) {
		if strings.Contains(line, secret) {
			t.Errorf("logged: %s", line)
		}
	}
}
