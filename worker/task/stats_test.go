package task

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/internal/metrics/measure"
)

// wantStats compares; of windows only Max counts, as the times within a bubble are 0 or what the test slept.
func wantStats(t *testing.T, what string, got, want metrics.Task) {
	t.Helper()
	onlyMax := cmp.Transformer("max", func(s measure.Spread) float64 { return s.Max })
	if diff := cmp.Diff(want, got, onlyMax); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func atMost(v float64) *measure.Spread { return &measure.Spread{Max: v} }

func TestStatsOfASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.cfg.Errors = ErrorPolicy{Tolerate: true, Log: true}
		r.cfg.Converters = bytesConverters(false)
		r.prod.hold, r.prod.failOn = true, "lost"
		s := r.run(t)
		time.Sleep(2 * time.Second)
		r.task.give(rec(0, 1, []byte("a")), rec(0, 2, []byte("lost")), rec(0, 3, 7), rec(0, 4, []byte("b"))) // 7 is no bytes
		synctest.Wait()
		wantStats(t, "while records are under way", s.Stats(time.Now()), metrics.Task{
			Connector: "m", State: "running", Known: true, RunningRatio: 1, BatchSize: atMost(4),
			Errors: metrics.Errors{Failures: 1, Skipped: 1, Logged: 1, Last: time.UnixMilli(time.Now().UnixMilli())},
			Source: &metrics.Source{Polled: 4, Active: 3, PollRate: 4. / 30, PollMs: atMost(2000), ActiveOf: atMost(3)},
		})
		when := time.UnixMilli(time.Now().UnixMilli())
		r.prod.settle()
		s.SetTarget(cluster.TargetPaused)
		time.Sleep(6 * time.Second)
		r.offs.set(errors.New("no leader"), false)
		time.Sleep(3 * time.Second) // the flush interval is over, storing fails
		r.offs.set(nil, false)
		time.Sleep(10 * time.Second) // and works
		synctest.Wait()
		got := s.Stats(time.Now())
		if got.RunningRatio != 2./21 || got.PauseRatio != 19./21 {
			t.Errorf("running %v, paused %v", got.RunningRatio, got.PauseRatio)
		}
		got.RunningRatio, got.PauseRatio = 0, 0
		wantStats(t, "later", got, metrics.Task{
			Connector: "m", State: "paused", Known: true, BatchSize: atMost(4), CommitMs: atMost(0), CommitSuccess: .5, CommitFailure: .5,
			Errors: metrics.Errors{Failures: 2, Skipped: 1, Logged: 2, Last: when},
			Source: &metrics.Source{
				Polled: 4, Written: 2, PollRate: 4. / 49, WriteRate: 2. / 49, PollMs: atMost(2000), ActiveOf: atMost(3),
			},
		})
		s.Stop()
		ended(t, s)
		if got := s.Stats(time.Now()); got.State != "unassigned" {
			t.Errorf("at last it is %s", got.State)
		}
	})
}

// batchTask gives whole batches; batchProducer holds them until it is told what comes of them.
type batchTask struct {
	*scriptTask
	batches chan []client.SourceBatch
}

func (b *batchTask) PollBatches(ctx context.Context) ([]client.SourceBatch, error) {
	select {
	case got := <-b.batches:
		return got, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
func (*batchTask) BatchWritten(*client.SourceBatch, int64)     {}
func (*batchTask) BatchFailed(*client.SourceBatch, error) bool { return true }

type batchProducer struct {
	deliver func([]Delivery)
	sent    []client.RawBatch
}

func (p *batchProducer) Send(_ context.Context, batches []client.RawBatch) (int, error) {
	p.sent = append(p.sent, batches...)
	return len(batches), nil
}
func (*batchProducer) GoOn(string, int32)                   {}
func (*batchProducer) Flush(context.Context) error          { return nil }
func (*batchProducer) Backlog(string, int32) client.Backlog { return client.Backlog{} }
func (*batchProducer) Throttled() time.Duration             { return 0 }
func (*batchProducer) Abandon()                             {}
func (*batchProducer) Close()                               {}

func TestStatsCountTheRecordsOfBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		b := &batchTask{r.task, make(chan []client.SourceBatch, 1)}
		p := &batchProducer{}
		r.cfg.New = func() connect.SourceTask { return b }
		r.cfg.NewBatchProducer = func(_ map[string]string, deliver func([]Delivery)) (client.BatchProducer, error) {
			p.deliver = deliver
			return p, nil
		}
		s := r.run(t)
		batch := func(p, records int) client.SourceBatch {
			of := rec(p, records, nil)
			return client.SourceBatch{
				RawBatch:        client.RawBatch{Topic: "t", Partition: int32(p), Records: int32(records)},
				SourcePartition: of.SourcePartition, SourceOffset: of.SourceOffset,
			}
		}
		b.batches <- []client.SourceBatch{batch(0, 100), batch(1, 20), batch(2, 3)}
		synctest.Wait()
		counts := func(polled, written, active int64) {
			t.Helper()
			if m := s.Stats(time.Now()).Source; m.Polled != polled || m.Written != written || m.Active != active {
				t.Errorf("polled %d, written %d, under way %d, want %d, %d, %d", m.Polled, m.Written, m.Active, polled, written, active)
			}
		}
		counts(123, 0, 123)
		p.deliver([]Delivery{{Seq: p.sent[0].Seq}, {Seq: p.sent[1].Seq, Partition: 1, Err: client.ErrTooLarge}})
		counts(123, 100, 3)
		p.deliver([]Delivery{{Seq: p.sent[2].Seq, Partition: 2}})
		counts(123, 103, 0)
		s.Stop()
		ended(t, s)
	})
}

