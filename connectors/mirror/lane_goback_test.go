package mirror

import (
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// TestATransactionIsReadAgainFromItsBeginning follows a partition whose transactions fail by a record of its own, and by another partition's.
func TestATransactionIsReadAgainFromItsBeginning(t *testing.T) {
	r := newLaneRig(t)
	tp := connect.TopicPartition{Topic: "in"}
	p := r.tk.parts[tp]
	before, bad, behind := batchOf(run(0, 3)...), batchOf(recAt(4)), batchOf(run(5, 9)...)
	fail := func(b client.SourceBatch, err error, next int64) {
		t.Helper()
		if !r.tk.BatchFailed(&b, err) || p.next != next {
			t.Fatalf("it goes on at %d, want %d", p.next, next)
		}
	}
	got := r.poll(0, nil, before, bad)
	fail(got[0], client.ErrPassedOver, 0) // another partition's
	if len(r.tk.parked) > 0 {
		t.Fatal("a partition waits for another one's fault")
	}
	got = r.poll(0, nil, before, bad)
	r.want(got, "0-3 4", run(0, 4)...)
	fail(got[1], client.ErrTooLarge, 4)
	fail(got[0], client.ErrPassedOver, 0)
	r.tells(connect.ProgressWaiting, 4, 0, "the record at offset 4")
	k := r.tk.parked[tp]

	// It is tried with what lies before it, and waits for what lies behind.
	k.until = time.Now()
	got = r.poll(0, nil, before, bad, behind)
	r.want(got, "0-3 4", run(0, 4)...)
	r.tk.BatchWritten(&got[0], 0)
	fail(got[1], client.ErrPassedOver, 4) // another one's, which had its turn with it
	r.want(r.poll(4, nil, bad, behind), "4", recAt(4))
	fail(got[1], client.ErrTooLarge, 4)
	fail(got[1], client.ErrPassedOver, 4)
	if r.tk.parked[tp] != k || k.tries != 2 || !k.waits() {
		t.Errorf("it waits as %+v", k)
	}

	k.until = time.Now()
	got = r.poll(4, nil, bad, behind)
	r.want(got, "4", recAt(4))
	r.tk.BatchWritten(&got[0], 4)
	r.want(r.poll(5, nil, behind), "5-9", run(5, 9)...)
	if len(r.tk.parked) != 0 {
		t.Error("it still waits")
	}
}

func TestABatchAroundTheRecordThatWaitsStandsForIt(t *testing.T) {
	k := &parking{past: 5, tries: 1, trying: true}
	for _, c := range []struct {
		first, last int64
		admitted    bool
	}{{0, 4, true}, {3, 7, true}, {8, 9, false}} {
		if got := k.admits(c.first, c.last); got != c.admitted {
			t.Errorf("%d to %d: %v", c.first, c.last, got)
		}
	}
	if k.past != 5 {
		t.Errorf("it has got over it at %d", k.past)
	}
	gone := &parking{past: 5, tries: 1, trying: true}
	if !gone.admits(8, 9) || gone.past != 8 {
		t.Errorf("the record is gone from the source, and it waits for %d", gone.past)
	}
}
