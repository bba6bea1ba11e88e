package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/internal/client"
)

// epochRig copies the partitions of topic a, in either lane, and lets leaders lose records.
type epochRig struct {
	*testing.T
	f     *fakeClients
	store *connecttest.Offsets
	whole bool
}

// inBothLanes runs a test in a bubble for each lane.
func inBothLanes(t *testing.T, test func(e *epochRig)) {
	for lane, whole := range map[string]bool{"records": false, "batches": true} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &epochRig{T: t, f: newFakes(t), store: &connecttest.Offsets{}, whole: whole}
				e.f.source.topic("a", 2, 1)
				test(e)
			})
		})
	}
}

// lose has another replica lead a-0, which has only so many of its records, and adds some.
func (e *epochRig) lose(to int, vs ...string) {
	e.f.source.edit(func() {
		l := e.f.source.log(connect.TopicPartition{Topic: "a"})
		l.recs = l.recs[:to]
		l.epoch++
	})
	add(e.f, "a", vs...)
}

// start starts a task of a-0 and a-1.
func (e *epochRig) start(more ...string) *epochTask {
	e.Helper()
	cc := connecttest.NewSourceTaskContext(e.T, e.store)
	l := &epochTask{lifeTask: &lifeTask{task: &task{clients: e.f}, t: e.T, cc: cc, store: e.store}, whole: e.whole}
	var tc connect.SourceTaskContext = cc
	if e.whole {
		tc = struct {
			*batchContext
			connect.Noter
		}{&batchContext{SourceTaskContext: cc}, cc}
	}
	if err := l.Start(e.Context(), tc, props(append(more, propPartitions, "a-0,a-1")...)); err != nil {
		e.Fatal(err)
	}
	e.Cleanup(l.stop)
	return l
}

type epochTask struct {
	*lifeTask
	whole bool
}

// wants polls for a time, and stores the offsets of what came.
func (l *epochTask) wants(d time.Duration, want string) {
	l.t.Helper()
	if !l.whole {
		l.lifeTask.wants(d, want)
		return
	}
	var all []string
	for end := time.Now().Add(d); time.Now().Before(end); {
		bs, err := l.pollBatches(min(time.Second, time.Until(end)))
		if err != nil {
			l.t.Fatal(err)
		}
		recs, err := recordsOf(bs)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, r := range recs {
			all = append(all, string(r.Value))
		}
		for i := range bs {
			l.store.Set(bs[i].SourcePartition, bs[i].SourceOffset)
			bs[i].Hold.Release()
		}
	}
	if got := strings.Join(all, " "); got != want {
		l.t.Errorf("copied %q, want %q", got, want)
	}
}

// pollBatches polls for some time at most.
func (l *epochTask) pollBatches(d time.Duration) ([]client.SourceBatch, error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), d)
	defer cancel()
	bs, err := l.PollBatches(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return slices.Clone(bs), err
}

// crash ends a task that has no time left to tell anything.
func (l *epochTask) crash() {
	l.f().target.edit(func() { l.f().target.refuse["mm2-topic-ids.S.internal"] = errors.New("crashed") })
	l.stop()
	l.f().target.edit(func() { delete(l.f().target.refuse, "mm2-topic-ids.S.internal") })
}

func (l *epochTask) f() *fakeClients { return l.clients.(*fakeClients) }

// TestTruncatedWhileNoTaskRuns is about a partition that has grown past the position meanwhile.
func TestTruncatedWhileNoTaskRuns(t *testing.T) {
	for reset, want := range map[string]string{"": "", "earliest": "r0 r1 n2 n3 n4", "latest": ""} {
		inBothLanes(t, func(e *epochRig) {
			var more []string
			if reset != "" {
				more = []string{offsetResetProp, reset}
			}
			add(e.f, "a", "r0", "r1", "r2", "r3")
			first := e.start(offsetResetProp, "earliest")
			first.wants(5*time.Second, "r0 r1 r2 r3")
			first.stop()
			e.lose(2, "n2", "n3", "n4")
			second := e.start(more...)
			second.wants(5*time.Second, want)
			second.says("lost records at the source that were copied before", "a-0", "position")
			e.f.source.add("a", 1, rec("", "x"))
			second.wants(5*time.Second, "x")
			add(e.f, "a", "n5")
			second.wants(5*time.Second, map[string]string{"": "", "earliest": "n5", "latest": "n5"}[reset])
			second.stop()
			add(e.f, "a", "n6")
			third := e.start(more...) // as after any restart
			third.wants(5*time.Second, map[string]string{"": "", "earliest": "n6", "latest": "n6"}[reset])
			if reset == "" { // somebody decides
				third.stop()
				e.store.Set(third.parts[connect.TopicPartition{Topic: "a"}].source, connect.Entries{{Key: offsetKey, Value: int64(1)}})
				e.start().wants(5*time.Second, "n2 n3 n4 n5 n6")
			}
		})
	}
}

