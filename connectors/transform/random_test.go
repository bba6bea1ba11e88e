package transform

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/testkit"
)

// TestRandomAsJava feeds random records to Kafka's own transformations and to these.
func TestRandomAsJava(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a JVM")
	}
	t.Parallel()
	java := testkit.StartJava(t, "testdata/Oracle.java")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	asked := &asking{}
	for range 400 {
		g.request(asked)
	}
	for _, request := range asked.all {
		compare(t, request, java.Ask(request))
		if t.Failed() {
			return // the others would say the same
		}
	}
	t.Logf("%d random requests answered as by Java", len(asked.all))
}

type generator struct{ *rand.Rand }

func oneOf[T any](g generator, options ...T) T { return options[g.IntN(len(options))] }

// names are few, so that properties and records meet.
func (g generator) field() string { return oneOf(g, "a", "b", "c", "d", "e") }

func (g generator) fieldList() string {
	out := g.field()
	for range g.IntN(3) {
		out += "," + g.field()
	}
	return out
}

func (g generator) request(a *asking) {
	flag := fmt.Sprint(g.IntN(2) == 0)
	kind := oneOf(g, "int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string")
	class, p := "", map[string]string{}
	switch g.IntN(13) {
	case 0:
		class, p = "Cast", props("spec", kind)
	case 1:
		class, p = "Cast", props("spec", g.field()+":"+kind)
	case 2:
		class, p = "ExtractField", props("field", g.field()+"."+g.field(), "field.syntax.version", oneOf(g, "V1", "V2"))
	case 3:
		class, p = "ExtractField", props("field", g.field())
	case 4:
		class = "Flatten"
	case 5:
		class, p = "HeaderFrom", props("fields", g.field(), "headers", "x", "operation", oneOf(g, "move", "copy"))
	case 6:
		class, p = "HoistField", props("field", g.field())
	case 7:
		class, p = "InsertField", props("topic.field", oneOf(g, "t", "a"), "partition.field", "p!", "timestamp.field", "ts?", "offset.field", "o")
	case 8:
		class, p = "MaskField", props("fields", g.fieldList())
	case 9:
		class, p = "MaskField", props("fields", g.field(), "replacement", oneOf(g, "7", "1.5", "xx", "-1e2"))
	case 10:
		class, p = "ReplaceField", props("exclude", g.field(), "renames", g.field()+":"+oneOf(g, "a", "z"))
	case 11:
		class, p = "SetSchemaMetadata", props("schema.name", "n", "schema.version", fmt.Sprint(1+g.IntN(3)))
	default:
		class, p = "TimestampConverter", props("field", oneOf(g, "", "a", "b"), "target.type", oneOf(g, "string", "unix", "Date", "Time", "Timestamp"),
			"format", oneOf(g, "yyyy-MM-dd", "H:mm:ss.SSS", "dd.MM.yy"))
	}
	p["replace.null.with.default"] = flag
	class += oneOf(g, "$Key", "$Value")
	if g.IntN(20) == 0 {
		class, p = "ValueToKey", props("fields", g.fieldList(), "replace.null.with.default", flag)
	}
	a.apply(class, p, g.record())
}

func (g generator) record() *connect.Transformable {
	rec := withValue(g.data())
	k := g.data()
	rec.KeySchema, rec.Key = k.Schema, k.Value
	rec.FromSink = g.IntN(4) > 0
	if g.IntN(4) == 0 {
		rec.TimestampMs = -1
	}
	return rec
}

func (g generator) data() connect.SchemaAndValue {
	if g.IntN(3) == 0 {
		return plainValue(g.loose(2))
	}
	s := g.schema(2)
	if g.IntN(2) == 0 || s.Kind != connect.StructKind {
		s = g.structSchema(2)
	}
	return of(s, g.value(s))
}

func (g generator) loose(depth int) any {
	if depth > 0 && g.IntN(5) > 0 {
		m := map[string]any{}
		for range g.IntN(5) {
			m[g.field()] = g.loose(depth - 1)
		}
		return m
	}
	if g.IntN(6) == 0 {
		return nil
	}
	return g.value(g.plainSchema())
}

func (g generator) plainSchema() *connect.Schema {
	kind := oneOf(g, connect.Int8, connect.Int16, connect.Int32, connect.Int64, connect.Float32, connect.Float64, connect.Boolean, connect.String, connect.Bytes)
	return &connect.Schema{Kind: kind}
}

