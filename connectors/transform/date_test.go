package transform

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTwoDigitsOfAYear: they are the first such year after the moment 80 years ago.
func TestTwoDigitsOfAYear(t *testing.T) {
	now := time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"27-11-46": "1946-11-27", "26-11-46": "2046-11-26", "25-11-46": "2046-11-25", "01-01-47": "1947-01-01", "01-01-45": "2045-01-01", "01-01-99": "1999-01-01",
		"01-01-00": "2000-01-01", "01-01-146": "0146-01-01", "01-01-5": "0005-01-01",
	} {
		f, err := newDateFormat("dd-MM-yy", now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		full, _ := newDateFormat("yyyy-MM-dd", now)
		if at := full.format(got); at != want {
			t.Errorf("%s is %s, want %s", text, at, want)
		}
	}
}

// TestDatesComeBack: what is written with all its fields is read as the same time, however the fields are written.
func TestDatesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-80_000_000_000_000, 300_000_000_000_000).Draw(t, "ms")
		pattern := rapid.SampledFrom([]string{
			"G yyyy-MM-dd'T'HH:mm:ss.SSSX", "yyyy G MMM d, h:mm:ss.SSS a", "EEEE, dd MMMM yyyy G kk:mm:ss.SSS z", "yyyy G D H m s S", "G y M d K:m:s.S a Z",
		}).Draw(t, "pattern")
		f, err := newDateFormat(pattern, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		text := f.format(ms)
		if back, err := f.parse(text); err != nil || back != ms {
			t.Fatalf("%d is written %q and read as %d, %v", ms, text, back, err)
		}
	})
}

// TestCalendar holds the days around the change of calendars, and counts days without a gap.
func TestCalendar(t *testing.T) {
	if c := civilOf(gregorianFrom); c != (civil{1582, 10, 15}) {
		t.Error(c)
	}
	if c := civilOf(gregorianFrom - 1); c != (civil{1582, 10, 4}) {
		t.Error(c)
	}
	if c := civilOf(0); c != (civil{1970, 1, 1}) {
		t.Error(c)
	}
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.Int64Range(-3_000_000, 3_000_000).Draw(t, "day")
		if back := civilOf(day).days(); back != day {
			t.Fatalf("%d is %v, and that is %d", day, civilOf(day), back)
		}
	})
}

func FuzzDate(f *testing.F) {
	f.Add("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2020-01-02T03:04:05.678Z", int64(1795431561736))
	f.Add("EEE, d MMM yy w W F u G h a z", "Mon, 1 Jan 20 1 1 1 1 AD 1 PM GMT+1:00", int64(-1))
	f.Fuzz(func(t *testing.T, pattern, text string, ms int64) {
		format, err := newDateFormat(pattern, time.Unix(1_700_000_000, 0))
		if err != nil {
			return
		}
		if len(pattern) < 100 {
			format.format(ms)
		}
		_, _ = format.parse(text)
	})
}

func FuzzFieldPath(f *testing.F) {
	f.Add("a.`b.c`.d")
	f.Add("`a\\`.b`")
	f.Fuzz(func(t *testing.T, text string) {
		if path, err := newFieldPath(text, "V2"); err == nil && len(path) == 0 {
			t.Errorf("%q leads nowhere", text)
		}
	})
}
