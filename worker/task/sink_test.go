package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
)

func tp(topic string, p int32) connect.TopicPartition {
	return connect.TopicPartition{Topic: topic, Partition: p}
}

// offsetsLine writes offsets as "t-0=5 t-1=7".
func offsetsLine(m map[connect.TopicPartition]int64) string {
	var out []string
	for k, o := range m {
		out = append(out, fmt.Sprintf("%s-%d=%d", k.Topic, k.Partition, o))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func tpLine(tps []connect.TopicPartition) string {
	m := map[connect.TopicPartition]int64{}
	for _, k := range tps {
		m[k] = 0
	}
	return strings.ReplaceAll(offsetsLine(m), "=0", "")
}

// fakeConsumer hands out scripted polls: a script item runs within Poll. Records of paused partitions wait.
type fakeConsumer struct {
	j         *journal
	rb        Rebalance
	mu        sync.Mutex
	items     chan func(context.Context) error
	ready     []ConsumedRecord
	paused    map[connect.TopicPartition]bool
	commitErr error
	closed    bool
}

func newFakeConsumer(j *journal) *fakeConsumer {
	return &fakeConsumer{j: j, items: make(chan func(context.Context) error, 100), paused: map[connect.TopicPartition]bool{}}
}

func (c *fakeConsumer) open(map[string]string) (Consumer, error) { return c, nil }

func (c *fakeConsumer) Subscribe(topics []string, regex string, rb Rebalance) error {
	c.j.add("subscribe %s%s", strings.Join(topics, ","), regex)
	c.rb = rb
	return nil
}

func (c *fakeConsumer) Poll(ctx context.Context, timeout time.Duration) ([]ConsumedRecord, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		c.mu.Lock()
		var out, rest []ConsumedRecord
		for _, r := range c.ready {
			if c.paused[tp(r.Topic, r.Partition)] {
				rest = append(rest, r)
			} else {
				out = append(out, r)
			}
		}
		c.ready = rest
		c.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case f := <-c.items:
			if err := f(ctx); err != nil {
				return nil, err
			}
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *fakeConsumer) assign(tps ...connect.TopicPartition) {
	c.items <- func(ctx context.Context) error { return c.rb.Assigned(ctx, tps) }
}

func (c *fakeConsumer) revoke(lost bool, tps ...connect.TopicPartition) {
	c.items <- func(ctx context.Context) error { return c.rb.Revoked(ctx, tps, lost) }
}

func (c *fakeConsumer) give(recs ...ConsumedRecord) {
	c.items <- func(context.Context) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ready = append(c.ready, recs...)
		return nil
	}
}

func (c *fakeConsumer) Commit(_ context.Context, offsets map[connect.TopicPartition]int64) error {
	if c.commitErr != nil {
		c.j.add("commit fails")
		return c.commitErr
	}
	c.j.add("commit %s", offsetsLine(offsets))
	return nil
}

func (c *fakeConsumer) Seek(p connect.TopicPartition, o int64) error {
	c.j.add("seek %s-%d %d", p.Topic, p.Partition, o)
	return nil
}

func (c *fakeConsumer) Pause(tps []connect.TopicPartition) error {
	c.j.add("pause %s", tpLine(tps))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range tps {
		c.paused[p] = true
	}
	return nil
}

func (c *fakeConsumer) Resume(tps []connect.TopicPartition) error {
	c.j.add("resume %s", tpLine(tps))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range tps {
		delete(c.paused, p)
	}
	return nil
}

func (c *fakeConsumer) Position(connect.TopicPartition) (int64, error) { return 0, nil }

func (c *fakeConsumer) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		panic("closed twice")
	}
	c.closed = true
	c.j.add("close consumer")
	return nil
}

func consumed(p int32, o int64, value string) ConsumedRecord {
	return ConsumedRecord{Topic: "t", Partition: p, Offset: o, Value: []byte(value)}
}

// sinkTask writes its calls to the journal and does what its hooks say.
type sinkTask struct {
	j         *journal
	ctx       connect.SinkTaskContext
	put       func(ctx context.Context, recs []connect.SinkRecord) error
	preCommit func(map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error)
	open      func([]connect.TopicPartition) error
	startErr  error
}

func (s *sinkTask) Start(_ context.Context, tc connect.SinkTaskContext, _ map[string]string) error {
	s.ctx = tc
	s.j.add("start")
	return s.startErr
}

func (s *sinkTask) Put(ctx context.Context, recs []connect.SinkRecord) error {
	if len(recs) > 0 {
		var vs []string
		for _, r := range recs {
			b, _ := r.Value.([]byte)
			vs = append(vs, string(b))
		}
		s.j.add("put %s", strings.Join(vs, ","))
	}
	if s.put != nil {
		return s.put(ctx, recs)
	}
	return nil
}

