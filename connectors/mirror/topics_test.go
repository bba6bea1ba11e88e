package mirror

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/client"
)

// TestWatch follows the source's topics between refreshes.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		c, cc := started(t, f, props("refresh.topics.interval.seconds", "100000"))
		step := func(looks, requests int, want ...string) {
			t.Helper()
			time.Sleep(time.Duration(looks) * 5 * time.Second)
			synctest.Wait()
			if got := cc.Requested(); got != requests {
				t.Errorf("%d requests for new tasks, want %d", got, requests)
			}
			if d := cmp.Diff(want, assigned(t, c, 1)); d != "" {
				t.Error(d)
			}
		}
		time.Sleep(time.Second) // the looks come in between
		step(3, 0, "a-0")
		f.source.topic("b", 1, 1)
		step(1, 1, "a-0,b-0")
		f.source.topic("a", 2, 1)
		step(1, 2, "a-0,a-1,b-0")
		f.source.topic("__x", 1, 1)
		// What is missing for a moment is not taken for gone.
		b := f.source.topics["b"]
		f.source.edit(func() { delete(f.source.topics, "b") })
		step(1, 2, "a-0,a-1,b-0")
		f.source.edit(func() { f.source.topics["b"] = b })
		step(1, 2, "a-0,a-1,b-0")
		f.source.edit(func() { delete(f.source.topics, "b") })
		step(1, 2, "a-0,a-1,b-0")
		step(1, 3, "a-0,a-1")
	})
}

// TestTopicMadeAnew has the tasks start again that copy it, and only those.
func TestTopicMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		f.source.topic("b", 1, 1)
		c, cc := started(t, f, props())
		if configs, err := c.TaskConfigs(t.Context(), 2); err != nil || configs[0][propMadeAnew]+configs[1][propMadeAnew] != "" {
			t.Fatal(configs, err)
		}
		f.source.remake("b", 1)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		configs, err := c.TaskConfigs(t.Context(), 2)
		if err != nil || cc.Requested() != 1 {
			t.Fatal(cc.Requested(), err)
		}
		if configs[0][propMadeAnew] != "" || configs[1][propMadeAnew] != "b:"+f.source.topics["b"].ID {
			t.Error(configs)
		}
		time.Sleep(time.Minute)
		if cc.Requested() != 1 {
			t.Error(cc.Requested(), "requests for new tasks")
		}
	})
}

func TestNoWatch(t *testing.T) {
	for _, off := range []string{propWatch, "0", "refresh.topics.enabled", "false"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakes(t)
			var p map[string]string
			if off == propWatch || off == "0" {
				p = props(propWatch, "0")
			} else {
				p = props("refresh.topics.enabled", "false")
			}
			c, _ := started(t, f, p)
			assigned(t, c, 1)
			f.source.topic("a", 1, 1)
			time.Sleep(5 * time.Minute)
			if len(f.target.topics) > 0 {
				t.Error(f.target.topics)
			}
		})
	}
}

// TestFirstLoadIsDivided asks for no more than brokers can bear at once, and not for each topic.
func TestFirstLoadIsDivided(t *testing.T) {
	source := map[string]client.Topic{}
	var names []string
	for i := range 1000 {
		name := fmt.Sprintf("t%04d", i)
		names = append(names, name)
		source[name] = client.Topic{Name: name, Partitions: 10}
	}
	source["t0500"] = client.Topic{Name: "t0500", Partitions: 5000}
	var all []string
	n := 0
	for some := range portions(names, source) {
		n++
		all = append(all, some...)
		sum := int32(0)
		for _, name := range some {
			sum += source[name].Partitions
		}
		if len(some) > topicsPerRequest || sum > partitionsPerRequest && len(some) > 1 {
			t.Errorf("%d topics with %d partitions in one request", len(some), sum)
		}
	}
	if !slices.Equal(all, names) || n > 24 {
		t.Errorf("%d topics in %d requests", len(all), n)
	}
	for range portions(nil, nil) {
		t.Error("a request for nothing")
	}
	for range portions(names, source) {
		break
	}
}

