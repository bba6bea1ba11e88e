package raw

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/internal/client"
)

// keep finds a broker for each partition, as long as the reader lasts.
func (r *Reader) keep() {
	for {
		change, version := r.cl.Changed()
		next := r.place(version)
		timer := time.NewTimer(max(time.Until(next), 0))
		select {
		case <-change:
		case <-r.stir:
		case <-timer.C:
		case <-r.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// restless is how often the keeper looks without a reason.
const restless = 5 * time.Second

// place takes in newer metadata, and gives loose partitions to brokers as far as that is possible now. It tells when to look
// again.
func (r *Reader) place(version uint64) (next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if version != r.version {
		r.version = version
		for _, s := range r.topics {
			if t := r.cl.Topic(s.name); t != nil && t != s.meta {
				r.learn(s, t)
			}
		}
	}
	if err := r.cl.Failure(); err != nil {
		r.complain(err)
	}
	now := time.Now()
	next = now.Add(restless)
	asks := map[int32][]*part{}
	for p := range r.loose {
		if now.Before(p.again) {
			next = earlier(next, p.again)
			continue
		}
		broker, ok := r.whence(p, now)
		switch {
		case !ok:
			if now.Before(p.again) {
				next = earlier(next, p.again)
			}
		case p.offset < 0:
			delete(r.loose, p)
			asks[broker] = append(asks[broker], p)
		default:
			r.attach(p, broker)
		}
	}
	for broker, parts := range asks {
		r.ask(broker, parts, r.findOffsets)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// learn takes in what is new of a topic.
func (r *Reader) learn(s *subject, t *Topic) {
	s.meta = t
	if t.Err != nil { // who reads on without trouble shall: a broker may merely be behind
		return
	}
	if t.ID != [16]byte{} && r.ids[t.ID] != s {
		r.forgetID(s)
		r.ids[t.ID] = s
	}
	for _, p := range s.parts {
		_, loose := r.loose[p]
		switch {
		case p.topic == [16]byte{} || t.ID == [16]byte{} || p.topic == t.ID:
		case loose || p.src != nil:
			r.strand(p, fmt.Errorf("%w: the topic was deleted and made anew", client.ErrUnknownTopic))
			continue
		}
		if p.src == nil || int(p.id) >= len(t.Partitions) {
			continue
		}
		if now := t.Partitions[p.id]; now.Leader != p.leader || now.Epoch != p.leaderEpoch || p.topic != t.ID {
			r.detach(p)
			r.loose[p] = struct{}{}
		}
	}
}

func (r *Reader) forgetID(s *subject) {
	for id, other := range r.ids {
		if other == s {
			delete(r.ids, id)
		}
	}
}

// whence tells from which broker a partition is to be read; false if none can be told, or not now.
func (r *Reader) whence(p *part, now time.Time) (broker int32, ok bool) {
	t := p.s.meta
	switch {
	case t == nil:
		return 0, false // the answer comes as a change
	case t.Err != nil && errors.Is(t.Err, kerr.TopicAuthorizationFailed):
		r.fail(p, telling(t.Err))
		p.again = now.Add(reminder)
		r.cl.Stale(t.Name)
		return 0, false
	case t.Err != nil && kerr.IsRetriable(t.Err) && !errors.Is(t.Err, kerr.UnknownTopicOrPartition):
		return 0, false // such as one that is being made; the cluster keeps asking
	case t.Err != nil:
		r.absent(p, now, t.Err)
		return 0, false
	case int(p.id) >= len(t.Partitions):
		r.absent(p, now, fmt.Errorf("the topic has %d partitions: %w", len(t.Partitions), kerr.UnknownTopicOrPartition))
		return 0, false
	}
	at := t.Partitions[p.id]
	if at.Leader < 0 {
		p.missing = time.Time{}
		return 0, false // the cluster keeps asking
	}
	if p.leader >= 0 && at.Epoch != p.leaderEpoch {
		p.unproven, p.nearby = true, -1
	}
	p.leader, p.leaderEpoch, p.topic = at.Leader, at.Epoch, t.ID
	if p.nearby >= 0 && p.offset >= 0 {
		if r.cl.knows(p.nearby) {
			return p.nearby, true
		}
		p.nearby = -1
		r.cl.Stale()
	}
	return at.Leader, true
}

// complain reports what concerns all partitions, if nobody can do anything about it but the operator. It does so now and then.
func (r *Reader) complain(err error) {
	lasts := errors.Is(err, ErrAuthentication) || errors.Is(err, kerr.UnsupportedVersion)
	if !lasts || time.Since(r.told) < reminder {
		return
	}
	r.told = time.Now()
	r.queue = append(r.queue, item{err: r.cl.unreachable("reading", err)})
	signal(r.come)
}
