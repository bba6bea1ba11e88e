package storage_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/storage/memlog"
)

type starter interface {
	Start(context.Context) error
	Close() error
}

func started[S starter](t *testing.T, s S) S {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type deltas struct {
	mu   sync.Mutex
	list []configlog.Delta
}

func (d *deltas) on(snap *cluster.Snapshot, delta configlog.Delta) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, delta)
}

func TestConfigStoreReadsBackWhatItWrites(t *testing.T) {
	topic, log, ctx := memlog.New(1), hclog.NewNullLogger(), t.Context()
	var da, db deltas
	a := started(t, storage.NewConfigStore(topic.Log(), log, da.on))
	stopped := cluster.TargetStopped
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.PutConnector(ctx, "m", map[string]string{"name": "m"}, &stopped))
	must(a.PutRestart(ctx, configlog.Restart{Connector: "m", OnlyFailed: true}))
	must(a.PutTaskConfigs(ctx, "m", []map[string]string{{"i": "0"}, {"i": "1"}}))
	must(a.PutSessionKey(ctx, cluster.SessionKey{Key: []byte("k"), Algorithm: "HmacSHA256", CreatedMs: 7}))
	must(a.PutTaskCount(ctx, "m", 2))
	snap := a.Snapshot()
	m := snap.Connectors["m"]
	if m == nil || m.Target != stopped || len(m.Tasks) != 2 || m.TaskCountRecord != 2 || snap.SessionKey == nil {
		t.Fatalf("snapshot %+v, m %+v", snap, m)
	}

	b := started(t, storage.NewConfigStore(topic.Log(), log, db.on))
	if diff := cmp.Diff(snap, b.Snapshot()); diff != "" {
		t.Error(diff)
	}
	must(a.PutTargetState(ctx, "m", cluster.TargetStarted))
	must(a.PutLoggerLevel(ctx, configlog.LoggerLevel{Logger: "x", Level: "DEBUG"}))
	must(a.RemoveConnector(ctx, "m"))
	snap, err := b.Refresh(ctx)
	must(err)
	if len(snap.Connectors) != 0 {
		t.Errorf("still there: %v", snap.Names())
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	want := []configlog.Delta{ // nothing from before the start, the old restart request least of all
		{Targets: []string{"m"}}, {Loggers: []configlog.LoggerLevel{{Logger: "x", Level: "DEBUG"}}}, {Removed: []string{"m"}},
	}
	var got configlog.Delta // batches may arrive together
	var all configlog.Delta
	for _, d := range db.list {
		got = merge(got, d)
	}
	for _, d := range want {
		all = merge(all, d)
	}
	// A removal in the same batch hides the target state before it.
	if diff := cmp.Diff(all, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(configlog.Delta{}, "Targets")); diff != "" {
		t.Error(diff)
	}
}

func merge(a, b configlog.Delta) configlog.Delta {
	a.Removed = append(a.Removed, b.Removed...)
	a.Configs = append(a.Configs, b.Configs...)
	a.Tasks = append(a.Tasks, b.Tasks...)
	a.Restarts = append(a.Restarts, b.Restarts...)
	a.Loggers = append(a.Loggers, b.Loggers...)
	return a
}

func TestConfigStoreOutlivesBrokenRecords(t *testing.T) {
	topic, ctx := memlog.New(1), t.Context()
	raw := topic.Log()
	if err := raw.Append(ctx, storage.KV{}, storage.KV{Key: []byte("connector-x"), Value: []byte("{")}, storage.KV{Key: []byte("task-x-0"), Value: []byte("7")}); err != nil {
		t.Fatal(err)
	}
	s := started(t, storage.NewConfigStore(topic.Log(), hclog.NewNullLogger(), nil))
	if err := s.PutConnector(ctx, "m", map[string]string{}, nil); err != nil {
		t.Fatal(err)
	}
	if got := s.Snapshot().Names(); !slices.Equal(got, []string{"m"}) {
		t.Errorf("connectors %v", got)
	}
}

func part(n int64) connect.Entries {
	return connect.Entries{{Key: "topic", Value: "t"}, {Key: "partition", Value: n}}
}

