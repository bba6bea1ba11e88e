package raw

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/kgo/raw/sequence"
)

// phase is where a transactional producer is.
type phase uint8

const (
	txnNone    phase = iota // Init was not called
	txnOutside              // of a transaction
	txnOpen
	txnEnding
)

// transaction is what a transactional producer has besides: the protocol of KIP-98, in which a coordinator learns of each partition
// before its first batch. Its fields are the producer's lock's.
type transaction struct {
	p     *Producer
	id    string
	phase phase
	// err is why the open transaction can only be aborted.
	err error
	// begun: the coordinator may know of the transaction.
	begun bool
	// renew: another epoch is needed before the next transaction (KIP-360).
	renew bool
	own   int // batches without a Delivery and without an outcome
	// wanting are lanes that the coordinator has to learn of, enlisting that it is being told.
	wanting   map[*lane]struct{}
	enlisting bool
	dismiss   context.CancelFunc // ends the telling
	enlist    chan struct{}
	moved     chan struct{} // somebody who waits for the transaction looks again

	coordinator int32 // -1: not known
	rotation    uint32
}

func newTransaction(p *Producer) *transaction {
	t := &transaction{
		p: p, id: p.set.TransactionalID, coordinator: -1, wanting: map[*lane]struct{}{},
		enlist: make(chan struct{}, 1), moved: make(chan struct{}, 1),
	}
	p.work.Go(t.enlistAll)
	return t
}

// usable tells why nothing can be sent.
func (t *transaction) usable() error {
	switch {
	case t.phase != txnOpen:
		return errors.New("a transactional producer sends within transactions: call Begin first")
	case t.err != nil:
		return fmt.Errorf("the transaction has failed and must be aborted: %w", t.err)
	}
	return nil
}

// failed notes that a batch was not written.
func (t *transaction) failed(err error) {
	if t.err == nil && t.phase == txnOpen && !errors.Is(err, client.ErrPassedOver) {
		t.err = err
	}
}

// admits tells whether a lane may send. The coordinator is told of one that it does not know.
func (t *transaction) admits(l *lane) bool {
	if t.phase != txnOpen {
		return false
	}
	if !l.asked {
		l.asked = true
		t.wanting[l] = struct{}{}
		signal(t.enlist)
	}
	return l.enlisted
}

// errNotTransactional is a call of a producer without transactional.id.
var errNotTransactional = errors.New("the producer has no transactional.id")

// Init implements client.Transactional.
func (p *Producer) Init(ctx context.Context) error {
	t := p.txn
	if t == nil {
		return errNotTransactional
	}
	id, err := t.initialize(ctx, sequence.NoID)
	if err != nil {
		return fmt.Errorf("initializing transactions of %q: %w", t.id, err)
	}
	p.mu.Lock()
	defer p.unlock()
	p.id, p.hasID = id, true
	t.phase = txnOutside
	return nil
}

// Begin implements client.Transactional. Partitions in which a batch failed before are written again.
func (p *Producer) Begin() error {
	t := p.txn
	if t == nil {
		return errNotTransactional
	}
	p.mu.Lock()
	defer p.unlock()
	switch {
	case p.closed:
		return fmt.Errorf("the producer is %w", ErrClosed)
	case p.fatal != nil:
		return p.fatal
	case t.phase == txnNone:
		return errors.New("Init must be called before the first transaction")
	case t.phase != txnOutside:
		return errors.New("the transaction before has to be committed or aborted first")
	}
	t.phase, t.err, t.begun = txnOpen, nil, false
	p.each(func(l *lane) {
		l.seq.Resume()
		l.asked, l.enlisted = false, false
	})
	return nil
}

// Commit implements client.Transactional.
func (p *Producer) Commit(ctx context.Context) error {
	t := p.txn
	if t == nil {
		return errNotTransactional
	}
	if err := t.written(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	begun := t.begun
	t.phase = txnEnding
	p.unlock()
	if begun {
		if err := t.end(ctx, true); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.unlock()
	t.phase, t.begun = txnOutside, false
	return nil
}

// written waits until all that was sent is written and told. An error leaves the transaction open.
func (t *transaction) written(ctx context.Context) error {
	p := t.p
	for {
		p.mu.Lock()
		err, over := t.usable(), t.own == 0 && p.given == p.sent
		if p.fatal != nil || p.closed {
			err = p.usable()
		}
		p.mu.Unlock()
		if err != nil || over {
			return err
		}
		select {
		case <-p.space:
		case <-t.moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Abort implements client.Transactional. It may be called again after an error.
func (p *Producer) Abort(ctx context.Context) error {
	t := p.txn
	if t == nil {
		return errNotTransactional
	}
	if err := t.quiet(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	begun := t.begun
	p.each(func(l *lane) { t.renew = t.renew || l.seq.Need() == sequence.NeedID && l.seq.ID() == p.id })
	p.unlock()
	if begun {
		if err := t.end(ctx, false); err != nil {
			return err
		}
	}
	p.mu.Lock()
	t.begun = false
	renew, id := t.renew, p.id // the end may have found that one is needed
	p.unlock()
	if renew {
		fresh, err := t.initialize(ctx, id)
		if err != nil {
			return fmt.Errorf("another epoch for %q: %w", t.id, err)
		}
		p.mu.Lock()
		p.id, t.renew = fresh, false
		p.each(func(l *lane) { l.seq.Restart(fresh) })
		p.unlock()
	}
	p.mu.Lock()
	defer p.unlock()
	if t.phase == txnEnding {
		t.phase = txnOutside
	}
	return nil
}

// quiet gives up what waits, once nothing is in flight any more: what has an answer needs no other epoch.
func (t *transaction) quiet(ctx context.Context) error {
	p := t.p
	for {
		p.mu.Lock()
		if p.fatal != nil || p.closed {
			p.mu.Unlock()
			return p.gone()
		}
		if t.phase == txnOpen {
			t.phase = txnEnding
		}
		if t.enlisting && t.err != nil {
			t.dismiss() // the coordinator may still be asked for a topic that was deleted
		}
		flying := t.enlisting
		p.each(func(l *lane) { flying = flying || l.seq.InFlight() > 0 })
		if !flying {
			p.abandon(errAborted)
			clear(t.wanting)
		}
		p.unlock()
		if !flying {
			return nil
		}
		select {
		case <-t.moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errAborted is the outcome of what was not written when its transaction was aborted.
var errAborted = fmt.Errorf("the transaction was aborted: %w", client.ErrPassedOver)

// gone is why the producer can't go on.
func (p *Producer) gone() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fatal != nil {
		return p.fatal
	}
	return fmt.Errorf("the producer is %w", ErrClosed)
}

// fenced ends a transactional producer when a broker says that there is a newer one. The lock is held.
func (p *Producer) fenced(r result) {
	if p.txn == nil || r.err != nil {
		return
	}
	switch err := kerr.ErrorForCode(r.code); {
	case outdated(r.code):
		p.die(fenced(err))
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		p.die(named(err))
	}
}

// outdated tells that a transactional producer has an old epoch.
func outdated(code int16) bool {
	return code == kerr.ProducerFenced.Code || code == kerr.InvalidProducerEpoch.Code
}

func fenced(err error) error {
	if errors.Is(err, client.ErrFenced) {
		return err
	}
	return fmt.Errorf("%w (%w)", client.ErrFenced, err)
}
