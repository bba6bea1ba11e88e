package measure

import (
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1_700_000_000+int64(s), 0) }
	var w Window
	if _, any := w.Spread(at(0)); any || w.PerSecond(at(0)) != 0 {
		t.Error("something is told of nothing")
	}
	for _, m := range []struct {
		s int
		v float64
		n int64
	}{{0, 10, 1}, {10, 30, 1}, {40, 2, 3}, {41, 99, 0}} {
		w.AddN(at(m.s), m.v, m.n)
	}
	for _, tc := range []struct {
		s    int
		want Spread
		any  bool
		rate float64
	}{
		{41, Spread{Last: 2, Min: 2, Max: 30, Avg: 46. / 5}, true, 46. / 41},
		{59, Spread{Last: 2, Min: 2, Max: 30, Avg: 46. / 5}, true, 46. / 59},
		{60, Spread{Last: 2, Min: 2, Max: 2, Avg: 2}, true, 6. / 50}, // the first window is over; the other is not full
		{99, Spread{Last: 2, Min: 2, Max: 2, Avg: 2}, true, 6. / 59},
		{100, Spread{}, false, 0},
	} {
		got, any := w.Spread(at(tc.s))
		if got != tc.want || any != tc.any {
			t.Errorf("at %d s: %+v %v, want %+v %v", tc.s, got, any, tc.want, tc.any)
		}
		if rate := w.PerSecond(at(tc.s)); rate != tc.rate {
			t.Errorf("at %d s: %v a second, want %v", tc.s, rate, tc.rate)
		}
	}
	w.Add(at(500), 7)
	if got, any := w.Spread(at(500)); !any || got != (Spread{Last: 7, Min: 7, Max: 7, Avg: 7}) {
		t.Errorf("after a rest: %+v", got)
	}
}
