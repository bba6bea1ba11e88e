package raw

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
)

// waiter is for somebody who waits for an answer. An answer that comes when nobody waits any more lets go of its memory.
type waiter struct {
	got  chan answer
	gone chan struct{}
}

// answer is what became of a request. size is how many bytes of memory hold stands for, before rounding.
type answer struct {
	resp kmsg.Response
	hold *client.Hold
	size int
	err  error
}

func newWaiter() *waiter { return &waiter{got: make(chan answer), gone: make(chan struct{})} }

func (w *waiter) answer(a answer) {
	select {
	case w.got <- a:
	case <-w.gone:
		a.hold.Release()
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
