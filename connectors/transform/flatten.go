package transform

import (
	"maps"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

var flattenDef = config.New(config.Key{
	Name: "delimiter", Default: ".", Doc: "What stands between the names of the fields on the way, in the name of the field that comes out.",
})

// flatten puts the fields of nested structs or maps into one.
type flatten struct {
	delimiter string
	made      schemas
}

const flattenPurpose = "flattening"

func newFlatten(v config.Values) (change, error) {
	return (&flatten{delimiter: v.String("delimiter")}).apply, nil
}

func (f *flatten) name(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + f.delimiter + name
}

func (f *flatten) apply(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
	switch {
	case in.Value == nil:
		return in, nil
	case in.Schema == nil:
		flat := map[string]any{}
		return connect.SchemaAndValue{Value: flat}, f.flattenMap(in.Value, "", flat)
	}
	from, err := asStruct(in.Value, flattenPurpose)
	if err != nil {
		return out, err
	}
	out.Schema, err = f.made.of(in.Schema, func(nested *connect.Schema) (*connect.Schema, error) {
		to := basics(nested, connect.StructKind)
		defaults, _ := nested.Default.(*connect.Struct)
		return to, f.flattenSchema(nested, "", to, nested.Optional, defaults)
	})
	if err != nil {
		return out, err
	}
	to := connect.NewStruct(out.Schema)
	out.Value = to
	return out, f.flattenStruct(from, "", to)
}

func (f *flatten) flattenMap(value any, prefix string, into map[string]any) error {
	m, err := copyOfMap(value, flattenPurpose)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(m)) { // in order, so that equal records give equal results and errors
		value, name := m[key], f.name(prefix, key)
		if value == nil {
			into[name] = nil
			continue
		}
		switch kind, ok := connect.KindOf(value); {
		case !ok:
			return javaError("Flatten transformation was passed a value of type class %s which is not supported by Connect's data API", className(value))
		case kind == connect.StructKind:
			return javaError("Flatten transformation does not support class %s for record without schemas (for field %s).", className(value), name)
		case kind == connect.Map:
			if err := f.flattenMap(value, name, into); err != nil {
				return err
			}
		default:
			into[name] = value
		}
	}
	return nil
}

// flattenSchema adds the fields of a nested schema. What lies in something optional is optional itself; a default comes from
// the field or else from the default of what it lies in, nil for none.
func (f *flatten) flattenSchema(nested *connect.Schema, prefix string, into *connect.Schema, optional bool, defaults *connect.Struct) error {
	if nested.Kind != connect.StructKind {
		return errNoFields
	}
	for _, field := range nested.Fields {
		name := f.name(prefix, field.Name)
		optional := optional || field.Schema.Optional
		value := field.Schema.Default
		if value == nil {
			value = defaults.Get(field.Name)
		}
		switch field.Schema.Kind {
		case connect.Map:
			return f.unsupported(field.Schema, name)
		case connect.StructKind:
			inner, _ := value.(*connect.Struct)
			if err := f.flattenSchema(field.Schema, name, into, optional, inner); err != nil {
				return err
			}
			continue
		}
		flat := basics(field.Schema, field.Schema.Kind)
		flat.Value, flat.Optional = field.Schema.Value, optional
		if err := setDefault(flat, value); err != nil {
			return err
		}
		if err := addField(into, name, flat); err != nil {
			return err
		}
	}
	return nil
}

func (f *flatten) unsupported(s *connect.Schema, name string) error {
	return javaError("Flatten transformation does not support %s for record with schemas (for field %s).", kindNames[s.Kind], name)
}

func (f *flatten) flattenStruct(from *connect.Struct, prefix string, to *connect.Struct) error {
	for _, field := range from.Schema().Fields {
		name := f.name(prefix, field.Name)
		switch field.Schema.Kind {
		case connect.Map:
			return f.unsupported(field.Schema, name)
		case connect.StructKind:
			// A default of the struct is in the defaults of its fields.
			inner, ok := from.GetWithoutDefault(field.Name).(*connect.Struct)
			if !ok || inner == nil {
				continue
			}
			if err := f.flattenStruct(inner, name, to); err != nil {
				return err
			}
		default:
			if err := to.Put(name, from.Get(field.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

var setSchemaMetadataDef = config.New(
	config.Key{Name: "schema.name", HasDefault: true, Importance: config.High, Doc: "The name that the schema gets."},
	config.Key{Name: "schema.version", Type: config.TypeInt, HasDefault: true, Importance: config.High, Doc: "The version that the schema gets."},
	replaceNullKey(),
)

func setSchemaMetadata(v config.Values) (change, error) {
	if v.IsNull("schema.name") && v.IsNull("schema.version") {
		return nil, &config.Error{Text: "Neither schema name nor version configured"}
	}
	read := newReader(v)
	var made schemas
	rename := func(from *connect.Schema) (*connect.Schema, error) {
		if from.Kind != connect.StructKind {
			return nil, errNoFields // Java's, too, works on structs only
		}
		to := *from
		to.Parameters = maps.Clone(from.Parameters)
		if !v.IsNull("schema.name") {
			to.Name = v.String("schema.name")
		}
		if !v.IsNull("schema.version") {
			to.Version = v.Int("schema.version")
		}
		return &to, nil
	}
	return func(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
		switch {
		case in.Schema == nil && in.Value == nil:
			return in, nil
		case in.Schema == nil:
			return out, javaError("Schema required for [updating schema metadata]")
		}
		if out.Schema, err = made.of(in.Schema, rename); err != nil {
			return out, err
		}
		from, ok := in.Value.(*connect.Struct)
		if !ok || from.Schema() == nil {
			out.Value = in.Value
			return out, nil
		}
		to := connect.NewStruct(out.Schema)
		out.Value = to
		return out, read.copyFields(from, to)
	}, nil
}
