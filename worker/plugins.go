package worker

import (
	"context"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/worker/connconf"
	"github.com/connectd/connectd/worker/plugin"
)

// Plugins lists connectors, and all other kinds too unless connectorsOnly.
func (w *Worker) Plugins(connectorsOnly bool) []api.PluginInfo {
	var only []plugin.Kind
	if connectorsOnly {
		only = []plugin.Kind{plugin.Sink, plugin.Source}
	}
	var out []api.PluginInfo
	for _, p := range w.cfg.Registry.List(only...) {
		out = append(out, api.PluginInfo{Class: p.Class, Type: string(p.Kind), Version: api.Version(p.Version)})
	}
	return out
}

// PluginConfig lists the keys of a plugin, and for a connector those that the worker adds.
func (w *Worker) PluginConfig(_ context.Context, name string) ([]api.ConfigKeyInfo, error) {
	info, def, ok := w.cfg.Registry.Find(name)
	if !ok {
		return nil, cluster.NotFound("Unknown plugin %s.", name)
	}
	return connconf.PluginKeys(asPlugin(info, def)), nil
}

func asPlugin(info plugin.Info, def *config.Def) connconf.Plugin {
	return connconf.Plugin{Class: info.Class, Version: info.Version, Kind: connconf.Kind(info.Kind), Def: def}
}

// known shows the registry to the validation of configs.
type known struct{ registry *plugin.Registry }

func (k known) Find(name string, kind connconf.Kind) (p connconf.Plugin, ok bool) {
	r := k.registry
	switch kind {
	case connconf.Converter:
		c, err := r.FindConverter(name)
		p, ok = connconf.Plugin{Class: c.Class, Version: c.Version, Def: c.Config}, err == nil
	case connconf.HeaderConverter:
		c, err := r.FindHeaderConverter(name)
		p, ok = connconf.Plugin{Class: c.Class, Version: c.Version, Def: c.Config}, err == nil
	case connconf.Transformation:
		t, err := r.FindTransform(name)
		p, ok = connconf.Plugin{Class: t.Class, Version: t.Version, Def: t.Config}, err == nil
	case connconf.Predicate:
		t, err := r.FindPredicate(name)
		p, ok = connconf.Plugin{Class: t.Class, Version: t.Version, Def: t.Config}, err == nil
	default:
		c, err := r.FindConnector(name)
		p, ok = connconf.Plugin{Class: c.Class, Version: c.Version, Def: c.Config}, err == nil && string(c.Type) == string(kind)
	}
	p.Kind = kind
	if p.Def == nil {
		p.Def = config.New()
	}
	return p, ok
}

func (k known) Resolve(name string) (string, bool) {
	info, _, ok := k.registry.Find(name)
	return info.Class, ok
}

func (k known) List(kind connconf.Kind) []connconf.Plugin {
	var out []connconf.Plugin
	for _, info := range k.registry.List(plugin.Kind(kind)) {
		if p, ok := k.Find(info.Class, kind); ok {
			out = append(out, p)
		}
	}
	return out
}

func (k known) Versions(class string) (versions []string) {
	for _, info := range k.registry.List() {
		if info.Class == class {
			versions = append(versions, info.Version)
		}
	}
	return versions
}
