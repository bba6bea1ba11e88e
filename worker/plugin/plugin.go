// Package plugin is the registry of one worker: it holds what a distribution registered and finds connectors, converters,
// transforms and predicates by Java class name or alias, as Java workers do.
//
// It holds factories and config definitions only; it starts nothing and has no global state.
package plugin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/cluster"
)

// Kind is a plugin's type as REST answers have it.
type Kind string

// The kinds of plugins, in the order in which Java lists them.
const (
	Sink            Kind = "sink"
	Source          Kind = "source"
	Transformation  Kind = "transformation"
	Predicate       Kind = "predicate"
	Converter       Kind = "converter"
	HeaderConverter Kind = "header_converter"
)

var kinds = []Kind{Sink, Source, Transformation, Predicate, Converter, HeaderConverter}

// suffix is what may be left out of a class name of the kind.
func (k Kind) suffix() string {
	switch k {
	case Transformation:
		return "Transformation"
	case Predicate:
		return "Predicate"
	case Converter:
		return "Converter"
	case HeaderConverter:
		return "HeaderConverter"
	}
	return "Connector"
}

// Info describes a plugin. Version is as registered.
type Info struct {
	Class, Version string
	Kind           Kind
}

type entry struct {
	Info
	def    *config.Def
	plugin any // the connect.…Plugin
}

// Registry is the plugins of one worker. Fill it before the worker starts; after that it is safe for concurrent use.
type Registry struct {
	entries []entry             // ordered by kind, then class
	names   map[string][]string // class, simple name or alias -> classes
}

var _ connect.Registrar = (*Registry)(nil)

// New makes an empty registry.
func New() *Registry { return &Registry{names: map[string][]string{}} }

func (r *Registry) add(kind Kind, class, version string, def *config.Def, hasNew bool, plugin any) {
	switch {
	case class == "":
		panic(fmt.Sprintf("a %s was registered without a class name", kind))
	case !hasNew:
		panic(fmt.Sprintf("the %s %s was registered without its New functions", kind, class))
	}
	if def == nil {
		def = config.New()
	}
	e := entry{Info{class, version, kind}, def, plugin}
	i, found := slices.BinarySearchFunc(r.entries, e, func(a, b entry) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Class, b.Class))
	})
	if found {
		panic(fmt.Sprintf("the %s %s was registered twice", kind, class))
	}
	r.entries = slices.Insert(r.entries, i, e)
	simple := simpleName(class)
	for _, name := range []string{class, simple, prune(simple, kind.suffix())} {
		if !slices.Contains(r.names[name], class) {
			r.names[name] = append(r.names[name], class)
		}
	}
}

// simpleName is the class name without package and outer class.
func simpleName(class string) string { return class[strings.LastIndexAny(class, ".$")+1:] }

func prune(simple, suffix string) string {
	if i := strings.LastIndex(simple, suffix); i > 0 {
		return simple[:i]
	}
	return simple
}

// Connector registers a connector. Like all registering methods it panics on a mistake in the caller's code: no class
// name, no factory, or a class registered twice.
func (r *Registry) Connector(p connect.ConnectorPlugin) {
	kind, complete := Source, p.New != nil && p.NewSourceTask != nil
	if p.Type == connect.Sink {
		kind, complete = Sink, p.New != nil && p.NewSinkTask != nil
	}
	r.add(kind, p.Class, p.Version, p.Config, complete, p)
}

// Converter registers a converter.
func (r *Registry) Converter(p connect.ConverterPlugin) {
	r.add(Converter, p.Class, p.Version, p.Config, p.New != nil, p)
}

// HeaderConverter registers a header converter. A class may be both kinds of converter.
func (r *Registry) HeaderConverter(p connect.HeaderConverterPlugin) {
	r.add(HeaderConverter, p.Class, p.Version, p.Config, p.New != nil, p)
}

// Transform registers a transform.
func (r *Registry) Transform(p connect.TransformPlugin) {
	r.add(Transformation, p.Class, p.Version, p.Config, p.New != nil, p)
}

// Predicate registers a predicate.
func (r *Registry) Predicate(p connect.PredicatePlugin) {
	r.add(Predicate, p.Class, p.Version, p.Config, p.New != nil, p)
}

// List gives all plugins in Java's order: sinks, sources, transformations, predicates, converters, header converters,
// each by class name; or only the kinds given.
func (r *Registry) List(only ...Kind) []Info {
	out := make([]Info, 0, len(r.entries))
	for _, e := range r.entries {
		if len(only) == 0 || slices.Contains(only, e.Kind) {
			out = append(out, e.Info)
		}
	}
	return out
}

// resolve gives the class that a class name or unambiguous alias stands for.
func (r *Registry) resolve(classOrAlias string) (string, bool) {
	if classes := r.names[classOrAlias]; len(classes) == 1 || slices.Contains(classes, classOrAlias) {
		if len(classes) == 1 {
			return classes[0], true
		}
		return classOrAlias, true
	}
	return "", false
}

