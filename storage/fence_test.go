package storage_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/storage/memlog"
)

// lagging hides what others write until it is read to its end.
type lagging struct {
	storage.Log
	other  func(context.Context) error // writes what this log had not read
	broken atomic.Bool
}

func (l *lagging) ReadToEnd(ctx context.Context) error {
	if l.broken.Load() {
		return context.DeadlineExceeded
	}
	if err := l.other(ctx); err != nil {
		return err
	}
	return l.Log.ReadToEnd(ctx)
}

// A worker that wakes up as a zombie has not read yet what others wrote meanwhile. Whatever it has to say is held to that.
func TestStatusesOfAZombie(t *testing.T) {
	id := cluster.TaskID{Connector: "m", Task: 0}
	tests := []struct {
		name   string
		put    func(*storage.StatusStore)
		shown  cluster.State
		writes int
	}{
		{"running", func(s *storage.StatusStore) { s.PutTask(id, status(cluster.Running, "a:1", 2)) }, cluster.Paused, 0},
		{"unassigned", func(s *storage.StatusStore) { s.PutTask(id, status(cluster.Unassigned, "a:1", 2)) }, cluster.Paused, 0},
		{"a leader that cleans up", func(s *storage.StatusStore) { s.DeleteTask(id) }, cluster.Paused, 0},
		{"the work came back", func(s *storage.StatusStore) { s.PutTask(id, status(cluster.Running, "a:1", 4)) }, cluster.Running, 1},
		{"own work", func(s *storage.StatusStore) {
			s.PutTask(cluster.TaskID{Connector: "n"}, status(cluster.Unassigned, "a:1", 2))
		}, cluster.Paused, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				topic := memlog.New(5)
				l := &lagging{Log: topic.Log()}
				wrote := false
				l.other = func(ctx context.Context) error {
					if wrote {
						return nil
					}
					wrote = true
					return topic.Log().Append(ctx, configlog.TaskStatus(id, status(cluster.Paused, "b:1", 3)))
				}
				var member atomic.Bool
				s := storage.NewStatusStore(l, hclog.NewNullLogger())
				s.Fence(member.Load)
				started(t, s)
				l.broken.Store(true)
				tt.put(s)
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := len(topic.Records()); n != 0 {
					t.Fatalf("%d writes while it is not known what others wrote", n)
				}
				l.broken.Store(false)
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

// A member does not read first.
func TestStatusesOfAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := memlog.New(5)
		l := &lagging{Log: topic.Log()}
		l.broken.Store(true)
		s := storage.NewStatusStore(l, hclog.NewNullLogger())
		s.Fence(func() bool { return true })
		started(t, s)
		s.PutConnector("m", status(cluster.Running, "a:1", 1))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(topic.Records()); n != 1 {
			t.Errorf("%d writes", n)
		}
	})
}

// Another worker's older status, which came late, does not stay over that of the worker that has the work.
func TestOvertakenStatusesHeal(t *testing.T) {
	id := cluster.TaskID{Connector: "m", Task: 0}
	own := status(cluster.Running, "a:1", 3)
	tests := []struct {
		name  string
		late  cluster.Status
		shown string
	}{
		{"given away", status(cluster.Unassigned, "b:1", 2), "a:1"},
		{"given away in the same round", status(cluster.Unassigned, "b:1", 3), "a:1"},
		{"a zombie", status(cluster.Failed, "b:1", 2), "a:1"},
		{"taken over", status(cluster.Running, "b:1", 4), "b:1"},
		{"both say so", status(cluster.Running, "b:1", 3), "b:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				topic := memlog.New(5)
				s := started(t, storage.NewStatusStore(topic.Log(), hclog.NewNullLogger()))
				other := started(t, storage.NewStatusStore(topic.Log(), hclog.NewNullLogger()))
				s.PutConnector("m", own)
				s.PutTask(id, own)
				synctest.Wait()
				late := []storage.KV{configlog.ConnectorStatus("m", tt.late), configlog.TaskStatus(id, tt.late)}
				if err := topic.Log().Append(t.Context(), late...); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				for _, s := range []*storage.StatusStore{s, other} {
					c, _ := s.Connector("m")
					task, _ := s.Task(id)
					if c.WorkerID != tt.shown || task.WorkerID != tt.shown {
						t.Errorf("connector %+v, task %+v", c, task)
					}
				}
				s.PutTask(id, status(cluster.Unassigned, "a:1", 3)) // what is given up is not defended any more
				synctest.Wait()
				n := len(topic.Records())
				if err := topic.Log().Append(t.Context(), late[1]); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if len(topic.Records()) != n+1 {
					t.Error("a status of work that was given up was written again")
				}
			})
		})
	}
}
