package group

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/worker/proto"
)

const (
	session   = 10 * time.Second
	interval  = 3 * time.Second
	rebalance = time.Minute
)

// brokers is a cluster inside a synctest bubble.
type brokers struct {
	*kfake.Cluster
	stack kfake.VirtualNetwork
}

func newBrokers(t *testing.T, n int) *brokers {
	t.Helper()
	b := &brokers{}
	ports := make([]int, n)
	for i := range ports {
		ports[i] = 9092 + i
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(n), kfake.Ports(ports...), kfake.ListenFn(b.stack.Listen))
	if err != nil {
		t.Fatal(err)
	}
	b.Cluster = cluster
	t.Cleanup(cluster.Close)
	return b
}

func (b *brokers) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(b.ListenAddrs()...), kgo.Dialer(b.stack.DialContext))
	client, err := kgo.NewClient(append(opts, ClientOptions()...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// meddler answers some requests itself.
type meddler struct {
	Requester
	mu   sync.Mutex
	hook func(ctx context.Context, req kmsg.Request) (kmsg.Response, error, bool)
}

func (m *meddler) set(hook func(context.Context, kmsg.Request) (kmsg.Response, error, bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = hook
}

func (m *meddler) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	m.mu.Lock()
	hook := m.hook
	m.mu.Unlock()
	if hook != nil {
		if resp, err, handled := hook(ctx, req); handled {
			return resp, err
		}
	}
	return m.Requester.Request(ctx, req)
}

// member is a Member that runs, and what the test drives it with.
type member struct {
	*Member
	t       *testing.T
	meddler *meddler
	id      string
	done    chan error
	cancel  context.CancelFunc
	// completed is what an owner passes to Join.
	completed int32
}

func newMember(t *testing.T, b *brokers) *member {
	t.Helper()
	md := &meddler{Requester: b.client(t)}
	m, err := New(Config{
		Client: md, GroupID: "connect-cluster", SessionTimeout: session, RebalanceTimeout: rebalance, HeartbeatInterval: interval,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := &member{Member: m, t: t, meddler: md, done: make(chan error, 1), cancel: cancel, completed: NoGeneration}
	go func() { out.done <- m.Run(ctx) }()
	t.Cleanup(out.stop)
	return out
}

func (m *member) stop() {
	m.cancel()
	if err := <-m.done; !errors.Is(err, context.Canceled) {
		m.t.Errorf("Run ended with %v", err)
	}
	m.done <- context.Canceled
	for range m.Events() {
	}
}

// expect reads the next event, which must be an E.
func expect[E Event](m *member) E {
	m.t.Helper()
	e, ok := <-m.Events()
	if !ok {
		m.t.Fatalf("the events ended")
	}
	want, ok := e.(E)
	if !ok {
		m.t.Fatalf("event %T%+v, want a %T", e, e, want)
	}
	return want
}

func (m *member) join(metadata string) {
	m.Join(m.completed, []proto.Offer{{Name: "sessioned", Metadata: []byte(metadata)}, {Name: "default", Metadata: []byte("old")}}, "test")
}

// lead answers Joined as a leader that gives each member its own metadata in brackets.
func (m *member) lead(j Joined) {
	m.t.Helper()
	if !j.Leader {
		m.t.Fatalf("%s is not the leader: %+v", m.id, j)
	}
	out := map[string][]byte{}
	for id, b := range j.Members {
		out[id] = []byte("[" + string(b) + "]")
	}
	m.Sync(j.Generation, out)
}

func (m *member) assigned(want string) Assigned {
	m.t.Helper()
	a := expect[Assigned](m)
	if string(a.Assignment) != want {
		m.t.Fatalf("assigned %q, want %q", a.Assignment, want)
	}
	m.completed = a.Generation
	return a
}

// alone brings a member into a group of its own.
func (m *member) alone() Assigned {
	m.t.Helper()
	m.join("alone")
	m.lead(expect[Joined](m))
	return m.assigned("[alone]")
}

func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrokers(t, 3)
		one, two := newMember(t, b), newMember(t, b)
		first := one.alone()
		if first.Protocol != "sessioned" || first.MemberID == "" || first.MemberID != first.LeaderID {
			t.Fatalf("first round: %+v", first)
		}

		two.join("two")
		if n := expect[RebalanceNeeded](one); n.Generation != first.Generation {
			t.Fatalf("%+v, want generation %d", n, first.Generation)
		}
		one.join("one")
		j := expect[Joined](one)
		if j.MemberID != first.MemberID || j.Generation <= first.Generation {
			t.Fatalf("rejoined as %+v, was %+v", j, first)
		}
		follower := expect[Joined](two)
		want := map[string][]byte{j.MemberID: []byte("one"), follower.MemberID: []byte("two")}
		if d := cmp.Diff(want, j.Members); d != "" {
			t.Fatalf("members (-want +got):\n%s", d)
		}
		if follower.Leader || follower.Members != nil || follower.LeaderID != j.MemberID {
			t.Fatalf("follower %+v", follower)
		}
		// The leader takes its time, longer than a session: heartbeats go on meanwhile.
		time.Sleep(2 * session)
		one.lead(j)
		one.assigned("[one]")
		two.assigned("[two]")

		two.Leave("shutdown")
		if l := expect[Left](two); l.Err != nil {
			t.Fatal(l.Err)
		}
		expect[RebalanceNeeded](one)
		one.join("one again")
		j = expect[Joined](one)
		if len(j.Members) != 1 || j.MemberID != first.MemberID {
			t.Fatalf("after the other left: %+v", j)
		}
		one.lead(j)
		one.assigned("[one again]")

		// A worker may come back after leaving.
		two.completed = NoGeneration
		two.join("back")
		expect[RebalanceNeeded](one)
		one.join("one")
		one.lead(expect[Joined](one))
		expect[Joined](two)
		two.assigned("[back]")
	})
}

func TestSessionIsKeptWithoutTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		select {
		case e := <-m.Events():
			t.Fatalf("event %T%+v", e, e)
		case <-time.After(time.Hour):
		}
	})
}

func TestHungCoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		hang := func(ctx context.Context, req kmsg.Request) (kmsg.Response, error, bool) {
			<-ctx.Done()
			return nil, ctx.Err(), true
		}
		m.meddler.set(hang)
		start := time.Now()
		if e := expect[CoordinatorLost](m); !errors.Is(e.Err, errNoAnswer) {
			t.Fatal(e.Err)
		}
		if e := expect[Lost](m); !errors.Is(e.Err, ErrSessionExpired) {
			t.Fatal(e.Err)
		}
		if got := time.Since(start); got > session {
			t.Fatalf("the loss of the session was noticed after %v", got)
		}
		m.meddler.set(nil)
		m.completed = NoGeneration
		m.join("alone")
		expect[CoordinatorRecovered](m)
		m.lead(expect[Joined](m))
		m.assigned("[alone]")
	})
}

func TestCoordinatorComesBackWithinTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		failures := 0
		m.meddler.set(func(_ context.Context, req kmsg.Request) (kmsg.Response, error, bool) {
			failures++
			return nil, errors.New("broker away"), failures < 4
		})
		if e := expect[CoordinatorLost](m); e.Err.Error() != "broker away" {
			t.Fatal(e.Err)
		}
		expect[CoordinatorRecovered](m)
		select {
		case e := <-m.Events():
			t.Fatalf("event %T%+v", e, e)
		case <-time.After(time.Minute):
		}
	})
}

func TestCoordinatorMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrokers(t, 3)
		m := newMember(t, b)
		m.alone()
		// The coordinator's broker goes away for good.
		if err := b.RemoveNode(b.CoordinatorFor("connect-cluster")); err != nil {
			t.Fatal(err)
		}
		// Wherever the group lives now, the member stays in it or gets back into it, and is left in peace then.
		lost := false
		for {
			select {
			case e := <-m.Events():
				switch e := e.(type) {
				case Lost:
					lost, m.completed = true, NoGeneration
					m.join("moved")
				case Joined:
					m.lead(e)
				case Assigned:
					lost, m.completed = false, e.Generation
				case Failed, Left:
					t.Fatalf("unexpected %T%+v", e, e)
				}
			case <-time.After(time.Minute):
				info := b.GroupInfo("connect-cluster")
				if lost || info == nil || len(info.Members) != 1 {
					t.Fatalf("a minute later the group is %+v, membership lost %v", info, lost)
				}
				return
			}
		}
	})
}

// code makes a response that carries an error code.
func code(req kmsg.Request, e *kerr.Error) kmsg.Response {
	switch r := req.ResponseKind().(type) {
	case *kmsg.HeartbeatResponse:
		r.ErrorCode = e.Code
		return r
	case *kmsg.JoinGroupResponse:
		r.ErrorCode = e.Code
		return r
	case *kmsg.SyncGroupResponse:
		r.ErrorCode = e.Code
		return r
	case *kmsg.LeaveGroupResponse:
		r.ErrorCode = e.Code
		return r
	default:
		panic(r)
	}
}

// once answers the next n requests like T with an error.
func (m *member) once(kind kmsg.Request, n int, e *kerr.Error) {
	m.meddler.set(func(_ context.Context, req kmsg.Request) (kmsg.Response, error, bool) {
		if req.Key() != kind.Key() || n == 0 {
			return nil, nil, false
		}
		n--
		return code(req, e), nil, true
	})
}

