package mirror

import (
	"strings"
	"sync"

	"github.com/connectd/connectd/connect"
)

// What a checkpoint task may be held up at.
const (
	whileLoading = iota
	whileLooking
	whileCommitting
	whiles
)

// reasons puts into a task's status what holds it up. It is safe for concurrent use.
type reasons struct {
	status connect.Noter // nil if the worker has no place for it

	mu    sync.Mutex
	texts [whiles]string
}

func newReasons(tc connect.SourceTaskContext) *reasons {
	status, _ := tc.(connect.Noter)
	return &reasons{status: status}
}

// set says what holds up one kind of work, or by nil that nothing does.
func (r *reasons) set(kind int, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts[kind] == text {
		return
	}
	r.texts[kind] = text
	if r.status != nil {
		r.status.Note(strings.Trim(strings.Join(r.texts[:], "\n"), "\n"))
	}
}
