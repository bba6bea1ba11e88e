package fault

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/connectd/connectd/connect"
)

// worker is the context of all: it keeps what is raised, and the stored offset.
type worker struct {
	connect.SinkTaskContext
	stored connect.Entries
	raised error
}

func (w *worker) Offsets() connect.OffsetReader { return reader{w} }
func (w *worker) Logger() *slog.Logger          { return slog.New(slog.DiscardHandler) }
func (w *worker) RaiseError(err error)          { w.raised = err }
func (w *worker) RequestTaskReconfiguration()   {}

type reader struct{ w *worker }

func (r reader) Offsets(context.Context, []connect.Entries) ([]connect.Entries, error) {
	return []connect.Entries{r.w.stored}, nil
}

// lives runs a connector and task 0 of it, and tells which calls failed and how.
func lives(t *testing.T, p connect.ConnectorPlugin, props map[string]string) (failed string) {
	t.Helper()
	var calls []string
	try := func(name string, f func() error) bool {
		err := func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = errors.New("panic")
				}
			}()
			return f()
		}()
		switch {
		case err == nil:
			return true
		case connect.IsRetriable(err):
			name += " retriable"
		case err.Error() == "panic":
			name += " panic"
		}
		calls = append(calls, name)
		return false
	}
	ctx, w, c := t.Context(), &worker{}, p.New()
	try("connector.start", func() error { return c.Start(ctx, w, props) })
	if w.raised != nil {
		calls = append(calls, "raised")
	}
	var configs []map[string]string
	try("task.configs", func() (err error) { configs, err = c.TaskConfigs(ctx, 2); return err })
	if configs == nil {
		configs = []map[string]string{maps.Clone(props)}
	}
	if p.NewSourceTask != nil {
		s := p.NewSourceTask()
		if try("task.start", func() error { return s.Start(ctx, w, configs[0]) }) {
			for range 3 {
				try("poll", func() error { _, err := s.Poll(ctx); return err })
			}
			try("commit", func() error { return s.(connect.Committer).Commit(ctx) })
		}
		try("task.stop", s.Stop)
	} else {
		s := p.NewSinkTask()
		if try("task.start", func() error { return s.Start(ctx, w, configs[0]) }) {
			for range 3 {
				try("put", func() error { return s.Put(ctx, make([]connect.SinkRecord, 2)) })
			}
			try("precommit", func() error { _, err := s.(connect.PreCommitter).PreCommit(ctx, nil); return err })
		}
		try("task.stop", s.Stop)
	}
	try("connector.stop", c.Stop)
	return strings.Join(calls, ", ")
}

func TestFaultStrikesWhereAndWhenItIsAskedFor(t *testing.T) {
	set := New()
	for _, c := range []struct {
		plugin connect.ConnectorPlugin
		props  string
		want   string
	}{
		{set.Source(), "", ""},
		{set.Sink(), "", ""},
		{set.Source(), "fault.point=connector.start", "connector.start"},
		{set.Source(), "fault.point=connector.stop", "connector.stop"},
		{set.Source(), "fault.point=connector.raise", "raised"},
		{set.Source(), "fault.point=task.configs fault.action=retriable", "task.configs retriable"},
		{set.Source(), "fault.point=task.start fault.action=panic", "task.start panic"},
		{set.Source(), "fault.point=task.stop", "task.stop"},
		{set.Source(), "fault.point=poll", "poll, poll, poll"},
		{set.Source(), "fault.point=poll fault.times=1", "poll"},
		{set.Source(), "fault.point=poll fault.after=3 batch.size=2", "poll"},
		{set.Source(), "fault.point=poll fault.tasks=1", ""},
		{set.Source(), "fault.point=poll fault.tasks=0,1 fault.times=1", "poll"},
		{set.Source(), "fault.point=commit", "commit"},
		{set.Source(), "fault.point=nowhere", "connector.start"},
		{set.Sink(), "fault.point=put fault.after=3 fault.action=retriable", "put retriable, put retriable"},
		{set.Sink(), "fault.point=put fault.after=3 fault.times=1", "put"},
		{set.Sink(), "fault.point=precommit", "precommit"},
		{set.Sink(), "fault.point=task.start", "task.start"},
		{set.Sink(), "fault.point=task.stop fault.action=panic", "task.stop panic"},
	} {
		name := string(c.plugin.Type) + " " + c.props
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				props := map[string]string{}
				for f := range strings.FieldsSeq(c.props) {
					k, v, _ := strings.Cut(f, "=")
					props[k] = v
				}
				if got := lives(t, c.plugin, props); got != c.want {
					t.Errorf("failed: %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestSourceNumbersItsRecordsOnFromTheStoredOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New().Source().NewSourceTask()
		w := &worker{stored: connect.Entries{{Key: "written", Value: int64(7)}}}
		if err := s.Start(t.Context(), w, map[string]string{"task.number": "0", "records": "9", "batch.size": "5"}); err != nil {
			t.Fatal(err)
		}
		recs, err := s.Poll(t.Context())
		if err != nil || len(recs) != 2 || recs[0].Value != "0-7" || recs[1].Value != "0-8" {
			t.Fatalf("got %v, %v", recs, err)
		}
		if n, _ := recs[1].SourceOffset.Int64("written"); n != 9 {
			t.Errorf("the last offset is %d, want 9", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if recs, err := s.Poll(ctx); len(recs) > 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("after the last record: %v, %v", recs, err)
		}
	})
}

func TestStallEndsWithItsContextAndBlockDoesNot(t *testing.T) {
	for action, holds := range map[string]bool{ActionStall: false, ActionBlock: true} {
		t.Run(action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := New()
				s := set.Source().NewSourceTask()
				props := map[string]string{PropPoint: PointPoll, PropAction: action}
				if err := s.Start(t.Context(), &worker{}, props); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = s.Poll(ctx)
				}()
				synctest.Wait()
				cancel()
				synctest.Wait()
				select {
				case <-done:
					if holds {
						t.Error("the block ended with its context")
					}
				default:
					if !holds {
						t.Error("the stall outlived its context")
					}
				}
				set.Release()
				<-done
			})
		})
	}
}
