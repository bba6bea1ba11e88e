package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

const (
	// groupsAtOnce is how many groups are looked at before those among them that lag are committed: the longer a look lies
	// back, the more can have happened since.
	groupsAtOnce = 200
	// commitsAtOnce is how many groups are committed at the same time.
	commitsAtOnce = 8
)

// syncOnce commits translated positions on the target for groups that have no members there. If the source does not answer,
// what was known last is committed: it may be what a failover waits for.
func (t *checkpointTask) syncOnce(ctx context.Context) error {
	wanted, err := t.wanted(ctx)
	if err != nil {
		t.log.Warn("the positions of consumer groups can't be translated; the target gets those of before", "error", err)
	}
	idle, err := t.idle(ctx, wanted)
	if err != nil {
		return fmt.Errorf("target cluster %s: %w", t.s.target, err)
	}
	for some := range slices.Chunk(idle, groupsAtOnce) {
		if err := t.commitSome(ctx, some, wanted); err != nil {
			return fmt.Errorf("target cluster %s: %w", t.s.target, err)
		}
	}
	return nil
}

// wanted gives the newest checkpoints, without positions that groups no longer have on the source.
func (t *checkpointTask) wanted(ctx context.Context) (checkpoints, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := t.look(ctx)
	out := t.newest.clone()
	for g, has := range t.present {
		maps.DeleteFunc(out[g], func(tp connect.TopicPartition, _ offsetsync.Checkpoint) bool { return !has[tp] })
	}
	return out, err
}

// idle lists the groups without members on the target.
func (t *checkpointTask) idle(ctx context.Context, wanted checkpoints) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.s.adminTimeout)
	defer cancel()
	there, err := t.target.Groups(ctx)
	if err != nil {
		return nil, err
	}
	var idle []string
	for _, g := range t.groups {
		state, has := there[g]
		switch {
		case has && !state.Idle():
			delete(t.wrote, g) // positions are the group's own now
		case len(wanted[g]) > 0:
			idle = append(idle, g)
		}
	}
	return idle, nil
}

// commitSome brings some groups up to date. What fails for single groups does not keep it from the others.
func (t *checkpointTask) commitSome(ctx context.Context, groups []string, wanted checkpoints) error {
	ctx, cancel := context.WithTimeout(ctx, t.s.adminTimeout)
	defer cancel()
	at, failed := t.target.Offsets(ctx, groups)
	var mu sync.Mutex // of failed and wrote
	var work errgroup.Group
	work.SetLimit(commitsAtOnce)
	lack := map[string]map[connect.TopicPartition]client.GroupOffset{}
	for g, offsets := range at {
		if lacking := due(wanted[g], t.wrote[g], offsets); len(lacking) > 0 {
			lack[g] = lacking
		}
	}
	for g, lacking := range lack {
		work.Go(func() error {
			refused, err := t.target.Commit(ctx, g, lacking)
			mu.Lock()
			defer mu.Unlock()
			t.committed(g, lacking, wanted[g], refused, err)
			if err == nil {
				for tp, e := range refused {
					err = fmt.Errorf("%s-%d: %w", tp.Topic, tp.Partition, e)
				}
			}
			if err != nil {
				failed[g] = err
			}
			return nil
		})
	}
	_ = work.Wait() // errors are in failed
	return t.blame(ctx, failed)
}

// committed notes what is on the target now.
func (t *checkpointTask) committed(group string, lacking map[connect.TopicPartition]client.GroupOffset, wanted map[connect.TopicPartition]offsetsync.Checkpoint, refused map[connect.TopicPartition]error, err error) {
	if err != nil {
		return
	}
	for tp := range lacking {
		if refused[tp] == nil {
			t.wrote.put(wanted[tp])
		}
	}
	t.log.Debug("positions of a consumer group were committed on the target", "group", group, "partitions", len(lacking)-len(refused))
}

// blame tells of groups that could not be committed: of each that has members by now, and of one of the others.
func (t *checkpointTask) blame(ctx context.Context, failed map[string]error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	told := false
	for g, err := range failed {
		switch {
		case errors.Is(err, client.ErrGroupNotEmpty):
			t.log.Info("a consumer group has members on the target by now; its positions there are left alone", "group", g)
		case !told:
			told = true
			t.log.Warn("the positions of a consumer group can't be committed on the target", "group", g, "groups", len(failed), "error", err)
		}
	}
	return nil
}
