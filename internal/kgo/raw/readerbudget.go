package raw

import (
	"sync"
	"time"

	"github.com/connectd/connectd/internal/client"
)

// budget is how much memory fetched data may take: what is asked for and what was fetched and not let go of yet.
type budget struct {
	mu     sync.Mutex
	most   int64
	used   int64
	change chan struct{} // closed when somebody waits and used has become smaller
	waited time.Duration
}

func newBudget(most int64) *budget { return &budget{most: most} }

// reserve takes from least to want bytes, as many as there are. If there are too few it takes none, and gives a channel that is closed
// when it is worth another try. If nothing is used least is there always, so that the largest batch gets through.
func (b *budget) reserve(least, want int64) (got int64, change <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.most - b.used
	if left < least && b.used == 0 {
		left = least
	}
	if left < least {
		if b.change == nil {
			b.change = make(chan struct{})
		}
		return 0, b.change
	}
	got = min(want, left)
	b.used += got
	return got, nil
}

// settle replaces what was reserved by what came.
func (b *budget) settle(reserved, real int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += real - reserved
	if b.change != nil && real < reserved {
		close(b.change)
		b.change = nil
	}
}

func (b *budget) wait(d time.Duration) {
	b.mu.Lock()
	b.waited += d
	b.mu.Unlock()
}

func (b *budget) state() (used int64, waited time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.waited
}

// hold counts size until inner has been let go of.
func (b *budget) hold(inner *client.Hold, size int64) *client.Hold {
	return client.NewHold(func() {
		inner.Release()
		b.settle(size, 0)
	})
}