func TestOffsetStore(t *testing.T) {
	topic, log, ctx := memlog.New(25), hclog.NewNullLogger(), t.Context()
	s := started(t, storage.NewOffsetStore(topic.Log(), log))
	other := started(t, storage.NewOffsetStore(topic.Log(), log))
	off := func(n int64) connect.Entries { return connect.Entries{{Key: "offset", Value: n}} }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Set(ctx, "m", []storage.Pair{{Partition: part(1), Offset: off(5)}, {Partition: part(0), Offset: off(6)}}))
	must(s.Set(ctx, "n", []storage.Pair{{Partition: part(1), Offset: off(9)}}))
	got, err := other.Get(ctx, "m", []connect.Entries{part(0), part(7), part(1)})
	must(err)
	if diff := cmp.Diff([]connect.Entries{off(6), nil, off(5)}, got); diff != "" {
		t.Error(diff)
	}
	must(s.Set(ctx, "m", []storage.Pair{{Partition: part(0)}}))
	pairs, err := other.Connector(ctx, "m")
	must(err)
	if diff := cmp.Diff([]storage.Pair{{Partition: part(1), Offset: off(5)}}, pairs); diff != "" {
		t.Error(diff)
	}
	// A foreign writer's spelling of a key goes with Reset too.
	must(topic.Log().Append(ctx, storage.KV{Key: []byte(`["m", {"topic": "u"}]`), Value: []byte(`{"offset":1}`)}, storage.KV{Key: []byte("x"), Value: []byte("y")}))
	must(other.Reset(ctx, "m"))
	if pairs, err = s.Connector(ctx, "m"); err != nil || len(pairs) != 0 {
		t.Errorf("%v %v", pairs, err)
	}
	if got, err = s.Reader("n").Offsets(ctx, []connect.Entries{part(1)}); err != nil || !cmp.Equal(got[0], off(9)) {
		t.Errorf("the reset took another connector's offset: %v %v", got, err)
	}
	if err := s.Set(ctx, "m", []storage.Pair{{Partition: connect.Entries{{Key: "p", Value: struct{}{}}}}}); err == nil {
		t.Error("a struct is accepted in a partition")
	}
}

// flaky fails appends while broken is set, and lists what was attempted.
type flaky struct {
	storage.Log
	mu       sync.Mutex
	broken   bool
	attempts int
}

func (f *flaky) Append(ctx context.Context, kvs ...storage.KV) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts++
	if f.broken {
		return errors.New("no leader")
	}
	return f.Log.Append(ctx, kvs...)
}

func (f *flaky) set(broken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = broken
}

func status(state cluster.State, worker string, gen int32) cluster.Status {
	return cluster.Status{State: state, WorkerID: worker, Generation: gen}
}

func TestStatusStoreTriesAgainAndDropsSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := memlog.New(5)
		f := &flaky{Log: topic.Log(), broken: true}
		s := started(t, storage.NewStatusStore(f, hclog.NewNullLogger()))
		id := cluster.TaskID{Connector: "m", Task: 0}
		s.PutTask(id, status(cluster.Running, "a:1", 1))
		s.PutConnector("m", status(cluster.Running, "a:1", 1))
		synctest.Wait()
		s.PutTask(id, status(cluster.Paused, "a:1", 1))
		time.Sleep(time.Minute)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Flush(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush while nothing can be written: %v", err)
		}
		f.set(false)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(topic.Records()); n != 2 {
			t.Errorf("%d records, want the newest of two keys", n)
		}
		if st, _ := s.Task(id); st.State != cluster.Paused {
			t.Errorf("task status %+v", st)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.attempts > 60 {
			t.Errorf("%d attempts in a minute: no backoff", f.attempts)
		}
	})
}

