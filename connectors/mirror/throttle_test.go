package mirror

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/connect"
)

// TestBucket is held against what a bucket is for: in any time no more passes than a second's worth at once, what comes of
// the rate meanwhile, and one last portion.
func TestBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(0)
		rate := rapid.Float64Range(0, 1e6).Draw(t, "rate")
		var b bucket
		b.set(now, rate)
		passed, largest := 0.0, 0.0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 5000).Draw(t, "ms")) * time.Millisecond)
			if w := b.wait(now); w > 0 {
				if later := b; w < longestWait && later.wait(now.Add(w+2*time.Millisecond)) > 0 {
					t.Fatalf("after waiting %v nothing may pass", w)
				}
				continue
			}
			n := rapid.IntRange(1, 1_000_000).Draw(t, "bytes")
			b.take(now, n)
			passed += float64(n)
			largest = max(largest, float64(n))
			if most := rate*(1+now.Sub(time.UnixMilli(0)).Seconds()) + largest + 1; passed > most {
				t.Fatalf("%v bytes passed in %v at %v bytes per second", passed, now.Sub(time.UnixMilli(0)), rate)
			}
		}
	})
}

func TestBucketOfAnotherRate(t *testing.T) {
	now := time.UnixMilli(0)
	var b bucket
	if b.take(now, 1<<40); b.wait(now) != 0 {
		t.Error("there is a limit without a limit")
	}
	b.set(now, 10)
	b.take(now, 1_000_000)
	if w := b.wait(now); w < 24*time.Hour-time.Second {
		t.Error(w)
	}
	b.set(now, 10)
	if w := b.wait(now); w < time.Hour {
		t.Error("the same limit again forgives what is owed:", w)
	}
	b.set(now, 1000)
	if w := b.wait(now); w <= 0 || w > time.Second {
		t.Error("a new limit is not kept at once:", w)
	}
	b.set(now, 0)
	if w := b.wait(now.Add(time.Hour)); w != longestWait {
		t.Error(w)
	}
	if b.set(now, -1); b.wait(now) != 0 {
		t.Error("a limit that was taken away holds")
	}
}

// TestLinkLimit copies over a minute what the limit allows, changes it, and takes it away.
func TestLinkLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		l := live(t, f, nil, "a-0", propThrottle, "100", "tasks.max", "1")
		copied := func(d time.Duration) int { return strings.Count(l.copies(d), "x") }
		for range 200 {
			add(f, "a", strings.Repeat("x", 50))
		}
		l.reader.(*fakeReader).most = 1
		if n := copied(time.Minute); n < 5900 || n > 6300 {
			t.Errorf("%d bytes in a minute at 100 a second", n)
		}
		if p := l.Progress(); len(p) != 1 || p[0].State != connect.ProgressThrottled || p[0].ThrottledMs < 50_000 || p[0].End != 200 || p[0].LagMs <= 0 {
			t.Errorf("%+v", p)
		}
		l.Reconfigure(props(propThrottle, "10"))
		if n := copied(time.Minute); n > 700 {
			t.Errorf("%d bytes in a minute at 10 a second", n)
		}
		l.Reconfigure(props(propThrottle, "fast")) // is not taken
		l.Reconfigure(props())
		if n := copied(time.Minute); n < 2500 {
			t.Errorf("%d bytes in a minute without a limit", n)
		}
		if p := l.Progress(); p[0].State != connect.ProgressCopying || p[0].Position != 200 || p[0].LagMs != 0 || p[0].ETAMs != 0 {
			t.Errorf("%+v", p)
		}
	})
}

// TestTopicLimit holds one topic back and no other, and loses nothing of it.
func TestTopicLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 2, 1)
		f.source.topic("b", 1, 1)
		for range 100 {
			add(f, "a", strings.Repeat("x", 100))
			add(f, "b", "y")
		}
		l := live(t, f, nil, "a-0,b-0", propThrottleTopics, "a=100") // half of a's partitions are the task's
		l.copies(100 * time.Millisecond)
		l.reader.(*fakeReader).most = 1
		got := l.copies(time.Minute)
		if x, y := strings.Count(got, "x"), strings.Count(got, "y"); x > 3300 || y > 100 {
			t.Errorf("%d bytes of a, %d of b", x, y)
		}
		var state string
		for _, p := range l.Progress() {
			state += p.Topic + " " + p.State + ", "
		}
		if !strings.Contains(state, "a throttled") || !strings.Contains(state, "b copying") {
			t.Error(state)
		}
		l.Reconfigure(props())
		l.copies(time.Minute)
		for _, p := range l.Progress() {
			if p.Position != 100 || p.State != connect.ProgressCopying {
				t.Errorf("%+v", p)
			}
		}
	})
}

