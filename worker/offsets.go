package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/jackson"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/worker/herder"
)

// ConnectorOffsets lists what is stored for a source, or committed by a sink's consumer group, as of now.
func (w *Worker) ConnectorOffsets(ctx context.Context, name string) ([]api.ConnectorOffset, error) {
	_, c, err := w.connector(name)
	if err != nil {
		return nil, err
	}
	o, err := w.offsetsOf(name, c)
	if err != nil {
		return nil, err
	}
	if o.plugin.Type == connect.Sink {
		committed, err := w.cfg.Kafka.GroupOffsets(ctx, o.admin, o.group)
		if err != nil {
			return nil, w.offsetsFailed(err, "Failed to retrieve consumer group offsets for sink connector %s", name)
		}
		return sinkOffsets(committed), nil
	}
	stored, err := o.stored(ctx)
	if err != nil {
		return nil, w.offsetsFailed(err, "Failed to retrieve offsets for source connector %s", name)
	}
	out := make([]api.ConnectorOffset, len(stored))
	for i, p := range stored {
		out[i] = api.ConnectorOffset{Partition: asObject(p.Partition), Offset: asObject(p.Offset)}
	}
	return out, nil
}

// AlterConnectorOffsets changes offsets of a stopped connector, on the leader.
func (w *Worker) AlterConnectorOffsets(ctx context.Context, name string, offsets []api.ConnectorOffset) (string, error) {
	r, err := w.ask(ctx, herder.ChangeOffsets{Name: name, Change: offsets})
	return r.Message, err
}

// ResetConnectorOffsets removes all offsets of a stopped connector, on the leader.
func (w *Worker) ResetConnectorOffsets(ctx context.Context, name string) (string, error) {
	r, err := w.ask(ctx, herder.ChangeOffsets{Name: name, Change: []api.ConnectorOffset(nil)})
	return r.Message, err
}

// offsetChange is one change of a connector's offsets: to those given, or none of them for a reset.
type offsetChange struct {
	w    *Worker
	name string
	// plugin is the connector's, conf its config with references resolved.
	plugin connect.ConnectorPlugin
	conf   map[string]string
	// group is a sink's consumer group, admin the properties of the client to it.
	group string
	admin map[string]string
}

func (w *Worker) offsetsOf(name string, c *cluster.Connector) (*offsetChange, error) {
	conf, err := w.resolve(c.Config)
	if err != nil {
		return nil, err
	}
	p, err := w.cfg.Registry.FindConnector(conf["connector.class"])
	if err != nil { // a bad request when it comes with a config; this one was stored
		return nil, cluster.Errorf(cluster.CodeInternal, "%s", err.Error())
	}
	o := &offsetChange{w: w, name: name, plugin: p, conf: conf}
	if p.Type == connect.Sink {
		o.group = clientconf.TaskConsumerProps(w.cfg.Conf.Raw, conf, name, "")["group.id"]
		o.admin = clientconf.TaskAdminProps(w.cfg.Conf.Raw, conf, "connector-worker-adminclient-"+name)
	}
	return o, nil
}

// modifyOffsets is the effect behind AlterConnectorOffsets and ResetConnectorOffsets. It returns the sentence that tells of
// success.
func (w *Worker) modifyOffsets(ctx context.Context, name string, offsets []api.ConnectorOffset) (string, error) {
	// This worker may lead no longer, and another one may have given the connector tasks.
	snap, err := w.configs.Refresh(ctx)
	if err != nil {
		return "", w.offsetsFailed(err, "Failed to read to end of config topic before modifying connector offsets")
	}
	c := snap.Connectors[name]
	if c == nil {
		return "", cluster.NotFound("Connector %s not found", name)
	}
	if err := herder.MayChangeOffsets(name, c); err != nil {
		return "", err
	}
	o, err := w.offsetsOf(name, c)
	if err != nil {
		return "", err
	}
	var external bool
	switch {
	case o.plugin.Type == connect.Sink && offsets == nil:
		external, err = o.resetSink(ctx)
	case o.plugin.Type == connect.Sink:
		external, err = o.alterSink(ctx, offsets)
	case offsets == nil:
		external, err = o.resetSource(ctx)
	default:
		external, err = o.alterSource(ctx, offsets)
	}
	if err != nil {
		return "", err
	}
	done := "altered"
	if offsets == nil {
		done = "reset"
	}
	w.log.Info("the offsets of a connector were changed", "connector", name, "how", done, "partitions", len(offsets))
	if external {
		return fmt.Sprintf("The offsets for this connector have been %s successfully", done), nil
	}
	return fmt.Sprintf("The Connect framework-managed offsets for this connector have been %[1]s successfully. However, if this connector "+
		"manages offsets externally, they will need to be manually %[1]s in the system that the connector uses.", done), nil
}

