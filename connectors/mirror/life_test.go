package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/internal/client"
)

// lifeTask is a task with its context and offsets, as a worker would run it, in a bubble.
type lifeTask struct {
	*task
	t     *testing.T
	cc    *connecttest.SourceTaskContext
	store *connecttest.Offsets
}

// live starts a task; store is that of the task before it, or nil.
func live(t *testing.T, f *fakeClients, store *connecttest.Offsets, list string, more ...string) *lifeTask {
	t.Helper()
	if store == nil {
		store = &connecttest.Offsets{}
	}
	l := &lifeTask{task: &task{clients: f}, t: t, cc: connecttest.NewSourceTaskContext(t, store), store: store}
	if err := l.Start(t.Context(), l.cc, props(append(more, propPartitions, list)...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.stop)
	return l
}

func (l *lifeTask) stop() {
	if err := l.Stop(); err != nil {
		l.t.Error(err)
	}
}

// copies polls for a time and stores the offsets of what came. It gives the values.
func (l *lifeTask) copies(d time.Duration) string {
	l.t.Helper()
	var all []string
	for end := time.Now().Add(d); time.Now().Before(end); {
		ctx, cancel := context.WithDeadline(l.t.Context(), end)
		recs, err := l.Poll(ctx)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			l.t.Fatal(err)
		}
		if s := values(recs); s != "" {
			all = append(all, s)
		}
		for i := range recs {
			l.store.Set(recs[i].SourcePartition, recs[i].SourceOffset)
			if err := l.CommitRecord(&recs[i], &connect.RecordMetadata{Topic: recs[i].Topic, Partition: recs[i].Partition}); err != nil {
				l.t.Error(err)
			}
		}
	}
	return strings.Join(all, " ")
}

func (l *lifeTask) wants(d time.Duration, want string) {
	l.t.Helper()
	if got := l.copies(d); got != want {
		l.t.Errorf("copied %q, want %q", got, want)
	}
}

// notes asks for texts in the last note; none for no note.
func (l *lifeTask) says(texts ...string) {
	l.t.Helper()
	got := lastNote(l.cc.Notes())
	if len(texts) == 0 && got != "" {
		l.t.Errorf("the status says %q", got)
	}
	for _, text := range texts {
		if !strings.Contains(got, text) {
			l.t.Errorf("the status says %q, not %q", got, text)
		}
	}
}

func add(f *fakeClients, topic string, vs ...string) {
	for _, v := range vs {
		f.source.add(topic, 0, rec("", v))
	}
}

// TestRecreatedTopic has a new topic with more records than the old one had: without its id the first ones would be
// skipped.
func TestRecreatedTopic(t *testing.T) {
	for policy, want := range map[string]string{waitForOperator: "", restartTopic: "n1 n2 n3 n4"} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.topic("a", 1, 1)
				f.source.topic("b", 1, 1)
				add(f, "a", "o1", "o2")
				first := live(t, f, nil, "a-0,b-0")
				first.wants(5*time.Second, "o1 o2")
				first.says()
				first.stop()

				f.source.remake("a", 1)
				add(f, "a", "n1", "n2", "n3", "n4")
				more := []string{propRecreated, policy, offsetResetProp, "earliest"}
				second := live(t, f, first.store, "a-0,b-0", more...)
				second.wants(5*time.Second, want)
				second.says("made anew", map[string]string{waitForOperator: "1 of 2 partitions waits: a-0: ", restartTopic: "copied from its beginning"}[policy])
				add(f, "b", "x")
				second.wants(5*time.Second, "x")
				second.stop()

				// As after any restart: it still waits, or goes on in the new topic.
				add(f, "a", "n5")
				third := live(t, f, first.store, "a-0,b-0", more...)
				third.wants(5*time.Second, map[string]string{waitForOperator: "", restartTopic: "n5"}[policy])
				third.stop()
			})
		})
	}
}

const offsetResetProp = "source.consumer." + offsetReset

