package worker

import (
	"context"
	"errors"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker/herder"
)

// The methods here and in writes.go answer the REST layer. Reads come from the stores and never wait for the loop.
var _ rest.Herder = (*Worker)(nil)

// ready tells whether the stores are read and the loop runs.
func (w *Worker) ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started
}

var errStarting = cluster.Errorf(cluster.CodeUnavailable, "Worker is starting up and has not read the internal topics yet")

// ServerInfo is GET /.
func (w *Worker) ServerInfo() api.ServerInfo {
	info := api.ServerInfo{Version: KafkaVersion, Commit: w.cfg.Commit}
	if w.ready() {
		info.KafkaClusterID = w.clusterID
	}
	return info
}

// Health is nil once the worker is a settled member of its group.
func (w *Worker) Health(ctx context.Context) error {
	if !w.ready() {
		return errStarting
	}
	_, err := w.loop.ask(ctx, herder.Ping{})
	return err
}

// snapshot gives the configs known here.
func (w *Worker) snapshot() (*cluster.Snapshot, error) {
	if !w.ready() {
		return nil, errStarting
	}
	return w.configs.Snapshot(), nil
}

func (w *Worker) connector(name string) (*cluster.Snapshot, *cluster.Connector, error) {
	snap, err := w.snapshot()
	if err != nil {
		return nil, nil, err
	}
	c := snap.Connectors[name]
	if c == nil {
		return nil, nil, cluster.NotFound("Connector %s not found", name)
	}
	return snap, c, nil
}

// Connectors lists names.
func (w *Worker) Connectors(context.Context) ([]string, error) {
	snap, err := w.snapshot()
	if err != nil {
		return nil, err
	}
	return snap.Names(), nil
}

// ConnectorInfo is GET /connectors/{name}.
func (w *Worker) ConnectorInfo(_ context.Context, name string) (*api.ConnectorInfo, error) {
	snap, c, err := w.connector(name)
	if err != nil {
		return nil, err
	}
	return w.info(name, c.Config, snap.TaskIDs(name)), nil
}

func (w *Worker) info(name string, conf map[string]string, tasks []cluster.TaskID) *api.ConnectorInfo {
	out := &api.ConnectorInfo{Name: name, Config: conf, Type: w.typeOf(conf)}
	for _, t := range tasks {
		out.Tasks = append(out.Tasks, api.TaskID{Connector: t.Connector, Task: t.Task})
	}
	return out
}

// typeOf is source, sink or unknown.
func (w *Worker) typeOf(conf map[string]string) string {
	p, err := w.cfg.Registry.FindConnector(conf["connector.class"])
	if err != nil {
		return api.TypeUnknown
	}
	return string(p.Type)
}

// ConnectorConfig is GET /connectors/{name}/config.
func (w *Worker) ConnectorConfig(_ context.Context, name string) (map[string]string, error) {
	_, c, err := w.connector(name)
	if err != nil {
		return nil, err
	}
	return c.Config, nil
}

// TaskConfigs is GET /connectors/{name}/tasks.
func (w *Worker) TaskConfigs(_ context.Context, name string) ([]api.TaskInfo, error) {
	snap, c, err := w.connector(name)
	if err != nil {
		return nil, err
	}
	out := []api.TaskInfo{}
	for _, id := range snap.TaskIDs(name) {
		out = append(out, api.TaskInfo{ID: api.TaskID{Connector: id.Connector, Task: id.Task}, Config: c.Tasks[id.Task]})
	}
	return out, nil
}

// ConnectorStatus is GET /connectors/{name}/status.
func (w *Worker) ConnectorStatus(_ context.Context, name string) (*api.ConnectorStatus, error) {
	snap, err := w.snapshot()
	if err != nil {
		return nil, err
	}
	return w.status(snap, name)
}

