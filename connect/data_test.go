package connect

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStructChecksItsFields(t *testing.T) {
	inner := &Schema{Kind: StructKind, Fields: []Field{{"x", Int8Schema}}}
	s := &Schema{Kind: StructKind, Fields: []Field{
		{"a", Int32Schema},
		{"b", OptionalStringSchema},
		{"c", &Schema{Kind: Int64, Default: int64(5)}},
		{"list", &Schema{Kind: Array, Value: StringSchema, Optional: true}},
		{"in", inner},
		{"map", &Schema{Kind: Map, Key: StringSchema, Value: Int32Schema, Optional: true}},
		{"at", OptionalTimestampSchema},
	}}
	v := NewStruct(s)
	in := NewStruct(inner)
	bad := []struct {
		field string
		value any
	}{
		{"a", "text"},
		{"a", 1},
		{"a", nil},
		{"what", int32(1)},
		{"b", []byte("x")},
		{"list", []any{"a", nil}},
		{"list", []string{"a"}},
		{"in", NewStruct(s)},
		{"map", map[any]any{1: int32(1)}},
		{"map", map[string]any{"a": "b"}},
		{"at", int64(5)},
	}
	for _, b := range bad {
		if err := v.Put(b.field, b.value); err == nil {
			t.Errorf("%s takes %v", b.field, b.value)
		}
	}
	if err := v.Validate(); err == nil {
		t.Error("a required field is missing, and Validate does not say so")
	}
	for f, val := range map[string]any{
		"a": int32(1), "list": []any{"a"}, "in": in, "map": map[string]any{"k": int32(1)}, "at": time.UnixMilli(5), "b": nil,
	} {
		if err := v.Put(f, val); err != nil {
			t.Error(err)
		}
	}
	if err := v.Validate(); err != nil {
		t.Error(err)
	}
	if v.Get("c") != int64(5) || v.GetWithoutDefault("c") != nil || v.Get("what") != nil || v.Get("a") != int32(1) {
		t.Error("defaults")
	}
	if NewStruct(nil).Put("a", 1) == nil || NewStruct(StringSchema).Validate() == nil {
		t.Error("a struct without a struct schema is accepted")
	}
	other := NewStruct(s)
	if v.Equal(other) || !v.Equal(v) || !other.Equal(NewStruct(s)) {
		t.Error("equality")
	}
}

func TestSchemaEquality(t *testing.T) {
	base := func() *Schema {
		return &Schema{Kind: Array, Name: "n", Version: 1, Doc: "d", Parameters: map[string]string{"p": "q"}, Value: &Schema{Kind: Int8}, Default: []any{int8(1)}}
	}
	if !base().Equal(base()) || base().Equal(nil) || (*Schema)(nil).Equal(base()) || !(*Schema)(nil).Equal(nil) {
		t.Error("equal schemas")
	}
	for i, change := range []func(*Schema){
		func(s *Schema) { s.Kind = Map }, func(s *Schema) { s.Optional = true }, func(s *Schema) { s.Name = "" }, func(s *Schema) { s.Version = 2 },
		func(s *Schema) { s.Doc = "" }, func(s *Schema) { s.Parameters = nil }, func(s *Schema) { s.Value = Int16Schema },
		func(s *Schema) { s.Default = []any{int8(2)} }, func(s *Schema) { s.Fields = []Field{{"a", nil}} }, func(s *Schema) { s.Key = StringSchema },
	} {
		o := base()
		if change(o); base().Equal(o) {
			t.Errorf("change %d is not seen", i)
		}
	}
}

func TestDecimals(t *testing.T) {
	for in, want := range map[string]string{ // new BigDecimal(in).toString()
		"1": "1", "-156.00": "-156.00", "0": "0", "0.000": "0.000", "1.5E+3": "1.5E+3", "15e2": "1.5E+3", "0.000000015": "1.5E-8",
		"0.000001": "0.000001", "0.0000001": "1E-7", "+5": "5", "05": "5", "1e0": "1", ".5": "0.5", "5.": "5", "1e3": "1E+3", "0e5": "0E+5",
		"1E-999999": "1E-999999", "-0.5": "-0.5",
	} {
		d, err := ParseDecimal(in)
		if err != nil || d.String() != want {
			t.Errorf("%s: %s %v, want %s", in, d, err, want)
		}
	}
	for _, in := range []string{"", "-", "+-5", "--5", "1e", "1e99999999999", "a", "1.2.3", "0x1", "1_0", ".", "NaN", "1 ", "1-", "1.-5"} {
		if d, err := ParseDecimal(in); err == nil {
			t.Errorf("%q is read as %s", in, d)
		}
	}
	if f := NewDecimal(15, 1).Float64(); f != 1.5 {
		t.Error(f)
	}
	if (Decimal{}).String() != "0" {
		t.Error("the zero value")
	}
	if _, err := EncodeDecimal(DecimalSchema(2), NewDecimal(1, 3)); err == nil {
		t.Error("another scale is written")
	}
	for _, s := range []*Schema{BytesSchema, {Kind: Bytes, Parameters: map[string]string{"scale": "x"}}} {
		if _, err := DecodeDecimal(s, []byte{1}); err == nil {
			t.Error("a schema without scale is read")
		}
	}
	if _, err := DecodeDecimal(DecimalSchema(0), nil); err == nil {
		t.Error("no bytes are read")
	}
}

func TestDecimalsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "negative") {
			u.Neg(u)
		}
		scale := rapid.Int32Range(-40, 40).Draw(t, "scale")
		d := Decimal{u, scale}
		b, err := EncodeDecimal(DecimalSchema(scale), d)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
			t.Fatalf("not the shortest form: %x", b)
		}
		back, err := DecodeDecimal(DecimalSchema(scale), b)
		if err != nil || !EqualValues(d, back) {
			t.Fatalf("%s came back as %s: %v", d, back, err)
		}
		parsed, err := ParseDecimal(d.String())
		if err != nil || !EqualValues(d, parsed) {
			t.Fatalf("%s was parsed as %s: %v", d, parsed, err)
		}
	})
}

func TestTimesHaveTheirBounds(t *testing.T) {
	day := time.Date(1997, 5, 19, 0, 0, 0, 0, time.UTC)
	if n, err := EncodeDate(day); err != nil || n != 10000 || !DecodeDate(n).Equal(day) {
		t.Error(n, err)
	}
	if _, err := EncodeDate(day.Add(time.Second)); err == nil {
		t.Error("a date with a time of day")
	}
	if _, err := EncodeTime(day); err == nil {
		t.Error("a time with a date")
	}
	if ms, err := EncodeTime(DecodeTime(14400123)); err != nil || ms != 14400123 {
		t.Error(ms, err)
	}
	if EncodeTimestamp(DecodeTimestamp(-5)) != -5 {
		t.Error("timestamp")
	}
}
