package transform

import (
	"fmt"
	"math"

	"github.com/connectd/connectd/connect"
)

var castTargets = []string{"int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string", "INT8"}

func (a *asking) casts() {
	date := &connect.Schema{Kind: connect.Int32, Name: connect.DateName, Version: 1, Optional: true, Default: ms(86400000)}
	samples := []connect.SchemaAndValue{
		of(connect.Int8Schema, int8(-5)), of(connect.Int16Schema, int16(300)), of(connect.Int32Schema, int32(70000)),
		of(connect.Int64Schema, int64(math.MinInt64+3)), of(connect.Int64Schema, int64(16777217)),
		of(connect.Float32Schema, float32(3.75)), of(connect.Float64Schema, 1e30), of(connect.Float64Schema, -70000.9), of(connect.Float64Schema, 0.4),
		of(connect.Float64Schema, 1e-5), of(connect.BooleanSchema, true), of(connect.BooleanSchema, false),
		of(connect.StringSchema, "12"), of(connect.StringSchema, "+7"), of(connect.StringSchema, "1.5"), of(connect.StringSchema, " 2.5f "), of(connect.StringSchema, "TRUE"),
		of(connect.StringSchema, "Infinity"), of(connect.StringSchema, "0.1"), of(connect.StringSchema, "1e400"), of(connect.StringSchema, ""), of(connect.BytesSchema, []byte{1, 2, 255}),
		of(connect.DecimalSchema(2), decimalDue), of(connect.DecimalSchema(-3), connect.NewDecimal(-5, -3)), of(connect.DecimalSchema(2), connect.NewDecimal(-199, 2)),
		of(connect.DateSchema, ms(86400000*20000)), of(connect.TimeSchema, ms(3723004)), of(connect.TimestampSchema, ms(1795431561736)), of(connect.TimestampSchema, ms(86400000*3)),
		of(date, ms(86400000*2)), of(date, ms(5)), of(&connect.Schema{Kind: connect.Array, Value: connect.Int8Schema}, []any{int8(1)}), full,
		of(&connect.Schema{Kind: connect.Int32, Name: "named", Doc: "d", Version: 3, Optional: true, Default: int32(300)}, int32(5)),
	}
	for _, target := range castTargets {
		a.values("Cast$Value", props("spec", target), samples...)
		a.values("Cast$Value", props("spec", target), plainValue(int64(258)), plainValue("7"), plainValue(2.5), plainValue(true), plainValue(decimalDue),
			plainValue(ms(5)), plainValue([]byte{9}), plainValue([]any{}), loose, noValue, noBody)
	}
	for _, dflt := range []string{"true", "false"} {
		p := props("spec", "id:string,name:string,score:int32,due:float64,at:int64", "replace.null.with.default", dflt)
		a.values("Cast$Value", p, every...)
	}
	a.values("Cast$Value", props("spec", "id:int8,home:string"), full)
	a.values("Cast$Key", props("spec", "string"), full)
	a.values("Cast$Value", props("spec", "zip:string"), of(address, structOf(address, "city", "x")))
	defaults := fields("n", &connect.Schema{Kind: connect.Int32, Default: int32(300)}, "s", &connect.Schema{Kind: connect.String, Optional: true, Default: "x"})
	for _, dflt := range []string{"true", "false"} {
		for _, spec := range []string{"n:int8", "n:string", "s:int32", "n:boolean"} {
			a.values("Cast$Value", props("spec", spec, "replace.null.with.default", dflt), of(defaults, structOf(defaults)), of(defaults, structOf(defaults, "n", int32(1), "s", "5")))
		}
	}
}

// instants are times of all sorts, in milliseconds.
var instants = []int64{
	0, 1, 999, -1, 1795431561736, 86399999, 951782400000, 951868800000, 1735603200000, 1735689599999, 1767139200000, 4102444799999,
	-12219292800000, -12219292800001, -62135596800000, -62135769600000, -62167219200000, -70000000000000, 253402300799999, 253402300800000,
	1609459200000, 1640995199000, 1136073600000, 1230768000000 - 1,
}

