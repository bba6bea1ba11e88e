package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/hashicorp/go-hclog"
)

// SinkConfig is all that a sink task needs. Fields may be nil or zero where said.
type SinkConfig struct {
	ID  cluster.TaskID
	New func() connect.SinkTask
	// Props is the task's config, with config provider references resolved. Its topics or topics.regex is subscribed.
	Props  map[string]string
	Target cluster.TargetState

	Converters Converters
	Chain      Chain // nil for none
	Errors     ErrorPolicy

	NewConsumer ConsumerFactory
	// ConsumerProps must hold the group.id, connect-<name> by default.
	ConsumerProps map[string]string

	// FlushInterval is offset.flush.interval.ms, FlushTimeout offset.flush.timeout.ms: the longest that one commit
	// waits for its answer. Zero is Java's default (1 min, 5 s).
	FlushInterval, FlushTimeout time.Duration

	// TopicUsed is called once for each topic of which a record was converted; nil for no topic tracking.
	TopicUsed func(topic string)
	// TopicResets has TopicUsed called again.
	TopicResets TopicResets

	Logger hclog.Logger // nil for none
	Report Report
}

// Sink is a sink task under way.
type Sink struct {
	*control
	cfg SinkConfig
	log hclog.Logger
	tol tolerance

	task connect.SinkTask

	consMu   sync.Mutex // held while the consumer is called, so that Kill can close it from elsewhere
	consumer Consumer
	inPoll   bool // the runner is within Poll: callbacks must not lock again

	pausing      bool // the whole task is paused
	redelivering bool // the batch is being tried again: everything is paused for it
	retryWait    time.Duration
	commitAt     time.Time

	owned     map[connect.TopicPartition]bool
	put       map[connect.TopicPartition]int64 // next offset after what was put
	committed map[connect.TopicPartition]int64

	meter sinkMeter
	batch sinkBatch
	conv  sinkConverting
	seen  map[string]bool // topics tracked
	// resets is how often topics were forgotten when seen was made.
	resets uint64
	ctx    sinkContext
	// rebalanceErr is a failure within a rebalance, which fails the task once Poll has returned.
	rebalanceErr error
}

// retryBackoff is the wait before a Retriable Put is tried again when the task set none: it keeps a task that fails
// at once from spinning.
const retryBackoff = 100 * time.Millisecond

// StartSink runs a sink task in a goroutine of its own, until it fails, is stopped, or ctx ends (which kills it).
func StartSink(ctx context.Context, cfg SinkConfig) *Sink {
	if cfg.FlushInterval <= 0 {
		cfg.FlushInterval = time.Minute
	}
	if cfg.FlushTimeout <= 0 {
		cfg.FlushTimeout = 5 * time.Second
	}
	s := &Sink{
		control: newControl(ctx, cfg.Target), cfg: cfg, log: cfg.Logger,
		owned: map[connect.TopicPartition]bool{}, put: map[connect.TopicPartition]int64{},
		committed: map[connect.TopicPartition]int64{}, seen: map[string]bool{},
	}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	s.tol = tolerance{ErrorPolicy: cfg.Errors, log: s.log, counts: &s.meter.errors}
	s.conv = newSinkConverting(cfg.Converters, cfg.Chain, &s.tol, s.track)
	s.ctx = sinkContext{s: s, paused: map[connect.TopicPartition]bool{}}
	go s.run(life{
		log: s.log, report: cfg.Report, start: s.start, loop: s.loop, finish: s.finish, reap: s.closeConsumer,
	})
	return s
}

