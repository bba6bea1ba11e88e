package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// sourceTask writes "task-number" lines, numbered on from the stored offset.
type sourceTask struct {
	set *Set
	def *config.Def
	*trigger
	commits *trigger // of its own: Commit runs beside Poll

	task      string
	topic     string
	partition connect.Entries
	next, end int64 // end is -1 for none
	batch     int
	interval  time.Duration
	recs      []connect.SourceRecord
}

func (t *sourceTask) Start(ctx context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	v, err := t.def.Parse(props)
	if err != nil {
		return err
	}
	t.task = props[propTask]
	t.trigger, t.commits = t.set.newTrigger(v, t.task), t.set.newTrigger(v, t.task)
	t.topic, t.end, t.batch, t.interval = v.String(propTopic), v.Int64(propRecords), v.Int(propBatch), v.Duration(propInterval)
	t.partition = connect.Entries{{Key: "task", Value: t.task}}
	if err := t.call(ctx, PointTaskStart); err != nil {
		return err
	}
	if tc.Offsets() == nil {
		return nil
	}
	stored, err := tc.Offsets().Offsets(ctx, []connect.Entries{t.partition})
	if err != nil {
		return fmt.Errorf("reading the stored offset: %w", err)
	}
	if len(stored) == 1 {
		t.next, _ = stored[0].Int64("written")
	}
	return nil
}

func (t *sourceTask) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	n := t.batch
	if t.end >= 0 {
		n = int(min(int64(n), t.end-t.next))
	}
	if n <= 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if n = t.ahead(PointPoll, n); n == 0 {
		return nil, t.strike(ctx, PointPoll)
	}
	if t.next > 0 && t.interval > 0 {
		timer := time.NewTimer(t.interval)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	t.count(PointPoll, n)
	t.recs = t.recs[:0]
	for range n {
		value := fmt.Sprintf("%s-%d", t.task, t.next)
		t.next++
		t.recs = append(t.recs, connect.SourceRecord{
			SourcePartition: t.partition, SourceOffset: connect.Entries{{Key: "written", Value: t.next}},
			Topic: t.topic, Partition: connect.NoPartition,
			KeySchema: connect.StringSchema, Key: t.task, ValueSchema: connect.StringSchema, Value: value,
		})
	}
	return t.recs, nil
}

func (t *sourceTask) Commit(ctx context.Context) error {
	return t.commits.call(ctx, PointCommit)
}

func (t *sourceTask) Stop() error {
	if t.trigger == nil {
		return nil
	}
	return t.call(context.Background(), PointTaskStop)
}

// sinkTask drops what it gets.
type sinkTask struct {
	set *Set
	def *config.Def
	*trigger
}

func (t *sinkTask) Start(ctx context.Context, _ connect.SinkTaskContext, props map[string]string) error {
	v, err := t.def.Parse(props)
	if err != nil {
		return err
	}
	t.trigger = t.set.newTrigger(v, props[propTask])
	return t.call(ctx, PointTaskStart)
}

func (t *sinkTask) Put(ctx context.Context, recs []connect.SinkRecord) error {
	if len(recs) > 0 && t.ahead(PointPut, len(recs)) < len(recs) {
		return t.strike(ctx, PointPut)
	}
	t.count(PointPut, len(recs))
	return nil
}

func (t *sinkTask) PreCommit(ctx context.Context, offsets map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	return offsets, t.call(ctx, PointPreCommit)
}

func (t *sinkTask) Stop() error {
	if t.trigger == nil {
		return nil
	}
	return t.call(context.Background(), PointTaskStop)
}
