package connconf

import (
	"errors"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
)

// byteArrayConverter copies bytes as they are.
const byteArrayConverter = "org.apache.kafka.connect.converters.ByteArrayConverter"

// Request is a connector config to be validated, and what its validity depends on.
type Request struct {
	// Props is the config with references to config providers resolved.
	Props   map[string]string
	Plugins Plugins
	// Connector is the plugin that connector.class names.
	Connector Plugin
	// BytesByDefault tells that the connector's converters default to ByteArrayConverter, whatever the worker's are.
	BytesByDefault bool
	// Check adds what the connector itself finds wrong to the values of its Def; nil for nothing.
	Check func(props map[string]string, values []config.Value) []config.Value
	// ExactlyOnce tells whether a source connector can deliver exactly once with its properties, Boundaries whether its tasks can say
	// where transactions end; nil for one that does not tell.
	ExactlyOnce, Boundaries func(props map[string]string) (bool, error)
	// Worker has the converters, the policy of client overrides and group.id.
	Worker Worker
}

// Worker is what of the worker's own config matters to a connector's.
type Worker struct {
	// Converters are the worker's classes by key.converter, value.converter and header.converter, and versions where the
	// worker's config asks for some, by the *.plugin.version keys.
	Converters map[string]string
	// GroupID is the worker's group, which no sink may read with.
	GroupID string
	// Policy says which client settings a connector may override.
	Policy Policy
	// ExactlyOnceSource tells whether the worker has exactly-once source support.
	ExactlyOnceSource bool
}

// NoConnectorType is the refusal of a config without connector.class.
func NoConnectorType(props map[string]string) error {
	return cluster.BadRequest("Connector config %s contains no connector type", javaMap(props))
}

// CheckVersion refuses a connector.plugin.version that is no version requirement: such a config is not validated at all.
func CheckVersion(props map[string]string) error {
	if spec, ok := props[versionKey]; ok {
		if _, err := parseRange(spec); err != nil {
			return cluster.BadRequest("%s", err.Error())
		}
	}
	return nil
}

// Validate checks a config against what the worker, the connector, its converters, transformations, predicates and
// clients declare. The answer lists everything in Java's order. An error is a config that cannot even be looked at: a
// [*config.Error] for a client override that cannot be read, or for aliases that clash.
func Validate(r Request) (*api.ConfigInfos, error) {
	if spec, ok := r.Props[versionKey]; ok {
		if err := checkVersion(r.Plugins, r.Connector.Class, spec); err != nil {
			return r.wrongVersion(err), nil
		}
	}
	def, err := r.def()
	if err != nil {
		return nil, err
	}
	base := &validated{values: def.Validate(withClassNames(r.Plugins, r.Props, def))}
	if r.Connector.Kind == Sink {
		r.checkSink(base)
	} else {
		r.checkSource(base)
	}
	converters := r.converters(base)
	clients, err := r.clientOverrides()
	if err != nil {
		return nil, err
	}
	return merge(r.Props[classKey], r.connectorInfos(def, base), clients, converters), nil
}

// def is what the config may hold, apart from the connector's own.
func (r *Request) def() (*config.Def, error) {
	def := sourceDef(worn{r})
	if r.Connector.Kind == Sink {
		def = sinkDef(worn{r})
	}
	def.WithClasses(func(class string) bool {
		_, ok := r.Plugins.Resolve(class)
		return ok || variants(r.Plugins, class, Transformation) != nil // Java has a class for them to be in
	})
	return def, enrich(def, r.Plugins, r.Props)
}

// wrongVersion is the answer where the connector does not exist in the version asked for: nothing else is checked.
func (r *Request) wrongVersion(err error) *api.ConfigInfos {
	def := config.New(commonKeys(versionOnly{r.Connector.Version})...)
	v := &validated{values: def.Validate(r.Props)}
	v.fail(classKey, "", err.Error())
	version := v.fail(versionKey, "", err.Error())
	version.RecommendedValues = nil
	for _, have := range r.Plugins.Versions(r.Connector.Class) {
		version.RecommendedValues = append(version.RecommendedValues, have)
	}
	return assemble(r.Props[classKey], def.Keys(), v.values, def.Groups())
}

// connectorInfos joins what the worker and the connector declare; where both declare a key the connector's counts.
func (r *Request) connectorInfos(def *config.Def, base *validated) *api.ConfigInfos {
	own := r.Connector.Def
	values := own.Validate(r.Props)
	if r.Check != nil {
		values = r.Check(r.Props, values)
	}
	keys, groups := def.Keys(), def.Groups()
	for _, k := range own.Keys() {
		keys = putKey(keys, k)
	}
	for _, g := range own.Groups() {
		groups = appendNew(groups, g)
	}
	return assemble(r.Props[classKey], keys, append(base.values, values...), groups)
}