func (w *Worker) status(snap *cluster.Snapshot, name string) (*api.ConnectorStatus, error) {
	st, ok := w.statuses.Connector(name)
	c := snap.Connectors[name]
	if !ok || c == nil { // statuses of what was deleted linger until the leader has cleaned up
		return nil, cluster.NotFound("No status found for connector %s", name)
	}
	out := &api.ConnectorStatus{Name: name, Type: w.typeOf(c.Config), Connector: api.ConnectorState{
		State: string(st.State), WorkerID: st.WorkerID, Trace: st.Trace, Version: api.Version(st.Version),
	}}
	for _, t := range w.statuses.Tasks(name) {
		if t.ID.Task < len(c.Tasks) {
			out.Tasks = append(out.Tasks, taskStatus(t))
		}
	}
	return out, nil
}

func taskStatus(t storage.TaskStatus) api.TaskStatus {
	return api.TaskStatus{
		ID: t.ID.Task, State: string(t.State), WorkerID: t.WorkerID, Trace: t.Trace, Version: api.Version(t.Version),
	}
}

// TaskStatus is GET /connectors/{name}/tasks/{task}/status.
func (w *Worker) TaskStatus(_ context.Context, id cluster.TaskID) (*api.TaskStatus, error) {
	snap, err := w.snapshot()
	if err != nil {
		return nil, err
	}
	st, ok := w.statuses.Task(id)
	if c := snap.Connectors[id.Connector]; !ok || c == nil || id.Task >= len(c.Tasks) {
		return nil, cluster.NotFound("No status found for task %s", id)
	}
	out := taskStatus(storage.TaskStatus{ID: id, Status: st})
	return &out, nil
}

// ConnectorTopics lists the topics that a connector has used; none for an unknown one, as in Java.
func (w *Worker) ConnectorTopics(_ context.Context, name string) ([]string, error) {
	if !w.ready() {
		return nil, errStarting
	}
	out := []string{}
	for _, t := range w.statuses.Topics(name) {
		out = append(out, t.Topic)
	}
	return out, nil
}

// ResetConnectorTopics forgets them.
func (w *Worker) ResetConnectorTopics(_ context.Context, name string) error {
	if !w.ready() {
		return errStarting
	}
	w.statuses.ResetTopics(name)
	return nil
}

// planRestart works out what a restart request covers, and the status that it leads to. It is false when the connector
// has no status.
func (w *Worker) planRestart(name string, includeTasks, onlyFailed bool) (herder.RestartPlan, *api.ConnectorStatus, bool) {
	plan := herder.RestartPlan{Connector: name}
	status, err := w.status(w.configs.Snapshot(), name)
	if err != nil {
		return plan, nil, false
	}
	covered := func(state string) bool { return !onlyFailed || state == string(cluster.Failed) }
	if covered(status.Connector.State) {
		plan.Self = true
		status.Connector.State = string(cluster.Restarting)
	}
	if includeTasks {
		for i, t := range status.Tasks {
			if covered(t.State) {
				plan.Tasks = append(plan.Tasks, t.ID)
				status.Tasks[i].State = string(cluster.Restarting)
			}
		}
	}
	return plan, status, true
}

// VerifySignature checks a request of another worker, where the group's protocol asks for signatures.
func (w *Worker) VerifySignature(body []byte, signature, algorithm string) error {
	if !w.ready() {
		return errStarting
	}
	if !w.view.get().Signed {
		_, err := api.ReadSignature(signature, algorithm)
		return err
	}
	var key []byte
	if k := w.configs.Snapshot().SessionKey; k != nil {
		key = k.Key
	}
	return api.CheckSignature(body, signature, algorithm, key, w.cfg.Conf.SessionKeys.VerificationAlgorithms)
}

// Loggers lists the levels of this worker's loggers.
func (w *Worker) Loggers() map[string]api.LoggerLevel { return w.cfg.Logs.All() }

// Logger gives one logger's level.
func (w *Worker) Logger(name string) (api.LoggerLevel, bool) { return w.cfg.Logs.Get(name) }

// timedOut words a request that the herder did not answer in time.
func timedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return cluster.Errorf(cluster.CodeTimeout, "Request timed out. The worker is currently %s", "busy or rebalancing")
	}
	return err
}