// TestOperatorDecidesOverRecreatedTopic takes any other offset than that of the old topic.
func TestOperatorDecidesOverRecreatedTopic(t *testing.T) {
	for name, c := range map[string]struct {
		offset connect.Entries
		want   string
	}{
		"removed":   {nil, "n1 n2 n3 n4"},
		"changed":   {connect.Entries{{Key: offsetKey, Value: int64(2)}}, "n4"},
		"as it was": {connect.Entries{{Key: offsetKey, Value: int64(1)}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.topic("a", 1, 1)
				add(f, "a", "o1", "o2")
				first := live(t, f, nil, "a-0")
				first.wants(5*time.Second, "o1 o2")
				first.stop()
				f.source.remake("a", 1)
				add(f, "a", "n1", "n2", "n3", "n4")
				second := live(t, f, first.store, "a-0")
				second.wants(5*time.Second, "")
				second.stop()
				first.store.Set(second.parts[connect.TopicPartition{Topic: "a"}].source, c.offset)
				third := live(t, f, first.store, "a-0")
				third.wants(5*time.Second, c.want)
				third.stop()
				if c.want != "" {
					add(f, "a", "n5")
					fourth := live(t, f, first.store, "a-0")
					fourth.wants(5*time.Second, "n5")
					fourth.says()
				}
			})
		})
	}
}

// TestTopicMadeAnewWhileCopied stops before it has gone far in the new topic; what the task's successor does is told above.
func TestTopicMadeAnewWhileCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		f.source.topic("b", 1, 1)
		add(f, "a", "o1", "o2", "o3")
		l := live(t, f, nil, "a-0,b-0", offsetResetProp, "earliest")
		l.wants(5*time.Second, "o1 o2 o3")
		f.source.remake("a", 1)
		add(f, "a", "n1")
		l.task.reader.(*fakeReader).errs = []error{&client.PartitionError{TopicPartition: connect.TopicPartition{Topic: "a"}, Err: client.ErrOffsetOutOfRange}}
		l.wants(5*time.Second, "")
		l.says("1 of 2 partitions waits: a-0: ", "made anew")
		add(f, "b", "x")
		l.wants(time.Minute, "x")
		// What was under way of the old topic changes nothing.
		old := connect.SourceRecord{SourcePartition: l.parts[connect.TopicPartition{Topic: "a"}].source, SourceOffset: connect.Entries{{Key: offsetKey, Value: int64(1)}}}
		if !l.DeliveryFailed(&old, client.ErrTooLarge) {
			t.Error("the task does not take it over")
		}
		l.wants(time.Hour, "")
		l.says("made anew")
	})
}

// TestExpiredRecordsAreTold goes on at the beginning, and says so for a while.
func TestExpiredRecordsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		add(f, "a", "r0", "r1")
		first := live(t, f, nil, "a-0")
		first.wants(time.Second, "r0 r1")
		first.stop()
		f.source.edit(func() { f.source.log(connect.TopicPartition{Topic: "a"}).first = 5 })
		second := live(t, f, first.store, "a-0")
		second.wants(time.Second, "r0 r1") // which are at 5 and 6 now
		second.says("a-0: records 2 to 4 were deleted at the source before they were copied; it goes on at 5")
		second.copies(2 * time.Hour)
		second.says()
	})
}

// TestTruncatedPartition waits for good, also when it has grown past the position with other records.
func TestTruncatedPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		tp := connect.TopicPartition{Topic: "a"}
		add(f, "a", "r0", "r1", "r2", "r3")
		first := live(t, f, nil, "a-0")
		first.wants(time.Second, "r0 r1 r2 r3")
		f.source.edit(func() { l := f.source.log(tp); l.recs = l.recs[:2] })
		first.reader.(*fakeReader).errs = []error{&client.PartitionError{TopicPartition: tp, Err: client.ErrTruncated}}
		first.wants(time.Second, "")
		first.says("a-0: the position to go on from is past the end", "position 4, partition from 0 to 2")
		add(f, "a", "n2", "n3", "n4")
		first.wants(time.Hour, "")
		first.stop()
		second := live(t, f, first.store, "a-0")
		second.wants(time.Hour, "")
		second.says("unclean leader election")
		second.stop()
		third := live(t, f, first.store, "a-0", offsetResetProp, "earliest")
		third.wants(time.Hour, "r0 r1 n2 n3 n4")
	})
}