func (s *sinkTask) PreCommit(_ context.Context, o map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	s.j.add("precommit %s", offsetsLine(o))
	if s.preCommit != nil {
		return s.preCommit(o)
	}
	return o, nil
}

func (s *sinkTask) Open(_ context.Context, tps []connect.TopicPartition) error {
	s.j.add("open %s", tpLine(tps))
	if s.open != nil {
		return s.open(tps)
	}
	return nil
}

func (s *sinkTask) Close(_ context.Context, tps []connect.TopicPartition) error {
	s.j.add("close %s", tpLine(tps))
	return nil
}

func (s *sinkTask) Stop() error {
	s.j.add("stop")
	return nil
}

type sinkRig struct {
	*journal
	task *sinkTask
	cons *fakeConsumer
	cfg  SinkConfig
}

func newSinkRig() *sinkRig {
	j := &journal{}
	r := &sinkRig{journal: j, task: &sinkTask{j: j}, cons: newFakeConsumer(j)}
	r.cfg = SinkConfig{
		ID: cluster.TaskID{Connector: "s"}, New: func() connect.SinkTask { return r.task },
		Props: map[string]string{"topics": "t, u"}, Converters: bytesConverters(false), NewConsumer: r.cons.open,
		FlushInterval: 10 * time.Second, FlushTimeout: 5 * time.Second, Report: j.report,
	}
	return r
}

func (r *sinkRig) run(t *testing.T) *Sink {
	s := StartSink(t.Context(), r.cfg)
	synctest.Wait()
	return s
}

func TestSinkLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		s := r.run(t)
		r.cons.assign(tp("t", 0), tp("t", 1))
		r.cons.give(consumed(0, 0, "a"), consumed(0, 1, "b"), consumed(1, 4, "c"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.cons.give(consumed(0, 2, "d"))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.all(),
			"subscribe t,u", "start", "state RUNNING", "open t-0 t-1", "put a,b,c", "precommit t-0=2 t-1=5", "commit t-0=2 t-1=5",
			"put d", "precommit t-0=3 t-1=5", "commit t-0=3", "close t-0 t-1", "stop", "close consumer", "state UNASSIGNED")
	})
}

func TestSinkRevocationCommitsBeforeItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		s := r.run(t)
		r.cons.assign(tp("t", 0), tp("t", 1))
		r.cons.give(consumed(0, 0, "a"), consumed(1, 0, "b"))
		synctest.Wait()
		r.cons.revoke(false, tp("t", 1))
		synctest.Wait()
		equalLines(t, "journal", r.only("precommit", "commit", "close"), "precommit t-1=1", "commit t-1=1", "close t-1")
		r.cons.revoke(true, tp("t", 0)) // lost: nothing may be committed
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("precommit", "commit", "close t"),
			"precommit t-1=1", "commit t-1=1", "close t-1", "close t-0")
	})
}

func TestSinkRetriablePut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		fails := 2
		var waits []time.Time
		r.task.put = func(_ context.Context, recs []connect.SinkRecord) error {
			if len(recs) == 0 {
				return nil
			}
			waits = append(waits, time.Now())
			if fails--; fails >= 0 {
				r.task.ctx.SetRetryTimeout(3 * time.Second)
				return connect.Retriable(errors.New("busy"))
			}
			return nil
		}
		s := r.run(t)
		r.cons.assign(tp("t", 0), tp("t", 1))
		r.cons.give(consumed(0, 0, "a"))
		synctest.Wait()
		r.cons.give(consumed(1, 0, "b")) // waits: its partition is paused
		time.Sleep(7 * time.Second)
		synctest.Wait()
		equalLines(t, "journal", r.only("put", "pause", "resume"),
			"put a", "pause t-0 t-1", "put a", "put a", "resume t-0 t-1", "put b")
		for i := 1; i < 3; i++ {
			if d := waits[i].Sub(waits[i-1]); d != 3*time.Second {
				t.Errorf("try %d came after %v, the task asked for 3 s", i, d)
			}
		}
		s.Stop()
		ended(t, s)
	})
}

func TestSinkRevokedRecordsAreNotPutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.task.put = func(_ context.Context, recs []connect.SinkRecord) error {
			if len(recs) == 2 {
				return connect.Retriable(errors.New("busy"))
			}
			return nil
		}
		s := r.run(t)
		r.cons.assign(tp("t", 0), tp("t", 1))
		r.cons.give(consumed(0, 0, "a"), consumed(1, 0, "b"))
		r.cons.revoke(false, tp("t", 0))
		time.Sleep(time.Second)
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("put", "commit"), "put a,b", "put b", "commit t-1=1")
	})
}

