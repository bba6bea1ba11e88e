package group

import "errors"

// NoGeneration is the generation of a worker that has no assignment.
const NoGeneration int32 = -1

// Event is what a Member reports: Joined, Assigned, RebalanceNeeded, Lost, Failed, Left, CoordinatorLost or
// CoordinatorRecovered.
type Event interface{ event() }

type (
	// Joined says that the group has a new generation. A leader must answer with Sync; for others the Member syncs.
	Joined struct {
		Generation int32
		// MemberID is this member's, LeaderID the leader's; both are equal on the leader.
		MemberID, LeaderID string
		Leader             bool
		// Protocol is the elected protocol's name on the wire.
		Protocol string
		// Members maps member id to metadata, on the leader only.
		Members map[string][]byte
	}
	// Assigned ends a round with what the leader gave this member.
	Assigned struct {
		Generation         int32
		MemberID, LeaderID string
		Protocol           string
		// Assignment is what the leader wrote, possibly nothing.
		Assignment []byte
	}
	// RebalanceNeeded asks for a Join with fresh metadata, within the rebalance timeout. Work that need not stop may
	// go on.
	RebalanceNeeded struct {
		Generation int32
		Reason     string
	}
	// Lost says that the worker is no longer a member, and that others may be given its work: it must stop. Then the
	// owner may Join again.
	Lost struct{ Err error }
	// Failed is a Lost that another Join will not mend: wrong configuration or missing rights.
	Failed struct{ Err error }
	// Left answers Leave. Err is set when the coordinator could not be told: it will notice by the session timeout.
	Left struct{ Err error }
	// CoordinatorLost says that the coordinator does not answer. Work may go on: Lost follows when the session ends.
	CoordinatorLost struct{ Err error }
	// CoordinatorRecovered follows a CoordinatorLost.
	CoordinatorRecovered struct{}
)

func (Joined) event()               {}
func (Assigned) event()             {}
func (RebalanceNeeded) event()      {}
func (Lost) event()                 {}
func (Failed) event()               {}
func (Left) event()                 {}
func (CoordinatorLost) event()      {}
func (CoordinatorRecovered) event() {}

// ErrSessionExpired is the reason of a Lost when no heartbeat was answered for the session timeout.
var ErrSessionExpired = errors.New("no answer from the group coordinator for the session timeout")

// errNoAnswer is the reason of a CoordinatorLost when a heartbeat hangs.
var errNoAnswer = errors.New("a heartbeat has not been answered within heartbeat.interval.ms")
