package mm2conf

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/configprovider"
	"github.com/connectd/connectd/internal/javaprops"
	"github.com/connectd/connectd/internal/testkit"
)

// javaAnswer is what testdata/MirrorMakerAnswers.java says of a file.
type javaAnswer struct {
	ConnectorKeys, ClientKeys, Pairs []string
	InternalRest                     bool
	Workers                          map[string]map[string]string
	Connectors                       map[string]map[string]map[string]string
	Error                            string
}

// parse reads a file with providers whose environment is given.
func parse(t *testing.T, text []byte, env map[string]string) (*Config, error) {
	t.Helper()
	props, err := javaprops.ParseLatin1(text)
	if err != nil {
		t.Fatal(err)
	}
	providers, err := configprovider.New(props, configprovider.Sources{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	return Parse(props, Options{Resolve: func(p map[string]string) (map[string]string, error) {
		out, _, err := providers.Resolve(p)
		return out, err
	}})
}

// TestAsJava holds flows and all properties of workers and connectors against Kafka's MirrorMakerConfig, key by key.
func TestAsJava(t *testing.T) {
	env := map[string]string{"HERE": "here:1", "YES": "true"}
	for name, value := range env {
		t.Setenv(name, value)
	}
	files, err := filepath.Glob("testdata/files/*.properties")
	if err != nil || len(files) < 12 {
		t.Fatal(len(files), err)
	}
	java := testkit.StartJava(t, "testdata/MirrorMakerAnswers.java")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// It keeps the JVM from looking through its whole class path, and reaches no worker or connector.
			text = append(text, "plugin.discovery = service_load\n"...)
			line, err := json.Marshal(string(text))
			if err != nil {
				t.Fatal(err)
			}
			var want javaAnswer
			if err := json.Unmarshal(java.Ask(line), &want); err != nil {
				t.Fatal(err)
			}
			if want.Error != "" {
				t.Fatalf("Java: %s", want.Error)
			}
			c, err := parse(t, text, env)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, want, c)
		})
	}
}

func compare(t *testing.T, want javaAnswer, c *Config) {
	t.Helper()
	var pairs []string
	for _, f := range c.Flows {
		pairs = append(pairs, f.String())
		worker, err := c.Worker(f)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want.Workers[f.String()], worker); d != "" {
			t.Errorf("worker of %s (-Java +ours):\n%s", f, d)
		}
		for _, name := range Connectors() {
			if d := cmp.Diff(want.Connectors[f.String()][name], c.Connector(f, name)); d != "" {
				t.Errorf("%s of %s (-Java +ours):\n%s", name, f, d)
			}
		}
	}
	slices.Sort(pairs)
	if d := cmp.Diff(want.Pairs, pairs); d != "" {
		t.Errorf("flows (-Java +ours):\n%s", d)
	}
	if c.InternalREST != want.InternalRest {
		t.Errorf("internal REST: %v, Java's %v", c.InternalREST, want.InternalRest)
	}
	if d := cmp.Diff(want.ClientKeys, clientKeys); d != "" {
		t.Errorf("properties of clients (-Java +ours):\n%s", d)
	}
	var keys []string
	for name := range connectorKeys {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	if d := cmp.Diff(want.ConnectorKeys, keys); d != "" {
		t.Errorf("properties of connectors (-Java +ours):\n%s", d)
	}
}

// TestExamples: the files that are shown to people mean what their comments say, and nothing in them is without effect.
func TestExamples(t *testing.T) {
	for file, flows := range map[string]int{"../../examples/mm2.properties": 2, "../../deploy/compose/mm2.properties": 2} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, commented := range []bool{true, false} {
			if !commented { // with all that is commented out, too
				text = regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAll(text, []byte("$1"))
			}
			c, err := parse(t, text, map[string]string{"HOSTNAME": "h", "WEST_PASSWORD": "p"})
			if err != nil {
				t.Fatal(file, err)
			}
			if len(c.Flows) != flows || len(c.Warnings) > 0 {
				t.Error(file, c.Flows, c.Warnings)
			}
		}
	}
}

const twoClusters = "clusters=A,B\nA.bootstrap.servers=a:1\nB.bootstrap.servers=b:1\n"

// TestFaults: each is one line that names property and value and says what is allowed.
func TestFaults(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"A.bootstrap.servers=a:1\n", `Missing required configuration "clusters" which has no default value.`},
		{"clusters=\n", "clusters"},
		{"clusters=A,,B\n", "Invalid value A,,B for configuration clusters: an alias is empty"},
		{"clusters=A\nA.bootstrap.servers=a:1\n", "Invalid value A for configuration clusters: No source->target replication flows"},
		{twoClusters + "emit.heartbeats.enabled=false\n", "No source->target replication flows"},
		{twoClusters + "emit.heartbeats.enabled=no\n", "Invalid value no for configuration emit.heartbeats.enabled: Expected value to be either true or false"},
		{twoClusters + "A->B.enabled=yes\n", "Invalid value yes for configuration A->B.enabled: Expected value to be either true or false"},
		{twoClusters + "A->C.enabled=true\n", "Invalid value true for configuration A->C.enabled: C is none of the clusters, which are A, B"},
		{twoClusters + "C->A.enabled=true\n", "Invalid value true for configuration C->A.enabled: C is none of the clusters"},
		{twoClusters + "A->A.enabled=true\n", "Invalid value true for configuration A->A.enabled: a cluster can't be mirrored into itself"},
		{"clusters=A,B\nA.bootstrap.servers=a:1\n", `Missing required configuration "B.bootstrap.servers" which has no default value: list host:port`},
		{twoClusters + "dedicated.mode.enable.internal.rest=on\n", "Invalid value on for configuration dedicated.mode.enable.internal.rest"},
		{twoClusters + "security.protocol=TLS\n", "Invalid value TLS for configuration security.protocol"},
	} {
		_, err := parse(t, []byte(tc.text), nil)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; want one line with %q", tc.text, err, tc.want)
		}
		if !errors.As(err, new(*config.Error)) {
			t.Errorf("%q: %T", tc.text, err)
		}
	}
}