// TestTruncatedAfterACrash has what was kept of the task's first seconds, and when positions were stored for the last time.
func TestTruncatedAfterACrash(t *testing.T) {
	inBothLanes(t, func(e *epochRig) {
		add(e.f, "a", "r0", "r1")
		first := e.start()
		first.wants(2*epochEvery, "r0 r1")
		add(e.f, "a", "r2", "r3", "r4")
		first.wants(time.Minute, "r2 r3 r4")
		if err := first.Commit(e.Context()); err != nil {
			e.Fatal(err)
		}
		first.wants(5*time.Second, "")
		first.crash()
		e.lose(4, "n4", "n5")
		second := e.start()
		second.wants(5*time.Second, "")
		second.says("lost records at the source")
	})
}

// TestTruncatedWhileATaskRuns has the task die before it has stored positions of what it had copied.
func TestTruncatedWhileATaskRuns(t *testing.T) {
	for stored, want := range map[int64]string{0: "r1 n2 n3 n4 n5", 2: "", 3: "", 4: "n5"} {
		inBothLanes(t, func(e *epochRig) {
			add(e.f, "a", "r0", "r1", "r2", "r3")
			first := e.start()
			first.wants(5*time.Second, "r0 r1 r2 r3")
			e.lose(2, "n2", "n3", "n4")
			tp := connect.TopicPartition{Topic: "a"}
			err := &client.PartitionError{TopicPartition: tp, Err: client.ErrTruncated}
			if e.whole {
				first.reader.(*fakeBatchReader).errs = []error{err}
			} else {
				first.reader.(*fakeReader).errs = []error{err}
			}
			first.wants(5*time.Second, "")
			first.says("unclean leader election")
			first.crash()
			e.store.Set(first.parts[tp].source, connect.Entries{{Key: offsetKey, Value: stored}})
			add(e.f, "a", "n5")
			e.start().wants(5*time.Second, want)
		})
	}
}

// TestLeadersThatChangeLoseNothing has a crash leave an old mark: the position is of a later epoch.
func TestLeadersThatChangeLoseNothing(t *testing.T) {
	inBothLanes(t, func(e *epochRig) {
		add(e.f, "a", "r0", "r1")
		first := e.start()
		first.wants(2*epochEvery, "r0 r1")
		e.lose(2, "r2", "r3")
		first.wants(5*time.Second, "r2 r3")
		first.crash()
		e.lose(4, "r4")
		second := e.start()
		second.wants(5*time.Second, "r4")
		second.says()
		// What was lost behind the position is none of its business, now and later.
		add(e.f, "a", "r5", "r6")
		second.wants(5*time.Second, "r5 r6")
		second.stop()
		e.store.Set(second.parts[connect.TopicPartition{Topic: "a"}].source, connect.Entries{{Key: offsetKey, Value: int64(3)}})
		e.lose(5, "n5", "n6")
		third := e.start()
		third.wants(5*time.Second, "r4 n5 n6")
		third.crash()
		fourth := e.start()
		fourth.wants(5*time.Second, "")
		fourth.says()
	})
}

// TestLeaderIsAway has a partition wait for the answer, and others go on.
func TestLeaderIsAway(t *testing.T) {
	inBothLanes(t, func(e *epochRig) {
		add(e.f, "a", "r0", "r1")
		e.f.source.add("a", 1, rec("", "x0"))
		first := e.start()
		first.copiesAny(5 * time.Second)
		first.stop()
		tp := connect.TopicPartition{Topic: "a"}
		e.f.source.edit(func() { e.f.source.log(tp).leaderless = true })
		e.lose(1, "n1", "n2")
		e.f.source.add("a", 1, rec("", "x1"))
		second := e.start()
		second.wants(time.Hour, "x1")
		for _, pp := range second.Progress() {
			if pp.Partition == 0 && (pp.State != connect.ProgressWaiting || !strings.Contains(pp.Reason, "leader")) {
				t.Errorf("%+v", pp)
			}
		}
		e.f.source.edit(func() { e.f.source.log(tp).leaderless = false })
		second.wants(time.Minute, "")
		second.says("lost records at the source")
	})
}

