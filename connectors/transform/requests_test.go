package transform

import (
	"encoding/json"
	"time"

	"github.com/connectd/connectd/connect"
)

// asking collects requests.
type asking struct{ all [][]byte }

func (a *asking) add(q object) {
	b, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	a.all = append(a.all, b)
}

// props makes properties of names and values in turn.
func props(pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func (a *asking) validate(class string, pairs ...string) {
	a.add(object{"validate": home + class, "props": props(pairs...)})
}

func (a *asking) apply(class string, p map[string]string, rec *connect.Transformable) {
	a.add(object{"apply": home + class, "props": p, "record": writeRecord(rec)})
}

// values asks what becomes of each of some values, with their schemas.
func (a *asking) values(class string, p map[string]string, values ...connect.SchemaAndValue) {
	for _, v := range values {
		a.apply(class, p, withValue(v))
	}
}

func withValue(v connect.SchemaAndValue) *connect.Transformable {
	return &connect.Transformable{
		Topic: "orders", Partition: 3, KeySchema: connect.StringSchema, Key: "k", ValueSchema: v.Schema, Value: v.Value,
		TimestampMs: 1795431561736, Headers: []connect.Header{{Key: "h", Schema: connect.StringSchema, Value: "x"}, {Key: "g", Value: int64(1)}},
		FromSink: true, Offset: 42,
	}
}

func plainValue(v any) connect.SchemaAndValue { return connect.SchemaAndValue{Value: v} }

func of(s *connect.Schema, v any) connect.SchemaAndValue {
	return connect.SchemaAndValue{Schema: s, Value: v}
}

func ms(n int64) time.Time { return time.UnixMilli(n).UTC() }

var (
	address = &connect.Schema{Kind: connect.StructKind, Optional: true, Fields: []connect.Field{
		{Name: "city", Schema: connect.StringSchema},
		{Name: "zip.code", Schema: &connect.Schema{Kind: connect.Int32, Optional: true, Default: int32(1000)}},
	}}
	person = &connect.Schema{Kind: connect.StructKind, Name: "person", Version: 2, Doc: "who", Parameters: map[string]string{"a": "b"}, Fields: []connect.Field{
		{Name: "id", Schema: connect.Int64Schema},
		{Name: "name", Schema: &connect.Schema{Kind: connect.String, Optional: true, Default: "nobody"}},
		{Name: "score", Schema: connect.OptionalFloat64Schema},
		{Name: "home", Schema: address},
		{Name: "tags", Schema: &connect.Schema{Kind: connect.Array, Value: connect.StringSchema, Optional: true}},
		{Name: "at", Schema: connect.OptionalTimestampSchema},
		{Name: "due", Schema: connect.DecimalSchema(2)},
	}}
	decimalDue = connect.NewDecimal(12345, 2)
	full       = of(person, structOf(person, "id", int64(7), "name", "Ann", "score", 1.5, "home", structOf(address, "city", "Bern"),
		"tags", []any{"x", "y"}, "at", ms(1795431561736), "due", decimalDue))
	sparse = of(person, structOf(person, "id", int64(8), "due", decimalDue))
	loose  = plainValue(map[string]any{
		"id": int64(7), "name": "Ann", "score": 1.5, "home": map[string]any{"city": "Bern", "zip.code": nil, "deep": map[string]any{"a": true}},
		"tags": []any{"x", nil}, "none": nil, "raw": []byte{1, 2},
	})
	noValue = connect.SchemaAndValue{}
	noBody  = of(&connect.Schema{Kind: connect.StructKind, Optional: true, Fields: []connect.Field{{Name: "a", Schema: connect.Int32Schema}}}, nil)
	word    = of(connect.StringSchema, "word")
	looseWd = plainValue("word")
	odd     = plainValue(map[string]any{"amount": decimalDue})
	every   = []connect.SchemaAndValue{full, sparse, loose, noValue, noBody, word, looseWd, odd}
)

func requests() [][]byte {
	a := &asking{}
	for _, class := range []string{
		"Cast$Key", "DropHeaders", "ExtractField$Value", "Filter", "Flatten$Value", "HeaderFrom$Key", "HoistField$Value", "InsertField$Value",
		"InsertHeader", "MaskField$Key", "RegexRouter", "ReplaceField$Value", "SetSchemaMetadata$Key", "TimestampConverter$Value",
		"TimestampRouter", "ValueToKey", "predicates.HasHeaderKey", "predicates.RecordIsTombstone", "predicates.TopicNameMatches",
	} {
		a.add(object{"keys": home + class})
		a.validate(class)
	}
	a.validations()
	a.topics()
	a.headers()
	a.fields()
	a.casts()
	a.dates()
	return a.all
}

func (a *asking) validations() {
	for _, spec := range []string{"", "a", "int8", "int8,a:int8", "a:int8:b", "a:", ":int8", "a:bytes", "array", " a : STRING ", "a:int8,,b:int16"} {
		a.validate("Cast$Value", "spec", spec)
	}
	a.validate("Cast$Value", "spec", "int8", "replace.null.with.default", "maybe")
	for _, l := range []string{"", "a", "a,a", "a,,b"} {
		a.validate("DropHeaders", "headers", l)
		a.validate("MaskField$Value", "fields", l, "replacement", "")
		a.validate("ValueToKey", "fields", l)
		a.validate("HeaderFrom$Value", "fields", l, "headers", l, "operation", "Move")
		a.validate("ReplaceField$Value", "exclude", l, "include", l, "renames", l)
	}
	a.validate("ReplaceField$Value", "renames", "a:b,c:d:,:e")
	a.validate("ReplaceField$Value", "renames", "a:b:c")
	a.validate("ExtractField$Value", "field", "x", "field.syntax.version", "v3")
	a.validate("ExtractField$Value", "field", "x", "field.syntax.version", "v2")
	a.validate("SetSchemaMetadata$Value", "schema.version", "x")
	a.validate("TimestampConverter$Value", "target.type", "date", "unix.precision", "hours", "format", "jjj")
	a.validate("RegexRouter", "regex", "(", "replacement", "$9")
	a.validate("predicates.HasHeaderKey", "name", "")
	a.validate("predicates.TopicNameMatches", "pattern", "")
	for _, p := range []string{"[", "(a", "x[^", "*a", "a(+)", "a|?", "((a)", "(?<n>a", "a[b"} {
		a.validate("predicates.TopicNameMatches", "pattern", p)
	}
}

func (a *asking) topics() {
	for _, c := range [][3]string{
		{"(.*)", "x-$1", "orders"},
		{"ord(ers)?", "$1$1", "ord"},
		{"(o)(r).*", `$2\$1\\$12`, "orders"},
		{"(?<head>.)(.*)", "${head}-$2$0", "orders"},
		{"a|ab", "x", "ab"},
		{"b*", "x", ""},
		{"no", "$7", "orders"},
		{"orders", "$7", "orders"},
		{"orders", "${x}", "orders"},
		{"orders", "${1x}", "orders"},
		{"orders", "${", "orders"},
		{"orders", "${a", "orders"},
		{"orders", "$", "orders"},
		{"orders", "$x", "orders"},
		{"orders", `x\`, "orders"},
		{`[^.]+\.(\w+)`, "$1", "db.table"},
		{"(?i)ORDERS", "low", "orders"},
		{`\Qa.b\E.*`, "q", "a.bc"},
	} {
		rec := withValue(word)
		rec.Topic = c[2]
		a.apply("RegexRouter", props("regex", c[0], "replacement", c[1]), rec)
		a.apply("predicates.TopicNameMatches", props("pattern", c[0]), rec)
	}
	a.values("predicates.RecordIsTombstone", props(), noValue, noBody, word)
	a.values("Filter", props(), word)
	a.values("TimestampRouter", props(), word)
	a.values("TimestampRouter", props("topic.format", "${timestamp}-${topic}-${topic}$", "timestamp.format", "yyyy.MM.dd 'at' HH''mm"), word)
	a.values("TimestampRouter", props("topic.format", "fix"), word)
	timeless := withValue(word)
	timeless.TimestampMs = -1
	a.apply("TimestampRouter", props(), timeless)
}

func (a *asking) headers() {
	a.values("DropHeaders", props("headers", "h"), word)
	a.values("DropHeaders", props("headers", "none,g,h"), word)
	a.values("predicates.HasHeaderKey", props("name", "g"), word)
	a.values("predicates.HasHeaderKey", props("name", "G"), word)
	for _, literal := range []string{"text", "12", "70000", "1.5", "true", "null", "2020-01-02", "[1,2]", `{"a":1}`, " x ", "12:00:00.000Z", "-"} {
		a.values("InsertHeader", props("header", "h", "value.literal", literal), word)
	}
	for _, op := range []string{"move", "copy"} {
		for _, dflt := range []string{"true", "false"} {
			p := props("fields", "name,id", "headers", "n,h", "operation", op, "replace.null.with.default", dflt)
			a.values("HeaderFrom$Value", p, every...)
		}
		a.values("HeaderFrom$Value", props("fields", "none", "headers", "n", "operation", op), full, loose)
		a.values("HeaderFrom$Value", props("fields", "id", "headers", "n,m", "operation", op), full)
		a.values("HeaderFrom$Key", props("fields", "id", "headers", "n", "operation", op), full)
	}
}

func (a *asking) fields() {
	for _, dflt := range []string{"true", "false"} {
		set := func(pairs ...string) map[string]string {
			return props(append(pairs, "replace.null.with.default", dflt)...)
		}
		for _, path := range []string{"id", "name", "home", "home.city", "home.zip.code", "home.`zip.code`", "name.x", "home.none", "", ".", "home.", "`id`", "`a`b`.c", "`a\\`.b`", "`a", "`a\\`"} {
			a.values("ExtractField$Value", set("field", path), full, sparse, loose)
			if path != "" { // with the first record Java fails, in words of its list
				a.values("ExtractField$Value", set("field", path, "field.syntax.version", "v2"), every...)
			}
		}
		a.values("InsertField$Value", set("topic.field", "t", "partition.field", "p!", "offset.field", "o?", "timestamp.field", "ts", "static.field", "s!", "static.value", "v"), every...)
		a.values("MaskField$Value", set("fields", "id,name,score,tags,at,due,none"), every...)
		a.values("MaskField$Value", set("fields", "home"), full, loose)
		a.values("MaskField$Value", set("fields", "raw"), loose)
		a.values("MaskField$Value", set("fields", "id,name,score", "replacement", "300.75"), full, sparse, loose)
		a.values("MaskField$Value", set("fields", "name,score,due,amount", "replacement", "xyz"), full, odd)
		a.values("MaskField$Value", set("fields", "due,amount", "replacement", "1e3"), full, odd)
		a.values("MaskField$Value", set("fields", "at", "replacement", "1"), full)
		a.values("MaskField$Value", set("fields", "name", "replacement", "1"), full)
		a.values("ReplaceField$Value", set("exclude", "name,none", "renames", "id:key,score:points"), every...)
		a.values("ReplaceField$Value", set("include", "name,id", "exclude", "id"), every...)
		a.values("ReplaceField$Value", set("renames", "id:name"), full)
		a.values("ReplaceField$Value", set("renames", "none:name"), full)
		a.values("SetSchemaMetadata$Value", set("schema.name", "other"), every...)
		a.values("SetSchemaMetadata$Value", set("schema.version", "9", "schema.name", "n"), full, sparse)
		a.values("ValueToKey", set("fields", "name,id"), every...)
		a.values("ValueToKey", set("fields", "none"), full, loose)
	}
	a.values("InsertField$Value", props(), full)
	a.values("InsertField$Value", props("static.field", "x"), full)
	a.values("InsertField$Value", props("topic.field", "id"), full, loose)
	a.values("InsertField$Value", props("topic.field", "!"), full, loose)
	a.values("SetSchemaMetadata$Value", props(), full)
	source := withValue(full)
	source.FromSink, source.Partition, source.TimestampMs = false, connect.NoPartition, -1
	a.apply("InsertField$Value", props("offset.field", "o"), source)
	a.apply("InsertField$Value", props("partition.field", "p", "timestamp.field", "ts", "topic.field", "t"), source)
	a.values("HoistField$Value", props("field", "f"), every...)
	a.values("HoistField$Key", props("field", "f"), full)
	a.values("HoistField$Value", props("field", ""), full, loose)
	a.values("Flatten$Value", props(), every...)
	a.values("Flatten$Value", props("delimiter", "__"), every...)
	a.values("Flatten$Value", props(), plainValue(map[string]any{"amount": decimalDue}))
	a.flattens()
}

func (a *asking) flattens() {
	inner := fields("x", connect.Int32Schema, "y", &connect.Schema{Kind: connect.String, Default: "dflt"})
	withDefault := *inner
	withDefault.Default = structOf(inner, "x", int32(5), "y", "why")
	outer := fields("in", &withDefault, "mapped", &connect.Schema{Kind: connect.Array, Value: inner})
	a.values("Flatten$Value", props(), of(outer, structOf(outer, "mapped", []any{structOf(inner, "x", int32(1))})))
	maps := fields("m", &connect.Schema{Kind: connect.Map, Key: connect.StringSchema, Value: connect.StringSchema, Optional: true})
	a.values("Flatten$Value", props(), of(maps, structOf(maps)))
	clash := fields("a.b", connect.OptionalInt32Schema, "a", fields("b", connect.OptionalInt32Schema))
	a.values("Flatten$Value", props(), of(clash, structOf(clash)))
	a.values("Flatten$Value", props(), plainValue(map[string]any{"e": map[string]any{}, "s": structOf(inner)}))
}
