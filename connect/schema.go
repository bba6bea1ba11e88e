package connect

import "slices"

// Kind is a schema's basic type.
type Kind uint8

// The kinds of Connect's data model, with the Go type that carries a value.
const (
	Int8       Kind = iota + 1 // int8
	Int16                      // int16
	Int32                      // int32
	Int64                      // int64
	Float32                    // float32
	Float64                    // float64
	Boolean                    // bool
	String                     // string
	Bytes                      // []byte
	Array                      // []any
	Map                        // map[any]any
	StructKind                 // *Struct
)

var kindNames = [...]string{"", "int8", "int16", "int32", "int64", "float", "double", "boolean", "string", "bytes", "array", "map", "struct"}

// String gives the name that JsonConverter writes for the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return "unknown"
}

// Schema describes a value. Treat a Schema as immutable once records carry it. A nil *Schema means "no schema".
type Schema struct {
	Kind     Kind
	Optional bool
	// Name is the semantic name, e.g. of a logical type. Empty for none.
	Name string
	// Version is 0 for none.
	Version int
	Doc     string
	// Default is nil for none.
	Default any
	// Parameters are free name-value pairs, e.g. a Decimal's scale.
	Parameters map[string]string
	// Fields are the fields of a struct.
	Fields []Field
	// Key and Value are the key schema of a map and the value schema of a map or array.
	Key, Value *Schema
}

// Field is one field of a struct schema.
type Field struct {
	Name   string
	Schema *Schema
}

// Field finds a field by name, nil when there is none.
func (s *Schema) Field(name string) *Field {
	if s == nil {
		return nil
	}
	if i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name }); i >= 0 {
		return &s.Fields[i]
	}
	return nil
}

// The schemas of the plain kinds.
var (
	Int8Schema            = &Schema{Kind: Int8}
	Int16Schema           = &Schema{Kind: Int16}
	Int32Schema           = &Schema{Kind: Int32}
	Int64Schema           = &Schema{Kind: Int64}
	Float32Schema         = &Schema{Kind: Float32}
	Float64Schema         = &Schema{Kind: Float64}
	BooleanSchema         = &Schema{Kind: Boolean}
	StringSchema          = &Schema{Kind: String}
	BytesSchema           = &Schema{Kind: Bytes}
	OptionalInt8Schema    = &Schema{Kind: Int8, Optional: true}
	OptionalInt16Schema   = &Schema{Kind: Int16, Optional: true}
	OptionalInt32Schema   = &Schema{Kind: Int32, Optional: true}
	OptionalInt64Schema   = &Schema{Kind: Int64, Optional: true}
	OptionalFloat32Schema = &Schema{Kind: Float32, Optional: true}
	OptionalFloat64Schema = &Schema{Kind: Float64, Optional: true}
	OptionalBooleanSchema = &Schema{Kind: Boolean, Optional: true}
	OptionalStringSchema  = &Schema{Kind: String, Optional: true}
	OptionalBytesSchema   = &Schema{Kind: Bytes, Optional: true}
)
