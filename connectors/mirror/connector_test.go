package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/internal/client"
)

// started starts a connector in a bubble and stops it in the end.
func started(t *testing.T, f *fakeClients, p map[string]string) (*connector, *connecttest.ConnectorContext) {
	t.Helper()
	c := &connector{clients: f}
	cc := connecttest.NewConnectorContext(t)
	if err := c.Start(t.Context(), cc, p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c, cc
}

func assigned(t *testing.T, c *connector, maxTasks int) []string {
	t.Helper()
	configs, err := c.TaskConfigs(t.Context(), maxTasks)
	if err != nil {
		t.Fatal(err)
	}
	var lists []string
	for _, tc := range configs {
		lists = append(lists, tc[propPartitions])
	}
	return lists
}

func TestDivision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("t0", 8, 1)
		f.source.topic("t1", 2, 1)
		f.source.topic("t2", 2, 1)
		c, _ := started(t, f, props())
		want := []string{"t0-0,t0-3,t0-6,t1-1", "t0-1,t0-4,t0-7,t2-0", "t0-2,t0-5,t1-0,t2-1"}
		if d := cmp.Diff(want, assigned(t, c, 3)); d != "" {
			t.Error(d)
		}
		if n := len(assigned(t, c, 100)); n != 12 {
			t.Errorf("%d tasks for 12 partitions", n)
		}
	})
}

func TestTopicsAreMadeAsAtTheSource(t *testing.T) {
	for setting, want := range map[string]int16{"source": 2, "2": 2, "1": 1, "-1": -1} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakes(t)
			f.source.topic("a", 5, 3, "retention.ms", "7", "min.insync.replicas", "2")
			f.source.topic("T.back", 1, 1)
			f.source.topic("__internal", 1, 1)
			f.source.topic("x.replica", 1, 1)
			c, _ := started(t, f, props(propReplication, setting))
			assigned(t, c, 1)
			const ids = "mm2-topic-ids.S.internal"
			kept := want
			if setting == replicationSource { // it is no copy of a topic
				kept = -1
			}
			want := map[string]client.Topic{"S.a": {Name: "S.a", Partitions: 5, Replication: want}, ids: {Name: ids, Partitions: 1, Replication: kept}}
			if d := cmp.Diff(want, f.target.topics); d != "" {
				t.Error(d)
			}
			if _, has := f.target.configs["S.a"]["min.insync.replicas"]; has || f.target.configs["S.a"]["retention.ms"].Value != "7" {
				t.Error(f.target.configs["S.a"])
			}
		})
	}
}

func TestNoTopicsNoTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		c, _ := started(t, f, props())
		if got := assigned(t, c, 3); len(got) != 0 {
			t.Error(got)
		}
		f.source.topic("a", 1, 1)
		c2, _ := started(t, f, props("enabled", "false"))
		if got := assigned(t, c2, 3); len(got) != 0 {
			t.Error(got)
		}
	})
}

// TestRefresh follows topics as they come, grow and go.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		c, cc := started(t, f, props("refresh.topics.interval.seconds", "60"))
		step := func(requests int, want ...string) {
			t.Helper()
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if got := cc.Requested(); got != requests {
				t.Errorf("%d requests for new tasks, want %d", got, requests)
			}
			if d := cmp.Diff(want, assigned(t, c, 1)); d != "" {
				t.Error(d)
			}
		}
		step(0, "a-0")
		f.source.topic("b", 1, 1)
		step(1, "a-0,b-0")
		f.source.topic("a", 3, 1)
		step(2, "a-0,a-1,a-2,b-0")
		if n := f.target.topics["S.a"].Partitions; n != 3 {
			t.Errorf("target has %d partitions", n)
		}
		f.source.edit(func() { delete(f.source.topics, "b") })
		step(3, "a-0,a-1,a-2")
		if _, has := f.target.topics["S.b"]; !has {
			t.Error("a topic of the target was deleted")
		}
		f.source.topic("a", 1, 1) // made anew with fewer partitions
		step(4, "a-0")
		if n := f.target.topics["S.a"].Partitions; n != 3 {
			t.Errorf("target has %d partitions", n)
		}
		step(4, "a-0")
	})
}

