package group

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/worker/proto"
)

// answer makes an error of a response's code.
func answer[R kmsg.Response](r kmsg.Response, err error, code func(R) int16) (R, error) {
	resp, ok := r.(R)
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("the group coordinator answered with %T", r)
	default:
		err = kerr.ErrorForCode(code(resp))
	}
	return resp, err
}

func (l *loop) wantJoin(completed int32, offers []proto.Offer, reason string) {
	switch {
	case completed != l.assigned && l.assigned == NoGeneration, l.phase == leaving:
		return
	case completed != l.assigned:
		l.needRebalance("the last join did not know of the newest assignment")
		return
	}
	l.offers, l.reason = offers, reason
	switch l.phase {
	case joining, syncing:
		l.again = true
	case retrying:
	default:
		l.sendJoin()
	}
}

func (l *loop) needRebalance(reason string) {
	l.beat.told = true
	l.emit(RebalanceNeeded{Generation: l.generation, Reason: reason})
}

func (l *loop) sendJoin() {
	l.stopHeartbeat()
	l.cancelRound()
	l.phase, l.again = joining, false
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group = l.cfg.GroupID
	req.SessionTimeoutMillis = int32(l.cfg.SessionTimeout.Milliseconds())
	req.RebalanceTimeoutMillis = int32(l.cfg.RebalanceTimeout.Milliseconds())
	req.MemberID = l.memberID
	req.ProtocolType = proto.ProtocolType
	for _, o := range l.offers {
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = o.Name, o.Metadata
		req.Protocols = append(req.Protocols, p)
	}
	if l.reason != "" {
		req.Reason = kmsg.StringPtr(l.reason)
	}
	l.log.Debug("joining the group", "group", l.cfg.GroupID, "member", l.memberID, "reason", l.reason)
	l.cancelRound = l.request(0, req, func(r kmsg.Response, err error) {
		l.onJoin(answer(r, err, func(r *kmsg.JoinGroupResponse) int16 { return r.ErrorCode }))
	})
}

func (l *loop) onJoin(resp *kmsg.JoinGroupResponse, err error) {
	switch {
	case err == nil:
		l.onJoined(resp)
	case errors.Is(err, kerr.MemberIDRequired):
		l.coordinatorAnswered()
		l.memberID = resp.MemberID
		l.sendJoin()
	case errors.Is(err, kerr.UnknownMemberID):
		l.memberID = ""
		if l.held {
			l.lose(err)
			return
		}
		l.retryJoin(err)
	case l.fatal(err) != nil:
		l.fail(l.fatal(err))
	default:
		l.retryJoin(err)
	}
}

// retryJoin repeats the join after a pause.
func (l *loop) retryJoin(err error) {
	now := time.Now()
	if l.attempts == 0 {
		l.failedSince = now
	}
	if !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.RebalanceInProgress) {
		l.coordinatorLost(err)
	}
	l.phase, l.retryAt = retrying, now.Add(l.backoff())
	l.attempts++
	l.log.Debug("joining the group failed, trying again", "group", l.cfg.GroupID, "attempt", l.attempts, "error", err)
}

func (l *loop) onJoined(resp *kmsg.JoinGroupResponse) {
	l.coordinatorAnswered()
	if t := resp.ProtocolType; t != nil && *t != proto.ProtocolType {
		l.fail(fmt.Errorf("group.id %q belongs to a group of type %q, not %q; choose another group.id", l.cfg.GroupID, *t, proto.ProtocolType))
		return
	}
	now := time.Now()
	if !l.held {
		l.cfg.Lease.Begin(now.Add(l.cfg.SessionTimeout))
	}
	l.attempts, l.held = 0, true
	l.memberID, l.leaderID, l.generation = resp.MemberID, resp.LeaderID, resp.Generation
	l.protocol = ""
	if resp.Protocol != nil {
		l.protocol = *resp.Protocol
	}
	l.beat = heartbeat{confirmed: now, next: now.Add(l.cfg.HeartbeatInterval)}
	e := Joined{
		Generation: l.generation, MemberID: l.memberID, LeaderID: l.leaderID,
		Leader: l.memberID == l.leaderID, Protocol: l.protocol,
	}
	l.log.Info("joined the group", "group", l.cfg.GroupID, "generation", e.Generation, "member", e.MemberID, "leader", e.Leader,
		"protocol", e.Protocol)
	if e.Leader {
		e.Members = make(map[string][]byte, len(resp.Members))
		for _, m := range resp.Members {
			e.Members[m.MemberID] = m.ProtocolMetadata
		}
		l.phase = awaiting
	}
	l.emit(e)
	if !e.Leader {
		l.sendSync(nil)
	}
}