func TestStatusOfAWorkerThatLostTheWork(t *testing.T) {
	tests := []struct {
		name   string
		now    cluster.Status
		put    cluster.Status
		shown  cluster.State
		writes int
	}{
		{"unassigned after a later generation of another", status(cluster.Running, "b:1", 3), status(cluster.Unassigned, "a:1", 2), cluster.Running, 0},
		{"failed after a later generation of another", status(cluster.Running, "b:1", 3), status(cluster.Failed, "a:1", 2), cluster.Running, 0},
		{"running is always written", status(cluster.Running, "b:1", 3), status(cluster.Running, "a:1", 2), cluster.Running, 1},
		{"own status of a later generation", status(cluster.Running, "a:1", 3), status(cluster.Unassigned, "a:1", 2), cluster.Unassigned, 1},
		{"later generation", status(cluster.Running, "b:1", 3), status(cluster.Unassigned, "a:1", 4), cluster.Unassigned, 1},
		{"same generation, another worker runs it", status(cluster.Running, "b:1", 3), status(cluster.Unassigned, "a:1", 3), cluster.Running, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				topic := memlog.New(5)
				id := cluster.TaskID{Connector: "m", Task: 0}
				kv := configlog.TaskStatus(id, tt.now)
				if err := topic.Log().Append(t.Context(), kv); err != nil {
					t.Fatal(err)
				}
				s := started(t, storage.NewStatusStore(topic.Log(), hclog.NewNullLogger()))
				s.PutTask(id, tt.put)
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if st, _ := s.Task(id); st.State != tt.shown {
					t.Errorf("shown %s, want %s", st.State, tt.shown)
				}
				if n := len(topic.Records()) - 1; n != tt.writes {
					t.Errorf("%d writes, want %d", n, tt.writes)
				}
			})
		})
	}
}

// TestRevisions: what readers keep of a connector's statuses is out of date exactly when one of them was read.
func TestRevisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := started(t, storage.NewStatusStore(memlog.New(5).Log(), hclog.NewNullLogger()))
		id := cluster.TaskID{Connector: "m", Task: 0}
		last := map[string]uint64{}
		check := func(what string, changed ...string) {
			t.Helper()
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for name, now := range map[string]uint64{"": s.Revision(), "m": s.ConnectorRevision("m"), "other": s.ConnectorRevision("other")} {
				if (now != last[name]) != slices.Contains(changed, name) {
					t.Errorf("%s: revision of %q was %d, is %d", what, name, last[name], now)
				}
				last[name] = now
			}
		}
		s.PutConnector("m", status(cluster.Running, "a:1", 1))
		check("a connector", "", "m")
		s.PutTask(id, status(cluster.Running, "a:1", 1))
		check("a task", "", "m")
		s.TopicUsed(configlog.TopicStatus{Topic: "t", Connector: "m"})
		check("a topic")
		s.PutConnector("other", status(cluster.Running, "a:1", 1))
		check("another", "", "other")
		before := s.ConnectorRevision("m")
		s.DeleteTask(id)
		check("a task's removal", "", "m")
		s.DeleteConnector("m")
		check("the connector's removal", "", "m")
		if now := s.ConnectorRevision("m"); now != 0 {
			t.Errorf("a connector without statuses has revision %d", now)
		}
		s.PutConnector("m", status(cluster.Running, "a:1", 1))
		check("the connector anew", "", "m")
		if now := s.ConnectorRevision("m"); now <= before {
			t.Errorf("revision %d came again", now)
		}
	})
}

func TestStatusStoreTopicsAndRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := memlog.New(5)
		s := started(t, storage.NewStatusStore(topic.Log(), hclog.NewNullLogger()))
		flush := func() {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		use := configlog.TopicStatus{Topic: "S.in", Connector: "m", DiscoveredMs: 7}
		s.TopicUsed(use)
		s.TopicUsed(use)
		s.PutConnector("m", status(cluster.Running, "a:1", 1))
		s.PutTask(cluster.TaskID{Connector: "m", Task: 1}, status(cluster.Running, "a:1", 1))
		s.PutTask(cluster.TaskID{Connector: "m", Task: 0}, status(cluster.Running, "a:1", 1))
		flush()
		s.TopicUsed(use)
		flush()
		if n := len(topic.Records()); n != 4 {
			t.Errorf("%d records, want 4", n)
		}
		if got := s.Topics("m"); !cmp.Equal(got, []configlog.TopicStatus{use}) {
			t.Errorf("topics %v", got)
		}
		if got := s.Tasks("m"); len(got) != 2 || got[0].ID.Task != 0 {
			t.Errorf("tasks %v", got)
		}
		if got := s.TopicUsers(); !slices.Equal(got, []string{"m"}) {
			t.Errorf("users of topics %v", got)
		}
		s.DeleteConnector("m")
		s.ResetTopics("m")
		flush()
		if _, ok := s.Connector("m"); ok || len(s.Tasks("m")) != 0 || len(s.Topics("m")) != 0 || len(s.TopicUsers()) != 0 || s.TopicResets() != 1 || len(s.Connectors()) != 0 {
			t.Error("something is left")
		}
	})
}
