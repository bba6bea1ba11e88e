package raw

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
)

// Versions of Fetch: from 4 on responses hold record batches and aborted transactions.
const (
	leastFetch     = 4
	sessionFetch   = 7
	divergingFetch = 12
	idFetch        = 13
	mostFetch      = 17
)

const (
	fetchesAhead = 2 // under way, and ready for Poll, together
	// overhead is what a response holds besides batches, about.
	overhead = 8 << 10
	// leastAsk is the smallest fetch that is worth it.
	leastAsk = 64 << 10
	// mostCut is how often in a row a partition may get no whole batch before the next fetch begins with it.
	mostCut = 3
)

// source reads from one broker. Its goroutine ends when it has no partitions. The reader's lock guards it.
type source struct {
	r       *Reader
	id      int32
	wake    chan struct{}
	running bool
	parts   map[*part]struct{}
	changed []*part // dirty ones, in order; some may have left
	ready   int     // responses in the queue
	session fetchSession
	tries   int
	full    bool // the fetch under way names all
}

// change has the next fetch name a partition.
func (s *source) change(p *part) {
	if !p.dirty {
		p.dirty = true
		s.changed = append(s.changed, p)
	}
}

// run fetches, one request at a time.
func (s *source) run() {
	r := s.r
	for {
		room, ok := s.await()
		if !ok {
			return
		}
		conn, err := r.cl.Conn(r.ctx, s.id, ForFetch)
		if err != nil {
			r.memory.settle(room, 0)
			s.lost(err)
			continue
		}
		req, err := s.request(conn, room)
		if req == nil {
			r.memory.settle(room, 0)
			if err != nil {
				s.lost(err)
			}
			continue
		}
		resp, err := conn.fetch(r.ctx, req)
		if err != nil {
			r.memory.settle(room, 0)
			s.lost(err)
			continue
		}
		size := int64(SizeFor(resp.size))
		r.memory.settle(room, size)
		s.answered(resp.resp, r.memory.hold(resp.hold, size))
		s.pause(resp.resp)
	}
}

// await waits until there is something to fetch and room for it. It tells how much room.
func (s *source) await() (room int64, ok bool) {
	r := s.r
	for {
		r.mu.Lock()
		if len(s.parts) == 0 || r.ctx.Err() != nil {
			s.running = false
			if len(s.parts) == 0 && r.sources[s.id] == s {
				s.retire()
			}
			r.mu.Unlock()
			return 0, false
		}
		busy := s.ready >= fetchesAhead
		least, want := s.share()
		r.mu.Unlock()
		var change <-chan struct{}
		begun := time.Now()
		if !busy {
			if room, change = r.memory.reserve(least, want); room > 0 {
				return room, true
			}
		}
		select {
		case <-s.wake:
		case <-change:
		case <-r.ctx.Done():
		}
		if change != nil {
			r.memory.wait(time.Since(begun))
		}
	}
}

// retire forgets a source without partitions. A session that the broker may know stays for the next time.
func (s *source) retire() {
	if s.session.id == 0 && s.ready == 0 {
		delete(s.r.sources, s.id)
	}
}

// share is how much memory the next fetch shall have: the sources share evenly what there is, each for as many responses as it has.
func (s *source) share() (least, want int64) {
	sources := int64(0)
	for _, other := range s.r.sources {
		if len(other.parts) > 0 {
			sources++
		}
	}
	want = s.r.memory.most / (max(sources, 1) * fetchesAhead)
	want = min(want, int64(SizeFor(max(s.r.set.FetchMaxBytes, 1)+overhead)))
	want = max(want, leastAsk)
	return max(want/2, min(want, leastAsk)), want
}

