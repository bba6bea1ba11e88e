package transform

import (
	"encoding/base64"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/jackson"
)

var castDef = config.New(
	config.Key{
		Name: "spec", Type: config.TypeList, Importance: config.High,
		Validator: config.Check(pairsOfNames, func(_ string, value any) error {
			list, _ := value.([]string)
			if len(list) == 0 {
				return &config.Error{Name: "spec", Text: "Must specify at least one field to cast."}
			}
			_, err := parseCasts(list)
			return err
		}),
		Doc: "Which fields of a struct or map get which types, as a list of `field:type`; or one type for the whole key or value. Types are int8, int16, int32, int64, float32, float64, boolean and string. Bytes can only become a string, in base64.",
	},
	replaceNullKey(),
)

// castTypes are what values can be cast to, in Java's order.
var castTypes = []connect.Kind{
	connect.Int8, connect.Int16, connect.Int32, connect.Int64, connect.Float32, connect.Float64, connect.Boolean, connect.String,
}

func castable(from connect.Kind) bool {
	return from == connect.Bytes || slices.Contains(castTypes, from)
}

// kindList names kinds as Java prints a set of them.
func kindList(kinds ...connect.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = kindNames[k]
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// casts are the kinds that fields get, or the whole key or value.
type casts struct {
	fields map[string]connect.Kind
	whole  connect.Kind // 0 for none
}

func parseCasts(list []string) (casts, error) {
	c := casts{fields: map[string]connect.Kind{}}
	for _, text := range list {
		parts := splitPair(text)
		if len(parts) > 2 {
			return c, invalidRename(list, text)
		}
		name := ""
		if len(parts) > 0 {
			name = strings.TrimSpace(parts[len(parts)-1])
		}
		kind, err := castType(name)
		if err != nil {
			return c, err
		}
		if len(parts) == 2 {
			c.fields[strings.TrimSpace(parts[0])] = kind
		} else {
			c.whole = kind
		}
	}
	if c.whole != 0 && len(list) > 1 {
		return c, &config.Error{Name: "spec", Text: "Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec"}
	}
	return c, nil
}

func castType(name string) (connect.Kind, error) {
	for kind, known := range kindNames {
		if known != strings.ToUpper(name) {
			continue
		}
		if !slices.Contains(castTypes, kind) {
			return 0, &config.Error{Name: "spec", Text: "Cast transformation does not support casting to " + known + "; supported types are " + kindList(castTypes...)}
		}
		return kind, nil
	}
	// Java takes the sentence for the property's name and its cause for the value.
	cause := "java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type." + strings.ToUpper(name)
	return 0, config.Invalid("Invalid type found in casting spec: "+name, cause, "")
}

// cast gives values other types.
type cast struct {
	casts
	read reader
	made schemas
}

const castPurpose = "cast types"

func newCast(v config.Values) (change, error) {
	to, err := parseCasts(v.List("spec"))
	if err != nil {
		return nil, err
	}
	return (&cast{casts: to, read: newReader(v)}).apply, nil
}

func (c *cast) apply(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
	switch {
	case in.Value == nil:
		return in, nil
	case in.Schema == nil:
		out.Value, err = c.schemaless(in.Value)
		return out, err
	}
	if out.Schema, err = c.made.of(in.Schema, c.schema); err != nil {
		return out, err
	}
	if c.whole != 0 {
		out.Value, err = castValue(in.Schema, in.Value, c.whole)
		return out, err
	}
	from, err := asStruct(in.Value, castPurpose)
	if err != nil {
		return out, err
	}
	to := connect.NewStruct(out.Schema)
	for _, f := range from.Schema().Fields {
		value := c.read.get(from, f.Name)
		if kind, ok := c.fields[f.Name]; ok {
			if value, err = castValue(f.Schema, value, kind); err != nil {
				return out, err
			}
		}
		if err := to.Put(f.Name, value); err != nil {
			return out, err
		}
	}
	out.Value = to
	return out, nil
}

func (c *cast) schemaless(value any) (any, error) {
	if c.whole != 0 {
		return castValue(nil, value, c.whole)
	}
	m, err := copyOfMap(value, castPurpose)
	if err != nil {
		return nil, err
	}
	for name, kind := range c.fields {
		if m[name], err = castValue(nil, m[name], kind); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// schema gives the schema of what comes out. Of the whole it keeps the name, even a logical type's, as Java does.
func (c *cast) schema(from *connect.Schema) (*connect.Schema, error) {
	to := basics(from, connect.StructKind)
	if c.whole != 0 {
		to.Kind = c.whole
	} else if from.Kind != connect.StructKind {
		return nil, errNoFields
	}
	if c.whole == 0 {
		for _, f := range from.Fields {
			field := f.Schema
			if kind, ok := c.fields[f.Name]; ok {
				var err error
				if field, err = castSchema(&connect.Schema{Kind: kind}, f.Schema); err != nil {
					return nil, err
				}
			}
			if err := addField(to, f.Name, field); err != nil {
				return nil, err
			}
		}
	}
	return castSchema(to, from)
}

// castSchema completes a schema in the making with whether it is optional, and the default.
func castSchema(to, from *connect.Schema) (*connect.Schema, error) {
	to.Optional = from.Optional
	value, err := castValue(from, from.Default, to.Kind)
	if err != nil {
		return nil, err
	}
	return to, setDefault(to, value)
}

// castValue gives a value the kind; null stays null.
func castValue(schema *connect.Schema, value any, kind connect.Kind) (any, error) {
	if value == nil {
		return nil, nil
	}
	from, ok := connect.KindOf(value)
	if schema != nil {
		from, ok = schema.Kind, true
	}
	switch {
	case !ok:
		return nil, javaError("Cast transformation was passed a value of type class %s which is not supported by Connect's data API", className(value))
	case !castable(from):
		return nil, javaError("Cast transformation does not support casting from %s; supported types are %s", kindNames[from],
			kindList(append(slices.Clone(castTypes), connect.Bytes)...))
	case kind == connect.String:
		return castText(value), nil
	case kind == connect.StructKind:
		return nil, javaError("STRUCT is not supported in the Cast transformation.")
	}
	if t, ok := value.(time.Time); ok {
		var err error
		if value, err = encoded(schema, t); err != nil {
			return nil, err
		}
	}
	out, err := castNumber(value, kind)
	if err == errNotNumber {
		return nil, javaError("Value (%s) was out of range for requested data type", value)
	}
	return out, err
}

// encoded gives the number that stands for a logical type's time.
func encoded(schema *connect.Schema, t time.Time) (any, error) {
	switch {
	case schema == nil:
	case schema.Name == connect.DateName:
		return connect.EncodeDate(t)
	case schema.Name == connect.TimeName:
		return connect.EncodeTime(t)
	case schema.Name == connect.TimestampName:
		return connect.EncodeTimestamp(t), nil
	}
	return t, nil
}

var errNotNumber = javaError("not a number")

// castNumber gives a number or boolean.
func castNumber(value any, kind connect.Kind) (any, error) {
	if text, ok := value.(string); ok {
		return parseAs(text, kind)
	}
	if b, ok := value.(bool); ok {
		value = int64(0)
		if b {
			value = int64(1)
		}
	}
	var n int64   // the number without what is after the point, cut to 64 bits
	var i32 int32 // the same by way of 32 bits, where Java goes it for the small types
	var f float64
	switch v := value.(type) {
	case int8:
		n, f = int64(v), float64(v)
	case int16:
		n, f = int64(v), float64(v)
	case int32:
		n, f = int64(v), float64(v)
	case int64:
		n, f = v, float64(v)
		if kind == connect.Float32 {
			return float32(v), nil // rounded once
		}
	case float32:
		n, f = saturated(float64(v)), float64(v)
	case float64:
		n, f = saturated(v), v
	case connect.Decimal:
		n, f = lowBits(v), v.Float64()
		if kind == connect.Float32 {
			return float32Of(v), nil
		}
	default:
		return nil, javaError("Unexpected type in Cast transformation: class %s", className(value))
	}
	i32 = int32(n)
	switch value.(type) {
	case float32, float64:
		i32 = int32(min(max(n, math.MinInt32), math.MaxInt32))
	}
	switch kind {
	case connect.Int8:
		return int8(i32), nil
	case connect.Int16:
		return int16(i32), nil
	case connect.Int32:
		return i32, nil
	case connect.Int64:
		return n, nil
	case connect.Float32:
		return float32(f), nil
	case connect.Float64:
		return f, nil
	}
	return n != 0, nil
}

// float32Of gives the nearest float to a decimal, not by way of a double.
func float32Of(d connect.Decimal) float32 {
	f, _ := strconv.ParseFloat(d.String(), 32) // a range error still yields ±Inf
	return float32(f)
}

// saturated is Java's conversion of a double to a long: what does not fit becomes the nearest that does, NaN zero.
func saturated(f float64) int64 {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// lowBits is what BigDecimal.longValue gives: the low 64 bits of the whole part.
func lowBits(d connect.Decimal) int64 {
	const bits = 64
	u := d.Unscaled
	switch {
	case u == nil, d.Scale <= -bits: // 10^64 has 64 zero bits at its end
		return 0
	case int64(d.Scale) > int64(u.BitLen()): // less than one: a digit has more than three bits
		return 0
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Scale, -d.Scale))), nil)
	whole := new(big.Int)
	if d.Scale > 0 {
		whole.Quo(u, ten)
	} else {
		whole.Mul(u, ten)
	}
	low := new(big.Int).And(whole, new(big.Int).SetUint64(math.MaxUint64)) // of the two's complement, as for Java
	return int64(low.Uint64())
}

// parseAs reads a text as the kind, in Java's syntax of numbers.
func parseAs(text string, kind connect.Kind) (any, error) {
	switch kind {
	case connect.Boolean:
		return strings.EqualFold(text, "true"), nil
	case connect.Float32, connect.Float64:
		return parseFloat(text, kind)
	}
	size := map[connect.Kind]int{connect.Int8: 8, connect.Int16: 16, connect.Int32: 32, connect.Int64: 64}[kind]
	n, err := strconv.ParseInt(text, 10, size)
	if err != nil {
		return nil, errNotNumber
	}
	switch kind {
	case connect.Int8:
		return int8(n), nil
	case connect.Int16:
		return int16(n), nil
	case connect.Int32:
		return int32(n), nil
	}
	return n, nil
}

func parseFloat(text string, kind connect.Kind) (any, error) {
	parsed, err := config.ParseType("", text, config.TypeDouble)
	if err != nil {
		return nil, errNotNumber
	}
	f, _ := parsed.(float64)
	if kind == connect.Float64 {
		return f, nil
	}
	// Not by way of the double, which would round twice.
	digits := strings.TrimRight(strings.TrimFunc(text, func(r rune) bool { return r <= ' ' }), "fFdD")
	if once, err := strconv.ParseFloat(digits, 32); err == nil && !strings.ContainsAny(text, "xX") {
		return float32(once), nil
	}
	return float32(f), nil
}

// castText gives the text of a plain value.
func castText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case bool:
		return strconv.FormatBool(v)
	case float32:
		return jackson.FormatFloat(float64(v), 32)
	case float64:
		return jackson.FormatFloat(v, 64)
	case connect.Decimal:
		return v.String()
	case time.Time:
		return v.UTC().Format(layoutFor(v))
	}
	n, _ := castNumber(value, connect.Int64)
	i, _ := n.(int64)
	return strconv.FormatInt(i, 10)
}

// layoutFor guesses by its value whether a time is a day, a time of day or both, as Java does.
func layoutFor(t time.Time) string {
	switch ms := t.UnixMilli(); {
	case ms < msPerDay:
		return "15:04:05.000Z"
	case ms%msPerDay == 0:
		return "2006-01-02"
	}
	return "2006-01-02T15:04:05.000Z"
}

const msPerDay = 24 * 60 * 60 * 1000
