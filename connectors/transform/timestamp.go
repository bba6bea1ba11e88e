package transform

import (
	"math"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

var timestampConverterDef = config.New(
	config.Key{Name: "field", Default: "", Importance: config.High, Doc: "The field that holds the timestamp; empty where the whole key or value is one."},
	config.Key{
		Name: "target.type", Importance: config.High, Validator: config.OneOf("string", "unix", "Date", "Time", "Timestamp"),
		Doc: "What the timestamp becomes: string, unix, Date, Time or Timestamp.",
	},
	config.Key{Name: "format", Default: "", Doc: "How strings are written and read, in UTC: a pattern of Java's `SimpleDateFormat`."},
	config.Key{
		Name: "unix.precision", Default: "milliseconds", Importance: config.Low,
		Validator: config.OneOf("nanoseconds", "microseconds", "milliseconds", "seconds"),
		Doc:       "The unit of unix timestamps that are written or read. What is finer than a millisecond is lost.",
	},
	replaceNullKey(),
)

// timestampConverter turns timestamps of one representation into another.
type timestampConverter struct {
	field  string
	target timestampType
	// required and optional are the schemas of what comes out.
	required, optional *connect.Schema
	format             *dateFormat // nil for none
	// Of a unix timestamp: how many make a millisecond, or how many milliseconds it is.
	perMs, msPer int64
	read         reader
	made         schemas
}

// timestampType is a representation of timestamps, named as target.type names it.
type timestampType string

const (
	typeString    timestampType = "string"
	typeUnix      timestampType = "unix"
	typeDate      timestampType = "Date"
	typeTime      timestampType = "Time"
	typeTimestamp timestampType = "Timestamp"
)

const timestampPurpose = "converting timestamp formats"

func newTimestampConverter(now func() time.Time) func(config.Values) (change, error) {
	return func(v config.Values) (change, error) {
		t := &timestampConverter{
			field: v.String("field"), target: timestampType(v.String("target.type")), perMs: 1, msPer: 1, read: newReader(v),
		}
		t.required, t.optional = t.target.schemas()
		switch v.String("unix.precision") {
		case "seconds":
			t.msPer = 1000
		case "microseconds":
			t.perMs = 1000
		case "nanoseconds":
			t.perMs = 1_000_000
		}
		pattern := v.String("format")
		blank := strings.TrimSpace(pattern) == ""
		if blank && t.target == typeString {
			return nil, &config.Error{Name: "format", Text: "TimestampConverter requires format option to be specified when using string timestamps"}
		}
		if !blank {
			var err error
			if t.format, err = newDateFormat(pattern, now()); err != nil {
				return nil, &config.Error{
					Name: "format",
					Text: "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: " + pattern + ": " + err.Error(),
				}
			}
		}
		return t.apply, nil
	}
}

func (t *timestampConverter) apply(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
	switch {
	case in.Schema == nil:
		out.Value, err = t.schemaless(in.Value)
		return out, err
	case t.field == "":
		out.Schema = t.schemaFor(in.Schema)
		from, err := typeOf(in.Schema)
		if err == nil {
			out.Value, err = t.convert(in.Value, from)
		}
		return out, err
	}
	if in.Value != nil {
		if _, err := asStruct(in.Value, timestampPurpose); err != nil {
			return out, err
		}
	}
	if out.Schema, err = t.made.of(in.Schema, t.schema); err != nil || in.Value == nil {
		return out, err
	}
	out.Value, err = t.convertIn(in.Value.(*connect.Struct), out.Schema)
	return out, err
}

func (t *timestampConverter) schemaless(value any) (any, error) {
	if value == nil || t.field == "" {
		return t.infer(value)
	}
	m, err := copyOfMap(value, timestampPurpose)
	if err != nil {
		return nil, err
	}
	m[t.field], err = t.infer(m[t.field])
	return m, err
}

// infer converts a timestamp of which only the Go type is known.
func (t *timestampConverter) infer(value any) (any, error) {
	switch value.(type) {
	case nil:
		return nil, nil
	case time.Time:
		return t.convert(value, typeTimestamp)
	case int64:
		return t.convert(value, typeUnix)
	case string:
		return t.convert(value, typeString)
	}
	return nil, javaError("TimestampConverter does not support class %s objects as timestamps", className(value))
}

func (t *timestampConverter) schema(from *connect.Schema) (*connect.Schema, error) {
	if from.Kind != connect.StructKind {
		return nil, errNoFields
	}
	to := basics(from, connect.StructKind)
	for _, f := range from.Fields {
		schema := f.Schema
		if f.Name == t.field {
			schema = t.schemaFor(schema)
		}
		if err := addField(to, f.Name, schema); err != nil {
			return nil, err
		}
	}
	to.Optional = from.Optional
	if value, ok := from.Default.(*connect.Struct); ok && value != nil {
		converted, err := t.convertIn(value, to)
		if err != nil {
			return nil, err
		}
		// The default is a struct of this very schema, so it is compared without the default that it is to become.
		if err := converted.Validate(); err != nil {
			return nil, javaError("Invalid default value: %w", err)
		}
		final := *to
		final.Default = converted
		return &final, nil
	}
	return to, nil
}

func (t *timestampConverter) convertIn(from *connect.Struct, schema *connect.Schema) (*connect.Struct, error) {
	to := connect.NewStruct(schema)
	for _, f := range from.Schema().Fields {
		value := t.read.get(from, f.Name)
		if f.Name == t.field {
			known, err := typeOf(f.Schema)
			if value != nil && err == nil {
				value, err = t.convert(value, known)
			}
			if err != nil {
				return nil, err
			}
		}
		if err := to.Put(f.Name, value); err != nil {
			return nil, err
		}
	}
	return to, nil
}

// schemaFor is the schema that takes the place of another.
func (t *timestampConverter) schemaFor(from *connect.Schema) *connect.Schema {
	if from.Optional {
		return t.optional
	}
	return t.required
}

// schemas are those of values of the type.
func (t timestampType) schemas() (required, optional *connect.Schema) {
	switch t {
	case typeString:
		return connect.StringSchema, connect.OptionalStringSchema
	case typeUnix:
		return connect.Int64Schema, connect.OptionalInt64Schema
	case typeDate:
		return connect.DateSchema, connect.OptionalDateSchema
	case typeTime:
		return connect.TimeSchema, connect.OptionalTimeSchema
	}
	return connect.TimestampSchema, connect.OptionalTimestampSchema
}

// typeOf tells which representation a schema stands for.
func typeOf(s *connect.Schema) (timestampType, error) {
	switch {
	case s.Name == connect.TimestampName:
		return typeTimestamp, nil
	case s.Name == connect.DateName:
		return typeDate, nil
	case s.Name == connect.TimeName:
		return typeTime, nil
	case s.Kind == connect.String:
		return typeString, nil
	case s.Kind == connect.Int64:
		return typeUnix, nil
	}
	return "", javaError("Schema %s does not correspond to a known timestamp type format", schemaText(s))
}

// convert goes by way of milliseconds since the epoch.
func (t *timestampConverter) convert(value any, from timestampType) (any, error) {
	if value == nil {
		return nil, nil
	}
	ms, err := t.parse(value, from)
	if err != nil {
		return nil, err
	}
	day := ms - floorMod(ms, msPerDay)
	switch t.target {
	case typeString:
		return t.format.format(ms), nil
	case typeUnix:
		if t.msPer > 1 {
			return ms / t.msPer, nil
		}
		return saturatedProduct(ms, t.perMs), nil
	case typeDate:
		ms = day
	case typeTime:
		ms -= day
	}
	return time.UnixMilli(ms).UTC(), nil
}

// parse reads one timestamp.
func (t *timestampConverter) parse(value any, from timestampType) (int64, error) {
	switch from {
	case typeString:
		text, ok := value.(string)
		switch {
		case !ok:
			return 0, javaError("Expected string timestamp to be a String, but found class %s", className(value))
		case t.format == nil:
			return 0, javaError("Could not parse timestamp: value (%s) is a string, but format is not set", text)
		}
		ms, err := t.format.parse(text)
		if err != nil {
			return 0, javaError("Could not parse timestamp: value (%s) does not match pattern (%s): %w", text, t.format.pattern, err)
		}
		return ms, nil
	case typeUnix:
		n, ok := value.(int64)
		if !ok {
			return 0, javaError("Expected Unix timestamp to be a Long, but found class %s", className(value))
		}
		if t.msPer > 1 {
			return saturatedProduct(n, t.msPer), nil
		}
		return n / t.perMs, nil
	}
	at, ok := value.(time.Time)
	if !ok {
		return 0, javaError("Expected %s to be a java.util.Date, but found class %s", from, className(value))
	}
	return at.UnixMilli(), nil
}

// saturatedProduct is n*by, or the nearest number that 64 bits hold, as Java's TimeUnit has it.
func saturatedProduct(n, by int64) int64 {
	switch {
	case n > math.MaxInt64/by:
		return math.MaxInt64
	case n < math.MinInt64/by:
		return math.MinInt64
	}
	return n * by
}
