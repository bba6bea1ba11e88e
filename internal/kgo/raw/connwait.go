package raw

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
)

// waiter is a Reply for somebody who waits for it. An answer that comes when nobody waits any more lets go of its memory.
type waiter struct {
	got  chan answer
	gone chan struct{}
}

type answer struct {
	resp kmsg.Response
	hold *client.Hold
	err  error
}

func newWaiter() *waiter { return &waiter{got: make(chan answer), gone: make(chan struct{})} }

func (w *waiter) reply(resp kmsg.Response, hold *client.Hold, err error) {
	select {
	case w.got <- answer{resp, hold, err}:
	case <-w.gone:
		hold.Release()
	}
}

func (w *waiter) wait(ctx context.Context) (kmsg.Response, *client.Hold, error) {
	select {
	case a := <-w.got:
		return a.resp, a.hold, a.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// leave ends the waiting; it is called once.
func (w *waiter) leave() { close(w.gone) }
