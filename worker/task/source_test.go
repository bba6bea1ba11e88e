package task

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
)

func TestSourceLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")), rec(1, 7, []byte("b")), rec(0, 2, []byte("c")))
		synctest.Wait()
		time.Sleep(10 * time.Second) // the flush interval
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.all(),
			"start", "state RUNNING", "send t a", "send t b", "send t c", "store 0=2 1=7", "commit",
			"flush", "commit", "stop", "close producer", "state UNASSIGNED")
	})
}

func TestSourceStopWaitsForRecordsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.hold = true
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")))
		synctest.Wait()
		s.Stop()
		time.Sleep(2 * time.Second)
		r.prod.settle()
		ended(t, s)
		equalLines(t, "journal", r.only("store", "stop", "state"), "state RUNNING", "store 0=1", "stop", "state UNASSIGNED")
	})
}

func TestSourceStopGivesUpAfterTheFlushTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.hold = true
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")))
		synctest.Wait()
		s.Stop()
		time.Sleep(5 * time.Second)
		ended(t, s)
		equalLines(t, "journal", r.only("store", "stop", "state"), "state RUNNING", "stop", "state UNASSIGNED")
	})
}

func TestSourceOffsetsNeverRunAheadOfDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.failOn = "b"
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")), rec(0, 2, []byte("b")), rec(0, 3, []byte("c")), rec(1, 9, []byte("d")))
		ended(t, s)
		equalLines(t, "journal", r.only("store", "state", "stop"), "state RUNNING",
			"state FAILED: a record could not be sent to Kafka: message too large", "store 0=1 1=9", "stop")
	})
}

func TestSourceToleratedDeliveryFailureIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.failOn = "b"
		r.cfg.Errors.Tolerate = true
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")), rec(0, 2, []byte("b")), rec(0, 3, []byte("c")))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("store", "state"), "state RUNNING", "store 0=3", "state UNASSIGNED")
	})
}

func TestSourceStoreFailureIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.offs.set(errors.New("no quorum"), false)
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")), rec(1, 1, []byte("b")))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.task.give(rec(0, 2, []byte("c")))
		r.offs.set(nil, false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		equalLines(t, "journal", r.only("store", "commit"), "store fails", "store 0=2 1=1", "commit")
		r.offs.set(nil, true) // hangs: bounded by the flush timeout
		r.task.give(rec(0, 3, []byte("d")))
		synctest.Wait()
		s.Stop()
		time.Sleep(5 * time.Second)
		ended(t, s)
	})
}

func TestSourceFailures(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		set  func(*sourceRig)
		want []string
	}{
		"start": {
			func(r *sourceRig) { r.task.startErr = boom },
			[]string{"start", "state FAILED: starting the task: boom", "stop", "close producer"},
		},
		"start panics": {
			func(r *sourceRig) { r.task.start = func(context.Context) error { panic("ouch") } },
			[]string{"start", "state FAILED: starting the task: panic in Start: ouch", "stop", "close producer"},
		},
		"new panics": {
			func(r *sourceRig) { r.cfg.New = func() connect.SourceTask { panic("ouch") } },
			[]string{"state FAILED: starting the task: panic in Start: ouch"},
		},
		"producer": {
			func(r *sourceRig) {
				r.cfg.NewProducer = func(map[string]string, func([]Delivery)) (Producer, error) { return nil, boom }
			},
			[]string{"state FAILED: opening the producer: boom"},
		},
		"poll": {
			func(r *sourceRig) { r.task.fail(boom) },
			[]string{
				"start", "state RUNNING", "state FAILED: polling: boom", "flush", "commit", "stop", "close producer",
			},
		},
		"poll panics": {
			func(r *sourceRig) {
				r.task.polls <- func(context.Context) ([]connect.SourceRecord, error) { panic("ouch") }
			},
			[]string{
				"start", "state RUNNING", "state FAILED: polling: panic in Poll: ouch", "flush", "commit", "stop", "close producer",
			},
		},
		"send": {
			func(r *sourceRig) {
				r.prod.sendErr = boom
				r.task.give(rec(0, 1, []byte("a")))
			},
			[]string{
				"start", "state RUNNING", "state FAILED: sending records: boom", "flush", "commit", "stop", "close producer",
			},
		},
		"conversion, after what came before it": {
			func(r *sourceRig) { r.task.give(rec(0, 1, []byte("a")), rec(0, 2, 42), rec(0, 3, []byte("c"))) },
			[]string{
				"start", "state RUNNING", "send t a",
				"state FAILED: tolerance exceeded in error handler: VALUE_CONVERTER of record (for topic t, timestamp -1): no bytes: int",
				"flush", "store 0=1", "commit", "stop", "close producer",
			},
		},
		"no topic": {
			func(r *sourceRig) { r.task.give(connect.SourceRecord{}) },
			[]string{
				"start", "state RUNNING", "state FAILED: the task returned a record without a topic",
				"flush", "commit", "stop", "close producer",
			},
		},
		"topic creation": {
			func(r *sourceRig) {
				r.cfg.EnsureTopic = func(context.Context, string) error { return boom }
				r.task.give(rec(0, 1, []byte("a")))
			},
			[]string{
				"start", "state RUNNING", "state FAILED: creating topic t: boom", "flush", "commit", "stop", "close producer",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newSourceRig()
				c.set(r)
				s := r.run(t)
				ended(t, s)
				equalLines(t, "journal", r.all(), c.want...)
			})
		})
	}
}

func TestSourcePanicTraceHasTheStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		var trace string
		r.cfg.Report = func(_ cluster.State, err error) {
			if err != nil {
				trace = err.Error()
			}
		}
		r.task.polls <- func(context.Context) ([]connect.SourceRecord, error) { panic("ouch") }
		s := r.run(t)
		<-s.Done()
		if !strings.Contains(trace, "source_test.go") {
			t.Errorf("the trace does not show where: %s", trace)
		}
	})
}

func TestSourceRetriablePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		s := r.run(t)
		r.task.fail(connect.Retriable(errors.New("later")))
		r.task.fail(connect.Retriable(errors.New("later")))
		r.task.give(rec(0, 1, []byte("a")))
		time.Sleep(time.Second)
		synctest.Wait()
		equalLines(t, "journal", r.only("send", "state"), "state RUNNING", "send t a")
		s.Stop()
		ended(t, s)
	})
}

func TestSourcePauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.cfg.Target = cluster.TargetPaused
		s := r.run(t)
		equalLines(t, "paused from the start: not even started", r.all(), "state PAUSED")
		s.SetTarget(cluster.TargetStarted)
		synctest.Wait()
		s.SetTarget(cluster.TargetPaused) // interrupts the Poll that waits
		synctest.Wait()
		r.task.give(rec(0, 1, []byte("a")))
		time.Sleep(time.Minute)
		synctest.Wait()
		equalLines(t, "paused", r.only("state", "start", "send"), "state PAUSED", "start", "state RUNNING", "state PAUSED")
		s.SetTarget(cluster.TargetStarted)
		synctest.Wait()
		equalLines(t, "resumed", r.only("state R", "send"), "state RUNNING", "state RUNNING", "send t a")
		s.SetTarget(cluster.TargetPaused)
		synctest.Wait()
		s.Stop()
		ended(t, s)
	})
}

func TestSourceStoppedBeforeItStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.cfg.Target = cluster.TargetPaused
		s := r.run(t)
		s.SetTarget(cluster.TargetStopped)
		ended(t, s)
		equalLines(t, "journal", r.all(), "state PAUSED", "state UNASSIGNED")
	})
}

func TestSourceErrorWhileStoppingIsAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.task.polls <- func(ctx context.Context) ([]connect.SourceRecord, error) {
			<-ctx.Done()
			return nil, errors.New("connection closed")
		}
		s := r.run(t)
		s.Stop()
		ended(t, s)
		equalLines(t, "states", r.only("state"), "state RUNNING", "state UNASSIGNED")
	})
}

func TestSourceRecordsOfAPollThatStopInterruptsAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.task.polls <- func(ctx context.Context) ([]connect.SourceRecord, error) {
			<-ctx.Done()
			return []connect.SourceRecord{rec(0, 1, []byte("a"))}, nil
		}
		s := r.run(t)
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("send", "store"), "send t a", "store 0=1")
	})
}

