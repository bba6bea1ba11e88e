package mirror

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

func in(p int32) connect.TopicPartition { return connect.TopicPartition{Topic: "in", Partition: p} }

func copied(p int32) connect.TopicPartition {
	return connect.TopicPartition{Topic: "S.in", Partition: p}
}

type at = map[connect.TopicPartition]int64

// groupsLink is a link whose source topic in has partitions 0 to 3, 100 records each; all of them are copied, to the same
// offset plus 1000, as a sync at 0 and one at 99 tell of partition 0, and nothing of the others.
func groupsLink(t *testing.T) *fakeClients {
	t.Helper()
	f := newFakes(t)
	f.source.topic("in", 4, 1)
	f.target.topic("S.in", 4, 1)
	for p := range int32(4) {
		f.source.add("in", p, make([]client.ConsumedRecord, 100)...)
		f.target.edit(func() { f.target.log(copied(p)).first = 1000 })
		f.target.add("S.in", p, make([]client.ConsumedRecord, 100)...)
	}
	f.source.topic("mm2-offset-syncs.T.internal", 1, 1)
	tellSync(f, 0, 0, 1000)
	tellSync(f, 0, 99, 1099)
	return f
}

func tellSync(f *fakeClients, p int32, up, down int64) {
	key, value := offsetsync.Sync{Topic: "in", Partition: p, Upstream: up, Downstream: down}.Encode()
	f.source.add("mm2-offset-syncs.T.internal", 0, client.ConsumedRecord{Key: key, Value: value})
}

func tellCheckpoint(f *fakeClients, group string, p int32, up, down int64) {
	key, value := offsetsync.Checkpoint{Group: group, Topic: "S.in", Partition: p, Upstream: up, Downstream: down}.Encode()
	f.target.topic("S.checkpoints.internal", 1, 1)
	f.target.add("S.checkpoints.internal", 0, client.ConsumedRecord{Key: key, Value: value})
}

// startCheckpoints starts a task for groups of a list, in a bubble.
func startCheckpoints(t *testing.T, f *fakeClients, groups string, more ...string) *checkpointTask {
	t.Helper()
	tk := &checkpointTask{clients: f}
	p := props(append([]string{propTaskGroups, groups, propTaskIndex, "0", "emit.checkpoints.interval.seconds", "1"}, more...)...)
	if err := tk.Start(t.Context(), connecttest.NewSourceTaskContext(t, &connecttest.Offsets{}), p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tk.Stop(); err != nil {
			t.Error(err)
		}
	})
	return tk
}

// said polls once and gives the checkpoints as text.
func said(t *testing.T, tk *checkpointTask) string {
	t.Helper()
	recs, err := tk.Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range recs {
		cp, err := offsetsync.DecodeCheckpoint(r.Key.([]byte), r.Value.([]byte))
		if err != nil {
			t.Fatal(err)
		}
		want := connect.Entries{{Key: "partition", Value: int64(cp.Partition)}, {Key: "topic", Value: cp.Topic}, {Key: "group", Value: cp.Group}}
		if d := cmp.Diff(want, r.SourcePartition); d != "" || r.Topic != "S.checkpoints.internal" || r.Partition != 0 || !r.Timestamp.Equal(time.Now().Truncate(time.Millisecond)) {
			t.Errorf("%+v %s", r, d)
		}
		all = append(all, fmt.Sprintf("%s %s-%d %d->%d", cp.Group, cp.Topic, cp.Partition, cp.Upstream, cp.Downstream))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		g := f.source.group("g", "Stable", at{in(0): 99, {Topic: "__other"}: 7})
		f.source.group("other", "Stable", at{in(0): 1})
		tk := startCheckpoints(t, f, "g")
		expect(t, said(t, tk), "g S.in-0 99->1099")
		expect(t, said(t, tk), "") // nothing is new
		f.source.edit(func() { g.offsets[in(0)] = client.GroupOffset{At: 50} })
		expect(t, said(t, tk), "g S.in-0 50->1001") // back on the source; what lies between syncs is early
		f.source.edit(func() { g.offsets[in(0)] = client.GroupOffset{At: 60} })
		expect(t, said(t, tk), "") // 60->1001 tells nothing that 50->1001 does not
		f.source.edit(func() { g.fail = errors.New("no coordinator") })
		expect(t, said(t, tk), "")
		f.source.edit(func() { g.fail, g.offsets[in(0)] = nil, client.GroupOffset{At: 99} })
		expect(t, said(t, tk), "g S.in-0 99->1099")
		f.source.edit(func() { delete(f.source.groups, "g") })
		expect(t, said(t, tk), "")
	})
}

