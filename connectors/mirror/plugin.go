package mirror

import (
	"context"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

const version = "4.3.1" // of the Kafka release whose connectors these are like

// Register hands the connectors to a registrar.
func Register(r connect.Registrar, clients Clients) {
	r.Connector(SourcePlugin(clients))
	r.Connector(CheckpointPlugin(clients))
	r.Connector(HeartbeatPlugin(clients))
}

// SourcePlugin describes MirrorSource.
func SourcePlugin(clients Clients) connect.ConnectorPlugin {
	return connect.ConnectorPlugin{
		Class: javaPackage + "MirrorSourceConnector", TaskClass: javaPackage + "MirrorSourceTask",
		Version: version, Type: connect.Source, Config: sourceDef(), BytesByDefault: true, Live: isLive,
		ProducerDefaults: map[string]string{
			// One batch of a partition is under way at a time: over a long way, what it carries is all that counts.
			"batch.size": "1000000", "compression.type": "lz4",
		},
		New:           func() connect.Connector { return &connector{clients: clients} },
		NewSourceTask: func() connect.SourceTask { return &task{clients: clients} },
	}
}

// CheckpointPlugin describes MirrorCheckpoint.
func CheckpointPlugin(clients Clients) connect.ConnectorPlugin {
	return connect.ConnectorPlugin{
		Class: javaPackage + "MirrorCheckpointConnector", TaskClass: javaPackage + "MirrorCheckpointTask",
		Version: version, Type: connect.Source, Config: checkpointDef(), BytesByDefault: true,
		New:           func() connect.Connector { return &checkpointConnector{clients: clients} },
		NewSourceTask: func() connect.SourceTask { return &checkpointTask{clients: clients} },
	}
}

// HeartbeatPlugin describes MirrorHeartbeat.
func HeartbeatPlugin(clients Clients) connect.ConnectorPlugin {
	return connect.ConnectorPlugin{
		Class: javaPackage + "MirrorHeartbeatConnector", TaskClass: javaPackage + "MirrorHeartbeatTask",
		Version: version, Type: connect.Source, Config: heartbeatDef(), BytesByDefault: true,
		New:           func() connect.Connector { return &heartbeatConnector{clients: clients} },
		NewSourceTask: func() connect.SourceTask { return &heartbeatTask{} },
	}
}

// Validate implements connect.Validator: what concerns several properties, and patterns.
func (c *connector) Validate(ctx context.Context, props map[string]string, values []config.Value) []config.Value {
	values = checkPatterns(props, values, propTopics, propExclude, propConfigExclude)
	if props[propEmitSyncs] == "false" && hasAny(props, "offset-syncs-", "offset-syncs.topic.") {
		values = fault(values, propEmitSyncs, "MirrorSourceConnector can't setup offset-syncs feature while "+propEmitSyncs+" set to false")
	}
	if props[propExactlyOnce] == "required" && isolation(props) != "read_committed" {
		values = fault(values, propExactlyOnce, "MirrorSourceConnector can only provide exactly-once guarantees when its source "+
			"consumer is configured with isolation.level set to 'read_committed'; otherwise, records from aborted and uncommitted "+
			"transactions will be replicated from the source cluster to the target cluster.")
	}
	values = checkOwn(lifeDef(), props, values)
	values = c.checkRings(ctx, props, values)
	return planned(ctx, c.clients, c.dial, props, values)
}

// checkPatterns tells which of the properties are no patterns.
func checkPatterns(props map[string]string, values []config.Value, names ...string) []config.Value {
	for _, name := range names {
		list, err := config.ParseType(name, props[name], config.TypeList)
		if err != nil {
			continue // the definition says so already
		}
		if _, err := compile(name, list.([]string)); err != nil {
			values = fault(values, name, err.Error())
		}
	}
	return values
}

// isolation is the source consumer's isolation.level.
func isolation(props map[string]string) string {
	s := link{props: props}
	return s.clientProps("source", "consumer", "")["isolation.level"]
}

func hasAny(props map[string]string, prefixes ...string) bool {
	for name := range props {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
	}
	return false
}

// fault adds an error to a property, which need not be among the values yet.
func fault(values []config.Value, name, text string) []config.Value {
	for i := range values {
		if values[i].Name == name {
			values[i].Errors = append(values[i].Errors, text)
			return values
		}
	}
	return append(values, config.Value{Name: name, Errors: []string{text}})
}
