package transform

import (
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

var maskFieldDef = config.New(
	config.Key{
		Name: "fields", Type: config.TypeList, Importance: config.High, Validator: config.AnyList(false, false),
		Doc: "Names of the fields that are masked.",
	},
	config.Key{
		Name: "replacement", HasDefault: true, Importance: config.Low, Validator: config.NonEmpty(),
		Doc: "What masks numbers and strings. Without it 0, false, the empty string and so on, by the type of the field.",
	},
	replaceNullKey(),
)

// maskField hides the values of fields.
type maskField struct {
	fields      []string
	custom      bool
	replacement string
	read        reader
}

const maskPurpose = "mask fields"

func newMaskField(v config.Values) (change, error) {
	m := &maskField{v.List("fields"), !v.IsNull("replacement"), v.String("replacement"), newReader(v)}
	return m.apply, nil
}

func (m *maskField) apply(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
	if in.Schema == nil {
		masked, err := copyOfMap(in.Value, maskPurpose)
		if err != nil {
			return out, err
		}
		for _, name := range m.fields {
			if masked[name], err = m.mask(masked[name]); err != nil {
				return out, err
			}
		}
		return connect.SchemaAndValue{Value: masked}, nil
	}
	from, err := asStruct(in.Value, maskPurpose)
	if err != nil {
		return out, err
	}
	to := connect.NewStruct(from.Schema())
	for _, f := range from.Schema().Fields {
		value := m.read.get(from, f.Name)
		if slices.Contains(m.fields, f.Name) {
			if value, err = m.mask(value); err != nil {
				return out, err
			}
		}
		if err := to.Put(f.Name, value); err != nil {
			return out, err
		}
	}
	return connect.SchemaAndValue{Schema: in.Schema, Value: to}, nil
}

func (m *maskField) mask(value any) (any, error) {
	switch {
	case value == nil:
		return nil, nil
	case m.custom:
		return m.replace(value)
	}
	switch value.(type) {
	case bool:
		return false, nil
	case int8:
		return int8(0), nil
	case int16:
		return int16(0), nil
	case int32:
		return int32(0), nil
	case int64:
		return int64(0), nil
	case float32:
		return float32(0), nil
	case float64:
		return float64(0), nil
	case connect.Decimal:
		return connect.NewDecimal(0, 0), nil
	case time.Time:
		return time.UnixMilli(0).UTC(), nil
	case string:
		return "", nil
	case []any:
		return []any{}, nil
	case map[any]any:
		return map[any]any{}, nil
	case map[string]any:
		return map[string]any{}, nil
	}
	return nil, javaError("Cannot mask value of type: class %s", className(value))
}

// replace gives the replacement in the type of the value that it hides.
func (m *maskField) replace(value any) (any, error) {
	switch value.(type) {
	case string:
		return m.replacement, nil
	case int8, int16, int32, int64, float32, float64, connect.Decimal:
	default:
		return nil, javaError("Cannot mask value of type class %s with custom replacement.", className(value))
	}
	d, err := connect.ParseDecimal(m.replacement)
	if err != nil {
		article := "a number"
		if _, ok := value.(connect.Decimal); ok {
			article = "number"
		}
		return nil, javaError("Unable to convert %s (class java.lang.String) to %s", m.replacement, article)
	}
	switch value.(type) {
	case int8:
		return int8(lowBits(d)), nil
	case int16:
		return int16(lowBits(d)), nil
	case int32:
		return int32(lowBits(d)), nil
	case int64:
		return lowBits(d), nil
	case float32:
		return float32(d.Float64()), nil // Java goes by way of the double
	case float64:
		return d.Float64(), nil
	}
	return d, nil
}