func TestTargetACLs(t *testing.T) {
	s, err := parse(props(propExclude, "hidden"))
	if err != nil {
		t.Fatal(err)
	}
	acl := func(topic, op string, allow bool) client.ACL {
		return client.ACL{Topic: topic, Principal: "User:x", Host: "*", Operation: op, Allow: allow}
	}
	prefixed := acl("a", "READ", true)
	prefixed.Prefixed = true
	got, err := s.targetACLs([]client.ACL{
		acl("a", "READ", true), acl("a", "WRITE", true), acl("a", "ALL", true), acl("a", "DESCRIBE", true),
		acl("b", "WRITE", false), acl("b", "ALL", false), acl("c", "ALL", true), prefixed, acl("hidden", "READ", true), acl("T.a", "READ", true), acl("*", "READ", true),
	})
	want := []client.ACL{
		acl("S.a", "READ", true), acl("S.a", "DESCRIBE", true), acl("S.b", "WRITE", false), acl("S.b", "ALL", false),
		acl("S.c", "READ", true), acl("S.*", "READ", true),
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if got := missingACLs(want, want[1:]); !slices.Equal(got, want[:1]) {
		t.Error(got)
	}
}

func TestACLSync(t *testing.T) {
	x := client.ACL{Topic: "a", Principal: "User:x", Host: "*", Operation: "READ", Allow: true}
	there := x
	there.Topic = "S.a"
	for name, c := range map[string]struct {
		source, target bool // have no authorizer
		asked, written int
	}{"both": {asked: 4, written: 1}, "source open": {source: true, asked: 1}, "target open": {target: true, asked: 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.topic("a", 1, 1)
				f.source.acls, f.source.noACLs, f.target.noACLs = []client.ACL{x}, c.source, c.target
				started(t, f, props("sync.topic.acls.enabled", "true", "sync.topic.acls.interval.seconds", "60"))
				time.Sleep(3*time.Minute + time.Second)
				synctest.Wait()
				if got := f.source.asked["acls"]; got != c.asked {
					t.Errorf("the source was asked %d times for its ACLs, want %d", got, c.asked)
				}
				if f.target.asked["create acls"] != c.written || c.written > 0 && !slices.Equal(f.target.acls, []client.ACL{there}) {
					t.Error(f.target.asked, f.target.acls)
				}
			})
		})
	}
}

// TestInsync keeps topics from being made that nothing can be written to.
func TestInsync(t *testing.T) {
	at := func(v string, s client.ConfigSource) map[string]client.ConfigEntry {
		return map[string]client.ConfigEntry{minInsync: {Value: v, Source: s}}
	}
	for name, c := range map[string]struct {
		set, del      bool // by the source: 2, or back to the default
		target        map[string]client.ConfigEntry
		rf            int16
		lowered       bool
		high, wantSet string
		wantDel       bool
	}{
		"synced and possible":        {set: true, target: at("1", client.DefaultConfig), rf: 2, wantSet: "2"},
		"synced and too high":        {set: true, target: at("1", client.DefaultConfig), rf: 1, high: "2", wantSet: "1"},
		"synced, too high and there": {set: true, target: at("1", client.TopicConfig), rf: 1, high: "2"},
		"a default that is too high": {target: at("2", client.StaticBrokerConfig), rf: 1, high: "2", wantSet: "1"},
		"a default that is possible": {target: at("2", client.StaticBrokerConfig), rf: 2},
		"set on the target by hand":  {target: at("3", client.TopicConfig), rf: 1},
		"unknown replication":        {target: at("3", client.StaticBrokerConfig), rf: -1},
		"back to the default":        {del: true, target: at("1", client.TopicConfig), rf: 1, wantDel: true},
		"back to a default too high": {del: true, target: at("1", client.TopicConfig), rf: 1, lowered: true},
	} {
		ch := client.ConfigChange{Set: map[string]string{}}
		if c.set {
			ch.Set[minInsync] = "2"
		}
		if c.del {
			ch.Delete = []string{minInsync}
		}
		high := keepInsync(&ch, c.target, c.rf, c.lowered)
		if high != c.high || ch.Set[minInsync] != c.wantSet || (len(ch.Delete) > 0) != c.wantDel {
			t.Errorf("%s: %q %+v", name, high, ch)
		}
	}
	config := map[string]string{minInsync: "3"}
	if saneInsync(config, 3) || saneInsync(config, -1) || !saneInsync(config, 2) || config[minInsync] != "2" || saneInsync(map[string]string{}, 1) {
		t.Error(config)
	}
}

