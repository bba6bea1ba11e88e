package transform

import (
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

const fieldSyntax = "field.syntax.version"

// fieldSyntaxKey says how the names of fields are read (KIP-821).
func fieldSyntaxKey() config.Key {
	return config.Key{
		Name: fieldSyntax, Default: "V1", Importance: config.High, Validator: config.OneOfFold("V1", "V2"),
		Doc: "How the name of the field is read. `V1`: as it is, a field at the top. `V2`: as a path, names joined by dots; a name that has dots itself stands in backticks: `` `foo.bar`.baz ``.",
	}
}

const nestedAccess = "nested field access"

// fieldPath leads to a field, by the names of structs or maps on the way.
type fieldPath []string

func newFieldPath(text, syntax string) (fieldPath, error) {
	if strings.EqualFold(syntax, "V1") {
		return fieldPath{text}, nil
	}
	if text == "" { // Java's fails with the first record
		return nil, config.Invalid("field", text, "a path must name a field")
	}
	var path fieldPath
	for rest := text; ; {
		name, next, err := nextName(text, rest)
		if err != nil {
			return nil, err
		}
		path = append(path, name)
		if next == "" {
			break
		}
		if rest = next[1:]; rest == "" { // a dot at the end is followed by the empty name
			path = append(path, "")
			break
		}
	}
	return path, nil
}

// nextName reads one name; next begins with the dot after it, or is empty.
func nextName(text, rest string) (name, next string, err error) {
	if !strings.HasPrefix(rest, "`") {
		if i := strings.IndexByte(rest, '.'); i >= 0 {
			return rest[:i], rest[i:], nil
		}
		return rest, "", nil
	}
	start := len(text) - len(rest)
	var b strings.Builder
	from := 1
	for i := 1; i < len(rest); i++ {
		if rest[i] != '`' {
			continue
		}
		escaped := rest[i-1] == '\\'
		switch last := i == len(rest)-1; {
		case last && escaped:
			i = len(rest)
		case last, rest[i+1] == '.' && !escaped:
			return b.String() + rest[from:i], rest[i+1:], nil
		case rest[i+1] == '.': // escaped: the name goes on
			b.WriteString(rest[from:i-1] + "`")
			from = i + 1
		}
	}
	return "", "", javaError("Incomplete backtick pair in path: [%s], consider adding a backslash before backtick at position %d to escape it", text, start)
}

func (p fieldPath) last() string { return p[len(p)-1] }

// inSchema finds the field, nil for none.
func (p fieldPath) inSchema(s *connect.Schema) (*connect.Field, error) {
	for _, name := range p[:len(p)-1] {
		f, err := fieldOf(s, name)
		if f == nil || err != nil {
			return nil, err
		}
		s = f.Schema
	}
	return fieldOf(s, p.last())
}

// inStruct finds the field's value, nil where there is none on the way.
func (p fieldPath) inStruct(s *connect.Struct, read reader) (any, error) {
	for _, name := range p[:len(p)-1] {
		value := s.Get(name)
		if value == nil {
			return nil, nil
		}
		var err error
		if s, err = asStruct(value, nestedAccess); err != nil {
			return nil, err
		}
	}
	return read.get(s, p.last()), nil
}

// inMap finds the value in a map without schema, which must not be nil itself.
func (p fieldPath) inMap(m any, purpose string) (value any, err error) {
	value = m
	for i, name := range p {
		if i > 0 {
			purpose = nestedAccess
		}
		if value, err = lookUp(value, name, purpose); value == nil || err != nil {
			return nil, err
		}
	}
	return value, nil
}
