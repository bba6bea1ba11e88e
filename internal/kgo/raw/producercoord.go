package raw

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/kgo/raw/sequence"
)

// Versions of the coordinator's requests: the last ones before brokers keep count of transactions themselves (KIP-890).
const (
	mostInitProducerID = 4
	mostAddPartitions  = 3
	mostEndTxn         = 4
	mostFindKey        = 3
	leastKIP360        = 3 // of InitProducerId: brokers from 2.5 on
)

// concurrentPause is the pause while the coordinator is still ending the transaction before, which takes it milliseconds.
const concurrentPause = 20 * time.Millisecond

// verdict is what an answer of the coordinator's means.
type verdict uint8

const (
	coordFine      verdict = iota
	coordAgain             // ask again
	coordElsewhere         // ask for the coordinator anew
	coordSoon              // the transaction before is about to end
	coordDoomed            // the transaction can only be aborted
	coordFatal             // the producer can't go on
)

func judgeCoordinator(code int16) verdict {
	switch err := kerr.ErrorForCode(code); err {
	case nil:
		return coordFine
	case kerr.ConcurrentTransactions:
		return coordSoon
	case kerr.NotCoordinator, kerr.CoordinatorNotAvailable:
		return coordElsewhere
	case kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.TransactionalIDAuthorizationFailed, kerr.InvalidTransactionTimeout,
		kerr.UnsupportedVersion, kerr.ClusterAuthorizationFailed:
		return coordFatal
	default:
		if kerr.IsRetriable(err) {
			return coordAgain
		}
		return coordDoomed
	}
}

// worse gives the worse one of two error codes.
func worse(a, b int16) int16 {
	if judgeCoordinator(a) < judgeCoordinator(b) {
		return b
	}
	return a
}

// ask makes requests to the coordinator until an answer is none of those that pass, or ctx ends. codes gives all error codes of an
// answer; the first that is not fine counts. sent tells whether a request may have reached the coordinator.
func (t *transaction) ask(ctx context.Context, req kmsg.Request, least, most int16, codes func(kmsg.Response) int16) (sent bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.p.ctx, cancel)()
	for tries := 1; ; tries++ {
		resp, mine, err := t.once(ctx, req, least, most)
		sent = sent || mine
		pause := t.p.cl.Backoff(tries)
		if err == nil {
			code := codes(resp)
			failure := kerr.ErrorForCode(code)
			switch judgeCoordinator(code) {
			case coordFine:
				return sent, nil
			case coordFatal:
				return sent, t.die(failure)
			case coordDoomed:
				return sent, failure
			case coordElsewhere:
				t.lose()
			case coordSoon:
				pause = concurrentPause
			}
			err = failure
		} else if errors.Is(err, kerr.UnsupportedVersion) || errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
			return sent, t.die(err)
		}
		t.p.log.Trace("the transaction coordinator is asked again", "transactional-id", t.id, "request", kmsg.NameForKey(req.Key()), "error", err)
		if ended := t.p.cl.sleep(ctx, pause, ""); ended != nil {
			if t.p.ctx.Err() != nil {
				return sent, fmt.Errorf("the producer is %w", ErrClosed)
			}
			return sent, fmt.Errorf("%w (the last answer of the coordinator of %q: %w)", ended, t.id, err)
		}
	}
}

// once makes one request to the coordinator.
func (t *transaction) once(ctx context.Context, req kmsg.Request, least, most int16) (_ kmsg.Response, sent bool, _ error) {
	node, err := t.find(ctx)
	if err != nil {
		return nil, false, err
	}
	conn, err := t.p.cl.Conn(ctx, node, ForOther)
	if err != nil {
		t.lose()
		return nil, false, err
	}
	if err := conn.Negotiate(req, least, most); err != nil {
		return nil, false, err
	}
	resp, hold, err := conn.DoAs(ctx, req)
	hold.Release()
	if err != nil {
		t.lose()
	}
	return resp, true, err
}

// find gives the coordinator's broker.
func (t *transaction) find(ctx context.Context) (int32, error) {
	t.p.mu.Lock()
	node := t.coordinator
	t.p.mu.Unlock()
	if node >= 0 {
		return node, nil
	}
	conn, err := t.p.cl.Any(ctx)
	if err != nil {
		return -1, err
	}
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey, req.CoordinatorType = t.id, 1
	if err := conn.Negotiate(req, 1, mostFindKey); err != nil {
		return -1, err
	}
	resp, hold, err := conn.DoAs(ctx, req)
	hold.Release()
	if err != nil {
		return -1, err
	}
	r := resp.(*kmsg.FindCoordinatorResponse)
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		return -1, err
	}
	if _, known := t.p.cl.Brokers()[r.NodeID]; !known {
		if err := t.p.cl.Refresh(ctx); err != nil {
			return -1, err
		}
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.coordinator = r.NodeID
	return r.NodeID, nil
}

// lose has the coordinator looked for.
func (t *transaction) lose() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.coordinator = -1
}

// die ends the producer for a coordinator's error.
func (t *transaction) die(err error) error {
	err = named(err)
	if errors.Is(err, kerr.InvalidProducerEpoch) {
		err = fenced(err)
	}
	t.p.mu.Lock()
	t.p.die(err)
	err = t.p.fatal
	t.p.unlock()
	return err
}