// validated is a list of values to which later checks add.
type validated struct{ values []config.Value }

func (v *validated) get(name string) *config.Value {
	for i := range v.values {
		if v.values[i].Name == name {
			return &v.values[i]
		}
	}
	return nil
}

// fail adds an error to a property, which becomes one where it is not declared.
func (v *validated) fail(name, given, text string) *config.Value {
	value := v.put(name, given)
	value.Errors = append(value.Errors, text)
	return value
}

// put gives a property's value; one that is not declared gets the text that was given.
func (v *validated) put(name, given string) *config.Value {
	if value := v.get(name); value != nil {
		return value
	}
	v.values = append(v.values, config.Value{Name: name, Value: given, Visible: true})
	return &v.values[len(v.values)-1]
}

func (v *validated) sound(names ...string) bool {
	for _, name := range names {
		if value := v.get(name); value == nil || len(value.Errors) > 0 {
			return false
		}
	}
	return true
}

// converters validates what the config gives to converters that it names itself.
func (r *Request) converters(base *validated) *api.ConfigInfos {
	var infos []*api.ConfigInfos
	for _, c := range []struct {
		key, role string
		kind      Kind
	}{{headerConv, "header", HeaderConverter}, {keyConv, "key", Converter}, {valueConv, "value", Converter}} {
		class, ok := r.Props[c.key]
		if !ok || !base.sound(c.key, c.key+versionTail) {
			continue
		}
		p, ok := r.Plugins.Find(strings.TrimSpace(class), c.kind)
		if !ok {
			continue // has its error
		}
		if spec, ok := r.Props[c.key+versionTail]; ok {
			if err := checkVersion(r.Plugins, p.Class, spec); err != nil {
				var missing noVersion
				if errors.As(err, &missing) {
					base.fail(c.key, class, err.Error())
				}
				base.fail(c.key+versionTail, spec, err.Error())
				continue
			}
		}
		props := config.WithPrefix(r.Props, c.key+".")
		if _, ok := props["converter.type"]; !ok {
			props["converter.type"] = c.role
		}
		infos = append(infos, prefixed(p.Def, p.Def.Validate(props), c.key+"."))
	}
	return merge("", infos...)
}

// worn are the surroundings of a request.
type worn struct{ r *Request }

func (w worn) defaultOf(key string) any {
	if key == versionKey {
		return w.r.Connector.Version
	}
	property, isVersion := strings.CutSuffix(key, versionTail)
	class := w.r.Worker.Converters[property]
	if w.r.BytesByDefault {
		class = byteArrayConverter
	}
	kind := kindOf(property)
	given, own := w.r.Props[property]
	switch {
	case !isVersion:
		if full, ok := w.r.Plugins.Resolve(class); ok {
			class = full
		}
		if class == "" {
			return nil
		}
		return config.Class(class)
	case own:
		return versionOf(w.r.Plugins, strings.TrimSpace(given), kind)
	}
	if v, ok := w.r.Worker.Converters[key]; ok && !w.r.BytesByDefault {
		return v
	}
	return versionOf(w.r.Plugins, class, kind)
}

func kindOf(converter string) Kind {
	if converter == headerConv {
		return HeaderConverter
	}
	return Converter
}

func (w worn) recommender(key string) config.Recommender {
	property, isVersion := strings.CutSuffix(key, versionTail)
	switch {
	case key == versionKey:
		return suggestVersions(w.r.Plugins, classKey, true, Source, Sink)
	case isVersion:
		return suggestVersions(w.r.Plugins, property, true, kindOf(property))
	}
	return suggestClasses(w.r.Plugins, kindOf(property))
}

func (w worn) checkKind(name string, value any, kind Kind) error {
	return checkClass(w.r.Plugins, name, value, kind)
}

// versionOnly are surroundings in which nothing but the connector's version is known, or not even that.
type versionOnly struct{ version string }

func (v versionOnly) defaultOf(key string) any {
	if key == versionKey && v.version != "" {
		return v.version
	}
	return nil
}

func (v versionOnly) recommender(key string) config.Recommender {
	property, isVersion := strings.CutSuffix(key, versionTail)
	if !isVersion {
		return nil
	}
	if key == versionKey {
		property = classKey
	}
	return suggest{
		values:  func(map[string]any) []any { return nil },
		visible: func(parsed map[string]any) bool { return parsed[property] != nil },
	}
}

func (versionOnly) checkKind(string, any, Kind) error { return nil }
