package task

import (
	"sync"
	"time"
)

// noteInterval is the least time between two notes that are passed on.
const noteInterval = time.Second

// noter passes notes on: of several in a row the last, at most one each noteInterval, none twice.
type noter struct {
	pass func(text string) // nil for nobody

	mu     sync.Mutex
	text   string // the newest
	passed string // the last one passed on
	at     time.Time
	timer  *time.Timer // nil while nothing waits
	ended  bool
	order  sync.Mutex // held while a note is passed on, so that they keep their order
}

// Note implements connect.Noter.
func (n *noter) Note(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
	if n.pass == nil || n.ended || n.timer != nil || n.text == n.passed {
		return
	}
	n.timer = time.AfterFunc(max(0, time.Until(n.at.Add(noteInterval))), n.send)
}

func (n *noter) send() {
	n.order.Lock()
	defer n.order.Unlock()
	n.mu.Lock()
	n.timer = nil
	text, news := n.text, n.text != n.passed && !n.ended
	if news {
		n.passed, n.at = text, time.Now()
	}
	n.mu.Unlock()
	if news {
		n.pass(text)
	}
}

// end has nothing passed on any more. It waits for what is under way.
func (n *noter) end() {
	n.mu.Lock()
	n.ended = true
	if n.timer != nil {
		n.timer.Stop()
	}
	n.mu.Unlock()
	n.order.Lock()
	defer n.order.Unlock()
}
