package workerconf

import (
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/clientconf"
)

// prefixes of properties that are handed on, and so are known whatever follows.
var prefixes = []string{
	"producer.", "consumer.", "admin.", "key.converter.", "value.converter.", "header.converter.", configStoragePrefix,
	offsetStoragePrefix, statusStoragePrefix, "config.providers.", "listeners.https.", "admin.listeners.https.", "metrics.context.",
}

// connectOnly are declared keys that are Connect's own although a Kafka client has one of the same name. The worker's
// group membership is not a consumer's.
var connectOnly = []string{"group.id", "session.timeout.ms", "heartbeat.interval.ms", "config.providers"}

func hasKnownPrefix(name string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) && name != p })
}

// isClientProperty tells whether a top-level property is for the worker's own Kafka clients.
func isClientProperty(name string) bool {
	if hasKnownPrefix(name) || slices.Contains(connectOnly, name) {
		return false
	}
	return slices.ContainsFunc([]clientconf.Role{clientconf.Producer, clientconf.Consumer, clientconf.Admin},
		func(r clientconf.Role) bool { return clientconf.IsClientProperty(r, name) })
}

// withoutEffect are properties that mean something to a Java worker only.
var withoutEffect = map[string]string{
	"plugin.path":                     "plugins are compiled in",
	"plugin.discovery":                "plugins are compiled in",
	"key.converter.plugin.version":    "plugins are compiled in, there is one version only",
	"value.converter.plugin.version":  "plugins are compiled in, there is one version only",
	"header.converter.plugin.version": "plugins are compiled in, there is one version only",
}

// removed are properties of older releases that Java warns about, too.
var removed = []string{"internal.key.converter", "internal.value.converter"}

func (p *parser) warn() {
	for _, text := range p.values.Warnings() {
		p.warnf("", "%s", text)
	}
	declared := Def()
	for _, name := range slices.Sorted(maps.Keys(p.raw)) {
		_, known := declared.Key(name)
		switch {
		case withoutEffect[name] != "":
			p.warnf(name, "%s has no effect: %s", name, withoutEffect[name])
		case slices.ContainsFunc(removed, func(r string) bool { return name == r || strings.HasPrefix(name, r+".") }):
			p.warnf(name, "%s has no effect since Kafka 3.0: internal data are JSON without schemas", name)
		case !known && name != allowlistKey && name != LoginConfigKey && !hasKnownPrefix(name) && !isClientProperty(name):
			p.warnf(name, "%s is not a known property and has no effect", name)
		}
	}
}