// copiesAny polls for a time; the order of partitions does not matter.
func (l *epochTask) copiesAny(d time.Duration) {
	if !l.whole {
		l.copies(d)
		return
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		bs, err := l.pollBatches(min(time.Second, time.Until(end)))
		if err != nil {
			l.t.Fatal(err)
		}
		for i := range bs {
			l.store.Set(bs[i].SourcePartition, bs[i].SourceOffset)
			bs[i].Hold.Release()
		}
	}
}

// TestNothingIsReadBeforeItIsKept has a decision that could not be kept wait: it would be made again after the next start, over
// records of the new log.
func TestNothingIsReadBeforeItIsKept(t *testing.T) {
	inBothLanes(t, func(e *epochRig) {
		add(e.f, "a", "r0", "r1", "r2", "r3")
		first := e.start()
		first.wants(5*time.Second, "r0 r1 r2 r3")
		first.stop()
		e.lose(2, "n2", "n3", "n4")
		const ids = "mm2-topic-ids.S.internal"
		e.f.target.edit(func() { e.f.target.refuse[ids] = errors.New("no leader") })
		second := e.start(offsetResetProp, "earliest")
		var err error
		if e.whole {
			_, err = second.pollBatches(time.Second)
		} else {
			_, err = second.Poll(e.Context())
		}
		if !connect.IsRetriable(err) || !strings.Contains(fmt.Sprint(err), ids) {
			t.Fatal(err)
		}
		e.f.target.edit(func() { delete(e.f.target.refuse, ids) })
		second.wants(5*time.Second, "r0 r1 n2 n3 n4")
		second.stop()
		add(e.f, "a", "n5")
		third := e.start(offsetResetProp, "earliest")
		third.wants(5*time.Second, "n5")
	})
}

// TestMarksAreKeptTogether counts what is written for many partitions.
func TestMarksAreKeptTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		const n = 300
		f.source.topic("a", n, 1)
		var list []string
		for p := range int32(n) {
			list = append(list, fmt.Sprintf("a-%d", p))
			f.source.add("a", p, rec("", "x"))
		}
		l := live(t, f, nil, strings.Join(list, ","))
		l.copies(time.Second)
		opened := f.opened
		l.copies(10 * time.Minute)
		if n := f.opened - opened; n != 1 {
			t.Errorf("%d clients were opened to keep marks", n)
		}
		l.stop()
		f.source.edit(func() { f.source.epochsAsked = 0 })
		second := live(t, f, l.store, strings.Join(list, ","))
		second.copies(time.Second)
		if f.source.epochsAsked != 1 {
			t.Errorf("leaders were asked %d times", f.source.epochsAsked)
		}
	})
}

// TestLeadersThatNobodyReaches has the record lane go on without proof when only the client that asks can't reach the brokers.
func TestLeadersThatNobodyReaches(t *testing.T) {
	s, err := parse(props())
	if err != nil {
		t.Fatal(err)
	}
	tk := &task{log: slog.New(slog.DiscardHandler), s: s}
	tk.proofs.open = map[connect.TopicPartition]mark{{Topic: "a"}: {1, 2}, {Topic: "b"}: {1, 2}}
	began := time.Unix(1000, 0)
	tk.proofs.since = began
	gone := error(&client.PartitionError{TopicPartition: connect.TopicPartition{Topic: "b"}, Err: client.ErrUnknownTopic})
	for _, c := range []struct {
		after time.Duration
		err   error
		left  int
	}{
		{idsPatience - 1, gone, 2},
		{idsPatience, errors.Join(gone, errors.New("broker 1 is away")), 1},
		{time.Hour, nil, 1},
		{time.Hour, errors.New("no mechanism"), 0},
	} {
		if tk.giveUp(began.Add(c.after), c.err); len(tk.proofs.open) != c.left {
			t.Errorf("after %v, %v: %d wait", c.after, c.err, len(tk.proofs.open))
		}
	}
}
