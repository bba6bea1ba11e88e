package offsetsync

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestRunsAreDeliveredAsTheirRecords compares runs with the same records one by one.
func TestRunsAreDeliveredAsTheirRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lag := rapid.Int64Range(0, 9).Draw(t, "offset.lag.max")
		origin := rapid.Bool().Draw(t, "origin")
		next := rapid.SampledFrom([]int64{-1, 0, 4}).Draw(t, "next")
		single, whole := NewProgress("t", 1, next, lag, 1, origin), NewProgress("t", 1, next, lag, 1, origin)
		up, down, life := max(next, 0), int64(0), int64(2)
		for range rapid.IntRange(1, 12).Draw(t, "runs") {
			up += rapid.SampledFrom([]int64{0, 0, 0, 1, 5, -3}).Draw(t, "gap at the source")
			down += rapid.SampledFrom([]int64{0, 0, 0, 1, 7, -2}).Draw(t, "gap in the target")
			up, down = max(up, 0), max(down, 0)
			n := rapid.Int64Range(1, 25).Draw(t, "records")
			due := int64(-1)
			for i := range n {
				if single.Delivered(up+i, down+i, life) {
					due = i
				}
			}
			if got := whole.DeliveredRun(up, down, n, life); got != due {
				t.Fatalf("the last sync that is due of %d records at %d, %d is that of %d, not %d", n, up, down, got, due)
			}
			up, down, life = up+n, down+n, life+1
			if rapid.Bool().Draw(t, "take") {
				if d := cmp.Diff(single.Take(), whole.Take()); d != "" {
					t.Fatal(d)
				}
			}
		}
		if d := cmp.Diff(single.Take(), whole.Take()); d != "" {
			t.Fatal(d)
		}
	})
}
