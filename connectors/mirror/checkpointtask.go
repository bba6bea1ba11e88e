package mirror

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
)

// checkpointTask translates the positions of some groups: it writes checkpoints, and commits the positions on the target.
type checkpointTask struct {
	clients Clients
	s       *checkpointSettings
	log     *slog.Logger
	notes   *reasons
	groups  []string
	topic   string // of checkpoints

	source, target GroupAdmin
	logs           []Logs
	where          *translation

	life   context.Context // ends with Stop
	cancel context.CancelFunc
	work   sync.WaitGroup
	loaded chan struct{} // closed when the checkpoints of before are known
	first  bool          // nothing was polled yet

	mu      sync.Mutex // held by who looks at the groups
	newest  checkpoints
	pending checkpoints                                // that Poll has not handed on yet
	present map[string]map[connect.TopicPartition]bool // what groups had on the source when it was last asked; nil if that failed

	wrote checkpoints // what was committed on the target, for run

	delays checkpointDelays
}

// Start implements connect.SourceTask. It waits for no broker: topics are read beside Poll.
func (t *checkpointTask) Start(_ context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	s, err := parseCheckpoint(props)
	if err != nil {
		return err
	}
	s.asTask()
	t.s, t.log, t.groups = s, tc.Logger(), taskGroups(props)
	t.notes = newReasons(tc)
	t.topic = s.policy.checkpointsTopic(s.source)
	t.where = newTranslation(t.log)
	t.newest, t.pending, t.wrote = checkpoints{}, checkpoints{}, checkpoints{}
	t.loaded, t.first = make(chan struct{}), true
	t.life, t.cancel = context.WithCancel(context.Background())
	if t.source, err = t.clients.Groups(s.clientProps("source", "admin", "checkpoint-source-admin")); err != nil {
		return fmt.Errorf("source.cluster.*: %w", err)
	}
	if t.target, err = t.clients.Groups(s.clientProps("target", "admin", "checkpoint-target-admin")); err != nil {
		return fmt.Errorf("target.cluster.*: %w", err)
	}
	saved, err := t.follower("target", "checkpoints-target-consumer", "checkpoint-target-admin")
	if err != nil {
		return err
	}
	side, alias := s.syncsSide()
	told, err := t.follower(side, "offset-syncs-"+side+"-consumer", "offset-syncs-"+side+"-admin")
	if err != nil {
		return err
	}
	t.work.Go(func() { t.where.run(t.life, told, s.policy.offsetSyncsTopic(alias), s.policy.piecesTopic(alias)) })
	t.work.Go(func() { t.run(t.life, saved) })
	t.log.Info("a checkpoint task begins", "groups", len(t.groups))
	return nil
}

// follower opens what reads internal topics on one side.
func (t *checkpointTask) follower(side, consumer, admin string) (*follower, error) {
	logs, err := t.clients.Logs(t.s.clientProps(side, "consumer", consumer), t.s.clientProps(side, "admin", admin))
	if err != nil {
		return nil, fmt.Errorf("%s.cluster.*: %w", side, err)
	}
	t.logs = append(t.logs, logs)
	cluster := t.target
	if side == "source" {
		cluster = t.source
	}
	return &follower{logs: logs, cluster: cluster, timeout: t.s.adminTimeout, log: t.log}, nil
}

// Stop implements connect.SourceTask.
func (t *checkpointTask) Stop() error {
	if t.cancel == nil {
		return nil
	}
	t.cancel()
	t.work.Wait()
	t.mu.Lock() // Poll has seen the end of life
	defer t.mu.Unlock()
	for _, l := range t.logs {
		l.Close()
	}
	for _, g := range []GroupAdmin{t.source, t.target} {
		if g != nil {
			g.Close()
		}
	}
	return nil
}

// run reads the checkpoints of before, then commits on the target now and then.
func (t *checkpointTask) run(ctx context.Context, saved *follower) {
	if !t.load(ctx, saved) {
		return
	}
	t.mu.Lock()
	t.logs = slices.DeleteFunc(t.logs, func(l Logs) bool { return l == saved.logs })
	t.mu.Unlock()
	saved.logs.Close() // it is read once only
	if t.s.sync == 0 {
		return
	}
	tick := time.NewTicker(t.s.sync)
	defer tick.Stop()
	for ctx.Err() == nil {
		err := t.syncOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.log.Warn("committing translated positions on the target failed; it will be tried again", "error", err)
		}
		t.notes.set(whileCommitting, err)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// load reads the checkpoints of before, again until that works.
func (t *checkpointTask) load(ctx context.Context, saved *follower) bool {
	var found checkpoints
	load := func() (err error) {
		found, err = saved.loadCheckpoints(ctx, t.topic, t.groups)
		return err
	}
	if !retry(ctx, load, func(wait time.Duration, err error) {
		t.notes.set(whileLoading, fmt.Errorf("target cluster %s: the checkpoints of before can't be read: %w", t.s.target, err))
		t.log.Warn("the checkpoints of before can't be read, so there are no new ones", "retry in", wait, "error", err)
	}) {
		return false
	}
	t.mu.Lock()
	t.newest = found
	t.wrote = found.clone() // most likely they were committed, too
	t.mu.Unlock()
	t.notes.set(whileLoading, nil)
	close(t.loaded)
	return true
}

// Poll implements connect.SourceTask: the first time as soon as positions can be translated, then once in an interval.
func (t *checkpointTask) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.loaded:
	}
	wait := t.s.emit
	if t.first {
		wait = min(wait, lookFirst)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
	}
	return t.emit(ctx)
}

// lookFirst is how soon a task that has just begun looks whether positions can be translated.
const lookFirst = 500 * time.Millisecond

// emit makes records of the checkpoints that are new.
func (t *checkpointTask) emit(ctx context.Context) ([]connect.SourceRecord, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.life.Err() != nil {
		return nil, t.life.Err()
	}
	done, err := t.look(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t.log.Warn("the positions of consumer groups can't be translated; it will be tried again", "error", err)
	}
	if err == nil && !done {
		err = t.where.lacks()
	}
	t.notes.set(whileLooking, err)
	if done {
		t.first = false
	}
	return t.records(time.Now()), nil
}

// records hands on what is pending.
func (t *checkpointTask) records(now time.Time) []connect.SourceRecord {
	now = now.Truncate(time.Millisecond)
	var out []connect.SourceRecord
	for group, of := range t.pending {
		for tp, cp := range of {
			source := connect.Entries{
				{Key: partitionKey, Value: int64(tp.Partition)},
				{Key: topicKey, Value: tp.Topic},
				{Key: groupKey, Value: group},
			}
			key, value := cp.Encode()
			out = append(out, bytesRecord(source, t.topic, key, value, now))
		}
	}
	clear(t.pending)
	return out
}