func (a *asking) dates() {
	a.formats()
	a.parses()
	stamps := []connect.SchemaAndValue{plainValue("2026-11-23 10:59:21"), plainValue(int64(1795431561736)), plainValue(ms(1795431561736)), plainValue(int32(1)), plainValue(true), noValue}
	for _, target := range []string{"string", "unix", "Date", "Time", "Timestamp"} {
		p := props("target.type", target, "format", "yyyy-MM-dd HH:mm:ss")
		a.values("TimestampConverter$Value", p, stamps...)
		a.values("TimestampConverter$Value", p, of(connect.StringSchema, "2026-11-23 10:59:21"), of(connect.OptionalInt64Schema, int64(-1)), of(connect.DateSchema, ms(86400000)),
			of(connect.TimeSchema, ms(3723004)), of(connect.TimestampSchema, ms(-1)), of(connect.Int32Schema, int32(1)), of(connect.OptionalTimestampSchema, nil), of(connect.OptionalStringSchema, nil), word)
		for _, unit := range []string{"seconds", "milliseconds", "microseconds", "nanoseconds"} {
			for _, n := range []int64{1795431561736, -1795431561736, -1, math.MaxInt64, 1001} {
				if target != "unix" && n == math.MaxInt64 {
					continue // a year without meaning
				}
				a.values("TimestampConverter$Value", props("target.type", target, "format", "yyyy-MM-dd HH:mm:ss.SSS", "unix.precision", unit), plainValue(n))
			}
			a.values("TimestampConverter$Value", props("target.type", target, "format", "yyyy-MM-dd HH:mm:ss.SSS", "unix.precision", unit), plainValue(ms(1795431561736)))
		}
		for _, dflt := range []string{"true", "false"} {
			p := props("target.type", target, "format", "yyyy", "field", "at", "replace.null.with.default", dflt)
			a.values("TimestampConverter$Value", p, every...)
			a.values("TimestampConverter$Value", p, plainValue(map[string]any{"at": int64(5)}), plainValue(map[string]any{"at": "2020"}))
		}
		a.values("TimestampConverter$Key", props("target.type", target, "format", "yyyy"), full)
	}
	a.values("TimestampConverter$Value", props("target.type", "string"), plainValue(int64(1)))
	a.values("TimestampConverter$Value", props("target.type", "string", "format", "yyyy-j"), plainValue(int64(1)))
	a.values("TimestampConverter$Value", props("target.type", "unix", "field", "name", "format", "yyyy"), full)
	a.values("TimestampConverter$Value", props("target.type", "unix", "field", "home"), full)
}

func (a *asking) formats() {
	pattern := "G GG GGGG|y yy yyy yyyyy|Y YY YYYY|M MM MMM MMMM MMMMM|L LL LLL LLLL|w ww W WW D DDD d F|E EEE EEEE u uu|a aaa H k K h|m s S SSS SSSSSS|z zzzz Z ZZZZ X XX XXX"
	for _, at := range instants {
		a.values("TimestampConverter$Value", props("target.type", "string", "format", pattern), plainValue(at))
	}
	for _, p := range []string{"''yyyy''", "'o''clock'", "h 'o''clock' a", "yyyy'T'MM", "'", "yyyy'x", "XXXX", "j", "é yyyy-é", "''''", "yyyyMMddHHmmssSSS", "B", "I"} {
		a.values("TimestampRouter", props("topic.format", "${timestamp}", "timestamp.format", p), word)
		a.values("TimestampConverter$Value", props("target.type", "string", "format", p), plainValue(int64(1795431561736)))
	}
}

