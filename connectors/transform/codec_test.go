package transform

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/jackson"
)

// The wire form of records, schemas and values, which testdata/Oracle.java has too. A schema is null or an object: t(ype),
// o(ptional), n(ame), v(ersion), d(oc), p(arameters), def(ault), f(ields), k(ey), e(lement). A value is null or an object of
// one member, which tells its type.

type list = []any

type object = map[string]any

// fields builds a struct's schema of names and schemas in turn.
func fields(pairs ...any) *connect.Schema {
	s := &connect.Schema{Kind: connect.StructKind}
	for i := 0; i < len(pairs); i += 2 {
		s.Fields = append(s.Fields, connect.Field{Name: pairs[i].(string), Schema: pairs[i+1].(*connect.Schema)})
	}
	return s
}

// structOf builds a struct of names and values in turn.
func structOf(s *connect.Schema, pairs ...any) *connect.Struct {
	out := connect.NewStruct(s)
	for i := 0; i < len(pairs); i += 2 {
		if err := out.Put(pairs[i].(string), pairs[i+1]); err != nil {
			panic(err)
		}
	}
	return out
}

func writeSchema(s *connect.Schema) any {
	if s == nil {
		return nil
	}
	out := object{"t": kindNames[s.Kind]}
	put := func(name string, value any, is bool) {
		if is {
			out[name] = value
		}
	}
	put("o", true, s.Optional)
	put("n", s.Name, s.Name != "")
	put("v", s.Version, s.Version != 0)
	put("d", s.Doc, s.Doc != "")
	put("p", s.Parameters, len(s.Parameters) > 0)
	put("def", writeValue(s.Default), s.Default != nil)
	if s.Kind == connect.StructKind {
		fs := list{}
		for _, f := range s.Fields {
			fs = append(fs, list{f.Name, writeSchema(f.Schema)})
		}
		out["f"] = fs
	}
	put("k", writeSchema(s.Key), s.Kind == connect.Map)
	put("e", writeSchema(s.Value), s.Kind == connect.Map || s.Kind == connect.Array)
	return out
}

func writeValue(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case int8:
		return object{"i8": fmt.Sprint(v)}
	case int16:
		return object{"i16": fmt.Sprint(v)}
	case int32:
		return object{"i32": fmt.Sprint(v)}
	case int64:
		return object{"i64": fmt.Sprint(v)}
	case float32:
		return object{"f32": jackson.FormatFloat(float64(v), 32)}
	case float64:
		return object{"f64": jackson.FormatFloat(v, 64)}
	case bool:
		return object{"b": v}
	case string:
		return object{"s": v}
	case []byte:
		return object{"y": base64.StdEncoding.EncodeToString(v)}
	case time.Time:
		return object{"ms": fmt.Sprint(v.UnixMilli())}
	case connect.Decimal:
		return object{"dec": list{v.Unscaled.String(), v.Scale}}
	case []any:
		out := list{}
		for _, e := range v {
			out = append(out, writeValue(e))
		}
		return object{"l": out}
	case map[string]any:
		any := map[any]any{}
		for k, e := range v {
			any[k] = e
		}
		return writeValue(any)
	case map[any]any:
		out := list{}
		for k, e := range v {
			out = append(out, list{writeValue(k), writeValue(e)})
		}
		slices.SortFunc(out, func(a, b any) int { return slices.Compare(text(a.(list)[0]), text(b.(list)[0])) })
		return object{"m": out}
	case *connect.Struct:
		fs := list{}
		for _, f := range v.Schema().Fields {
			if e := v.GetWithoutDefault(f.Name); e != nil {
				fs = append(fs, list{f.Name, writeValue(e)})
			}
		}
		return object{"st": list{writeSchema(v.Schema()), fs}}
	}
	return object{"other": fmt.Sprintf("%T", v)}
}

