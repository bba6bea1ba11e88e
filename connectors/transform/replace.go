package transform

import (
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

var replaceFieldDef = config.New(
	config.Key{
		Name: "exclude", Type: config.TypeList, Default: []string{}, Validator: config.AnyList(true, false),
		Doc: "Fields that are left out, whatever `include` says.",
	},
	config.Key{
		Name: "include", Type: config.TypeList, Default: []string{}, Validator: config.AnyList(true, false),
		Doc: "Fields that stay; all others are left out. Empty for all.",
	},
	config.Key{
		Name: "renames", Type: config.TypeList, Default: []string{},
		Validator: config.Check(pairsOfNames, func(_ string, value any) error {
			list, _ := value.([]string)
			_, err := parseRenames(list)
			return err
		}),
		Doc: "New names of fields, as a list of `old:new`.",
	},
	replaceNullKey(),
)

// pairsOfNames describes a list of pairs, as Java does.
const pairsOfNames = "list of colon-delimited pairs, e.g. <code>foo:bar,abc:xyz</code>"

// splitPair cuts at colons; what is empty at the end does not count, as in Java's String.split.
func splitPair(text string) []string {
	parts := strings.Split(text, ":")
	for len(parts) > 0 && parts[len(parts)-1] == "" && text != "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func invalidRename(mappings []string, mapping string) error {
	return config.Invalid("renames", mappings, "Invalid rename mapping: "+mapping)
}

func parseRenames(mappings []string) (map[string]string, error) {
	names := map[string]string{}
	for _, mapping := range mappings {
		parts := splitPair(mapping)
		if len(parts) != 2 {
			return nil, invalidRename(mappings, mapping)
		}
		names[parts[0]] = parts[1]
	}
	return names, nil
}

// replaceField leaves fields out and renames them.
type replaceField struct {
	exclude, include []string
	// renames are new names by old ones, origins the other way round.
	renames, origins map[string]string
	read             reader
	made             schemas
}

const replacePurpose = "field replacement"

func newReplaceField(v config.Values) (change, error) {
	r := &replaceField{exclude: v.List("exclude"), include: v.List("include"), origins: map[string]string{}, read: newReader(v)}
	var err error
	if r.renames, err = parseRenames(v.List("renames")); err != nil {
		return nil, err
	}
	for from, to := range r.renames {
		// Of several with one new name at most one may be in a struct; which of them Java takes depends on hashes.
		if other, ok := r.origins[to]; !ok || from < other {
			r.origins[to] = from
		}
	}
	return r.apply, nil
}

func (r *replaceField) stays(name string) bool {
	return !slices.Contains(r.exclude, name) && (len(r.include) == 0 || slices.Contains(r.include, name))
}

// by gives the name that stands for another, or itself.
func by(names map[string]string, name string) string {
	if other, ok := names[name]; ok {
		return other
	}
	return name
}

func (r *replaceField) apply(_ *connect.Transformable, in connect.SchemaAndValue) (out connect.SchemaAndValue, err error) {
	switch {
	case in.Value == nil:
		return in, nil
	case in.Schema == nil:
		m, err := copyOfMap(in.Value, replacePurpose)
		if err != nil {
			return out, err
		}
		renamed := make(map[string]any, len(m))
		for name, value := range m {
			if _, moves := r.renames[name]; r.stays(name) && !moves {
				renamed[name] = value
			}
		}
		// Then the others: where a new name was taken it is the renamed field that stays. In Java hashes decide.
		for _, name := range slices.Sorted(maps.Keys(r.renames)) {
			if value, ok := m[name]; ok && r.stays(name) {
				renamed[r.renames[name]] = value
			}
		}
		return connect.SchemaAndValue{Value: renamed}, nil
	}
	from, err := asStruct(in.Value, replacePurpose)
	if err != nil {
		return out, err
	}
	if out.Schema, err = r.made.of(from.Schema(), r.schema); err != nil {
		return out, err
	}
	to := connect.NewStruct(out.Schema)
	for _, f := range out.Schema.Fields {
		origin := by(r.origins, f.Name)
		if from.Schema().Field(origin) == nil {
			return out, javaError("%s is not a valid field name", origin)
		}
		if err := to.Put(f.Name, r.read.get(from, origin)); err != nil {
			return out, err
		}
	}
	out.Value = to
	return out, nil
}

func (r *replaceField) schema(from *connect.Schema) (*connect.Schema, error) {
	to := basics(from, connect.StructKind)
	for _, f := range from.Fields {
		if r.stays(f.Name) {
			if err := addField(to, by(r.renames, f.Name), f.Schema); err != nil {
				return nil, err
			}
		}
	}
	return to, nil
}