func (a *asking) parses() {
	for _, c := range []struct {
		pattern string
		texts   []string
	}{
		{"yyyy-MM-dd", []string{"2020-02-30", "2020-2-3", "20-01-02", " 2020-01-02", "2020- 1-02", "2020-13-01", "2020-00-00", "0001-01-01", "1582-10-04", "1582-10-10", "1582-10-15", "1500-02-29", "2020-01-02x", "2020-01", "x", "2020--1-01", "-5-01-01", "99999-01-01", "2020/01/02", ""}},
		{"yy-MM-dd", []string{"20-01-02", "99-01-02", "46-11-26", "47-11-26", "46-01-01", "2020-01-02", "5-01-01", "-1-01-01"}},
		{"yyyyMMdd", []string{"20200102", "2020010", "202001021", "2020 102"}},
		{"yyyyMMddHHmmssSSS", []string{"20200102030405678", "2020010203040567"}},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSX", []string{"2020-01-02T03:04:05.678Z", "2020-01-02T03:04:05.6+02", "2020-01-02T03:04:05.678901-0330", "2020-01-02T03:04:05.678", "2020-01-02T25:61:61.678Z", "2020-01-02T03:04:05.678+25"}},
		{"yyyy-MM-dd HH:mm XXX", []string{"2020-01-02 03:04 +02:30", "2020-01-02 03:04 +0230", "2020-01-02 03:04 Z", "2020-01-02 03:04 z", "2020-01-02 03:04 +2:30"}},
		{"yyyy-MM-dd HH:mm XX", []string{"2020-01-02 03:04 +0230", "2020-01-02 03:04 -02"}},
		{"yyyy-MM-dd HH:mm Z", []string{"2020-01-02 03:04 +0230", "2020-01-02 03:04 GMT", "2020-01-02 03:04 GMT-3:00", "2020-01-02 03:04 gmt+03:30", "2020-01-02 03:04 UTC", "2020-01-02 03:04 EST", "2020-01-02 03:04 +3", "2020-01-02 03:04 PDT", "2020-01-02 03:04 CET", "2020-07-02 03:04 CEST", "2020-01-02 03:04 JST", "2020-01-02 03:04 MSK", "2020-07-02 03:04 BST", "2020-01-02 03:04 CST", "2020-01-02 03:04 MST", "2020-01-02 03:04 PST", "2020-07-02 03:04 EDT", "2020-01-02 03:04 EET", "2020-07-02 03:04 EEST", "2020-01-02 03:04 WET", "2020-07-02 03:04 WEST", "2020-07-02 03:04 MDT", "2020-07-02 03:04 CDT"}},
		{"yyyy-MM-dd HH:mm z", []string{"2020-01-02 03:04 UTC", "2020-01-02 03:04 est", "2020-01-02 03:04 nowhere", "2020-07-02 03:04 PST"}},
		{"EEE, d MMM yyyy HH:mm:ss z", []string{"Thu, 2 Jan 2020 03:04:05 GMT", "Mon, 2 january 2020 03:04:05 GMT", "Thursday, 2 Mayday 2020 03:04:05 GMT", "Thu,  2 Jan 2020 03:04:05 GMT", "Thu, 2  Jan 2020 03:04:05 GMT"}},
		{"dd/MMMM/yyyy h:mm a", []string{"02/June/2020 12:30 AM", "02/Jun/2020 12:30 pm", "02/June/2020 1:30 XM", "02/June/2020 0:30 PM"}},
		{"yyyy-DDD", []string{"2020-366", "2019-366", "2020-1"}},
		{"yyyy-'W'ww-u", []string{"2020-W01-1", "2020-W53-7"}},
		{"YYYY-'W'ww-u", []string{"2020-W01-1", "2021-W01-7", "2020-W10-4"}},
		{"YYYY-'W'ww", []string{"2020-W01"}},
		{"yyyy-MM W E", []string{"2020-03 2 Mon", "2020-03 1 Sun"}},
		{"yyyy-MM F E", []string{"2020-03 2 Mon", "2020-03 1 Sun"}},
		{"yyyy-MM E", []string{"2020-03 Mon"}},
		{"yyyy-MM F", []string{"2020-03 2"}},
		{"yyyy-MM W", []string{"2020-03 2"}},
		{"yyyy w", []string{"2020 9"}},
		{"yyyy-MM-dd G", []string{"0044-03-15 BC", "0044-03-15 AD", "0044-03-15 xx"}},
		{"kk:mm", []string{"24:30", "01:30", "25:30"}},
		{"K:mm a", []string{"0:30 PM", "11:30 AM"}},
		{"h:mm", []string{"12:30", "11:30"}},
		{"a", []string{"PM"}},
		{"H h a", []string{"3 4 PM"}},
		{"h a H", []string{"4 PM 3"}},
		{"h H a", []string{"4 3 PM"}},
		{"ss.S", []string{"5.7", "5.007"}},
		{"MM", []string{"5"}},
		{"MMM", []string{"sept", "Dec"}},
		{"LLL yyyy", []string{"Dec 2020"}},
		{"LL yyyy", []string{"12 2020"}},
		{"'x'", []string{"x", "y"}},
		{"yyyy-MM-dd\tHH", []string{"2020-01-02\t03", "2020-01-02 03"}},
		{"dMyyyy", []string{"122020", "1122020"}},
		{"yyyyMMMdd", []string{"2020Jan02"}},
		{"HHmm", []string{"0304", "304"}},
	} {
		for _, text := range c.texts {
			a.values("TimestampConverter$Value", props("target.type", "Timestamp", "format", c.pattern), plainValue(text))
		}
	}
	for i := range 40 {
		a.values("TimestampConverter$Value", props("target.type", "unix", "format", "yyyy-MM-dd"), plainValue(fmt.Sprintf("%d-%d-%d", 1560+i, 1+i%14, 1+i)))
	}
}
