package config

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Values holds parsed properties. The getters panic if the key is not declared or has another type: both are
// mistakes in the calling code. A property that has no value (a null default) gives the zero value; see IsNull.
type Values struct {
	def       *Def
	parsed    map[string]any
	originals map[string]string
	warnings  []string
}

// Get returns a parsed value, nil for Java's null, and whether the key is declared and could be parsed.
func (v Values) Get(name string) (any, bool) {
	value, ok := v.parsed[name]
	return value, ok
}

// IsNull tells whether the property has neither a value nor a default.
func (v Values) IsNull(name string) bool { return v.parsed[name] == nil }

// IsSet tells whether the user gave the property, be it its default value.
func (v Values) IsSet(name string) bool {
	_, ok := v.originals[name]
	return ok
}

// String returns a STRING property.
func (v Values) String(name string) string { return get[string](v, name, TypeString) }

// Bool returns a BOOLEAN property.
func (v Values) Bool(name string) bool { return get[bool](v, name, TypeBoolean) }

// List returns a LIST property. The slice is the caller's.
func (v Values) List(name string) []string { return slices.Clone(get[[]string](v, name, TypeList)) }

// Password returns a PASSWORD property.
func (v Values) Password(name string) Password { return get[Password](v, name, TypePassword) }

// Class returns the name in a CLASS property.
func (v Values) Class(name string) Class { return get[Class](v, name, TypeClass) }

// Float64 returns a DOUBLE property.
func (v Values) Float64(name string) float64 { return get[float64](v, name, TypeDouble) }

// Int returns an INT or SHORT property.
func (v Values) Int(name string) int { return int(v.integer(name, TypeInt, TypeShort)) }

// Int64 returns a LONG, INT or SHORT property.
func (v Values) Int64(name string) int64 { return v.integer(name, TypeLong, TypeInt, TypeShort) }

// Duration returns an INT or LONG property that counts milliseconds. What does not fit becomes the longest
// duration, as Java's Long.MAX_VALUE stands for "forever".
func (v Values) Duration(name string) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	ms := v.integer(name, TypeLong, TypeInt)
	return time.Duration(min(max(ms, -most), most)) * time.Millisecond
}

// Originals returns all properties as the user gave them, undeclared ones included. The map is the caller's.
func (v Values) Originals() map[string]string { return maps.Clone(v.originals) }

// OriginalsWithPrefix returns the properties as given whose name starts with the prefix, without it.
func (v Values) OriginalsWithPrefix(prefix string) map[string]string {
	return WithPrefix(v.originals, prefix)
}

// Undeclared returns the names of given properties that the Def does not declare, sorted.
func (v Values) Undeclared() []string {
	var names []string
	for name := range v.originals {
		if _, ok := v.def.byName[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Warnings returns what parsing had to put right, as sentences for a log.
func (v Values) Warnings() []string { return slices.Clone(v.warnings) }

func (v Values) integer(name string, allowed ...Type) int64 {
	switch n := v.value(name, allowed...).(type) {
	case int32:
		return int64(n)
	case int16:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

func get[T any](v Values, name string, t Type) T {
	value, _ := v.value(name, t).(T)
	return value
}

func (v Values) value(name string, allowed ...Type) any {
	if v.def == nil {
		return nil
	}
	k, ok := v.def.byName[name]
	if !ok {
		panic(fmt.Sprintf("config: Unknown configuration '%s'", name))
	}
	if !slices.Contains(allowed, k.Type) {
		panic(fmt.Sprintf("config: configuration %s is of type %s, not %s", name, k.Type, allowed[0]))
	}
	return v.parsed[name]
}

// Lines describes every declared property that could be parsed as "name = value", sorted by name, with secrets hidden:
// for the log of what is in force.
func (v Values) Lines() []string {
	names := slices.Sorted(maps.Keys(v.parsed))
	for i, name := range names {
		names[i] = name + " = " + javaString(v.parsed[name])
	}
	return names
}

// Format keeps what the user gave, secrets included, out of whatever prints the Values.
func (v Values) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "config.Values(%d properties)", len(v.parsed))
}
