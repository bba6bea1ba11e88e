package mirror

import (
	"context"

	"github.com/connectd/connectd/connect"
)

var (
	_ connect.RecordCommitter = (*task)(nil)
	_ connect.Committer       = (*task)(nil)
)

// startSyncs begins to tell where records come to lie, if that is wanted.
func (t *task) startSyncs() (err error) {
	if t.s.syncs.enabled {
		t.syncs, err = startSyncs(t.clients, t.s, t.log, t.parts)
	}
	return err
}

// CommitRecord implements connect.RecordCommitter.
func (t *task) CommitRecord(rec *connect.SourceRecord, md *connect.RecordMetadata) error {
	t.acks.note(rec)
	if md != nil {
		t.delays.written(t.parts, rec)
	}
	// What a transformation sends elsewhere is not in the copy, as little as what it drops.
	if t.syncs != nil && md != nil && md.Partition == rec.Partition && md.Topic == rec.Topic {
		t.syncs.delivered(rec, md.Offset)
	}
	return nil
}

// Commit implements connect.Committer.
func (t *task) Commit(context.Context) error {
	t.marks.stored.Store(true)
	if t.syncs != nil {
		t.syncs.commit()
	}
	return nil
}
