package assign

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

func snapshot(offset int64, tasks map[string]int) *cluster.Snapshot {
	s := &cluster.Snapshot{Offset: offset, Connectors: map[string]*cluster.Connector{}}
	for name, n := range tasks {
		s.Connectors[name] = &cluster.Connector{Name: name, Tasks: make([]map[string]string, n)}
	}
	return s
}

func raw(t *testing.T, p proto.Protocol, url string, offset int64, running ...proto.Work) []byte {
	t.Helper()
	m := proto.Metadata{URL: url, ConfigOffset: offset}
	for _, w := range running {
		m.Assignment = &proto.Assignment{Assigned: w}
	}
	b, err := proto.EncodeMetadata(p, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func id(c string, n int) cluster.TaskID { return cluster.TaskID{Connector: c, Task: n} }

func TestEagerDealsInTurn(t *testing.T) {
	configured := proto.Work{
		Connectors: []string{"b", "a", "c"},
		Tasks:      []cluster.TaskID{id("b", 0), id("a", 1), id("a", 0), id("c", 0)},
	}
	want := map[string]proto.Work{
		"w1": {Connectors: []string{"a", "c"}, Tasks: []cluster.TaskID{id("a", 1), id("c", 0)}},
		"w2": {Connectors: []string{"b"}, Tasks: []cluster.TaskID{id("a", 0), id("b", 0)}},
	}
	if d := cmp.Diff(want, Eager([]string{"w2", "w1"}, configured)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := Eager([]string{"w1", "w2", "w3"}, proto.Work{}); len(got) != 3 {
		t.Errorf("without work: %v, want an entry for each of three", got)
	}
}

func TestLead(t *testing.T) {
	for _, p := range []proto.Protocol{proto.Eager, proto.Compatible, proto.Sessioned} {
		t.Run(p.String(), func(t *testing.T) {
			in := Input{
				Leader: "w1", Protocol: p, Snapshot: snapshot(12, map[string]int{"a": 2}),
				Members: map[string][]byte{
					"w1": raw(t, p, "http://one/", 12), "w2": raw(t, p, "http://two/", 7),
				},
				Generation: 3, LastCompleted: -1, Now: time.Unix(1, 0), MaxDelay: fiveMinutes,
			}
			out, _, err := Lead(State{}, in)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]*proto.Assignment{
				"w1": {
					Version: p.Version(), Leader: "w1", LeaderURL: "http://one/", ConfigOffset: 12,
					Assigned: proto.Work{Connectors: []string{"a"}, Tasks: []cluster.TaskID{id("a", 0)}},
				},
				"w2": {
					Version: p.Version(), Leader: "w1", LeaderURL: "http://one/", ConfigOffset: 12,
					Assigned: proto.Work{Tasks: []cluster.TaskID{id("a", 1)}},
				},
			}
			if p == proto.Eager {
				w1, w2 := want["w1"], want["w2"]
				w1.Assigned.Tasks, w2.Assigned.Tasks = w2.Assigned.Tasks, w1.Assigned.Tasks
			}
			for member, a := range want {
				got, err := proto.DecodeAssignment(out.Encoded[member])
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(a, got); d != "" {
					t.Errorf("%s (-want +got):\n%s", member, d)
				}
				if d := cmp.Diff(a.Assigned, out.Totals[member]); d != "" {
					t.Errorf("total of %s (-want +got):\n%s", member, d)
				}
			}
			if out.Mismatch || out.URLs["w2"] != "http://two/" {
				t.Errorf("mismatch %v, URLs %v", out.Mismatch, out.URLs)
			}
		})
	}
}

func TestLeaderBehindGivesMismatchAndKeepsItsMemory(t *testing.T) {
	state := State{Generation: 4, Previous: proto.Work{Connectors: []string{"a"}}}
	in := Input{
		Leader: "w1", Protocol: proto.Sessioned, Snapshot: snapshot(5, map[string]int{"a": 2}),
		Members: map[string][]byte{
			"w1": raw(t, proto.Sessioned, "http://one/", 5), "w2": raw(t, proto.Sessioned, "http://two/", 6),
		},
		Generation: 5, LastCompleted: 4,
	}
	out, next, err := Lead(state, in)
	if err != nil {
		t.Fatal(err)
	}
	if !out.Mismatch || out.NeedOffset != 6 {
		t.Errorf("mismatch %v, need offset %d; want true, 6", out.Mismatch, out.NeedOffset)
	}
	for member, a := range out.Assignments {
		if a.Error != proto.ConfigMismatch || a.ConfigOffset != 6 || !a.Assigned.Empty() {
			t.Errorf("%s got %+v", member, a)
		}
	}
	if d := cmp.Diff(state, next); d != "" {
		t.Errorf("memory changed:\n%s", d)
	}
}

// A leader assigns by configs that are no older than any member's; members that are behind read on before they start anything.
func TestConfigOffsets(t *testing.T) {
	for _, tc := range []struct {
		name                       string
		leader, snapshot, follower int64
		mismatch                   bool
		offset                     int64
	}{
		{"all the same", 5, 5, 5, false, 5},
		{"the follower is behind", 5, 5, 3, false, 5},
		{"the follower has read nothing", 5, 5, -1, false, 5},
		{"the follower is ahead", 5, 5, 6, true, 6},
		{"the leader read on to the follower", 5, 6, 6, false, 6},
		{"the leader read on past the follower", 5, 9, 6, false, 9},
		{"the leader read on, but not far enough", 5, 6, 7, true, 7},
		{"nobody has read anything", -1, -1, -1, false, -1},
	} {
		for _, p := range []proto.Protocol{proto.Eager, proto.Compatible, proto.Sessioned} {
			t.Run(tc.name+"/"+p.String(), func(t *testing.T) {
				out, _, err := Lead(State{}, Input{
					Leader: "w1", Protocol: p, Snapshot: snapshot(tc.snapshot, map[string]int{"a": 3}), Generation: 1, LastCompleted: -1,
					Members: map[string][]byte{
						"w1": raw(t, p, "http://one/", tc.leader), "w2": raw(t, p, "http://two/", tc.follower),
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				if out.Mismatch != tc.mismatch || out.ConfigOffset != tc.offset {
					t.Errorf("mismatch %v, offset %d; want %v, %d", out.Mismatch, out.ConfigOffset, tc.mismatch, tc.offset)
				}
				given := 0
				for member, b := range out.Encoded {
					a, err := proto.DecodeAssignment(b)
					if err != nil {
						t.Fatal(err)
					}
					if a.Failed() != tc.mismatch || a.ConfigOffset != tc.offset || a.LeaderURL != "http://one/" {
						t.Errorf("%s got %+v", member, a)
					}
					given += a.Assigned.Len()
				}
				if want := map[bool]int{false: 4}[tc.mismatch]; given != want {
					t.Errorf("%d pieces of work were given out, want %d", given, want)
				}
			})
		}
	}
}

func TestUnreadableMemberGetsNoWork(t *testing.T) {
	in := Input{
		Leader: "w1", Protocol: proto.Sessioned, Snapshot: snapshot(5, map[string]int{"a": 4}),
		Members: map[string][]byte{"w1": raw(t, proto.Sessioned, "http://one/", 5), "w2": {0, 2, 0, 9}},
	}
	out, _, err := Lead(State{}, in)
	if err != nil {
		t.Fatal(err)
	}
	if out.Unreadable["w2"] == nil || !out.Totals["w2"].Empty() || out.Totals["w1"].Len() != 5 {
		t.Errorf("unreadable %v, totals %v", out.Unreadable, out.Totals)
	}
	if a, err := proto.DecodeAssignment(out.Encoded["w2"]); err != nil || a.Failed() {
		t.Errorf("the unreadable member got %+v, %v", a, err)
	}
}

func TestLeadErrors(t *testing.T) {
	in := Input{Leader: "w1", Protocol: proto.Sessioned, Snapshot: snapshot(5, nil), Members: map[string][]byte{"w2": raw(t, proto.Sessioned, "http://two/", 1)}}
	if _, _, err := Lead(State{}, in); err == nil || !strings.Contains(err.Error(), "not among the 1 members") {
		t.Errorf("absent leader: %v", err)
	}
	in.Members["w1"] = []byte{0}
	if _, _, err := Lead(State{}, in); err == nil {
		t.Error("a leader with unreadable metadata was accepted")
	}
}

func TestIncompleteConnectorCountsWithoutTasks(t *testing.T) {
	s := snapshot(5, map[string]int{"a": 2, "b": 1})
	s.Connectors["a"].Inconsistent = true
	want := proto.Work{Connectors: []string{"a", "b"}, Tasks: []cluster.TaskID{id("b", 0)}}
	if d := cmp.Diff(want, Configured(s)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
