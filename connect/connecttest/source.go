package connecttest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

// SourceCase says how to test a source connector.
type SourceCase struct {
	Plugin connect.ConnectorPlugin
	// Props is a valid config.
	Props map[string]string
	// MaxTasks defaults to 2.
	MaxTasks int
	// Produce puts something new into the source system, which leads to at least Records records.
	Produce func(t testing.TB)
	Records int
}

// Source checks that a source connector
//   - describes itself, refuses to start without its required properties, and can be stopped then;
//   - divides its work into no more tasks than asked, the same each time;
//   - returns records with a topic, values that fit their schemas, and offsets that can be stored;
//   - ends Poll when its context ends, and Stop beside Poll;
//   - goes on after the stored offsets, without loss and without repeating what was stored.
func Source(t *testing.T, c SourceCase) {
	if c.MaxTasks == 0 {
		c.MaxTasks = 2
	}
	store := &Offsets{}
	cc := NewConnectorContext(t)
	cc.Store = store
	t.Run("plugin", func(t *testing.T) { plugin(t, c.Plugin, c.Props) })
	t.Run("wrong properties", func(t *testing.T) { wrongProps(t, c.Plugin, c.Props, cc) })
	c.Produce(t)
	configs := taskConfigs(t, c.Plugin, c.Props, c.MaxTasks, cc)
	if len(configs) == 0 {
		t.Fatal("no task although there is something to read")
	}
	seen := map[string]bool{}
	t.Run("first run", func(t *testing.T) { c.run(t, configs, store, seen) })
	c.Produce(t)
	t.Run("resume", func(t *testing.T) { c.run(t, configs, store, seen) })
	t.Run("poll ends with its context", func(t *testing.T) { c.idle(t, configs[0], store) })
}

// run starts all tasks, polls until there are Records records, stores their offsets and stops the tasks.
func (c SourceCase) run(t *testing.T, configs []map[string]string, store *Offsets, seen map[string]bool) {
	type result struct {
		recs  []connect.SourceRecord
		err   error
		ended bool
	}
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	results := make(chan result)
	tasks := make([]connect.SourceTask, len(configs))
	for i := range configs {
		tasks[i] = c.Plugin.NewSourceTask()
		if err := tasks[i].Start(ctx, NewSourceTaskContext(t, store), configs[i]); err != nil {
			t.Fatalf("Start of task %d: %v", i, err)
		}
		go func() {
			for ctx.Err() == nil {
				recs, err := tasks[i].Poll(ctx)
				results <- result{recs: slices.Clone(recs), err: err} // with the next Poll the slice is the task's again
			}
			results <- result{ended: true}
		}()
	}
	got := 0
	for running := len(tasks); running > 0; {
		r := <-results
		if r.err != nil && ctx.Err() == nil {
			t.Errorf("Poll: %v", r.err)
			cancel()
		}
		if r.ended {
			running--
		}
		for i := range r.recs {
			checkRecord(t, &r.recs[i], seen)
		}
		store.Store(r.recs)
		if got += len(r.recs); got >= c.Records {
			cancel()
		}
	}
	if got < c.Records {
		t.Errorf("%d records; %d were expected within %v", got, c.Records, Timeout)
	}
	for i, task := range tasks {
		if err := task.Stop(); err != nil {
			t.Errorf("Stop of task %d: %v", i, err)
		}
	}
}

func checkRecord(t *testing.T, r *connect.SourceRecord, seen map[string]bool) {
	t.Helper()
	if r.Topic == "" || r.Partition < connect.NoPartition {
		t.Errorf("a record for partition %d of topic %q", r.Partition, r.Topic)
	}
	if err := connect.ValidateValue(r.KeySchema, r.Key); err != nil {
		t.Errorf("key: %v", err)
	}
	if err := connect.ValidateValue(r.ValueSchema, r.Value); err != nil {
		t.Errorf("value: %v", err)
	}
	for _, e := range [...]connect.Entries{r.SourcePartition, r.SourceOffset} {
		for _, f := range e {
			switch f.Value.(type) {
			case nil, string, bool, int, int8, int16, int32, int64, float32, float64:
			default:
				t.Errorf("field %s of a source partition or offset is a %T, which cannot be stored", f.Key, f.Value)
			}
		}
	}
	if r.SourceOffset == nil {
		return // not tracked
	}
	id := fmt.Sprintf("%v %v", r.SourcePartition, r.SourceOffset)
	if seen[id] {
		t.Errorf("%s came twice although its offset was stored", id)
	}
	seen[id] = true
}

// idle checks that Poll comes back, with nothing to read, once its context has ended, and that Stop may follow at once.
func (c SourceCase) idle(t *testing.T, config map[string]string, store *Offsets) {
	task := c.Plugin.NewSourceTask()
	if err := task.Start(bounded(t), NewSourceTaskContext(t, store), config); err != nil {
		t.Fatalf("Start: %v", err)
	}
	ctx, cancel := context.WithCancel(bounded(t))
	done := make(chan error)
	go func() {
		for ctx.Err() == nil {
			if _, err := task.Poll(ctx); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Poll: %v", err)
		}
	case <-bounded(t).Done():
		t.Fatalf("Poll did not return within %v after its context ended", Timeout)
	}
	if err := task.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
