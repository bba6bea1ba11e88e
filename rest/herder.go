package rest

import (
	"context"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/rest/api"
)

// Herder is all that the REST layer needs of a worker. Errors are *cluster.Error, *cluster.NotLeader or
// *cluster.NotAssigned; anything else is a 500. Methods return *cluster.NotLeader when only the leader may do it, and the
// handler forwards the request. Every method is bounded by ctx.
type Herder interface {
	// ServerInfo is GET /: version, commit and the id of the Kafka cluster.
	ServerInfo() api.ServerInfo
	// Health is GET /health: nil once the worker has joined the group and read the config topic; otherwise why not.
	Health(ctx context.Context) error

	// Connectors lists names in order, as of this worker's snapshot.
	Connectors(ctx context.Context) ([]string, error)
	// Listing is info and status of all connectors, encoded and in order of their names. The caller changes nothing in it.
	Listing(ctx context.Context) ([]*api.Listed, error)
	// ConnectorInfo is name, config, tasks and type.
	ConnectorInfo(ctx context.Context, name string) (*api.ConnectorInfo, error)
	ConnectorStatus(ctx context.Context, name string) (*api.ConnectorStatus, error)
	ConnectorConfig(ctx context.Context, name string) (map[string]string, error)
	TaskConfigs(ctx context.Context, name string) ([]api.TaskInfo, error)
	TaskStatus(ctx context.Context, id cluster.TaskID) (*api.TaskStatus, error)

	// PutConnectorConfig validates and writes a config; allowReplace is false for POST. initialState is empty for
	// STARTED. It tells whether the connector is new.
	PutConnectorConfig(ctx context.Context, name string, cfg map[string]string, initialState cluster.TargetState, allowReplace bool) (created bool, info *api.ConnectorInfo, err error)
	// PatchConnectorConfig changes some keys; a nil value removes one.
	PatchConnectorConfig(ctx context.Context, name string, patch map[string]*string) (*api.ConnectorInfo, error)
	DeleteConnector(ctx context.Context, name string) error

	// SetTargetState is pause, resume and stop.
	SetTargetState(ctx context.Context, name string, state cluster.TargetState) error
	// RestartConnector is the plain restart (no tasks), on the worker that owns the connector.
	RestartConnector(ctx context.Context, name string) error
	// RestartConnectorAndTasks plans a restart on the leader and returns the planned status.
	RestartConnectorAndTasks(ctx context.Context, name string, onlyFailed, includeTasks bool) (*api.ConnectorStatus, error)
	RestartTask(ctx context.Context, id cluster.TaskID) error

	// Plugins lists connector plugins, and all other kinds too unless connectorsOnly.
	Plugins(connectorsOnly bool) []api.PluginInfo
	PluginConfig(ctx context.Context, plugin string) ([]api.ConfigKeyInfo, error)
	// Validate answers PUT /connector-plugins/{plugin}/config/validate.
	Validate(ctx context.Context, plugin string, cfg map[string]string) (*api.ConfigInfos, error)

	// PutTaskConfigs is the internal endpoint by which a connector's owner hands new task configs to the leader.
	PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error
	// FenceZombies is the internal endpoint of exactly-once sources.
	FenceZombies(ctx context.Context, name string) error
	// VerifySignature checks an internal request: *cluster.Error with CodeUnavailable while there is no session key,
	// CodeBadRequest for missing or unknown parts, CodeForbidden for a wrong signature; nil when the protocol in use
	// needs none.
	VerifySignature(body []byte, signature, algorithm string) error

	// ConnectorTopics is GET topics: the active topics of a connector.
	ConnectorTopics(ctx context.Context, name string) ([]string, error)
	ResetConnectorTopics(ctx context.Context, name string) error

	// ConnectorProgress is GET progress, as far as this worker knows.
	ConnectorProgress(ctx context.Context, name string) (*Progress, error)

	// Metrics is what is measured on this worker, for Prometheus. It waits a second at most, and for nothing but code of tasks.
	Metrics(ctx context.Context) *metrics.Snapshot

	// ConnectorOffsets is GET offsets: those stored for a source, or committed by a sink's consumer group.
	ConnectorOffsets(ctx context.Context, name string) ([]api.ConnectorOffset, error)
	// AlterConnectorOffsets and ResetConnectorOffsets change and remove offsets of a stopped connector: all that are given,
	// or none. They return the sentence that tells of it.
	AlterConnectorOffsets(ctx context.Context, name string, offsets []api.ConnectorOffset) (string, error)
	ResetConnectorOffsets(ctx context.Context, name string) (string, error)

	// Loggers, Logger and SetLogger serve /admin/loggers. SetLogger returns the names it changed on this worker.
	Loggers() map[string]api.LoggerLevel
	Logger(name string) (api.LoggerLevel, bool)
	SetLogger(ctx context.Context, name, level string, clusterScope bool) ([]string, error)
}