func TestHeartbeatErrors(t *testing.T) {
	for _, tc := range []struct {
		err    *kerr.Error
		keepID bool
		fatal  bool
	}{
		{err: kerr.UnknownMemberID},
		{err: kerr.FencedInstanceID},
		{err: kerr.IllegalGeneration, keepID: true},
		{err: kerr.GroupAuthorizationFailed, fatal: true},
	} {
		t.Run(tc.err.Message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMember(t, newBrokers(t, 1))
				before := m.alone()
				m.once(kmsg.NewPtrHeartbeatRequest(), 1, tc.err)
				if tc.fatal {
					if e := expect[Failed](m); !errors.Is(e.Err, tc.err) {
						t.Fatal(e.Err)
					}
					return
				}
				if e := expect[Lost](m); !errors.Is(e.Err, tc.err) {
					t.Fatal(e.Err)
				}
				// What the owner sent before it knew is dropped; with what it knows now, it joins.
				m.join("stale")
				m.completed = NoGeneration
				m.join("alone")
				j := expect[Joined](m)
				if (j.MemberID == before.MemberID) != tc.keepID {
					t.Fatalf("rejoined as %s, was %s", j.MemberID, before.MemberID)
				}
				if got := string(j.Members[j.MemberID]); got != "alone" {
					t.Fatalf("joined with the metadata %q", got)
				}
			})
		})
	}
}

func TestJoinErrors(t *testing.T) {
	for _, e := range []*kerr.Error{
		kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.RebalanceInProgress, kerr.UnknownMemberID,
	} {
		t.Run(e.Message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMember(t, newBrokers(t, 1))
				m.once(kmsg.NewPtrJoinGroupRequest(), 3, e)
				m.join("alone")
				if e != kerr.RebalanceInProgress && e != kerr.UnknownMemberID {
					expect[CoordinatorLost](m)
					expect[CoordinatorRecovered](m)
				}
				m.lead(expect[Joined](m))
				m.assigned("[alone]")
			})
		})
	}
	for want, e := range map[string]*kerr.Error{
		"connect.protocol of all workers": kerr.InconsistentGroupProtocol, "grant it READ": kerr.GroupAuthorizationFailed,
		"session.timeout.ms": kerr.InvalidSessionTimeout, "group.max.size": kerr.GroupMaxSizeReached,
		"INVALID_GROUP_ID": kerr.InvalidGroupID, "refuses": kerr.PolicyViolation,
	} {
		t.Run(e.Message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMember(t, newBrokers(t, 1))
				m.once(kmsg.NewPtrJoinGroupRequest(), 1, e)
				m.join("alone")
				if f := expect[Failed](m); !errors.Is(f.Err, e) || !strings.Contains(f.Err.Error(), want) {
					t.Errorf("%v, want one with %q", f.Err, want)
				}
			})
		})
	}
}

func TestRejoinOfAnUnknownMemberStopsItsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		m.once(kmsg.NewPtrJoinGroupRequest(), 1, kerr.UnknownMemberID)
		m.join("more")
		if e := expect[Lost](m); !errors.Is(e.Err, kerr.UnknownMemberID) {
			t.Fatal(e.Err)
		}
	})
}

func TestRejoinWithoutCoordinatorEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		m.once(kmsg.NewPtrJoinGroupRequest(), -1, kerr.CoordinatorNotAvailable)
		m.join("more")
		expect[CoordinatorLost](m)
		if e := expect[Lost](m); !errors.Is(e.Err, ErrSessionExpired) {
			t.Fatal(e.Err)
		}
	})
}

func TestSyncErrors(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.RebalanceInProgress, kerr.CoordinatorNotAvailable} {
		t.Run(e.Message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMember(t, newBrokers(t, 1))
				m.once(kmsg.NewPtrSyncGroupRequest(), 1, e)
				m.join("alone")
				m.lead(expect[Joined](m))
				m.lead(expect[Joined](m)) // it joins again by itself
				expect[Assigned](m)
			})
		})
		// A member that rejoins with unchanged metadata is let into the generation that it has. If that one ends before
		// the sync, the owner cannot tell a call to rejoin from one that it has answered: the member must do it.
		t.Run(e.Message+" in the generation that the owner knows", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMember(t, newBrokers(t, 1))
				m.alone()
				m.once(kmsg.NewPtrSyncGroupRequest(), 1, e)
				m.join("alone")
				m.lead(expect[Joined](m))
				m.lead(expect[Joined](m))
				expect[Assigned](m)
			})
		})
	}
	for _, e := range []*kerr.Error{kerr.UnknownMemberID, kerr.IllegalGeneration} {
		t.Run(e.Message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMember(t, newBrokers(t, 1))
				m.once(kmsg.NewPtrSyncGroupRequest(), 1, e)
				m.join("alone")
				m.lead(expect[Joined](m))
				expect[Lost](m)
			})
		})
	}
}

func TestJoinDuringARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		release := make(chan struct{})
		m.meddler.set(func(_ context.Context, req kmsg.Request) (kmsg.Response, error, bool) {
			if req.Key() == kmsg.NewPtrJoinGroupRequest().Key() {
				<-release
			}
			return nil, nil, false
		})
		m.join("first")
		synctest.Wait()  // its request is under way
		m.join("second") // is what the request is repeated with, as the coordinator wants a member id
		synctest.Wait()
		close(release)
		j := expect[Joined](m)
		if got := string(j.Members[j.MemberID]); got != "second" {
			t.Fatalf("joined with %q", got)
		}
		m.lead(j)
		a := expect[Assigned](m)
		m.join("not aware of the assignment")
		if n := expect[RebalanceNeeded](m); n.Generation != a.Generation {
			t.Fatalf("%+v, want generation %d", n, a.Generation)
		}
		m.completed = a.Generation
		m.alone()
	})
}

func TestJoinWhileSyncingIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		release := make(chan struct{})
		m.meddler.set(func(_ context.Context, req kmsg.Request) (kmsg.Response, error, bool) {
			if req.Key() == kmsg.NewPtrSyncGroupRequest().Key() {
				<-release
			}
			return nil, nil, false
		})
		m.join("alone")
		m.lead(expect[Joined](m))
		synctest.Wait()
		m.join("config changed")
		synctest.Wait()
		close(release)
		m.assigned("[alone]")
		expect[RebalanceNeeded](m)
		m.alone()
	})
}

func TestSyncOfAnOldGenerationIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.join("one")
		old := expect[Joined](m)
		m.join("two")
		j := expect[Joined](m)
		m.Sync(old.Generation, map[string][]byte{old.MemberID: []byte("old")})
		m.lead(j)
		m.assigned("[two]")
	})
}

func TestLeaveDuringJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrokers(t, 1)
		one, two := newMember(t, b), newMember(t, b)
		one.alone()
		two.join("two")
		expect[RebalanceNeeded](one)
		// The coordinator holds the second member's join back, for the first one has not rejoined yet.
		two.Leave("changed its mind")
		expect[Left](two)
		one.join("one")
		j := expect[Joined](one)
		if len(j.Members) != 1 {
			t.Fatalf("members %v, want only the first", j.Members)
		}
	})
}

func TestLeaveIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, newBrokers(t, 1))
		m.alone()
		m.meddler.set(func(ctx context.Context, _ kmsg.Request) (kmsg.Response, error, bool) {
			<-ctx.Done()
			return nil, ctx.Err(), true
		})
		m.Leave("shutdown")
		if l := expect[Left](m); !errors.Is(l.Err, context.DeadlineExceeded) {
			t.Fatalf("left with %v", l.Err)
		}
	})
}

func TestNotAConnectGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrokers(t, 1)
		if err := b.CreateTopic("t", 1, nil); err != nil {
			t.Fatal(err)
		}
		consumer := b.client(t, kgo.ConsumerGroup("connect-cluster"), kgo.ConsumeTopics("t"))
		if _, err := b.WaitGroupStable(t.Context(), "connect-cluster", 1); err != nil {
			t.Fatal(err)
		}
		m := newMember(t, b)
		m.join("alone")
		if e := expect[Failed](m); !errors.Is(e.Err, kerr.InconsistentGroupProtocol) {
			t.Fatal(e.Err)
		}
		consumer.LeaveGroup()
	})
}

// A real socket instead of the bubble's network.
func TestOverTCP(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(append(ClientOptions(), kgo.SeedBrokers(cluster.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	// The clock is real here: nothing may be due while a busy machine is slow.
	m, err := New(Config{Client: client, GroupID: "g", SessionTimeout: 30 * session, RebalanceTimeout: rebalance, HeartbeatInterval: rebalance})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	run := &member{Member: m, t: t, done: make(chan error, 1), cancel: cancel, completed: NoGeneration}
	go func() { run.done <- m.Run(ctx) }()
	t.Cleanup(run.stop)
	run.alone()
	run.Leave("done")
	if l := expect[Left](run); l.Err != nil {
		t.Fatal(l.Err)
	}
}

func TestConfigErrors(t *testing.T) {
	good := func() Config {
		return Config{Client: &meddler{}, GroupID: "g", SessionTimeout: session, RebalanceTimeout: rebalance, HeartbeatInterval: interval}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"client":                              func(c *Config) { c.Client = nil },
		"group.id is empty":                   func(c *Config) { c.GroupID = "" },
		"session.timeout.ms is 0s":            func(c *Config) { c.SessionTimeout = 0 },
		"rebalance.timeout.ms is -1s":         func(c *Config) { c.RebalanceTimeout = -time.Second },
		"below session.timeout.ms, which is ": func(c *Config) { c.HeartbeatInterval = session },
	} {
		c := good()
		spoil(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
