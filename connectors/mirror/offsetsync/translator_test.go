package offsetsync

import (
	"fmt"
	"testing"

	"github.com/connectd/connectd/connect"
)

// piece is a segment of one piece.
func piece(lifetime, up, down, n int64) Segment {
	return Segment{Topic: tp.Topic, Partition: tp.Partition, First: up, Lifetime: lifetime, Runs: []Run{{Up: up, Down: down, N: n, Times: 1}}}
}

func sync(up, down int64) Sync { return Sync{tp.Topic, tp.Partition, up, down} }

// TestTranslate shows each rule by an example.
func TestTranslate(t *testing.T) {
	origin := piece(1, 100, 0, 50) // a link that began when the source began at 100
	origin.Origin = true
	holes := Segment{Topic: tp.Topic, Partition: tp.Partition, First: 10, Lifetime: 1, Runs: []Run{
		{Up: 10, Down: 0, N: 5, Times: 1},                             // 10-14
		{Up: 20, Down: 5, N: 3, Times: 4, StepUp: 4, StepDown: 4},     // 20-22, 24-26, 28-30, 32-34, with markers on both sides
		{Up: 1000, Down: 100, N: 1, Times: 1, StepUp: 0, StepDown: 0}, // after compaction
	}}
	anew := piece(2, 0, 50, 3)
	anew.Origin, anew.Anew = true, true
	for name, c := range map[string]struct {
		known []any
		want  map[int64]string
	}{
		"nothing":                      {nil, map[int64]string{0: "-1 unknown", 7: "-1 unknown"}},
		"in a piece":                   {[]any{holes}, map[int64]string{10: "0 exact", 14: "4 exact", 25: "10 exact", 34: "19 exact", 1000: "100 exact"}},
		"in a hole: where it goes on":  {[]any{holes}, map[int64]string{15: "5 exact", 19: "5 exact", 23: "9 exact", 31: "17 exact", 35: "100 exact", 999: "100 exact"}},
		"past the last piece: its end": {[]any{holes}, map[int64]string{1001: "101 exact", 1002: "101 early"}},
		"before what is known":         {[]any{holes}, map[int64]string{9: "-1 unknown"}},
		"before a link began":          {[]any{origin}, map[int64]string{0: "0 exact", 99: "0 exact", 100: "0 exact"}},
		"a task that began again at 90 is the one to read from, once it has come so far": {
			[]any{piece(1, 50, 0, 50), piece(2, 90, 50, 30)}, map[int64]string{89: "39 exact", 90: "50 exact", 99: "59 exact", 110: "70 exact", 120: "80 exact"},
		},
		"until then nothing of the old copies is skipped": {
			[]any{piece(1, 50, 0, 50), piece(2, 90, 50, 2)}, map[int64]string{89: "39 exact", 90: "42 early", 91: "42 early", 92: "42 exact", 99: "49 exact", 100: "50 exact"},
		},
		"what a crash left untold": {
			[]any{piece(1, 0, 0, 50), piece(2, 60, 60, 10)}, map[int64]string{49: "49 exact", 50: "50 exact", 51: "50 early", 59: "50 early", 60: "60 exact"},
		},
		"between lifetimes a Java worker copied": {
			[]any{piece(1, 0, 0, 50), sync(50, 50), sync(55, 58), piece(2, 60, 63, 10)}, map[int64]string{50: "50 early", 52: "51 early", 55: "58 early", 59: "59 early", 60: "63 exact"},
		},
		"only a Java worker": {
			[]any{sync(10, 3), sync(20, 9)}, map[int64]string{9: "-1 unknown", 10: "3 early", 15: "4 early", 20: "9 early", 25: "10 early"},
		},
		"the target's topic was made anew": {
			[]any{piece(1, 0, 0, 50), piece(2, 50, 0, 20)}, map[int64]string{10: "0 early", 49: "0 early", 50: "0 exact", 69: "19 exact"},
		},
		"the same, told by a sync so far": {
			[]any{piece(1, 0, 0, 50), sync(50, 2)}, map[int64]string{10: "2 early", 50: "2 early", 51: "3 early"},
		},
		"the source's topic was made anew": {
			[]any{piece(1, 0, 0, 50), anew}, map[int64]string{0: "50 exact", 2: "52 exact", 40: "53 early"},
		},
		"a late word of a lifetime that is void": {
			[]any{piece(1, 0, 0, 40), anew, piece(1, 0, 0, 50)}, map[int64]string{1: "51 exact", 40: "53 early"},
		},
		"a segment is taken away": {
			[]any{piece(1, 0, 0, 50), piece(1, 50, 60, 10), Segment{Topic: tp.Topic, Partition: tp.Partition, Lifetime: 1}}, map[int64]string{49: "-1 unknown", 50: "60 exact"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var tr Translator
			for _, k := range c.known {
				switch k := k.(type) {
				case Segment:
					tr.ApplyPieces(k)
				case Sync:
					tr.Apply(k)
				}
			}
			for up, want := range c.want {
				down, q := tr.Translate(tp, up)
				if got := fmt.Sprint(down, " ", q); got != want {
					t.Errorf("%d: %s, not %s", up, got, want)
				}
			}
		})
	}
}