// request builds the next fetch; nil if there is nothing to ask.
func (s *source) request(conn *Conn, room int64) (*kmsg.FetchRequest, error) {
	r := s.r
	req := kmsg.NewPtrFetchRequest()
	if err := conn.Negotiate(req, leastFetch, mostFetch); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	req.ReplicaID, req.ReplicaState.ID = -1, -1
	req.MaxWaitMillis = clampInt32(r.set.FetchMaxWait.Milliseconds())
	req.MinBytes = clampInt32(int64(r.set.FetchMinBytes))
	if int64(SizeFor(int(room))) > room {
		room = room * 4 / 5 // a response of that size takes up to a quarter more
	}
	req.MaxBytes = clampInt32(max(min(int64(r.set.FetchMaxBytes), room-overhead), 1))
	req.Rack = r.set.Rack
	if r.set.ReadCommitted {
		req.IsolationLevel = 1
	}
	if req.Version < divergingFetch {
		s.prove()
	}
	if len(s.parts) == 0 { // who leaves is told with the next fetch, if there is one
		return nil, nil
	}
	byID := req.Version >= idFetch
	for p := range s.unnamed() {
		if byID && p.topic == [16]byte{} {
			byID = false
		}
	}
	if !byID {
		req.Version = min(req.Version, idFetch-1)
	}
	if s.session.members == nil || s.session.byID != byID {
		s.session.reset(true)
		s.session.byID = byID
	}
	if req.Version < sessionFetch {
		s.session.reset(false)
	}
	req.SessionID, req.SessionEpoch = s.session.id, s.session.epoch
	parts := s.changed
	s.full = s.session.epoch == 0
	if s.full {
		parts = s.inOrder()
	}
	if req.Version < sessionFetch {
		req.SessionID, req.SessionEpoch = 0, -1
	}
	if !s.full {
		req.ForgottenTopics = s.session.forgotten(func(tp connect.TopicPartition) bool {
			p := r.find(tp)
			return p != nil && p.src == s && (!byID || p.topic == s.session.members[tp])
		})
	}
	s.name(req, parts)
	s.changed = s.changed[:0]
	return req, nil
}

// unnamed goes through the partitions that the next fetch names.
func (s *source) unnamed() func(yield func(*part) bool) {
	return func(yield func(*part) bool) {
		if s.session.epoch == 0 {
			for p := range s.parts {
				if !yield(p) {
					return
				}
			}
			return
		}
		for _, p := range s.changed {
			if p.src == s && !yield(p) {
				return
			}
		}
	}
}

// inOrder lists all partitions: those first that have waited longest, which is what makes a fetch without a session fair.
func (s *source) inOrder() []*part {
	all := make([]*part, 0, len(s.parts))
	for p := range s.parts {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *part) int {
		return cmp.Or(cmp.Compare(b.cut/mostCut, a.cut/mostCut), cmp.Compare(a.served, b.served), cmp.Compare(a.s.name, b.s.name), cmp.Compare(a.id, b.id))
	})
	return all
}

// name puts partitions into a request, by topics.
func (s *source) name(req *kmsg.FetchRequest, parts []*part) {
	at := map[*subject]int{}
	for _, p := range parts {
		if p.src != s || !p.dirty && !s.full {
			continue
		}
		i, has := at[p.s]
		if !has {
			i = len(req.Topics)
			at[p.s] = i
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = p.s.name, p.topic
			req.Topics = append(req.Topics, t)
		}
		fp := kmsg.NewFetchRequestTopicPartition()
		fp.Partition, fp.FetchOffset, fp.CurrentLeaderEpoch = p.id, p.offset, p.leaderEpoch
		fp.LastFetchedEpoch, fp.LogStartOffset = -1, -1
		if p.leader == s.id { // a follower may merely be behind
			fp.LastFetchedEpoch = p.epoch
		}
		fp.PartitionMaxBytes = clampInt32(max(int64(s.r.set.MaxPartitionFetchBytes), 1))
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, fp)
		p.dirty, p.asked, p.askedGen = false, p.offset, p.gen
		s.session.members[p.tp()] = p.topic
	}
}

// prove has positions checked by OffsetForLeaderEpoch whose leader is another one, where fetches don't do that.
func (s *source) prove() {
	var doubtful []*part
	for _, p := range s.changed {
		if p.src == s && p.unproven && p.epoch >= 0 {
			doubtful = append(doubtful, p)
		}
	}
	for _, p := range doubtful {
		s.r.detach(p)
	}
	if len(doubtful) > 0 {
		s.r.ask(s.id, doubtful, s.r.proveOffsets)
	}
}

// lost has other ways looked for after a connection failed.
func (s *source) lost(err error) {
	r := s.r
	if r.ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.session.reset(true)
	if errors.Is(err, ErrIdle) {
		return
	}
	r.log.Debug("fetching is held up", "broker", s.id, "error", err)
	s.tries++
	for p := range s.parts {
		r.loosen(p)
	}
	r.complain(err)
	r.cl.Stale()
}

// pause waits after a response with an error, so that it doesn't come again and again.
func (s *source) pause(resp *kmsg.FetchResponse) {
	s.r.mu.Lock()
	if resp.ErrorCode == 0 {
		s.tries = 0
	} else {
		s.tries++
	}
	tries := s.tries
	s.r.mu.Unlock()
	if tries > 1 {
		_ = s.r.cl.sleep(s.r.ctx, s.r.cl.Backoff(tries-1), "")
	}
}
