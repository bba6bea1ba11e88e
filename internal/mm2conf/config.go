package mm2conf

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// Flow is the mirroring of one cluster into another, by their aliases.
type Flow struct{ Source, Target string }

// String is the flow as it is written in the file: A->B.
func (f Flow) String() string { return f.Source + "->" + f.Target }

// Config is a file, understood. It is read-only.
type Config struct {
	// Clusters are the aliases in the order of the file.
	Clusters []string
	// Flows are all that have a worker, in the order of Clusters: the enabled ones, and those that may have to emit
	// heartbeats, which by default are all.
	Flows []Flow
	// InternalREST is dedicated.mode.enable.internal.rest.
	InternalREST bool
	// Warnings are sentences about properties that have no effect.
	Warnings []string

	props    map[string]string // as they were written
	resolved map[string]string
	resolve  func(map[string]string) (map[string]string, error)
	own      []string
}

// Options are what Parse needs besides the properties.
type Options struct {
	// Resolve replaces references to config providers, nil for none. Its errors name properties.
	Resolve func(map[string]string) (map[string]string, error)
	// OwnKeys are properties of mirror connectors that Kafka's do not have: like Kafka's, every connector gets those that
	// stand at the top of the file.
	OwnKeys []string
}

// Parse reads the properties of a file. The error joins all faults, each a *config.Error that names property, value and what
// is allowed, or what Resolve returned.
func Parse(props map[string]string, o Options) (*Config, error) {
	c := &Config{props: props, resolved: props, resolve: o.Resolve, own: o.OwnKeys}
	if c.resolve == nil {
		c.resolve = func(p map[string]string) (map[string]string, error) { return p, nil }
	}
	var err error
	if c.resolved, err = c.resolve(props); err != nil {
		return nil, err
	}
	v, err := config.New(
		config.Key{Name: clustersKey, Type: config.TypeList, Importance: config.High, Doc: "Aliases of the clusters."},
		config.Key{
			Name: internalRESTKey, Type: config.TypeBoolean, Default: false, Importance: config.High,
			Doc: "Whether the nodes of a dedicated cluster serve each other's requests.",
		},
		config.Key{
			Name: "security.protocol", Default: "PLAINTEXT", Validator: config.OneOfFold("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"),
			Doc: "How all clusters are spoken to that do not say otherwise.",
		},
	).Parse(c.resolved)
	if err != nil {
		return nil, err
	}
	c.InternalREST = v.Bool(internalRESTKey)
	for _, alias := range v.List(clustersKey) {
		if alias == "" {
			return nil, config.Invalid(clustersKey, c.resolved[clustersKey], "an alias is empty; list the clusters' aliases, separated by commas")
		}
		if !slices.Contains(c.Clusters, alias) {
			c.Clusters = append(c.Clusters, alias)
		}
	}
	if err := errors.Join(c.findFlows(), c.checkFlows(), c.checkServers()); err != nil {
		return nil, err
	}
	c.warn()
	return c, nil
}

// findFlows says which pairs of clusters have a worker. Heartbeats of A->B tell of the way to B, and are written by the worker
// of the flow B->A, so by default all pairs have one.
func (c *Config) findFlows() error {
	heartbeats, err := c.boolean(heartbeatsKey, true)
	errs := []error{err}
	for _, source := range c.Clusters {
		for _, target := range c.Clusters {
			if source == target {
				continue
			}
			f := Flow{source, target}
			enabled, err := c.boolean(f.String()+"."+enabledKey, false)
			emits, err2 := c.boolean(f.String()+"."+heartbeatsKey, heartbeats)
			errs = append(errs, err, err2)
			if enabled || emits {
				c.Flows = append(c.Flows, f)
			}
		}
	}
	if len(c.Flows) == 0 && errors.Join(errs...) == nil {
		errs = append(errs, config.Invalid(clustersKey, c.resolved[clustersKey],
			"No source->target replication flows: list at least two aliases, and enable a flow by SOURCE->TARGET.enabled=true"))
	}
	return errors.Join(errs...)
}

// boolean reads a property that must be true or false if it is there.
func (c *Config) boolean(name string, absent bool) (bool, error) {
	text, given := c.resolved[name]
	if !given {
		return absent, nil
	}
	v, err := config.ParseType(name, text, config.TypeBoolean)
	if err != nil {
		return false, err
	}
	b, _ := v.(bool)
	return b, nil
}

// checkFlows refuses flows between clusters that are not listed, if they are enabled.
func (c *Config) checkFlows() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.resolved)) {
		pair, isEnabled := strings.CutSuffix(name, "."+enabledKey)
		source, target, isFlow := strings.Cut(pair, "->")
		if !isEnabled || !isFlow || !strings.EqualFold(strings.TrimSpace(c.resolved[name]), "true") || c.flowOf(name) != (Flow{}) {
			continue
		}
		unknown := source
		if slices.Contains(c.Clusters, source) {
			unknown = target
		}
		why := fmt.Sprintf("%s is none of the %s, which are %s", unknown, clustersKey, strings.Join(c.Clusters, ", "))
		if source == target {
			why = "a cluster can't be mirrored into itself"
		}
		errs = append(errs, config.Invalid(name, c.resolved[name], why))
	}
	return errors.Join(errs...)
}

// checkServers asks for the addresses of clusters that flows need.
func (c *Config) checkServers() error {
	var errs []error
	for _, alias := range c.Clusters {
		needed := slices.ContainsFunc(c.Flows, func(f Flow) bool { return f.Source == alias || f.Target == alias })
		if needed && strings.TrimSpace(c.cluster(alias)[bootstrapKey]) == "" {
			name := alias + "." + bootstrapKey
			errs = append(errs, &config.Error{Name: name, Text: fmt.Sprintf(
				"Missing required configuration %q which has no default value: list host:port of some brokers of cluster %s", name, alias)})
		}
	}
	return errors.Join(errs...)
}

// flowOf is the flow between listed clusters whose property this is, or the zero Flow.
func (c *Config) flowOf(name string) Flow {
	for _, s := range c.Clusters {
		for _, t := range c.Clusters {
			if s != t && strings.HasPrefix(name, s+"->"+t+".") {
				return Flow{s, t}
			}
		}
	}
	return Flow{}
}

// Into picks the flows into these clusters; none means all.
func (c *Config) Into(targets []string) ([]Flow, error) {
	if len(targets) == 0 {
		return c.Flows, nil
	}
	for _, t := range targets {
		if !slices.Contains(c.Clusters, t) {
			return nil, config.Invalid("--clusters", strings.Join(targets, ","),
				fmt.Sprintf("%s is none of the %s in the file, which are %s", cmp.Or(t, "an empty name"), clustersKey, strings.Join(c.Clusters, ", ")))
		}
	}
	var flows []Flow
	for _, f := range c.Flows {
		if slices.Contains(targets, f.Target) {
			flows = append(flows, f)
		}
	}
	if len(flows) == 0 {
		return nil, config.Invalid("--clusters", strings.Join(targets, ","), "No source->target replication flows into these")
	}
	return flows, nil
}

// Enabled tells whether a flow copies anything; one that does not has a worker for heartbeats only.
func (c *Config) Enabled(f Flow) bool {
	on, _ := c.boolean(f.String()+"."+enabledKey, false)
	return on
}