// loop consumes until the task fails (an error) or is stopped (nil).
func (s *Sink) loop() error {
	s.commitAt = time.Now().Add(s.cfg.FlushInterval)
	for !s.stopping() {
		if err := s.iterate(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sink) start() error {
	topics, regex, err := subscription(s.cfg.Props)
	if err != nil {
		return err
	}
	c, err := s.cfg.NewConsumer(s.cfg.ConsumerProps)
	if err != nil {
		return fmt.Errorf("opening the consumer: %w", err)
	}
	s.consMu.Lock()
	s.consumer = c
	s.consMu.Unlock()
	if err := s.consume(func(c Consumer) error { return c.Subscribe(topics, regex, (*sinkRebalance)(s)) }); err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	err = guard("Start", func() error {
		s.task = s.cfg.New()
		return s.task.Start(s.soft, &s.ctx, s.cfg.Props)
	})
	if err != nil {
		return fmt.Errorf("starting the task: %w", err)
	}
	return nil
}

// subscription reads topics or topics.regex, one of which must be there.
func subscription(props map[string]string) (topics []string, regex string, err error) {
	for t := range strings.SplitSeq(props["topics"], ",") {
		if t = strings.TrimSpace(t); t != "" {
			topics = append(topics, t)
		}
	}
	regex = strings.TrimSpace(props["topics.regex"])
	if (len(topics) == 0) == (regex == "") {
		return nil, "", errors.New("a sink needs either topics or topics.regex: set one of them")
	}
	return topics, regex, nil
}

// errClosed is what a killed task finds in place of its consumer.
var errClosed = errors.New("the consumer was closed")

// consume calls the consumer, unless the task was killed.
func (s *Sink) consume(f func(Consumer) error) error {
	if s.inPoll {
		if s.killed() {
			return errClosed
		}
		return f(s.consumer)
	}
	s.consMu.Lock()
	defer s.consMu.Unlock()
	if s.consumer == nil || s.killed() {
		return errClosed
	}
	return f(s.consumer)
}

// iterate is one turn: target state, commit when due, poll, convert, put.
func (s *Sink) iterate() error {
	if err := s.followTarget(); err != nil {
		return err
	}
	if err := s.rewind(); err != nil { // first: what is read again must not be committed
		return err
	}
	if s.ctx.commitRequested || !time.Now().Before(s.commitAt) {
		s.ctx.commitRequested = false
		if err := s.commit(s.hard, slices.Collect(maps.Keys(s.owned)), false); err != nil {
			return err
		}
		s.commitAt = time.Now().Add(s.cfg.FlushInterval)
	}
	if err := s.rewind(); err != nil {
		return err
	}
	recs, err := s.poll()
	if err != nil || s.stopping() && len(recs) == 0 {
		return err
	}
	if err := s.take(recs); err != nil {
		return err
	}
	return s.deliver()
}

// followTarget pauses or resumes the consumer as the target state says. It goes on polling, to stay in its group.
func (s *Sink) followTarget() error {
	want := s.paused()
	if want == s.pausing {
		return nil
	}
	s.pausing = want
	if want {
		s.ctx.commitRequested = true
		if err := s.pauseAll(); err != nil {
			return err
		}
		s.report(s.cfg.Report, cluster.Paused, nil)
		return nil
	}
	if !s.redelivering {
		if err := s.resumeAll(); err != nil {
			return err
		}
	}
	s.report(s.cfg.Report, cluster.Running, nil)
	return nil
}

func (s *Sink) poll() (recs []ConsumedRecord, err error) {
	timeout := max(time.Until(s.commitAt), 0)
	if s.redelivering {
		wait := retryBackoff
		if s.retryWait > 0 {
			wait = s.retryWait
		}
		timeout, s.retryWait = min(timeout, wait), 0
	}
	target := cluster.TargetStarted
	if s.pausing {
		target = cluster.TargetPaused
	}
	ctx := s.interruptible(target)
	err = s.consume(func(c Consumer) error {
		s.inPoll = true
		defer func() { s.inPoll = false }()
		var err error
		recs, err = c.Poll(ctx, timeout)
		return err
	})
	if s.rebalanceErr != nil { // whatever the consumer makes of a callback's error
		return nil, s.rebalanceErr
	}
	switch {
	case err == nil:
		return recs, nil
	case ctx.Err() != nil && isContextEnd(err):
		return recs, nil // stopped, or another target
	case connect.IsRetriable(err):
		s.log.Warn("Consuming failed and will be tried again", "error", err)
		sleep(ctx, retryBackoff)
		return recs, nil
	}
	return nil, fmt.Errorf("consuming: %w", err)
}

// deliver puts the batch, an empty one too: tasks may count on being called.
func (s *Sink) deliver() error {
	if s.killed() {
		return nil
	}
	recs := slices.Clone(s.batch.recs) // the task's own: the batch may be needed again
	start := time.Now()
	err := guard("Put", func() error { return s.task.Put(s.hard, recs) })
	switch {
	case err == nil:
		s.meter.put(start, len(recs))
		s.batch.done(s.put)
		s.count()
		if !s.redelivering {
			return nil
		}
		s.redelivering = false
		if s.pausing {
			return nil
		}
		return s.resumeAll()
	case connect.IsRetriable(err):
		s.log.Warn("Put failed; the same records will be put again", "records", len(recs), "error", err)
		s.retryWait = s.ctx.retryTimeout
		s.ctx.retryTimeout = 0
		if s.redelivering {
			return nil
		}
		s.redelivering = true
		return s.pauseAll()
	}
	return fmt.Errorf("putting records: %w", err)
}

// rewind carries out what the task asked by its context.
func (s *Sink) rewind() error {
	for tp, offset := range s.ctx.rewinds {
		if !s.owned[tp] {
			continue // until it is assigned
		}
		if err := s.consume(func(c Consumer) error { return c.Seek(tp, offset) }); err != nil {
			return fmt.Errorf("rewinding %s-%d to %d: %w", tp.Topic, tp.Partition, offset, err)
		}
		s.put[tp], s.committed[tp] = offset, offset
		delete(s.ctx.rewinds, tp)
	}
	return nil
}

func (s *Sink) pauseAll() error {
	return s.consume(func(c Consumer) error { return c.Pause(slices.Collect(maps.Keys(s.owned))) })
}

// resumeAll resumes what the task itself has not paused.
func (s *Sink) resumeAll() error {
	var tps []connect.TopicPartition
	for tp := range s.owned {
		if !s.ctx.paused[tp] {
			tps = append(tps, tp)
		}
	}
	return s.consume(func(c Consumer) error { return c.Resume(tps) })
}

// finish commits what was put, closes the partitions, the task and the consumer.
func (s *Sink) finish() {
	if s.task != nil && !s.killed() {
		if err := s.closePartitions(s.hard, slices.Collect(maps.Keys(s.owned)), false); err != nil {
			s.log.Warn("Closing the partitions failed", "error", err)
		}
	}
	if s.task != nil {
		if err := guard("Stop", s.task.Stop); err != nil {
			s.log.Warn("Stopping the task failed", "error", err)
		}
		s.task = nil // the rebalance of closing finds nothing to tell
	}
	s.closeConsumer()
	if s.cfg.Chain != nil {
		if err := guard("Close of a transformation", s.cfg.Chain.Close); err != nil {
			s.log.Warn("Closing the transformations failed", "error", err)
		}
	}
}

// closeConsumer leaves the group. After Kill it runs beside the runner, which may be held up in the task's code.
func (s *Sink) closeConsumer() {
	s.consMu.Lock()
	defer s.consMu.Unlock()
	if s.consumer == nil {
		return
	}
	if err := s.consumer.Close(); err != nil && !s.killed() {
		s.log.Warn("Closing the consumer failed", "error", err)
	}
	s.consumer = nil
}
