package converter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/jackson"
)

// String writes the text of a value, as Java's toString has it, and reads text.
type String struct {
	latin1, ascii bool
}

func stringConfig() *config.Def {
	return typed(config.Key{
		Name: "converter.encoding", Default: "UTF-8", Importance: config.High, Width: config.WidthMedium, DisplayName: "Encoding",
		Doc: "Character set of the bytes, by its Java name.",
	})
}

// Configure sets the encoding: UTF-8, ISO-8859-1 or US-ASCII.
func (c *String) Configure(props map[string]string, isKey bool) error {
	v, err := stringConfig().Parse(withType(props, isKey))
	if err != nil {
		return err
	}
	c.latin1, c.ascii = false, false
	switch enc := v.String("converter.encoding"); strings.ToUpper(enc) {
	case "UTF-8", "UTF8":
	case "ISO-8859-1", "ISO8859_1", "LATIN1":
		c.latin1 = true
	case "US-ASCII", "ASCII":
		c.ascii = true
	default:
		return config.Invalid("converter.encoding", enc, "Encoding must be UTF-8, ISO-8859-1 or US-ASCII")
	}
	return nil
}

// FromData gives the text of a value. Bytes have none: Java writes an address for them, so that is an error here.
func (c *String) FromData(_ string, _ *connect.Schema, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	s, ok := value.(string)
	if !ok {
		var err error
		if s, err = javaText(value); err != nil {
			return nil, err
		}
	}
	if c.latin1 || c.ascii {
		return c.narrow(s), nil
	}
	return []byte(strings.ToValidUTF8(s, "?")), nil
}

// narrow writes one byte a character, ? for what the encoding lacks.
func (c *String) narrow(s string) []byte {
	limit := rune(0xff)
	if c.ascii {
		limit = 0x7f
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > limit {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}

// ToData reads text, with the schema of an optional string.
func (c *String) ToData(_ string, data []byte) (*connect.Schema, any, error) {
	if data == nil {
		return connect.OptionalStringSchema, nil, nil
	}
	if !c.latin1 && !c.ascii {
		return connect.OptionalStringSchema, strings.ToValidUTF8(string(data), "\uFFFD"), nil
	}
	var b strings.Builder
	for _, x := range data {
		r := rune(x)
		if c.ascii && r > 0x7f {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return connect.OptionalStringSchema, b.String(), nil
}

var errBytesHaveNoText = errors.New("StringConverter cannot write bytes, they have no text; use ByteArrayConverter")

// Text gives the text of a value as StringConverter writes it, "null" for nil. Bytes are taken as UTF-8.
func Text(value any) (string, error) {
	if b, ok := value.([]byte); ok {
		return strings.ToValidUTF8(string(b), "\uFFFD"), nil
	}
	return javaText(value)
}

// javaText gives what Java's String.valueOf has for a value.
func javaText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "null", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int8, int16, int32, int64:
		return fmt.Sprint(v), nil
	case float32:
		return jackson.FormatFloat(float64(v), 32), nil
	case float64:
		return jackson.FormatFloat(v, 64), nil
	case connect.Decimal:
		return v.String(), nil
	case time.Time:
		return v.UTC().Format("Mon Jan 02 15:04:05 MST 2006"), nil
	case []byte:
		return "", errBytesHaveNoText
	case []any:
		return joined("[", "]", ", ", len(v), func(i int) (string, error) { return javaText(v[i]) })
	case *connect.Struct:
		return structText(v)
	}
	if pairs, ok := sortedMap(value); ok {
		return joined("{", "}", ", ", len(pairs), func(i int) (string, error) {
			val, err := javaText(pairs[i].value)
			if err != nil {
				return "", err
			}
			key, err := javaText(pairs[i].key)
			return key + "=" + val, err
		})
	}
	return "", fmt.Errorf("a value of Go type %T cannot be converted", value)
}

// structText names the fields that have a value, as Struct.toString does.
func structText(s *connect.Struct) (string, error) {
	var parts []string
	for _, f := range s.Schema().Fields {
		if v := s.GetWithoutDefault(f.Name); v != nil {
			text, err := javaText(v)
			if err != nil {
				return "", err
			}
			parts = append(parts, f.Name+"="+text)
		}
	}
	return "Struct{" + strings.Join(parts, ",") + "}", nil
}

func joined(open, end, sep string, n int, part func(int) (string, error)) (string, error) {
	parts := make([]string, n)
	for i := range parts {
		var err error
		if parts[i], err = part(i); err != nil {
			return "", err
		}
	}
	return open + strings.Join(parts, sep) + end, nil
}

type pair struct{ key, value any }

// sortedMap gives a map's entries in an order that depends on the keys only, so that equal maps give equal bytes.
func sortedMap(value any) ([]pair, bool) {
	var pairs []pair
	switch m := value.(type) {
	case map[any]any:
		pairs = make([]pair, 0, len(m))
		for k, v := range m {
			pairs = append(pairs, pair{k, v})
		}
	case map[string]any:
		pairs = make([]pair, 0, len(m))
		for k, v := range m {
			pairs = append(pairs, pair{k, v})
		}
	default:
		return nil, false
	}
	slices.SortFunc(pairs, func(a, b pair) int { return compareKeys(a.key, b.key) })
	return pairs, true
}

func compareKeys(a, b any) int {
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int8:
		return float64(n), true
	case int16:
		return float64(n), true
	case int32:
		return float64(n), true
	case int64:
		return float64(n), true
	case float32:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
