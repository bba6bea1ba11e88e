package connecttest

import (
	"context"
	"maps"
	"testing"

	"github.com/connectd/connectd/connect"
)

func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	t.Cleanup(cancel)
	return ctx
}

// plugin checks a plugin's description and definition.
func plugin(t *testing.T, p connect.ConnectorPlugin, props map[string]string) {
	t.Helper()
	if p.Class == "" || p.TaskClass == "" || p.Version == "" {
		t.Errorf("a plugin needs Class, TaskClass and Version: %q, %q, %q", p.Class, p.TaskClass, p.Version)
	}
	if p.Config == nil {
		t.Fatal("a plugin needs its config definition")
	}
	if _, err := p.Config.Parse(props); err != nil {
		t.Errorf("the definition refuses the properties of the test: %v", err)
	}
	for _, k := range p.Config.Keys() {
		if k.Doc == "" {
			t.Errorf("property %s has no documentation", k.Name)
		}
	}
	v, ok := p.New().(connect.Validator)
	if !ok {
		return
	}
	for _, some := range []map[string]string{props, {}} {
		values := p.Config.Validate(some)
		if got := v.Validate(bounded(t), maps.Clone(some), values); len(got) < len(values) {
			t.Errorf("Validate lost %d of %d values", len(values)-len(got), len(values))
		}
	}
}

// taskConfigs starts a connector, asks for task configs twice, and stops it.
func taskConfigs(t *testing.T, p connect.ConnectorPlugin, props map[string]string, maxTasks int, cc connect.ConnectorContext) []map[string]string {
	t.Helper()
	c := p.New()
	ctx := bounded(t)
	given := maps.Clone(props)
	if err := c.Start(ctx, cc, given); err != nil {
		t.Fatalf("Start: %v", err)
	}
	configs, err := c.TaskConfigs(ctx, maxTasks)
	if err != nil {
		t.Fatalf("TaskConfigs: %v", err)
	}
	if len(configs) > maxTasks {
		t.Errorf("%d task configs; at most %d were asked for", len(configs), maxTasks)
	}
	again, err := c.TaskConfigs(ctx, maxTasks)
	if err != nil || len(again) != len(configs) {
		t.Errorf("TaskConfigs gives %d, then %d configs (%v): tasks would restart for nothing", len(configs), len(again), err)
	}
	for i := range min(len(configs), len(again)) {
		if !maps.Equal(configs[i], again[i]) {
			t.Errorf("config %d differs between two calls: tasks would restart for nothing", i)
		}
	}
	if !maps.Equal(given, props) {
		t.Error("the connector changed the properties that it was given")
	}
	if one, err := c.TaskConfigs(ctx, 1); err != nil || len(one) > 1 {
		t.Errorf("TaskConfigs(1): %d configs, %v", len(one), err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
	return configs
}

// wrongProps checks that a connector which cannot start says so, and can still be stopped.
func wrongProps(t *testing.T, p connect.ConnectorPlugin, props map[string]string, cc connect.ConnectorContext) {
	t.Helper()
	for _, k := range p.Config.Keys() {
		if k.HasDefault {
			continue
		}
		without := maps.Clone(props)
		delete(without, k.Name)
		c := p.New()
		if err := c.Start(bounded(t), cc, without); err == nil {
			t.Errorf("it starts without the required property %s", k.Name)
		}
		if err := c.Stop(); err != nil {
			t.Errorf("Stop after a failed Start: %v", err)
		}
	}
}
