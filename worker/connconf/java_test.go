package connconf

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/rest/api"
)

// javaPlugins is what a Kafka Connect 4.3.1 worker has, as its REST API tells it: without validators.
type javaPlugins []Plugin

// validators are those of Java's plugins that the recorded cases meet.
var validators = map[string]config.Validator{
	"topic":          config.NonEmpty(),
	"decimal.format": config.OneOfFold("BASE64", "NUMERIC"),
	"converter.type": config.OneOf("key", "value", "header"),
}

func readPlugins(t *testing.T) javaPlugins {
	t.Helper()
	var file struct {
		Plugins []struct {
			Class, Type, Version string
			Keys                 []api.ConfigKeyInfo
		}
	}
	read(t, "testdata/java-plugins.json", &file)
	var out javaPlugins
	common := SinkDef()
	for _, p := range file.Plugins {
		def := config.New()
		for _, k := range p.Keys {
			key := config.Key{
				Name: k.Name, Type: config.Type(k.Type), HasDefault: !k.Required, Importance: config.Importance(k.Importance),
				OrderInGroup: k.OrderInGroup, Width: config.Width(k.Width), DisplayName: k.DisplayName, Dependents: k.Dependents,
			}
			if k.DefaultValue != nil {
				key.Default = *k.DefaultValue
			}
			if k.Group != nil {
				key.Group = *k.Group
			}
			if !strings.Contains(p.Class, "mirror") {
				key.Validator = validators[k.Name]
			} else if common, ok := common.Key(k.Name); ok {
				key.Recommender = common.Recommender // the mirror connectors' definition begins with the worker's
			}
			def.Define(key)
		}
		out = append(out, Plugin{Class: p.Class, Version: p.Version, Kind: Kind(p.Type), Def: def})
	}
	return out
}

func (ps javaPlugins) aliases(p Plugin) []string {
	simple := p.Class[strings.LastIndexAny(p.Class, ".$")+1:]
	short := simple
	for _, suffix := range []string{"HeaderConverter", "Converter", "Connector"} {
		short = strings.TrimSuffix(short, suffix)
	}
	return []string{p.Class, simple, short}
}

