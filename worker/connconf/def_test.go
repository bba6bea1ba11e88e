package connconf

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/config"
)

// The same names in the same order, with the same type, default, importance, group and so on as the classes of Apache
// Kafka 4.3.1 declare; testdata/Dump.java says how the files were made.
func TestDeclaresWhatJavaDeclares(t *testing.T) {
	creation, err := WithTopicCreation(config.New(), map[string]string{
		"topic.creation.groups": "default,g,g", "topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "2",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, def := range map[string]*config.Def{"source": SourceDef(), "sink": SinkDef(), "creation": creation} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/java-" + name + ".tsv")
			if err != nil {
				t.Fatal(err)
			}
			// Validators that speak of Java's classes describe themselves otherwise here.
			want := strings.NewReplacer(
				`org.apache.kafka.connect.runtime.ConnectorConfig$PluginVersionValidator`, "",
				`A concrete subclass of org.apache.kafka.connect.storage.Converter, A class with a public, no-argument constructor`, "Name of a Converter class",
				`A concrete subclass of org.apache.kafka.connect.storage.HeaderConverter, A class with a public, no-argument constructor`,
				"Name of a HeaderConverter class",
				// Java describes the two lists of patterns as if they were numbers.
				"LIST\t\tLOW\tPositive number, or -1 to use the broker's default", "LIST\t\tLOW\tRegular expressions",
			).Replace(string(data))
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(dump(def), "\n")); diff != "" {
				t.Errorf("(-Java +ours)\n%s", diff)
			}
			for _, k := range def.Keys() {
				if k.Doc == "" {
					t.Errorf("%s is not documented", k.Name)
				}
			}
		})
	}
}

// dump prints a definition as testdata/Dump.java does.
func dump(def *config.Def) string {
	var b strings.Builder
	for _, k := range def.Keys() {
		text, ok := config.FormatValue(k.Default)
		switch {
		case !k.HasDefault:
			text = `\-`
		case !ok:
			text = `\N`
		}
		validator := `\N`
		if k.Validator != nil {
			validator = k.Validator.String()
		}
		b.WriteString(strings.Join([]string{
			k.Name, string(k.Type), text, string(k.Importance), validator, k.Group, strconv.Itoa(k.OrderInGroup), string(k.Width),
			k.DisplayName, strings.Join(k.Dependents, ","),
		}, "\t") + "\n")
	}
	return b.String()
}

func TestTopicCreationNeedsItsDefaultGroup(t *testing.T) {
	for name, tc := range map[string]struct{ partitions, replication, want string }{
		"missing":          {"", "1", `Missing required configuration "topic.creation.default.partitions" which has no default value.`},
		"not a number":     {"3", "x", "Invalid value x for configuration topic.creation.default.replication.factor: Not a number of type SHORT"},
		"zero":             {"0", "1", "Invalid value 0 for configuration partitions: Number of partitions must be positive, or -1 to use the broker's default"},
		"broker's default": {"-1", "-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			props := map[string]string{"topic.creation.default.replication.factor": tc.replication}
			if tc.partitions != "" {
				props["topic.creation.default.partitions"] = tc.partitions
			}
			_, err := WithTopicCreation(SourceDef(), props)
			if got := errorText(err); got != tc.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestTopicCreationGroupsCheckTheirPatterns(t *testing.T) {
	props := map[string]string{
		"topic.creation.default.replication.factor": "1", "topic.creation.default.partitions": "1", "topic.creation.groups": "g",
		"topic.creation.g.include": "a.*,b[",
	}
	def, err := WithTopicCreation(config.New(), props)
	if err != nil {
		t.Fatal(err)
	}
	_, err = def.Parse(props)
	if !strings.Contains(errorText(err), "Invalid value [a.*, b[] for configuration include: Syntax error in regular expression: ") {
		t.Error(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
