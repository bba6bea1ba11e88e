package herder

import (
	"slices"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// TestKeysOfOtherKinds: a leader replaces a session key that another worker's settings made, as Java's does.
func TestKeysOfOtherKinds(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	key := func(algorithm string, length int, age time.Duration) *cluster.SessionKey {
		return &cluster.SessionKey{Algorithm: algorithm, Key: make([]byte, length), CreatedMs: now.Add(-age).UnixMilli()}
	}
	for name, tc := range map[string]struct {
		key    *cluster.SessionKey
		writes bool
	}{
		"none":            {nil, true},
		"good":            {key("HmacSHA256", 32, time.Minute), false},
		"old":             {key("HmacSHA256", 32, time.Hour), true},
		"other algorithm": {key("HmacSHA512", 32, 0), true},
		"other length":    {key("HmacSHA256", 64, 0), true},
	} {
		h := New(Config{WorkerURL: "http://w1/", Protocol: proto.Sessioned, KeyTTL: time.Hour, KeyAlgorithm: "HmacSHA256", KeyBytes: 32})
		snap := cluster.EmptySnapshot()
		snap.SessionKey = tc.key
		effects := h.Step(now, Started{Snapshot: snap})
		join := effects[slices.IndexFunc(effects, func(e Effect) bool { _, ok := e.(Join); return ok })].(Join)
		effects = h.Step(now, Joined{
			Generation: 1, MemberID: "m1", LeaderID: "m1", Protocol: proto.Sessioned,
			Members: map[string][]byte{"m1": join.Offers[0].Metadata},
		})
		sync := effects[slices.IndexFunc(effects, func(e Effect) bool { _, ok := e.(Sync); return ok })].(Sync)
		effects = h.Step(now, Assigned{Generation: 1, MemberID: "m1", Protocol: proto.Sessioned, Assignment: sync.Assignments["m1"]})
		writes := slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(Write); return ok })
		if writes != tc.writes {
			t.Errorf("%s: a new key is written: %v", name, writes)
		}
	}
}
