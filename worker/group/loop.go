package group

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/worker/proto"
)

type phase int

const (
	idle     phase = iota // not joining: before the first Join, after Lost, Failed and Left
	joining               // JoinGroup is under way
	retrying              // waiting to repeat JoinGroup
	awaiting              // leader, until the owner's Sync
	syncing               // SyncGroup is under way
	joined                // the round is over
	leaving               // LeaveGroup is under way
)

// loop is the state of a Member while it runs. Only Run's goroutine touches it; requests run in goroutines of their own
// and hand their answers to replies.
type loop struct {
	*Member
	ctx     context.Context
	log     hclog.Logger
	wg      sync.WaitGroup
	replies chan func()
	queue   []Event

	phase                phase
	memberID, leaderID   string
	protocol             string
	generation           int32
	assigned             int32     // generation of the last Assigned since Lost
	held                 bool      // the worker is a member as far as it knows
	awake                time.Time // when the loop last came round
	offers               []proto.Offer
	reason               string
	again                bool // the owner asked to join while a round was under way
	attempts             int  // failed JoinGroups in a row
	retryAt, failedSince time.Time

	cancelRound context.CancelFunc
	beat        heartbeat
	coordLost   bool
}

// heartbeat is the state of the heartbeats of one generation.
type heartbeat struct {
	cancel    context.CancelFunc // of the one under way, else nil
	sent      time.Time
	next      time.Time
	confirmed time.Time // when the newest answered one was sent
	told      bool      // RebalanceNeeded was reported in this generation
}

func newLoop(ctx context.Context, m *Member) *loop {
	return &loop{
		Member: m, ctx: ctx, log: m.cfg.Logger, replies: make(chan func()),
		generation: NoGeneration, assigned: NoGeneration,
		cancelRound: func() {},
	}
}

// stop ends all requests and waits for their goroutines.
func (l *loop) stop() {
	l.cancelRound()
	l.stopHeartbeat()
	l.wg.Wait()
}

func (l *loop) run() error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(l.untilNext(time.Now()))
		var out chan<- Event
		var head Event
		if len(l.queue) > 0 {
			out, head = l.events, l.queue[0]
		}
		act := func() {}
		select {
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		case <-l.wake:
			act = l.obey
		case act = <-l.replies:
		case out <- head:
			l.queue = l.queue[1:]
		case <-timer.C:
		}
		// First: what waited while the process was frozen, an answer of the coordinator's too, is of a session that is over.
		l.expire(time.Now())
		act()
		l.tick(time.Now())
		l.renew(time.Now())
	}
}

func (l *loop) obey() {
	for _, command := range l.takeCommands() {
		command(l)
	}
}

// expire ends a membership whose lease is over.
func (l *loop) expire(now time.Time) {
	if l.held && l.cfg.Lease.Current(now) == 0 {
		l.lose(ErrSessionExpired)
	}
}

// renew extends the lease by what is known of the session.
func (l *loop) renew(now time.Time) {
	l.awake = now
	if l.held && !l.cfg.Lease.Extend(now, l.sessionEnd()) {
		l.lose(ErrSessionExpired)
	}
}

// sessionEnd is when the coordinator may have given up a member that is held. While JoinGroup waits for its answer the
// coordinator expects no heartbeats; but its answer may have come, and the session begun, any time since the loop last
// came round.
func (l *loop) sessionEnd() time.Time {
	since := l.awake
	switch {
	case l.beating():
		since = l.beat.confirmed
	case l.phase == retrying:
		since = l.failedSince
	}
	return since.Add(l.cfg.SessionTimeout)
}

func (l *loop) emit(e Event) { l.queue = append(l.queue, e) }

// request sends req in a goroutine of its own; handle runs on the loop unless the returned cancel was called before.
func (l *loop) request(timeout time.Duration, req kmsg.Request, handle func(kmsg.Response, error)) context.CancelFunc {
	ctx, cancel := context.WithCancel(l.ctx)
	l.wg.Go(func() {
		reqCtx, cancelReq := ctx, context.CancelFunc(func() {})
		if timeout > 0 {
			reqCtx, cancelReq = context.WithTimeout(ctx, timeout)
		}
		resp, err := l.cfg.Client.Request(reqCtx, req)
		cancelReq()
		reply := func() {
			if ctx.Err() == nil {
				cancel()
				handle(resp, err)
			}
		}
		select {
		case l.replies <- reply:
		case <-ctx.Done():
		}
	})
	return cancel
}

// beating tells whether heartbeats are due: from the answer to JoinGroup until the next JoinGroup.
func (l *loop) beating() bool { return l.phase == awaiting || l.phase == syncing || l.phase == joined }

// deadlines calls each for all points in time at which tick has something to do.
func (l *loop) deadlines(each func(time.Time)) {
	if l.held {
		each(l.sessionEnd())
	}
	switch l.phase {
	case retrying:
		each(l.retryAt)
	case joining:
		each(l.awake.Add(l.cfg.HeartbeatInterval)) // to renew the lease
	}
	if l.beating() {
		switch {
		case l.beat.cancel == nil:
			each(l.beat.next)
		case !l.coordLost:
			each(l.beat.sent.Add(l.cfg.HeartbeatInterval))
		}
	}
}

func (l *loop) untilNext(now time.Time) time.Duration {
	wait := time.Hour
	l.deadlines(func(at time.Time) { wait = min(wait, at.Sub(now)) })
	return max(wait, 0)
}

// tick does what time has made due.
func (l *loop) tick(now time.Time) {
	switch {
	case l.phase == retrying && !now.Before(l.retryAt):
		l.sendJoin()
	case l.beating() && l.beat.cancel == nil && !now.Before(l.beat.next):
		l.sendHeartbeat(now)
	case l.beating() && l.beat.cancel != nil && now.Sub(l.beat.sent) >= l.cfg.HeartbeatInterval:
		l.coordinatorLost(errNoAnswer)
	}
}

// backoff is the pause before the next attempt, doubled each time, with a fifth of jitter as Java has it (KIP-580).
func (l *loop) backoff() time.Duration {
	d := l.cfg.RetryBackoff
	for i := 0; i < l.attempts && d < l.cfg.RetryBackoffMax; i++ {
		d *= 2
	}
	d = min(d, l.cfg.RetryBackoffMax)
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

func (l *loop) coordinatorLost(err error) {
	if !l.coordLost {
		l.coordLost = true
		l.log.Warn("group coordinator does not answer", "group", l.cfg.GroupID, "error", err)
		l.emit(CoordinatorLost{Err: err})
	}
}

func (l *loop) coordinatorAnswered() {
	if l.coordLost {
		l.coordLost = false
		l.log.Info("group coordinator answers again", "group", l.cfg.GroupID)
		l.emit(CoordinatorRecovered{})
	}
}

// endMembership drops all that is under way.
func (l *loop) endMembership() {
	l.cancelRound()
	l.stopHeartbeat()
	l.cfg.Lease.End()
	l.phase, l.held, l.again, l.attempts = idle, false, false, 0
	l.assigned = NoGeneration
}

// lose ends a membership that another Join may renew.
func (l *loop) lose(err error) {
	l.log.Warn("lost the membership in the group", "group", l.cfg.GroupID, "member", l.memberID, "generation", l.generation, "error", err)
	l.endMembership()
	l.generation = NoGeneration
	l.emit(Lost{Err: err})
}

// fail ends a membership that cannot be renewed.
func (l *loop) fail(err error) {
	l.log.Error("cannot be a member of the group", "group", l.cfg.GroupID, "error", err)
	l.endMembership()
	l.generation = NoGeneration
	l.emit(Failed{Err: err})
}