// TestCheckpointsGoOn: after a restart of the task, or of another worker, nothing is said twice and no group goes back.
func TestCheckpointsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.group("g", "Stable", at{in(0): 99})
		f.source.group("h", "Stable", at{in(0): 99})
		f.source.group("i", "Stable", at{in(0): 60})
		tellCheckpoint(f, "g", 0, 99, 1099)
		tellCheckpoint(f, "h", 0, 80, 1001)
		tellCheckpoint(f, "i", 0, 55, 1055)
		f.target.add("S.checkpoints.internal", 0, client.ConsumedRecord{Key: []byte("strange"), Value: []byte("x")})
		tk := startCheckpoints(t, f, "g,h,i")
		expect(t, said(t, tk), "h S.in-0 99->1099")
	})
}

// TestPiecesComeBeforeSyncs: and nothing is translated before they were read.
func TestPiecesComeBeforeSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.group("g", "Stable", at{in(0): 50})
		tk := startCheckpoints(t, f, "g")
		expect(t, said(t, tk), "g S.in-0 50->1001")
		key, value := (&offsetsync.Segment{Topic: "in", Lifetime: 1, Origin: true, Runs: []offsetsync.Run{{Up: 0, Down: 1000, N: 100, Times: 1}}}).Encode()
		f.source.topic("mm2-offset-pieces.T.internal", 1, 1)
		f.source.add("mm2-offset-pieces.T.internal", 0, client.ConsumedRecord{Key: key, Value: value})
		time.Sleep(retryMost)
		expect(t, said(t, tk), "g S.in-0 50->1050")
	})
}

// TestACopyThatWasMadeAnew: what checkpoints say of the old copy must not have anybody skip the new one.
func TestACopyThatWasMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.group("g", "Stable", at{in(0): 99})
		tellCheckpoint(f, "g", 0, 99, 5000)
		key, value := (&offsetsync.Segment{Topic: "in", First: 50, Lifetime: 1, Runs: []offsetsync.Run{{Up: 50, Down: 0, N: 50, Times: 1}}}).Encode()
		f.source.topic("mm2-offset-pieces.T.internal", 1, 1)
		f.source.add("mm2-offset-pieces.T.internal", 0, client.ConsumedRecord{Key: key, Value: value})
		tk := startCheckpoints(t, f, "g")
		expect(t, said(t, tk), "g S.in-0 99->49")
		expect(t, said(t, tk), "")
	})
}

// noting is a context that keeps what a task notes.
type noting struct {
	*connecttest.SourceTaskContext
	mu   sync.Mutex
	text string
}

func (n *noting) Note(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
}

func (n *noting) holds(t *testing.T, want string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if want == "" && n.text != "" || !strings.Contains(n.text, want) {
		t.Errorf("the status says %q, want %q", n.text, want)
	}
}

func TestStatusSaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		syncs := f.source.topics["mm2-offset-syncs.T.internal"]
		delete(f.source.topics, syncs.Name)
		f.source.group("g", "Stable", at{in(0): 99})
		status := &noting{SourceTaskContext: connecttest.NewSourceTaskContext(t, &connecttest.Offsets{})}
		tk := &checkpointTask{clients: f}
		if err := tk.Start(t.Context(), status, props(append(syncing, propTaskGroups, "g", "emit.checkpoints.interval.seconds", "1")...)); err != nil {
			t.Fatal(err)
		}
		said(t, tk)
		status.holds(t, "waiting for the offset-syncs topic")
		f.target.edit(func() { f.target.fail = errors.New("gone") })
		time.Sleep(3 * time.Second)
		said(t, tk)
		status.holds(t, "target cluster T: gone")
		f.target.edit(func() { f.target.fail = nil })
		f.source.topic(syncs.Name, 1, 1)
		time.Sleep(retryMost)
		said(t, tk)
		status.holds(t, "")
		if err := tk.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestPositionsOfWhichNothingTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.group("g", "Stable", at{in(1): 100, in(2): 100, in(3): 40, {Topic: "nowhere"}: 3})
		f.target.edit(func() { f.target.logs[copied(2)] = &partitionLog{first: 7} })
		tk := startCheckpoints(t, f, "g")
		// At the end; in an empty partition; before the end, where only the target's first record is safe.
		expect(t, said(t, tk), "g S.in-1 100->1100, g S.in-2 100->7, g S.in-3 40->1000")
	})
	synctest.Test(t, func(t *testing.T) {
		f := groupsLink(t)
		f.source.group("g", "Stable", at{in(1): 100, in(0): 100})
		f.target.topic("in", 4, 1)
		for p := range int32(2) {
			f.target.edit(func() { f.target.log(in(p)).first = 1000 })
			f.target.add("in", p, make([]client.ConsumedRecord, 100)...)
		}
		tk := startCheckpoints(t, f, "g", propPolicy, identityPolicyClass)
		// Others may write to a topic that keeps its name, so its end tells nothing.
		expect(t, said(t, tk), "g in-0 100->1100, g in-1 100->1000")
	})
}

func TestGroupsOfATopicThatCameFromTheTarget(t *testing.T) {
	s := checkpointSettingsOf(t)
	for topic, want := range map[string]string{"in": "S.in", "T.in": "in", "U.in": "S.U.in"} {
		if got := s.downstream(topic); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
}