// TestDisabledFlowOfUnknownClusters: what Java passes over in silence is a warning as long as it is not enabled.
func TestDisabledFlowOfUnknownClusters(t *testing.T) {
	c, err := parse(t, []byte(twoClusters+"A->C.enabled=false\nA->B.topics=x\noffset.flush.interval.ms=1\nlisteners=http://:1\ntopics=y\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"A->C.enabled has no effect: it belongs to no flow between the clusters A, B",
		"listeners has no effect without dedicated.mode.enable.internal.rest=true",
		"offset.flush.interval.ms has no effect at the top of the file; give it to a cluster (ALIAS.offset.flush.interval.ms) or to a flow (SOURCE->TARGET.offset.flush.interval.ms)",
	}
	if d := cmp.Diff(want, c.Warnings); d != "" {
		t.Error(d)
	}
}

func TestInto(t *testing.T) {
	c, err := parse(t, []byte("clusters=A,B,C\nbootstrap.servers=x:1\nA->B.enabled=true\nC->B.enabled=true\nemit.heartbeats.enabled=false\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		targets, want string
	}{
		{"", "A->B,C->B"},
		{"B", "A->B,C->B"},
		{"B,A", "A->B,C->B"},
		{"A", "Invalid value A for configuration --clusters: No source->target replication flows into these"},
		{"B,X", "Invalid value B,X for configuration --clusters: X is none of the clusters in the file, which are A, B, C"},
	} {
		var targets, names []string
		if tc.targets != "" {
			targets = strings.Split(tc.targets, ",")
		}
		flows, err := c.Into(targets)
		for _, f := range flows {
			names = append(names, f.String())
		}
		got := strings.Join(names, ",")
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%q: %s; want %s", tc.targets, got, tc.want)
		}
	}
	if !c.Enabled(Flow{"A", "B"}) || c.Enabled(Flow{"B", "A"}) {
		t.Error("Enabled is wrong")
	}
}

// TestOwnKeys: properties that Kafka's connectors do not have are inherited like those that they have.
func TestOwnKeys(t *testing.T) {
	c, err := Parse(map[string]string{"clusters": "A,B", "bootstrap.servers": "x:1", "throttle": "5", "other": "6"}, Options{OwnKeys: []string{"throttle"}})
	if err != nil {
		t.Fatal(err)
	}
	props := c.Connector(Flow{"A", "B"}, SourceConnector)
	if _, has := props["other"]; has || props["throttle"] != "5" {
		t.Error(props)
	}
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "other has no effect") {
		t.Error(c.Warnings)
	}
}

// TestREST: the internal server gets what stands at the top of the file for it, and nothing of public servers.
func TestREST(t *testing.T) {
	c, err := parse(t, []byte(twoClusters+"dedicated.mode.enable.internal.rest=true\nlisteners=http://:0\nrest.advertised.port=1\n"+
		"rest.extension.classes=x\nadmin.listeners=http://:1\nlisteners.https.ssl.key.password=p\nssl.keystore.location=k\ntopics=t\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"listeners": "http://:0", "rest.advertised.port": "1", "listeners.https.ssl.key.password": "p", "ssl.keystore.location": "k",
	}
	if d := cmp.Diff(want, c.REST()); d != "" {
		t.Error(d)
	}
}

// TestAnyFile: whatever a file holds, parsing it ends with flows between its clusters or with an error.
func TestAnyFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alias := rapid.SampledFrom([]string{"A", "B", "A.B", "", "->", "A->B", "x y"})
		props := map[string]string{"clusters": strings.Join(rapid.SliceOfN(alias, 0, 4).Draw(t, "clusters"), ",")}
		for range rapid.IntRange(0, 8).Draw(t, "properties") {
			name := alias.Draw(t, "name") + rapid.SampledFrom([]string{"->", ".", ""}).Draw(t, "joint") + alias.Draw(t, "name") +
				rapid.SampledFrom([]string{".enabled", ".bootstrap.servers", ".", "emit.heartbeats.enabled", "topics"}).Draw(t, "end")
			props[name] = rapid.SampledFrom([]string{"true", "false", "", "x:1"}).Draw(t, "value")
		}
		c, err := Parse(props, Options{})
		if err != nil {
			return
		}
		for _, f := range c.Flows {
			if f.Source == f.Target || !slices.Contains(c.Clusters, f.Source) || !slices.Contains(c.Clusters, f.Target) {
				t.Fatalf("flow %s between the clusters %q", f, c.Clusters)
			}
			if w, err := c.Worker(f); err != nil || w["bootstrap.servers"] == "" || w["group.id"] == "" {
				t.Fatal(w, err)
			}
		}
	})
}