func TestSinkCommitsNoMoreThanIsSafe(t *testing.T) {
	for name, c := range map[string]struct {
		answer map[connect.TopicPartition]int64
		err    error
		want   []string
	}{
		"fewer":             {answer: map[connect.TopicPartition]int64{tp("t", 0): 1}, want: []string{"commit t-0=1"}},
		"none":              {},
		"past what was put": {answer: map[connect.TopicPartition]int64{tp("t", 0): 3, tp("t", 1): 1}, want: []string{"commit t-1=1"}},
		"not assigned":      {answer: map[connect.TopicPartition]int64{tp("u", 0): 1}},
		"negative":          {answer: map[connect.TopicPartition]int64{tp("t", 0): -1}},
		"failure rewinds":   {err: errors.New("disk full"), want: []string{"seek t-0 0", "seek t-1 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newSinkRig()
				r.task.preCommit = func(map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
					return maps.Clone(c.answer), c.err
				}
				s := r.run(t)
				r.cons.assign(tp("t", 0), tp("t", 1))
				r.cons.give(consumed(0, 0, "a"), consumed(0, 1, "b"), consumed(1, 0, "c"))
				time.Sleep(10 * time.Second)
				synctest.Wait()
				got := r.only("commit", "seek")
				slices.Sort(got)
				equalLines(t, "journal", got, c.want...)
				s.Stop()
				ended(t, s)
			})
		})
	}
}

func TestSinkRewindIsNotCommittedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.task.put = func(_ context.Context, recs []connect.SinkRecord) error {
			if len(recs) > 0 {
				r.task.ctx.Rewind(map[connect.TopicPartition]int64{tp("t", 0): 0})
				r.task.ctx.RequestCommit()
			}
			return nil
		}
		s := r.run(t)
		r.cons.assign(tp("t", 0))
		r.cons.give(consumed(0, 0, "a"))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("seek", "commit"), "seek t-0 0")
	})
}

func TestSinkRewindBeforeTheAssignmentWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.task.open = func([]connect.TopicPartition) error {
			r.task.ctx.Rewind(map[connect.TopicPartition]int64{tp("t", 0): 5, tp("t", 9): 1})
			return nil
		}
		s := r.run(t)
		r.cons.assign(tp("t", 0))
		synctest.Wait()
		r.cons.assign(tp("t", 9))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "seeks", r.only("seek")[:1], "seek t-0 5")
		if !slices.Contains(r.all(), "seek t-9 1") {
			t.Error("the rewind of the later partition was lost")
		}
	})
}

func TestSinkRequestCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.task.put = func(_ context.Context, recs []connect.SinkRecord) error {
			if len(recs) > 0 {
				r.task.ctx.RequestCommit()
			}
			return nil
		}
		s := r.run(t)
		r.cons.assign(tp("t", 0))
		r.cons.give(consumed(0, 0, "a"))
		synctest.Wait()
		equalLines(t, "journal", r.only("commit"), "commit t-0=1")
		s.Stop()
		ended(t, s)
	})
}

func TestSinkPauseOfPartitionsAndOfTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.task.put = func(_ context.Context, recs []connect.SinkRecord) error {
			for _, rec := range recs {
				if string(rec.Value.([]byte)) == "a" {
					r.task.ctx.Pause(tp("t", 0), tp("t", 7))
				}
				if string(rec.Value.([]byte)) == "z" {
					r.task.ctx.Resume(tp("t", 0))
				}
			}
			return nil
		}
		s := r.run(t)
		r.cons.assign(tp("t", 0), tp("t", 1))
		r.cons.give(consumed(0, 0, "a"))
		synctest.Wait()
		s.SetTarget(cluster.TargetPaused)
		synctest.Wait()
		r.cons.give(consumed(0, 1, "b"), consumed(1, 0, "c"))
		time.Sleep(time.Minute) // polls go on, so that the group keeps the member
		synctest.Wait()
		equalLines(t, "paused", r.only("put", "pause", "state", "commit"),
			"state RUNNING", "put a", "pause t-0", "pause t-0 t-1", "state PAUSED", "commit t-0=1")
		s.SetTarget(cluster.TargetStarted)
		synctest.Wait()
		r.cons.give(consumed(1, 1, "z"))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "resumed", r.only("put", "resume", "state"),
			"state RUNNING", "put a", "state PAUSED", "resume t-1", "state RUNNING", "put c", "put z", "resume t-0", "put b",
			"state UNASSIGNED")
	})
}

func TestSinkPausedFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.cfg.Target = cluster.TargetPaused
		s := r.run(t)
		equalLines(t, "journal", r.all(), "state PAUSED")
		s.Stop()
		ended(t, s)
	})
}

func TestSinkFailures(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		set  func(*sinkRig)
		want string
	}{
		"put":        {func(r *sinkRig) { r.task.put = func(context.Context, []connect.SinkRecord) error { return boom } }, "putting records: boom"},
		"put panics": {func(r *sinkRig) { r.task.put = func(context.Context, []connect.SinkRecord) error { panic("ouch") } }, "putting records: panic in Put: ouch"},
		"start":      {func(r *sinkRig) { r.task.startErr = boom }, "starting the task: boom"},
		"open":       {func(r *sinkRig) { r.task.open = func([]connect.TopicPartition) error { return boom } }, "opening partitions: boom"},
		"poll":       {func(r *sinkRig) { r.cons.items <- func(context.Context) error { return boom } }, "consuming: boom"},
		"consumer":   {func(r *sinkRig) { r.cfg.NewConsumer = func(map[string]string) (Consumer, error) { return nil, boom } }, "opening the consumer: boom"},
		"no topics":  {func(r *sinkRig) { r.cfg.Props = nil }, "a sink needs either topics or topics.regex: set one of them"},
		"conversion": {
			func(r *sinkRig) { r.cons.give(consumed(0, 1, "bad")) },
			"tolerance exceeded in error handler: VALUE_CONVERTER of record (topic t, partition 0, offset 1): bad bytes",
		},
		"precommit panics": {func(r *sinkRig) {
			r.task.preCommit = func(map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) { panic("ouch") }
		}, "panic in PreCommit: ouch"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newSinkRig()
				r.cons.assign(tp("t", 0))
				r.cons.give(consumed(0, 0, "a"))
				c.set(r)
				s := r.run(t)
				time.Sleep(10 * time.Second)
				ended(t, s)
				equalLines(t, "states", r.only("state F", "state U"), "state FAILED: "+c.want)
			})
		})
	}
}

func TestSinkToleratedConversionFailureIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.cfg.Errors = ErrorPolicy{Tolerate: true, Log: true}
		s := r.run(t)
		r.cons.assign(tp("t", 0))
		r.cons.give(consumed(0, 0, "a"), consumed(0, 1, "bad"))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("put", "commit"), "put a", "commit t-0=2")
	})
}

func TestSinkFailedCommitIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.cons.commitErr = errors.New("rebalance in progress")
		s := r.run(t)
		r.cons.assign(tp("t", 0))
		r.cons.give(consumed(0, 0, "a"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.cons.items <- func(context.Context) error { r.cons.commitErr = nil; return nil }
		time.Sleep(10 * time.Second)
		synctest.Wait()
		equalLines(t, "journal", r.only("commit"), "commit fails", "commit t-0=1")
		s.Stop()
		ended(t, s)
	})
}

func TestKilledSinkLeavesItsGroupAndCommitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		release := make(chan struct{})
		r.task.put = func(_ context.Context, recs []connect.SinkRecord) error {
			if len(recs) > 0 {
				<-release
			}
			return nil
		}
		s := r.run(t)
		r.cons.assign(tp("t", 0))
		r.cons.give(consumed(0, 0, "a"))
		synctest.Wait()
		s.Stop()
		synctest.Wait()
		s.Kill()
		synctest.Wait()
		if !slices.Contains(r.all(), "close consumer") {
			t.Error("the consumer stays in its group while Put hangs")
		}
		close(release)
		ended(t, s)
		equalLines(t, "journal", r.only("commit", "precommit", "state"), "state RUNNING")
	})
}

func TestSinkTracksTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.cfg.TopicUsed = func(topic string) { r.add("used %s", topic) }
		var resets atomic.Uint64
		r.cfg.TopicResets = resets.Load
		s := r.run(t)
		r.cons.assign(tp("t", 0), tp("u", 0))
		r.cons.give(consumed(0, 0, "a"), ConsumedRecord{Topic: "u", Value: []byte("b")}, consumed(0, 1, "c"))
		synctest.Wait()
		equalLines(t, "journal", r.only("used"), "used t", "used u")
		resets.Add(1)
		r.cons.give(consumed(0, 2, "d"), consumed(0, 3, "e"))
		synctest.Wait()
		equalLines(t, "after a reset", r.only("used"), "used t", "used u", "used t")
		s.Stop()
		ended(t, s)
	})
}