func TestKilledSourceSendsAndStoresNothing(t *testing.T) {
	for name, hang := range map[string]func(r *sourceRig, release <-chan struct{}){
		"in Poll": func(r *sourceRig, release <-chan struct{}) {
			r.task.give(rec(0, 1, []byte("a")))
			r.task.polls <- func(context.Context) ([]connect.SourceRecord, error) {
				<-release
				return []connect.SourceRecord{rec(0, 2, []byte("b"))}, nil
			}
		},
		"in Start": func(r *sourceRig, release <-chan struct{}) {
			r.task.start = func(context.Context) error { <-release; return nil }
			r.task.give(rec(0, 2, []byte("b")))
		},
		"in Stop": func(r *sourceRig, release <-chan struct{}) {
			r.task.fail(errors.New("boom"))
			r.task.onStop = func() { <-release }
		},
		"in the store": func(r *sourceRig, _ <-chan struct{}) {
			r.offs.hang = true
			r.task.give(rec(0, 1, []byte("a")))
		},
		"in Send": func(r *sourceRig, _ <-chan struct{}) {
			r.prod.blockSend = true
			r.task.give(rec(0, 1, []byte("a")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newSourceRig()
				release := make(chan struct{})
				hang(r, release)
				s := r.run(t)
				time.Sleep(11 * time.Second) // a flush is under way where offsets wait
				s.Stop()
				synctest.Wait()
				s.Kill()
				synctest.Wait()
				before := r.only("send", "store", "state")
				if name != "in Start" && !slices.Contains(r.all(), "close producer") {
					t.Error("the producer is still open while the task's code hangs")
				}
				close(release)
				ended(t, s)
				equalLines(t, "after Kill", r.only("send", "store", "state"), before...)
			})
		})
	}
}

func TestSourceEndOfItsContextKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		ctx, cancel := context.WithCancel(t.Context())
		s := StartSource(ctx, r.cfg)
		synctest.Wait()
		cancel()
		ended(t, s)
		equalLines(t, "states", r.only("state"), "state RUNNING")
	})
}

func TestSourceSendIsBoundedWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.blockSend = true
		r.task.give(rec(0, 1, []byte("a")))
		s := r.run(t)
		s.Stop()
		time.Sleep(5 * time.Second)
		ended(t, s)
		equalLines(t, "journal", r.only("state", "store"), "state RUNNING", "state UNASSIGNED")
	})
}

func TestSourceTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.hold = true
		tries := 0
		r.cfg.EnsureTopic = func(_ context.Context, topic string) error {
			if tries++; tries == 1 {
				return connect.Retriable(errors.New("no controller"))
			}
			r.add("ensure %s", topic)
			return nil
		}
		r.cfg.TopicUsed = func(topic string) { r.add("used %s", topic) }
		var resets atomic.Uint64
		r.cfg.TopicResets = resets.Load
		s := r.run(t)
		u := rec(0, 2, []byte("b"))
		u.Topic = "u"
		r.task.give(rec(0, 1, []byte("a")), u, rec(0, 3, []byte("c")))
		r.task.give(rec(0, 4, []byte("d")), u)
		time.Sleep(time.Second)
		synctest.Wait()
		equalLines(t, "before delivery", r.only("ensure", "used"), "ensure t", "ensure u")
		r.prod.settle()
		synctest.Wait()
		got := r.only("used")
		slices.Sort(got)
		equalLines(t, "after delivery", got, "used t", "used u")
		r.prod.mu.Lock()
		r.prod.hold = false
		r.prod.mu.Unlock()
		resets.Add(1)
		r.task.give(rec(0, 5, []byte("e")))
		r.task.give(rec(0, 6, []byte("f")))
		time.Sleep(time.Second)
		synctest.Wait()
		equalLines(t, "after a reset", r.only("used")[2:], "used t")
		s.Stop()
		ended(t, s)
	})
}

func TestSourceCommitPanicFailsTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.cfg.New = func() connect.SourceTask { return panicsInCommit{r.task} }
		s := r.run(t)
		time.Sleep(10 * time.Second)
		ended(t, s)
		equalLines(t, "states", r.only("state"), "state RUNNING", "state FAILED: panic in Commit: ouch")
	})
}

type panicsInCommit struct{ *scriptTask }

func (panicsInCommit) Commit(context.Context) error { panic("ouch") }
