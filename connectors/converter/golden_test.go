package converter

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/jackson"
)

// golden reads what testdata/Golden.java printed.
func golden(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		out[name] = want
	}
	return out
}

type sample struct {
	name   string
	schema *connect.Schema
	value  any
}

// samples are the values of Golden.java.
func samples() []sample {
	arr := func(e *connect.Schema, optional bool) *connect.Schema {
		return &connect.Schema{Kind: connect.Array, Value: e, Optional: optional}
	}
	inner := &connect.Schema{Kind: connect.StructKind, Optional: true, Fields: []connect.Field{{Name: "x", Schema: connect.Int8Schema}}}
	rec := &connect.Schema{Kind: connect.StructKind, Name: "rec", Fields: []connect.Field{
		{Name: "a", Schema: connect.Int32Schema},
		{Name: "b", Schema: connect.OptionalStringSchema},
		{Name: "c", Schema: &connect.Schema{Kind: connect.Int64, Default: int64(5)}},
		{Name: "in", Schema: inner},
	}}
	put := func(s *connect.Schema, kv ...any) *connect.Struct {
		st := connect.NewStruct(s)
		for i := 0; i < len(kv); i += 2 {
			if err := st.Put(kv[i].(string), kv[i+1]); err != nil {
				panic(err)
			}
		}
		return st
	}
	huge, _ := new(big.Int).SetString("123456789012345678901234567890125", 10)
	return []sample{
		{"null", nil, nil},
		{"null optional string", connect.OptionalStringSchema, nil},
		{"null required string", connect.StringSchema, nil},
		{"boolean", connect.BooleanSchema, true},
		{"int8", connect.Int8Schema, int8(-5)},
		{"int16", connect.Int16Schema, int16(300)},
		{"int32", connect.Int32Schema, int32(70000)},
		{"int64", connect.Int64Schema, int64(math.MinInt64)},
		{"float", connect.Float32Schema, float32(3.4)},
		{"float nan", connect.Float32Schema, float32(math.NaN())},
		{"double", connect.Float64Schema, 1234567890.5},
		{"double small", connect.Float64Schema, 0.0001},
		{"double whole", connect.Float64Schema, 100.0},
		{"double infinite", connect.Float64Schema, math.Inf(-1)},
		{"string", connect.StringSchema, "a\"b\\/<>&é\u2028😀\u0001\u007f\n"},
		{"bytes", connect.BytesSchema, []byte{0, 1, 255, 62, 63}},
		{"bytes empty", connect.BytesSchema, []byte{}},
		{"array", arr(connect.Int32Schema, false), []any{int32(1), int32(2)}},
		{"array optional", arr(connect.OptionalStringSchema, true), []any{"a", nil}},
		{"map", &connect.Schema{Kind: connect.Map, Key: connect.StringSchema, Value: connect.Int32Schema}, map[any]any{"k": int32(1)}},
		{"map ints", &connect.Schema{Kind: connect.Map, Key: connect.Int32Schema, Value: connect.StringSchema}, map[any]any{int32(7): "x"}},
		{
			"decorated", &connect.Schema{
				Kind: connect.String, Name: "n", Version: 3, Doc: "d", Parameters: map[string]string{"p": "q"}, Default: "dflt",
			}, "v",
		},
		{"default int for null", &connect.Schema{Kind: connect.Int32, Optional: true, Default: int32(9)}, nil},
		{"struct", rec, put(rec, "a", int32(1), "b", "t", "in", put(inner, "x", int8(2)))},
		{"struct sparse", rec, put(rec, "a", int32(1))},
		{"decimal", connect.DecimalSchema(2), connect.NewDecimal(-15600, 2)},
		{"decimal big", connect.DecimalSchema(3), connect.Decimal{Unscaled: huge, Scale: 3}},
		{"decimal zero", connect.DecimalSchema(0), connect.Decimal{}},
		{"decimal negative scale", connect.DecimalSchema(-2), connect.NewDecimal(15, -2)},
		{"decimal tiny", connect.DecimalSchema(9), connect.NewDecimal(15, 9)},
		{"date", connect.DateSchema, connect.DecodeDate(10000)},
		{"time", connect.TimeSchema, connect.DecodeTime(14400123)},
		{"timestamp", connect.TimestampSchema, connect.DecodeTimestamp(4000000000123)},
		{"timestamp optional null", connect.OptionalTimestampSchema, nil},
		{"plain string", nil, "x"},
		{"plain long", nil, int64(5)},
		{"plain bytes", nil, []byte{1, 2, 3}},
		{"plain list", nil, []any{int64(1), "a", nil, true, 1.5}},
		{"plain map", nil, map[string]any{"k": []any{int64(1)}}},
		{"plain map ints", nil, map[any]any{int64(1): "v"}},
		{"wrong type", connect.Int32Schema, "x"},
	}
}

