package mirror

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/internal/client"
)

// laneRig is a task that copies whole batches of in-0 to S.in, and gets what a test says was fetched.
type laneRig struct {
	t   *testing.T
	f   *fakeClients
	tk  *task
	ctx *batchContext
}

func newLaneRig(t *testing.T, more ...string) *laneRig {
	r := &laneRig{t: t, f: newFakes(t)}
	r.f.fetched = make(chan []client.FetchedBatches, 10)
	r.f.source.topic("in", 1, 1)
	r.f.target.topic("S.in", 1, 1)
	r.ctx = &batchContext{SourceTaskContext: connecttest.NewSourceTaskContext(t, &connecttest.Offsets{})}
	r.tk = &task{clients: r.f}
	if err := r.tk.Start(t.Context(), r.ctx, props(append(more, propPartitions, "in-0")...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.tk.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// recAt is a record at an offset.
func recAt(offset int64) client.ConsumedRecord {
	r := rec(fmt.Sprint("k", offset), fmt.Sprint("v", offset))
	r.Offset = offset
	return r
}

// run is records from an offset to another, both included.
func run(from, to int64) (out []client.ConsumedRecord) {
	for o := from; o <= to; o++ {
		out = append(out, recAt(o))
	}
	return out
}

// poll has the task take batches as a fetch from an offset gives them, and gives what it makes of them.
func (r *laneRig) poll(from int64, aborted []client.AbortedTxn, batches ...[]byte) []client.SourceBatch {
	r.t.Helper()
	given := 0
	hold := client.NewHold(func() { given++ })
	// The end that a broker tells may be older than its data.
	r.f.fetched <- []client.FetchedBatches{{Topic: "in", From: from, End: from, Data: slices.Concat(batches...), Aborted: aborted, Hold: hold}}
	out, err := r.tk.PollBatches(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	out = slices.Clone(out)
	recs := slices.Clone(out)
	for i := range recs {
		recs[i].Bytes = slices.Clone(recs[i].Bytes)
		out[i].Hold.Release()
	}
	if given != 1 {
		r.t.Errorf("the memory of a fetch was given back %d times", given)
	}
	return recs
}

// offsets words the offsets of batches, such as "0-4 5 9".
func offsets(batches []client.SourceBatch) string {
	var out []string
	for _, b := range batches {
		var runs []string
		n := int64(0)
		for _, r := range b.Runs {
			n += r.N
			if r.N == 1 {
				runs = append(runs, fmt.Sprint(r.From))
			} else {
				runs = append(runs, fmt.Sprintf("%d-%d", r.From, r.From+r.N-1))
			}
		}
		if n != int64(b.Records) {
			return fmt.Sprintf("%d records with %d offsets", b.Records, n)
		}
		out = append(out, strings.Join(runs, "+"))
	}
	return strings.Join(out, " ")
}

func (r *laneRig) want(batches []client.SourceBatch, wantOffsets string, want ...client.ConsumedRecord) {
	r.t.Helper()
	if got := offsets(batches); got != wantOffsets {
		r.t.Fatalf("batches with the offsets %q, want %q", got, wantOffsets)
	}
	got, err := recordsOf(batches)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range want {
		want[i].Topic, want[i].TimestampType = "S.in", 0
	}
	if d := cmp.Diff(want, got); d != "" {
		r.t.Fatal(d)
	}
}

func (r *laneRig) tells(state string, batches, decoded int64, reason string) {
	r.t.Helper()
	r.tk.gauge.at = time.Time{}
	r.tk.mu.Lock()
	r.tk.measure(time.Now())
	r.tk.mu.Unlock()
	p := r.tk.Progress()[0]
	if p.State != state || p.Lane != connect.LaneBatch || p.Batches != batches || p.Decoded != decoded || !strings.Contains(p.LaneReason+p.Reason, reason) {
		r.t.Errorf("it tells %+v", p)
	}
}

func TestBatchesAreCopiedAsTheyAre(t *testing.T) {
	r := newLaneRig(t)
	first, second := batchOf(run(0, 4)...), batchOf(run(5, 5)...)
	got := r.poll(0, nil, first, second, batchOf(run(6, 9)...)[:70]) // the last one is cut off
	r.want(got, "0-4 5", run(0, 5)...)
	if string(got[0].Bytes) != string(first) || string(got[1].Bytes) != string(second) {
		t.Error("the bytes are others")
	}
	if v, _ := got[0].SourceOffset.Int64(offsetKey); v != 4 {
		t.Errorf("the source offset is %d", v)
	}
	r.want(r.poll(6, nil, batchOf(run(6, 9)...)), "6-9", run(6, 9)...)
	r.tells(connect.ProgressCopying, 3, 0, "")
}

func TestBatchesAreDecodedInTheirPlace(t *testing.T) {
	r := newLaneRig(t)
	gaps := []client.ConsumedRecord{recAt(5), recAt(7), recAt(8), recAt(11)}
	got := r.poll(2, nil, batchOf(run(0, 4)...), batchOf(gaps...), batchOf(run(12, 13)...))
	r.want(got, "2-5+7-8+11 12-13", append(append(run(2, 4), gaps...), run(12, 13)...)...)
	r.tells(connect.ProgressCopying, 1, 2, "gaps")

	r.f.target.edit(func() { r.f.target.set("S.in", "max.message.bytes", "100") })
	r.tk.lane.rules.asked = time.Time{}
	got = r.poll(14, nil, batchOf(run(14, 19)...))
	if recs, err := recordsOf(got); err != nil || len(recs) != 6 || len(got) < 2 {
		t.Errorf("%s: %v", offsets(got), err)
	}
	for _, b := range got {
		if len(b.Bytes) > 100 {
			t.Errorf("a batch of %d bytes", len(b.Bytes))
		}
	}
	r.tells(connect.ProgressCopying, 1, 3, "too large")
}

// TestAbortedTransactionsAreLeftOut shows a fetch of read_committed.
func TestAbortedTransactionsAreLeftOut(t *testing.T) {
	r := newLaneRig(t)
	of := func(producer int64, control bool, recs ...client.ConsumedRecord) []byte {
		p := batchOf(recs...)
		p[50], p[43], p[44], p[45], p[46], p[47], p[48], p[49] = byte(producer), 0, 0, 0, 0, 0, 0, 0
		p[22] |= 0x10
		if control {
			p[22] |= 0x20
		}
		return seal(p)
	}
	abort := recAt(4)
	abort.Key = []byte{0, 0, 0, 0}
	got := r.poll(0, []client.AbortedTxn{{ProducerID: 7, FirstOffset: 0}},
		of(7, false, run(0, 1)...), of(8, false, recAt(2)), of(7, false, recAt(3)), of(7, true, abort), of(7, false, run(5, 6)...))
	r.want(got, "2 5-6", append(run(2, 2), run(5, 6)...)...)
	r.tells(connect.ProgressCopying, 2, 0, "")
}

func TestCorruptBatchesAreNotPassedOn(t *testing.T) {
	r := newLaneRig(t)
	bad := batchOf(run(2, 3)...)
	bad[len(bad)-1] ^= 4
	r.want(r.poll(0, nil, batchOf(run(0, 1)...), bad, batchOf(run(4, 5)...)), "0-1", run(0, 1)...)
	r.tells(connect.ProgressWaiting, 1, 0, "the record batch is corrupt")
	if p := r.tk.parts[connect.TopicPartition{Topic: "in"}]; p.next != 2 {
		t.Errorf("it goes on at %d", p.next)
	}
}

// TestABatchIsReadTwiceWhereOnlyItsOffsetTellsOfAFlippedBit shows what no checksum covers: the base offset.
func TestABatchIsReadTwiceWhereOnlyItsOffsetTellsOfAFlippedBit(t *testing.T) {
	r := newLaneRig(t)
	first, second := batchOf(run(0, 1)...), batchOf(run(2, 3)...)
	flipped := slices.Clone(second)
	flipped[6] ^= 1
	r.want(r.poll(0, nil, first, flipped), "0-1", run(0, 1)...)
	r.want(r.poll(2, nil, second), "2-3", run(2, 3)...)
	// What compaction leaves comes again.
	r.f.fetched <- []client.FetchedBatches{{Topic: "in", From: 4, End: -1, Data: batchOf(run(5, 6)...), Hold: client.NewHold(func() {})}}
	if got, err := r.tk.PollBatches(t.Context()); len(got) > 0 || err != nil {
		t.Fatal(offsets(got), err)
	}
	r.want(r.poll(4, nil, batchOf(run(5, 6)...)), "5-6", run(5, 6)...)
	r.tells(connect.ProgressCopying, 3, 0, "")
}

// TestARefusedBatchIsTakenApart follows a batch with one record that the broker refuses.
func TestARefusedBatchIsTakenApart(t *testing.T) {
	r := newLaneRig(t)
	const bad = 5
	data := batchOf(run(0, 7)...)
	written := int64(0)
	next := int64(0)
	for range 20 {
		var failed *client.SourceBatch
		got := r.poll(next, nil, data)
		for i := range got {
			b := &got[i]
			first, last := b.Runs[0].From, b.Runs[0].From+b.Runs[0].N-1
			if failed == nil && first <= bad && bad <= last {
				failed = b
			}
			if failed == nil {
				r.tk.BatchWritten(b, written)
				written += b.Runs[0].N
			}
		}
		if failed == nil {
			t.Fatalf("%s: nothing failed", offsets(got))
		}
		if !r.tk.BatchFailed(failed, fmt.Errorf("told by a test: %w", client.ErrTimestamp)) {
			t.Fatal("the task does not go on")
		}
		next = failed.Runs[0].From
		if failed.Records == 1 {
			break
		}
	}
	if written != bad || next != bad {
		t.Fatalf("%d records are written, it waits at %d", written, next)
	}
	r.tells(connect.ProgressWaiting, 1, 3, fmt.Sprintf("the record at offset %d", bad))

	// Once it is taken, those behind it follow, in batches as they are.
	tp := connect.TopicPartition{Topic: "in"}
	r.tk.parked[tp].until = time.Now()
	got := r.poll(bad, nil, data)
	r.want(got, "5 6 7", run(5, 7)...)
	for i := range got {
		r.tk.BatchWritten(&got[i], written+int64(i))
	}
	r.want(r.poll(8, nil, batchOf(run(8, 9)...)), "8-9", run(8, 9)...)
	if len(r.tk.parked) != 0 {
		t.Error("it still waits")
	}
}

func TestABatchThatIsTooLargeIsMadeSmaller(t *testing.T) {
	r := newLaneRig(t)
	got := r.poll(0, nil, batchOf(run(0, 7)...))
	if !r.tk.BatchFailed(&got[0], client.ErrTooLarge) {
		t.Fatal("the task does not go on")
	}
	smaller := r.poll(0, nil, batchOf(run(0, 7)...))
	if len(smaller) < 2 {
		t.Fatalf("the same again: %s", offsets(smaller))
	}
	one := r.poll(8, nil, batchOf(recAt(8)))
	if !r.tk.BatchFailed(&one[0], client.ErrTooLarge) {
		t.Fatal("the task does not go on")
	}
	r.tells(connect.ProgressWaiting, 2, 1, "too large")

	strict := newLaneRig(t, propPartitionErrors, failTask)
	one = strict.poll(0, nil, batchOf(recAt(0)))
	if strict.tk.BatchFailed(&one[0], client.ErrTooLarge) {
		t.Error("partition.errors=fail has no effect")
	}
}

func TestSmallBatchesOfALongWayAreMerged(t *testing.T) {
	long := client.Backlog{InFlight: 5, Most: 5, Batches: 40, Bytes: 40 * 16 << 10, RoundTrip: 100 * time.Millisecond}
	short, large, idle, unknown := long, long, long, long
	short.RoundTrip = time.Millisecond
	large.Bytes = 40 << 20
	idle.InFlight = 3
	unknown.RoundTrip = 0
	for name, b := range map[string]client.Backlog{"short": short, "large": large, "idle": idle, "unknown": unknown, "none": {}} {
		if crawls(b) {
			t.Errorf("%s: it is said to crawl", name)
		}
	}
	var m merging
	now, bytes := time.UnixMilli(0), int64(0)
	// pass lets time pass in which so many bytes per second come through.
	pass := func(d time.Duration, rate float64, b client.Backlog) bool {
		merge := false
		for range d / (100 * time.Millisecond) {
			now, bytes = now.Add(100*time.Millisecond), bytes+int64(rate/10)
			merge = m.decide(now, b, bytes)
		}
		return merge
	}
	if pass(time.Minute, 1e6, short) || pass(mergeMeasure, 1e6, long) || !pass(time.Second, 1e6, long) {
		t.Error("it is not tried when batches crawl, or too early")
	}
	if pass(mergeSettle+mergeMeasure, 1.2e6, long) || pass(mergeRest/2, 1e6, long) {
		t.Error("what brings little is not left")
	}
	if pass(mergeRest/2+mergeMeasure, 1e6, long); !pass(mergeSettle+mergeMeasure+time.Second, 5e6, idle) || !pass(mergeFor/2, 5e6, idle) {
		t.Error("what proves is left")
	}
	if pass(mergeFor/2+time.Second, 5e6, idle) {
		t.Error("it is not found out again whether it is worth it")
	}

	r := newLaneRig(t)
	r.ctx.backlog = idle
	r.ctx.backlog.Batches = 2
	r.tk.parts[connect.TopicPartition{Topic: "in"}].way.merging = merging{state: proved, since: time.Now()}
	var batches [][]byte
	for o := int64(0); o < 30; o += 3 {
		batches = append(batches, batchOf(run(o, o+2)...))
	}
	r.want(r.poll(0, nil, batches...), "0-29", run(0, 29)...)
	r.tells(connect.ProgressCopying, 0, 10, "small batches")
}

// TestLimitsHoldBatchesUp has a limit end within what one fetch brought.
func TestLimitsHoldBatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, limit := range map[string][]string{
			"link": {propThrottle, "50"}, "topic": {propThrottleTopics, "in=50"},
		} {
			r := newLaneRig(t, limit...)
			released := 0
			r.f.fetched <- []client.FetchedBatches{
				{Topic: "in", From: 0, End: -1, Data: slices.Concat(batchOf(recAt(0)), batchOf(recAt(1)), batchOf(recAt(2))), Hold: client.NewHold(func() { released++ })},
				{Topic: "in", From: 3, End: -1, Data: batchOf(recAt(3)), Hold: client.NewHold(func() { released++ })},
			}
			start := time.Now()
			var got []string
			for len(got) < 4 {
				out, err := r.tk.PollBatches(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for i := range out {
					got = append(got, offsets(out[i:i+1]))
					out[i].Hold.Release()
				}
			}
			if s := strings.Join(got, " "); s != "0 1 2 3" {
				t.Errorf("%s: %s", name, s)
			}
			if d := time.Since(start); d < 3*time.Second || d > 10*time.Second { // four batches of some 80 bytes, less a second's worth
				t.Errorf("%s: it took %v", name, d)
			}
			if released != 2 {
				t.Errorf("%s: the memory of %d fetches was given back", name, released)
			}
			if err := r.tk.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestAPartitionDoesNotFillTheProducer has more fetched than a producer that is busy takes.
func TestAPartitionDoesNotFillTheProducer(t *testing.T) {
	r := newLaneRig(t)
	released := false
	var data []byte
	for o := range int64(40) {
		data = append(data, batchOf(recAt(o))...)
	}
	r.f.fetched <- []client.FetchedBatches{{Topic: "in", From: 0, End: -1, Data: data, Hold: client.NewHold(func() { released = true })}}
	sent := 0
	take := func(waiting, want int) {
		t.Helper()
		r.ctx.backlog = client.Backlog{InFlight: 5, Most: 5, Batches: waiting, RoundTrip: time.Millisecond}
		out, err := r.tk.PollBatches(t.Context())
		if err != nil || len(out) != want {
			t.Fatalf("%s with %d waiting: %v", offsets(out), waiting, err)
		}
		for i := range out {
			if o := out[i].Runs[0].From; o != int64(sent) {
				t.Fatalf("%d instead of %d", o, sent)
			}
			sent++
			out[i].Hold.Release()
		}
	}
	take(0, 16)
	take(16, 0)
	take(10, 6)
	take(0, 16)
	if released {
		t.Error("memory is given back too early")
	}
	take(2, 2)
	if !released || len(r.tk.lane.held) > 0 {
		t.Error("memory is not given back")
	}
}

func TestAFetchFromFurtherOnIsNotTaken(t *testing.T) {
	r := newLaneRig(t)
	r.want(r.poll(0, nil, batchOf(run(0, 1)...)), "0-1", run(0, 1)...)
	r.f.fetched <- []client.FetchedBatches{{Topic: "in", From: 9, End: -1, Data: batchOf(run(9, 9)...), Hold: client.NewHold(func() {})}}
	out, err := r.tk.PollBatches(t.Context())
	if len(out) > 0 || err != nil && !errors.Is(err, t.Context().Err()) {
		t.Errorf("%s: %v", offsets(out), err)
	}
}
