package raw

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/clientconf"
)

// ReaderOptions are what a Reader needs besides settings.
type ReaderOptions struct {
	// MaxBytes bounds what is fetched, being fetched, and handed out without having been let go of; 0 for 64 MiB. A response that a single
	// batch makes larger may exceed it.
	MaxBytes int64
	// Log may be nil.
	Log hclog.Logger
}

const defaultMaxBytes = 64 << 20

// Reader reads record batches of partitions that it is told, without a consumer group, from their leaders or, with client.rack, from
// replicas nearby (KIP-392). Each broker has one fetch session (KIP-227), one fetch under way, and fetches ahead by one. A position
// that does not exist is an error, never a silent jump. All calls but Stats come from one goroutine; what was handed out stays valid until its Hold is let go of.
type Reader struct {
	cl      *Cluster
	set     *clientconf.ConsumerSettings
	timeout time.Duration // default.api.timeout.ms
	// patience is for how long a topic may be unknown without that being an error.
	patience time.Duration
	log      hclog.Logger
	memory   *budget
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup
	stir     chan struct{} // the keeper has something to look at
	come     chan struct{} // Poll has something to look at

	mu      sync.Mutex
	closed  bool
	gens    uint64
	serves  uint64
	topics  map[string]*subject
	ids     map[[16]byte]*subject
	loose   map[*part]struct{} // what is read from no broker at present, and should
	sources map[int32]*source
	queue   []item
	version uint64 // of the cluster's metadata, as far as it was taken in
	told    time.Time
	count   ReaderStats
}

// subject is a topic of which partitions are read.
type subject struct {
	name  string
	meta  *Topic // nil: nothing known yet
	parts map[int32]*part
}

// item is something for Poll: what a fetch brought, or an error.
type item struct {
	src *source
	got []fetched
	// hold is the queue's own.
	hold *client.Hold
	// p and gen say what err is about; nil for the reader as a whole.
	p   *part
	gen uint64
	err error
}

// fetched is what came for one partition, and for which turn of it.
type fetched struct {
	p   *part
	gen uint64
	b   client.FetchedBatches
}

// ReaderStats is what a Reader has done so far.
type ReaderStats struct {
	// Fetches counts answered fetches, Full those that named all partitions, Bytes what they brought.
	Fetches, Full, Bytes int64
	// Sessions counts fetch sessions that began.
	Sessions int64
	// Partitions is how many are being read, Sources from how many brokers.
	Partitions, Sources int
	// InUse is what counts against MaxBytes, and Waited for how long fetches had to wait for that.
	InUse, MaxBytes int64
	Waited          time.Duration
	// Throttled is for how long brokers have held requests back because of their quotas.
	Throttled time.Duration
}

