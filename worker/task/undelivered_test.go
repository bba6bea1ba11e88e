package task

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// failingTask goes on after a record that could not be delivered, unless it refuses.
type failingTask struct {
	*scriptTask
	refuse bool
	// reread is what the next Polls return once a delivery has failed.
	reread []connect.SourceRecord
}

func (f *failingTask) DeliveryFailed(rec *connect.SourceRecord, err error) bool {
	o, _ := rec.SourceOffset.Int64("o")
	f.j.add("failed %v at %d: %v", rec.Value, o, err)
	if f.refuse {
		return false
	}
	if f.reread != nil {
		f.give(f.reread...)
	}
	return true
}

func (f *failingTask) CommitRecord(rec *connect.SourceRecord, md *connect.RecordMetadata) error {
	f.j.add("record %v at %d", rec.Value, md.Offset)
	return nil
}

func failingRig() (*sourceRig, *failingTask) {
	r := newSourceRig()
	f := &failingTask{scriptTask: r.task}
	r.cfg.New = func() connect.SourceTask { return f }
	r.cfg.Converters = textConverters{}.all()
	return r, f
}

// textConverters take strings, so that journals can be read.
type textConverters struct{ bytesConverter }

func (textConverters) all() Converters {
	return Converters{Key: textConverters{}, Value: textConverters{}, Header: bytesHeaders{}}
}

func TestAnUndeliveredRecordIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := failingRig()
		r.prod.failOn, r.prod.hold = "b", true
		f.reread = []connect.SourceRecord{rec(0, 2, "b"), rec(0, 3, "c")}
		s := r.run(t)
		r.task.give(rec(0, 1, "a"), rec(0, 2, "b"), rec(0, 3, "c"), rec(1, 9, "x"))
		synctest.Wait()
		r.prod.settle()
		time.Sleep(10 * time.Second) // what was sent the second time is still in flight
		synctest.Wait()
		equalLines(t, "journal", r.only("failed", "record", "store"),
			"record x at 3", "record a at 0", "failed b at 2: message too large", "store 0=1 1=9")
		r.prod.mu.Lock()
		r.prod.failOn = ""
		for i := range r.prod.waiting {
			r.prod.waiting[i].Err = nil
		}
		r.prod.mu.Unlock()
		r.prod.settle()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("failed", "record", "store", "state"), "state RUNNING",
			"record x at 3", "record a at 0", "failed b at 2: message too large", "store 0=1 1=9",
			"record c at 5", "record b at 4", "store 0=3", "state UNASSIGNED")
	})
}

// What was polled before the task was told is not sent: the task comes back to it.
func TestRecordsBehindAnUndeliveredOneAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := failingRig()
		r.prod.failOn, r.prod.hold = "b", true
		s := r.run(t)
		r.task.give(rec(0, 2, "b"))
		synctest.Wait()
		f.polls <- func(ctx context.Context) ([]connect.SourceRecord, error) {
			r.prod.settle()
			return []connect.SourceRecord{rec(0, 3, "c"), rec(1, 9, "x")}, nil
		}
		synctest.Wait()
		s.Stop()
		time.Sleep(5 * time.Second)
		ended(t, s)
		equalLines(t, "journal", r.only("send", "failed"), "send t b", "failed b at 2: message too large", "send t x")
	})
}

// A failure is told only when nothing before it is in flight: it could fail too.
func TestTheFirstUndeliveredRecordIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := failingRig()
		r.prod.hold = true
		s := r.run(t)
		r.task.give(rec(0, 1, "a"), rec(0, 2, "b"), rec(0, 3, "c"))
		synctest.Wait()
		gone := errors.New("topic gone")
		s.delivered([]Delivery{{Seq: 3, Err: gone}})
		synctest.Wait()
		equalLines(t, "journal", r.only("failed"))
		s.delivered([]Delivery{{Seq: 2, Err: gone}, {Seq: 1, Offset: 7}})
		synctest.Wait()
		equalLines(t, "journal", r.only("failed", "record"), "record a at 7", "failed b at 2: topic gone")
		s.Stop()
		time.Sleep(5 * time.Second)
		ended(t, s)
		equalLines(t, "journal", r.only("store", "state"), "state RUNNING", "store 0=1", "state UNASSIGNED")
	})
}

func TestUndeliveredRecordsThatFailTheTask(t *testing.T) {
	for name, c := range map[string]struct {
		refuse bool
		err    error
		want   []string
	}{
		"refused": {true, errors.New("too large"), []string{
			"state RUNNING", "failed a at 1: too large", "state FAILED: a record could not be sent to Kafka: too large",
		}},
		"producer ended": {false, fmt.Errorf("%w: fenced", client.ErrFatal), []string{
			"state RUNNING", "state FAILED: a record could not be sent to Kafka: the client cannot go on: fenced",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, f := failingRig()
				f.refuse, r.prod.hold = c.refuse, true
				s := r.run(t)
				r.task.give(rec(0, 1, "a"))
				synctest.Wait()
				s.delivered([]Delivery{{Seq: 1, Err: c.err}})
				time.Sleep(5 * time.Second)
				ended(t, s)
				equalLines(t, "journal", r.only("failed", "state"), c.want...)
			})
		})
	}
}

// A record that the producer does not take is a delivery that failed; those behind it are sent.
func TestRecordThatTheProducerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := failingRig()
		r.prod.refuse = "b"
		s := r.run(t)
		r.task.give(rec(0, 1, "a"), rec(0, 2, "b"), rec(1, 9, "x"))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("send", "failed", "store", "state"), "state RUNNING", "send t a", "send t x",
			"failed b at 2: does not fit", "store 0=1 1=9", "state UNASSIGNED")
	})
}

func TestRecordThatTheProducerRefusesIsToleratedLikeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSourceRig()
		r.prod.refuse = "b"
		r.cfg.Errors.Tolerate = true
		s := r.run(t)
		r.task.give(rec(0, 1, []byte("a")), rec(0, 2, []byte("b")), rec(0, 3, []byte("c")))
		synctest.Wait()
		s.Stop()
		ended(t, s)
		equalLines(t, "journal", r.only("send", "store", "state"), "state RUNNING", "send t a", "send t c", "store 0=3", "state UNASSIGNED")
	})
}
