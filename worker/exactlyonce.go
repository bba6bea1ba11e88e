package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/worker/herder"
	"github.com/connectd/connectd/worker/task"
)

// isSource tells whether a connector of this config is a source.
func (w *Worker) isSource(conf map[string]string) bool {
	p, err := w.cfg.Registry.FindConnector(conf["connector.class"])
	return err == nil && p.Type == connect.Source
}

// transactionalID names the producer of a task, as Java workers do: tasks of both fence off each other.
func (w *Worker) transactionalID(connector string, task int) string {
	return w.cfg.Conf.GroupID + "-" + connector + "-" + strconv.Itoa(task)
}

// doExactlyOnce carries out the effects that have to do with exactly-once support.
func (w *Worker) doExactlyOnce(e herder.Effect) {
	switch e := e.(type) {
	case herder.ClaimWrites:
		wait, done := w.inTurn()
		w.async(forwardTimeout, func(ctx context.Context) herder.Event {
			wait()
			defer done()
			return herder.WritesClaimed{Err: w.configs.Claim(ctx)}
		})
	case herder.RelinquishWrites:
		wait, done := w.inTurn()
		w.effects.Go(func() {
			wait()
			defer done()
			w.configs.Relinquish()
		})
	case herder.RequestFencing:
		w.async(forwardTimeout, func(ctx context.Context) herder.Event {
			return herder.FencingRequested{Connector: e.Connector, Round: e.Round, Err: w.requestFencing(ctx, e)}
		})
	case herder.FenceTasks:
		w.async(forwardTimeout, func(ctx context.Context) herder.Event {
			return herder.TasksFenced{Connector: e.Connector, Round: e.Round, Err: w.fenceTasks(ctx, e)}
		})
	}
}

// inTurn orders what is done about the leader's privilege: wait waits for the one before, done lets the next one go.
func (w *Worker) inTurn() (wait, done func()) {
	before, own := w.privilege, make(chan struct{})
	w.privilege = own
	return func() {
		if before != nil {
			<-before
		}
	}, func() { close(own) }
}

// fenceTasks fences off the producers that a connector's earlier tasks may still have, as the connector's principal.
func (w *Worker) fenceTasks(ctx context.Context, e herder.FenceTasks) error {
	if !w.isMember() {
		return errFenced
	}
	conf, err := w.resolve(e.Config)
	if err != nil {
		return err
	}
	ids := make([]string, e.Tasks)
	for i := range ids {
		ids[i] = w.transactionalID(e.Connector, i)
	}
	admin := clientconf.TaskAdminProps(w.cfg.Conf.Raw, conf, "connector-worker-adminclient-"+e.Connector)
	return w.cfg.Kafka.FenceProducers(ctx, admin, ids)
}

// requestFencing asks the leader for a round of fencing.
func (w *Worker) requestFencing(ctx context.Context, e herder.RequestFencing) error {
	if !w.isMember() {
		return errFenced
	}
	if f := w.cfg.Flow; f != nil {
		if !f.reaches(e.LeaderURL) {
			return cluster.Errorf(cluster.CodeInternal, "%s", "This worker is not able to communicate with the leader of the cluster, which is required for exactly-once "+
				"source tasks. If running MirrorMaker 2 in dedicated mode, consider enabling inter-worker communication via the "+
				"'dedicated.mode.enable.internal.rest' property.")
		}
		e.LeaderURL = strings.TrimRight(e.LeaderURL, "/") + f.Path
	}
	return w.peer.PutFence(ctx, e.LeaderURL, e.Connector, w.sign)
}

// transactions is what a source task needs to deliver exactly once, nil where it does not.
func (b *taskBuild) transactions(offsets *connectorOffsets) (*task.Transactions, error) {
	if !b.w.cfg.Conf.ExactlyOnce.Enabled() {
		return nil, nil
	}
	t := &task.Transactions{
		Boundary: task.Boundary(strings.ToLower(strings.TrimSpace(b.conf["transaction.boundary"]))),
		Topic:    offsets.topic, Before: b.current, After: b.current, Stored: offsets.stored(b.id.Connector),
		Encode: func(pairs []task.OffsetPair) ([]client.KV, error) {
			return storage.OffsetRecords(b.id.Connector, storagePairs(pairs))
		},
	}
	if text := strings.TrimSpace(b.conf["transaction.boundary.interval.ms"]); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil || ms < 0 {
			return nil, fmt.Errorf("transaction.boundary.interval.ms=%q is not a whole number of milliseconds", text)
		}
		t.Interval = max(time.Millisecond, time.Duration(ms)*time.Millisecond)
	}
	return t, nil
}

// current looks into the config topic whether a task is still to run as it was started.
func (b *taskBuild) current(ctx context.Context) error {
	snap, err := b.w.configs.Refresh(ctx)
	if err != nil {
		return fmt.Errorf("looking whether the task's configs are the newest: %w", err)
	}
	c := snap.Connectors[b.id.Connector]
	if c == nil || c.Target == cluster.TargetStopped || c.TasksOffset != b.tasksOffset || c.FencingPending || !b.member() {
		return task.ErrOutdated
	}
	return nil
}

// storeInTransaction writes offsets of a stopped connector by the producer that its first task would have.
func (o *offsetChange) storeInTransaction(ctx context.Context, topic string, kvs []client.KV) error {
	id := cluster.TaskID{Connector: o.name}
	props := clientconf.TransactionalProducerProps(o.w.cfg.Conf.Raw, o.conf, "connector-producer-"+id.String(),
		o.w.transactionalID(o.name, 0), o.plugin.ProducerDefaults)
	p, err := o.w.cfg.Kafka.NewProducer(props, func([]client.Delivery) {})
	if err != nil {
		return err
	}
	defer p.Close()
	t, can := p.(client.Transactional)
	if !can {
		return errors.New("the producer cannot write in transactions")
	}
	if err := t.Init(ctx); err != nil {
		return err
	}
	if err := t.Begin(); err != nil {
		return err
	}
	recs := make([]client.ProducerRecord, len(kvs))
	for i, kv := range kvs {
		recs[i] = client.ProducerRecord{
			Seq: uint64(i + 1), Topic: topic, Partition: connect.NoPartition, Key: kv.Key, Value: kv.Value, TimestampMs: -1,
		}
	}
	err = p.Send(ctx, recs)
	if err == nil {
		err = t.Commit(ctx)
	}
	if err != nil {
		return errors.Join(err, t.Abort(ctx))
	}
	return nil
}
