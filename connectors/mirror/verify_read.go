package mirror

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// idlePoll is how long a poll waits that may be past the last record of a range.
const idlePoll = 250 * time.Millisecond

// passer is what a Reader may offer besides: how far a partition holds nothing more, markers of transactions included.
type passer interface {
	Passed(tp connect.TopicPartition) int64
}

// scan reads a range of a partition, and makes prints of its records. It implements stream.
type scan struct {
	ctx     context.Context
	r       Reader
	tp      connect.TopicPartition
	pos     int64 // offset to come to
	to      int64 // exclusive
	stamps  bool  // whether timestamps are compared
	seed    maphash.Seed
	recs    []client.ConsumedRecord
	at      int
	idle    int
	read    *atomic.Int64 // counts records, for who watches
	current digest
	err     error
}

// begin assigns the range.
func (s *scan) begin(from, to int64) error {
	s.pos, s.to, s.recs, s.at, s.idle = from, to, nil, 0, 0
	if from >= to {
		return nil
	}
	if err := s.r.Assign(nil); err != nil { // or the reader would go on where it was
		return err
	}
	return s.r.Assign(map[connect.TopicPartition]int64{s.tp: from})
}

// peek gives the first record of the range without passing it; false for none.
func (s *scan) peek() (*client.ConsumedRecord, bool) {
	for s.at >= len(s.recs) {
		if !s.fetch() {
			return nil, false
		}
	}
	rec := &s.recs[s.at]
	return rec, rec.Offset < s.to
}

// next implements stream.
func (s *scan) next() (*digest, bool) {
	rec, ok := s.peek()
	if !ok {
		return nil, false
	}
	s.at++
	s.pos = rec.Offset + 1
	s.read.Add(1)
	s.current = s.digest(rec)
	return &s.current, true
}

// fetch polls once; false at the end of the range, or with an error.
func (s *scan) fetch() bool {
	if s.err != nil || s.pos >= s.to {
		return false
	}
	recs, err := s.r.Poll(s.ctx, idlePoll)
	if err == nil {
		err = s.ctx.Err()
	}
	if err != nil && len(recs) == 0 {
		s.err = err
		return false
	}
	s.recs, s.at = s.recs[:0], 0
	for _, rec := range recs {
		if rec.Topic == s.tp.Topic && rec.Partition == s.tp.Partition && rec.Offset >= s.pos {
			s.recs = append(s.recs, rec)
		}
	}
	if len(s.recs) > 0 {
		s.idle = 0
		return true
	}
	return s.wait()
}

// wait judges a poll without records: the range may end with markers of transactions, or the cluster be slow.
func (s *scan) wait() bool {
	const enough, mostIdle = 8, 240
	s.idle++
	p, tells := s.r.(passer)
	switch {
	case tells && p.Passed(s.tp) >= s.to:
		return false
	case !tells && s.idle >= enough:
		return false
	case s.idle >= mostIdle:
		s.err = fmt.Errorf("%s-%d: nothing came for %v at offset %d, though the partition ends at %d", s.tp.Topic, s.tp.Partition, mostIdle*idlePoll, s.pos, s.to)
		return false
	}
	return true
}

// digest makes checksums of a record. A null differs from what is empty.
func (s *scan) digest(rec *client.ConsumedRecord) digest {
	p := digest{offset: rec.Offset, key: s.sum(rec.Key), value: s.sum(rec.Value), tombstone: rec.Value == nil}
	var h maphash.Hash
	h.SetSeed(s.seed)
	var b [8]byte
	for _, head := range rec.Headers {
		for _, n := range []uint64{maphash.String(s.seed, head.Key), s.sum(head.Value)} {
			binary.LittleEndian.PutUint64(b[:], n)
			_, _ = h.Write(b[:])
		}
	}
	p.headers = h.Sum64()
	if s.stamps && !rec.Timestamp.IsZero() {
		p.timestamp = uint64(rec.Timestamp.UnixMilli())
	}
	h.Reset()
	for _, n := range []uint64{p.key, p.value, p.headers, p.timestamp} {
		binary.LittleEndian.PutUint64(b[:], n)
		_, _ = h.Write(b[:])
	}
	p.all = h.Sum64()
	return p
}

func (s *scan) sum(b []byte) uint64 {
	if b == nil {
		return 0
	}
	return maphash.Bytes(s.seed, b)
}