func (r *Registry) find(classOrAlias string, of ...Kind) *entry {
	class, ok := r.resolve(classOrAlias)
	if !ok {
		return nil
	}
	for i := range r.entries {
		if r.entries[i].Class == class && slices.Contains(of, r.entries[i].Kind) {
			return &r.entries[i]
		}
	}
	return nil
}

// Known tells whether any plugin has that class name or alias: for config.Def.WithClasses. Names are case-sensitive and
// not trimmed.
func (r *Registry) Known(classOrAlias string) bool {
	_, ok := r.resolve(classOrAlias)
	return ok
}

// KnownAs tells whether a plugin of one of the kinds has that class name or alias.
func (r *Registry) KnownAs(classOrAlias string, of ...Kind) bool {
	return r.find(classOrAlias, of...) != nil
}

// FindConnector looks a connector up by class name, simple name, or simple name without Connector. The error is a
// *cluster.Error in Java's words that lists what there is.
func (r *Registry) FindConnector(classOrAlias string) (connect.ConnectorPlugin, error) {
	if e := r.find(classOrAlias, Source, Sink); e != nil {
		return e.plugin.(connect.ConnectorPlugin), nil
	}
	// An alias that is ambiguous among all kinds may still name one connector.
	var matches []entry
	var all []string
	for _, e := range r.connectorsByClass() {
		all = append(all, e.describe())
		if s := simpleName(e.Class); s == classOrAlias || s == classOrAlias+"Connector" {
			matches = append(matches, e)
		}
	}
	switch len(matches) {
	case 1:
		return matches[0].plugin.(connect.ConnectorPlugin), nil
	case 0:
		return connect.ConnectorPlugin{}, cluster.BadRequest(
			"Failed to find any class that implements Connector and which name matches %s, available connectors are: %s",
			classOrAlias, strings.Join(all, ", "))
	}
	return connect.ConnectorPlugin{}, cluster.BadRequest(
		"More than one connector matches alias %s. Please use full package and class name instead. Classes found: %s",
		classOrAlias, strings.Join(all, ", "))
}

// connectorsByClass lists sources and sinks together by class name.
func (r *Registry) connectorsByClass() []entry {
	list := slices.DeleteFunc(slices.Clone(r.entries), func(e entry) bool { return e.Kind != Source && e.Kind != Sink })
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.Class, b.Class) })
	return list
}

// describe is Java's PluginDesc.toString.
func (e *entry) describe() string {
	return fmt.Sprintf("PluginDesc{klass=class %s, name='%s', version='%s', encodedVersion=%s, type=%s, typeName='%s', location='classpath'}",
		e.Class, e.Class, e.Version, e.Version, e.Kind, e.Kind)
}

func (r *Registry) mustFind(classOrAlias string, kind Kind) (*entry, error) {
	if e := r.find(classOrAlias, kind); e != nil {
		return e, nil
	}
	var all []string
	for _, i := range r.List(kind) {
		all = append(all, i.Class)
	}
	return nil, cluster.BadRequest("Failed to find any class that implements %s and which name matches %s, available are: %s",
		kind.suffix(), classOrAlias, strings.Join(all, ", "))
}

// FindConverter looks a converter up by class name, simple name, or simple name without Converter.
func (r *Registry) FindConverter(classOrAlias string) (connect.ConverterPlugin, error) {
	e, err := r.mustFind(classOrAlias, Converter)
	if err != nil {
		return connect.ConverterPlugin{}, err
	}
	return e.plugin.(connect.ConverterPlugin), nil
}

// FindHeaderConverter looks a header converter up by class name, simple name, or simple name without HeaderConverter.
func (r *Registry) FindHeaderConverter(classOrAlias string) (connect.HeaderConverterPlugin, error) {
	e, err := r.mustFind(classOrAlias, HeaderConverter)
	if err != nil {
		return connect.HeaderConverterPlugin{}, err
	}
	return e.plugin.(connect.HeaderConverterPlugin), nil
}

// FindTransform looks a transform up by class name or alias.
func (r *Registry) FindTransform(classOrAlias string) (connect.TransformPlugin, error) {
	e, err := r.mustFind(classOrAlias, Transformation)
	if err != nil {
		return connect.TransformPlugin{}, err
	}
	return e.plugin.(connect.TransformPlugin), nil
}

// FindPredicate looks a predicate up by class name or alias.
func (r *Registry) FindPredicate(classOrAlias string) (connect.PredicatePlugin, error) {
	e, err := r.mustFind(classOrAlias, Predicate)
	if err != nil {
		return connect.PredicatePlugin{}, err
	}
	return e.plugin.(connect.PredicatePlugin), nil
}

// Find gives any plugin's description and config definition; a class of several kinds is found as the first of
// List's order. It is false for an unknown name.
func (r *Registry) Find(classOrAlias string) (Info, *config.Def, bool) {
	e := r.find(classOrAlias, kinds...)
	if e == nil {
		return Info{}, nil, false
	}
	return e.Info, e.def, true
}
