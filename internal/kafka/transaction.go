package kafka

/*
#include "glue.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/client"
)

// TxnProducer is a Producer that writes in transactions (KIP-98). It implements client.Producer and client.Transactional.
//
// librdkafka's transactional producer lets no failed record go: the transaction is to be aborted then, and what is sent
// meanwhile is refused with the same reason.
type TxnProducer struct {
	*Producer
	id string

	// txnMu is held by the call about a transaction that is under way, ending has no further one begin.
	txnMu  sync.Mutex
	ending atomic.Bool
	// begun and committing say what Close has to end.
	begun, committing bool
}

var (
	_ client.Producer      = (*TxnProducer)(nil)
	_ client.Transactional = (*TxnProducer)(nil)
)

// NewTxnProducer opens a producer as NewProducer does. The settings name its transactional.id.
func NewTxnProducer(settings map[string]string, log hclog.Logger, onDelivery func([]client.Delivery)) (*TxnProducer, error) {
	p, err := NewProducer(settings, log, onDelivery)
	if err != nil {
		return nil, err
	}
	return &TxnProducer{Producer: p, id: settings["transactional.id"]}, nil
}

// Init implements client.Transactional. It tries until ctx ends, or a broker refuses.
func (p *TxnProducer) Init(ctx context.Context) error {
	return p.steps(ctx, func(ms C.int) *C.rd_kafka_error_t { return C.rd_kafka_init_transactions(p.h.rk, ms) })
}

// Begin implements client.Transactional.
func (p *TxnProducer) Begin() error {
	p.txnMu.Lock()
	defer p.txnMu.Unlock()
	err := ErrClosed
	if !p.ending.Load() {
		p.call(func() { err = takeError(C.rd_kafka_begin_transaction(p.h.rk)) })
	}
	p.begun = p.begun || err == nil
	return p.named(err)
}

// Send implements client.Producer.
func (p *TxnProducer) Send(ctx context.Context, recs []client.ProducerRecord) error {
	err := p.Producer.Send(ctx, recs)
	if !errors.Is(err, errState) {
		return err
	}
	// The transaction has failed; this tells why, and does nothing else then.
	p.call(func() {
		if why := takeError(C.rd_kafka_commit_transaction(p.h.rk, 0)); why != nil {
			err = p.named(why)
		}
	})
	return err
}

// errState is librdkafka's answer to what does not fit a transaction's state.
var errState = &Error{Code: codeState}

// Commit implements client.Transactional.
func (p *TxnProducer) Commit(ctx context.Context) error {
	for !p.handOver() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !p.call(func() { C.rd_kafka_flush(p.h.rk, 10) }) {
			return ErrClosed
		}
	}
	err := p.steps(ctx, func(ms C.int) *C.rd_kafka_error_t {
		e := C.rd_kafka_commit_transaction(p.h.rk, ms)
		p.committing = e != nil && C.rd_kafka_error_is_retriable(e) != 0
		p.begun = e != nil
		return e
	})
	if err != nil {
		return err
	}
	return p.Flush(ctx) // the reports are there, but perhaps not handed on
}

// Abort implements client.Transactional.
func (p *TxnProducer) Abort(ctx context.Context) error {
	p.mu.Lock()
	p.giveUpWaiting()
	p.mu.Unlock()
	err := p.steps(ctx, func(ms C.int) *C.rd_kafka_error_t {
		e := C.rd_kafka_abort_transaction(p.h.rk, ms)
		p.begun = e != nil
		return e
	})
	if err != nil {
		return err
	}
	return p.Flush(ctx)
}

// handOver gives librdkafka what waits in lanes: a commit flushes only what it has, and takes nothing more. For that long
// idempotence alone keeps the order. It tells whether there was room for all.
func (p *TxnProducer) handOver() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return true
	}
	for _, l := range p.lanes.known {
		for !l.empty() {
			batch := p.lanes.batch(l)
			n, err := p.hand(l.buf, l.at, batch)
			p.lanes.takeBack(batch[n:])
			l.leave(n)
			if errors.Is(err, errQueueFull) {
				return false
			}
			if err != nil { // the commit will say why
				p.giveUpWaiting()
				return true
			}
			p.lanes.tidy(l)
		}
	}
	return true
}

// steps calls again what has not ended in its time, until ctx ends: such calls go on where they were.
func (p *TxnProducer) steps(ctx context.Context, call func(ms C.int) *C.rd_kafka_error_t) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w: the transaction coordinator of %s did not answer", err, p.id)
		}
		e, ok := p.oneStep(C.int(stepWithin(ctx)), call)
		if !ok {
			return ErrClosed
		}
		if e == nil {
			return nil
		}
		again := C.rd_kafka_error_is_retriable(e) != 0
		err := takeError(e)
		if !again {
			return p.named(err)
		}
		if !errors.Is(err, &Error{Code: codeTimedOut}) {
			select {
			case <-ctx.Done():
				return p.named(err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

func (p *TxnProducer) oneStep(ms C.int, call func(ms C.int) *C.rd_kafka_error_t) (e *C.rd_kafka_error_t, ok bool) {
	p.txnMu.Lock()
	defer p.txnMu.Unlock()
	if p.ending.Load() {
		return nil, false
	}
	ok = p.call(func() { e = call(ms) })
	return e, ok
}

// closeStep bounds each of the two calls by which Close ends a transaction, in ms.
const closeStep = 100

// Close implements client.Producer. An open transaction is aborted, or what keeps its end waiting goes on without it.
//
// That must be tried in any case: where librdkafka's client ends while partitions wait to be added to a transaction, it ends
// the process with an assertion (rd_kafka_txn_handle_AddPartitionsToTxn).
func (p *TxnProducer) Close() {
	if p.ending.Swap(true) {
		return
	}
	p.txnMu.Lock()
	defer p.txnMu.Unlock()
	if p.begun {
		p.mu.Lock()
		p.giveUpWaiting()
		p.mu.Unlock()
		p.call(func() {
			if p.committing { // a commit that was begun can only fail: what it waits for is lost
				C.rd_kafka_purge(p.h.rk, C.RD_KAFKA_PURGE_F_QUEUE|C.RD_KAFKA_PURGE_F_INFLIGHT)
				_ = takeError(C.rd_kafka_commit_transaction(p.h.rk, closeStep))
			}
			_ = takeError(C.rd_kafka_abort_transaction(p.h.rk, closeStep))
		})
	}
	p.Producer.Close()
}

// named says which producer an error is about.
func (p *TxnProducer) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("transactional.id %s: %w", p.id, err)
}
