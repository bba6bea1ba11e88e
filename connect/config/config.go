// Package config is the language in which plugins and the worker declare their properties.
//
// One declaration, a [Def], gives everything: parsing with types and defaults, the complete list of what is
// wrong, the answer that REST clients get from a validate request, and the reference page. Parsing rules, error
// texts and the order of things are those of Apache Kafka's ConfigDef (KIP-26), because tools compare them.
//
// The room is pure: values in, values out. It must not read files, the environment or the clock, must not log,
// and imports nothing but the standard library.
package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Type says how the text of a property is read. The values are the names that Connect's REST API uses.
type Type string

// The types of Kafka's ConfigDef, with the Go type of a parsed value.
const (
	TypeBoolean  Type = "BOOLEAN"  // bool
	TypeString   Type = "STRING"   // string, trimmed
	TypeInt      Type = "INT"      // int32
	TypeShort    Type = "SHORT"    // int16
	TypeLong     Type = "LONG"     // int64
	TypeDouble   Type = "DOUBLE"   // float64
	TypeList     Type = "LIST"     // []string, split at commas, elements trimmed
	TypeClass    Type = "CLASS"    // Class
	TypePassword Type = "PASSWORD" // Password
)

// Importance ranks keys for readers of the reference page.
type Importance string

// From what everybody must look at to what few will ever touch.
const (
	High   Importance = "HIGH"
	Medium Importance = "MEDIUM"
	Low    Importance = "LOW"
)

// Width hints at the size of an input field.
type Width string

// The widths that clients know.
const (
	WidthNone   Width = "NONE"
	WidthShort  Width = "SHORT"
	WidthMedium Width = "MEDIUM"
	WidthLong   Width = "LONG"
)

// Class is the name of a plugin class, as a CLASS property holds it.
type Class string

// Password is a secret. Every way of printing it hides it; only Reveal gives it away.
type Password struct{ secret string }

// Hidden is what a secret looks like wherever it is printed.
const Hidden = "[hidden]"

// NewPassword wraps a secret.
func NewPassword(secret string) Password { return Password{secret} }

// Reveal returns the secret itself: for handing it to a client library, never for printing.
func (p Password) Reveal() string { return p.secret }

// String returns "[hidden]".
func (Password) String() string { return Hidden }

// GoString returns "[hidden]", so that %#v hides the secret too.
func (Password) GoString() string { return Hidden }

// MarshalText returns "[hidden]", so that JSON and loggers hide the secret too.
func (Password) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// Validator checks one parsed value. String describes what is allowed, as reference pages show it.
//
// Validate is called with nil where a property is missing or could not be read. Its error should be made by
// [Invalid], which gives it Java's wording.
type Validator interface {
	Validate(name string, value any) error
	String() string
}

// Recommender suggests values for a key, and hides it where it does not apply, given all other parsed values.
type Recommender interface {
	ValidValues(name string, parsed map[string]any) ([]any, error)
	Visible(name string, parsed map[string]any) bool
}

// Key declares one property. Only Name is needed; zero fields have the meaning given.
type Key struct {
	Name string
	// Type defaults to TypeString.
	Type Type
	// Default is a value of the type, or the text of one as it would stand in a properties file. A non-nil
	// Default implies HasDefault. HasDefault with a nil Default declares an optional property without a value
	// (Java's null); neither declares a required property.
	Default    any
	HasDefault bool
	Validator  Validator
	// Importance defaults to Medium.
	Importance Importance
	// Doc is Markdown.
	Doc   string
	Group string
	// OrderInGroup is -1 for keys without a group.
	OrderInGroup int
	// Width defaults to WidthNone.
	Width Width
	// DisplayName defaults to Name.
	DisplayName string
	// Dependents names the keys whose meaning depends on this one.
	Dependents  []string
	Recommender Recommender
	// Internal keys are parsed and validated, but absent from the reference page.
	Internal bool
	// DefaultText replaces the default on the reference page, where the real one is not telling.
	DefaultText string
}

// Def is an ordered set of keys. Build it once at start-up with New and Define, then only read it: reading is
// safe for concurrent use.
type Def struct {
	keys   []*Key
	byName map[string]*Key
	groups []string
	known  func(class string) bool
}

// New declares a Def. Like Define it panics on a faulty declaration.
func New(keys ...Key) *Def {
	return (&Def{byName: map[string]*Key{}}).Define(keys...)
}