// check compares a result with Java's. Messages that name Java classes are compared up to the class.
func check(t *testing.T, name, want, got string, err error) {
	t.Helper()
	if msg, isErr := strings.CutPrefix(want, "error "); isErr {
		msg, _, _ = strings.Cut(msg, "class ")
		msg, _, _ = strings.Cut(msg, "(was ")
		if err == nil || !strings.HasPrefix(err.Error(), strings.TrimSuffix(strings.TrimSpace(msg), ":")) {
			t.Errorf("%s: got %q, %v; Java has the error %q", name, got, err, want)
		}
		return
	}
	if err != nil || got != want {
		t.Errorf("%s:\n got %s (%v)\nJava %s", name, got, err, want)
	}
}

func jsonConverters(t *testing.T) map[string]*JSON {
	t.Helper()
	out := map[string]*JSON{}
	for name, props := range map[string]map[string]string{
		"schemas": {}, "plain": {"schemas.enable": "false"}, "numeric": {"schemas.enable": "false", "decimal.format": "numeric"},
		"nodefault": {"replace.null.with.default": "false"},
	} {
		out[name] = &JSON{}
		if err := out[name].Configure(props, false); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestJSONIsJavas(t *testing.T) {
	want := golden(t)
	for conf, c := range jsonConverters(t) {
		for _, s := range samples() {
			name := "json " + conf + " " + s.name
			b, err := c.FromData("t", s.schema, s.value)
			got := strings.ReplaceAll(string(b), "\n", `\n`)
			if b == nil && err == nil {
				got = "null"
				if s.schema != nil {
					t.Errorf("%s: no bytes; Java writes the word null", name)
				}
			}
			w, ok := want[name]
			if !ok {
				t.Fatalf("no golden value for %s", name)
			}
			check(t, name, w, got, err)
		}
	}
}

func TestJSONIsReadAsJavaReadsIt(t *testing.T) {
	n := 0
	convs := jsonConverters(t)
	for name, want := range golden(t) {
		for _, conf := range []string{"schemas", "plain"} {
			text, ok := strings.CutPrefix(name, "parse "+conf+" ")
			if !ok {
				continue
			}
			n++
			schema, v, err := convs[conf].ToData("t", []byte(text))
			check(t, name, want, describe(schema)+" "+show(v), err)
		}
	}
	if n < 60 {
		t.Errorf("only %d golden values", n)
	}
}

func TestFixedSchemaIsJavas(t *testing.T) {
	n := 0
	for name, want := range golden(t) {
		rest, ok := strings.CutPrefix(name, "content ")
		if !ok {
			continue
		}
		n++
		props := map[string]string{"schemas.enable": "true"}
		if plain, ok := strings.CutPrefix(rest, "plain "); ok {
			props["schemas.enable"], rest = "false", plain
		}
		content, text, _ := strings.Cut(rest, " parse ")
		if text == "" && props["schemas.enable"] == "true" && (strings.Contains(content, "int32") || strings.Contains(content, "struct")) {
			want = "error Invalid null value for required" // Java reads 0 out of a record without a byte
		}
		props["schema.content"] = content
		c := &JSON{}
		err := c.Configure(props, false)
		var schema *connect.Schema
		var v any
		if err == nil {
			schema, v, err = c.ToData("t", []byte(text))
		}
		check(t, name, want, describe(schema)+" "+show(v), err)
	}
	if n < 100 {
		t.Errorf("only %d golden values", n)
	}
}

func TestSimpleConvertersAreJavas(t *testing.T) {
	want := golden(t)
	convs := map[string]connect.Converter{
		"string": &String{}, "ShortConverter": newShort(), "IntegerConverter": newInteger(), "LongConverter": newLong(),
		"FloatConverter": newFloat(), "DoubleConverter": newDouble(), "BooleanConverter": newBoolean(), "ByteArrayConverter": &ByteArray{},
		"header": headerAsConverter{},
	}
	for conv, c := range convs {
		if err := c.Configure(map[string]string{}, true); err != nil {
			t.Fatal(err)
		}
		for _, s := range samples() {
			if conv == "string" && strings.Contains(s.name, "bytes") {
				if _, err := c.FromData("t", s.schema, s.value); err == nil {
					t.Errorf("bytes have a text")
				}
				continue
			}
			name := conv + " " + s.name
			b, err := c.FromData("t", s.schema, s.value)
			got := hex.EncodeToString(b)
			if b == nil {
				got = "null"
			}
			check(t, name, want[name], got, err)
		}
		for _, in := range [][]byte{nil, {}, {1}, {0}, {2}, {1, 2}, {1, 2, 3, 4}, {1, 2, 3, 4, 5, 6, 7, 8}} {
			h := "null"
			if in != nil {
				h = hex.EncodeToString(in)
			}
			w, ok := want[conv+" parse "+h]
			if !ok {
				continue
			}
			schema, v, err := c.ToData("t", in)
			check(t, conv+" parse "+h, w, describe(schema)+" "+show(v), err)
		}
	}
}

type headerAsConverter struct{ SimpleHeader }

func (headerAsConverter) Configure(map[string]string, bool) error { return nil }
func (h headerAsConverter) FromData(topic string, s *connect.Schema, v any) ([]byte, error) {
	return h.FromHeader(topic, "h", s, v)
}

func (h headerAsConverter) ToData(topic string, b []byte) (*connect.Schema, any, error) {
	return h.ToHeader(topic, "h", b)
}

func TestHeadersAreGuessedAsJavaGuesses(t *testing.T) {
	n := 0
	for name, want := range golden(t) {
		text, ok := strings.CutPrefix(name, "parse header ")
		if !ok {
			continue
		}
		n++
		if text == "null" {
			want = "- null" // the Java program fails there: Java gives no SchemaAndValue at all
		}
		schema, v, err := SimpleHeader{}.ToHeader("t", "h", []byte(text))
		d := describe(schema)
		if schema != nil && schema.Kind == connect.Array {
			d += "<" + describe(schema.Value) + ">"
		}
		if schema != nil && schema.Kind == connect.Map {
			d += "<" + describe(schema.Key) + "," + describe(schema.Value) + ">"
		}
		check(t, name, want, d+" "+show(v), err)
	}
	if n < 40 {
		t.Errorf("only %d golden values", n)
	}
}

func describe(s *connect.Schema) string {
	if s == nil {
		return "-"
	}
	d := javaTypes[s.Kind]
	if s.Optional {
		d += "?"
	}
	if s.Name != "" {
		d += ":" + s.Name
	}
	return d
}

// show prints a value as Golden.java does.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []byte:
		return "bytes:" + hex.EncodeToString(v)
	case time.Time:
		return fmt.Sprintf("Date:%d", v.UnixMilli())
	case connect.Decimal:
		return fmt.Sprintf("BigDecimal:%s/%d", v.Unscaled, v.Scale)
	case []any:
		var b strings.Builder
		for _, e := range v {
			b.WriteString(show(e) + ";")
		}
		return "[" + b.String() + "]"
	case map[any]any:
		var b strings.Builder
		pairs, _ := sortedMap(v)
		for _, p := range pairs {
			b.WriteString(show(p.key) + "=" + show(p.value) + ";")
		}
		return "{" + b.String() + "}"
	case *connect.Struct:
		var b strings.Builder
		for _, f := range v.Schema().Fields {
			val := v.GetWithoutDefault(f.Name)
			if val == nil {
				val = v.Get(f.Name) // Java puts the default itself
			}
			b.WriteString(f.Name + "=" + show(val) + ";")
		}
		return "Struct(" + b.String() + ")"
	case float32:
		return "Float:" + jackson.FormatFloat(float64(v), 32)
	case float64:
		return "Double:" + jackson.FormatFloat(v, 64)
	}
	names := map[string]string{"int8": "Byte", "int16": "Short", "int32": "Integer", "int64": "Long", "bool": "Boolean", "string": "String"}
	return names[fmt.Sprintf("%T", v)] + ":" + fmt.Sprint(v)
}

