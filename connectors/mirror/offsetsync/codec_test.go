package offsetsync

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/connect"
)

// segment draws one that is valid.
func segment(t *rapid.T) Segment {
	offset := rapid.Int64Range(0, math.MaxInt64/4)
	s := Segment{
		Topic: text(t), Partition: number32(t), First: offset.Draw(t, "first"), Lifetime: offset.Draw(t, "lifetime"),
		Origin: rapid.Bool().Draw(t, "origin"), Anew: rapid.Bool().Draw(t, "anew"),
	}
	up, down := s.First, int64(0)
	gap, count := rapid.Int64Range(0, 300), rapid.Int64Range(1, 1000)
	for range rapid.IntRange(1, 9).Draw(t, "runs") {
		r := Run{Up: up + gap.Draw(t, "gap"), Down: down + gap.Draw(t, "gap"), N: count.Draw(t, "n"), Times: count.Draw(t, "times")}
		if r.Times > 1 {
			r.StepUp, r.StepDown = r.N+gap.Draw(t, "gap"), r.N+gap.Draw(t, "gap")
		}
		s.Runs = append(s.Runs, r)
		up, down = r.End(), r.DownEnd()
	}
	return s
}

func TestSegmentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := segment(t)
		if rapid.IntRange(0, 9).Draw(t, "tombstone") == 0 {
			s = Segment{Topic: s.Topic, Partition: s.Partition, First: s.First, Lifetime: s.Lifetime}
		}
		key, value := s.Encode()
		back, err := DecodeSegment(key, value)
		if d := cmp.Diff(s, back); d != "" || err != nil {
			t.Fatal(err, d)
		}
	})
}

// TestRunParts cuts runs in two, and finds every record where the whole has it.
func TestRunParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Int64Range(0, 5)
		r := Run{Up: small.Draw(t, "up"), Down: small.Draw(t, "down"), N: 1 + small.Draw(t, "n"), Times: 1 + small.Draw(t, "times")}
		if r.Times > 1 {
			r.StepUp, r.StepDown = r.N+small.Draw(t, "gap"), r.N+small.Draw(t, "gap")
		}
		cut := rapid.Int64Range(0, r.End()+2).Draw(t, "cut")
		parts := append(r.before(cut, nil), r.from(cut, nil)...)
		records := func(runs ...Run) (all [][2]int64) {
			for _, r := range runs {
				if err := r.check(0, 0); err != nil {
					t.Fatalf("%+v: %v", r, err)
				}
				for k := range r.Times {
					for i := range r.N {
						all = append(all, [2]int64{r.Up + k*r.StepUp + i, r.Down + k*r.StepDown + i})
					}
				}
			}
			return all
		}
		whole := records(r)
		if d := cmp.Diff(whole, records(parts...)); d != "" {
			t.Fatalf("%+v cut at %d: %s", r, cut, d)
		}
		for _, p := range r.before(cut, nil) {
			if p.End() > cut {
				t.Fatalf("%+v cut at %d: %+v", r, cut, p)
			}
		}
		next := 0
		for up := range r.End() {
			for whole[next][0] < up {
				next++
			}
			if at := r.at(up); at != whole[next][1] {
				t.Fatalf("%+v at %d: %d, not %d", r, up, at, whole[next][1])
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	add := func(key, value []byte) { f.Add(key, value) }
	add(Sync{"t", 1, 2, 3}.Encode())
	add(Checkpoint{"g", "t", 1, 2, 3, "m"}.Encode())
	add(Heartbeat{"a", "b", 4}.Encode())
	s := Segment{Topic: "t", Partition: 1, First: 5, Lifetime: 9, Origin: true, Runs: []Run{
		{Up: 5, Down: 7, N: 100, Times: 1}, {Up: 106, Down: 110, N: 3, Times: 50, StepUp: 5, StepDown: 4},
	}}
	add(s.Encode())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		_, _ = DecodeSync(key, value)
		_, _ = DecodeCheckpoint(key, value)
		_, _ = DecodeHeartbeat(key, value)
		s, err := DecodeSegment(key, value)
		if err != nil {
			return
		}
		var tr Translator
		tr.ApplyPieces(s)
		tp := connect.TopicPartition{Topic: s.Topic, Partition: s.Partition}
		for _, up := range []int64{0, s.First, s.End() - 1, s.End(), math.MaxInt64} {
			if down, q := tr.Translate(tp, up); q != Unknown && down < 0 {
				t.Fatalf("%d -> %d", up, down)
			}
		}
		if len(s.Runs) > 0 {
			cut := s
			cut.Lifetime, cut.First = s.Lifetime/2, s.First+(s.End()-s.First)/2
			cut.Runs = []Run{{Up: cut.First, Down: s.Runs[0].Down, N: 1, Times: 1}}
			tr.ApplyPieces(cut)
			tr.Translate(tp, cut.First)
		}
	})
}