func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func readSchema(v any) *connect.Schema {
	o, ok := v.(object)
	if !ok {
		return nil
	}
	s := &connect.Schema{Default: readValue(o["def"]), Key: readSchema(o["k"]), Value: readSchema(o["e"])}
	for kind, name := range kindNames {
		if name == o["t"] {
			s.Kind = kind
		}
	}
	s.Optional, _ = o["o"].(bool)
	s.Name, _ = o["n"].(string)
	s.Doc, _ = o["d"].(string)
	if version, ok := o["v"].(float64); ok {
		s.Version = int(version)
	}
	if params, ok := o["p"].(object); ok {
		s.Parameters = map[string]string{}
		for k, v := range params {
			s.Parameters[k] = v.(string)
		}
	}
	fs, _ := o["f"].(list)
	for _, f := range fs {
		s.Fields = append(s.Fields, connect.Field{Name: f.(list)[0].(string), Schema: readSchema(f.(list)[1])})
	}
	return s
}

func readValue(v any) any {
	o, _ := v.(object)
	for tag, v := range o {
		text, _ := v.(string)
		switch tag {
		case "i8":
			return int8(number(text, 8))
		case "i16":
			return int16(number(text, 16))
		case "i32":
			return int32(number(text, 32))
		case "i64":
			return number(text, 64)
		case "ms":
			return time.UnixMilli(number(text, 64)).UTC()
		case "f32":
			f, _ := strconv.ParseFloat(text, 32)
			return float32(f)
		case "f64":
			f, _ := strconv.ParseFloat(text, 64)
			return f
		case "y":
			b, _ := base64.StdEncoding.DecodeString(text)
			return b
		case "dec":
			u, _ := new(big.Int).SetString(v.(list)[0].(string), 10)
			return connect.Decimal{Unscaled: u, Scale: int32(v.(list)[1].(float64))}
		case "l":
			out := []any{}
			for _, e := range v.(list) {
				out = append(out, readValue(e))
			}
			return out
		case "m":
			out := map[any]any{}
			for _, e := range v.(list) {
				out[readValue(e.(list)[0])] = readValue(e.(list)[1])
			}
			return out
		case "st":
			s := connect.NewStruct(readSchema(v.(list)[0]))
			for _, e := range v.(list)[1].(list) {
				if err := s.Put(e.(list)[0].(string), readValue(e.(list)[1])); err != nil {
					panic(err)
				}
			}
			return s
		default: // b, s
			return v
		}
	}
	return nil
}

func number(text string, bits int) int64 {
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		panic(err)
	}
	return n
}

func writeRecord(r *connect.Transformable) object {
	out := object{
		"topic": r.Topic, "partition": nil, "ts": nil, "offset": nil,
		"key": list{writeSchema(r.KeySchema), writeValue(r.Key)}, "value": list{writeSchema(r.ValueSchema), writeValue(r.Value)},
	}
	if r.Partition != connect.NoPartition {
		out["partition"] = r.Partition
	}
	if r.TimestampMs >= 0 {
		out["ts"] = fmt.Sprint(r.TimestampMs)
	}
	if r.FromSink {
		out["offset"] = fmt.Sprint(r.Offset)
	}
	headers := list{}
	for _, h := range r.Headers {
		headers = append(headers, list{h.Key, writeSchema(h.Schema), writeValue(h.Value)})
	}
	out["headers"] = headers
	return out
}

func readRecord(o object) *connect.Transformable {
	r := &connect.Transformable{Topic: o["topic"].(string), Partition: connect.NoPartition, TimestampMs: -1}
	if p, ok := o["partition"].(float64); ok {
		r.Partition = int32(p)
	}
	if ts, ok := o["ts"].(string); ok {
		r.TimestampMs = number(ts, 64)
	}
	if offset, ok := o["offset"].(string); ok {
		r.FromSink, r.Offset = true, number(offset, 64)
	}
	key, value := o["key"].(list), o["value"].(list)
	r.KeySchema, r.Key, r.ValueSchema, r.Value = readSchema(key[0]), readValue(key[1]), readSchema(value[0]), readValue(value[1])
	for _, h := range o["headers"].(list) {
		h := h.(list)
		r.Headers = append(r.Headers, connect.Header{Key: h[0].(string), Schema: readSchema(h[1]), Value: readValue(h[2])})
	}
	return r
}
