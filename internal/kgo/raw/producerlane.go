package raw

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/internal/kgo/raw/sequence"
)

// outTopic is a topic that is written to.
type outTopic struct {
	name   string
	meta   *Topic   // nil: not known yet
	wanted bool     // the cluster keeps its metadata
	id     [16]byte // the last one known
	lanes  map[int32]*lane
}

// lane is a partition's way.
type lane struct {
	topic     *outTopic
	partition int32
	seq       *sequence.Line[parcel]
	broker    *outBroker // nil: no leader known
	ring      *outBroker // where it waits for its turn, nil: nowhere
	size      int        // of the batch that waits for its turn
	bytes     int64      // of all its batches
	flying    int64      // of those in flight
	failures  int        // that it has rested for
	until     time.Time  // it rests
	last      time.Time  // it was written to
	missing   time.Time  // since when the cluster does not know of it, while something waits
	asked     bool       // the coordinator is told that it is part of the transaction
	enlisted  bool       // and knows it
}

// forgetAfter is for how long a lane may be idle until its broker might have forgotten the producer. The least that is sensible for
// producer.id.expiration.ms is far above, and going alone costs the next batch nothing.
const forgetAfter = 10 * time.Minute

// lane gives a partition's lane. The lock is held.
func (p *Producer) lane(topic string, partition int32) *lane {
	t := p.topics[topic]
	if t == nil {
		t = &outTopic{name: topic, lanes: map[int32]*lane{}}
		p.topics[topic] = t
	}
	if !t.wanted {
		t.wanted = true
		p.cl.Want(topic)
	}
	if t.meta == nil {
		p.learnTopic(t) // it may be wanted for something else already
	}
	l := t.lanes[partition]
	if l == nil {
		l = &lane{topic: t, partition: partition, seq: sequence.New[parcel](p.lines)}
		t.lanes[partition] = l
		p.lead(l)
	}
	if now := time.Now(); now.Sub(l.last) > forgetAfter {
		l.last = now
		l.seq.Forgotten()
	}
	return l
}

// next does what a lane needs to go on. The lock is held.
func (p *Producer) next(l *lane) {
	if p.closed {
		return
	}
	if t := l.topic; t.meta != nil && !l.seq.Empty() && barred(t.meta.Err) != nil {
		l.seq.Abandon(p.wording(l, t.meta.Err), &p.out)
		p.cl.Stale(t.name) // somebody may have changed that until it is tried again
		p.settled(l)
		return
	}
	if l.seq.Need() == sequence.NeedID && !p.giveID(l) {
		return
	}
	switch n := l.seq.Failures(); {
	case n == 0:
		l.failures = 0
	case n != l.failures && l.seq.InFlight() == 0:
		l.failures = n
		l.until = time.Now().Add(p.cl.Backoff(n))
		p.resting[l] = struct{}{}
		signal(p.stir)
	}
	p.offer(l)
}

// offer has a lane wait for its turn at its broker, if it has anything to send. The lock is held.
func (p *Producer) offer(l *lane) {
	if l.broker == nil || l.ring != nil {
		return
	}
	if _, rests := p.resting[l]; rests {
		return
	}
	b := l.seq.Next(l.broker.number)
	if b == nil || p.txn != nil && !p.txn.admits(l) {
		return
	}
	l.broker.push(l, b)
}

// giveID gives a lane an identity under which it has not written, if there is one. The lock is held.
func (p *Producer) giveID(l *lane) bool {
	used := l.seq.ID()
	if p.hasID && used.Producer != p.id.Producer {
		l.seq.Restart(p.id)
		return true
	}
	if p.txn == nil && !p.asking {
		p.asking = true
		signal(p.wantID)
	}
	return false
}

// lead finds a lane's broker. The lock is held.
func (p *Producer) lead(l *lane) {
	var now *outBroker
	if t := l.topic.meta; t != nil && int(l.partition) < len(t.Partitions) {
		if leader := t.Partitions[l.partition].Leader; leader >= 0 {
			now = p.broker(leader)
		}
	}
	if now == l.broker {
		return
	}
	if l.ring != nil {
		l.ring.leave(l)
	}
	l.broker = now
}

