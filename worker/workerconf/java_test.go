package workerconf

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/config"
)

// javaKey is a line of testdata/java-distributed.tsv: what DistributedConfig of Apache Kafka 4.3.1 declares.
type javaKey struct{ Name, Type, Default, Importance, Validator string }

func readJavaKeys(t *testing.T) []javaKey {
	t.Helper()
	data, err := os.ReadFile("testdata/java-distributed.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var keys []javaKey
	for line := range strings.Lines(string(data)) {
		c := strings.Split(line, "\t")
		keys = append(keys, javaKey{c[0], c[1], c[2], c[3], c[4]})
	}
	return keys
}

// The same names in the same order, with the same type, default, importance and validator.
func TestDeclaresWhatJavaDeclares(t *testing.T) {
	want := readJavaKeys(t)
	if len(want) < 120 {
		t.Fatalf("only %d keys in the file", len(want))
	}
	for i := range want {
		// This worker is no JVM.
		want[i].Validator = strings.Replace(want[i].Validator, "supported by the worker JVM", "supported by the worker", 1)
	}
	var got []javaKey
	for _, k := range Def().Keys() {
		j := javaKey{k.Name, string(k.Type), `\-`, string(k.Importance), `\N`}
		if k.HasDefault {
			text, ok := config.FormatValue(k.Default)
			if j.Default = text; !ok {
				j.Default = `\N`
			}
		}
		if k.Validator != nil {
			j.Validator = k.Validator.String()
		}
		if k.Doc == "" {
			t.Errorf("%s is not documented", k.Name)
		}
		got = append(got, j)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Java +ours)\n%s", diff)
	}
}
