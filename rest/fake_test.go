package rest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/rest/api"
)

// fakeHerder answers every method from its fields and records what was called.
type fakeHerder struct {
	mu    sync.Mutex
	calls []call

	// err is returned by every method that has one, unless onCall says otherwise.
	err error
	// onCall, when set, decides the error of a call; it may block until ctx ends.
	onCall func(ctx context.Context, c call) error

	server    api.ServerInfo
	names     []string
	infos     map[string]*api.ConnectorInfo
	statuses  map[string]*api.ConnectorStatus
	created   bool
	config    map[string]string
	tasks     []api.TaskInfo
	task      *api.TaskStatus
	plugins   []api.PluginInfo
	keys      []api.ConfigKeyInfo
	validated *api.ConfigInfos
	topics    []string
	loggers   map[string]api.LoggerLevel
	changed   []string
	offsets   []api.ConnectorOffset
	message   string
	progress  *Progress
	metrics   *metrics.Snapshot
}

// call is one call of the herder: method, name and the other arguments.
type call struct {
	method, name string
	args         []any
}

func (h *fakeHerder) called(ctx context.Context, method, name string, args ...any) error {
	c := call{method, name, args}
	h.mu.Lock()
	h.calls = append(h.calls, c)
	h.mu.Unlock()
	if h.onCall != nil {
		return h.onCall(ctx, c)
	}
	return h.err
}

// take gives the calls so far and forgets them.
func (h *fakeHerder) take() []call {
	h.mu.Lock()
	defer h.mu.Unlock()
	calls := h.calls
	h.calls = nil
	return calls
}

func (h *fakeHerder) ServerInfo() api.ServerInfo {
	_ = h.called(context.Background(), "ServerInfo", "")
	return h.server
}

func (h *fakeHerder) Metrics(ctx context.Context) *metrics.Snapshot {
	_ = h.called(ctx, "Metrics", "")
	if h.metrics == nil {
		return &metrics.Snapshot{}
	}
	return h.metrics
}

func (h *fakeHerder) Health(ctx context.Context) error { return h.called(ctx, "Health", "") }

func (h *fakeHerder) Connectors(ctx context.Context) ([]string, error) {
	return h.names, h.called(ctx, "Connectors", "")
}