func (ps javaPlugins) Resolve(name string) (string, bool) {
	var found []string
	for _, p := range ps {
		if slices.Contains(ps.aliases(p), name) && !slices.Contains(found, p.Class) {
			found = append(found, p.Class)
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

func (ps javaPlugins) Find(name string, kind Kind) (Plugin, bool) {
	class, _ := ps.Resolve(name)
	for _, p := range ps {
		if p.Class == class && p.Kind == kind {
			return p, true
		}
	}
	return Plugin{}, false
}

func (ps javaPlugins) List(kind Kind) (out []Plugin) {
	for _, p := range ps {
		if p.Kind == kind {
			out = append(out, p)
		}
	}
	return out
}

func (ps javaPlugins) Versions(class string) (out []string) {
	for _, p := range ps {
		if p.Class == class {
			out = append(out, p.Version)
		}
	}
	return out
}

// javaCase is a request to a Java worker, and its answer: configs refer to the file's pools of definitions and
// recommended values.
type javaCase struct {
	Case, Plugin  string
	Config        map[string]string
	Policy, Group string
	Status        int
	Message       string
	Name          string
	ErrorCount    int `json:"error_count"`
	Groups        []string
	Configs       [][6]json.RawMessage
}

type javaFile struct {
	Definitions []api.ConfigKeyInfo
	Recommended [][]string
	Cases       []javaCase
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(name, err)
	}
}

func (f *javaFile) answer(t *testing.T, c javaCase) *api.ConfigInfos {
	t.Helper()
	out := &api.ConfigInfos{Name: c.Name, ErrorCount: c.ErrorCount, Groups: c.Groups}
	for _, row := range c.Configs {
		var info api.ConfigInfo
		var definition *int
		var recommended int
		for i, into := range []any{&definition, &info.Value.Name, &info.Value.Value, &recommended, &info.Value.Errors, &info.Value.Visible} {
			if err := json.Unmarshal(row[i], into); err != nil {
				t.Fatal(err)
			}
		}
		if definition != nil {
			info.Definition = &f.Definitions[*definition]
		}
		info.Value.RecommendedValues = f.Recommended[recommended]
		out.Configs = append(out.Configs, info)
	}
	return out
}

// different are the cases in which this worker knowingly answers otherwise.
var different = map[string]string{
	"source unreadable class override": "Java looks for the class; here classes of clients mean nothing",
}

// TestAnswersAsJava compares whole validation answers with those of a Java worker, but for the documentation texts.
func TestAnswersAsJava(t *testing.T) {
	var file javaFile
	read(t, "testdata/java-validate.json", &file)
	plugins := readPlugins(t)
	if len(file.Cases) < 70 || len(plugins) < 40 {
		t.Fatalf("only %d cases, %d plugins", len(file.Cases), len(plugins))
	}
	for _, c := range file.Cases {
		t.Run(c.Case, func(t *testing.T) {
			got, err := validateAs(plugins, c)
			diff := ""
			if errors.Is(err, errUnknownClass) {
				return // worded by the registry of plugins
			}
			if c.Status != 200 {
				message := "none"
				if err != nil {
					message = err.Error()
				}
				// The endpoint puts the name of an exception before the text.
				if _, text, _ := strings.Cut(c.Message, ": "); text != message {
					diff = cmp.Diff(text, message)
				}
			} else if err != nil {
				diff = err.Error()
			} else {
				diff = cmp.Diff(withoutDocs(file.answer(t, c)), withoutDocs(got))
			}
			if why := different[c.Case]; why != "" {
				if diff == "" {
					t.Error("answers as Java after all:", why)
				}
				return
			}
			if diff != "" {
				t.Errorf("(-Java +ours)\n%s", diff)
			}
		})
	}
}

var errUnknownClass = errors.New("unknown class")

func validateAs(plugins javaPlugins, c javaCase) (*api.ConfigInfos, error) {
	class, ok := c.Config["connector.class"]
	if !ok {
		return nil, NoConnectorType(c.Config)
	}
	if err := CheckVersion(c.Config); err != nil {
		return nil, err
	}
	connector, ok := plugins.Find(class, Source)
	if !ok {
		connector, ok = plugins.Find(class, Sink)
	}
	if !ok {
		return nil, errUnknownClass
	}
	return Validate(Request{
		Props: c.Config, Plugins: plugins, Connector: connector,
		Worker: Worker{
			Converters: map[string]string{
				"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
				"header.converter": "org.apache.kafka.connect.storage.SimpleHeaderConverter",
			},
			GroupID: c.Group, Policy: Policy{Name: c.Policy},
		},
		ExactlyOnce: func(props map[string]string) (bool, error) { return props["file"] != "", nil }, // of the cases' source
	})
}

// withoutDocs makes answers comparable: no documentation, no difference between empty and nil.
func withoutDocs(c *api.ConfigInfos) any {
	type flat struct {
		Definition *api.ConfigKeyInfo
		Value      api.ConfigValueInfo
	}
	var configs []flat
	for _, i := range c.Configs {
		f := flat{Value: i.Value}
		if i.Definition != nil {
			d := *i.Definition
			d.Documentation, d.Dependents = "", slices.Clip(append([]string{}, d.Dependents...))
			f.Definition = &d
		}
		f.Value.Errors = append([]string{}, f.Value.Errors...)
		f.Value.RecommendedValues = append([]string{}, f.Value.RecommendedValues...)
		configs = append(configs, f)
	}
	return struct {
		Name    string
		Count   int
		Groups  []string
		Configs []flat
	}{c.Name, c.ErrorCount, append([]string{}, c.Groups...), configs}
}
