package worker

import (
	"context"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage"
)

// A worker that was frozen, or cut off from the coordinator, for longer than the session timeout has lost its work to
// others, and perhaps its leadership. It hears of that only after it went on: so what it writes asks the lease first, which
// knows by the clock. Without it, all of this would be written once more with what was true before:
//
//   - the config topic, which a former leader would set back;
//   - source offsets, which would go back and have records copied again;
//   - records of source tasks, which their new owners copy;
//   - statuses, which are held to what is in the topic (see storage.StatusStore.Fence);
//   - task configs on their way to the leader.
//
// What a client has taken over before cannot be called back from a broker that has it, but what still waits is given up
// with the membership (abandonWrites).

// errFenced is what a write meets that was decided upon in a membership that is over. Nothing was written.
var errFenced = cluster.ErrRebalancing

// isMember tells whether this worker is a member of its group now.
func (w *Worker) isMember() bool { return w.lease.Current(time.Now()) != 0 }

// tenure gives a check whether the present membership still lasts. One that is taken up again later is another.
func (w *Worker) tenure() func() bool {
	term := w.lease.Current(time.Now())
	return func() bool { return w.lease.Holds(term, time.Now()) }
}

// abandoner is a storage.Log that can give up records that no broker has taken yet.
type abandoner interface{ Abandon() }

// abandonWrites gives up writes to the internal topics that wait for a broker, when the membership is lost: later they
// would overwrite what others have written.
func (w *Worker) abandonWrites() {
	for _, l := range w.logs {
		if a, ok := l.(abandoner); ok {
			a.Abandon()
		}
	}
}

// fenced is l, written to by members of the group only.
func fenced(l storage.Log, isMember func() bool) storage.Log {
	f := fencedLog{l, isMember}
	if leader, is := l.(storage.LeaderLog); is {
		return fencedLeaderLog{f, leader}
	}
	return f
}

// fencedLeaderLog is a fencedLog with the leader's privilege, which fences by itself; but a worker that is no member any more would
// take it from a leader that is one.
type fencedLeaderLog struct {
	fencedLog
	leader storage.LeaderLog
}

// Claim implements storage.LeaderLog.
func (l fencedLeaderLog) Claim(ctx context.Context) error {
	if !l.isMember() {
		return errFenced
	}
	return l.leader.Claim(ctx)
}

// AppendAsLeader implements storage.LeaderLog.
func (l fencedLeaderLog) AppendAsLeader(ctx context.Context, recs ...storage.KV) error {
	if !l.isMember() {
		return errFenced
	}
	return l.leader.AppendAsLeader(ctx, recs...)
}

// Relinquish implements storage.LeaderLog.
func (l fencedLeaderLog) Relinquish() { l.leader.Relinquish() }

// fencedLog is the log of a store whose writes are decided upon by members of the group.
type fencedLog struct {
	storage.Log
	isMember func() bool
}

// Append implements storage.Log.
func (l fencedLog) Append(ctx context.Context, recs ...storage.KV) error {
	if !l.isMember() {
		return errFenced
	}
	return l.Log.Append(ctx, recs...)
}
