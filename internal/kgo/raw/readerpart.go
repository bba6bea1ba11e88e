package raw

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// part is a partition that is read. It is either halted, or loose (it needs a broker, or an offset first), or asked about, or has a source.
// The reader's lock guards it.
type part struct {
	s  *subject
	id int32
	// gen is another one for each turn of reading: what was asked in an older one does not count.
	gen    uint64
	offset int64 // to be fetched next; below 0: an end that is to be asked for
	epoch  int32 // of the last batch that was fetched, -1 unknown
	end    int64
	topic  [16]byte // the topic's id when this turn began, zero for none or not known yet

	src         *source
	leader      int32
	leaderEpoch int32
	nearby      int32 // a replica to read from instead of the leader (KIP-392), -1 for none
	nearbyUntil time.Time
	unproven    bool // the leader is another one, and may not have what was read before (KIP-320)

	// What the source's session knows, or was asked.
	dirty    bool
	asked    int64
	askedGen uint64
	served   uint64 // when it last brought something, counted over all partitions
	cut      int    // how often in a row it brought no whole batch

	again   time.Time // when it is worth another try
	tries   int
	missing time.Time // since when it is not known to the cluster; zero: it is
}

func (p *part) tp() connect.TopicPartition {
	return connect.TopicPartition{Topic: p.s.name, Partition: p.id}
}

// begin begins a new turn at an offset.
func (r *Reader) begin(p *part, offset int64) {
	r.detach(p)
	r.gens++
	p.gen = r.gens
	p.offset, p.epoch, p.topic = offset, -1, [16]byte{}
	p.leader, p.leaderEpoch, p.unproven = -1, -1, false
	p.again, p.tries, p.missing, p.cut = time.Time{}, 0, time.Time{}, 0
	r.loose[p] = struct{}{}
}

// back begins a new turn. What lies before an offset that was read already can still be told from what may have taken its place: the
// epoch of what was read last is at least the one in which that was written.
func (r *Reader) back(p *part, offset int64) {
	epoch := int32(-1)
	if 0 <= offset && offset <= p.offset {
		epoch = p.epoch
	}
	r.begin(p, offset)
	p.epoch, p.unproven = epoch, epoch >= 0
}

// halt ends the turn; another one begins with Seek.
func (r *Reader) halt(p *part) {
	r.detach(p)
	r.gens++
	p.gen = r.gens
	delete(r.loose, p)
}

// remove forgets a partition.
func (r *Reader) remove(p *part) {
	r.halt(p)
	delete(p.s.parts, p.id)
}

// attach has a source read a partition.
func (r *Reader) attach(p *part, broker int32) {
	delete(r.loose, p)
	s := r.sources[broker]
	if s == nil {
		s = &source{r: r, id: broker, parts: map[*part]struct{}{}, wake: make(chan struct{}, 1)}
		r.sources[broker] = s
	}
	p.src = s
	s.parts[p] = struct{}{}
	s.change(p)
	if !s.running {
		s.running = true
		r.work.Go(s.run)
	}
	signal(s.wake)
}

// detach takes a partition from its source.
func (r *Reader) detach(p *part) {
	if s := p.src; s != nil {
		p.src = nil
		delete(s.parts, p)
		s.session.drop(p.tp())
	}
	p.dirty, p.nearby = false, -1
}

// loosen has the keeper look for a broker again, after a while that grows with the failures.
func (r *Reader) loosen(p *part) {
	r.detach(p)
	p.tries++
	p.again = time.Now().Add(r.cl.Backoff(p.tries))
	r.loose[p] = struct{}{}
	signal(r.stir)
}

// fail reports an error of a partition. It keeps the turn.
func (r *Reader) fail(p *part, err error) {
	r.queue = append(r.queue, item{p: p, gen: p.gen, err: &client.PartitionError{TopicPartition: p.tp(), Err: err}})
	signal(r.come)
}

// strand reports an error after which there is no reading on before a Seek.
func (r *Reader) strand(p *part, err error) {
	r.detach(p)
	delete(r.loose, p)
	p.epoch = -1 // whoever goes on has heard of it
	r.fail(p, err)
}

const (
	// defaultPatience is for how long a topic may be unknown before that is an error: brokers hear of new ones one after the other.
	defaultPatience = 3 * time.Second
	// reminder is how often an error that stays is reported again.
	reminder = 10 * time.Second
)

// absent takes down that the cluster does not know a partition.
func (r *Reader) absent(p *part, now time.Time, why error) {
	switch {
	case p.missing.IsZero():
		p.missing = now
	case now.Sub(p.missing) >= r.patience:
		p.missing = now.Add(reminder - r.patience)
		r.fail(p, telling(why))
	}
	p.again = now.Add(r.cl.Backoff(4))
	r.cl.Stale(p.s.name)
}

// trouble deals with an error that a broker answered for a partition. from is the broker, asked the offset.
func (r *Reader) trouble(p *part, from int32, err error) {
	topic := p.s.name
	nearby := p.nearby == from && p.leader != from
	switch {
	case nearby: // whatever it is, the leader knows better
		r.log.Debug("a replica nearby can't be read from", "topic", topic, "partition", p.id, "broker", from, "error", err)
		r.loosen(p)
		if !errors.Is(err, kerr.OffsetOutOfRange) {
			r.cl.Stale(topic)
		}
	case errors.Is(err, kerr.OffsetOutOfRange):
		r.strand(p, fmt.Errorf("offset %d: %w", p.asked, telling(err)))
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		r.fail(p, telling(err))
		r.loosen(p)
		p.again = time.Now().Add(reminder)
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID):
		r.loosen(p)
		r.absent(p, time.Now(), err)
	case errors.Is(err, kerr.CorruptMessage):
		r.fail(p, fmt.Errorf("%w: %w", client.ErrCorrupt, err))
		r.loosen(p)
		p.again = time.Now().Add(reminder)
	case kerr.IsRetriable(err), errors.Is(err, kerr.UnknownServerError):
		r.log.Debug("a fetch is tried again", "topic", topic, "partition", p.id, "broker", from, "error", err)
		r.loosen(p)
		r.cl.Stale(topic)
	default:
		r.fail(p, err)
		r.loosen(p)
		p.again = time.Now().Add(reminder)
	}
}
