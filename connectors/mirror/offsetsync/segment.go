package offsetsync

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Segment is a stretch of the map of one partition: a record of the topic of pieces. It tells of every record that was copied
// from First up to the end of its last run, so that there is nothing between its runs; about what lies outside it says
// nothing. Topic is the name at the source.
//
// A task's lifetime is one unbroken run of copying: its segments follow each other. Of two lifetimes the one that is first
// seen later in the topic is the later one.
type Segment struct {
	Topic     string
	Partition int32
	First     int64
	// Lifetime tells lifetimes apart; it is not negative.
	Lifetime int64
	// Origin says that nothing before First was ever copied.
	Origin bool
	// Anew says that all segments of earlier lifetimes are void, as the topic of the source was made anew.
	Anew bool
	// Runs are in order in both clusters. A segment without runs is void: it is encoded as a tombstone.
	Runs []Run
}

// End is the upstream offset behind the last run.
func (s *Segment) End() int64 {
	if len(s.Runs) == 0 {
		return s.First
	}
	return s.Runs[len(s.Runs)-1].End()
}

const (
	segmentVersion = 0

	flagOrigin = 1
	flagAnew   = 2
)

// Encode makes the record. The key is text, int32 and two int64 in Kafka's own types; the value, of variable-length
// numbers (those of Go's encoding/binary and Protocol Buffers): version, flags, and for each run how far it begins behind
// the end of the one before in both clusters, N-1, Times-1, and if that is not 0 StepUp-N and StepDown-N.
func (s *Segment) Encode() (key, value []byte) {
	if len(s.Runs) == 0 {
		return s.key(), nil
	}
	value = []byte{segmentVersion, s.flags()}
	up, down := s.First, int64(0)
	for _, r := range s.Runs {
		value = r.append(value, up, down)
		up, down = r.End(), r.DownEnd()
	}
	return s.key(), value
}

func (s *Segment) key() []byte {
	key := appendInt32(appendString(nil, s.Topic), s.Partition)
	return appendInt64(appendInt64(key, s.First), s.Lifetime)
}

func (s *Segment) flags() (flags byte) {
	if s.Origin {
		flags |= flagOrigin
	}
	if s.Anew {
		flags |= flagAnew
	}
	return flags
}

// append encodes a run behind what ends at up and down.
func (r Run) append(b []byte, up, down int64) []byte {
	b = binary.AppendUvarint(b, uint64(r.Up-up))
	b = binary.AppendUvarint(b, uint64(r.Down-down))
	b = binary.AppendUvarint(b, uint64(r.N-1))
	b = binary.AppendUvarint(b, uint64(r.Times-1))
	if r.Times > 1 {
		b = binary.AppendUvarint(b, uint64(r.StepUp-r.N))
		b = binary.AppendUvarint(b, uint64(r.StepDown-r.N))
	}
	return b
}

var errVarint = errors.New("a number in it has no end or is too large")

// DecodeSegment reads a record of a topic of pieces. A tombstone (a nil value) is a segment without runs.
func DecodeSegment(key, value []byte) (Segment, error) {
	k := reader{rest: key}
	s := Segment{Topic: k.string(), Partition: k.int32(), First: k.int64(), Lifetime: k.int64()}
	if k.err == nil && (s.First < 0 || s.Lifetime < 0) {
		k.err = errors.New("an offset or lifetime in it is negative")
	}
	if k.err != nil || value == nil {
		return s, wrap("a segment", k.err, nil)
	}
	return s, wrap("a segment", nil, s.decode(value))
}

func (s *Segment) decode(value []byte) error {
	if len(value) == 0 {
		return errShort
	}
	if value[0] != segmentVersion {
		return fmt.Errorf("%w: %d", errVersion, value[0])
	}
	v := varints{rest: value[1:]}
	flags := v.next()
	s.Origin, s.Anew = flags&flagOrigin != 0, flags&flagAnew != 0
	up, down := s.First, int64(0)
	for v.err == nil && len(v.rest) > 0 {
		r := v.run(up, down)
		if v.err != nil {
			break
		}
		if err := r.check(up, down); err != nil {
			return err
		}
		s.Runs = append(s.Runs, r)
		up, down = r.End(), r.DownEnd()
	}
	if v.err == nil && len(s.Runs) == 0 {
		return errShort
	}
	return v.err
}

// varints takes numbers off a value; after the first error all are 0.
type varints struct {
	rest []byte
	err  error
}

func (v *varints) next() int64 {
	if v.err != nil {
		return 0
	}
	n, size := binary.Uvarint(v.rest)
	if size <= 0 || n > math.MaxInt64-1 {
		v.err = errVarint
		return 0
	}
	v.rest = v.rest[size:]
	return int64(n)
}

// plus takes a number and adds it to another that is not negative.
func (v *varints) plus(to int64) int64 {
	n := v.next()
	if n > math.MaxInt64-to {
		v.err = errVarint
		return to
	}
	return to + n
}

func (v *varints) run(up, down int64) Run {
	r := Run{Up: v.plus(up), Down: v.plus(down), N: v.plus(1), Times: v.plus(1)}
	if r.Times > 1 {
		r.StepUp, r.StepDown = v.plus(r.N), v.plus(r.N)
	}
	return r
}
