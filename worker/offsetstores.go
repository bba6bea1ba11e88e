package worker

import (
	"context"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage"
)

// keptAt opens where the connector's offsets are kept.
func (o *offsetChange) keptAt(ctx context.Context) (*connectorOffsets, error) {
	return o.w.offsetsFor(ctx, o.name, o.conf, o.w.producerProps(cluster.TaskID{Connector: o.name}, o.plugin, o.conf))
}

// stored lists a source's offsets.
func (o *offsetChange) stored(ctx context.Context) ([]storage.Pair, error) {
	kept, err := o.keptAt(ctx)
	if err != nil {
		return nil, err
	}
	defer kept.done()
	return kept.list(ctx, o.name)
}

// store writes offsets.
func (o *offsetChange) store(ctx context.Context, pairs []storage.Pair) error {
	kept, err := o.keptAt(ctx)
	if err != nil {
		return err
	}
	defer kept.done()
	all, err := storage.OffsetRecords(o.name, pairs)
	if err != nil {
		return err
	}
	var removed, rest []storage.KV
	for _, kv := range all {
		if kv.Value == nil {
			removed = append(removed, kv)
		} else {
			rest = append(rest, kv)
		}
	}
	return o.write(ctx, kept, removed, all, rest)
}

// removeAll removes all offsets, by their keys as they stand in the topics.
func (o *offsetChange) removeAll(ctx context.Context) error {
	kept, err := o.keptAt(ctx)
	if err != nil {
		return err
	}
	defer kept.done()
	all, err := o.w.offsets.Removals(ctx, o.name)
	if err != nil {
		return err
	}
	if kept.own == nil {
		return o.write(ctx, kept, nil, all, nil)
	}
	own, err := kept.own.Removals(ctx, o.name)
	if err != nil {
		return err
	}
	return o.write(ctx, kept, all, own, nil)
}

// write writes records to the connector's topic: in a transaction of its first task, where tasks deliver exactly once. If that is its
// own one, the worker's gets some before and some behind that.
func (o *offsetChange) write(ctx context.Context, kept *connectorOffsets, before, all, behind []storage.KV) error {
	own := kept.own
	if own == nil {
		before, behind, own = nil, nil, o.w.offsets
	}
	if !o.w.isMember() {
		return errFenced
	}
	if err := o.w.offsets.Append(ctx, o.name, before); err != nil {
		return err
	}
	var err error
	switch {
	case !o.w.cfg.Conf.ExactlyOnce.Enabled():
		err = own.Append(ctx, o.name, all)
	case len(all) > 0:
		err = o.storeInTransaction(ctx, kept.topic, all)
	}
	if err != nil {
		return err
	}
	return o.w.offsets.Append(ctx, o.name, behind)
}
