package jackson

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

// The texts are those of java.lang.Double.toString and Float.toString (Java 19 and later).
func TestFloatsAreJavas(t *testing.T) {
	for want, f := range map[string]float64{
		"0.0": 0, "-0.0": math.Copysign(0, -1), "1.0": 1, "0.001": 0.001, "9.999E-4": 0.0009999, "9999999.0": 9999999, "1.0E7": 1e7,
		"1.234567890123E12": 1234567890123, "4.9E-324": math.SmallestNonzeroFloat64, "1.7976931348623157E308": math.MaxFloat64,
		"NaN": math.NaN(), "-Infinity": math.Inf(-1), "Infinity": math.Inf(1), "-1.5": -1.5,
	} {
		if got := FormatFloat(f, 64); got != want {
			t.Errorf("%v: %s, Java has %s", f, got, want)
		}
	}
	for want, f := range map[string]float32{"3.4": 3.4, "1.4E-45": math.SmallestNonzeroFloat32, "3.4028235E38": math.MaxFloat32} {
		if got := string(AppendFloat32(nil, f)); got != want {
			t.Errorf("%v: %s, Java has %s", f, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "tru", "truex", "nul", "01", "-", "1.", ".5", "1e", "+1",
		"\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\xff\"", "\"\\n\xff\"", "NaN", "'a'", "]", "{1:2}", strings.Repeat("[", MaxDepth+2), "12a",
	} {
		if v, err := Parse([]byte(in)); err == nil {
			t.Errorf("%.20q is read as %v", in, v)
		}
	}
}

func TestParseKeepsOrderAndTheLastOfRepeatedKeys(t *testing.T) {
	v, err := Parse([]byte(` {"b":1,"a":{"x":[true,null,"\u00e9\ud83d\ude00\ud800\n"]},"b":2.50} trailing`))
	want := Object{{"b", Number("2.50")}, {"a", Object{{"x", []any{true, nil, "é😀\uFFFD\n"}}}}}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("%#v %v", v, err)
	}
	var many strings.Builder
	for range 3 {
		for c := 'a'; c <= 'z'; c++ {
			many.WriteString(`"` + string(c) + `":1,`)
		}
	}
	v, err = Parse([]byte("{" + many.String() + `"z":2}`))
	o, _ := v.(Object)
	if z, _ := o.Get("z"); err != nil || len(o) != 26 || z != Number("2") {
		t.Errorf("%d fields, %v", len(o), err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\u0001\\"],"b":null}`, `"\ud83d"`, `[[[]]]`, `-0`, `1e999`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err != nil {
			if json.Valid(data) && bytes.Count(data, []byte("[")) < MaxDepth && bytes.Count(data, []byte("{")) < MaxDepth && bytes.Equal(data, bytes.ToValidUTF8(data, nil)) {
				t.Fatalf("%q is JSON: %v", data, err)
			}
			return
		}
		out := Append(nil, v)
		if !json.Valid(out) {
			t.Fatalf("%q was written as %q", data, out)
		}
		again, err := Parse(out)
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Fatalf("%q came back as %v: %v", data, again, err)
		}
	})
}
