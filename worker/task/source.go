package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/task/ledger"
	"github.com/hashicorp/go-hclog"
)

// SourceConfig is all that a source task needs. Fields may be nil or zero where said.
type SourceConfig struct {
	ID  cluster.TaskID
	New func() connect.SourceTask
	// Props is the task's config, with config provider references resolved.
	Props map[string]string
	// Connector is the connector's config, for a task that is Reconfigurable; references resolved too.
	Connector map[string]string
	Target    cluster.TargetState

	Converters Converters
	Chain      Chain // nil for none
	Errors     ErrorPolicy

	NewProducer   ProducerFactory
	ProducerProps map[string]string
	// NewBatchProducer is for a task that can copy whole record batches (client.BatchSource), nil for no batches. NoBatches
	// says why its records must travel one by one all the same; empty: they need not.
	NewBatchProducer client.BatchProducerFactory
	NoBatches        string
	// Reader is what the task reads its own offsets by, Offsets where they are stored.
	Reader  connect.OffsetReader
	Offsets OffsetStore
	// Transactions has the task deliver exactly once; nil: at least once. The producer must be transactional, and Offsets is
	// not used.
	Transactions *Transactions

	// Member tells whether the membership of the group lasts in which the task was given to this worker; nil: always. When
	// it does not, somebody else may run the task already, and the worker will be told to stop it: until then nothing more
	// is sent or stored, and what is in flight is given up.
	Member func() bool

	// FlushInterval is offset.flush.interval.ms, FlushTimeout offset.flush.timeout.ms: the longest that a stopping task
	// waits for records in flight, and then for its offsets to be stored. Zero is Java's default (1 min, 5 s).
	FlushInterval, FlushTimeout time.Duration

	// EnsureTopic is called before the first record of each topic is sent; a Retriable error is tried again, any other
	// fails the task. Nil leaves topics to the broker.
	EnsureTopic func(ctx context.Context, topic string) error
	// TopicUsed is called once for each topic when its first record is in Kafka; nil for no topic tracking. It must not
	// block for long.
	TopicUsed func(topic string)
	// TopicResets has TopicUsed called again.
	TopicResets TopicResets

	Logger hclog.Logger // nil for none
	Report Report
	// Noted is told of the task's notes, with a pause between two; nil for nobody.
	Noted func(text string)
}

// Source is a source task under way.
type Source struct {
	*control
	cfg SourceConfig
	log hclog.Logger
	tol tolerance

	task      connect.SourceTask      // written under mu
	committer connect.Committer       // nil when the task is none
	records   connect.RecordCommitter // nil when the task is none
	failer    connect.DeliveryFailer  // nil when the task is none
	whole     client.BatchSource      // nil when records travel one by one
	trans     *transactional          // nil when they are delivered at least once
	stopped   atomic.Bool

	// drain outlives soft by FlushTimeout: sending what was polled must end with it.
	drain context.Context

	prodMu   sync.Mutex // held while the producer is called, so that Kill can close it from elsewhere
	producer Producer
	batchers client.BatchProducer // in place of producer
	raws     []client.RawBatch    // of the batches that are being sent

	mu      sync.Mutex // guards what deliveries, Kill and the runner share
	book    *ledger.Ledger
	started bool
	failed  error             // the first failure that came from beside the loop
	stuck   []ledger.Failure  // failed records of which the task is to be told
	current map[string]string // the connector's config, when the task has not had it; nil for nothing new
	tracked map[string]bool
	resets  uint64
	fresh   map[uint64]string // the record whose delivery will tell that a topic is used

	notes  noter
	conv   converting
	exists map[string]bool // topics ensured
	topic  string          // the one sent to last: most batches have one

	recordMu sync.Mutex // CommitRecord comes from one goroutine at a time
	tags     []*sent
	mds      []connect.RecordMetadata
	batches  []*sentBatch // free ones, guarded by mu

	meter      sourceMeter
	committing sync.WaitGroup
	finishing  chan struct{} // closed when the loop has ended
}

// sent is what CommitRecord needs to know of a record in flight.
type sent struct {
	rec   connect.SourceRecord
	topic string // after transformations
	batch *sentBatch
}

// sentBatch holds the records of one Poll, to be used again once all of them are settled.
type sentBatch struct {
	recs []sent
	left int
}

// maxFreeBatches bounds the batches kept for reuse.
const maxFreeBatches = 64

// pollBackoff is the first wait after a Retriable failure of Poll, maxPollBackoff the longest.
const (
	pollBackoff    = 100 * time.Millisecond
	maxPollBackoff = 5 * time.Second
)

