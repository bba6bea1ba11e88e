package connconf

import (
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// chainPart is transforms or predicates: a list of aliases, each with a class of its own and that class's keys (KIP-66,
// KIP-585).
type chainPart struct {
	plugins Plugins
	props   map[string]string
	kind    Kind
	// key is the list's property, group what the keys are shown under, word what error texts call one.
	key, group, word string
}

func chainParts(plugins Plugins, props map[string]string) []chainPart {
	return []chainPart{
		{plugins, props, Transformation, "transforms", transformsGroup, "transformation"},
		{plugins, props, Predicate, "predicates", predicatesGroup, "predicate"},
	}
}

// enrich adds to def the keys of the transformations and predicates that props names.
func enrich(def *config.Def, plugins Plugins, props map[string]string) error {
	for _, part := range chainParts(plugins, props) {
		var seen []string
		for _, alias := range listOf(props[part.key]) {
			if slices.Contains(seen, alias) {
				continue // its own error
			}
			seen = append(seen, alias)
			if err := part.enrich(def, alias); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c chainPart) enrich(def *config.Def, alias string) error {
	prefix, group := c.key+"."+alias+".", c.group+": "+alias
	own := c.ownKeys(prefix, group, alias)
	for _, k := range own {
		if err := def.TryDefine(k); err != nil {
			return err
		}
	}
	child := c.embedded(prefix)
	if child == nil {
		return nil
	}
	return def.Embed(prefix, group, len(own), child)
}

// ownKeys are the class and version of one alias.
func (c chainPart) ownKeys(prefix, group, alias string) []config.Key {
	name := c.kind.javaInterface()
	typeKey, verKey := prefix+"type", prefix+"plugin.version"
	return []config.Key{
		{
			Name: typeKey, Type: config.TypeClass, Importance: config.High, Doc: "Class for the '" + alias + "' " + c.word + ".",
			Validator: config.Check("valid configs for "+alias+" "+c.word, func(key string, value any) error { return c.checkType(prefix, key, value) }),
			Group:     group, OrderInGroup: 0, Width: config.WidthLong, DisplayName: name + " type for " + alias,
			Recommender: suggestClasses(c.plugins, c.kind),
		},
		{
			Name: verKey, HasDefault: true, Default: versionOf(c.plugins, strings.TrimSpace(c.props[typeKey]), c.kind), Importance: config.High,
			Doc: "Version of the '" + alias + "' " + c.word + ".",
			Validator: config.Check("", func(key string, value any) error {
				if spec, ok := value.(string); ok {
					return c.checkVersion(typeKey, key, spec)
				}
				return nil
			}),
			Group: group, OrderInGroup: 1, Width: config.WidthLong, DisplayName: name + " version for " + alias,
			Recommender: suggestVersions(c.plugins, typeKey, false, c.kind),
		},
	}
}

func (c chainPart) checkType(prefix, key string, value any) error {
	_, negated := c.props[prefix+"negate"]
	_, has := c.props[prefix+"predicate"]
	if c.kind == Transformation && negated && !has {
		return &config.Error{Name: key, Text: "Config '" + prefix + "negate' was provided but there is no config '" + prefix +
			"predicate' defining a predicate to be negated."}
	}
	if class, ok := value.(config.Class); ok {
		if of := variants(c.plugins, string(class), c.kind); of != nil {
			return &config.Error{Name: key, Text: "This class is abstract and cannot be created. Did you mean " + strings.Join(of, ", ") + "?"}
		}
	}
	if err := checkClass(c.plugins, key, value, c.kind); err != nil {
		return err
	}
	if spec, ok := c.props[prefix+"plugin.version"]; ok && value != nil {
		return c.checkVersion(prefix+"type", key, spec)
	}
	return nil
}

// checkVersion complains, as the property key, about a version of the class that typeKey names.
func (c chainPart) checkVersion(typeKey, key, spec string) error {
	p, ok := c.plugins.Find(strings.TrimSpace(c.props[typeKey]), c.kind)
	if !ok {
		return nil // its own error
	}
	if err := checkVersion(c.plugins, p.Class, spec); err != nil {
		return &config.Error{Name: key, Text: err.Error()}
	}
	return nil
}

// embedded is what the alias's class declares, with what every transformation has; nil where there is no such class.
func (c chainPart) embedded(prefix string) *config.Def {
	p, ok := c.plugins.Find(strings.TrimSpace(c.props[prefix+"type"]), c.kind)
	if !ok {
		return nil
	}
	if spec, ok := c.props[prefix+"plugin.version"]; ok && checkVersion(c.plugins, p.Class, spec) != nil {
		return nil
	}
	def := config.New()
	if c.kind == Transformation {
		def.Define(conditionKeys()...)
	}
	for _, k := range p.Def.Keys() {
		if _, implicit := def.Key(k.Name); !implicit {
			def.Define(k)
		}
	}
	return def
}

// conditionKeys say to which records a transformation is applied.
func conditionKeys() []config.Key {
	return []config.Key{
		{Name: "predicate", HasDefault: true, Doc: "Name of the predicate that decides whether this transformation is applied to a record. Without it, always."},
		{Name: "negate", Type: config.TypeBoolean, Default: false, Doc: "Whether the transformation is applied where the predicate does not hold instead."},
	}
}

// TransformDef is what every transformation has below `transforms.NAME.`, whatever its class.
func TransformDef() *config.Def {
	return config.New(
		config.Key{Name: "type", Type: config.TypeClass, Importance: config.High, Doc: "Which transformation this is, by its Java class name."},
		config.Key{Name: "plugin.version", HasDefault: true, Importance: config.High, Doc: "Version of the transformation that is asked for, as `connector.plugin.version` is."},
	).Define(conditionKeys()...)
}

// withClassNames returns props with the classes of converters, transformations and predicates by their full names where
// they were given by alias, as answers show them.
func withClassNames(plugins Plugins, props map[string]string, def *config.Def) map[string]string {
	out := maps.Clone(props)
	for _, k := range def.Keys() {
		if k.Type != config.TypeClass {
			continue
		}
		if given, ok := props[k.Name]; ok {
			if class, known := plugins.Resolve(strings.TrimSpace(given)); known {
				out[k.Name] = class
			}
		}
	}
	return out
}
