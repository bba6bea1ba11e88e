package mirror

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsPassedOn(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	at := func(name string, ago time.Duration, ended bool) definition {
		d := linkBetween(t, "A", "B")
		d.Name, d.Written, d.Ended = name, now.Add(-ago).UnixMilli(), ended
		return d
	}
	known := func(ds ...definition) definitions {
		m := definitions{}
		for _, d := range ds {
			m.add(d)
		}
		return m
	}
	for _, tc := range []struct {
		name     string
		from, to definitions
		want     int
	}{
		{"new", known(at("x", 0, false)), known(), 1},
		{"own", known(at("own", 0, false)), known(), 0},
		{"as new there", known(at("x", 0, false)), known(at("x", time.Second, false)), 0},
		{"a renewal later", known(at("x", 0, false)), known(at("x", linkRenewal, false)), 1},
		{"older than there", known(at("x", linkRenewal, false)), known(at("x", 0, false)), 0},
		{"its end", known(at("x", 0, true)), known(at("x", time.Second, false)), 1},
		{"its end is known there", known(at("x", 0, true)), known(at("x", 0, true)), 0},
		{"it runs again", known(at("x", 0, false)), known(at("x", linkRenewal, true)), 1},
	} {
		own := at("own", 0, false)
		if got := toPass(tc.from, tc.to, own.key()); len(got) != tc.want {
			t.Errorf("%s: %d definitions are passed on, want %d", tc.name, len(got), tc.want)
		}
	}
	all := known(at("x", linkLife, false), at("y", linkLife-time.Second, false), at("z", 0, true), at("future", -linkLife, false))
	all.expire(now)
	if len(all) != 2 {
		t.Errorf("after those that are too old are gone: %v", all)
	}
	if links := all.elders(nil, now); len(links) != 1 || links[0].Name != "y" {
		t.Errorf("running: %v", links)
	}
}

// Records of the topic may be anything: what is no definition is passed over, and a definition that can be read can be
// written again.
func FuzzDefinition(f *testing.F) {
	d := linkBetween(f, "A", "B", propTopics, "a,b.*")
	_, value, err := d.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add([]byte(`{"version":1,"source":"A","target":"B","separator":".","internal_separator":".","topics":["("]}`))
	f.Add([]byte(`{"version":2,"future":[1,{}]}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		d, err := decodeDefinition(value)
		if err != nil {
			return
		}
		if l, err := d.link(); err == nil {
			l.Copies("a.topic")
			l.Rename("a.topic")
		}
		_, again, err := d.encode()
		if err != nil {
			return // too long
		}
		e, err := decodeDefinition(again)
		if err != nil || !d.same(e) {
			t.Errorf("%v %s", err, cmp.Diff(d, e))
		}
	})
}
