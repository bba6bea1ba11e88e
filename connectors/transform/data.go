package transform

import (
	"fmt"
	"maps"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// kindNames are what Java calls the kinds in error texts.
var kindNames = map[connect.Kind]string{
	connect.Int8: "INT8", connect.Int16: "INT16", connect.Int32: "INT32", connect.Int64: "INT64",
	connect.Float32: "FLOAT32", connect.Float64: "FLOAT64", connect.Boolean: "BOOLEAN", connect.String: "STRING",
	connect.Bytes: "BYTES", connect.Array: "ARRAY", connect.Map: "MAP", connect.StructKind: "STRUCT",
}

// className is the Java class of a value, as error texts name it.
func className(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case int8:
		return "java.lang.Byte"
	case int16:
		return "java.lang.Short"
	case int32:
		return "java.lang.Integer"
	case int64:
		return "java.lang.Long"
	case float32:
		return "java.lang.Float"
	case float64:
		return "java.lang.Double"
	case bool:
		return "java.lang.Boolean"
	case string:
		return "java.lang.String"
	case []byte:
		return "[B"
	case []any:
		return "java.util.ArrayList"
	case map[any]any, map[string]any:
		return "java.util.HashMap"
	case *connect.Struct:
		return "org.apache.kafka.connect.data.Struct"
	case connect.Decimal:
		return "java.math.BigDecimal"
	case time.Time:
		return "java.util.Date"
	}
	return fmt.Sprintf("%T", value)
}

// schemaText describes a schema as Java prints it.
func schemaText(s *connect.Schema) string {
	if s.Name != "" {
		return "Schema{" + s.Name + ":" + kindNames[s.Kind] + "}"
	}
	return "Schema{" + kindNames[s.Kind] + "}"
}

// copyOfMap gives a copy of data without a schema, which must be a map with names as its keys.
func copyOfMap(value any, purpose string) (map[string]any, error) {
	switch m := value.(type) {
	case map[string]any:
		if m == nil {
			return map[string]any{}, nil
		}
		return maps.Clone(m), nil
	case map[any]any:
		named := make(map[string]any, len(m))
		for k, v := range m {
			name, ok := k.(string)
			if !ok {
				return nil, javaError("Only Map objects with String keys supported in absence of schema for [%s], found a key: %s", purpose, className(k))
			}
			named[name] = v
		}
		return named, nil
	}
	return nil, javaError("Only Map objects supported in absence of schema for [%s], found: %s", purpose, className(value))
}

// lookUp gives a value of a map without schema; it does not copy the map.
func lookUp(value any, name, purpose string) (any, error) {
	switch m := value.(type) {
	case map[string]any:
		return m[name], nil
	case map[any]any:
		return m[name], nil
	}
	return nil, javaError("Only Map objects supported in absence of schema for [%s], found: %s", purpose, className(value))
}

func asStruct(value any, purpose string) (*connect.Struct, error) {
	if s, ok := value.(*connect.Struct); ok && s.Schema() != nil {
		return s, nil
	}
	return nil, javaError("Only Struct objects supported for [%s], found: %s", purpose, className(value))
}

// fieldOf looks a field of a schema up, which must be a struct's; nil for none.
func fieldOf(s *connect.Schema, name string) (*connect.Field, error) {
	if s.Kind != connect.StructKind {
		return nil, javaError("Cannot look up fields on non-struct type")
	}
	return s.Field(name), nil
}

const replaceNull = "replace.null.with.default"

// replaceNullKey says what becomes of fields that are null and have a default (KIP-1040).
func replaceNullKey() config.Key {
	return config.Key{
		Name: replaceNull, Type: config.TypeBoolean, Default: true,
		Doc: "Whether a field that is null and whose schema has a default gets that default. Otherwise it stays null.",
	}
}

// reader gives the values of structs, with or without defaults in place of nulls.
type reader struct{ defaults bool }

func newReader(v config.Values) reader { return reader{v.Bool(replaceNull)} }

func (r reader) get(s *connect.Struct, name string) any {
	if r.defaults {
		return s.Get(name)
	}
	return s.GetWithoutDefault(name)
}

// copyFields puts all fields of one struct into another that has them too.
func (r reader) copyFields(from, to *connect.Struct) error {
	for _, f := range from.Schema().Fields {
		if err := to.Put(f.Name, r.get(from, f.Name)); err != nil {
			return err
		}
	}
	return nil
}

// basics begins a schema of a kind with what else than its data describes the other: not whether it is optional, and no
// default.
func basics(of *connect.Schema, kind connect.Kind) *connect.Schema {
	return &connect.Schema{Kind: kind, Name: of.Name, Version: of.Version, Doc: of.Doc, Parameters: maps.Clone(of.Parameters)}
}

// addField appends a field to a struct's schema in the making.
func addField(s *connect.Schema, name string, field *connect.Schema) error {
	switch {
	case name == "":
		return javaError("fieldName cannot be null.")
	case s.Field(name) != nil:
		return javaError("Cannot create field because of field name duplication %s", name)
	}
	s.Fields = append(s.Fields, connect.Field{Name: name, Schema: field})
	return nil
}

// addFields appends the fields of another struct's schema.
func addFields(s, of *connect.Schema) error {
	if of.Kind != connect.StructKind {
		return errNoFields
	}
	for _, f := range of.Fields {
		if err := addField(s, f.Name, f.Schema); err != nil {
			return err
		}
	}
	return nil
}

var errNoFields = javaError("Cannot list fields on non-struct type")

// setDefault gives a schema in the making its default, nil for none.
func setDefault(s *connect.Schema, value any) error {
	if value == nil {
		return nil
	}
	if err := connect.ValidateValue(s, value); err != nil {
		return javaError("Invalid default value: %w", err)
	}
	s.Default = value
	return nil
}

// schemas remembers which schemas were made of the latest that came along: records of one schema go on sharing one.
type schemas struct{ made []madeSchema }

type madeSchema struct{ from, to *connect.Schema }

const rememberedSchemas = 16 // as many as Java's

// of gives the schema that build makes of another, from memory if it can.
func (c *schemas) of(from *connect.Schema, build func(*connect.Schema) (*connect.Schema, error)) (*connect.Schema, error) {
	for _, same := range []func(*connect.Schema) bool{
		func(s *connect.Schema) bool { return s == from },
		func(s *connect.Schema) bool { return s.Equal(from) },
	} {
		for i := range c.made {
			if same(c.made[i].from) {
				return c.made[i].to, nil
			}
		}
	}
	to, err := build(from)
	if err != nil {
		return nil, err
	}
	if len(c.made) == rememberedSchemas {
		c.made = append(c.made[:0], c.made[1:]...)
	}
	c.made = append(c.made, madeSchema{from, to})
	return to, nil
}

// javaError makes an error in Java's words.
func javaError(format string, args ...any) error { return fmt.Errorf(format, args...) }