func (o *offsetChange) alterSource(ctx context.Context, offsets []api.ConnectorOffset) (bool, error) {
	stored, err := o.stored(ctx)
	if err != nil {
		return false, o.failed(err)
	}
	var list []connect.PartitionOffset
	for _, given := range offsets {
		p, err := sourceOffset(given)
		if err != nil {
			return false, err
		}
		for _, s := range stored {
			if sameEntries(s.Partition, p.Partition) {
				p.Partition = slices.Clone(s.Partition) // found again by its bytes
				break
			}
		}
		if i := slices.IndexFunc(list, func(l connect.PartitionOffset) bool { return sameEntries(l.Partition, p.Partition) }); i >= 0 {
			list[i].Offset = p.Offset // the last one counts
			continue
		}
		list = append(list, p)
	}
	external, err := o.askSource(ctx, list)
	if err != nil {
		return false, err
	}
	return external, o.failed(o.store(ctx, withOtherSpellings(stored, list)))
}

func (o *offsetChange) resetSource(ctx context.Context) (bool, error) {
	stored, err := o.stored(ctx)
	if err != nil {
		return false, o.failed(err)
	}
	list := make([]connect.PartitionOffset, len(stored))
	for i, s := range stored {
		list[i].Partition = slices.Clone(s.Partition)
	}
	external, err := o.askSource(ctx, list)
	if err != nil {
		return false, err
	}
	return external, o.failed(o.removeAll(ctx))
}

func (o *offsetChange) alterSink(ctx context.Context, offsets []api.ConnectorOffset) (bool, error) {
	list := map[connect.TopicPartition]*int64{}
	for _, given := range offsets {
		tp, at, err := sinkOffset(given)
		if err != nil {
			return false, err
		}
		list[tp] = at
	}
	external, err := o.askSink(ctx, list)
	if err != nil {
		return false, err
	}
	for tp, at := range list {
		if at != nil && *at < 0 {
			return false, o.failed(fmt.Errorf("the offset %d of %s-%d is negative", *at, tp.Topic, tp.Partition))
		}
	}
	if !o.w.isMember() {
		return false, errFenced
	}
	err = o.w.cfg.Kafka.AlterGroupOffsets(ctx, o.admin, o.group, list)
	return external, o.groupFailed(err, "alter", "Failed to alter consumer group offsets for connector %s")
}

func (o *offsetChange) resetSink(ctx context.Context) (bool, error) {
	committed, err := o.w.cfg.Kafka.GroupOffsets(ctx, o.admin, o.group)
	if err != nil {
		return false, o.w.offsetsFailed(err, "Failed to list offsets prior to resetting offsets for sink connector %s", o.name)
	}
	list := map[connect.TopicPartition]*int64{}
	for tp := range committed {
		list[tp] = nil
	}
	external, err := o.askSink(ctx, list)
	if err != nil {
		return false, err
	}
	if !o.w.isMember() {
		return false, errFenced
	}
	err = o.w.cfg.Kafka.DeleteGroup(ctx, o.admin, o.group)
	return external, o.groupFailed(err, "reset", "Failed to reset consumer group offsets for sink connector %s")
}