// TestManySyncs keeps what is needed of very many syncs: recent positions well, old ones roughly.
func TestManySyncs(t *testing.T) {
	var tr Translator
	const n = 100_000
	for i := range int64(n) {
		tr.Apply(sync(10*i, 10*i))
	}
	if len(tr.parts[tp].syncs) > mostSyncs {
		t.Error(len(tr.parts[tp].syncs))
	}
	for _, back := range []int64{1, 5, 50, 500, 5000, 50_000, n - 1} {
		up := 10 * (n - back)
		down, _ := tr.Translate(tp, up)
		if down > up || down < up-10*back/4-10 {
			t.Errorf("%d -> %d", up, down)
		}
	}
}

// TestClearing keeps what shows that older copies are gone from the target.
func TestClearing(t *testing.T) {
	all := []Segment{piece(1, 0, 0, 80), piece(1, 80, 80, 1), piece(2, 40, 0, 20)} // the target was made anew before lifetime 2
	var c Clearing
	for _, s := range all {
		c.Add(s)
	}
	keys := c.Useless(map[connect.TopicPartition]int64{tp: 85})
	if len(keys) != 1 {
		t.Fatalf("%d records are of no use", len(keys))
	}
	gone, _ := DecodeSegment(keys[0], nil)
	if gone.Lifetime != 1 || gone.First != 0 {
		t.Errorf("%+v", gone)
	}
	var tr Translator
	for _, s := range append(all, gone) {
		tr.ApplyPieces(s)
	}
	if down, q := tr.Translate(tp, 85); down != 20 {
		t.Error(down, q)
	}
	anew := piece(3, 0, 90, 5)
	anew.Anew = true
	c.Add(anew)
	if keys := c.Useless(map[connect.TopicPartition]int64{tp: 1}); len(keys) != 3 {
		t.Errorf("%d records are of no use", len(keys))
	}
	if keys := c.Useless(map[connect.TopicPartition]int64{{Topic: "other"}: 1}); len(keys) != 0 || len(c.Partitions()) != 1 {
		t.Error(keys, c.Partitions())
	}
}

// TestAnew makes a topic of the source anew before a task begins, and beneath it.
func TestAnew(t *testing.T) {
	var tr Translator
	tell := func(p *Progress) {
		for _, r := range p.Take() {
			s, err := DecodeSegment(r.Key, r.Value)
			if err != nil {
				t.Fatal(err)
			}
			tr.ApplyPieces(s)
		}
	}
	want := func(up, down int64) {
		t.Helper()
		if got, q := tr.Translate(tp, up); got != down || q != Exact {
			t.Errorf("%d -> %d %v, not %d", up, got, q, down)
		}
	}
	tr.ApplyPieces(piece(1, 0, 0, 1000))
	p := NewProgress(tp.Topic, tp.Partition, 1000, 100, 2, false)
	p.Anew()
	p.Delivered(7, 1000, 3)
	tell(p)
	want(0, 1000)
	want(7, 1000)
	want(8, 1001)
	p.Anew()
	p.Delivered(8, 1001, 4) // was under way
	p.Delivered(2, 1002, 5)
	tell(p)
	want(1, 1002)
	want(3, 1003)
	if got, q := tr.Translate(tp, 8); got != 1003 {
		t.Error(got, q)
	}
}
