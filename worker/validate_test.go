package worker

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/converter"
	"github.com/connectd/connectd/connectors/file"
	"github.com/connectd/connectd/connectors/transform"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/worker/plugin"
	"github.com/connectd/connectd/worker/workerconf"
)

// picky is a connector whose own check does what a test wants.
type picky struct {
	connect.Connector
	check func(ctx context.Context, props map[string]string, values []config.Value) []config.Value
}

func (p picky) Validate(ctx context.Context, props map[string]string, values []config.Value) []config.Value {
	return p.check(ctx, props, values)
}

const pickyClass = "com.example.PickyConnector"

func validatingWorker(check func(context.Context, map[string]string, []config.Value) []config.Value) *Worker {
	registry := plugin.New()
	converter.Register(registry)
	file.Register(registry)
	transform.Register(registry, time.Now)
	registry.Connector(connect.ConnectorPlugin{
		Class: pickyClass, Version: "1.0", Type: connect.Source, BytesByDefault: true,
		Config:        config.New(config.Key{Name: "color", Doc: "A color."}),
		New:           func() connect.Connector { return picky{check: check} },
		NewSourceTask: func() connect.SourceTask { return nil },
	})
	const json = "org.apache.kafka.connect.json.JsonConverter"
	return &Worker{cfg: Config{Registry: registry, Conf: &workerconf.Config{
		GroupID: "g", ClientOverridePolicy: "All", KeyConverter: workerconf.Converter{Class: json}, ValueConverter: workerconf.Converter{Class: json},
		HeaderConverter: workerconf.Converter{Class: "org.apache.kafka.connect.storage.SimpleHeaderConverter"},
	}}}
}