// TestShare has a task find out how many there are.
func TestShare(t *testing.T) {
	for name, c := range map[string]struct {
		list, most string
		want       float64
	}{
		"one task":          {"a-0", "1", 1},
		"all there may be":  {"a-0,b-0", "4", .25},
		"fewer":             {"a-0", "4", 1. / 3},
		"as many as topics": {"a-0", "2", .5},
		"not told":          {"a-0", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.topic("a", 2, 1)
				f.source.topic("b", 1, 1)
				f.source.topic("T.back", 7, 1)
				l := live(t, f, nil, c.list, "tasks.max", c.most, propThrottle, "1000")
				l.copies(time.Second)
				if l.share != c.want {
					t.Errorf("the share is %v", l.share)
				}
				f.source.topic("c", 9, 1)
				l.copies(2 * watchInterval)
				if n := mostTasks(map[string]string{"tasks.max": c.most}); l.share != 1/float64(n) {
					t.Errorf("the share is %v when there is more", l.share)
				}
			})
		})
	}
}

func TestProgressOf(t *testing.T) {
	now := time.UnixMilli(100_000)
	behind := &counters{newest: now.Add(-3 * time.Second), recordRate: rate{10, true}, byteRate: rate{100, true}}
	for name, c := range map[string]struct {
		next, end int64
		c         *counters
		want      connect.PartitionProgress
	}{
		"nothing read":   {-2, -1, &counters{}, connect.PartitionProgress{Position: -1, End: -1, LagMs: -1, ETAMs: -1}},
		"end unknown":    {5, -1, &counters{}, connect.PartitionProgress{Position: 5, End: -1, LagMs: -1, ETAMs: -1}},
		"behind":         {5, 105, behind, connect.PartitionProgress{Position: 5, End: 105, LagMs: 3000, ETAMs: 10_000, RecordsPerSecond: 10, BytesPerSecond: 100}},
		"standing":       {5, 105, &counters{}, connect.PartitionProgress{Position: 5, End: 105, LagMs: -1, ETAMs: -1}},
		"caught up":      {5, 5, behind, connect.PartitionProgress{Position: 5, End: 5, RecordsPerSecond: 10, BytesPerSecond: 100}},
		"the end is old": {7, 5, &counters{}, connect.PartitionProgress{Position: 7, End: 7}},
	} {
		c.want.State = connect.ProgressCopying
		if got := progressOf(now, c.next, c.end, c.c); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRate(t *testing.T) {
	var r rate
	r.add(100, time.Second)
	if r.value != 100 {
		t.Error(r)
	}
	for range 60 {
		r.add(10, time.Second)
	}
	if r.value < 10 || r.value > 11 {
		t.Error(r)
	}
	for range 600 {
		r.add(0, time.Second)
	}
	if r.value != 0 {
		t.Error(r)
	}
}

func TestNote(t *testing.T) {
	now := time.Unix(0, 0)
	parked := map[connect.TopicPartition]*parking{}
	if got := noteOf(now, 40, parked, nil); got != "" {
		t.Error(got)
	}
	parked[connect.TopicPartition{Topic: "t", Partition: 3}] = &parking{reason: "x"}
	if got := noteOf(now, 40, parked, nil); got != "1 of 40 partitions waits: t-3: x" {
		t.Error(got)
	}
	for i := range int32(12) {
		parked[connect.TopicPartition{Topic: "t", Partition: i}] = &parking{reason: "x"}
	}
	got := noteOf(now, 40, parked, []event{{now, "something"}, {now.Add(-time.Hour), "old"}})
	if !strings.HasPrefix(got, "12 of 40 partitions wait: t-0: x; t-1: x; ") || !strings.Contains(got, "t-9: x; and 2 more\n1970-01-01T00:00:00Z something") || strings.Contains(got, "old") {
		t.Error(got)
	}
}
