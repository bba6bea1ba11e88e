package herder

import (
	"time"

	"github.com/connectd/connectd/worker/proto"
)

// holdTime is the wait after a write that the leader began by itself failed.
const holdTime = time.Second

// maybeRotateKey has the leader of a sessioned group distribute a session key when there is none, when it has expired, or
// when its algorithm or length is not the configured one (KIP-507).
func (h *Herder) maybeRotateKey() {
	if !h.settled() || !h.isLeader() || h.group.protocol != proto.Sessioned || !h.mayWrite() || h.hold {
		return
	}
	k := h.snap.SessionKey
	fresh := k != nil && k.Algorithm == h.cfg.KeyAlgorithm && len(k.Key) == h.cfg.KeyBytes
	if fresh && h.cfg.KeyTTL <= 0 {
		return
	}
	if fresh {
		expiry := time.UnixMilli(k.CreatedMs).Add(h.cfg.KeyTTL)
		if expiry.After(h.now) {
			if !h.keyDue.Equal(expiry) {
				h.keyDue = expiry
				h.emit(SetTimer{Timer: Timer{Kind: TimerKey}, At: expiry})
			}
			return
		}
	}
	h.startWrite(write{}, SessionKeyRecord{})
}
