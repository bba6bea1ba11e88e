package file

import (
	"context"
	"maps"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// connector is both connectors: a source has one task, a sink as many as it may.
type connector struct {
	def    *config.Def
	single bool
	props  map[string]string
}

func (c *connector) Start(_ context.Context, _ connect.ConnectorContext, props map[string]string) error {
	if _, err := c.def.Parse(props); err != nil {
		return err
	}
	c.props = maps.Clone(props)
	return nil
}

func (c *connector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	if c.single {
		maxTasks = min(maxTasks, 1)
	}
	configs := make([]map[string]string, maxTasks)
	for i := range configs {
		configs[i] = maps.Clone(c.props)
	}
	return configs, nil
}

func (c *connector) Stop() error { return nil }

// ExactlyOnceSupport implements connect.ExactlyOnceSupporter: a file is read on from where it was left, standard input is not.
func (c *connector) ExactlyOnceSupport(props map[string]string) (bool, error) {
	return props["file"] != "", nil
}
