package herder

import (
	"testing"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// The config topic may move on between the reading of the first snapshot and its arrival: the newer one counts.
func TestStartedDoesNotGoBack(t *testing.T) {
	h := New(Config{WorkerURL: "http://w1/", Protocol: proto.Sessioned})
	newer := &cluster.Snapshot{Offset: 5, Connectors: map[string]*cluster.Connector{"a": {Name: "a", Target: cluster.TargetStarted}}}
	h.Step(time.Unix(1, 0), ConfigChanged{Snapshot: newer, Configs: []string{"a"}})
	h.Step(time.Unix(2, 0), Started{Snapshot: &cluster.Snapshot{Offset: 4, Connectors: map[string]*cluster.Connector{}}})
	if h.snap != newer {
		t.Errorf("the machine went back to offset %d", h.snap.Offset)
	}
	h = New(Config{WorkerURL: "http://w1/", Protocol: proto.Sessioned})
	out := h.Step(time.Unix(1, 0), Started{Snapshot: newer})
	if h.snap != newer || len(out) == 0 {
		t.Errorf("the first snapshot was not taken: %v", out)
	}
}

// Until the group's protocol is known, requests are held to what this worker would speak.
func TestRequestsMustBeSignedBeforeTheFirstRound(t *testing.T) {
	for p, want := range map[proto.Protocol]bool{proto.Eager: false, proto.Compatible: false, proto.Sessioned: true} {
		h := New(Config{WorkerURL: "http://w1/", Protocol: p})
		if got := h.View().Signed; got != want {
			t.Errorf("%v: signed %v", p, got)
		}
		data, err := proto.EncodeAssignment(proto.Compatible, &proto.Assignment{Leader: "m2", LeaderURL: "http://w2/"})
		if err != nil {
			t.Fatal(err)
		}
		h.Step(time.Unix(1, 0), Started{Snapshot: cluster.EmptySnapshot()})
		h.Step(time.Unix(1, 0), Assigned{Generation: 1, MemberID: "m1", Protocol: proto.Compatible, Assignment: data})
		if h.View().Signed {
			t.Errorf("%v: signed although the group speaks compatible", p)
		}
	}
}
