package transform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/jackson"
	"github.com/connectd/connectd/internal/testkit"
)

// registered are this room's plugins, by class.
type registered struct {
	connect.Registrar
	transforms map[string]connect.TransformPlugin
	predicates map[string]connect.PredicatePlugin
}

func (r registered) Transform(p connect.TransformPlugin) { r.transforms[p.Class] = p }
func (r registered) Predicate(p connect.PredicatePlugin) { r.predicates[p.Class] = p }

var plugins = func() registered {
	r := registered{transforms: map[string]connect.TransformPlugin{}, predicates: map[string]connect.PredicatePlugin{}}
	Register(r, time.Now)
	return r
}()

// ask answers a request as testdata/Oracle.java does.
func (r registered) ask(t *testing.T, request []byte) any {
	t.Helper()
	var q struct {
		Keys, Validate, Apply string
		Props                 map[string]string
		Record                object
	}
	if err := json.Unmarshal(request, &q); err != nil {
		t.Fatal(err)
	}
	class := q.Keys + q.Validate + q.Apply
	transform, isTransform := r.transforms[class]
	predicate, isPredicate := r.predicates[class]
	if !isTransform && !isPredicate {
		t.Fatalf("there is no %s", class)
	}
	def := transform.Config
	if isPredicate {
		def = predicate.Config
	}
	switch {
	case q.Keys != "":
		return keysOf(def)
	case q.Validate != "":
		return faults(def, q.Props)
	case isPredicate:
		return holds(predicate.New(), q.Props, readRecord(q.Record))
	}
	return applied(transform.New(), q.Props, readRecord(q.Record))
}

func keysOf(def *config.Def) any {
	out := list{}
	for _, k := range def.Keys() {
		row := list{k.Name, string(k.Type), "<required>", string(k.Importance), nil, nil, k.OrderInGroup, string(k.Width), k.DisplayName}
		if k.HasDefault {
			row[2] = nil
			if text, ok := config.FormatValue(k.Default); ok {
				row[2] = text
			}
		}
		if k.Validator != nil {
			row[4] = k.Validator.String()
		}
		out = append(out, row)
	}
	return out
}

func faults(def *config.Def, props map[string]string) any {
	out := object{}
	for _, v := range def.Validate(props) {
		if len(v.Errors) > 0 {
			out[v.Name] = v.Errors
		}
	}
	return out
}

func holds(p connect.Predicate, props map[string]string, rec *connect.Transformable) any {
	if err := p.Configure(props); err != nil {
		return object{"error": err.Error()}
	}
	is, err := p.Test(rec)
	if err != nil {
		return object{"error": err.Error()}
	}
	return object{"holds": is}
}

func applied(tr connect.Transform, props map[string]string, rec *connect.Transformable) any {
	if err := tr.Configure(props); err != nil {
		return object{"error": err.Error()}
	}
	switch keep, err := tr.Apply(rec); {
	case err != nil:
		return object{"error": err.Error()}
	case !keep:
		return object{"dropped": true}
	}
	return writeRecord(rec)
}

// plain makes of an answer what JSON makes of it, without the class of an exception.
func plain(t *testing.T, answer []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(answer, &v); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	if o, ok := v.(object); ok {
		delete(o, "type")
	}
	shortest(v)
	return v
}

// shortest writes all floats with as few digits as tell them apart, as Java does since 19.
func shortest(v any) {
	switch v := v.(type) {
	case list:
		for _, e := range v {
			shortest(e)
		}
	case object:
		for name, e := range v {
			text, ok := e.(string)
			bits := map[string]int{"f32": 32, "f64": 64}[name]
			if f, err := strconv.ParseFloat(text, 64); ok && bits > 0 && err == nil {
				v[name] = jackson.FormatFloat(f, bits)
			}
			shortest(e)
		}
	}
}

