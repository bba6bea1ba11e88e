package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/worker/herder"
	"github.com/connectd/connectd/worker/task"
)

// Bounds of effects that nothing else bounds.
const (
	// generateTimeout is how long a connector may take to generate task configs. Java has no bound, and one slow
	// connector then holds up the whole worker; here it only delays itself.
	generateTimeout = 2 * time.Minute
	forwardTimeout  = 90 * time.Second
)

// do carries out an effect without waiting for its outcome. The loop calls it.
func (w *Worker) do(e herder.Effect) {
	switch e := e.(type) {
	case herder.Join:
		w.member.Join(e.Completed, e.Offers, e.Reason)
	case herder.Sync:
		w.member.Sync(e.Generation, e.Assignments)
	case herder.Leave:
		w.member.Leave(e.Reason)
	case herder.ReadConfigToEnd:
		w.async(e.Timeout, func(ctx context.Context) herder.Event {
			_, err := w.configs.Refresh(ctx)
			return herder.ReadToEnd{Err: err}
		})
	case herder.Write:
		w.async(w.cfg.Conf.WorkerSyncTimeout+forwardTimeout, func(ctx context.Context) herder.Event {
			return herder.ConfigWritten{Err: w.write(ctx, e.Records)}
		})
	case herder.StartWork:
		w.startWork(e)
	case herder.StopWork:
		if r := w.runner(e.Work, e.Incarnation); r != nil {
			w.runnersMu.Lock()
			delete(w.runners, e.Work)
			w.runnersMu.Unlock()
			r.requestStop()
		}
	case herder.SetWorkTarget:
		if r := w.runner(e.Work, e.Incarnation); r != nil {
			r.setTarget(e.Target)
		}
	case herder.ReconfigureTask:
		if r := w.runner(e.Work, e.Incarnation); r != nil {
			w.reconfigure(r, e.Config)
		}
	case herder.GenerateTaskConfigs:
		w.generate(e)
	case herder.ForwardTaskConfigs:
		w.async(forwardTimeout, func(ctx context.Context) herder.Event {
			return herder.TaskConfigsForwarded{Connector: e.Connector, Incarnation: e.Incarnation, Err: w.forward(ctx, e)}
		})
	case herder.ModifyOffsets:
		w.async(forwardTimeout, func(ctx context.Context) herder.Event {
			change, _ := e.Change.([]api.ConnectorOffset)
			message, err := w.modifyOffsets(ctx, e.Connector, change)
			return herder.OffsetsModified{Connector: e.Connector, Message: message, Err: err}
		})
	case herder.ClaimWrites, herder.RelinquishWrites, herder.RequestFencing, herder.FenceTasks:
		w.doExactlyOnce(e)
	case herder.WriteStatus:
		w.writeStatus(e)
	case herder.CleanStatuses:
		w.cleanStatuses(e.Snapshot)
	}
}

// async runs f off the loop and posts its outcome.
func (w *Worker) async(timeout time.Duration, f func(context.Context) herder.Event) {
	w.effects.Go(func() {
		ctx, cancel := context.WithTimeout(w.life, timeout)
		defer cancel()
		w.loop.post(f(ctx))
	})
}

func (w *Worker) runner(id herder.Work, inc herder.Incarnation) *runner {
	if r := w.runners[id]; r != nil && r.inc == inc {
		return r
	}
	return nil
}

func (w *Worker) startWork(e herder.StartWork) {
	r := newRunner(e, w.cfg.Conf.TaskShutdownGracefulTimeout, w.loop.post)
	r.build = func(ctx context.Context, target cluster.TargetState, report task.Report) (task.Handle, error) {
		return w.build(ctx, e, target, report)
	}
	r.began = func(ok bool) { w.meter.started(e.Work, ok, time.Now()) }
	w.runnersMu.Lock()
	w.runners[e.Work] = r
	w.runnersMu.Unlock()
	w.effects.Go(func() { r.run(w.life) })
}

func (w *Worker) generate(e herder.GenerateTaskConfigs) {
	outcome := func(configs []map[string]string, err error) {
		w.loop.post(herder.TaskConfigsGenerated{
			Connector: e.Connector, Incarnation: e.Incarnation, Configs: configs, Err: err,
			NotRunning: errors.Is(err, task.ErrNotRunning), Permanent: errors.Is(err, errTooManyTasks),
		})
	}
	r := w.runner(herder.Work{Connector: e.Connector, Task: herder.Itself}, e.Incarnation)
	if r == nil {
		w.effects.Go(func() { outcome(nil, task.ErrNotRunning) })
		return
	}
	w.effects.Go(func() {
		ctx, cancel := context.WithTimeout(w.life, generateTimeout)
		defer cancel()
		c, ok := r.running(ctx).(*task.Connector)
		if !ok {
			outcome(nil, task.ErrNotRunning)
			return
		}
		conf, err := w.resolve(e.Config)
		if err != nil {
			outcome(nil, err)
			return
		}
		maximum := tasksMax(conf)
		done := make(chan struct{})
		c.GenerateTaskConfigs(ctx, maximum, func(configs []map[string]string, err error) {
			defer close(done)
			if err == nil {
				configs, err = w.completeTaskConfigs(e.Connector, e.Config, conf, maximum, configs)
			}
			outcome(configs, err)
		})
		<-done
	})
}

// errTooManyTasks is a generation that asking again does not mend (KIP-1004).
var errTooManyTasks = errors.New("too many tasks")