// TestInsyncOfDefaults lowers a default of the target's brokers for a topic with fewer replicas, once.
func TestInsyncOfDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		f.target.topic("S.a", 1, 1)
		f.target.configs["S.a"][minInsync] = client.ConfigEntry{Value: "2", Source: client.StaticBrokerConfig}
		started(t, f, props("sync.topic.configs.interval.seconds", "60"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want := []client.ConfigChange{{Topic: "S.a", Set: map[string]string{minInsync: "1"}}}
		if d := cmp.Diff(want, f.target.altered); d != "" {
			t.Error(d)
		}
	})
}

func TestOwnProperties(t *testing.T) {
	for _, c := range [][]string{
		{propWatch, "-1"},
		{propRecreated, "guess"},
		{propPartitionErrors, "ignore"},
		{propThrottle, "fast"},
		{propThrottleTopics, "a"},
		{propThrottleTopics, "a=b"},
		{propThrottleTopics, "a=-1"},
		{propThrottleTopics, "a(=1"},
	} {
		p := props(c...)
		if _, err := parse(p); err == nil || !strings.Contains(err.Error(), c[0]) {
			t.Errorf("%v: %v", c, err)
		}
		found := false
		for _, v := range checkOwn(lifeDef(), p, nil) {
			found = found || v.Name == c[0] && len(v.Errors) > 0
		}
		if !found {
			t.Errorf("%v is valid", c)
		}
	}
	p := props(propThrottle, "1000", propThrottleTopics, "a=5, b.*=7,b=9", propPartitionErrors, "fail", propFailAfter, "5000", propWatch, "0")
	if vs := checkOwn(lifeDef(), p, nil); len(vs) > 0 {
		t.Error(vs)
	}
	s, err := parse(p)
	if err != nil {
		t.Fatal(err)
	}
	l := s.life.limits
	of := func(topic string) float64 {
		rate, err := l.of(topic)
		if err != nil {
			t.Error(err)
		}
		return rate
	}
	if l.link != 1000 || of("a") != 5 || of("b") != 7 || of("bc") != 7 || of("c") >= 0 || !s.life.fail || s.life.failAfter != 5*time.Second || s.life.watch != 0 {
		t.Errorf("%+v", s.life)
	}
	if tp := taskProps(p); tp[propThrottle]+tp[propThrottleTopics] != "" || tp[propPartitionErrors] != "fail" || p[propThrottle] == "" {
		t.Error(tp)
	}
}

// TestRefusedTopicInStatus tells what can't be copied, and takes it back.
func TestRefusedTopicInStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		f.source.topic("b", 1, 1)
		f.target.refuse["S.b"] = errors.New("policy says no")
		c, cc := started(t, f, props("refresh.topics.interval.seconds", "60"))
		assigned(t, c, 1)
		if n := lastNote(cc.Notes()); !strings.Contains(n, "topic b is not copied: policy says no") {
			t.Errorf("%q", n)
		}
		f.target.edit(func() { clear(f.target.refuse) })
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if n := lastNote(cc.Notes()); n != "" {
			t.Errorf("%q", n)
		}
	})
}

func lastNote(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return notes[len(notes)-1]
}
