package config

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The file holds what ConfigDef of Apache Kafka 4.3.1 answers: one line per validator with its description, one
// per case with type, validator, input, parsed value, error of parse, value and errors of validate.
const javaCases = "testdata/java-configdef.tsv"

var unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00")

func validatorsByName() map[string]Validator {
	return map[string]Validator{
		"none":             nil,
		"atLeast1":         AtLeast(1),
		"between0and10":    Between(0, 10),
		"between0.5and1.0": Between(0.5, 1.0),
		"in":               OneOf("a", "b"),
		"inFold":           OneOfFold("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
		"nonNull":          NonNull(),
		"nonEmpty":         NonEmpty(),
		"noControl":        NonEmptyWithoutControlChars(),
		"listSize2":        MaxListSize(2),
		"listIn":           ListOf(true, "a", "b"),
		"listInNonEmpty":   ListOf(false, "a", "b"),
		"anyList":          AnyList(true, true),
		"anyListStrict":    AnyList(false, false),
		"composite":        All(NonEmpty(), OneOf("a", "b")),
	}
}

func TestAgreesWithJava(t *testing.T) {
	validators := validatorsByName()
	data, err := os.ReadFile(javaCases)
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i := range cells {
			if cells[i] != `\N` {
				cells[i] = unescape.Replace(cells[i])
			}
		}
		if cells[0] == "validator" {
			if v := validators[cells[1]]; v != nil && v.String() != cells[2] {
				t.Errorf("%s describes itself as %q, Java says %q", cells[1], v, cells[2])
			}
			continue
		}
		cases++
		checkJavaCase(t, validators, cells[1:])
	}
	if cases < 100 {
		t.Errorf("only %d cases in %s", cases, javaCases)
	}
}

func checkJavaCase(t *testing.T, validators map[string]Validator, cells []string) {
	t.Helper()
	v, ok := validators[cells[1]]
	if !ok {
		t.Fatalf("unknown validator %q", cells[1])
	}
	d := New(Key{Name: "k", Type: Type(cells[0]), Validator: v}).
		WithClasses(func(c string) bool { return c == "java.lang.String" })
	props := map[string]string{}
	if cells[2] != `\N` {
		props["k"] = cells[2]
	}
	parsed, err := d.Parse(props)
	if got := first(err); got != cells[4] {
		t.Errorf("%s %s %q: Parse fails with %q, Java with %q", cells[0], cells[1], cells[2], got, cells[4])
	}
	if got, _ := FormatValue(parsed.parsed["k"]); got != cells[3] {
		t.Errorf("%s %s %q: parsed %q, Java %q", cells[0], cells[1], cells[2], got, cells[3])
	}
	values := d.Validate(props)
	got, ok := FormatValue(values[0].Value)
	if !ok {
		got = `\N`
	}
	if got != cells[5] {
		t.Errorf("%s %s %q: Validate gives %q, Java %q", cells[0], cells[1], cells[2], got, cells[5])
	}
	if diff := cmp.Diff(append([]string(nil), cells[6:]...), values[0].Errors); diff != "" {
		t.Errorf("%s %s %q: errors (-Java +ours)\n%s", cells[0], cells[1], cells[2], diff)
	}
}

func first(err error) string {
	if all := Errors(err); len(all) > 0 {
		return all[0].Text
	}
	return ""
}
