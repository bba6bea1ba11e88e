package sequence

import (
	"math"
	"time"

	"github.com/connectd/connectd/internal/client"
)

// Kind is what an answer says of a batch.
type Kind uint8

const (
	// Written: it is in the log.
	Written Kind = iota
	// Unsure: it may be in the log or not, and is sent again under its number. So is a batch without an answer.
	Unsure
	// NotWritten: this copy is not in the log, and is sent again.
	NotWritten
	// OutOfOrder: its number does not follow the last one that the broker has.
	OutOfOrder
	// BadID: the broker does not accept the producer's id or epoch.
	BadID
	// Refused: it can't be written, and is not.
	Refused
	// Failed: it is not to be tried again, and may be written.
	Failed
)

// Answer is what became of one batch in a request.
type Answer struct {
	Kind Kind
	// Offset is that of the first record, of what is Written; -1 unknown.
	Offset int64
	// Err is why it is not written.
	Err error
}

// Answer takes in what became of a batch in flight. Each one that was Sent gets one, Unsure if there is none.
func (l *Line[T]) Answer(b *Batch[T], a Answer, out *Out[T]) {
	l.fly--
	if b.state == ghost {
		out.Free = append(out.Free, b)
		l.settle()
		return
	}
	b.state = waiting
	if a.Kind == Written {
		b.state, b.offset = written, a.Offset
		l.failures = 0
		if l.mode == probing {
			l.mode = steady
		}
	} else {
		l.notWritten(b, a)
	}
	l.advance(out)
	l.settle()
}

// notWritten has the line stop until nothing is in flight, and then begin with the first that has no outcome.
func (l *Line[T]) notWritten(b *Batch[T], a Answer) {
	if l.mode != draining {
		l.failures++
		l.mode = draining
	}
	b.err = a.Err
	first := l.queue[0] == b
	switch a.Kind {
	case Unsure:
		b.unsure = true
	case OutOfOrder, BadID:
		// One behind another that is not written is out of order, and that is all. The first one shows that the broker
		// has lost what was before it, or forgotten the producer. Nothing from here on is in its log, then: what is was found by
		// its number.
		if !first {
			return
		}
		if l.cfg.Transactional {
			b.state = refused
			l.bump = true
			return
		}
		l.bump = true
		l.anew = l.anew || a.Kind == BadID
	case Refused, Failed:
		b.state, b.unsure = refused, b.unsure || a.Kind == Failed
	}
	if b.tries > l.cfg.Retries {
		b.state = refused
	}
}

// advance gives out outcomes from the first batch on.
func (l *Line[T]) advance(out *Out[T]) {
	if l.bump {
		l.infer()
	}
	for len(l.queue) > 0 {
		b := l.queue[0]
		switch b.state {
		case written:
			l.pop()
			out.Done = append(out.Done, Outcome[T]{Batch: b, Offset: b.offset})
			out.Free = append(out.Free, b)
		case refused:
			l.giveUp(b.err, out)
			return
		default:
			return
		}
	}
}

func (l *Line[T]) pop() {
	l.queue[0] = nil
	if l.queue = l.queue[1:]; len(l.queue) == 0 {
		l.queue = nil
	}
}

// infer notes that what may be written is, if one behind it is: the broker takes them in order.
func (l *Line[T]) infer() {
	last := -1
	for i, b := range l.queue {
		if b.state == written {
			last = i
		}
	}
	for _, b := range l.queue[:last+1] {
		switch {
		case b.state == written:
		case b.state != flying && b.unsure && l.cfg.Idempotent:
			b.state, b.offset = written, -1
		default:
			return
		}
	}
}

// giveUp fails the first batch, and passes over all behind it.
func (l *Line[T]) giveUp(err error, out *Out[T]) {
	l.failed = true
	if first := l.queue[0]; first.numbered {
		l.next = first.Seq
	}
	for i, b := range l.queue {
		// What may get into the log late must not, behind what follows: another epoch shuts it out. Another batch in its
		// place could have the same number.
		if b.numbered && (b.unsure || b.state == flying || b.state == written) {
			l.bump = true
		}
		if i == 0 {
			out.Done = append(out.Done, Outcome[T]{Batch: b, Offset: -1, Err: err})
			l.letGo(b, out)
		} else {
			l.passOver(b, out)
		}
	}
	l.queue = nil
}

func (l *Line[T]) passOver(b *Batch[T], out *Out[T]) {
	out.Done = append(out.Done, Outcome[T]{Batch: b, Offset: -1, Err: client.ErrPassedOver})
	l.letGo(b, out)
}

// letGo frees a batch, or has it freed when it is answered.
func (l *Line[T]) letGo(b *Batch[T], out *Out[T]) {
	if b.state == flying {
		b.state = ghost
		l.mode = draining
		return
	}
	out.Free = append(out.Free, b)
}

// settle goes on once nothing is in flight.
func (l *Line[T]) settle() {
	if l.fly > 0 {
		return
	}
	if l.mode == draining {
		l.mode = probing
	}
	if !l.bump || !l.has {
		return
	}
	switch {
	case !l.cfg.Idempotent:
		l.bump = false
	case l.cfg.Transactional || l.anew || l.id.Epoch == math.MaxInt16:
		l.has = false
	default:
		l.Restart(ID{l.id.Producer, l.id.Epoch + 1})
	}
}

// Expire gives up what has waited for too long. why words it for a batch by the last error it got, which may be nil.
func (l *Line[T]) Expire(now time.Time, why func(b *Batch[T], last error) error, out *Out[T]) {
	if len(l.queue) == 0 || now.Before(l.queue[0].Deadline) {
		return
	}
	l.infer()
	l.advance(out)
	if len(l.queue) > 0 && !now.Before(l.queue[0].Deadline) {
		l.giveUp(why(l.queue[0], l.queue[0].err), out)
	}
	l.settle()
}

// Abandon gives up all that has no outcome. It is a failure of the first that has none.
func (l *Line[T]) Abandon(err error, out *Out[T]) {
	if len(l.queue) == 0 {
		return
	}
	l.infer()
	l.advance(out)
	if len(l.queue) > 0 {
		l.giveUp(err, out)
	}
	l.settle()
}