// askSource asks the connector whether the offsets will do. One that has no opinion keeps none elsewhere that it could tell of.
func (o *offsetChange) askSource(ctx context.Context, offsets []connect.PartitionOffset) (bool, error) {
	a, ok := o.plugin.New().(connect.SourceOffsetsAlterer)
	if !ok {
		return false, nil
	}
	return o.asked(ctx, func() (bool, error) { return a.AlterSourceOffsets(ctx, maps.Clone(o.conf), offsets) })
}

func (o *offsetChange) askSink(ctx context.Context, offsets map[connect.TopicPartition]*int64) (bool, error) {
	a, ok := o.plugin.New().(connect.SinkOffsetsAlterer)
	if !ok {
		return false, nil
	}
	return o.asked(ctx, func() (bool, error) { return a.AlterSinkOffsets(ctx, maps.Clone(o.conf), maps.Clone(offsets)) })
}

// asked runs a connector's method, which may panic, or still run when ctx has ended: then it is left to itself, and nothing
// is stored.
func (o *offsetChange) asked(ctx context.Context, method func() (bool, error)) (bool, error) {
	type answer struct {
		external bool
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil {
				a.err = o.failed(fmt.Errorf("connector %s panicked in its alterOffsets method: %v", o.plugin.Class, r))
			}
			answers <- a
		}()
		a.external, a.err = method()
	}()
	select {
	case a := <-answers:
		if errors.Is(a.err, errors.ErrUnsupported) {
			return false, o.w.offsetsFailed(a.err, "Failed to modify offsets for connector %s because it doesn't support external modification of offsets", o.name)
		}
		if a.err != nil {
			return false, cluster.Errorf(cluster.CodeInternal, "%s", a.err.Error())
		}
		return a.external, nil
	case <-ctx.Done():
		return false, o.w.offsetsFailed(ctx.Err(), "Timed out while calling the 'alterOffsets' method for %s connector %s", o.plugin.Type, o.name)
	}
}

// failed is Java's sentence about a failure that has none of its own; nil stays nil.
func (o *offsetChange) failed(err error) error {
	if err == nil {
		return nil
	}
	return o.w.offsetsFailed(err, "Failed to modify offsets for %s connector %s", o.plugin.Type, o.name)
}

// groupFailed words what the group's coordinator answered.
func (o *offsetChange) groupFailed(err error, verb, otherwise string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, client.ErrGroupNotEmpty):
		return o.w.offsetsFailed(err, "Failed to %[1]s consumer group offsets for connector %[2]s either because its tasks "+
			"haven't stopped completely yet or the connector was resumed before the request to %[1]s its offsets could be successfully "+
			"completed. If the connector is in a stopped state, this operation can be safely retried. If it doesn't eventually succeed, the "+
			"Connect cluster may need to be restarted to get rid of the zombie sink tasks.", verb, o.name)
	}
	return o.w.offsetsFailed(err, otherwise, o.name)
}

// offsetsFailed answers in Java's words, which leave out the cause; the log has it.
func (w *Worker) offsetsFailed(cause error, format string, args ...any) error {
	if errors.Is(cause, errFenced) {
		return errFenced
	}
	e := cluster.Errorf(cluster.CodeInternal, format, args...)
	w.log.Error(e.Message, "error", cause)
	return e
}

// sinkOffsets are a group's offsets as the API has them, in order of topic and partition.
func sinkOffsets(committed map[connect.TopicPartition]int64) []api.ConnectorOffset {
	tps := slices.SortedFunc(maps.Keys(committed), func(a, b connect.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	out := make([]api.ConnectorOffset, len(tps))
	for i, tp := range tps {
		out[i] = api.ConnectorOffset{
			Partition: jackson.Object{{Key: sinkPartition, Value: int64(tp.Partition)}, {Key: sinkTopic, Value: tp.Topic}},
			Offset:    jackson.Object{{Key: sinkOffsetKey, Value: committed[tp]}},
		}
	}
	return out
}