// learn takes in what the cluster tells of topics. The lock is held.
func (p *Producer) learn() {
	for _, t := range p.topics {
		p.learnTopic(t)
	}
}

func (p *Producer) learnTopic(t *outTopic) {
	meta := p.cl.Topic(t.name)
	if meta == t.meta || meta == nil {
		return
	}
	if meta.Err == nil {
		anew := t.id != [16]byte{} && t.id != meta.ID
		t.id = meta.ID
		for _, l := range t.lanes {
			if anew {
				l.seq.Forgotten()
			}
		}
	}
	t.meta = meta
	for _, l := range t.lanes {
		p.lead(l)
		p.next(l)
	}
}

// barred is why a topic will never be there for this producer.
func barred(err error) error {
	if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.InvalidTopicException) {
		return err
	}
	return nil
}

// keep looks after time and metadata.
func (p *Producer) keep() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		changed, version := p.cl.Changed()
		timer.Reset(p.tidy(version))
		select {
		case <-changed:
		case <-p.stir:
		case <-timer.C:
		case <-p.ctx.Done():
			return
		}
	}
}

// look is how often, at most, deadlines are looked at.
func (p *Producer) look() time.Duration {
	return min(max(p.set.DeliveryTimeout/20, 10*time.Millisecond), time.Second)
}

// restGrain is how exactly the rest of a lane ends: thousands of them don't take a look each.
const restGrain = 5 * time.Millisecond

// tidy does what is due, and tells when to come again. version is that of the metadata.
func (p *Producer) tidy(version uint64) time.Duration {
	p.mu.Lock()
	defer p.unlock()
	if version != p.learnt {
		p.learnt = version
		p.learn()
	}
	now := time.Now()
	again := time.Hour
	for l := range p.resting {
		if left := l.until.Sub(now); left > 0 {
			again = min(again, max(left, restGrain))
			continue
		}
		delete(p.resting, l)
		p.offer(l)
	}
	if left := p.looked.Add(p.look()).Sub(now); left > 0 {
		return min(again, left)
	}
	p.looked = now
	return min(again, p.inspect(now))
}

// inspect goes through all lanes: deadlines, and topics that are missing or not needed any more. It tells when that is due again. The lock is held.
func (p *Producer) inspect(now time.Time) time.Duration {
	again := time.Hour
	for _, t := range p.topics {
		idle := true
		for _, l := range t.lanes {
			due, has := l.seq.Deadline()
			if !has {
				l.missing = time.Time{}
				idle = idle && l.seq.InFlight() == 0
				continue
			}
			idle = false
			switch {
			case !now.Before(due):
				l.seq.Expire(now, p.expired(l), &p.out)
				p.settled(l)
			case p.missed(l, now):
				l.missing = time.Time{} // what is sent next is waited for anew
				l.seq.Abandon(fmt.Errorf("not there for %v: %w", p.patience, p.obstacle(l)), &p.out)
				p.settled(l)
			default:
				again = min(again, max(due.Sub(now), p.look()))
			}
		}
		if idle && t.wanted && t.meta != nil && t.meta.Err != nil {
			t.wanted, t.meta = false, nil // one that was deleted would be asked for for ever
			p.cl.Unwant(t.name)
		}
	}
	if p.bytes > 0 {
		again = min(again, p.look())
	}
	return again
}

// patience is how long a topic or partition may be unknown: one that was made a moment ago is unknown to a busy broker for a moment,
// while delivery.timeout.ms may be weeks.
const patience = 30 * time.Second

// transactionPatience is shorter, since all other partitions of a transaction wait for its end.
const transactionPatience = 10 * time.Second

// missed tells whether a partition has been unknown to the cluster for too long. The lock is held.
func (p *Producer) missed(l *lane, now time.Time) bool {
	t := l.topic.meta
	switch {
	case t != nil && errors.Is(t.Err, kerr.UnknownTopicOrPartition):
	case t != nil && t.Err == nil && int(l.partition) >= len(t.Partitions):
		p.cl.Stale(l.topic.name)
	default:
		l.missing = time.Time{}
		return false
	}
	if l.missing.IsZero() {
		l.missing = now
	}
	return now.Sub(l.missing) >= p.patience
}
