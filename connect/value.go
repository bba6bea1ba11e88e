package connect

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"time"
)

// SchemaAndValue is a value with its schema; a nil Schema is none.
type SchemaAndValue struct {
	Schema *Schema
	Value  any
}

// KindOf gives the kind of a value without a schema, false for a Go type that Connect does not know. Decimal and
// time.Time belong to logical types and have no kind of their own.
func KindOf(value any) (Kind, bool) {
	switch value.(type) {
	case int8:
		return Int8, true
	case int16:
		return Int16, true
	case int32:
		return Int32, true
	case int64:
		return Int64, true
	case float32:
		return Float32, true
	case float64:
		return Float64, true
	case bool:
		return Boolean, true
	case string:
		return String, true
	case []byte:
		return Bytes, true
	case []any:
		return Array, true
	case map[any]any, map[string]any:
		return Map, true
	case *Struct:
		return StructKind, true
	}
	return 0, false
}

// ValidateValue checks that a value is what its schema says. A nil schema allows everything.
func ValidateValue(schema *Schema, value any) error { return validate("", schema, value) }

func validate(field string, schema *Schema, value any) error {
	if schema == nil {
		return nil
	}
	if value == nil {
		if schema.Optional {
			return nil
		}
		return fmt.Errorf("invalid value: null used for required field%s, schema type: %s", quoted(field), schema.Kind)
	}
	if ok, logical := isLogicalValue(schema, value); logical {
		if !ok {
			return fmt.Errorf("invalid value of Go type %T for the logical type %s%s", value, schema.Name, quoted(field))
		}
		return nil
	}
	if kind, ok := KindOf(value); !ok || kind != schema.Kind {
		return fmt.Errorf("invalid value of Go type %T for schema type %s%s", value, schema.Kind, quoted(field))
	}
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			if err := validate(field, schema.Value, e); err != nil {
				return err
			}
		}
	case map[any]any:
		for k, e := range v {
			if err := validateEntry(field, schema, k, e); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, e := range v {
			if err := validateEntry(field, schema, k, e); err != nil {
				return err
			}
		}
	case *Struct:
		if !v.Schema().Equal(schema) {
			return fmt.Errorf("the schema of a struct value is not the one expected%s", quoted(field))
		}
	}
	return nil
}

func validateEntry(field string, schema *Schema, k, v any) error {
	if err := validate(field, schema.Key, k); err != nil {
		return err
	}
	return validate(field, schema.Value, v)
}

func quoted(field string) string {
	if field == "" {
		return ""
	}
	return fmt.Sprintf(": %q", field)
}

// isLogicalValue tells whether schema is one of the logical types, and if so, whether value fits.
func isLogicalValue(schema *Schema, value any) (ok, logical bool) {
	switch schema.Name {
	case DecimalName:
		_, ok = value.(Decimal)
		return ok, true
	case DateName, TimeName, TimestampName:
		_, ok = value.(time.Time)
		return ok, true
	}
	return false, false
}

// Equal compares two schemas in all that they say, nested schemas included.
func (s *Schema) Equal(o *Schema) bool {
	if s == o {
		return true
	}
	if s == nil || o == nil || s.Kind != o.Kind || s.Optional != o.Optional || s.Name != o.Name || s.Version != o.Version ||
		s.Doc != o.Doc || len(s.Fields) != len(o.Fields) || !maps.Equal(s.Parameters, o.Parameters) {
		return false
	}
	for i := range s.Fields {
		if s.Fields[i].Name != o.Fields[i].Name || !s.Fields[i].Schema.Equal(o.Fields[i].Schema) {
			return false
		}
	}
	return s.Key.Equal(o.Key) && s.Value.Equal(o.Value) && EqualValues(s.Default, o.Default)
}

// EqualValues compares two values of the data model.
func EqualValues(a, b any) bool {
	switch a := a.(type) {
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !EqualValues(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[any]any:
		b, ok := b.(map[any]any)
		return ok && maps.EqualFunc(a, b, EqualValues)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, EqualValues)
	case *Struct:
		b, ok := b.(*Struct)
		return ok && a.Equal(b)
	case Decimal:
		b, ok := b.(Decimal)
		return ok && a.Scale == b.Scale && a.unscaled().Cmp(b.unscaled()) == 0
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	}
	return reflect.DeepEqual(a, b)
}