// TestFailureKeepsGoing loses the clusters and finds them again.
func TestFailureKeepsGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		down := errors.New("no answer")
		f.target.fail = down
		c, cc := started(t, f, props("refresh.topics.interval.seconds", "60"))
		if _, err := c.TaskConfigs(t.Context(), 1); !errors.Is(err, down) || !connect.IsRetriable(err) || !strings.Contains(err.Error(), "target cluster T") {
			t.Fatal(err)
		}
		f.target.edit(func() { f.target.fail = nil })
		time.Sleep(retryMost)
		synctest.Wait()
		if cc.Requested() != 1 {
			t.Error("new tasks were not asked for when the clusters were back")
		}
		if got := assigned(t, c, 1); !slices.Equal(got, []string{"a-0"}) {
			t.Error(got)
		}
		f.source.edit(func() { f.source.fail = down })
		time.Sleep(5 * time.Minute)
		if got := assigned(t, c, 1); !slices.Equal(got, []string{"a-0"}) {
			t.Error("an outage took the tasks' partitions away:", got)
		}
		f.source.edit(func() { f.source.fail = nil })
		f.source.topic("b", 1, 1)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if got := assigned(t, c, 1); !slices.Equal(got, []string{"a-0,b-0"}) {
			t.Error(got)
		}
		if errs := cc.Errors(); len(errs) > 0 {
			t.Error("the connector was failed:", errs)
		}
	})
}

// TestRefusedTopic leaves out what can't be made on the target.
func TestRefusedTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 2, 1)
		f.source.topic("b", 1, 1)
		f.target.refuse["S.b"] = fmt.Errorf("creating topic S.b: %w", client.ErrReplication)
		f.target.refuse["S.a"] = client.ErrTopicExists
		c, _ := started(t, f, props("refresh.topics.interval.seconds", "60"))
		if got := assigned(t, c, 1); !slices.Equal(got, []string{"a-0,a-1"}) {
			t.Error(got)
		}
		f.target.edit(func() { clear(f.target.refuse) })
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if got := assigned(t, c, 1); !slices.Equal(got, []string{"a-0,a-1,b-0"}) {
			t.Error(got)
		}
		f.target.edit(func() { f.target.refuse["S.a"] = client.ErrUnauthorized })
		f.source.topic("a", 3, 1)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if got := assigned(t, c, 1); !slices.Equal(got, []string{"a-0,a-1,b-0"}) {
			t.Error("a partition that the target lacks is copied:", got)
		}
	})
}

func TestOnlyTopicRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		f.target.refuse["S.a"] = client.ErrReplication
		c, _ := started(t, f, props())
		if _, err := c.TaskConfigs(t.Context(), 1); !connect.IsRetriable(err) || !strings.Contains(err.Error(), `set replication.factor (now 2)`) {
			t.Error(err)
		}
	})
}

func TestConfigSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1, "retention.ms", "7")
		c, _ := started(t, f, props("sync.topic.configs.interval.seconds", "60"))
		assigned(t, c, 1)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if len(f.target.altered) > 0 {
			t.Error("settings were written although they are equal:", f.target.altered)
		}
		f.source.edit(func() {
			f.source.set("a", "cleanup.policy", "compact", "message.timestamp.type", "LogAppendTime")
			f.source.configs["a"]["retention.ms"] = client.ConfigEntry{Value: "604800000", Source: client.DefaultConfig}
		})
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		want := []client.ConfigChange{{Topic: "S.a", Set: map[string]string{"cleanup.policy": "compact"}, Delete: []string{"retention.ms"}}}
		if d := cmp.Diff(want, f.target.altered); d != "" {
			t.Error(d)
		}
	})
}

func TestConfigSyncOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		c, _ := started(t, f, props("sync.topic.configs.enabled", "false", "refresh.topics.enabled", "false"))
		assigned(t, c, 1)
		f.source.topic("b", 1, 1)
		f.source.edit(func() { f.source.set("a", "retention.ms", "7") })
		time.Sleep(24 * time.Hour)
		if len(f.target.altered) > 0 || len(f.target.topics) != 2 { // the copy, and the ids of topics
			t.Error(f.target.altered, f.target.topics)
		}
	})
}

// TestStopDuringTaskConfigs closes the clients only when nobody uses them.
func TestStopDuringTaskConfigs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		c := &connector{clients: f}
		if err := c.Start(t.Context(), connecttest.NewConnectorContext(t), props()); err != nil {
			t.Fatal(err)
		}
		c.busy <- struct{}{} // a call is under way
		done := make(chan error)
		go func() {
			_, err := c.TaskConfigs(context.Background(), 1)
			done <- err
		}()
		go func() { done <- c.Stop() }()
		synctest.Wait()
		if f.open != 2 {
			t.Errorf("%d clients are open while one is used", f.open)
		}
		<-c.busy
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

