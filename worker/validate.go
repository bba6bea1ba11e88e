package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/worker/connconf"
	"github.com/connectd/connectd/worker/workerconf"
)

// Validate checks a config for a plugin. That the config's connector.class, where it has one, agrees with the plugin's
// name has been seen to; where it has none, there is nothing to validate. A refusal to look at the config at all is an
// internal error with the name of Java's exception, as tools know it from this endpoint.
func (w *Worker) Validate(ctx context.Context, _ string, conf map[string]string) (*api.ConfigInfos, error) {
	infos, err := w.validate(ctx, conf)
	var refused *cluster.Error
	var unreadable *config.Error
	switch {
	case errors.As(err, &refused) && refused.Code == cluster.CodeBadRequest:
		return nil, cluster.Errorf(cluster.CodeInternal, "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: %s", refused.Message)
	case errors.As(err, &unreadable):
		return nil, cluster.Errorf(cluster.CodeInternal, "org.apache.kafka.common.config.ConfigException: %s", unreadable.Text)
	}
	return infos, err
}

// validate checks a connector config without starting anything. The error is a *cluster.Error where the config names no
// connector that there is, and otherwise tells what kept the config from being looked at.
func (w *Worker) validate(ctx context.Context, conf map[string]string) (*api.ConfigInfos, error) {
	class, ok := conf["connector.class"]
	if !ok {
		return nil, connconf.NoConnectorType(clientconf.Redact(conf))
	}
	if err := connconf.CheckVersion(conf); err != nil {
		return nil, err
	}
	p, err := w.cfg.Registry.FindConnector(class)
	if err != nil {
		return nil, err
	}
	props, err := w.resolve(conf)
	if err != nil {
		return nil, err
	}
	own, _ := known{w.cfg.Registry}.Find(p.Class, connconf.Kind(p.Type))
	req := connconf.Request{
		Props: props, Plugins: known{w.cfg.Registry}, Connector: own, BytesByDefault: p.BytesByDefault,
		Worker: workerSide(w.cfg.Conf),
	}
	c := p.New()
	if s, can := c.(connect.ExactlyOnceSupporter); can {
		req.ExactlyOnce = s.ExactlyOnceSupport
	}
	if d, can := c.(connect.TransactionBoundaryDefiner); can {
		req.Boundaries = d.CanDefineTransactionBoundaries
	}
	v, ok := c.(connect.Validator)
	if !ok && req.ExactlyOnce == nil && req.Boundaries == nil {
		return connconf.Validate(req)
	}
	return askConnector(ctx, v, req)
}

// askConnector validates with the connector's own checks, which may panic, or still run when ctx has ended: then they are
// left to themselves.
func askConnector(ctx context.Context, v connect.Validator, req connconf.Request) (*api.ConfigInfos, error) {
	type answer struct {
		infos *api.ConfigInfos
		err   error
	}
	answers := make(chan answer, 1)
	if v != nil {
		req.Check = func(props map[string]string, values []config.Value) []config.Value {
			return v.Validate(ctx, maps.Clone(props), values)
		}
	}
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil {
				a = answer{err: fmt.Errorf("connector %s panicked while it validated its configuration: %v", req.Connector.Class, r)}
			}
			answers <- a
		}()
		a.infos, a.err = connconf.Validate(req)
	}()
	select {
	case a := <-answers:
		return a.infos, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("connector %s did not validate its configuration in time: %w", req.Connector.Class, ctx.Err())
	}
}

// workerSide picks from the worker's own config what matters to connectors.
func workerSide(conf *workerconf.Config) connconf.Worker {
	side := connconf.Worker{
		Converters: map[string]string{
			"key.converter": conf.KeyConverter.Class, "value.converter": conf.ValueConverter.Class, "header.converter": conf.HeaderConverter.Class,
		},
		GroupID:           conf.GroupID,
		Policy:            connconf.Policy{Name: conf.ClientOverridePolicy, Allowlist: conf.ClientOverrideAllowlist},
		ExactlyOnceSource: conf.ExactlyOnce.Enabled(),
	}
	for _, key := range []string{"key.converter.plugin.version", "value.converter.plugin.version", "header.converter.plugin.version"} {
		if v, ok := conf.Raw[key]; ok {
			side.Converters[key] = v
		}
	}
	return side
}