// Define adds keys in order and returns the Def. It panics if a key is declared twice or its own default is not
// valid, as these are mistakes in the source code. For names that come from a user see TryDefine.
func (d *Def) Define(keys ...Key) *Def {
	for _, k := range keys {
		if err := d.TryDefine(k); err != nil {
			panic("config: " + err.Error())
		}
	}
	return d
}

// TryDefine adds one key. It fails if the name is taken or the default is not valid.
func (d *Def) TryDefine(k Key) error {
	if k.Name == "" {
		return errors.New("a configuration key needs a name")
	}
	if _, ok := d.byName[k.Name]; ok {
		return &Error{Name: k.Name, Text: fmt.Sprintf("Configuration %s is defined twice.", k.Name)}
	}
	if err := k.complete(); err != nil {
		return err
	}
	if k.Group != "" && !slices.Contains(d.groups, k.Group) {
		d.groups = append(d.groups, k.Group)
	}
	d.keys = append(d.keys, &k)
	d.byName[k.Name] = &k
	return nil
}

// complete fills what the declaration left out and turns a textual default into a value.
func (k *Key) complete() error {
	k.Type = orDefault(k.Type, TypeString)
	k.Importance = orDefault(k.Importance, Medium)
	k.Width = orDefault(k.Width, WidthNone)
	k.DisplayName = orDefault(k.DisplayName, k.Name)
	if k.Group == "" && k.OrderInGroup == 0 {
		k.OrderInGroup = -1
	}
	k.HasDefault = k.HasDefault || k.Default != nil
	if !k.HasDefault {
		return nil
	}
	v, err := normalize(k.Name, k.Default, k.Type)
	if err != nil {
		return err
	}
	k.Default = v
	if k.Validator != nil {
		return k.Validator.Validate(k.Name, v)
	}
	return nil
}

func orDefault[T ~string](v, def T) T {
	if v == "" {
		return def
	}
	return v
}

// WithClasses makes parsing of CLASS properties check the name, as Java's class loading does, and returns the
// Def. Without it any name is taken.
func (d *Def) WithClasses(known func(class string) bool) *Def {
	d.known = known
	return d
}

// Clone returns a copy to which keys can be added without changing d.
func (d *Def) Clone() *Def {
	c := &Def{byName: make(map[string]*Key, len(d.byName)), known: d.known, groups: slices.Clone(d.groups)}
	c.keys = slices.Clone(d.keys)
	for name, k := range d.byName {
		c.byName[name] = k
	}
	return c
}

// Keys returns the declared keys in order. The slice is the caller's; the keys are copies.
func (d *Def) Keys() []Key {
	keys := make([]Key, len(d.keys))
	for i, k := range d.keys {
		keys[i] = *k
	}
	return keys
}

// Key returns the declaration of one key.
func (d *Def) Key(name string) (Key, bool) {
	if k, ok := d.byName[name]; ok {
		return *k, true
	}
	return Key{}, false
}

// Names returns the names of all keys in order of declaration.
func (d *Def) Names() []string {
	names := make([]string, len(d.keys))
	for i, k := range d.keys {
		names[i] = k.Name
	}
	return names
}

// Groups returns the groups in order of their first use.
func (d *Def) Groups() []string { return slices.Clone(d.groups) }

// Error is one thing wrong with one property.
type Error struct {
	// Name of the property.
	Name string
	// Text is the whole sentence, in Java's words.
	Text string
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Invalid says that a property's value is not allowed, and why: `Invalid value 0 for configuration tasks.max:
// Value must be at least 1`. Secrets in value are hidden.
func Invalid(name string, value any, why string) *Error {
	text := fmt.Sprintf("Invalid value %s for configuration %s", javaString(value), name)
	if why != "" {
		text += ": " + why
	}
	return &Error{Name: name, Text: text}
}

// Errors returns the single errors of what Parse returned, in order, however it was wrapped.
func Errors(err error) []*Error {
	if err == nil {
		return nil
	}
	switch e := err.(type) {
	case *Error:
		return []*Error{e}
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, one := range e.Unwrap() {
			all = append(all, Errors(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return Errors(inner)
		}
	}
	return []*Error{{Text: err.Error()}}
}

// WithPrefix returns the entries of props whose name starts with the prefix, without it. A property that is
// nothing but the prefix is left out.
func WithPrefix(props map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for name, value := range props {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			out[rest] = value
		}
	}
	return out
}