// completeTaskConfigs adds what the worker itself puts into task configs, as Java does. conf is raw with references
// resolved; they go back into the task configs, so that no secret reaches the config topic or GET /connectors/x/tasks.
func (w *Worker) completeTaskConfigs(name string, raw, conf map[string]string, maximum int, configs []map[string]string) ([]map[string]string, error) {
	if len(configs) > maximum && !strings.EqualFold(strings.TrimSpace(conf["tasks.max.enforce"]), "false") {
		return nil, fmt.Errorf("%w: The connector %s has generated %d tasks, which is greater than %d, the maximum number of tasks "+
			"it is configured to create. ", errTooManyTasks, name, len(configs), maximum)
	}
	p, err := w.cfg.Registry.FindConnector(conf["connector.class"])
	if err != nil {
		return nil, err
	}
	out := make([]map[string]string, len(configs))
	for i, c := range configs {
		t := make(map[string]string, len(c)+3)
		for k, v := range c {
			t[k] = v
		}
		t["task.class"] = p.TaskClass
		if topics, ok := conf["topics"]; ok {
			t["topics"] = topics
		}
		if regex, ok := conf["topics.regex"]; ok {
			t["topics.regex"] = regex
		}
		for k, v := range raw {
			if _, has := t[k]; has && v != conf[k] {
				t[k] = v
			}
		}
		out[i] = t
	}
	return out, nil
}

func tasksMax(conf map[string]string) int {
	if n, err := strconv.Atoi(strings.TrimSpace(conf["tasks.max"])); err == nil && n > 0 {
		return n
	}
	return 1
}

// write appends records and reads them back.
func (w *Worker) write(ctx context.Context, records []herder.ConfigRecord) error {
	for _, r := range records {
		if err := w.writeRecord(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) writeRecord(ctx context.Context, r herder.ConfigRecord) error {
	switch r := r.(type) {
	case herder.ConnectorRecord:
		var target *cluster.TargetState
		if r.Target != "" {
			target = &r.Target
		}
		return w.configs.PutConnector(ctx, r.Name, r.Config, target)
	case herder.RemoveRecord:
		return w.configs.RemoveConnector(ctx, r.Name)
	case herder.TasksRecord:
		return w.configs.PutTaskConfigs(ctx, r.Name, r.Configs)
	case herder.TargetRecord:
		return w.configs.PutTargetState(ctx, r.Name, r.Target)
	case herder.RestartRecord:
		return w.configs.PutRestart(ctx, configlog.Restart{Connector: r.Name, IncludeTasks: r.IncludeTasks, OnlyFailed: r.OnlyFailed})
	case herder.TaskCountRecord:
		return w.configs.PutTaskCount(ctx, r.Name, r.Tasks)
	case herder.SessionKeyRecord:
		return w.configs.PutSessionKey(ctx, w.newSessionKey())
	}
	return fmt.Errorf("a %T cannot be written to the config topic", r)
}

func (w *Worker) newSessionKey() cluster.SessionKey {
	keys := w.cfg.Conf.SessionKeys
	key := make([]byte, (keys.KeyBits+7)/8)
	_, _ = rand.Read(key) // never fails
	return cluster.SessionKey{Key: key, Algorithm: keys.KeyAlgorithm, CreatedMs: time.Now().UnixMilli()}
}

func (w *Worker) writeStatus(e herder.WriteStatus) {
	s := cluster.Status{
		State: e.State, Trace: e.Trace, WorkerID: w.id, Generation: e.Generation, Version: w.versionOf(e.Work.Connector),
	}
	if e.Work.Task == herder.Itself {
		w.statuses.PutConnector(e.Work.Connector, s)
		return
	}
	w.statuses.PutTask(e.Work, s)
}

// versionOf is the version of a connector's plugin, empty when its class is not known.
func (w *Worker) versionOf(name string) string {
	c := w.configs.Snapshot().Connectors[name]
	if c == nil {
		return ""
	}
	p, err := w.cfg.Registry.FindConnector(c.Config["connector.class"])
	if err != nil {
		return ""
	}
	return p.Version
}

// forward hands task configs to the leader.
func (w *Worker) forward(ctx context.Context, e herder.ForwardTaskConfigs) error {
	if !w.isMember() {
		return errFenced
	}
	if f := w.cfg.Flow; f != nil {
		if !f.reaches(e.LeaderURL) {
			return w.configs.PutTaskConfigs(ctx, e.Connector, e.Configs)
		}
		e.LeaderURL = strings.TrimRight(e.LeaderURL, "/") + f.Path
	}
	return w.peer.PostTaskConfigs(ctx, e.LeaderURL, e.Connector, e.Configs, w.sign)
}

// cleanStatuses removes statuses of what does not exist any more, and which topics it used.
func (w *Worker) cleanStatuses(snap *cluster.Snapshot) {
	for _, name := range w.statuses.TopicUsers() {
		if snap.Connectors[name] == nil && w.cfg.Conf.TopicTrackingEnable {
			w.statuses.ResetTopics(name)
		}
	}
	for _, name := range w.statuses.Connectors() {
		if snap.Connectors[name] == nil {
			w.statuses.DeleteConnector(name)
			continue
		}
		for _, t := range w.statuses.Tasks(name) {
			if t.ID.Task >= len(snap.Connectors[name].Tasks) {
				w.statuses.DeleteTask(t.ID)
			}
		}
	}
}

// sign signs a request to another worker, where the group's protocol asks for it.
func (w *Worker) sign(body []byte) (signature, algorithm string, signed bool, err error) {
	if !w.view.get().Signed {
		return "", "", false, nil
	}
	key := w.configs.Snapshot().SessionKey
	if key == nil {
		return "", "", false, errors.New("no session key has been distributed yet")
	}
	algorithm = w.cfg.Conf.SessionKeys.SignatureAlgorithm
	signature, err = api.Sign(key.Key, algorithm, body)
	return signature, algorithm, true, err
}
