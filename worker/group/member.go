package group

import (
	"context"
	"sync"

	"github.com/connectd/connectd/worker/proto"
)

// Member is one worker's membership. Its methods may be called from any goroutine, never block, and are carried out by
// Run.
type Member struct {
	cfg    Config
	events chan Event

	mu       sync.Mutex
	commands []func(*loop)
	wake     chan struct{}
}

// New makes a Member; it does nothing until Run. It fails when a setting is missing or wrong.
func New(cfg Config) (*Member, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return &Member{cfg: cfg, events: make(chan Event), wake: make(chan struct{}, 1)}, nil
}

// Events delivers reports in order. A slow reader delays nothing but itself: heartbeats go on. Closed when Run returns.
func (m *Member) Events() <-chan Event { return m.events }

// Join joins or rejoins. The member id of earlier rounds is kept. Offers are sent again where the request must be
// repeated, until the next Join.
//
// Completed is the generation of the last Assigned event that the owner took in, NoGeneration before the first one and
// after Lost, Failed and Left: metadata that does not know of a newer assignment would make the leader believe its work
// lost. Such a call is answered by RebalanceNeeded, or by nothing when Lost, Failed or Left is already on its way.
//
// A call while a round is under way takes effect when that round fails; if it succeeds, RebalanceNeeded follows
// Assigned. Reason is for the broker's log (KIP-800).
func (m *Member) Join(completed int32, offers []proto.Offer, reason string) {
	m.do(func(l *loop) { l.wantJoin(completed, offers, reason) })
}

// Sync hands in the leader's assignments, by member id, in answer to Joined. It is ignored when the generation is not
// the current one any more.
func (m *Member) Sync(generation int32, assignments map[string][]byte) {
	m.do(func(l *loop) { l.leaderSync(generation, assignments) })
}

// Leave gives up whatever is under way and leaves the group; Left follows within the leave timeout, and until then Join is
// ignored. Reason is for the broker's log.
func (m *Member) Leave(reason string) {
	m.do(func(l *loop) { l.leave(reason) })
}

func (m *Member) do(command func(*loop)) {
	m.mu.Lock()
	m.commands = append(m.commands, command)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *Member) takeCommands() []func(*loop) {
	m.mu.Lock()
	defer m.mu.Unlock()
	commands := m.commands
	m.commands = nil
	return commands
}

// Run serves until ctx ends, and returns its cause. It does not leave the group: call Leave and await Left before. Call
// it once.
func (m *Member) Run(ctx context.Context) error {
	defer close(m.events)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := newLoop(ctx, m)
	defer l.stop()
	return l.run()
}
