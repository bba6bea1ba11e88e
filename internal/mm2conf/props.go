package mm2conf

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// cluster gives the properties of one cluster without its alias, as they were written. What all clients share stands for each
// kind of client too, and comes from the top of the file where the cluster does not say.
func (c *Config) cluster(alias string) map[string]string {
	out := config.WithPrefix(c.props, alias+".")
	for _, from := range []map[string]string{maps.Clone(out), c.props} {
		for _, name := range clientKeys {
			value, given := from[name]
			if !given {
				continue
			}
			for _, prefix := range []string{"producer.", "consumer.", "admin.", ""} {
				putAbsent(out, prefix+name, value)
			}
		}
	}
	return out
}

// Worker gives the properties of a flow's worker: it lives in the target cluster, in a group named for the source. References
// to config providers are resolved, as the worker itself would not find the providers' properties.
func (c *Config) Worker(f Flow) (map[string]string, error) {
	props := c.cluster(f.Target)
	for _, prefix := range workerPrefixes {
		maps.Copy(props, withPrefix(c.props, prefix))
	}
	props, err := c.resolve(props)
	if err != nil {
		return nil, err
	}
	props = maps.Clone(props)
	maps.Copy(props, withPrefix(c.props, providersKey))
	for name, value := range map[string]string{
		"client.id":            f.String(),
		"group.id":             f.Source + "-mm2",
		"offset.storage.topic": "mm2-offsets." + f.Source + ".internal",
		"status.storage.topic": "mm2-status." + f.Source + ".internal",
		"config.storage.topic": "mm2-configs." + f.Source + ".internal",
		"key.converter":        bytesConverter,
		"value.converter":      bytesConverter,
		"header.converter":     bytesConverter,
	} {
		putAbsent(props, name, value)
	}
	return props, nil
}

// ofClients are properties of a cluster that are for one kind of client.
var ofClients = regexp.MustCompile(`^(?:consumer|producer|admin)`)

// Connector gives the config of one of a flow's Connectors. References to config providers stay: the worker resolves them.
func (c *Config) Connector(f Flow, name string) map[string]string {
	props := maps.Clone(c.props)
	maps.DeleteFunc(props, func(name, _ string) bool { return !connectorKeys[name] && !slices.Contains(c.own, name) })
	maps.Copy(props, withPrefix(c.props, providersKey))
	maps.Copy(props, withPrefix(c.props, "replication.policy"))
	for side, alias := range map[string]string{"source.": f.Source, "target.": f.Target} {
		for name, value := range c.cluster(alias) {
			if !ofClients.MatchString(name) {
				name = "cluster." + name
			}
			props[side+name] = value
		}
	}
	putAbsent(props, "name", name)
	putAbsent(props, "connector.class", javaPackage+name)
	putAbsent(props, "source.cluster.alias", f.Source)
	putAbsent(props, "target.cluster.alias", f.Target)
	maps.Copy(props, config.WithPrefix(c.props, f.String()+"."))
	putAbsent(props, enabledKey, "false")
	return props
}

// restKeys begin the properties of the internal REST server.
var restKeys = []string{
	"listeners", "rest.", "ssl.", "response.http.headers.config", "access.control.", "admin.listeners", "metric",
}

// REST gives the properties of the internal REST server, which stand at the top of the file, resolved. It has no separate
// admin listeners, and no extensions.
func (c *Config) REST() map[string]string {
	props := maps.Clone(c.resolved)
	maps.DeleteFunc(props, func(name, _ string) bool {
		return !slices.ContainsFunc(restKeys, func(p string) bool { return strings.HasPrefix(name, p) })
	})
	delete(props, "admin.listeners")
	delete(props, "rest.extension.classes")
	return props
}

// warn tells of properties that nobody gets.
func (c *Config) warn() {
	prefixes := append(slices.Clone(workerPrefixes), providersKey+".", "metrics.context.")
	if c.InternalREST {
		prefixes = append(prefixes, restKeys...)
	}
	for _, alias := range c.Clusters {
		prefixes = append(prefixes, alias+".")
	}
	known := func(name string) bool {
		return connectorKeys[name] || slices.Contains(c.own, name) || slices.Contains(clientKeys, name) ||
			slices.Contains([]string{clustersKey, internalRESTKey}, name) || c.flowOf(name) != (Flow{}) ||
			slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	for _, name := range slices.Sorted(maps.Keys(c.props)) {
		switch {
		case known(name):
		case strings.Contains(name, "->"):
			c.Warnings = append(c.Warnings, name+" has no effect: it belongs to no flow between the clusters "+strings.Join(c.Clusters, ", "))
		case slices.ContainsFunc(restKeys, func(p string) bool { return strings.HasPrefix(name, p) }):
			c.Warnings = append(c.Warnings, name+" has no effect without "+internalRESTKey+"=true")
		default:
			c.Warnings = append(c.Warnings, name+" has no effect at the top of the file; give it to a cluster (ALIAS."+name+
				") or to a flow (SOURCE->TARGET."+name+")")
		}
	}
}
