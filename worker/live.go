package worker

import (
	"context"

	"github.com/connectd/connectd/worker/task"
)

// live tells whether a property of a connector takes effect in its running tasks.
func (w *Worker) live(conf map[string]string, property string) bool {
	p, err := w.cfg.Registry.FindConnector(conf["connector.class"])
	return err == nil && p.Live != nil && p.Live(property)
}

// reconfigure hands a running task its connector's new config. Of several in a row only the last may arrive.
func (w *Worker) reconfigure(r *runner, conf map[string]string) {
	r.mu.Lock()
	r.conf = conf
	r.mu.Unlock()
	w.effects.Go(func() {
		r.reconfiguring.Lock()
		defer r.reconfiguring.Unlock()
		r.mu.Lock()
		conf := r.conf
		r.conf = nil
		r.mu.Unlock()
		if conf == nil {
			return // an earlier one has seen to it
		}
		w.handOver(r, conf)
	})
}

func (w *Worker) handOver(r *runner, conf map[string]string) {
	ctx, cancel := context.WithTimeout(w.life, generateTimeout)
	defer cancel()
	source, ok := r.running(ctx).(*task.Source)
	if !ok {
		return
	}
	conf, err := w.resolve(conf)
	if err != nil {
		w.log.Error("A task goes on with its connector's old config", "task", r.work.String(), "error", err)
		return
	}
	source.Reconfigure(conf)
}
