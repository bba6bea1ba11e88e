package task

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/google/go-cmp/cmp"
)

// chainFunc is a chain of one function.
type chainFunc func(*connect.Transformable) (bool, error)

func (f chainFunc) Apply(rec *connect.Transformable) (bool, error) { return f(rec) }
func (f chainFunc) Close() error                                   { return nil }

func TestRecordsAreConvertedInFull(t *testing.T) {
	for _, raw := range []bool{true, false} {
		t.Run(fmt.Sprintf("raw=%v", raw), func(t *testing.T) {
			c := newConverting(bytesConverters(raw), nil, &tolerance{})
			ts := time.UnixMilli(1234567890123)
			recs := []connect.SourceRecord{
				{Topic: "t", Partition: 3, Key: []byte("k"), Value: []byte("v"), Timestamp: ts, Headers: []connect.Header{
					{Key: "h", Value: []byte{0, 1}}, {Key: "h", Value: nil}, {Key: "", Schema: connect.OptionalBytesSchema, Value: []byte{}},
				}},
				{Topic: "u", Partition: connect.NoPartition, Key: nil, Value: []byte{}, Headers: []connect.Header{{Key: "x", Value: []byte("y")}}},
				{Topic: "u", Partition: 0, Key: "text", ValueSchema: connect.BytesSchema, Value: []byte(nil)},
			}
			if err := c.convert(t.Context(), recs); err != nil {
				t.Fatal(err)
			}
			want := []ProducerRecord{
				{Topic: "t", Partition: 3, Key: []byte("k"), Value: []byte("v"), TimestampMs: 1234567890123, Headers: []Header{
					{Key: "h", Value: []byte{0, 1}}, {Key: "h", Value: nil}, {Key: "", Value: []byte{}},
				}},
				{Topic: "u", Partition: -1, Value: []byte{}, TimestampMs: -1, Headers: []Header{{Key: "x", Value: []byte("y")}}},
				{Topic: "u", Key: []byte("text"), TimestampMs: -1},
			}
			if d := cmp.Diff(want, c.out); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNegativeTimestampIsRefused(t *testing.T) {
	c := newConverting(bytesConverters(true), nil, &tolerance{})
	if err := c.convert(t.Context(), []connect.SourceRecord{{Topic: "t", Timestamp: time.UnixMilli(-5)}}); err == nil {
		t.Error("a record from before 1970 was taken")
	}
}

// recordTask tells what its CommitRecord was told.
type recordTask struct{ *scriptTask }

func (r recordTask) CommitRecord(rec *connect.SourceRecord, md *connect.RecordMetadata) error {
	o, _ := rec.SourceOffset.Int64("o")
	if md == nil {
		r.j.add("record %d dropped", o)
		return nil
	}
	r.j.add("record %d is %s-%d@%d", o, md.Topic, md.Partition, md.Offset)
	if o == 9 {
		panic("ouch")
	}
	return errors.New("only logged")
}

func TestSourceChainAndCommitRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.cfg.New = func() connect.SourceTask { return recordTask{r.task} }
		r.cfg.Chain = chainFunc(func(rec *connect.Transformable) (bool, error) {
			rec.Topic = "x." + rec.Topic
			return string(rec.Value.([]byte)) != "drop", nil
		})
		s := r.run(t)
		batch := []connect.SourceRecord{
			rec(0, 1, []byte("a")), rec(0, 2, []byte("drop")), rec(0, 3, []byte("c")), rec(0, 4, []byte("drop")),
		}
		r.task.give(batch...)
		synctest.Wait()
		s.Stop()
		ended(t, s)
		// Deliveries come in reverse here; a dropped record at the end leaves no offset of its own, as in Java.
		equalLines(t, "journal", r.only("send", "record", "store"),
			"record 2 dropped", "record 4 dropped", "send x.t a", "send x.t c", "record 3 is x.t-0@1", "record 1 is x.t-0@0", "store 0=3")
	})
}

func TestSourceReusesItsPollSlice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.hold = true
		r.cfg.New = func() connect.SourceTask { return recordTask{r.task} }
		s := r.run(t)
		batch := []connect.SourceRecord{rec(0, 1, []byte("a"))}
		r.task.give(batch...)
		synctest.Wait()
		r.task.polls <- func(context.Context) ([]connect.SourceRecord, error) {
			batch[0] = rec(0, 2, []byte("b"))
			return batch, nil
		}
		synctest.Wait()
		s.Stop()
		synctest.Wait()
		r.prod.settle()
		ended(t, s)
		equalLines(t, "journal", r.only("record", "store"), "record 2 is t-0@1", "record 1 is t-0@0", "store 0=2")
	})
}

func TestSourceCommitRecordPanicFailsTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.cfg.New = func() connect.SourceTask { return recordTask{r.task} }
		s := r.run(t)
		r.task.give(rec(0, 9, []byte("a")))
		ended(t, s)
		equalLines(t, "states", r.only("state"), "state RUNNING", "state FAILED: panic in CommitRecord: ouch")
	})
}

func TestErrorPolicy(t *testing.T) {
	later := connect.Retriable(errors.New("later"))
	for name, c := range map[string]struct {
		policy   ErrorPolicy
		failures []error // of a transformation, one by one; then it succeeds
		sent     bool
		failed   bool
		waited   time.Duration
	}{
		"none":                          {failures: []error{errors.New("boom")}, failed: true},
		"all":                           {policy: ErrorPolicy{Tolerate: true, Log: true, LogMessages: true}, failures: []error{errors.New("boom")}},
		"retriable without a timeout":   {failures: []error{later}, failed: true},
		"retried":                       {policy: ErrorPolicy{RetryTimeout: time.Minute, RetryMaxDelay: time.Minute}, failures: []error{later, later}, sent: true, waited: 900 * time.Millisecond},
		"retried until the timeout":     {policy: ErrorPolicy{RetryTimeout: 500 * time.Millisecond, RetryMaxDelay: time.Minute}, failures: []error{later, later, later}, failed: true, waited: 500 * time.Millisecond},
		"retried for ever":              {policy: ErrorPolicy{RetryTimeout: -1, RetryMaxDelay: time.Minute}, failures: []error{later, later, later}, sent: true, waited: 2100 * time.Millisecond},
		"retried, then for good":        {policy: ErrorPolicy{RetryTimeout: -1, RetryMaxDelay: time.Minute}, failures: []error{later, errors.New("boom")}, failed: true, waited: 300 * time.Millisecond},
		"out of time but tolerated":     {policy: ErrorPolicy{Tolerate: true}, failures: []error{later}},
		"a panic is never tolerated":    {policy: ErrorPolicy{Tolerate: true}, failures: []error{nil}, failed: true},
		"no failure costs no wait, too": {sent: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failures := c.failures
				r := newSourceRig()
				r.cfg.Errors = c.policy
				r.cfg.Chain = chainFunc(func(rec *connect.Transformable) (bool, error) {
					rec.Topic += "+" // each try starts from the record as it was
					if len(failures) == 0 {
						return true, nil
					}
					err := failures[0]
					failures = failures[1:]
					if err == nil {
						panic("ouch")
					}
					return true, err
				})
				s := StartSource(t.Context(), r.cfg)
				start := time.Now()
				r.task.polls <- func(context.Context) ([]connect.SourceRecord, error) {
					return []connect.SourceRecord{rec(0, 1, []byte("a"))}, nil
				}
				var waited time.Duration
				r.task.polls <- func(context.Context) ([]connect.SourceRecord, error) {
					waited = time.Since(start)
					return nil, nil
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if !c.failed {
					if waited != c.waited {
						t.Errorf("waited %v, want %v", waited, c.waited)
					}
					s.Stop()
				}
				ended(t, s)
				if sent := len(r.only("send t+ a")) == 1; sent != c.sent {
					t.Errorf("sent: %v, want %v: %q", sent, c.sent, r.all())
				}
				if failed := len(r.only("state FAILED")) == 1; failed != c.failed {
					t.Errorf("failed: %v, want %v: %q", failed, c.failed, r.all())
				}
			})
		})
	}
}

func TestParseErrorPolicy(t *testing.T) {
	got, err := ParseErrorPolicy(map[string]string{
		"errors.tolerance": "all", "errors.retry.timeout": "-1", "errors.retry.delay.max.ms": "500",
		"errors.log.enable": "true", "errors.log.include.messages": "true",
	})
	want := ErrorPolicy{Tolerate: true, RetryTimeout: -time.Millisecond, RetryMaxDelay: 500 * time.Millisecond, Log: true, LogMessages: true}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, value := range map[string]string{
		"errors.tolerance": "some", "errors.retry.timeout": "1s", "errors.log.enable": "maybe",
	} {
		if _, err := ParseErrorPolicy(map[string]string{name: value}); err == nil {
			t.Errorf("%s=%s was taken", name, value)
		}
	}
}
