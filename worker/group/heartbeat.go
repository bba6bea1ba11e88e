package group

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (l *loop) stopHeartbeat() {
	if l.beat.cancel != nil {
		l.beat.cancel()
		l.beat.cancel = nil
	}
}

func (l *loop) sendHeartbeat(now time.Time) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.Generation, req.MemberID = l.cfg.GroupID, l.generation, l.memberID
	l.beat.sent = now
	l.beat.cancel = l.request(0, req, func(r kmsg.Response, err error) {
		l.beat.cancel = nil
		_, err = answer(r, err, func(r *kmsg.HeartbeatResponse) int16 { return r.ErrorCode })
		l.onHeartbeat(err)
	})
}

func (l *loop) onHeartbeat(err error) {
	l.beat.next = l.beat.sent.Add(l.cfg.HeartbeatInterval)
	switch {
	case err == nil:
		l.confirmSession()
	case errors.Is(err, kerr.RebalanceInProgress):
		// The session is renewed all the same.
		l.confirmSession()
		if !l.beat.told {
			l.needRebalance("the group is rebalancing")
		}
	case l.fenced(err):
	case l.fatal(err) != nil:
		l.fail(l.fatal(err))
	default:
		l.coordinatorLost(err)
		l.beat.next = time.Now().Add(l.backoff())
	}
}

// confirmSession counts from when the heartbeat was sent: the coordinator's own count began no earlier.
func (l *loop) confirmSession() {
	l.beat.confirmed = l.beat.sent
	l.coordinatorAnswered()
}
