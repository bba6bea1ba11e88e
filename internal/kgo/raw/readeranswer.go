package raw

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
)

// answered takes in a response. It lets go of hold, or hands it to the queue.
func (s *source) answered(resp *kmsg.FetchResponse, hold *client.Hold) {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count.Fetches++
	if s.full {
		r.count.Full++
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		hold.Release()
		s.refused(err)
		return
	}
	throttled := s.full && resp.SessionID == 0 && len(resp.Topics) == 0
	if resp.Version >= sessionFetch && s.session.answered(resp.SessionID) {
		r.count.Sessions++
	}
	var got []fetched
	if !throttled {
		got = s.results(resp)
	}
	if len(got) == 0 {
		hold.Release()
		return
	}
	for i := range got {
		got[i].b.Hold = hold
	}
	s.ready++
	r.queue = append(r.queue, item{src: s, got: got, hold: hold})
	signal(r.come)
}

// refused deals with an error of the fetch as a whole.
func (s *source) refused(err error) {
	s.r.log.Debug("a fetch session ends", "broker", s.id, "error", err)
	s.session.reset(!errors.Is(err, kerr.FetchSessionIDNotFound))
	if !errors.Is(err, kerr.FetchSessionIDNotFound) && !errors.Is(err, kerr.InvalidFetchSessionEpoch) {
		for p := range s.parts {
			s.r.cl.Stale(p.s.name)
		}
	}
}

// results goes through what came for each partition.
func (s *source) results(resp *kmsg.FetchResponse) []fetched {
	r := s.r
	var got []fetched
	for i := range resp.Topics {
		t := &resp.Topics[i]
		topic := r.topics[t.Topic]
		if resp.Version >= idFetch {
			topic = r.ids[t.TopicID]
		}
		if topic == nil {
			continue
		}
		for j := range t.Partitions {
			p := topic.parts[t.Partitions[j].Partition]
			if p == nil || p.src != s || p.askedGen != p.gen {
				continue // it was asked for something else meanwhile
			}
			if b, some := s.result(p, &t.Partitions[j]); some {
				got = append(got, fetched{p: p, gen: p.gen, b: b})
				r.count.Bytes += int64(len(b.Data))
			}
		}
	}
	return got
}

// result takes in what came for one partition.
func (s *source) result(p *part, rp *kmsg.FetchResponseTopicPartition) (b client.FetchedBatches, some bool) {
	r := s.r
	if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
		r.trouble(p, s.id, err)
		return b, false
	}
	if rp.HighWatermark >= 0 {
		p.end = rp.HighWatermark
	}
	p.tries, p.missing, p.unproven = 0, time.Time{}, false
	if d := rp.DivergingEpoch; d.EndOffset >= 0 || d.Epoch >= 0 {
		r.truncated(p, d.Epoch, d.EndOffset)
		return b, false
	}
	if rp.PreferredReadReplica >= 0 && rp.PreferredReadReplica != s.id {
		r.detach(p)
		p.nearby, p.nearbyUntil = rp.PreferredReadReplica, time.Now().Add(r.cl.maxAge)
		r.loose[p] = struct{}{}
		signal(r.stir)
		return b, false
	}
	if p.nearby >= 0 && p.nearby == s.id && time.Now().After(p.nearbyUntil) {
		p.nearby = -1 // the leader is asked again which one is
		defer func() {
			r.detach(p)
			r.loose[p] = struct{}{}
			signal(r.stir)
		}()
	}
	if len(rp.RecordBatches) == 0 {
		return b, false
	}
	r.serves++
	p.served = r.serves
	from := p.asked
	next, epoch := scan(rp.RecordBatches, from)
	if next == from {
		s.cutOff(p, rp.RecordBatches)
		return b, false
	}
	p.cut, p.offset = 0, next
	if epoch >= 0 {
		p.epoch = epoch
	}
	s.change(p)
	b = client.FetchedBatches{Topic: p.s.name, Partition: p.id, From: from, End: rp.HighWatermark, Data: rp.RecordBatches}
	for _, a := range rp.AbortedTransactions {
		b.Aborted = append(b.Aborted, client.AbortedTxn{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
	}
	return b, true
}

// cutOff deals with a response that holds no whole batch. Only what comes first in a response is never cut: now and then
// that has to be this partition.
func (s *source) cutOff(p *part, data []byte) {
	p.cut++
	s.change(p)
	if p.cut%mostCut != 0 {
		return
	}
	s.session.reset(true)
	if p.cut > mostCut {
		s.r.log.Warn("a partition brings no whole batch", "topic", p.s.name, "partition", p.id, "offset", p.asked, "bytes", len(data))
		s.r.loosen(p)
	}
}

// truncated reports that what was read before a position is not in the log.
func (r *Reader) truncated(p *part, epoch int32, end int64) {
	r.strand(p, fmt.Errorf("%w: offset %d was read in leader epoch %d, and the log has epoch %d up to offset %d only",
		client.ErrTruncated, p.asked, p.epoch, epoch, end))
}

// fetchAnswer is a fetch response, with its memory.
type fetchAnswer struct {
	resp *kmsg.FetchResponse
	hold *client.Hold
	size int
}

// fetch makes a fetch whose version is set.
func (c *Conn) fetch(ctx context.Context, req *kmsg.FetchRequest) (fetchAnswer, error) {
	w := newWaiter()
	defer w.leave()
	if err := c.send(&call{req: req, sized: w.answer}); err != nil {
		return fetchAnswer{}, err
	}
	select {
	case a := <-w.got:
		if a.err != nil {
			return fetchAnswer{}, a.err
		}
		return fetchAnswer{a.resp.(*kmsg.FetchResponse), a.hold, a.size}, nil
	case <-ctx.Done():
		return fetchAnswer{}, ctx.Err()
	}
}