// StartSource runs a source task in goroutines of its own, until it fails, is stopped, or ctx ends (which kills it).
func StartSource(ctx context.Context, cfg SourceConfig) *Source {
	if cfg.FlushInterval <= 0 {
		cfg.FlushInterval = time.Minute
	}
	if cfg.FlushTimeout <= 0 {
		cfg.FlushTimeout = 5 * time.Second
	}
	s := &Source{
		control: newControl(ctx, cfg.Target), cfg: cfg, log: cfg.Logger,
		book: ledger.New(), tracked: map[string]bool{}, fresh: map[uint64]string{}, exists: map[string]bool{},
		finishing: make(chan struct{}), current: cfg.Connector, notes: noter{pass: cfg.Noted},
	}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	if s.cfg.Member == nil {
		s.cfg.Member = func() bool { return true }
	}
	s.tol = tolerance{ErrorPolicy: cfg.Errors, log: s.log, counts: &s.meter.errors}
	s.conv = newConverting(cfg.Converters, cfg.Chain, &s.tol)
	go s.run(life{
		log: s.log, report: cfg.Report, start: s.start, finish: s.finish, reap: s.reap,
		loop: func() error {
			if s.trans == nil {
				s.committing.Go(s.commitLoop)
			}
			err := s.loop()
			if s.trans != nil {
				s.trans.failed = err != nil
			}
			return err
		},
	})
	return s
}

func (s *Source) start() error {
	drain, cancel := context.WithCancel(s.hard)
	s.drain = drain
	context.AfterFunc(s.soft, func() {
		t := time.AfterFunc(s.cfg.FlushTimeout, cancel)
		context.AfterFunc(drain, func() { t.Stop() })
	})
	var task connect.SourceTask
	err := guard("Start", func() error {
		task = s.cfg.New()
		return nil
	})
	if err != nil {
		return fmt.Errorf("starting the task: %w", err)
	}
	if whole, can := task.(client.BatchSource); can && s.cfg.NewBatchProducer != nil && s.cfg.NoBatches == "" {
		s.whole = whole
	}
	if err := s.openProducer(); err != nil {
		return fmt.Errorf("opening the producer: %w", err)
	}
	if err := s.beginTransactional(); err != nil {
		return err
	}
	s.mu.Lock()
	s.task = task
	s.mu.Unlock()
	s.committer, _ = task.(connect.Committer)
	s.records, _ = task.(connect.RecordCommitter)
	if s.trans == nil { // one record is no affair of its own in a transaction
		s.failer, _ = task.(connect.DeliveryFailer)
	}
	err = guard("Start", func() error { return task.Start(s.soft, s.context(), s.cfg.Props) })
	if err != nil {
		return fmt.Errorf("starting the task: %w", err)
	}
	s.mu.Lock()
	s.started = true
	s.mu.Unlock()
	return s.reconfigure()
}

func (s *Source) openProducer() (err error) {
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	if s.whole != nil {
		s.batchers, err = s.cfg.NewBatchProducer(s.cfg.ProducerProps, s.batchesDelivered)
		return err
	}
	s.producer, err = s.cfg.NewProducer(s.cfg.ProducerProps, s.delivered)
	return err
}

func (s *Source) loop() error {
	next := s.nextRecords
	if s.whole != nil {
		next = s.nextBatches
	}
	ctx := s.interruptible(cluster.TargetStarted)
	backoff := pollBackoff
	for !s.stopping() {
		if err := s.failure(); err != nil {
			return err
		}
		if s.paused() {
			if err := s.orRollBack(s.pauseTransaction()); err != nil {
				return s.unlessFenced(err)
			}
			s.report(s.cfg.Report, cluster.Paused, nil)
			if !s.awaitUnpause() {
				return nil
			}
			s.report(s.cfg.Report, cluster.Running, nil)
		}
		if ctx.Err() != nil {
			ctx = s.interruptible(cluster.TargetStarted)
			continue
		}
		if err := s.orRollBack(s.between()); err != nil {
			return s.unlessFenced(err)
		}
		send, err := next(ctx)
		switch {
		case err == nil:
			backoff = pollBackoff
			err := send()
			if err == nil {
				err = s.boundaryReached()
			}
			if err = s.orRollBack(err); err != nil {
				return s.unlessFenced(err)
			}
		case ctx.Err() != nil && isContextEnd(err): // stopped, paused, or failed beside the loop
		case connect.IsRetriable(err):
			s.log.Warn("Poll failed and will be tried again", "error", err)
			sleep(ctx, backoff)
			backoff = min(2*backoff, maxPollBackoff)
		default:
			return fmt.Errorf("polling: %w", err)
		}
	}
	return nil
}

// between tells the task, between two Polls, what it has to know.
func (s *Source) between() error {
	if _, err := s.goBack(); err != nil {
		return err
	}
	if err := s.intervalOver(); err != nil {
		return err
	}
	return s.reconfigure()
}