// With the stock plugins answers are those of a Java worker, as far as it has no further plugins to recommend.
func TestValidateAnswersAsJava(t *testing.T) {
	var recorded struct {
		Definitions []api.ConfigKeyInfo
		Cases       []struct {
			Case, Plugin, Policy string
			Config               map[string]string
			Status               int
			Message              string
			ErrorCount           int `json:"error_count"`
			Groups               []string
			Configs              [][6]json.RawMessage
		}
	}
	data, err := os.ReadFile("connconf/testdata/java-validate.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	w := validatingWorker(nil)
	compared := 0
	for _, c := range recorded.Cases {
		// The others need mirrors, which are not registered here, or look for Java classes.
		if strings.Contains(c.Plugin, "Mirror") || c.Policy != "All" ||
			strings.Contains(c.Case, "class override") || strings.Contains(c.Case, "unknown class") || strings.Contains(c.Case, "bad regex") {
			continue
		}
		compared++
		t.Run(c.Case, func(t *testing.T) {
			infos, err := w.Validate(t.Context(), c.Plugin, c.Config)
			if c.Status != 200 {
				var e *cluster.Error
				if !errors.As(err, &e) || e.Code != cluster.CodeInternal || e.Message != c.Message {
					t.Errorf("got  %v\nwant %s", err, c.Message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var want, got []any
			for _, row := range c.Configs {
				var k api.ConfigKeyInfo
				var at *int
				var v api.ConfigValueInfo
				for i, into := range map[int]any{0: &at, 1: &v.Name, 2: &v.Value, 4: &v.Errors, 5: &v.Visible} {
					if err := json.Unmarshal(row[i], into); err != nil {
						t.Fatal(err)
					}
				}
				if at != nil {
					k = recorded.Definitions[*at]
				}
				want = append(want, comparable(k, v))
			}
			for _, i := range infos.Configs {
				var k api.ConfigKeyInfo
				if i.Definition != nil {
					k = *i.Definition
				}
				got = append(got, comparable(k, i.Value))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-Java +ours)\n%s", diff)
			}
			if infos.ErrorCount != c.ErrorCount || !cmp.Equal(infos.Groups, c.Groups) {
				t.Errorf("%d errors, groups %q; Java has %d, %q", infos.ErrorCount, infos.Groups, c.ErrorCount, c.Groups)
			}
		})
	}
	if compared < 55 {
		t.Errorf("only %d cases compared", compared)
	}
}

func comparable(k api.ConfigKeyInfo, v api.ConfigValueInfo) any {
	k.Documentation, k.Dependents = "", append([]string{}, k.Dependents...)
	v.RecommendedValues, v.Errors = nil, append([]string{}, v.Errors...)
	return []any{k, v}
}

func TestPluginListRequestIsAnsweredWithoutTheConnector(t *testing.T) {
	w := validatingWorker(nil)
	for _, p := range w.Plugins(true) {
		if p.Class == pickyClass {
			continue
		}
		infos, err := w.Validate(t.Context(), p.Class, map[string]string{"connector.class": p.Class, "topics": "getPlugins"})
		if err != nil || infos.Name != p.Class || infos.ErrorCount == 0 {
			t.Error(p.Class, infos, err)
		}
	}
}

func TestConnectorsOwnCheck(t *testing.T) {
	props := map[string]string{"name": "n", "connector.class": "Picky", "color": "red", "key.converter": "String"}
	for name, tc := range map[string]struct {
		check func(context.Context, map[string]string, []config.Value) []config.Value
		want  string
	}{
		"adds an error": {func(_ context.Context, props map[string]string, values []config.Value) []config.Value {
			values[0].Errors = append(values[0].Errors, "not "+props["color"])
			return values
		}, "Connector configuration is invalid and contains the following 1 error(s):\nnot red\n"},
		"says nothing": {func(context.Context, map[string]string, []config.Value) []config.Value { return nil }, ""},
		"panics": {
			func(context.Context, map[string]string, []config.Value) []config.Value { panic("oh") },
			"connector com.example.PickyConnector panicked while it validated its configuration: oh",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := validatingWorker(tc.check).validConfig(t.Context(), props)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestConnectorsOwnCheckIsNotWaitedForForever(t *testing.T) {
	release, done := make(chan struct{}), make(chan struct{})
	w := validatingWorker(func(context.Context, map[string]string, []config.Value) []config.Value {
		defer close(done)
		<-release
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := w.validate(ctx, map[string]string{"connector.class": "Picky"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(release)
	<-done
}

func TestRefusalsOfCreateHaveNoExceptionName(t *testing.T) {
	w := validatingWorker(nil)
	for want, props := range map[string]map[string]string{
		"Connector config {name=x1} contains no connector type":                                                                   {"name": "x1"},
		"Connector config {sasl.jaas.config=[hidden]} contains no connector type":                                                 {"sasl.jaas.config": "secret"},
		"Failed to find any class that implements Connector and which name matches Nope, available connectors are: ":              {"connector.class": "Nope"},
		"Failed to find any class that implements Connector and which name matches  FileStreamSource, available connectors are: ": {"connector.class": " FileStreamSource"},
	} {
		err := w.validConfig(t.Context(), props)
		var e *cluster.Error
		if !errors.As(err, &e) || e.Code != cluster.CodeBadRequest || !strings.HasPrefix(e.Message, want) || strings.Contains(e.Message, "secret") {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestBytesByDefaultShowsInTheAnswer(t *testing.T) {
	check := func(_ context.Context, _ map[string]string, v []config.Value) []config.Value { return v }
	infos, err := validatingWorker(check).validate(t.Context(), map[string]string{"connector.class": "Picky", "value.converter": "JsonConverter"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range infos.Configs {
		if i.Value.Value != nil {
			got[i.Value.Name] = *i.Value.Value
		}
	}
	for name, want := range map[string]string{
		"key.converter":    byteArrayConverter,
		"value.converter":  "org.apache.kafka.connect.json.JsonConverter",
		"header.converter": byteArrayConverter,
	} {
		if got[name] != want {
			t.Errorf("%s is shown as %s", name, got[name])
		}
	}
}

func TestPluginConfig(t *testing.T) {
	w := validatingWorker(nil)
	names := func(plugin string) (names []string) {
		keys, err := w.PluginConfig(t.Context(), plugin)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			names = append(names, k.Name)
		}
		return names
	}
	if got := names("FileStreamSource"); len(got) != 27 || got[0] != "file" || got[3] != "name" || got[26] != "offsets.storage.topic" {
		t.Error(got)
	}
	if got := names("org.apache.kafka.connect.converters.LongConverter"); len(got) != 1 || got[0] != "converter.type" {
		t.Error(got)
	}
	_, err := w.PluginConfig(t.Context(), "nope")
	var e *cluster.Error
	if !errors.As(err, &e) || e.Code != cluster.CodeNotFound || e.Message != "Unknown plugin nope." {
		t.Error(err)
	}
}