// TestUndeliverableRecord parks one partition at its record until it can be written.
func TestUndeliverableRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		f.source.topic("b", 1, 1)
		add(f, "a", "big", "next")
		l := live(t, f, nil, "a-0,b-0")
		var waits []time.Duration
		last := time.Now()
		for range 9 {
			recs, err := l.Poll(t.Context())
			for err == nil && len(recs) == 0 {
				if time.Since(last) > 2*time.Minute {
					t.Fatal("it is not tried again")
				}
				recs, err = l.Poll(t.Context())
			}
			want := "big"
			if len(waits) == 0 {
				want = "big next"
			}
			if err != nil || values(recs) != want {
				t.Fatal(values(recs), err)
			}
			waits = append(waits, time.Since(last).Round(time.Second))
			last = time.Now()
			if !l.DeliveryFailed(&recs[0], client.ErrTooLarge) {
				t.Fatal("the task does not take it over")
			}
			l.says("1 of 2 partitions waits: a-0: ", "offset 0", "S.a", "has 3 bytes", "too large", "max.message.bytes")
			add(f, "b", "x")
			if recs, err := l.Poll(t.Context()); err != nil || values(recs) != "x" {
				t.Fatal("others do not go on:", values(recs), err)
			}
		}
		for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60} {
			if waits[i] != want*time.Second {
				t.Errorf("waits are %v", waits)
				break
			}
		}
		l.wants(2*time.Minute, "big next")
		l.says()
		add(f, "a", "more")
		l.wants(time.Second, "more")
	})
}

func TestPartitionErrorsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		add(f, "a", "big")
		l := live(t, f, nil, "a-0", propPartitionErrors, failTask)
		recs, err := l.Poll(t.Context())
		if err != nil || l.DeliveryFailed(&recs[0], client.ErrTooLarge) {
			t.Error("the failure was taken over", err)
		}
	})
}

func TestFailAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		add(f, "a", "big")
		l := live(t, f, nil, "a-0", propFailAfter, "90000")
		began := time.Now()
		var err error
		for err == nil {
			var recs []connect.SourceRecord
			if recs, err = l.Poll(t.Context()); len(recs) > 0 && !l.DeliveryFailed(&recs[0], client.ErrTooLarge) {
				t.Fatal("the task does not take it over")
			}
		}
		if d := time.Since(began); d < 90*time.Second || d > 2*time.Minute || connect.IsRetriable(err) || !strings.Contains(err.Error(), propFailAfter) {
			t.Error(d, err)
		}
	})
}

// TestUnreadablePartition is tried again; one without anything to read counts as going on after a while.
func TestUnreadablePartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		f.source.topic("b", 1, 1)
		l := live(t, f, nil, "a-0,b-0")
		l.copies(time.Second)
		l.reader.(*fakeReader).errs = []error{&client.PartitionError{TopicPartition: connect.TopicPartition{Topic: "a"}, Err: client.ErrUnauthorized}}
		l.copies(500 * time.Millisecond)
		l.says("1 of 2 partitions waits: a-0: the source cluster does not let this principal read the topic")
		l.copies(15 * time.Second)
		l.says()
		add(f, "a", "x")
		l.wants(time.Second, "x")
	})
}

