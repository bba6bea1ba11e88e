package transform

import (
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/converter"
)

var dropHeadersDef = config.New(config.Key{
	Name: "headers", Type: config.TypeList, Importance: config.High, Validator: config.AnyList(false, false),
	Doc: "Names of the headers that are removed.",
})

func dropHeaders(v config.Values) (apply, error) {
	names := v.List("headers")
	drop := func(h connect.Header) bool { return slices.Contains(names, h.Key) }
	return func(rec *connect.Transformable) (bool, error) {
		if slices.ContainsFunc(rec.Headers, drop) {
			rec.Headers = slices.DeleteFunc(slices.Clone(rec.Headers), drop)
		}
		return true, nil
	}, nil
}

var insertHeaderDef = config.New(
	config.Key{
		Name: "header", Importance: config.High, Validator: config.NonNull(),
		Doc: "Name of the header that is added to each record.",
	},
	config.Key{
		Name: "value.literal", Importance: config.High, Validator: config.NonNull(),
		Doc: "Its value. Numbers, booleans, dates, arrays and the like are recognised as SimpleHeaderConverter does; anything else is a string.",
	},
)

func insertHeader(v config.Values) (apply, error) {
	h := connect.Header{Key: v.String("header")}
	var err error
	h.Schema, h.Value, err = converter.SimpleHeader{}.ToHeader("", h.Key, []byte(v.String("value.literal")))
	return func(rec *connect.Transformable) (bool, error) {
		rec.Headers = append(slices.Clip(rec.Headers), h)
		return true, nil
	}, err
}

var headerFromDef = config.New(
	config.Key{
		Name: "fields", Type: config.TypeList, Importance: config.High, Validator: nonEmptyList,
		Doc: "Names of the fields whose values become headers.",
	},
	config.Key{
		Name: "headers", Type: config.TypeList, Importance: config.High, Validator: nonEmptyList,
		Doc: "Names of the headers, one for each of the fields and in their order.",
	},
	config.Key{
		Name: "operation", Importance: config.High, Validator: config.OneOf("move", "copy"),
		Doc: "`move` takes the fields out of the key or value, `copy` leaves them there too.",
	},
	replaceNullKey(),
)

var nonEmptyList = config.Check("non-empty list", func(name string, value any) error {
	if list, ok := value.([]string); ok && len(list) > 0 {
		return nil
	}
	return config.Invalid(name, value, "Empty list")
})

// headerFrom makes headers of fields (KIP-440).
type headerFrom struct {
	fields, headers []string
	move            bool
	purpose         string
	read            reader
	moved           schemas
}

func newHeaderFrom(v config.Values) (change, error) {
	op := v.String("operation")
	h := &headerFrom{
		fields: v.List("fields"), headers: v.List("headers"), move: op == "move", purpose: "header " + op, read: newReader(v),
	}
	if len(h.fields) != len(h.headers) {
		return nil, &config.Error{Name: "fields", Text: "'fields' config must have the same number of elements as 'headers' config."}
	}
	return h.apply, nil
}

func (h *headerFrom) apply(rec *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
	headers := slices.Clip(rec.Headers)
	if in.Schema == nil {
		out, headers, err = h.fromMap(in.Value, headers)
	} else {
		out, headers, err = h.fromStruct(in, headers)
	}
	if err == nil {
		rec.Headers = headers
	}
	return out, err
}

func (h *headerFrom) fromMap(value any, headers []connect.Header) (connect.SchemaAndValue, []connect.Header, error) {
	m, err := copyOfMap(value, h.purpose)
	if err != nil {
		return connect.SchemaAndValue{}, nil, err
	}
	for i, field := range h.fields {
		v, err := lookUp(value, field, h.purpose)
		if err != nil {
			return connect.SchemaAndValue{}, nil, err
		}
		headers = append(headers, connect.Header{Key: h.headers[i], Value: v})
		if h.move {
			delete(m, field)
		}
	}
	return connect.SchemaAndValue{Value: m}, headers, nil
}

func (h *headerFrom) fromStruct(in connect.SchemaAndValue, headers []connect.Header) (out connect.SchemaAndValue, _ []connect.Header, err error) {
	s, err := asStruct(in.Value, h.purpose)
	if err != nil {
		return out, nil, err
	}
	out = in
	if h.move {
		if out, err = h.without(in.Schema, s); err != nil {
			return out, nil, err
		}
	}
	for i, name := range h.fields {
		f, err := fieldOf(in.Schema, name)
		if err == nil && f == nil {
			err = javaError("Field does not exist: %s", name)
		}
		if err != nil {
			return out, nil, err
		}
		header := connect.Header{Key: h.headers[i], Schema: f.Schema, Value: h.read.get(s, name)}
		if header.Value == nil && !f.Schema.Optional {
			return out, nil, javaError("A null value requires an optional schema but was %s", schemaText(f.Schema))
		}
		headers = append(headers, header)
	}
	return out, headers, nil
}

// without gives the struct without the fields that become headers.
func (h *headerFrom) without(schema *connect.Schema, s *connect.Struct) (connect.SchemaAndValue, error) {
	rest, err := h.moved.of(schema, func(from *connect.Schema) (*connect.Schema, error) {
		if from.Kind != connect.StructKind {
			return nil, errNoFields
		}
		to := basics(from, connect.StructKind)
		for _, f := range from.Fields {
			if !slices.Contains(h.fields, f.Name) {
				to.Fields = append(to.Fields, f)
			}
		}
		return to, nil
	})
	if err != nil {
		return connect.SchemaAndValue{}, err
	}
	out := connect.NewStruct(rest)
	for _, f := range rest.Fields {
		if err := out.Put(f.Name, h.read.get(s, f.Name)); err != nil {
			return connect.SchemaAndValue{}, err
		}
	}
	return connect.SchemaAndValue{Schema: rest, Value: out}, nil
}
