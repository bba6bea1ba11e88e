package mirror

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

// known clusters have ids, as real ones do.
type knownClients struct{ *fakeClients }

func (k knownClients) Admin(props map[string]string) (Admin, error) {
	a, err := k.fakeClients.Admin(props)
	return knownAdmin{a, "id of " + props["bootstrap.servers"]}, err
}

type knownAdmin struct {
	Admin
	id string
}

func (a knownAdmin) Cluster(ctx context.Context) (client.Cluster, error) {
	c, err := a.Admin.Cluster(ctx)
	c.ID = a.id
	return c, err
}

// run starts a link, which stops with the test if not before.
func runLink(t *testing.T, f *fakeClients, p map[string]string) (*connector, *connecttest.ConnectorContext) {
	t.Helper()
	c, cc := &connector{clients: knownClients{f}}, connecttest.NewConnectorContext(t)
	if err := c.Start(t.Context(), cc, p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.src != nil {
			_ = c.Stop()
		}
	})
	return c, cc
}

// there and back are links that keep names.
func there(more ...string) map[string]string {
	return props(append([]string{"name", "there", propPolicy, identityPolicyClass, propEmitSyncs, "false", propTopics, "t.*"}, more...)...)
}

func back(more ...string) map[string]string {
	return there(append([]string{
		"name", "back", propSourceAlias, "T", propTargetAlias, "S",
		"source.cluster.bootstrap.servers", "h:2", "target.cluster.bootstrap.servers", "h:1",
	}, more...)...)
}

func ringNote(cc *connecttest.ConnectorContext) string {
	notes := cc.Notes()
	if len(notes) == 0 {
		return ""
	}
	return notes[len(notes)-1]
}

// TestTheYoungerLinkYields closes a ring by a topic that comes later, and opens it again.
func TestTheYoungerLinkYields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		older, cc1 := runLink(t, f, there())
		time.Sleep(time.Second)
		younger, cc2 := runLink(t, f, back())
		time.Sleep(time.Minute)
		f.source.topic("t1", 1, 1)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if got := assigned(t, older, 1); !slices.Equal(got, []string{"t1-0"}) || ringNote(cc1) != "" {
			t.Errorf("the older link copies %q: %s", got, ringNote(cc1))
		}
		want := "topic t1 is not copied, since it would come back to be copied again: T:t1 -> S:t1 -> T:t1 (links back, there)\n" + ringAdvice
		if got := assigned(t, younger, 1); len(got) != 0 || ringNote(cc2) != want {
			t.Errorf("the younger link copies %q: %s", got, ringNote(cc2))
		}
		if err := older.Stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := assigned(t, younger, 1); !slices.Equal(got, []string{"t1-0"}) || ringNote(cc2) != "" {
			t.Errorf("alone, it copies %q: %s", got, ringNote(cc2))
		}
	})
}

// A link that ends without a word is forgotten after a while, and one that moves to another worker keeps its age.
func TestLinksThatGoAndComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("t1", 1, 1)
		older, _ := runLink(t, f, there())
		time.Sleep(time.Minute)
		younger, cc := runLink(t, f, back())
		time.Sleep(time.Minute)
		if err := older.Stop(); err != nil { // as in a rebalance
			t.Fatal(err)
		}
		older, cc1 := runLink(t, f, there())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(assigned(t, younger, 1)) != 0 || len(assigned(t, older, 1)) != 1 || ringNote(cc1) != "" {
			t.Error("the link that moved does not count as the older one any more")
		}
		f.both(func() {
			f.source.refuse[linksTopic], f.target.refuse[linksTopic] = errors.New("down"), errors.New("down")
		})
		if err := older.Stop(); err != nil { // nobody is told
			t.Fatal(err)
		}
		time.Sleep(linkLife + 2*linkRenewal)
		synctest.Wait()
		if len(assigned(t, younger, 1)) != 1 || ringNote(cc) != "" {
			t.Errorf("a link that is not seen any more still counts: %s", ringNote(cc))
		}
	})
}

func (f *fakeClients) both(g func()) {
	f.source.edit(func() { f.target.edit(g) })
}

// Where the links topic can't be written, a mirror works all the same.
func TestWithoutLinksTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("t1", 1, 1)
		for _, c := range []*cluster{f.source, f.target} {
			c.refuse[linksTopic] = client.ErrUnauthorized
		}
		c, cc := runLink(t, f, there())
		time.Sleep(time.Hour)
		if got := assigned(t, c, 1); !slices.Equal(got, []string{"t1-0"}) || ringNote(cc) != "" {
			t.Errorf("%q %s", got, ringNote(cc))
		}
	})
}

// Without detection nothing is told and nothing is left out.
func TestDetectionOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("t1", 1, 1)
		f.target.topic("t1", 1, 1)
		a, _ := runLink(t, f, there(propCycles, "false"))
		b, _ := runLink(t, f, back(propCycles, "false"))
		time.Sleep(time.Hour)
		if len(assigned(t, a, 1)) != 1 || len(assigned(t, b, 1)) != 1 {
			t.Error("a topic is left out")
		}
		if _, has := f.source.topics[linksTopic]; has {
			t.Error("others are told")
		}
	})
}

// Links of Java workers show by heartbeats and offset syncs; what a link leaves behind that was stopped is no alarm.
func TestLinksOfJava(t *testing.T) {
	for name, tc := range map[string]struct {
		heartbeats string
		age        time.Duration
		syncs      string // topic of the offset syncs
		synced     string
		want       bool
	}{
		"runs":                     {"T.heartbeats", 0, "mm2-offset-syncs.S.internal", "t1", true},
		"by way of another":        {"C.T.heartbeats", 0, "mm2-offset-syncs.C.internal", "t1", true},
		"was stopped":              {"T.heartbeats", time.Minute, "mm2-offset-syncs.S.internal", "t1", false},
		"copies other topics":      {"T.heartbeats", 0, "mm2-offset-syncs.S.internal", "t2", false},
		"of another cluster":       {"U.heartbeats", 0, "mm2-offset-syncs.S.internal", "t1", false},
		"tells not what it copies": {"T.heartbeats", 0, "other", "t1", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.topic("t1", 1, 1)
				f.source.topic(tc.heartbeats, 1, 1)
				key, value := offsetsync.Sync{Topic: tc.synced, Upstream: 3, Downstream: 3}.Encode()
				f.target.add(tc.syncs, 0, client.ConsumedRecord{Key: key, Value: value})
				time.Sleep(time.Hour)
				f.source.add(tc.heartbeats, 0, client.ConsumedRecord{Timestamp: time.Now().Add(-tc.age)})
				c, cc := runLink(t, f, there())
				time.Sleep(time.Second)
				synctest.Wait()
				got := strings.Contains(ringNote(cc), "S:t1 -> T:t1 -> S:t1 (links there, of another worker, whose heartbeats come in "+tc.heartbeats+")")
				if got != tc.want || (len(assigned(t, c, 1)) == 0) != tc.want {
					t.Errorf("ring found: %v, want %v: %s", got, tc.want, ringNote(cc))
				}
			})
		})
	}
}