// TestJudgePosition is the table of what a stored position is worth.
func TestJudgePosition(t *testing.T) {
	at := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		stored int64
		kept   lineage
		known  bool
		now    string
		why    string
		change bool
		gone   bool // what is kept from now on says that the position is gone
		prove  bool
	}{
		"first time":                 {stored: -1, now: "x", change: true},
		"first time, known":          {stored: -1, kept: lineage{ID: "x"}, known: true, now: "x"},
		"nothing stored, made anew":  {stored: -1, kept: lineage{ID: "o"}, known: true, now: "x", change: true},
		"copied by a Java worker":    {stored: 7, now: "x", change: true},
		"goes on":                    {stored: 7, kept: lineage{ID: "x"}, known: true, now: "x"},
		"made anew":                  {stored: 7, kept: lineage{ID: "o"}, known: true, now: "x", why: wasRecreated, change: true, gone: true},
		"still undecided":            {stored: 7, kept: lineage{ID: "x", Gone: at(7), Why: wasRecreated}, known: true, now: "x", why: wasRecreated, gone: true},
		"undecided, made anew again": {stored: 7, kept: lineage{ID: "o", Gone: at(7), Why: wasRecreated}, known: true, now: "x", why: wasRecreated, change: true, gone: true},
		"decided":                    {stored: 3, kept: lineage{ID: "x", Gone: at(7), Why: wasRecreated}, known: true, now: "x", change: true},
		"decided by removal":         {stored: -1, kept: lineage{ID: "x", Gone: at(7), Why: wasRecreated}, known: true, now: "x", change: true},
		"truncated":                  {stored: 7, kept: lineage{ID: "x", Gone: at(7), Why: wasTruncated}, known: true, now: "x", why: wasTruncated, gone: true},
		"goes on, with a mark":       {stored: 7, kept: lineage{ID: "x"}.with(mark{3, 8}), known: true, now: "x", prove: true},
		"died before it had stored":  {stored: 5, kept: lineage{ID: "x", Gone: at(7), Why: wasTruncated}.with(mark{3, 8}), known: true, now: "x", change: true, prove: true},
		"decided further on":         {stored: 9, kept: lineage{ID: "x", Gone: at(7), Why: wasTruncated}.with(mark{3, 8}), known: true, now: "x", change: true},
		"made anew, with a mark":     {stored: 7, kept: lineage{ID: "o"}.with(mark{3, 8}), known: true, now: "x", why: wasRecreated, change: true, gone: true},
		"no ids, with a mark":        {stored: 7, kept: lineage{ID: "x"}.with(mark{3, 8}), known: true},
		"removed, with a mark":       {stored: -1, kept: lineage{ID: "x"}.with(mark{3, 8}), known: true, now: "x", change: true},
		"no ids":                     {stored: 7},
		"no ids, undecided":          {stored: 7, kept: lineage{ID: "x", Gone: at(7), Why: wasTruncated}, known: true, why: wasTruncated},
		"no topic":                   {stored: 7, kept: lineage{ID: "x"}, known: true},
	} {
		v := judgePosition(c.stored, c.kept, c.known, c.now)
		if v.why != c.why || v.change != c.change || v.keep.isGone(c.stored) != c.gone || v.change && v.keep.ID != c.now || (v.prove.epoch >= 0) != c.prove {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestTasksGoOnWithoutTheIDsOfTopics(t *testing.T) {
	s, err := parse(props())
	if err != nil {
		t.Fatal(err)
	}
	task, began := &task{s: s, log: slog.New(slog.DiscardHandler)}, time.Unix(1000, 0)
	away := errors.New("no leader")
	for _, after := range []time.Duration{0, time.Second, idsPatience - 1} {
		if err := task.unreadIDs(away, began.Add(after)); !connect.IsRetriable(err) || !errors.Is(err, away) {
			t.Errorf("after %v: %v", after, err)
		}
	}
	if err := task.unreadIDs(away, began.Add(idsPatience)); err != nil {
		t.Error(err)
	}
	task.unread = time.Time{}
	if err := task.unreadIDs(fmt.Errorf("x: %w", client.ErrUnauthorized), began); err != nil {
		t.Error(err)
	}
}
