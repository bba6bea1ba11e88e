package worker

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/worker/herder"
)

// ask has the herder serve a request.
func (w *Worker) ask(ctx context.Context, op herder.Op) (herder.Result, error) {
	if !w.ready() {
		return herder.Result{}, errStarting
	}
	r, err := w.loop.ask(ctx, op)
	return r, timedOut(err)
}

// PutConnectorConfig validates a config, and has the leader write it.
func (w *Worker) PutConnectorConfig(ctx context.Context, name string, conf map[string]string, initial cluster.TargetState,
	allowReplace bool,
) (bool, *api.ConnectorInfo, error) {
	if err := w.validConfig(ctx, conf); err != nil {
		return false, nil, err
	}
	r, err := w.ask(ctx, herder.PutConnector{Name: name, Config: conf, Target: initial, AllowReplace: allowReplace})
	if err != nil {
		return false, nil, err
	}
	return r.Created, w.info(name, conf, r.Tasks), nil
}

// validConfig refuses a config with errors, in the sentence that Java's clients know.
func (w *Worker) validConfig(ctx context.Context, conf map[string]string) error {
	infos, err := w.validate(ctx, conf)
	if err != nil {
		return err
	}
	return infos.InvalidConfig()
}

// PatchConnectorConfig changes some keys of the config that the leader has.
func (w *Worker) PatchConnectorConfig(ctx context.Context, name string, patch map[string]*string) (*api.ConnectorInfo, error) {
	if v := w.view.get(); v.Joined && !v.IsLeader {
		return nil, &cluster.NotLeader{LeaderURL: v.LeaderURL}
	}
	_, c, err := w.connector(name)
	if err != nil {
		return nil, err
	}
	conf := maps.Clone(c.Config)
	for k, v := range patch {
		if v == nil {
			delete(conf, k)
		} else {
			conf[k] = *v
		}
	}
	if err := w.validConfig(ctx, conf); err != nil {
		return nil, err
	}
	r, err := w.ask(ctx, herder.PatchConnector{Name: name, Base: c.Config, Config: conf})
	if err != nil {
		return nil, err
	}
	return w.info(name, conf, r.Tasks), nil
}

// DeleteConnector removes a connector. What it copied stays.
func (w *Worker) DeleteConnector(ctx context.Context, name string) error {
	_, err := w.ask(ctx, herder.DeleteConnector{Name: name})
	return err
}

// SetTargetState pauses, resumes or stops a connector.
func (w *Worker) SetTargetState(ctx context.Context, name string, state cluster.TargetState) error {
	_, err := w.ask(ctx, herder.SetTarget{Name: name, Target: state})
	return err
}

// RestartConnector restarts a connector without its tasks.
func (w *Worker) RestartConnector(ctx context.Context, name string) error {
	_, err := w.ask(ctx, herder.RestartWork{Work: herder.Work{Connector: name, Task: herder.Itself}})
	return err
}

// RestartTask restarts one task.
func (w *Worker) RestartTask(ctx context.Context, id cluster.TaskID) error {
	if id.Task < 0 { // the herder's number for the connector itself
		if _, _, err := w.connector(id.Connector); errors.Is(err, errStarting) {
			return err
		} else if err != nil {
			return cluster.NotFound("Unknown connector: %s", id.Connector)
		}
		return cluster.NotFound("Unknown task: %s", id)
	}
	_, err := w.ask(ctx, herder.RestartWork{Work: id})
	return err
}

// RestartConnectorAndTasks has all workers restart their part of a connector, and gives the status that this leads to.
func (w *Worker) RestartConnectorAndTasks(ctx context.Context, name string, onlyFailed, includeTasks bool) (*api.ConnectorStatus, error) {
	if !w.ready() {
		return nil, errStarting
	}
	_, status, ok := w.planRestart(name, includeTasks, onlyFailed)
	if _, err := w.ask(ctx, herder.RequestRestart{Name: name, IncludeTasks: includeTasks, OnlyFailed: onlyFailed}); err != nil {
		return nil, err
	}
	if !ok {
		return nil, cluster.NotFound("Status for connector %s not found", name)
	}
	return status, nil
}

// PutTaskConfigs takes task configs from the worker that runs the connector.
func (w *Worker) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error {
	_, err := w.ask(ctx, herder.PutTaskConfigs{Name: name, Configs: configs})
	return err
}

// FenceZombies has producers of a connector's earlier tasks fenced off, for another worker that is about to start new ones.
func (w *Worker) FenceZombies(ctx context.Context, name string) error {
	_, err := w.ask(ctx, herder.FenceZombies{Name: name})
	return err
}

// SetLogger sets a level here or on all workers.
func (w *Worker) SetLogger(ctx context.Context, name, level string, clusterScope bool) ([]string, error) {
	level = strings.ToUpper(level)
	if !KnownLevel(level) {
		return nil, cluster.NotFound("invalid log level '%s'.", level)
	}
	if !clusterScope {
		return w.cfg.Logs.Set(name, level), nil
	}
	if !w.ready() {
		return nil, errStarting
	}
	return nil, w.configs.PutLoggerLevel(ctx, configlog.LoggerLevel{Logger: name, Level: level})
}
