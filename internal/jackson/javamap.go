package jackson

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Text gives what Java's String.valueOf makes of a decoded value: null, true, 1.0E10, [1, a], {a=1}. Go's own integers and
// floats are allowed too; of other types nothing is printed.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return v
	case Number:
		return v.text()
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return FormatFloat(v, 64)
	case []any:
		items := make([]string, len(v))
		for i, e := range v {
			items[i] = Text(e)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case Object:
		members := make([]string, len(v))
		for i, m := range v {
			members[i] = m.Key + "=" + Text(m.Value)
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	return ""
}

// text is the number as Java has it once it was read: whole ones keep their digits, of others the double counts.
func (n Number) text() string {
	switch {
	case !n.IsIntegral():
		return FormatFloat(n.Float64(), 64)
	case n == "-0":
		return "0"
	}
	return string(n)
}

// HashOrder gives the members in the order in which a java.util.HashMap lists them that they were put into one by one.
// Keys must not repeat.
func (o Object) HashOrder() Object {
	size := uint32(16)
	for uint32(len(o)) > size/4*3 {
		size *= 2
	}
	out := slices.Clone(o)
	slices.SortStableFunc(out, func(a, b Member) int {
		return int(spread(a.Key)&(size-1)) - int(spread(b.Key)&(size-1))
	})
	return out
}

// spread is String.hashCode with its upper half mixed into the lower, as HashMap uses it.
func spread(key string) uint32 {
	var h uint32
	for _, u := range utf16.Encode([]rune(key)) {
		h = 31*h + uint32(u)
	}
	return h ^ h>>16
}
