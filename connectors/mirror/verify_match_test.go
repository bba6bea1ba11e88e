package mirror

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// letters is a stream of records, one for each letter: the same letter is the same record.
type letters struct {
	at   int
	recs []digest
}

func (l *letters) next() (*digest, bool) {
	if l.at >= len(l.recs) {
		return nil, false
	}
	l.at++
	return &l.recs[l.at-1], true
}

// recs makes records of words: "k=v" with key k, "k" a tombstone of key k; at offsets that begin with first.
func recs(first int64, words ...string) *letters {
	l := &letters{}
	for i, w := range words {
		key, value, has := strings.Cut(w, "=")
		d := digest{offset: first + int64(i), key: sum(key), value: sum(value), timestamp: 1, tombstone: !has}
		d.all = d.key*31 + d.value*37 + 1
		l.recs = append(l.recs, d)
	}
	return l
}

func sum(s string) (n uint64) {
	for _, c := range s {
		n = n*1_000_003 + uint64(c) + 7
	}
	return n
}

func words(s string) []string { return strings.Fields(s) }

func TestMatch(t *testing.T) {
	missing := func(offsets ...int64) (ds []Difference) {
		for _, o := range offsets {
			ds = append(ds, Difference{Kind: diffMissing, SourceOffset: o, TargetOffset: -1})
		}
		return ds
	}
	for _, tc := range []struct {
		name     string
		src, dst string
		o        matchOptions
		want     Counts // without Source and Target
		diffs    []Difference
	}{
		{"equal", "a=1 b=2 c=3", "a=1 b=2 c=3", matchOptions{}, Counts{Matched: 3}, nil},
		{"nothing", "", "", matchOptions{}, Counts{}, nil},
		{"still to be copied", "a=1 b=2 c=3", "a=1", matchOptions{}, Counts{Matched: 1, Pending: 2}, nil},
		{"known to have been copied", "a=1 b=2 c=3", "a=1", matchOptions{copied: 2}, Counts{Matched: 1, Missing: 1, Pending: 1}, missing(1)},
		{"lost", "a=1 b=2 c=3 d=4", "a=1 d=4", matchOptions{}, Counts{Matched: 2, Missing: 2}, missing(1, 2)},
		{"the first is lost", "a=1 b=2", "b=2", matchOptions{}, Counts{Matched: 1, Missing: 1}, missing(0)},
		{"twice", "a=1 b=2 c=3 d=4", "a=1 b=2 c=3 b=2 c=3 d=4", matchOptions{}, Counts{Matched: 4, Duplicates: 2}, nil},
		{"twice at the end", "a=1 b=2", "a=1 b=2 a=1 b=2", matchOptions{}, Counts{Matched: 2, Duplicates: 2}, nil},
		{"equal records are as many", "x=1 x=1 x=1", "x=1 x=1 x=1", matchOptions{}, Counts{Matched: 3}, nil},
		{
			"changed", "a=1 b=2 c=3", "a=1 b=9 c=3",
			matchOptions{},
			Counts{Matched: 2, Changed: 1},
			[]Difference{{Kind: diffChanged, SourceOffset: 1, TargetOffset: 101, What: []string{"value"}}},
		},
		{
			"one of another", "a=1 b=2", "a=1 z=9 b=2",
			matchOptions{},
			Counts{Matched: 2, Extra: 1},
			[]Difference{{Kind: diffExtra, SourceOffset: -1, TargetOffset: 101}},
		},
		{"in another order", "a=1 b=2 c=3 d=4", "a=1 c=3 b=2 d=4", matchOptions{}, Counts{Matched: 4, Reordered: 1}, nil},
		{"the target lost its first", "a=1 b=2 c=3", "c=3", matchOptions{targetCut: true}, Counts{Matched: 1, ExpiredTarget: 2}, nil},
		{"the source lost its first", "c=3", "a=1 b=2 c=3", matchOptions{sourceCut: true}, Counts{Matched: 1, ExpiredSource: 2}, nil},
		{"the target lost all", "a=1 b=2", "", matchOptions{targetCut: true}, Counts{Pending: 2}, nil},
		{"behind the range", "a=1 b=2", "a=1 b=2 c=3 d=4", matchOptions{targetOpen: true}, Counts{Matched: 2}, nil},
		{"the last of a range is lost", "a=1 b=2 c=3 d=4", "a=1 c=3 d=4 e=5", matchOptions{targetOpen: true, end: 2}, Counts{Matched: 1, Missing: 1}, missing(1)},
		{"one of a range is lost", "a=1 b=2 c=3 d=4", "a=1 c=3 d=4 e=5", matchOptions{targetOpen: true, end: 3}, Counts{Matched: 2, Missing: 1}, missing(1)},
		{"what differs behind the range", "a=1 b=2 c=3 d=4 e=5 f=6", "a=1 c=3 z=9 d=4 d=4 f=6", matchOptions{targetOpen: true, end: 2}, Counts{Matched: 1, Missing: 1}, missing(1)},
		{"the last of a range is still to be copied", "a=1 b=2 c=3 d=4", "a=1", matchOptions{targetOpen: true, end: 2}, Counts{Matched: 1, Pending: 1}, nil},
		{
			"one of another, and behind the range others", "a=1 b=2 c=3 d=4", "a=1 z=9 b=2 c=3 d=4",
			matchOptions{targetOpen: true, end: 2},
			Counts{Matched: 2, Extra: 1},
			[]Difference{{Kind: diffExtra, SourceOffset: -1, TargetOffset: 101}},
		},
		{"compacted on the target", "a=1 b=2 a=3", "b=2 a=3", matchOptions{compacted: true}, Counts{Matched: 2, Compacted: 1}, nil},
		{"compacted on the source", "b=2 a=3", "a=1 b=2 a=3", matchOptions{compacted: true}, Counts{Matched: 2, Compacted: 1}, nil},
		{"tombstones go, with what was before them", "a=1 a b=2", "b=2", matchOptions{compacted: true}, Counts{Matched: 1, Compacted: 2}, nil},
		{"lost though compacted", "a=1 b=2 a=3", "a=3", matchOptions{compacted: true}, Counts{Matched: 1, Compacted: 1, Missing: 1}, missing(1)},
		{
			"changed though compacted", "a=1 b=2 c=3", "a=1 b=9 c=3",
			matchOptions{compacted: true},
			Counts{Matched: 2, Changed: 1},
			[]Difference{{Kind: diffChanged, SourceOffset: 1, TargetOffset: 101, What: []string{"value"}}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src, dst := recs(0, words(tc.src)...), recs(100, words(tc.dst)...)
			tc.o.most = 10
			if tc.o.copied == 0 {
				tc.o.copied = -1
			}
			got, diffs := match(src, dst, tc.o)
			if tc.o.end == 0 && got.Source != int64(len(src.recs)) || got.Target > int64(len(dst.recs)) {
				t.Errorf("%d and %d read", got.Source, got.Target)
			}
			got.Source, got.Target = 0, 0
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if d := cmp.Diff(tc.diffs, diffs); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// A copy that was made by at-least-once delivery is one, and each record that somebody takes away, changes or adds is told;
// with little memory too.
func TestMatchFindsWhatWasDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "records")
		src := make([]string, n)
		for i := range src {
			src[i] = fmt.Sprintf("k%d=%d", i%7, i)
		}
		// The copy goes back now and then, by less than the look-ahead.
		var dst []string
		for at := 0; at < n; {
			to := min(n, at+rapid.IntRange(1, 40).Draw(t, "run"))
			dst = append(dst, src[at:to]...)
			if at = to; at < n {
				at = max(0, at-rapid.IntRange(0, 20).Draw(t, "back"))
			}
		}
		copies := int64(len(dst))
		want := Counts{Source: int64(n), Target: copies, Matched: int64(n), Duplicates: copies - int64(n)}
		o := matchOptions{lookAhead: rapid.IntRange(50, 100).Draw(t, "ahead"), copied: int64(n), most: n}
		got, _ := match(recs(0, src...), recs(0, dst...), o)
		if got != want {
			t.Fatalf("a good copy: %+v, want %+v", got, want)
		}
		victim := src[rapid.IntRange(0, n-1).Draw(t, "victim")]
		switch rapid.SampledFrom([]string{"lose", "add", "change"}).Draw(t, "what") {
		case "lose":
			lost := slices.DeleteFunc(slices.Clone(dst), func(s string) bool { return s == victim })
			got, diffs := match(recs(0, src...), recs(0, lost...), o)
			if got.Missing != 1 || got.Changed+got.Extra != 0 || src[diffs[0].SourceOffset] != victim {
				t.Fatalf("without %s: %+v %v", victim, got, diffs)
			}
		case "add":
			added := slices.Insert(slices.Clone(dst), rapid.IntRange(0, len(dst)).Draw(t, "at"), "new=record")
			got, diffs := match(recs(0, src...), recs(0, added...), o)
			if got.Extra != 1 || got.Changed+got.Missing != 0 || added[diffs[0].TargetOffset] != "new=record" {
				t.Fatalf("with one more: %+v %v", got, diffs)
			}
		case "change":
			changed := slices.Clone(dst)
			for i := range changed {
				if changed[i] == victim {
					changed[i] = strings.Split(victim, "=")[0] + "=changed"
				}
			}
			got, _ := match(recs(0, src...), recs(0, changed...), o)
			if got.Same() {
				t.Fatalf("with %s changed: %+v", victim, got)
			}
		}
	})
}

// A hole that is larger than what is kept in memory is told in full, and what follows is compared again.
func TestMatchOverALargeHole(t *testing.T) {
	var src []string
	for i := range 1000 {
		src = append(src, fmt.Sprintf("k=%d", i))
	}
	dst := slices.Concat(src[:100], src[700:])
	got, diffs := match(recs(0, src...), recs(0, dst...), matchOptions{lookAhead: 50, copied: -1, most: 3})
	want := Counts{Source: 1000, Target: 400, Matched: 400, Missing: 600}
	if got != want || len(diffs) != 3 {
		t.Errorf("%+v, want %+v; %v", got, want, diffs)
	}
}
