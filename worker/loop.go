package worker

import (
	"context"
	"sync"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/herder"
	"github.com/hashicorp/go-hclog"
)

// answer is the outcome of a request to the herder.
type answer struct {
	result herder.Result
	err    error
}

// message is what the loop receives: an event, or a request with the channel that waits for its answer.
type message struct {
	event herder.Event
	op    herder.Op
	reply chan answer // capacity 1
	id    chan herder.ReplyID
}

// loop owns the herder. It alone calls Step, and carries out effects in order without waiting for their outcomes.
type loop struct {
	machine *herder.Herder
	inbox   chan message
	ended   chan struct{} // closed when the loop takes nothing any more
	view    func(herder.View)
	do      func(herder.Effect)
	log     hclog.Logger

	replies map[herder.ReplyID]chan answer
	lastID  herder.ReplyID
	timers  map[herder.Timer]*time.Timer
	exit    bool
}

func newLoop(machine *herder.Herder, log hclog.Logger, do func(herder.Effect), view func(herder.View)) *loop {
	return &loop{
		machine: machine, log: log, do: do, view: view,
		inbox: make(chan message, 256), ended: make(chan struct{}),
		replies: map[herder.ReplyID]chan answer{}, timers: map[herder.Timer]*time.Timer{},
	}
}

// post hands an event to the loop. It waits for room, and gives up when the loop has ended.
func (l *loop) post(ev herder.Event) {
	select {
	case l.inbox <- message{event: ev}:
	case <-l.ended:
	}
}

// ask hands a request to the loop and waits for its answer until ctx ends.
func (l *loop) ask(ctx context.Context, op herder.Op) (herder.Result, error) {
	m := message{op: op, reply: make(chan answer, 1), id: make(chan herder.ReplyID, 1)}
	select {
	case l.inbox <- m:
	case <-l.ended:
		return herder.Result{}, errShuttingDown
	case <-ctx.Done():
		return herder.Result{}, ctx.Err()
	}
	select {
	case a := <-m.reply:
		return a.result, a.err
	case <-l.ended:
		select {
		case a := <-m.reply:
			return a.result, a.err
		default:
			return herder.Result{}, errShuttingDown
		}
	case <-ctx.Done():
		select {
		case id := <-m.id:
			l.post(herder.Expired{Reply: id})
		case <-l.ended:
		}
		return herder.Result{}, ctx.Err()
	}
}

var errShuttingDown = cluster.Errorf(cluster.CodeInternal, "Worker is shutting down")

// run takes messages until the herder exits, or abort is closed.
func (l *loop) run(abort <-chan struct{}) {
	defer l.end()
	for !l.exit {
		select {
		case m := <-l.inbox:
			l.handle(m)
		case <-abort:
			return
		}
	}
}

func (l *loop) end() {
	close(l.ended)
	for _, t := range l.timers {
		t.Stop()
	}
	for _, ch := range l.replies {
		ch <- answer{err: errShuttingDown}
	}
}

func (l *loop) handle(m message) {
	ev := m.event
	if m.op != nil {
		l.lastID++
		l.replies[l.lastID] = m.reply
		m.id <- l.lastID
		ev = herder.Requested{Reply: l.lastID, Op: m.op}
	}
	if x, ok := ev.(herder.Expired); ok {
		delete(l.replies, x.Reply)
	}
	for _, e := range l.machine.Step(time.Now(), ev) {
		l.carryOut(e)
	}
	l.view(l.machine.View())
}

func (l *loop) carryOut(e herder.Effect) {
	switch e := e.(type) {
	case herder.Reply:
		if ch := l.replies[e.To]; ch != nil {
			delete(l.replies, e.To)
			ch <- answer{e.Result, e.Err}
		}
	case herder.SetTimer:
		l.setTimer(e)
	case herder.Note:
		l.log.Log(levels[e.Level], e.Message, e.Args...)
	case herder.Exit:
		l.exit = true
	default:
		l.do(e)
	}
}

var levels = map[herder.Level]hclog.Level{
	herder.Debug: hclog.Debug, herder.Info: hclog.Info, herder.Warn: hclog.Warn, herder.Error: hclog.Error,
}

func (l *loop) setTimer(e herder.SetTimer) {
	if t := l.timers[e.Timer]; t != nil {
		t.Stop()
		delete(l.timers, e.Timer)
	}
	if !e.At.IsZero() {
		l.timers[e.Timer] = time.AfterFunc(time.Until(e.At), func() { l.post(herder.TimerFired{Timer: e.Timer}) })
	}
}

// latest is a value that one goroutine sets and any may read.
type latest[T any] struct {
	mu sync.Mutex
	v  T
}

func (l *latest[T]) set(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.v = v
}

func (l *latest[T]) get() T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.v
}