func (g generator) schema(depth int) *connect.Schema {
	s := g.plainSchema()
	switch n := g.IntN(12); {
	case n < 3 && depth > 0:
		s = g.structSchema(depth - 1)
	case n == 3:
		s = &connect.Schema{Kind: connect.Array, Value: g.plainSchema()}
	case n == 4:
		s = &connect.Schema{Kind: connect.Map, Key: connect.StringSchema, Value: g.plainSchema()}
	case n == 5:
		copied := *oneOf(g, connect.DateSchema, connect.TimeSchema, connect.TimestampSchema, connect.DecimalSchema(2))
		s = &copied
	}
	if s.Optional = g.IntN(2) == 0; s.Optional && g.IntN(3) == 0 || g.IntN(8) == 0 {
		if s.Kind < connect.Bytes { // Java takes schemas with equal arrays of bytes for different ones
			s.Default = g.some(s)
		}
	}
	return s
}

func (g generator) structSchema(depth int) *connect.Schema {
	s := &connect.Schema{Kind: connect.StructKind, Optional: g.IntN(3) == 0, Name: oneOf(g, "", "named")}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if g.IntN(3) > 0 {
			s.Fields = append(s.Fields, connect.Field{Name: name, Schema: g.schema(depth)})
		}
	}
	return s
}

// value gives a value that the schema allows, null among them.
func (g generator) value(s *connect.Schema) any {
	if s.Optional && g.IntN(3) == 0 {
		return nil
	}
	return g.some(s)
}

func (g generator) some(s *connect.Schema) any {
	day := int64(g.IntN(40000)-10000) * msPerDay
	switch s.Name {
	case connect.DateName:
		return ms(day)
	case connect.TimeName:
		return ms(int64(g.IntN(msPerDay)))
	case connect.TimestampName:
		return ms(day + int64(g.IntN(msPerDay)))
	case connect.DecimalName:
		return connect.NewDecimal(g.integer(), 2)
	}
	switch s.Kind {
	case connect.Int8:
		return int8(g.integer())
	case connect.Int16:
		return int16(g.integer())
	case connect.Int32:
		return int32(g.integer())
	case connect.Int64:
		return g.integer()
	case connect.Float32:
		return float32(g.float())
	case connect.Float64:
		return g.float()
	case connect.Boolean:
		return g.IntN(2) == 0
	case connect.String:
		return oneOf(g, "", "word", "12", "-3", "1.5e3", "2020-02-03", "true", "é", "300", fmt.Sprint(g.integer()))
	case connect.Bytes:
		return []byte{byte(g.IntN(256)), 7}
	case connect.Array:
		return []any{g.some(s.Value), g.some(s.Value)}
	case connect.Map:
		return map[any]any{"k": g.some(s.Value)}
	}
	out := connect.NewStruct(s)
	for _, f := range s.Fields {
		if v := g.value(f.Schema); v != nil {
			if err := out.Put(f.Name, v); err != nil {
				panic(err)
			}
		}
	}
	return out
}

func (g generator) integer() int64 {
	return oneOf(g, int64(g.IntN(10))-5, int64(g.IntN(100000))-50000, int64(g.Uint64()), int64(1)<<g.IntN(63))
}

// float gives numbers of which all releases of Java write the same digits: before 19 some had too many (JDK-4511638).
func (g generator) float() float64 {
	return oneOf(g, 0, 1.5, -2.25, 1e10, float64(g.IntN(400000)-200000)/4)
}

// TestInputIsLeftAlone holds transformations to copying what they change: a task may keep what it handed over.
func TestInputIsLeftAlone(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	asked := &asking{}
	for range 400 {
		g.request(asked)
	}
	for _, request := range asked.all {
		var q struct {
			Apply  string
			Props  map[string]string
			Record object
		}
		if err := json.Unmarshal(request, &q); err != nil {
			t.Fatal(err)
		}
		p, ok := plugins.transforms[q.Apply]
		if !ok {
			continue
		}
		rec := readRecord(q.Record)
		before, headers := *rec, append([]connect.Header(nil), rec.Headers...)
		was := string(text(writeRecord(rec)))
		applied(p.New(), q.Props, rec)
		before.Headers = before.Headers[:len(headers):len(headers)]
		if is := string(text(writeRecord(&before))); is != was {
			t.Fatalf("%s\nchanged what it was given:\n%s\nto\n%s", request, was, is)
		}
	}
}
