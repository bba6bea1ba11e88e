package rest

import (
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/connectd/connectd/rest/api"
)

// streamed is a body that is written piece by piece, so that a large one is never held whole.
type streamed interface {
	// size is the body's length in bytes.
	size() int
	io.WriterTo
}

// expansion is the answer to GET /connectors?expand=…: an object with a member for each connector that has all that was
// asked for.
type expansion struct {
	connectors []*api.Listed
	parts      []part
}

// part is one of the words of expand that mean something.
type part struct {
	member string
	of     func(*api.Listed) []byte
}

var (
	statusPart = part{`"status":`, func(l *api.Listed) []byte { return l.Status }}
	infoPart   = part{`"info":`, func(l *api.Listed) []byte { return l.Info }}
)

// partsOf gives what was asked for, in that order; unknown words are skipped, as in Java.
func partsOf(words []string) (parts []part) {
	for i, word := range words {
		switch {
		case slices.Contains(words[:i], word):
		case word == "status":
			parts = append(parts, statusPart)
		case word == "info":
			parts = append(parts, infoPart)
		}
	}
	return parts
}

// pieces gives the JSON text in order, until yield wants no more.
func (e expansion) pieces(yield func(string, []byte) bool) {
	if !yield("{", nil) {
		return
	}
	separator := ""
	for _, c := range e.connectors {
		if !e.complete(c) {
			continue
		}
		if !yield(separator, c.Name) || !e.members(c, yield) {
			return
		}
		separator = ","
	}
	yield("}", nil)
}

func (e expansion) members(c *api.Listed, yield func(string, []byte) bool) bool {
	if !yield(":{", nil) {
		return false
	}
	for i, p := range e.parts {
		if i > 0 && !yield(",", nil) || !yield(p.member, p.of(c)) {
			return false
		}
	}
	return yield("}", nil)
}

// complete tells whether a connector has what was asked for: one without a status is just being created or deleted.
func (e expansion) complete(c *api.Listed) bool {
	for _, p := range e.parts {
		if p.of(c) == nil {
			return false
		}
	}
	return true
}

func (e expansion) size() (n int) {
	for text, data := range e.pieces {
		n += len(text) + len(data)
	}
	return n
}

// bufferSize is large enough to go to the connection past net/http's own buffers.
const bufferSize = 64 << 10

// buffers are those that no answer is using.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// WriteTo writes the JSON text by way of a buffer that answers share.
func (e expansion) WriteTo(w io.Writer) (int64, error) {
	array := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(array)
	b := buffered{w: w, data: array[:0]}
	for text, data := range e.pieces {
		if len(b.data)+len(text)+len(data) > bufferSize {
			b.flush()
		}
		b.data = append(b.data, text...)
		if len(data) > bufferSize-len(text) {
			b.flush()
			b.write(data) // larger than the buffer: a trace, perhaps
		} else {
			b.data = append(b.data, data...)
		}
		if b.err != nil {
			return b.written, b.err
		}
	}
	b.flush()
	return b.written, b.err
}

// buffered is a writer's buffer, and how much went through it.
type buffered struct {
	w       io.Writer
	data    []byte
	written int64
	err     error // the first failure; nothing is written after it
}

func (b *buffered) flush() {
	if len(b.data) > 0 {
		b.write(b.data)
	}
	b.data = b.data[:0]
}

func (b *buffered) write(p []byte) {
	if b.err != nil {
		return
	}
	n, err := b.w.Write(p)
	b.written, b.err = b.written+int64(n), err
}

func (s *Server) expandConnectors(q *request, words []string) (*response, error) {
	connectors, err := s.herder.Listing(q.ctx)
	return &response{status: http.StatusOK, stream: expansion{connectors, partsOf(words)}}, err
}