// nextRecords polls the task, and gives what sends the records.
func (s *Source) nextRecords(ctx context.Context) (send func() error, err error) {
	var recs []connect.SourceRecord
	start := time.Now()
	err = guard("Poll", func() error {
		recs, err = s.task.Poll(ctx)
		return err
	})
	s.meter.took(start, len(recs))
	return func() error {
		anew, err := s.goBack()
		if err != nil {
			return err
		}
		if len(anew) > 0 {
			recs = slices.DeleteFunc(slices.Clone(recs), func(r connect.SourceRecord) bool { return among(anew, r.SourcePartition) })
		}
		return s.dispatch(recs)
	}, err
}

// send takes the records of one Poll all the way into the producer. What comes before a record that fails is sent.
func (s *Source) send(recs []connect.SourceRecord) error {
	if len(recs) == 0 || s.killed() {
		return nil
	}
	defer s.conv.reset()
	convErr := guard("a converter or transformation", func() error { return s.conv.convert(s.soft, recs) })
	if s.records != nil && len(s.conv.dropped) > 0 {
		s.commitDropped(recs)
	}
	out := s.conv.out
	for i := range out {
		if out[i].Topic == s.topic {
			continue
		}
		if err := s.ensure(out[i].Topic); err != nil {
			return errors.Join(convErr, err)
		}
		s.topic = out[i].Topic
	}
	if len(out) > 0 {
		s.submit(recs, out)
		if err := s.produce(out); err != nil {
			return err
		}
	}
	return convErr
}

// submit numbers the records in the ledger.
func (s *Source) submit(recs []connect.SourceRecord, out []ProducerRecord) {
	var batch *sentBatch
	if s.records != nil || s.failer != nil {
		batch = s.batch(recs, out)
	}
	last := ""
	s.meter.sent(len(out))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.TopicResets.changed(&s.resets) {
		clear(s.tracked)
	}
	for i := range out {
		rec := &recs[s.conv.origin(i)]
		var tag any
		if batch != nil {
			tag = &batch.recs[i]
		}
		out[i].Seq = s.book.Submit(rec.SourcePartition, rec.SourceOffset, tag)
		if topic := out[i].Topic; s.cfg.TopicUsed != nil && topic != last {
			last = topic
			if !s.tracked[topic] {
				s.tracked[topic] = true
				s.fresh[out[i].Seq] = topic
			}
		}
	}
}

// batch copies the records that are about to be sent, as the task may reuse its slice.
func (s *Source) batch(recs []connect.SourceRecord, out []ProducerRecord) *sentBatch {
	s.mu.Lock()
	b := &sentBatch{}
	if n := len(s.batches); n > 0 {
		b = s.batches[n-1]
		s.batches = s.batches[:n-1]
	}
	s.mu.Unlock()
	b.left = len(out)
	b.recs = slices.Grow(b.recs, len(out))[:len(out)]
	for i := range out {
		t := &b.recs[i]
		t.rec, t.topic, t.batch = recs[s.conv.origin(i)], out[i].Topic, b
	}
	return b
}

// produce hands the records to the producer, unless the task was killed.
func (s *Source) produce(out []ProducerRecord) error {
	s.prodMu.Lock()
	defer s.prodMu.Unlock()
	if s.killed() || s.producer == nil {
		return nil
	}
	if !s.cfg.Member() {
		return errFenced
	}
	if err := s.openTransaction(); err != nil {
		return err
	}
	return s.queue(out)
}

// errFenced ends the loop of a task that may already run elsewhere.
var errFenced = errors.New("this worker has lost its membership in the group: the task may run elsewhere")

// unlessFenced has a fenced task wait for the stop that is due, as it has not failed.
func (s *Source) unlessFenced(err error) error {
	if !errors.Is(err, errFenced) {
		return err
	}
	s.log.Warn("Records are not sent: " + errFenced.Error())
	<-s.soft.Done()
	return nil
}

// ensure has a topic created before its first record.
func (s *Source) ensure(topic string) error {
	if s.exists[topic] {
		return nil
	}
	if err := s.trans.refuseOwnTopic(topic); err != nil {
		return err
	}
	for wait := pollBackoff; s.cfg.EnsureTopic != nil; wait = min(2*wait, maxPollBackoff) {
		err := s.cfg.EnsureTopic(s.drain, topic)
		if err == nil {
			break
		}
		if !connect.IsRetriable(err) {
			return fmt.Errorf("creating topic %s: %w", topic, err)
		}
		s.log.Warn("Creating a topic failed and will be tried again", "topic", topic, "error", err)
		if !sleep(s.soft, wait) {
			return s.soft.Err()
		}
	}
	s.exists[topic] = true
	return nil
}