// initialize gets the producer's identity, or the next epoch behind one that it has.
func (t *transaction) initialize(ctx context.Context, had sequence.ID) (sequence.ID, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = &t.id
	req.TransactionTimeoutMillis = int32(min(t.p.set.TransactionTimeout.Milliseconds(), math.MaxInt32))
	req.ProducerID, req.ProducerEpoch = had.Producer, had.Epoch
	id := sequence.NoID
	_, err := t.ask(ctx, req, leastKIP360, mostInitProducerID, func(resp kmsg.Response) int16 {
		r := resp.(*kmsg.InitProducerIDResponse)
		id = sequence.ID{Producer: r.ProducerID, Epoch: r.ProducerEpoch}
		return r.ErrorCode
	})
	return id, err
}

// end commits or aborts.
func (t *transaction) end(ctx context.Context, commit bool) error {
	t.p.mu.Lock()
	id := t.p.id
	t.p.mu.Unlock()
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = t.id, id.Producer, id.Epoch, commit
	sent, err := t.ask(ctx, req, 0, mostEndTxn, func(resp kmsg.Response) int16 { return resp.(*kmsg.EndTxnResponse).ErrorCode })
	switch {
	case err == nil:
		return nil
	case commit && sent && t.p.ctx.Err() == nil && unanswered(err):
		return t.die(fmt.Errorf("whether the transaction was committed is not known: %w", err))
	case commit:
		t.p.mu.Lock()
		t.renew = true
		t.p.mu.Unlock()
		return fmt.Errorf("committing a transaction of %q: %w", t.id, err)
	case unanswered(err) || t.dead():
		return err
	}
	// The coordinator knows of no such transaction, or not of this producer any more: there is nothing to be aborted, but the
	// next epoch tells.
	t.p.mu.Lock()
	t.renew = true
	t.p.mu.Unlock()
	return nil
}

func (t *transaction) dead() bool {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	return t.p.fatal != nil || t.p.closed
}

func unanswered(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// enlistAll tells the coordinator of partitions, as many at once as wait for it.
func (t *transaction) enlistAll() {
	for {
		select {
		case <-t.enlist:
		case <-t.p.ctx.Done():
			return
		}
		t.enlistThese()
		signal(t.moved)
	}
}

func (t *transaction) enlistThese() {
	p := t.p
	p.mu.Lock()
	lanes := make(map[string]map[int32]*lane)
	for l := range t.wanting {
		if lanes[l.topic.name] == nil {
			lanes[l.topic.name] = map[int32]*lane{}
		}
		lanes[l.topic.name][l.partition] = l
	}
	clear(t.wanting)
	if len(lanes) == 0 || t.phase != txnOpen || p.closed || p.fatal != nil {
		p.unlock()
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, max(p.set.DeliveryTimeout, time.Second))
	defer cancel()
	t.enlisting, t.begun, t.dismiss = true, true, cancel
	id := p.id
	p.unlock()
	failed, err := t.addPartitions(ctx, id, lanes)
	p.mu.Lock()
	defer p.unlock()
	t.enlisting = false
	if err != nil {
		t.renew = true
		if t.err == nil {
			t.err = fmt.Errorf("adding partitions to a transaction of %q: %w", t.id, named(err))
		}
	}
	for _, partitions := range lanes {
		for _, l := range partitions {
			l.enlisted = err == nil
			if cause := failed[l]; cause != nil {
				l.seq.Abandon(p.wording(l, cause), &p.out)
			}
			p.settled(l)
		}
	}
}

// addPartitions makes one request, until it is answered for good. failed are those that may not be written to.
func (t *transaction) addPartitions(ctx context.Context, id sequence.ID, lanes map[string]map[int32]*lane) (failed map[*lane]error, err error) {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.id, id.Producer, id.Epoch
	for name, partitions := range lanes {
		topic := kmsg.NewAddPartitionsToTxnRequestTopic()
		topic.Topic = name
		for n := range partitions {
			topic.Partitions = append(topic.Partitions, n)
		}
		req.Topics = append(req.Topics, topic)
	}
	failed = map[*lane]error{}
	_, err = t.ask(ctx, req, 0, mostAddPartitions, func(resp kmsg.Response) int16 {
		worst := int16(0)
		for _, topic := range resp.(*kmsg.AddPartitionsToTxnResponse).Topics {
			for _, part := range topic.Partitions {
				switch cause := kerr.ErrorForCode(part.ErrorCode); cause {
				case nil, kerr.OperationNotAttempted:
				case kerr.UnknownTopicOrPartition:
					t.p.cl.Stale(topic.Topic) // the lane gives up if it is gone for long
					worst = worse(worst, part.ErrorCode)
				case kerr.TopicAuthorizationFailed:
					if l := lanes[topic.Topic][part.Partition]; l != nil {
						failed[l] = cause
					}
				default:
					worst = worse(worst, part.ErrorCode)
				}
			}
		}
		return worst
	})
	if err == nil && len(failed) > 0 {
		for l, cause := range failed {
			return failed, t.p.wording(l, cause) // none was added, then
		}
	}
	return failed, err
}
