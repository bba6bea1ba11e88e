package mirror

import (
	"context"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// Fields of a heartbeat's source partition, in the order in which Java's task writes them.
const (
	sourceAliasKey = "sourceClusterAlias"
	targetAliasKey = "targetClusterAlias"
)

const propHeartbeatsRF = "heartbeats.topic.replication.factor"

// heartbeatDef declares MirrorHeartbeat's properties, in Kafka's order.
func heartbeatDef() *config.Def {
	return linkDef().Define(every("emit.heartbeats", true, 1, "Whether to write heartbeats to the target cluster.")...).Define(config.Key{
		Name: propHeartbeatsRF, Type: config.TypeShort, Default: int16(3), Importance: config.Low, Doc: "Replication factor of the heartbeats topic.",
	})
}

// heartbeatSettings is MirrorHeartbeat's or its task's configuration, understood.
type heartbeatSettings struct {
	link
	emit        time.Duration // 0 for never
	replication int16
}

func parseHeartbeat(props map[string]string) (*heartbeatSettings, error) {
	v, err := heartbeatDef().Parse(props)
	if err != nil {
		return nil, err
	}
	l, err := linkOf(v)
	if err != nil {
		return nil, err
	}
	return &heartbeatSettings{link: l, emit: interval(v, "emit.heartbeats"), replication: int16(v.Int(propHeartbeatsRF))}, nil
}

// heartbeatConnector makes the heartbeats topic and has one task write to it.
type heartbeatConnector struct {
	clients Clients
	s       *heartbeatSettings
	topic   *topicMaker
}

// Start implements connect.Connector.
func (c *heartbeatConnector) Start(ctx context.Context, cc connect.ConnectorContext, props map[string]string) error {
	s, err := parseHeartbeat(props)
	if err != nil {
		return err
	}
	admin, err := c.clients.Admin(s.clientProps("target", "admin", "heartbeats-target-admin"))
	if err != nil {
		return fmt.Errorf("target.cluster.*: %w", err)
	}
	c.s = s
	c.topic = makeTopic(ctx, admin, compacted(heartbeats, s.replication, propHeartbeatsRF), s.adminTimeout, cc.Logger())
	return nil
}

// Stop implements connect.Connector.
func (c *heartbeatConnector) Stop() error {
	if c.topic != nil {
		c.topic.stop()
	}
	return nil
}

// TaskConfigs implements connect.Connector: one task, unless heartbeats are off. As in Java, `enabled` does not count.
func (c *heartbeatConnector) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	if c.s.emit == 0 {
		return nil, nil
	}
	return []map[string]string{c.s.props}, nil
}

// AlterSourceOffsets implements connect.SourceOffsetsAlterer. The task uses no offsets, so their form is all there is to check.
func (c *heartbeatConnector) AlterSourceOffsets(_ context.Context, _ map[string]string, offsets []connect.PartitionOffset) (bool, error) {
	fields := []string{sourceAliasKey, targetAliasKey}
	return true, checkZeroOffsets(offsets, fields, fields)
}
