package assign

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

// Input is all that a leader needs to answer a rebalance.
type Input struct {
	// Leader is this worker's member id.
	Leader string
	// Protocol is the one that the broker elected.
	Protocol proto.Protocol
	// Members maps member id to metadata as the broker handed it out, the leader's own included.
	Members map[string][]byte
	// Snapshot is the newest config snapshot that the leader has.
	Snapshot *cluster.Snapshot
	// Generation is the one being assigned; LastCompleted is the last in which this worker got an assignment, -1 for
	// none.
	Generation, LastCompleted int32
	Now                       time.Time
	// MaxDelay is scheduled.rebalance.max.delay.ms.
	MaxDelay time.Duration
}

// Outcome is the leader's answer.
type Outcome struct {
	// Mismatch is set when another member has read the config topic further than the leader: nobody gets work, and
	// the leader reads on to NeedOffset and rejoins.
	Mismatch   bool
	NeedOffset int64
	// ConfigOffset is the offset that the assignments carry.
	ConfigOffset int64
	// Assignments, and the same for SyncGroup in Encoded, have an entry for each member.
	Assignments map[string]*proto.Assignment
	Encoded     map[string][]byte
	// Totals is what each member runs after this round, URLs its REST URL: who owns what, for requests about one task.
	Totals map[string]proto.Work
	URLs   map[string]string
	// Delay is after what time all members rejoin, 0 for no such rebalance.
	Delay time.Duration
	// Unreadable are members whose metadata could not be decoded: they get no work.
	Unreadable map[string]error
}

// Lead works out the leader's answer to one rebalance, and the memory for the next. It fails when the leader is not
// among the members, its own metadata cannot be read, or a name is too long for the wire.
func Lead(s State, in Input) (Outcome, State, error) {
	out := Outcome{
		Assignments: map[string]*proto.Assignment{}, Encoded: map[string][]byte{},
		Totals: map[string]proto.Work{}, URLs: map[string]string{}, Unreadable: map[string]error{},
		NeedOffset: -1,
	}
	running := map[string]proto.Work{}
	for _, id := range slices.Sorted(maps.Keys(in.Members)) {
		m, err := proto.DecodeMetadata(in.Members[id])
		if err != nil {
			out.Unreadable[id] = err
			continue
		}
		running[id], out.URLs[id] = m.Current(), m.URL
		out.NeedOffset = max(out.NeedOffset, m.ConfigOffset)
	}
	if _, ok := running[in.Leader]; !ok {
		if err := out.Unreadable[in.Leader]; err != nil {
			return Outcome{}, s, fmt.Errorf("leader %s: %w", in.Leader, err)
		}
		return Outcome{}, s, fmt.Errorf("leader %s is not among the %d members", in.Leader, len(in.Members))
	}
	// Who is behind this offset reads on before starting anything.
	out.ConfigOffset = in.Snapshot.Offset
	changes := map[string]Change{}
	switch {
	case in.Snapshot.Offset < out.NeedOffset:
		out.Mismatch, out.ConfigOffset = true, out.NeedOffset
	case in.Protocol.Incremental():
		var plan Plan
		plan, s = Incremental(s, Round{
			Members: running, Configured: Configured(in.Snapshot),
			Generation: in.Generation, LastCompleted: in.LastCompleted, Now: in.Now, MaxDelay: in.MaxDelay,
		})
		changes, out.Delay = plan.Members, plan.Delay
	default:
		for id, w := range Eager(slices.Collect(maps.Keys(running)), Configured(in.Snapshot)) {
			changes[id] = Change{Assigned: w, Total: w}
		}
	}
	return out, s, out.fill(in, changes)
}

// fill writes one assignment for each member, readable or not: without one a worker's sync fails.
func (out *Outcome) fill(in Input, changes map[string]Change) error {
	for id := range in.Members {
		c := changes[id]
		a := &proto.Assignment{
			Version: in.Protocol.Version(), Leader: in.Leader, LeaderURL: out.URLs[in.Leader],
			ConfigOffset: out.ConfigOffset, Assigned: c.Assigned, Revoked: c.Revoked, Delay: out.Delay,
		}
		if out.Mismatch {
			a.Error = proto.ConfigMismatch
		}
		b, err := proto.EncodeAssignment(in.Protocol, a)
		if err != nil {
			return fmt.Errorf("assignment of member %s: %w", id, err)
		}
		out.Assignments[id], out.Encoded[id], out.Totals[id] = a, b, c.Total
	}
	return nil
}

// Configured is every connector and committed task of a snapshot; a connector whose task configs are incomplete counts
// without tasks.
func Configured(s *cluster.Snapshot) proto.Work {
	var w proto.Work
	w.Connectors = s.Names()
	for _, name := range w.Connectors {
		w.Tasks = append(w.Tasks, s.TaskIDs(name)...)
	}
	return w
}