// NewReader opens a consumer of record batches with settings of the role Consumer. It does not wait for a broker. The error is about TLS
// material. auto.offset.reset and check.crcs are the caller's business.
func NewReader(s *clientconf.Settings, o ReaderOptions) (*Reader, error) {
	if s.Consumer == nil {
		return nil, errors.New("raw: a reader needs settings of a consumer")
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	cl, err := NewCluster(s, ClusterOptions{Buffers: NewBuffers(o.MaxBytes), Log: o.Log, CreateTopics: s.Consumer.AllowAutoCreateTopics})
	if err != nil {
		return nil, err
	}
	r := &Reader{
		cl: cl, set: s.Consumer, timeout: or(s.Network.DefaultAPITimeout, time.Minute), patience: defaultPatience, log: o.Log, memory: newBudget(o.MaxBytes),
		stir: make(chan struct{}, 1), come: make(chan struct{}, 1),
		topics: map[string]*subject{}, ids: map[[16]byte]*subject{}, loose: map[*part]struct{}{}, sources: map[int32]*source{},
		count: ReaderStats{MaxBytes: o.MaxBytes},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.work.Go(r.keep)
	return r, nil
}

// Assign makes the reader read exactly these partitions: those that it reads already go on where they are, others start
// at the offset given, which may be client.Earliest or client.Latest.
func (r *Reader) Assign(offsets map[connect.TopicPartition]int64) error {
	for tp, offset := range offsets {
		if offset < 0 && offset != client.Earliest && offset != client.Latest {
			return fmt.Errorf("reading %s-%d from offset %d: there is no such offset", tp.Topic, tp.Partition, offset)
		}
	}
	r.mu.Lock()
	var gone, wanted []string
	for name, s := range r.topics {
		for id, p := range s.parts {
			if _, keep := offsets[connect.TopicPartition{Topic: name, Partition: id}]; !keep {
				r.remove(p)
			}
		}
		if len(s.parts) == 0 {
			delete(r.topics, name)
			r.forgetID(s)
			gone = append(gone, name)
		}
	}
	for tp, offset := range offsets {
		s := r.topics[tp.Topic]
		if s == nil {
			s = &subject{name: tp.Topic, parts: map[int32]*part{}}
			r.topics[tp.Topic] = s
			wanted = append(wanted, tp.Topic)
		}
		if s.parts[tp.Partition] == nil {
			p := &part{s: s, id: tp.Partition, end: -1}
			s.parts[tp.Partition] = p
			r.begin(p, offset)
		}
	}
	r.mu.Unlock()
	r.cl.Unwant(gone...)
	r.cl.Want(wanted...)
	signal(r.stir)
	return nil
}

// Seek goes on at another offset of a partition that is being read; it is paused no longer.
func (r *Reader) Seek(tp connect.TopicPartition, offset int64) error {
	if offset < 0 && offset != client.Earliest && offset != client.Latest {
		return fmt.Errorf("reading %s-%d from offset %d: there is no such offset", tp.Topic, tp.Partition, offset)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.find(tp)
	if p == nil {
		return fmt.Errorf("%s-%d is not being read", tp.Topic, tp.Partition)
	}
	r.back(p, offset)
	signal(r.stir)
	return nil
}

// Pause stops reading partitions until Seek. What was fetched of them and not polled is given up.
func (r *Reader) Pause(tps []connect.TopicPartition) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, tp := range tps {
		p := r.find(tp)
		if p == nil {
			errs = append(errs, fmt.Errorf("%s-%d is not being read", tp.Topic, tp.Partition))
			continue
		}
		r.halt(p)
	}
	return errors.Join(errs...)
}

// End is the high watermark of a partition as the last fetch told, -1 if nothing was fetched yet. It asks nobody.
func (r *Reader) End(tp connect.TopicPartition) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.find(tp); p != nil {
		return p.end
	}
	return -1
}

// Throttled is how long brokers have held requests back so far because of their quotas.
func (r *Reader) Throttled() time.Duration { return r.cl.Throttled() }

// Stats tells what the reader has done. It may be called from any goroutine.
func (r *Reader) Stats() ReaderStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.count
	for _, s := range r.topics {
		out.Partitions += len(s.parts)
	}
	for _, s := range r.sources {
		if len(s.parts) > 0 {
			out.Sources++
		}
	}
	out.InUse, out.Waited = r.memory.state()
	out.Throttled = r.cl.Throttled()
	return out
}

// Poll waits up to timeout for what a fetch from one broker brought; nothing and no error is an answer. The caller lets go of each Hold. Errors
// concern partitions (client.PartitionError) or the reader as a whole, several joined; they come after the batches before them, and
// reading goes on: of a partition whose position does not exist, or that was truncated or made anew, after a Seek; of others by itself.
func (r *Reader) Poll(ctx context.Context, timeout time.Duration) ([]client.FetchedBatches, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		out, err := r.take()
		if len(out) > 0 || err != nil {
			return out, err
		}
		if r.ctx.Err() != nil {
			return nil, ErrClosed
		}
		select {
		case <-r.come:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take gives the oldest response and the errors behind it.
func (r *Reader) take() (out []client.FetchedBatches, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 {
		next := r.queue[0]
		if next.err == nil && len(out) > 0 {
			break
		}
		r.queue[0] = item{}
		r.queue = r.queue[1:]
		if next.err != nil {
			if next.p == nil || next.p.gen == next.gen {
				err = errors.Join(err, next.err)
			}
			continue
		}
		next.src.ready--
		signal(next.src.wake)
		for _, f := range next.got {
			if f.p.gen == f.gen {
				f.b.Hold.Retain(1)
				out = append(out, f.b)
			}
		}
		next.hold.Release()
	}
	if len(r.queue) == 0 {
		r.queue = nil
	}
	return out, err
}

// Close ends the reader and waits for its goroutines. What was handed out stays valid.
func (r *Reader) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.work.Wait()
	r.endSessions()
	r.cl.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.queue {
		i.hold.Release()
	}
	r.queue = nil
	return nil
}

// find gives a partition that is read. The lock is held.
func (r *Reader) find(tp connect.TopicPartition) *part {
	s := r.topics[tp.Topic]
	if s == nil {
		return nil
	}
	return s.parts[tp.Partition]
}

func clampInt32(n int64) int32 { return int32(min(max(n, 0), math.MaxInt32)) }
