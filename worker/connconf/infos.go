package connconf

import (
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/rest/api"
)

// KeyInfo is a key's declaration as REST answers have it.
func KeyInfo(k config.Key) api.ConfigKeyInfo { return keyInfo(k, "") }

func keyInfo(k config.Key, prefix string) api.ConfigKeyInfo {
	info := api.ConfigKeyInfo{
		Name: prefix + k.Name, Type: string(k.Type), Required: !k.HasDefault, Importance: string(k.Importance), Documentation: k.Doc,
		OrderInGroup: k.OrderInGroup, Width: string(k.Width), DisplayName: k.DisplayName, Dependents: k.Dependents,
	}
	if text, ok := config.FormatValue(k.Default); ok && k.HasDefault {
		info.DefaultValue = &text
	}
	if k.Group != "" {
		info.Group = &k.Group
	}
	return info
}

func valueInfo(v config.Value, prefix string) api.ConfigValueInfo {
	info := api.ConfigValueInfo{Name: prefix + v.Name, Errors: v.Errors, Visible: v.Visible}
	if text, ok := config.FormatValue(v.Value); ok {
		info.Value = &text
	}
	for _, r := range v.RecommendedValues {
		if text, ok := config.FormatValue(r); ok {
			info.RecommendedValues = append(info.RecommendedValues, text)
		}
	}
	return info
}

// assemble makes an answer of declarations and values: first the values that nothing declares, then all keys in order.
// Of two values of one name the later counts.
func assemble(name string, keys []config.Key, values []config.Value, groups []string) *api.ConfigInfos {
	out := &api.ConfigInfos{Name: name, Groups: groups}
	byName := map[string]config.Value{}
	declared := map[string]bool{}
	for _, k := range keys {
		declared[k.Name] = true
	}
	for _, v := range values {
		byName[v.Name] = v
		if !declared[v.Name] {
			out.Configs = append(out.Configs, api.ConfigInfo{Value: valueInfo(v, "")})
			out.ErrorCount += len(v.Errors)
		}
	}
	for _, k := range keys {
		v, ok := byName[k.Name]
		if !ok {
			v = config.Value{Name: k.Name, Visible: true} // a connector's own check left it out
		}
		def := keyInfo(k, "")
		out.Configs = append(out.Configs, api.ConfigInfo{Definition: &def, Value: valueInfo(v, "")})
		out.ErrorCount += len(v.Errors)
	}
	return out
}

// prefixed makes an answer of a plugin's own validation, in the order in which Java lists it.
func prefixed(def *config.Def, values []config.Value, prefix string) *api.ConfigInfos {
	byName, declared := map[string]config.Value{}, make([]string, 0, len(values))
	for _, v := range values {
		v.Visible = true
		byName[v.Name] = v
		declared = append(declared, v.Name)
	}
	sorted := make([]config.Value, 0, len(values))
	for _, name := range hashOrder(declared, 16) {
		sorted = append(sorted, byName[name])
	}
	return inOrder(def, sorted, prefix)
}

func inOrder(def *config.Def, values []config.Value, prefix string) *api.ConfigInfos {
	out := &api.ConfigInfos{}
	for _, v := range values {
		info := api.ConfigInfo{Value: valueInfo(v, prefix)}
		if k, ok := def.Key(v.Name); ok {
			d := keyInfo(k, prefix)
			info.Definition = &d
			if k.Group != "" {
				out.Groups = appendNew(out.Groups, k.Group)
			}
		}
		if len(v.Errors) > 0 {
			out.ErrorCount++ // one for a property, as Java counts here
		}
		out.Configs = append(out.Configs, info)
	}
	return out
}

func merge(name string, parts ...*api.ConfigInfos) *api.ConfigInfos {
	out := &api.ConfigInfos{Name: name}
	for _, p := range parts {
		out.ErrorCount += p.ErrorCount
		out.Configs = append(out.Configs, p.Configs...)
		for _, g := range p.Groups {
			out.Groups = appendNew(out.Groups, g)
		}
	}
	return out
}

// putKey replaces the key of that name in its place, or appends it.
func putKey(keys []config.Key, k config.Key) []config.Key {
	if i := slices.IndexFunc(keys, func(have config.Key) bool { return have.Name == k.Name }); i >= 0 {
		keys[i] = k
		return keys
	}
	return append(keys, k)
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// hashOrder sorts names as iterating a java.util.HashMap would that began with so many buckets: some answers of Java are
// in that order. Names in one bucket keep their order here.
func hashOrder(names []string, buckets int) []string {
	for len(names)*4 > buckets*3 {
		buckets *= 2
	}
	bucket := func(s string) int {
		var h uint32
		for _, r := range s { // names of properties are ASCII: runes are UTF-16 units
			h = 31*h + uint32(r)
		}
		return int((h ^ h>>16) & uint32(buckets-1))
	}
	slices.SortStableFunc(names, func(a, b string) int { return bucket(a) - bucket(b) })
	return names
}

// javaMap prints a config as Java prints a copy of it in a HashMap.
func javaMap(props map[string]string) string {
	buckets := 1
	for float64(buckets) < float64(len(props))/0.75+1 {
		buckets *= 2
	}
	var parts []string
	for _, name := range hashOrder(names(props), buckets) {
		parts = append(parts, name+"="+props[name])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// PluginKeys is GET /connector-plugins/{plugin}/config: the plugin's own keys, then those that the worker adds.
func PluginKeys(p Plugin) []api.ConfigKeyInfo {
	var base []config.Key
	around := versionOnly{p.Version}
	switch p.Kind {
	case Source:
		base = sourceDef(around).Keys()
	case Sink:
		base = sinkDef(around).Keys()
	}
	var out []api.ConfigKeyInfo
	for _, k := range p.Def.Keys() {
		out = append(out, KeyInfo(k))
	}
	for _, k := range base {
		if _, own := p.Def.Key(k.Name); !own {
			out = append(out, KeyInfo(k))
		}
	}
	return out
}
