package mirror

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

// stands gives where a group stands on a cluster.
func stands(c *cluster, group string) at {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := at{}
	if g := c.groups[group]; g != nil {
		for tp, o := range g.offsets {
			out[tp] = o.At
		}
	}
	return out
}

var syncing = []string{"sync.group.offsets.enabled", "true", "sync.group.offsets.interval.seconds", "1"}

// settled lets a task with syncing do its rounds.
func settled() { time.Sleep(3 * time.Second); synctest.Wait() }

func TestOnlyGroupsWithoutMembersAreCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		for _, g := range []string{"new", "idle", "ahead", "active", "racing", "denied"} {
			f.source.group(g, "Stable", at{in(0): 99, in(1): 100})
		}
		f.target.group("idle", "Empty", at{copied(0): 1001, {Topic: "own"}: 5})
		f.target.group("ahead", "Empty", at{copied(0): 1150, copied(1): 3})
		f.target.group("active", "Stable", at{copied(0): 1000})
		racing := f.target.group("racing", "Empty", at{copied(0): 1000})
		racing.before = func() { racing.state = "Stable" }
		f.target.group("denied", "Empty", nil).fail = client.ErrUnauthorized
		startCheckpoints(t, f, "active,ahead,denied,idle,new,racing", syncing...)
		settled()
		for g, want := range map[string]at{
			"new":    {copied(0): 1099, copied(1): 1100},
			"idle":   {copied(0): 1099, copied(1): 1100, {Topic: "own"}: 5},
			"ahead":  {copied(0): 1150, copied(1): 1100},
			"active": {copied(0): 1000},
			"racing": {copied(0): 1000},
			"denied": {},
		} {
			if d := cmp.Diff(want, stands(f.target, g)); d != "" {
				t.Errorf("%s: %s", g, d)
			}
		}
		if n := f.target.groups["new"].commits; n != 1 {
			t.Errorf("%d commits for a group that did not move", n)
		}
		if m := f.target.groups["new"].offsets[copied(0)].Metadata; m != "m" {
			t.Errorf("metadata %q", m)
		}
	})
}

// TestAPartitionThatTheTargetLacks does not keep the others from being committed.
func TestAPartitionThatTheTargetLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.group("g", "Stable", at{in(0): 99, in(1): 100})
		f.target.topic("S.in", 1, 1)
		tellSync(f, 1, 100, 1100)
		startCheckpoints(t, f, "g", syncing...)
		settled()
		if d := cmp.Diff(at{copied(0): 1099}, stands(f.target, "g")); d != "" {
			t.Error(d)
		}
		f.target.topic("S.in", 4, 1)
		settled()
		if d := cmp.Diff(at{copied(0): 1099, copied(1): 1100}, stands(f.target, "g")); d != "" {
			t.Error(d)
		}
	})
}

// TestAGroupThatWentBackOnTheSource goes back on the target too, unless it has read there itself.
func TestAGroupThatWentBackOnTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		for _, g := range []string{"g", "read", "joined"} {
			f.source.group(g, "Stable", at{in(0): 99})
		}
		startCheckpoints(t, f, "g,joined,read", syncing...)
		settled()
		f.target.edit(func() {
			f.target.groups["read"].offsets[copied(0)] = client.GroupOffset{At: 1100}
			f.target.groups["joined"].state = "Stable"
		})
		settled()
		f.target.edit(func() { f.target.groups["joined"].state = "Empty" })
		f.source.edit(func() {
			for _, g := range []string{"g", "read", "joined"} {
				f.source.groups[g].offsets[in(0)] = client.GroupOffset{At: 0}
			}
		})
		settled()
		for g, want := range map[string]int64{"g": 1000, "read": 1100, "joined": 1099} {
			if d := cmp.Diff(at{copied(0): want}, stands(f.target, g)); d != "" {
				t.Errorf("%s: %s", g, d)
			}
		}
	})
}

// TestWhatIsKnownIsCommittedWithoutTheSource: a failover may come with the source gone.
func TestWhatIsKnownIsCommittedWithoutTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.edit(func() { f.source.fail = errors.New("gone") })
		tellCheckpoint(f, "g", 0, 99, 1099)
		startCheckpoints(t, f, "g", syncing...)
		settled()
		if d := cmp.Diff(at{copied(0): 1099}, stands(f.target, "g")); d != "" {
			t.Error(d)
		}
	})
}

// TestAGroupThatIsGoneFromTheSource is not made on the target from what was known of it.
func TestAGroupThatIsGoneFromTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		tellCheckpoint(f, "g", 0, 99, 1099)
		startCheckpoints(t, f, "g", append(syncing, "refresh.groups.enabled", "false")...)
		time.Sleep(retryMost) // the first round may come before syncs are read
		f.target.edit(func() { delete(f.target.groups, "g") })
		settled()
		if got := stands(f.target, "g"); len(got) > 0 {
			t.Error(got)
		}
	})
}

func TestDue(t *testing.T) {
	type cps = map[connect.TopicPartition]offsetsync.Checkpoint
	cp := func(up, down int64) cps {
		return cps{copied(0): {Upstream: up, Downstream: down, Metadata: "m"}}
	}
	stand := func(n int64) map[connect.TopicPartition]client.GroupOffset {
		return map[connect.TopicPartition]client.GroupOffset{copied(0): {At: n}}
	}
	to := func(n int64) map[connect.TopicPartition]client.GroupOffset {
		return map[connect.TopicPartition]client.GroupOffset{copied(0): {At: n, Metadata: "m"}}
	}
	for name, c := range map[string]struct {
		newest, wrote cps
		at, want      map[connect.TopicPartition]client.GroupOffset
	}{
		"nothing there":          {newest: cp(5, 50), want: to(50)},
		"behind":                 {newest: cp(5, 50), at: stand(49), want: to(50)},
		"there":                  {newest: cp(5, 50), at: stand(50)},
		"its own, ahead":         {newest: cp(5, 50), at: stand(51)},
		"ours, went back":        {newest: cp(5, 50), wrote: cp(6, 60), at: stand(60), want: to(50)},
		"ours, did not go back":  {newest: cp(6, 50), wrote: cp(6, 60), at: stand(60)},
		"its own, ahead of ours": {newest: cp(5, 50), wrote: cp(6, 60), at: stand(61)},
	} {
		if c.want == nil {
			c.want = map[connect.TopicPartition]client.GroupOffset{}
		}
		if d := cmp.Diff(c.want, due(c.newest, maps.Clone(c.wrote), c.at)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