func TestChange(t *testing.T) {
	type m = map[string]client.ConfigEntry
	at := func(v string, s client.ConfigSource) client.ConfigEntry {
		return client.ConfigEntry{Value: v, Source: s}
	}
	own, def := client.TopicConfig, client.DefaultConfig
	for name, c := range map[string]struct {
		sourceDefaults bool
		source, target m
		set            map[string]string
		del            []string
	}{
		"equal":                     {source: m{"a": at("1", own)}, target: m{"a": at("1", own)}},
		"differs":                   {source: m{"a": at("1", own)}, target: m{"a": at("2", own)}, set: map[string]string{"a": "1"}},
		"only a default there":      {source: m{"a": at("1", own)}, target: m{"a": at("1", def)}, set: map[string]string{"a": "1"}},
		"unknown there":             {source: m{"a": at("1", own)}, target: m{}, set: map[string]string{"a": "1"}},
		"default here, set there":   {source: m{"a": at("1", def)}, target: m{"a": at("2", own)}, del: []string{"a"}},
		"default here and there":    {source: m{"a": at("1", def)}, target: m{"a": at("2", def)}},
		"defaults from the source":  {true, m{"a": at("1", def)}, m{"a": at("2", def)}, map[string]string{"a": "1"}, nil},
		"of the broker's file":      {source: m{"a": at("1", client.StaticBrokerConfig)}, target: m{"a": at("2", own)}},
		"of all brokers":            {source: m{"a": at("1", client.DynamicDefaultBrokerConfig)}, target: m{"a": at("2", def)}, set: map[string]string{"a": "1"}},
		"excluded":                  {source: m{"min.insync.replicas": at("1", own)}, target: m{}},
		"excluded default":          {source: m{"min.insync.replicas": at("1", def)}, target: m{"min.insync.replicas": at("2", own)}},
		"excluded although similar": {source: m{"xmin.insync.replicas": at("1", own)}, target: m{}, set: map[string]string{"xmin.insync.replicas": "1"}},
		"read-only":                 {source: m{"a": {Value: "1", Source: own, ReadOnly: true}}, target: m{}},
		"secret":                    {source: m{"a": {Value: "1", Source: own, Sensitive: true}}, target: m{}},
		"only there":                {source: m{}, target: m{"a": at("2", own)}},
	} {
		s, err := parse(props(propDefaultsFrom, map[bool]string{true: "source", false: "target"}[c.sourceDefaults]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.configs.change("t", c.source, c.target)
		if err != nil || !maps.Equal(got.Set, c.set) || !slices.Equal(got.Delete, c.del) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestReplication(t *testing.T) {
	for _, c := range []struct {
		setting string
		source  int16
		brokers int
		want    int16
	}{{"2", 3, 1, 2}, {"-1", 3, 1, -1}, {"source", 3, 5, 3}, {"source", 3, 2, 2}, {"source", 3, 0, 1}, {"source", 1, 3, 1}} {
		if got := replication(c.setting, client.Topic{Replication: c.source}, c.brokers); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	for _, bad := range []string{"0", "-2", "x", "40000", "Source", ""} {
		if _, err := parse(props(propReplication, bad)); err == nil || !strings.Contains(err.Error(), `"source"`) {
			t.Errorf("replication.factor=%s: %v", bad, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct{ key, value, wants string }{
		{propTopics, "a(", "regular expressions"},
		{propExclude, "*", "regular expressions"},
		{propEmitSyncs, "false", ""},
		{propExactlyOnce, "required", "read_committed"},
	} {
		p := props(c.key, c.value)
		values := (&connector{}).Validate(t.Context(), p, sourceDef().Validate(p))
		var errs []string
		for _, v := range values {
			if v.Name == c.key {
				errs = append(errs, v.Errors...)
			}
		}
		if got := strings.Join(errs, " "); (c.wants == "") != (got == "") || !strings.Contains(got, c.wants) {
			t.Errorf("%s=%s: %q", c.key, c.value, got)
		}
	}
	p := props(propEmitSyncs, "false", "offset-syncs.topic.location", "target")
	if v := fmt.Sprint((&connector{}).Validate(t.Context(), p, nil)); !strings.Contains(v, "can't setup offset-syncs") {
		t.Error(v)
	}
}
