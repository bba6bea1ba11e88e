package fault

import (
	"context"
	"maps"
	"strconv"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

type connector struct {
	set   *Set
	def   *config.Def
	props map[string]string
	trigger
}

func (c *connector) Start(ctx context.Context, cc connect.ConnectorContext, props map[string]string) error {
	v, err := c.def.Parse(props)
	if err != nil {
		return err
	}
	c.props = maps.Clone(props)
	c.trigger = *c.set.newTrigger(v, "")
	if err := c.call(ctx, PointConnectorStart); err != nil {
		return err
	}
	if err := c.call(ctx, PointRaise); err != nil {
		cc.RaiseError(err)
	}
	return nil
}

func (c *connector) TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error) {
	if err := c.call(ctx, PointTaskConfigs); err != nil {
		return nil, err
	}
	configs := make([]map[string]string, maxTasks)
	for i := range configs {
		configs[i] = make(map[string]string, len(c.props)+1)
		maps.Copy(configs[i], c.props)
		configs[i][propTask] = strconv.Itoa(i)
	}
	return configs, nil
}

// Stop has no context to stall on: a stall waits for the release here.
func (c *connector) Stop() error {
	return c.call(context.Background(), PointConnectorStop)
}
