package connconf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// Kind is a plugin's type as REST answers have it.
type Kind string

// The kinds of plugins that a connector's config can name.
const (
	Source          Kind = "source"
	Sink            Kind = "sink"
	Converter       Kind = "converter"
	HeaderConverter Kind = "header_converter"
	Transformation  Kind = "transformation"
	Predicate       Kind = "predicate"
)

// javaInterface is the name by which error texts call what a class of the kind implements.
func (k Kind) javaInterface() string {
	switch k {
	case Converter:
		return "Converter"
	case HeaderConverter:
		return "HeaderConverter"
	case Transformation:
		return "Transformation"
	case Predicate:
		return "Predicate"
	}
	return "Connector"
}

// Plugin describes one plugin.
type Plugin struct {
	Class, Version string
	Kind           Kind
	Def            *config.Def
}

// Plugins is what this room must know of the worker's plugins. Names are class names or aliases, case-sensitive.
type Plugins interface {
	// Find gives the plugin of a kind.
	Find(classOrAlias string, kind Kind) (Plugin, bool)
	// Resolve gives the class that a name stands for, whatever its kind.
	Resolve(classOrAlias string) (class string, ok bool)
	// List gives the plugins of a kind by class.
	List(kind Kind) []Plugin
	// Versions gives the versions of a class, one for each kind that it is.
	Versions(class string) []string
}

func classes(plugins Plugins, kind Kind) []any {
	var out []any
	for _, p := range plugins.List(kind) {
		if c := any(config.Class(p.Class)); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// versionOf is the version of the plugin that a name stands for; nil where there is none.
func versionOf(plugins Plugins, classOrAlias string, kinds ...Kind) any {
	for _, k := range kinds {
		if p, ok := plugins.Find(classOrAlias, k); ok {
			return p.Version
		}
	}
	return nil
}

// variants are the plugins of a kind that are classes within a class: Java's transformations of keys and of values.
func variants(plugins Plugins, class string, kind Kind) (out []string) {
	for _, p := range plugins.List(kind) {
		if strings.HasPrefix(p.Class, class+"$") {
			out = append(out, p.Class)
		}
	}
	return out
}

// checkClass says what is wrong with a class that exists as a value for a property of the kind.
func checkClass(plugins Plugins, name string, value any, kind Kind) error {
	class, ok := value.(config.Class)
	if !ok {
		return nil // missing, or not found: its own error
	}
	if _, ok := plugins.Find(string(class), kind); !ok {
		return &config.Error{Name: name, Text: fmt.Sprintf("Class class %s does not implement the %s interface", class, kind.javaInterface())}
	}
	return nil
}

// suggest is a recommender made of functions; visible may be nil for always.
type suggest struct {
	values  func(parsed map[string]any) []any
	visible func(parsed map[string]any) bool
}

func (s suggest) ValidValues(_ string, parsed map[string]any) ([]any, error) {
	return s.values(parsed), nil
}

func (s suggest) Visible(_ string, parsed map[string]any) bool {
	return s.visible == nil || s.visible(parsed)
}

func suggestClasses(plugins Plugins, kind Kind) config.Recommender {
	return suggest{values: func(map[string]any) []any { return classes(plugins, kind) }}
}

// suggestVersions suggests the version of the plugin that another property names.
func suggestVersions(plugins Plugins, property string, hide bool, kinds ...Kind) config.Recommender {
	s := suggest{values: func(parsed map[string]any) []any {
		name := ""
		switch v := parsed[property].(type) {
		case string:
			name = v
		case config.Class:
			name = string(v)
		}
		if v := versionOf(plugins, name, kinds...); v != nil {
			return []any{v}
		}
		return nil
	}}
	if hide {
		s.visible = func(parsed map[string]any) bool { return parsed[property] != nil }
	}
	return s
}
