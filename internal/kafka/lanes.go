package kafka

/*
#include "glue.h"
*/
import "C"

import (
	"github.com/connectd/connectd/internal/client"
)

// lanes keep the order of partitions. librdkafka does not, not even with one request in flight: it has the next batch of a partition
// ready while one is under way, and when the broker refuses that for the moment (a new leader, a topic that it does not know
// yet), the ready one arrives first. Its idempotent producer keeps the order, but polls without a pause while a batch
// is under way and another one is ready. So it gets no other one: what is sent meanwhile waits here, and follows as one batch
// when the outcome of the one before is known.
//
// A batch that librdkafka takes apart, because linger.ms was over before it had all of it, is kept in order by idempotence alone.
//
// Records without a partition of their own are one lane for their topic.
type lanes struct {
	known map[laneKey]*lane
	last  *lane
	round uint64 // of the chunk that is being packed

	bytes, count int // limits of a batch

	slots []slot // what librdkafka has, by the number it has it under
	free  []uint32
	ready []*lane // whose batch is done and that have records waiting
	later []*lane // of those, what librdkafka had no room for
	spare [][]byte
}

type laneKey struct{ topic, partition int32 }

// lane is one partition's.
type lane struct {
	laneKey
	open  int    // records that librdkafka has
	round uint64 // of the chunk that begins the batch under way
	bytes int    // of that batch
	count int

	buf  []byte // what waits
	recs []C.ck_record
	at   int // beginning of the first in buf
	next int // the first in recs
}

// slot is one record that librdkafka has.
type slot struct {
	seq  uint64
	lane *lane
	size int
}

const (
	recordOverhead = 40  // most that a record takes in a batch besides its bytes
	batchOverhead  = 256 // and a batch besides its records
	mostSpare      = 8
	// A lane may keep buffers of this size while nothing waits.
	keptBytes   = 16 << 10
	keptRecords = 256
)

func newLanes(bytes, count int) lanes {
	return lanes{known: map[laneKey]*lane{}, bytes: bytes - batchOverhead, count: count}
}

// begin begins a chunk.
func (s *lanes) begin() { s.round++ }

func (s *lanes) of(topic, partition int32) *lane {
	k := laneKey{topic, partition}
	if s.last != nil && s.last.laneKey == k {
		return s.last
	}
	l := s.known[k]
	if l == nil {
		l = &lane{laneKey: k}
		s.known[k] = l
	}
	s.last = l
	return l
}

// admits tells whether a record may go to librdkafka with the present chunk: it begins a batch, or fits into the one that
// this chunk has begun.
func (l *lane) admits(size int, s *lanes) bool {
	switch {
	case !l.empty():
		return false
	case l.open == 0:
		l.round, l.bytes, l.count = s.round, 0, 0
	case l.round != s.round || l.bytes+size+recordOverhead > s.bytes || l.count >= s.count:
		return false
	}
	l.bytes += size + recordOverhead
	l.count++
	return true
}

// sent notes that librdkafka gets a record, and gives the number under which it does.
func (s *lanes) sent(l *lane, seq uint64, size int) C.uint64_t {
	l.open++
	e := slot{seq: seq, lane: l, size: size}
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		s.slots[i] = e
		return C.uint64_t(i)
	}
	s.slots = append(s.slots, e)
	return C.uint64_t(len(s.slots) - 1)
}

// answered takes the outcome of a record in.
func (s *lanes) answered(number uint64) (seq uint64, size int) {
	e := s.slots[number]
	s.slots[number] = slot{}
	s.free = append(s.free, uint32(number))
	if e.lane.open--; e.lane.open == 0 && !e.lane.empty() {
		s.ready = append(s.ready, e.lane)
	}
	return e.seq, e.size
}

// takeBack forgets that librdkafka got these records, gives them their own numbers back, and returns the first.
func (s *lanes) takeBack(recs []C.ck_record) (first uint64) {
	for i := len(recs) - 1; i >= 0; i-- {
		e := s.slots[recs[i].seq]
		s.slots[recs[i].seq] = slot{}
		s.free = append(s.free, uint32(recs[i].seq))
		e.lane.open--
		recs[i].seq, first = C.uint64_t(e.seq), e.seq
	}
	return first
}

// nextReady gives a lane whose batch is done and that has records waiting; nil if there is none.
func (s *lanes) nextReady() *lane {
	n := len(s.ready)
	if n == 0 {
		return nil
	}
	l := s.ready[n-1]
	s.ready = s.ready[:n-1]
	return l
}

// again has a lane looked at with the next reports.
func (s *lanes) again(l *lane) { s.later = append(s.later, l) }

// retry has them looked at.
func (s *lanes) retry() { s.ready, s.later = append(s.ready, s.later...), s.later[:0] }

// wait has a record wait.
func (s *lanes) wait(l *lane, rec C.ck_record, r *client.ProducerRecord) {
	if n := len(s.spare); l.buf == nil && n > 0 {
		l.buf, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	l.buf = appendRecord(l.buf, r)
	l.recs = append(l.recs, rec)
}

// batch takes the next records of a lane, which librdkafka gets. They stay with the lane until leave.
func (s *lanes) batch(l *lane) []C.ck_record {
	bytes, end := 0, l.next
	for end < len(l.recs) && end-l.next < s.count {
		bytes += int(l.recs[end].size) + recordOverhead
		if bytes > s.bytes && end > l.next {
			break
		}
		end++
	}
	out := l.recs[l.next:end]
	for i := range out {
		out[i].seq = s.sent(l, uint64(out[i].seq), int(out[i].size))
	}
	return out
}

// leave forgets the first n records.
func (l *lane) leave(n int) {
	for _, r := range l.recs[l.next : l.next+n] {
		l.at += int(r.size)
	}
	l.next += n
}

func (l *lane) empty() bool { return l.next == len(l.recs) }

// tidy reuses the room of records that have left.
func (s *lanes) tidy(l *lane) {
	switch {
	case l.empty():
		if c := cap(l.buf); c > keptBytes {
			if len(s.spare) < mostSpare && c <= 4*sendChunkBytes {
				s.spare = append(s.spare, l.buf[:0])
			}
			l.buf = nil
		}
		if cap(l.recs) > keptRecords {
			l.recs = nil
		}
		l.buf, l.recs, l.at, l.next = l.buf[:0], l.recs[:0], 0, 0
	case l.at > len(l.buf)/2 && l.next > len(l.recs)/2:
		l.buf = l.buf[:copy(l.buf, l.buf[l.at:])]
		l.recs = l.recs[:copy(l.recs, l.recs[l.next:])]
		l.at, l.next = 0, 0
	}
}

// dropBehind drops what has waited since a record was taken, and tells how many records and bytes that were.
func (s *lanes) dropBehind(seq uint64) (records, bytes int) {
	for _, l := range s.known {
		for n := len(l.recs); n > l.next && uint64(l.recs[n-1].seq) > seq; n-- {
			size := int(l.recs[n-1].size)
			records, bytes = records+1, bytes+size
			l.recs, l.buf = l.recs[:n-1], l.buf[:len(l.buf)-size]
		}
		s.tidy(l)
	}
	return records, bytes
}

// dropAll drops all that waits, and gives it.
func (s *lanes) dropAll() (dropped []C.ck_record) {
	for _, l := range s.known {
		dropped = append(dropped, l.recs[l.next:]...)
		l.leave(len(l.recs) - l.next)
		s.tidy(l)
	}
	return dropped
}
