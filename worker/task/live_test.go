package task

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
)

// liveTask takes new properties, tells how far it is, and notes what it is told to.
type liveTask struct {
	*scriptTask
	tc       connect.SourceTaskContext
	progress func() []connect.PartitionProgress
}

func (l *liveTask) Start(ctx context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	l.tc = tc
	return l.scriptTask.Start(ctx, tc, props)
}

func (l *liveTask) Reconfigure(props map[string]string) { l.j.add("limit %s", props["limit"]) }

func (l *liveTask) Progress() []connect.PartitionProgress { return l.progress() }

func (l *liveTask) note(text string) { l.tc.(connect.Noter).Note(text) }

func liveRig() (*sourceRig, *liveTask) {
	r := newSourceRig()
	l := &liveTask{scriptTask: r.task}
	r.cfg.New = func() connect.SourceTask { return l }
	r.cfg.Connector = map[string]string{"limit": "1"}
	r.cfg.Noted = func(text string) { r.add("note %s", text) }
	return r, l
}

func TestReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := liveRig()
		s := r.run(t)
		equalLines(t, "at the start", r.all(), "start", "limit 1", "state RUNNING")
		s.Reconfigure(map[string]string{"limit": "2"}) // a Poll is under way, and ends for it
		synctest.Wait()
		s.SetTarget(cluster.TargetPaused)
		synctest.Wait()
		s.Reconfigure(map[string]string{"limit": "3"})
		s.Reconfigure(map[string]string{"limit": "4"})
		synctest.Wait()
		s.SetTarget(cluster.TargetStarted)
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("state", "limit"), "limit 1", "state RUNNING", "limit 2", "state PAUSED",
			"state RUNNING", "limit 4", "state UNASSIGNED")
	})
}

func TestTasksThatAreNotReconfigurableAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		s := r.run(t)
		s.Reconfigure(map[string]string{"limit": "2"})
		synctest.Wait()
		if _, ok := s.Progress(t.Context()); ok {
			t.Error("a task that does not tell its progress has told it")
		}
		s.Stop()
		ended(t, s)
		equalLines(t, "state", r.only("state"), "state RUNNING", "state UNASSIGNED")
	})
}

func TestNotesAreParted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := liveRig()
		s := r.run(t)
		l.note("a")
		synctest.Wait()
		equalLines(t, "the first, at once", r.only("note"), "note a")
		for range 100 {
			l.note("b")
			l.note("c")
		}
		synctest.Wait()
		equalLines(t, "within a second", r.only("note"), "note a")
		time.Sleep(time.Second)
		synctest.Wait()
		l.note("d")
		l.note("c")
		time.Sleep(time.Minute)
		equalLines(t, "the last, once", r.only("note"), "note a", "note c")
		l.note("")
		l.note("")
		synctest.Wait()
		l.note("e")
		s.Stop()
		ended(t, s)
		l.note("f")
		time.Sleep(time.Minute)
		equalLines(t, "nothing after the end", r.only("note"), "note a", "note c", "note ")
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := liveRig()
		l.progress = func() []connect.PartitionProgress { return []connect.PartitionProgress{{Topic: "in", Position: 7}} }
		s := r.run(t)
		if p, ok := s.Progress(t.Context()); !ok || len(p) != 1 || p[0].Position != 7 {
			t.Errorf("progress: %v %v", p, ok)
		}
		hanging := make(chan struct{})
		l.progress = func() []connect.PartitionProgress { <-hanging; return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, ok := s.Progress(ctx); ok {
			t.Error("a task that hangs has told its progress")
		}
		close(hanging)
		synctest.Wait()
		l.progress = func() []connect.PartitionProgress { panic("oops") }
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, ok := s.Progress(ctx); ok {
			t.Error("a task that panics has told its progress")
		}
		ended(t, s)
		if _, ok := s.Progress(t.Context()); ok {
			t.Error("a task that has ended has told its progress")
		}
		if got := r.only("state FAILED"); len(got) != 1 || !strings.Contains(got[0], "panic in Progress: oops") {
			t.Errorf("states: %v", got)
		}
	})
}