func TestJSONComesBack(t *testing.T) {
	convs := jsonConverters(t)
	for _, s := range samples() {
		if s.name == "wrong type" || s.schema == nil || strings.HasPrefix(s.name, "float nan") || strings.HasPrefix(s.name, "double inf") || strings.HasPrefix(s.name, "null") {
			continue
		}
		b, err := convs["schemas"].FromData("t", s.schema, s.value)
		if err != nil {
			t.Fatal(err)
		}
		schema, v, err := convs["schemas"].ToData("t", b)
		if err != nil || !schema.Equal(s.schema) {
			t.Errorf("%s: schema %+v, %v", s.name, schema, err)
			continue
		}
		again, err := convs["schemas"].FromData("t", schema, v)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%s: %s came back as %s, %v", s.name, b, again, err)
		}
	}
}

func TestConfigurationErrors(t *testing.T) {
	for _, c := range []struct {
		conv  connect.Converter
		props map[string]string
	}{
		{&JSON{}, map[string]string{"schemas.enable": "maybe"}},
		{&JSON{}, map[string]string{"decimal.format": "HEX"}},
		{&String{}, map[string]string{"converter.encoding": "EBCDIC"}},
	} {
		if err := c.conv.Configure(c.props, false); err == nil {
			t.Errorf("%v is accepted", c.props)
		}
	}
	s := &String{}
	if err := s.Configure(map[string]string{"converter.encoding": "ISO-8859-1"}, false); err != nil {
		t.Fatal(err)
	}
	b, _ := s.FromData("t", nil, "é😀")
	_, v, _ := s.ToData("t", []byte{0xe9})
	if string(b) != "\xe9?" || v != "é" {
		t.Errorf("%q %q", b, v)
	}
}

