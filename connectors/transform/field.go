package transform

import (
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

var extractFieldDef = config.New(
	config.Key{Name: "field", Doc: "The field whose value takes the place of the whole key or value."},
	replaceNullKey(),
	fieldSyntaxKey(),
)

func extractField(v config.Values) (change, error) {
	const purpose = "field extraction"
	name, read := v.String("field"), newReader(v)
	path, err := newFieldPath(name, v.String(fieldSyntax))
	if err != nil {
		return nil, err
	}
	return func(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
		if in.Schema == nil {
			if in.Value != nil {
				out.Value, err = path.inMap(in.Value, purpose)
			}
			return out, err
		}
		var s *connect.Struct
		if in.Value != nil {
			if s, err = asStruct(in.Value, purpose); err != nil {
				return out, err
			}
		}
		field, err := path.inSchema(in.Schema)
		if err != nil {
			return out, err
		}
		if field == nil {
			return out, javaError("Unknown field: %s", name)
		}
		out.Schema = field.Schema
		if s != nil {
			out.Value, err = path.inStruct(s, read)
		}
		return out, err
	}, nil
}

var hoistFieldDef = config.New(config.Key{
	Name: "field", Doc: "Name of the one field of the struct or map in which the key or value is wrapped.",
})

func hoistField(v config.Values) (change, error) {
	name := v.String("field")
	var wrapped schemas
	return func(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
		if in.Schema == nil {
			return connect.SchemaAndValue{Value: map[string]any{name: in.Value}}, nil
		}
		out.Schema, err = wrapped.of(in.Schema, func(from *connect.Schema) (*connect.Schema, error) {
			to := &connect.Schema{Kind: connect.StructKind}
			return to, addField(to, name, from)
		})
		if err != nil {
			return out, err
		}
		s := connect.NewStruct(out.Schema)
		out.Value = s
		return out, s.Put(name, in.Value)
	}, nil
}

const (
	optionality = " A name that ends with `!` makes the field a required one, `?` an optional one, which is the default."
	staticField = "static.field"
	staticValue = "static.value"
)

var insertFieldDef = config.New(
	config.Key{Name: "topic.field", HasDefault: true, Doc: "Name of the field for the topic." + optionality},
	config.Key{Name: "partition.field", HasDefault: true, Doc: "Name of the field for the partition." + optionality},
	config.Key{Name: "offset.field", HasDefault: true, Doc: "Name of the field for the offset, which only records of sink connectors have." + optionality},
	config.Key{Name: "timestamp.field", HasDefault: true, Doc: "Name of the field for the record's timestamp." + optionality},
	config.Key{Name: staticField, HasDefault: true, Doc: "Name of the field for `static.value`." + optionality},
	config.Key{Name: staticValue, HasDefault: true, Doc: "The text that `static.field` gets."},
	replaceNullKey(),
)

// insertion is one of the fields that are put in.
type insertion struct {
	name   string
	schema *connect.Schema
	// value is nil for a record that has none. Data without schema holds a time as a number.
	value func(rec *connect.Transformable, schemaless bool) (any, error)
}

type insertField struct {
	insertions []insertion
	read       reader
	made       schemas
}

const insertPurpose = "field insertion"

func newInsertField(v config.Values) (change, error) {
	f := &insertField{read: newReader(v)}
	text := v.String(staticValue)
	for _, known := range []struct {
		key                string
		optional, required *connect.Schema
		value              func(*connect.Transformable, bool) (any, error)
	}{
		{"topic.field", connect.OptionalStringSchema, connect.StringSchema, func(rec *connect.Transformable, _ bool) (any, error) { return rec.Topic, nil }},
		{"partition.field", connect.OptionalInt32Schema, connect.Int32Schema, partitionOf},
		{"offset.field", connect.OptionalInt64Schema, connect.Int64Schema, offsetOf},
		{"timestamp.field", connect.OptionalTimestampSchema, connect.TimestampSchema, timestampOf},
		{staticField, connect.OptionalStringSchema, connect.StringSchema, func(*connect.Transformable, bool) (any, error) { return text, nil }},
	} {
		if v.IsNull(known.key) {
			continue
		}
		in := insertion{v.String(known.key), known.optional, known.value}
		if name, ok := strings.CutSuffix(in.name, "?"); ok {
			in.name = name
		} else if name, ok := strings.CutSuffix(in.name, "!"); ok {
			in.name, in.schema = name, known.required
		}
		f.insertions = append(f.insertions, in)
	}
	switch {
	case f.insertions == nil:
		return nil, &config.Error{Text: "No field insertion configured"}
	case !v.IsNull(staticField) && v.IsNull(staticValue):
		return nil, config.Invalid(staticValue, nil, "No value specified for static field: "+v.String(staticField))
	}
	return f.apply, nil
}

func partitionOf(rec *connect.Transformable, _ bool) (any, error) {
	if rec.Partition == connect.NoPartition {
		return nil, nil
	}
	return rec.Partition, nil
}

func offsetOf(rec *connect.Transformable, _ bool) (any, error) {
	if !rec.FromSink {
		return nil, javaError("Only SinkRecord supported for [%s], found: org.apache.kafka.connect.source.SourceRecord", insertPurpose)
	}
	return rec.Offset, nil
}

func timestampOf(rec *connect.Transformable, schemaless bool) (any, error) {
	switch {
	case rec.TimestampMs < 0:
		return nil, nil
	case schemaless:
		return rec.TimestampMs, nil
	}
	return time.UnixMilli(rec.TimestampMs).UTC(), nil
}

func (f *insertField) apply(rec *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
	switch {
	case in.Value == nil:
		return in, nil
	case in.Schema == nil:
		m, err := copyOfMap(in.Value, insertPurpose)
		if err != nil {
			return out, err
		}
		return connect.SchemaAndValue{Value: m}, f.insert(rec, true, func(name string, value any) error {
			m[name] = value
			return nil
		})
	}
	from, err := asStruct(in.Value, insertPurpose)
	if err != nil {
		return out, err
	}
	if out.Schema, err = f.made.of(from.Schema(), f.schema); err != nil {
		return out, err
	}
	to := connect.NewStruct(out.Schema)
	if err := f.read.copyFields(from, to); err != nil {
		return out, err
	}
	out.Value = to
	return out, f.insert(rec, false, to.Put)
}

func (f *insertField) schema(from *connect.Schema) (*connect.Schema, error) {
	to := basics(from, connect.StructKind)
	if err := addFields(to, from); err != nil {
		return nil, err
	}
	for _, in := range f.insertions {
		if err := addField(to, in.name, in.schema); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func (f *insertField) insert(rec *connect.Transformable, schemaless bool, put func(string, any) error) error {
	for _, in := range f.insertions {
		value, err := in.value(rec, schemaless)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if err := put(in.name, value); err != nil {
			return err
		}
	}
	return nil
}
