package mirror

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/internal/client"
)

// startGroups starts a connector in a bubble and stops it in the end.
func startGroups(t *testing.T, f *fakeClients, more ...string) (*checkpointConnector, *connecttest.ConnectorContext) {
	t.Helper()
	c := &checkpointConnector{clients: f}
	cc := connecttest.NewConnectorContext(t)
	if err := c.Start(t.Context(), cc, props(more...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c, cc
}

func dealt(t *testing.T, c *checkpointConnector, maxTasks int) []string {
	t.Helper()
	configs, err := c.TaskConfigs(t.Context(), maxTasks)
	if err != nil {
		t.Fatal(err)
	}
	var lists []string
	for _, tc := range configs {
		lists = append(lists, tc[propTaskGroups])
	}
	return lists
}

func TestGroupsAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		for _, g := range []string{"a", "b", "c", "connect-x", "with,comma", " blank", ""} {
			f.source.group(g, "Empty", at{in(0): 1})
		}
		f.source.group("elsewhere", "Stable", at{{Topic: "other"}: 1})
		f.source.group("nowhere", "Stable", nil)
		f.source.group("denied", "Stable", at{in(0): 1}).fail = client.ErrUnauthorized
		c, cc := startGroups(t, f, propTopics, "in", "refresh.groups.interval.seconds", "60")
		if d := cmp.Diff([]string{"a,b", "c"}, dealt(t, c, 2)); d != "" {
			t.Error(d)
		}
		synctest.Wait()
		f.target.holdsCompacted(t, client.Topic{Name: "S.checkpoints.internal", Partitions: 1, Replication: 3})
		time.Sleep(2*time.Minute + time.Second) // groups are looked for at full minutes
		if cc.Requested() != 0 {
			t.Error("tasks are made anew without reason")
		}
		f.source.group("d", "Stable", at{in(3): 0})
		f.source.edit(func() { delete(f.source.groups, "a") })
		time.Sleep(time.Minute)
		if d := cmp.Diff([]string{"b,c,d"}, dealt(t, c, 1)); d != "" || cc.Requested() != 1 {
			t.Error(d, cc.Requested())
		}
		f.source.edit(func() { f.source.groups["d"].fail = errors.New("no coordinator") })
		time.Sleep(time.Minute)
		if d := cmp.Diff([]string{"b,c,d"}, dealt(t, c, 1)); d != "" || cc.Requested() != 1 {
			t.Error("a group whose coordinator is away is no longer translated:", d)
		}
	})
}

func TestTasksWaitForTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.group("a", "Empty", at{in(0): 1})
		f.source.edit(func() { f.source.fail = errors.New("gone") })
		c, cc := startGroups(t, f)
		if _, err := c.TaskConfigs(t.Context(), 1); !connect.IsRetriable(err) {
			t.Errorf("%v", err)
		}
		f.source.edit(func() { f.source.fail = nil })
		time.Sleep(retryMost)
		if cc.Requested() != 1 {
			t.Errorf("%d", cc.Requested())
		}
		if d := cmp.Diff([]string{"a"}, dealt(t, c, 1)); d != "" {
			t.Error(d)
		}
	})
}

func TestLinksWithoutCheckpoints(t *testing.T) {
	for _, more := range [][]string{{"enabled", "false"}, {propEmitCheckpoints, "false"}} {
		synctest.Test(t, func(t *testing.T) {
			f := groupsLink(t)
			f.source.group("a", "Empty", at{in(0): 1})
			c, _ := startGroups(t, f, more...)
			if got := dealt(t, c, 1); len(got) > 0 {
				t.Error(more, got)
			}
		})
	}
}