func FuzzConvertersSurviveAnyBytes(f *testing.F) {
	for _, s := range []string{
		`{"schema":{"type":"map","keys":{"type":"bytes"},"values":{"type":"int8"}},"payload":[["AA",1e400]]}`, `{"a":[1,"b"]}`, `[[[`, `{[1]:2}`,
		`{"schema":{"type":"struct","fields":[{"field":"a","type":"array","items":{"type":"int64"}}]},"payload":{"a":5}}`, "1e-99999999", "[1e9999999,\"2019-08-23\"]",
		`{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2147483647"}},"payload":1E-2147483647}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range []*JSON{{schemas: true, replaceNull: true}, {}} {
			schema, v, err := c.ToData("t", data)
			if err != nil || schema == nil && v == nil {
				continue
			}
			if _, err := c.FromData("t", schema, v); err != nil && schema == nil {
				t.Fatalf("%q was read but cannot be written: %v", data, err)
			}
		}
		schema, v, err := SimpleHeader{}.ToHeader("t", "h", data)
		if err != nil || v != nil && schema != nil && connect.ValidateValue(schema, v) != nil && schema.Kind != connect.Array && schema.Kind != connect.Map {
			t.Fatal(err, schema, v)
		}
		_, _, _ = (&String{}).ToData("t", data)
	})
}
