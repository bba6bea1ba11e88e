package converter

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

// SimpleHeader writes header values as text and guesses the type of what it reads (KIP-145).
type SimpleHeader struct{}

// Configure has nothing to configure.
func (SimpleHeader) Configure(map[string]string) error { return nil }

// FromHeader gives a value's text.
func (SimpleHeader) FromHeader(_, _ string, _ *connect.Schema, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	return appendText([]byte{}, value, false)
}

// ToHeader guesses schema and value: null, true, false, numbers, dates, times, timestamps, arrays, maps; anything else is
// a string.
func (SimpleHeader) ToHeader(_, _ string, data []byte) (*connect.Schema, any, error) {
	if data == nil {
		return nil, nil, nil
	}
	text := string(data)
	if !utf8.Valid(data) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	sv := parseText(text)
	return sv.Schema, sv.Value, nil
}

const msPerDay = 24 * 60 * 60 * 1000

// Layouts of the logical types of time, in UTC.
const (
	dateLayout      = "2006-01-02"
	timeLayout      = "15:04:05.000Z"
	timestampLayout = dateLayout + "T" + timeLayout
)

// layoutFor guesses the type of a time from its value, as Java does.
func layoutFor(t time.Time) string {
	switch ms := t.UnixMilli(); {
	case ms < msPerDay:
		return timeLayout
	case ms%msPerDay == 0:
		return dateLayout
	}
	return timestampLayout
}

// appendText appends a value's text; embedded strings are quoted.
func appendText(b []byte, value any, embedded bool) ([]byte, error) {
	switch v := value.(type) {
	case string:
		if !embedded {
			return append(b, strings.ToValidUTF8(v, "?")...), nil
		}
		return append(append(append(b, '"'), quoteText.Replace(v)...), '"'), nil
	case []byte:
		if embedded {
			return append(base64.StdEncoding.AppendEncode(append(b, '"'), v), '"'), nil
		}
		return base64.StdEncoding.AppendEncode(b, v), nil
	case time.Time:
		return v.UTC().AppendFormat(b, layoutFor(v)), nil
	case []any:
		return appendAll(b, '[', ']', len(v), func(b []byte, i int) ([]byte, error) { return appendText(b, v[i], true) })
	case *connect.Struct:
		fields := v.Schema().Fields
		return appendAll(b, '{', '}', len(fields), func(b []byte, i int) ([]byte, error) {
			return appendEntry(b, pair{fields[i].Name, v.Get(fields[i].Name)})
		})
	}
	if pairs, ok := sortedMap(value); ok {
		return appendAll(b, '{', '}', len(pairs), func(b []byte, i int) ([]byte, error) { return appendEntry(b, pairs[i]) })
	}
	text, err := javaText(value)
	if err != nil {
		return nil, fmt.Errorf("a header value of Go type %T cannot be written as text", value)
	}
	return append(b, text...), nil
}

var quoteText = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func appendEntry(b []byte, p pair) ([]byte, error) {
	b, err := appendText(b, p.key, true)
	if err != nil {
		return nil, err
	}
	return appendText(append(b, ':'), p.value, true)
}

func appendAll(b []byte, open, end byte, n int, one func([]byte, int) ([]byte, error)) ([]byte, error) {
	b = append(b, open)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = one(b, i); err != nil {
			return nil, err
		}
	}
	return append(b, end), nil
}
