package plugin

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/converter"
)

func source(class string) connect.ConnectorPlugin {
	return connect.ConnectorPlugin{
		Class: class, Version: "1.0", Type: connect.Source,
		New: func() connect.Connector { return nil }, NewSourceTask: func() connect.SourceTask { return nil },
	}
}

func sink(class string) connect.ConnectorPlugin {
	p := source(class)
	p.Type, p.NewSinkTask = connect.Sink, func() connect.SinkTask { return nil }
	return p
}

func full() *Registry {
	r := New()
	r.Connector(source("org.x.FileStreamSourceConnector"))
	r.Connector(sink("org.x.FileStreamSinkConnector"))
	r.Connector(source("org.x.TwinConnector"))
	r.Connector(source("org.y.TwinConnector"))
	r.Transform(connect.TransformPlugin{Class: "org.t.Flatten$Value", New: func() connect.Transform { return nil }})
	r.Transform(connect.TransformPlugin{Class: "org.t.Cast$Value", New: func() connect.Transform { return nil }})
	converter.Register(r)
	return r
}

func TestConnectorsAreFoundAsInJava(t *testing.T) {
	r := full()
	for name, want := range map[string]string{
		"org.x.FileStreamSourceConnector": "org.x.FileStreamSourceConnector", "FileStreamSourceConnector": "org.x.FileStreamSourceConnector",
		"FileStreamSource": "org.x.FileStreamSourceConnector", "FileStreamSink": "org.x.FileStreamSinkConnector", "org.y.TwinConnector": "org.y.TwinConnector",
	} {
		p, err := r.FindConnector(name)
		if err != nil || p.Class != want {
			t.Errorf("%s: %s %v", name, p.Class, err)
		}
	}
	for name, want := range map[string]string{
		"Nope": "Failed to find any class that implements Connector and which name matches Nope, available connectors are: " +
			"PluginDesc{klass=class org.x.FileStreamSinkConnector, name='org.x.FileStreamSinkConnector', version='1.0', encodedVersion=1.0, type=sink, typeName='sink', location='classpath'}, PluginDesc{",
		"Twin":              "More than one connector matches alias Twin. Please use full package and class name instead. Classes found: PluginDesc{",
		"filestreamsource":  "Failed to find any class",
		" FileStreamSource": "Failed to find any class",
		"JsonConverter":     "Failed to find any class",
		"":                  "Failed to find any class",
	} {
		if _, err := r.FindConnector(name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOtherKindsAreFound(t *testing.T) {
	r := full()
	const json = "org.apache.kafka.connect.json.JsonConverter"
	for _, name := range []string{json, "JsonConverter", "Json"} {
		if p, err := r.FindConverter(name); err != nil || p.Class != json {
			t.Errorf("%s: %v", name, err)
		}
		if p, err := r.FindHeaderConverter(name); err != nil || p.Class != json {
			t.Errorf("%s as header converter: %v", name, err)
		}
	}
	for _, name := range []string{"SimpleHeaderConverter", "Simple"} {
		if _, err := r.FindHeaderConverter(name); err != nil {
			t.Error(err)
		}
		if _, err := r.FindConverter(name); err == nil {
			t.Errorf("%s is a converter", name)
		}
	}
	if _, err := r.FindTransform("Value"); err == nil {
		t.Error("an ambiguous alias is found")
	}
	if _, err := r.FindTransform("org.t.Cast$Value"); err != nil {
		t.Error(err)
	}
	if _, err := r.FindPredicate("x"); err == nil {
		t.Error("a predicate out of nothing")
	}
	if !r.Known("Json") || r.Known("json") || !r.KnownAs("Json", Converter) || r.KnownAs("Json", Source) {
		t.Error("Known")
	}
	info, def, ok := r.Find("Json")
	if !ok || info.Kind != Converter || def == nil {
		t.Errorf("Find: %+v", info)
	}
	if _, ok := def.Key("schemas.enable"); !ok {
		t.Error("its definition lacks schemas.enable")
	}
}

func TestListIsInJavasOrder(t *testing.T) {
	var got []string
	for _, i := range full().List(Sink, Source, Transformation) {
		got = append(got, string(i.Kind)+" "+i.Class)
	}
	want := []string{
		"sink org.x.FileStreamSinkConnector", "source org.x.FileStreamSourceConnector", "source org.x.TwinConnector", "source org.y.TwinConnector",
		"transformation org.t.Cast$Value", "transformation org.t.Flatten$Value",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if n := len(full().List()); n != 25 {
		t.Errorf("%d plugins", n)
	}
}

func TestFaultyRegistrationsPanic(t *testing.T) {
	for name, register := range map[string]func(*Registry){
		"twice":      func(r *Registry) { r.Connector(source("a.B")); r.Connector(source("a.B")) },
		"no class":   func(r *Registry) { r.Connector(source("")) },
		"no factory": func(r *Registry) { r.Connector(connect.ConnectorPlugin{Class: "a.B", Type: connect.Sink}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it is accepted")
				}
			}()
			register(New())
		})
	}
}