// sameError tells whether an error says what Java's does. Where Java's has an address or the text of another library, the
// beginning decides.
func sameError(java, ours string) bool {
	for _, vague := range []string{
		"No value specified for static field: ", "Invalid regex: Cannot invoke", "Cannot mask value of type: ", "Timestamp missing on record", "Could not parse timestamp: value",
		"Invalid default value",
	} {
		if i := strings.Index(java, vague); i >= 0 {
			end := i + len(vague)
			return len(ours) >= end && ours[:end] == java[:end]
		}
	}
	for _, other := range [][2]string{
		// What a value must be is said by package connect in words of its own.
		{"Invalid value: ", "invalid value"},
		{"Invalid Java object ", "invalid value"},
		{"Struct schemas do not match.", "the schema of a struct value"},
		{"Cannot invoke", "Field does not exist"},
		{"Kafka Connect Date type", "a Date must be"},
		{"Kafka Connect Time type", "a Time must be"},
		// A pattern is read when a task starts, and names its property.
		{"Illegal pattern character", "Invalid value "},
		{"Unterminated quote", "Invalid value "},
		{"Invalid value java.lang.IllegalArgumentException: ", "TimestampConverter requires a SimpleDateFormat-compatible pattern"},
		{"invalid ISO 8601 format", "Invalid value "},
	} {
		if strings.HasPrefix(java, other[0]) {
			return strings.HasPrefix(ours, other[1])
		}
	}
	return java == ours
}

func compare(t *testing.T, request []byte, javaAnswer []byte) {
	t.Helper()
	want, got := plain(t, javaAnswer), plain(t, text(plugins.ask(t, request)))
	if reflect.DeepEqual(want, got) {
		return
	}
	w, _ := want.(object)
	g, _ := got.(object)
	javaError, failed := w["error"].(string)
	ourError, oursFailed := g["error"].(string)
	if failed && oursFailed && sameError(javaError, ourError) {
		return
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b string) bool { return a == b || sameError(a, b) })); d != "" {
		t.Errorf("%s\nJava, and what is here:\n%s", request, d)
	}
}

var record = flag.Bool("record", false, "ask Kafka's own transformations anew, and write what they answer to testdata")

const goldenFile = "testdata/java.jsonl"

// TestAsJava compares all that testdata/java.jsonl has: what Kafka's own transformations answered to the requests of
// requests_test.go.
//
//	go test ./connectors/transform -run TestAsJava -record
func TestAsJava(t *testing.T) {
	if *record {
		writeGolden(t)
	}
	data, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	answers := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	all := requests()
	for i, request := range all {
		if i >= len(answers) || !bytes.HasPrefix(answers[i], sumOf(request)) {
			t.Fatalf("Java was not asked yet, see above: %s", request)
		}
		answer := complete(t, request, answers[i][len(sumOf(request)):])
		compare(t, request, answer)
	}
	t.Logf("%d requests answered as by Java", len(all))
}

// sumOf tells requests apart in the file, which has them in order.
func sumOf(request []byte) []byte { return fmt.Appendf(nil, "%08x ", crc32.ChecksumIEEE(request)) }

// recordOf gives the record of a request, nil for none, and an answer.
func recordOf(t *testing.T, request, answer []byte) (rec object, ans any) {
	t.Helper()
	var q struct{ Record object }
	if err := errors.Join(json.Unmarshal(request, &q), json.Unmarshal(answer, &ans)); err != nil {
		t.Fatal(err)
	}
	return q.Record, ans
}

// shorten leaves out of a record what the transformation did not change.
func shorten(t *testing.T, request, answer []byte) []byte {
	t.Helper()
	rec, ans := recordOf(t, request, answer)
	if out, ok := ans.(object); ok && out["topic"] != nil {
		for name, value := range rec {
			if reflect.DeepEqual(value, out[name]) {
				delete(out, name)
			}
		}
	}
	return text(ans)
}

// complete undoes shorten.
func complete(t *testing.T, request, answer []byte) []byte {
	t.Helper()
	rec, ans := recordOf(t, request, answer)
	out, ok := ans.(object)
	if !ok || out["error"] != nil || out["dropped"] != nil || out["holds"] != nil || rec == nil {
		return answer
	}
	for name, value := range rec {
		if _, changed := out[name]; !changed {
			out[name] = value
		}
	}
	return text(out)
}

func writeGolden(t *testing.T) {
	java := testkit.StartJava(t, "testdata/Oracle.java")
	f, err := os.Create(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for _, request := range requests() {
		answer := shorten(t, request, java.Ask(request))
		for _, part := range [][]byte{sumOf(request), answer, {'\n'}} {
			_, _ = w.Write(part)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