func (l *loop) leaderSync(generation int32, assignments map[string][]byte) {
	if l.phase == awaiting && generation == l.generation {
		l.sendSync(assignments)
	}
}

func (l *loop) sendSync(assignments map[string][]byte) {
	l.phase = syncing
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.Generation, req.MemberID = l.cfg.GroupID, l.generation, l.memberID
	req.ProtocolType = kmsg.StringPtr(proto.ProtocolType)
	req.Protocol = kmsg.StringPtr(l.protocol)
	for id, b := range assignments {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = id, b
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	l.cancelRound = l.request(0, req, func(r kmsg.Response, err error) {
		l.onSync(answer(r, err, func(r *kmsg.SyncGroupResponse) int16 { return r.ErrorCode }))
	})
}

func (l *loop) onSync(resp *kmsg.SyncGroupResponse, err error) {
	switch {
	case err == nil:
		l.coordinatorAnswered()
		l.phase, l.assigned, l.beat.told = joined, l.generation, false
		l.emit(Assigned{
			Generation: l.generation, MemberID: l.memberID, LeaderID: l.leaderID, Protocol: l.protocol,
			Assignment: resp.MemberAssignment,
		})
		if l.again {
			l.again = false
			l.needRebalance(l.reason)
		}
	case l.fenced(err):
	case l.fatal(err) != nil:
		l.fail(l.fatal(err))
	default:
		// No assignment came in between, so what was offered still holds; or the owner has given fresh metadata since.
		l.log.Debug("the assignment could not be fetched, joining again", "group", l.cfg.GroupID, "error", err)
		l.phase = joined
		l.sendJoin()
	}
}

// fenced reports Lost when the coordinator says that this member, or its generation, is none of its.
func (l *loop) fenced(err error) bool {
	switch {
	case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.FencedInstanceID):
		l.memberID = ""
	case errors.Is(err, kerr.IllegalGeneration):
		// The member id is still good.
	default:
		return false
	}
	l.lose(err)
	return true
}

// fatal words the errors that no repetition mends; nil for all others.
func (l *loop) fatal(err error) error {
	switch {
	case errors.Is(err, kerr.InconsistentGroupProtocol):
		return fmt.Errorf("group.id=%s: this is the group of consumers, not of Connect workers, or none of its members' protocols is "+
			"among this worker's; check group.id, and connect.protocol of all workers: %w", l.cfg.GroupID, err)
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return fmt.Errorf("group.id=%s: the cluster's ACLs do not let the worker's principal into this group; grant it READ on the group: %w",
			l.cfg.GroupID, err)
	case errors.Is(err, kerr.InvalidSessionTimeout):
		return fmt.Errorf("session.timeout.ms: the broker allows values between its group.min.session.timeout.ms and "+
			"group.max.session.timeout.ms: %w", err)
	case errors.Is(err, kerr.GroupMaxSizeReached):
		return fmt.Errorf("group.id=%s: the group has as many members as the broker's group.max.size allows: %w", l.cfg.GroupID, err)
	case errors.Is(err, kerr.InvalidGroupID), errors.Is(err, kerr.FencedInstanceID), errors.Is(err, kerr.UnsupportedVersion),
		errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kgo.ErrClientClosed):
		return err
	}
	var ke *kerr.Error
	if errors.As(err, &ke) && !ke.Retriable && !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.IllegalGeneration) &&
		!errors.Is(err, kerr.RebalanceInProgress) && !errors.Is(err, kerr.UnknownServerError) {
		return fmt.Errorf("the group coordinator refuses: %w", err)
	}
	return nil
}

func (l *loop) leave(reason string) {
	if l.phase == leaving {
		return
	}
	l.endMembership()
	if l.memberID == "" {
		l.emit(Left{})
		return
	}
	l.phase = leaving
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = l.cfg.GroupID, l.memberID
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID = l.memberID
	if reason != "" {
		member.Reason = kmsg.StringPtr(reason)
	}
	req.Members = append(req.Members, member)
	l.log.Info("leaving the group", "group", l.cfg.GroupID, "member", l.memberID, "reason", reason)
	l.cancelRound = l.request(l.cfg.LeaveTimeout, req, func(r kmsg.Response, err error) {
		resp, err := answer(r, err, func(r *kmsg.LeaveGroupResponse) int16 { return r.ErrorCode })
		if err == nil && len(resp.Members) == 1 {
			err = kerr.ErrorForCode(resp.Members[0].ErrorCode)
		}
		if errors.Is(err, kerr.UnknownMemberID) {
			err = nil // gone already
		}
		l.phase, l.memberID, l.generation = idle, "", NoGeneration
		l.emit(Left{Err: err})
	})
}