func (h *fakeHerder) Listing(ctx context.Context) ([]*api.Listed, error) {
	var out []*api.Listed
	for _, name := range slices.Sorted(slices.Values(h.names)) {
		l, err := api.NewListed(name, h.statuses[name], h.infos[name])
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, h.called(ctx, "Listing", "")
}

func (h *fakeHerder) ConnectorInfo(ctx context.Context, name string) (*api.ConnectorInfo, error) {
	if err := h.called(ctx, "ConnectorInfo", name); err != nil {
		return nil, err
	}
	if h.infos[name] == nil {
		return nil, cluster.NotFound("Connector %s not found", name)
	}
	return h.infos[name], nil
}

func (h *fakeHerder) ConnectorStatus(ctx context.Context, name string) (*api.ConnectorStatus, error) {
	if err := h.called(ctx, "ConnectorStatus", name); err != nil {
		return nil, err
	}
	if h.statuses[name] == nil {
		return nil, cluster.NotFound("No status found for connector %s", name)
	}
	return h.statuses[name], nil
}

func (h *fakeHerder) ConnectorConfig(ctx context.Context, name string) (map[string]string, error) {
	return h.config, h.called(ctx, "ConnectorConfig", name)
}

func (h *fakeHerder) TaskConfigs(ctx context.Context, name string) ([]api.TaskInfo, error) {
	return h.tasks, h.called(ctx, "TaskConfigs", name)
}

func (h *fakeHerder) TaskStatus(ctx context.Context, id cluster.TaskID) (*api.TaskStatus, error) {
	return h.task, h.called(ctx, "TaskStatus", id.Connector, id.Task)
}

func (h *fakeHerder) PutConnectorConfig(ctx context.Context, name string, cfg map[string]string, initial cluster.TargetState, replace bool) (bool, *api.ConnectorInfo, error) {
	return h.created, h.infos[name], h.called(ctx, "PutConnectorConfig", name, maps.Clone(cfg), initial, replace)
}

func (h *fakeHerder) PatchConnectorConfig(ctx context.Context, name string, patch map[string]*string) (*api.ConnectorInfo, error) {
	return h.infos[name], h.called(ctx, "PatchConnectorConfig", name, patch)
}

func (h *fakeHerder) DeleteConnector(ctx context.Context, name string) error {
	return h.called(ctx, "DeleteConnector", name)
}

func (h *fakeHerder) SetTargetState(ctx context.Context, name string, state cluster.TargetState) error {
	return h.called(ctx, "SetTargetState", name, state)
}

func (h *fakeHerder) RestartConnector(ctx context.Context, name string) error {
	return h.called(ctx, "RestartConnector", name)
}

func (h *fakeHerder) RestartConnectorAndTasks(ctx context.Context, name string, onlyFailed, includeTasks bool) (*api.ConnectorStatus, error) {
	return h.statuses[name], h.called(ctx, "RestartConnectorAndTasks", name, onlyFailed, includeTasks)
}

func (h *fakeHerder) RestartTask(ctx context.Context, id cluster.TaskID) error {
	return h.called(ctx, "RestartTask", id.Connector, id.Task)
}

func (h *fakeHerder) Plugins(connectorsOnly bool) []api.PluginInfo {
	_ = h.called(context.Background(), "Plugins", "", connectorsOnly)
	return h.plugins
}

func (h *fakeHerder) PluginConfig(ctx context.Context, plugin string) ([]api.ConfigKeyInfo, error) {
	return h.keys, h.called(ctx, "PluginConfig", plugin)
}

func (h *fakeHerder) Validate(ctx context.Context, plugin string, cfg map[string]string) (*api.ConfigInfos, error) {
	err := h.called(ctx, "Validate", plugin, maps.Clone(cfg))
	if err == nil && h.validated == nil {
		return &api.ConfigInfos{Name: plugin}, nil
	}
	return h.validated, err
}

func (h *fakeHerder) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error {
	return h.called(ctx, "PutTaskConfigs", name, configs)
}

func (h *fakeHerder) FenceZombies(ctx context.Context, name string) error {
	return h.called(ctx, "FenceZombies", name)
}

func (h *fakeHerder) VerifySignature(body []byte, signature, algorithm string) error {
	_ = h.called(context.Background(), "VerifySignature", "", string(body), signature, algorithm)
	return api.CheckSignature(body, signature, algorithm, sessionKey, []string{"HmacSHA256"})
}

func (h *fakeHerder) ConnectorTopics(ctx context.Context, name string) ([]string, error) {
	return h.topics, h.called(ctx, "ConnectorTopics", name)
}

func (h *fakeHerder) ResetConnectorTopics(ctx context.Context, name string) error {
	return h.called(ctx, "ResetConnectorTopics", name)
}

func (h *fakeHerder) ConnectorOffsets(ctx context.Context, name string) ([]api.ConnectorOffset, error) {
	return h.offsets, h.called(ctx, "ConnectorOffsets", name)
}

func (h *fakeHerder) ConnectorProgress(ctx context.Context, name string) (*Progress, error) {
	p := h.progress
	if p == nil {
		p = &Progress{Known: api.ConnectorProgress{Name: name}}
	}
	return p, h.called(ctx, "ConnectorProgress", name)
}

func (h *fakeHerder) AlterConnectorOffsets(ctx context.Context, name string, offsets []api.ConnectorOffset) (string, error) {
	return h.message, h.called(ctx, "AlterConnectorOffsets", name, offsets)
}

func (h *fakeHerder) ResetConnectorOffsets(ctx context.Context, name string) (string, error) {
	return h.message, h.called(ctx, "ResetConnectorOffsets", name)
}

func (h *fakeHerder) Loggers() map[string]api.LoggerLevel {
	_ = h.called(context.Background(), "Loggers", "")
	return h.loggers
}

func (h *fakeHerder) Logger(name string) (api.LoggerLevel, bool) {
	_ = h.called(context.Background(), "Logger", name)
	level, found := h.loggers[name]
	return level, found
}

func (h *fakeHerder) SetLogger(ctx context.Context, name, level string, clusterScope bool) ([]string, error) {
	return h.changed, h.called(ctx, "SetLogger", name, level, clusterScope)
}

var sessionKey = []byte("0123456789abcdef0123456789abcdef")
