package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sample() *Def {
	return New(
		Key{Name: "topics", Type: TypeList, Importance: High, Doc: "What to copy.", Validator: AnyList(false, false)},
		Key{Name: "tasks.max", Type: TypeInt, Default: 1, Validator: AtLeast(1), Importance: High, Doc: "How many."},
		Key{Name: "flush.ms", Type: TypeLong, Default: 60000, Importance: Low, Group: "Times"},
		Key{Name: "batch.bytes", Type: TypeInt, Default: 1048576, Importance: Low, Group: "Times"},
		Key{Name: "secret", Type: TypePassword, HasDefault: true},
		Key{Name: "converter", Type: TypeClass, HasDefault: true},
		Key{Name: "ratio", Type: TypeDouble, Default: 0.5},
		Key{Name: "small", Type: TypeShort, Default: 3},
		Key{Name: "on", Type: TypeBoolean, Default: true},
		Key{Name: "hidden.knob", Default: "x", Internal: true},
	)
}

func TestParseGivesTypedValues(t *testing.T) {
	v, err := sample().Parse(map[string]string{
		"topics": "a, b", "flush.ms": "1500", "secret": " s3cret ", "converter": "x.Y", "other.a": "1", "other.": "2",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		v.List("topics"), v.Int("tasks.max"), v.Duration("flush.ms"), v.Int64("flush.ms"), v.Password("secret").Reveal(),
		v.Class("converter"), v.Float64("ratio"), v.Int("small"), v.Bool("on"), v.String("hidden.knob"),
		v.IsSet("on"), v.IsSet("topics"), v.OriginalsWithPrefix("other."), v.Undeclared(),
	}
	want := []any{
		[]string{"a", "b"},
		1, 1500 * time.Millisecond, int64(1500), "s3cret", Class("x.Y"), 0.5, 3, true, "x",
		false, true,
		map[string]string{"a": "1"},
		[]string{"other.", "other.a"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseReportsEveryFault(t *testing.T) {
	_, err := sample().Parse(map[string]string{"tasks.max": "0", "flush.ms": "soon", "on": "maybe"})
	want := `Missing required configuration "topics" which has no default value.
Invalid value 0 for configuration tasks.max: Value must be at least 1
Invalid value soon for configuration flush.ms: Not a number of type LONG
Invalid value maybe for configuration on: Expected value to be either true or false`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var names []string
	for _, e := range Errors(fmt.Errorf("worker: %w", err)) {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"topics", "tasks.max", "flush.ms", "on"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestDurationNeverOverflows(t *testing.T) {
	v, err := sample().Parse(map[string]string{"topics": "a", "flush.ms": "9223372036854775807"})
	if err != nil {
		t.Fatal(err)
	}
	if d := v.Duration("flush.ms"); d < 290*365*24*time.Hour {
		t.Errorf("forever became %v", d)
	}
}

func TestNullIsTheZeroValue(t *testing.T) {
	v, err := sample().Parse(map[string]string{"topics": "a"})
	if err != nil {
		t.Fatal(err)
	}
	if !v.IsNull("secret") || v.Password("secret").Reveal() != "" || v.Class("converter") != "" {
		t.Error("an optional property without a value is not zero")
	}
}

func TestGettersRefuseMistakes(t *testing.T) {
	v, _ := sample().Parse(map[string]string{"topics": "a"})
	for name, f := range map[string]func(){
		"unknown":    func() { _ = v.String("nope") },
		"wrong type": func() { _ = v.String("tasks.max") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestSecretsStayHidden(t *testing.T) {
	p := NewPassword("s3cret")
	encoded, _ := json.Marshal(map[string]any{"p": p})
	for _, text := range []string{
		p.String(), fmt.Sprintf("%v %+v %#v %s", p, p, p, p), string(encoded),
		fmt.Sprint(Invalid("k", p, "no")), fmt.Sprintf("%+v", struct{ P Password }{p}),
	} {
		if strings.Contains(text, "s3cret") || !strings.Contains(text, Hidden) {
			t.Errorf("%q", text)
		}
	}
}

func TestPrintingValuesHidesSecrets(t *testing.T) {
	v, err := sample().Parse(map[string]string{"topics": "a,b", "secret": "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Join(v.Lines(), "\n")
	for _, text := range []string{lines, fmt.Sprintf("%v %+v %#v", v, v, &v), fmt.Sprintf("%+v", struct{ V Values }{v})} {
		if strings.Contains(text, "s3cret") {
			t.Error(text)
		}
	}
	if !strings.Contains(lines, "secret = [hidden]") || !strings.HasPrefix(lines, "batch.bytes = 1048576\nconverter = null\n") {
		t.Error(lines)
	}
}

func TestDuplicatesAreDroppedWithAWarning(t *testing.T) {
	v, err := sample().Parse(map[string]string{"topics": "a,b,a"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`Configuration key "topics" contains duplicate values. Duplicates will be removed. The original value is: [a, b, a], the updated value is: [a, b]`}
	if diff := cmp.Diff(want, v.Warnings()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, v.List("topics")); diff != "" {
		t.Error(diff)
	}
}

func TestFaultyDeclarations(t *testing.T) {
	for want, k := range map[string]Key{
		"Configuration tasks.max is defined twice.":                            {Name: "tasks.max"},
		"Invalid value x for configuration n: Not a number of type INT":        {Name: "n", Type: TypeInt, Default: "x"},
		"Invalid value 0 for configuration n: Value must be at least 1":        {Name: "n", Type: TypeInt, Default: 0, Validator: AtLeast(1)},
		"a configuration key needs a name":                                     {},
		"Invalid value true for configuration n: Expected a default of type I": {Name: "n", Type: TypeInt, Default: true},
	} {
		err := sample().TryDefine(k)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCloneIsIndependent(t *testing.T) {
	base := sample()
	n := len(base.Keys())
	base.Clone().Define(Key{Name: "extra", Group: "New"})
	if len(base.Keys()) != n || len(base.Groups()) != 1 {
		t.Error("defining in a clone changed the original")
	}
}

type recommender struct {
	values  []any
	err     error
	visible func(map[string]any) bool
}

func (r recommender) ValidValues(string, map[string]any) ([]any, error) { return r.values, r.err }
func (r recommender) Visible(_ string, p map[string]any) bool           { return r.visible(p) }

func TestRecommendersAndDependents(t *testing.T) {
	modeIs := func(want string) func(map[string]any) bool {
		return func(p map[string]any) bool { return p["mode"] == want }
	}
	d := New(
		Key{Name: "mode", Default: "bulk", Dependents: []string{"column", "ghost"}},
		Key{Name: "column", HasDefault: true, Recommender: recommender{values: []any{"id", "ts"}, visible: modeIs("incremental")}},
		Key{Name: "broken", Default: "", Recommender: recommender{err: errors.New("no answer"), visible: modeIs("bulk")}},
	)
	want := []Value{
		{Name: "mode", Value: "bulk", Visible: true},
		{Name: "column", RecommendedValues: []any{"id", "ts"}},
		{Name: "broken", Value: "", Errors: []string{"no answer"}, Visible: true},
		{Name: "ghost", Errors: []string{"ghost is referred in the dependents, but not defined."}},
	}
	if diff := cmp.Diff(want, d.Validate(nil)); diff != "" {
		t.Error(diff)
	}
	if _, err := d.Parse(nil); err == nil || !strings.Contains(err.Error(), "not defined: ghost") {
		t.Errorf("Parse: %v", err)
	}
}

func TestValidateEndsOnCircularDependents(t *testing.T) {
	d := New(
		Key{Name: "a", Default: "", Dependents: []string{"b"}},
		Key{Name: "b", Default: "", Dependents: []string{"c"}},
		Key{Name: "c", Default: "", Dependents: []string{"b"}},
	)
	if got := len(d.Validate(nil)); got != 3 {
		t.Errorf("%d values", got)
	}
}

func TestEmbed(t *testing.T) {
	var seen []string
	child := New(
		Key{Name: "late", Default: "", Importance: Low},
		Key{Name: "field", Importance: High, Dependents: []string{"late"}, Validator: Check("a field", func(name string, v any) error {
			seen = append(seen, name)
			return Invalid(name, v, "never")
		})},
		Key{Name: "grouped", Default: "", Group: "More", Recommender: recommender{visible: func(p map[string]any) bool {
			return p["field"] == "f"
		}}},
	)
	d := New(Key{Name: "name"})
	if err := d.Embed("transforms.x.", "Transforms: x", 2, child); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Name, Group string
		Order       int
		Dependents  string
	}
	var got []row
	for _, k := range d.Keys()[1:] {
		got = append(got, row{k.Name, k.Group, k.OrderInGroup, strings.Join(k.Dependents, ",")})
	}
	want := []row{
		{"transforms.x.field", "Transforms: x", 2, "transforms.x.late"},
		{"transforms.x.late", "Transforms: x", 3, ""},
		{"transforms.x.grouped", "Transforms: x: More", 4, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	values := d.Validate(map[string]string{"name": "n", "transforms.x.field": "f"})
	if diff := cmp.Diff([]string{"Invalid value f for configuration field: never"}, values[1].Errors); diff != "" {
		t.Error(diff)
	}
	if !values[3].Visible || len(seen) != 1 || seen[0] != "field" {
		t.Errorf("the child saw %v, visible %v", seen, values[3].Visible)
	}
	if err := d.Embed("transforms.x.", "again", 0, child); err == nil {
		t.Error("the same prefix twice was accepted")
	}
}

func TestMarkdown(t *testing.T) {
	got := sample().Markdown(2)
	for _, want := range []string{
		"## `topics`\n\nWhat to copy.\n\n- Type: list\n- Required\n- Importance: high\n",
		"- Default: `1`\n- Valid values: [1,...]\n",
		"## Times\n\n### `batch.bytes`\n\n- Type: int\n- Default: `1048576` (1 mebibyte)\n",
		"- Default: `60000` (1 minute)\n", "- Default: none\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "hidden.knob") {
		t.Error("an internal key is on the page")
	}
	if strings.Index(got, "`topics`") > strings.Index(got, "`tasks.max`") {
		t.Error("required keys do not come first")
	}
}

// Parsing and validating agree on what is wrong, whatever is put in; neither ever panics.
func TestParseAndValidateAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		props := rapid.MapOf(rapid.SampledFrom(sample().Names()), rapid.String()).Draw(t, "props")
		_, err := sample().Parse(props)
		for _, v := range sample().Validate(props) {
			parseFault := ""
			for _, e := range Errors(err) {
				if e.Name == v.Name {
					parseFault = e.Text
				}
			}
			duplicates := len(v.Errors) == 1 && strings.HasSuffix(v.Errors[0], "must not be duplicated.")
			if (parseFault == "") != (len(v.Errors) == 0) && !duplicates {
				t.Fatalf("%s: Parse says %q, Validate %q", v.Name, parseFault, v.Errors)
			}
		}
	})
}