func TestStatsOfASink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSinkRig()
		r.cfg.Errors = ErrorPolicy{Tolerate: true}
		r.cons.commitErr = errors.New("rebalance in progress")
		s := r.run(t)
		r.cons.assign(tp("t", 0), tp("t", 1))
		r.cons.give(consumed(0, 0, "a"), consumed(0, 1, "bad"), consumed(1, 0, "c"))
		synctest.Wait()
		got := s.Stats(time.Now())
		if m := got.Sink; m.Read != 3 || m.Sent != 2 || m.Active != 3 || m.Partitions != 2 || m.CommitSeq != 0 || m.PutMs == nil || got.BatchSize.Max != 2 {
			t.Errorf("after a Put: %+v %+v", got, m)
		}
		if want := (metrics.Errors{Failures: 1, Skipped: 1, Last: time.UnixMilli(time.Now().UnixMilli())}); got.Errors != want {
			t.Errorf("errors %+v, want %+v", got.Errors, want)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		r.cons.items <- func(context.Context) error { r.cons.commitErr = nil; return nil }
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got = s.Stats(time.Now())
		if m := got.Sink; m.Active != 0 || m.CommitSeq != 2 || m.Commits != 1 || m.CommitRate == 0 || m.ActiveOf.Max != 3 {
			t.Errorf("after commits: %+v", m)
		}
		if got.CommitSuccess != .5 || got.CommitFailure != .5 || got.CommitMs == nil {
			t.Errorf("after commits: %+v", got)
		}
		r.cons.revoke(false, tp("t", 1))
		synctest.Wait()
		if m := s.Stats(time.Now()).Sink; m.Partitions != 1 {
			t.Errorf("%d partitions after a revocation", m.Partitions)
		}
		s.Stop()
		ended(t, s)
	})
}

func TestStatsCountRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts errorCounts
		tol := tolerance{ErrorPolicy: ErrorPolicy{RetryTimeout: time.Minute, RetryMaxDelay: time.Second}, counts: &counts}
		tries := 0
		op := func() error {
			if tries++; tries < 3 {
				return connect.Retriable(errors.New("not now"))
			}
			return nil
		}
		if err := tol.failed(t.Context(), stageValue, op(), func() string { return "" }, op); err != nil {
			t.Fatal(err)
		}
		if got, want := counts.stats(), (metrics.Errors{Failures: 2, Retries: 2}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		_ = tol.failed(t.Context(), stageValue, errors.New("never"), func() string { return "" }, nil)
		if got := counts.stats(); got.Failures != 3 || got.Errors != 1 || got.Skipped != 0 || got.Last.IsZero() {
			t.Errorf("%+v", got)
		}
	})
}

func TestStatsOfTransactions(t *testing.T) {
	var m sourceMeter
	for _, step := range []struct {
		records   int
		committed bool
	}{{5, true}, {0, true}, {9, false}, {2, true}} {
		if step.records > 0 {
			m.sent(step.records)
		}
		m.transacted(step.committed)
	}
	if s, any := m.transaction.Spread(time.Now()); !any || s.Min != 2 || s.Max != 5 || s.Avg != 3.5 {
		t.Errorf("sizes %+v", s)
	}
}
