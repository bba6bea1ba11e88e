package kafka

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
	"unsafe"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// Positions besides offsets.
const (
	Earliest = client.Earliest
	Latest   = client.Latest

	offsetInvalid = -1001 // librdkafka's "none"
)

// consumerDefaults follow Java's consumer where librdkafka's own defaults differ and the caller says nothing; the queue
// is smaller than librdkafka's: what one fetch brings keeps a task busy until the next. When the queue was full, librdkafka
// looks again after fetch.queue.backoff.ms: its second would be most of the time of a busy task, and below a tenth of one
// fetches become so small and many that each byte costs a third more.
var consumerDefaults = map[string]string{
	"enable.auto.commit":         "false",
	"enable.auto.offset.store":   "false",
	"queued.max.messages.kbytes": "4096",
	"fetch.queue.backoff.ms":     "150",
	"fetch.message.max.bytes":    "1048576",
}

// maxPollRecords is Java's max.poll.records default.
const maxPollRecords = 500

// ReaderOptions are what a Reader needs besides librdkafka settings.
type ReaderOptions struct {
	// MaxRecords is how many records a Poll returns at most, 0 for 500.
	MaxRecords int
	Log        hclog.Logger
}

// Reader reads partitions that it is told, without a consumer group. All calls but Close come from one goroutine; Close
// must not run beside another call.
type Reader struct {
	h       handle
	topics  topicHandles
	f       *fetcher
	queue   *C.rd_kafka_queue_t
	reading map[connect.TopicPartition]struct{}
	paused  map[connect.TopicPartition]struct{}
	pos     map[connect.TopicPartition]int64
	astray  map[connect.TopicPartition]int64 // where an error left librdkafka's own position
	failed  error
	// throttled counts milliseconds; C's callback adds to it.
	throttled *C.int64_t
}

// NewReader opens a consumer without a group with librdkafka settings. A position that does not exist is an error, never
// a silent jump. It does not wait for a broker.
func NewReader(settings map[string]string, o ReaderOptions) (*Reader, error) {
	own := maps.Clone(settings)
	own["auto.offset.reset"] = "error"
	// An end-of-partition message would move librdkafka's position past a record that is still to come: see consumed.
	own["enable.partition.eof"] = "false"
	conf, err := newConf(own, consumerDefaults)
	if err != nil {
		return nil, err
	}
	r := &Reader{
		h:       handle{log: o.Log, servers: settings["bootstrap.servers"]},
		reading: map[connect.TopicPartition]struct{}{},
		paused:  map[connect.TopicPartition]struct{}{},
		pos:     map[connect.TopicPartition]int64{},
		astray:  map[connect.TopicPartition]int64{},
	}
	r.throttled = (*C.int64_t)(C.calloc(1, C.sizeof_int64_t))
	C.ck_set_throttle(conf, r.throttled)
	if err := r.h.open(C.RD_KAFKA_CONSUMER, conf); err != nil {
		C.free(unsafe.Pointer(r.throttled))
		return nil, err
	}
	r.topics.rk = r.h.rk
	r.queue = C.rd_kafka_queue_new(r.h.rk)
	if o.MaxRecords == 0 {
		o.MaxRecords = maxPollRecords
	}
	r.f = newFetcher(&r.h, r.queue, o.MaxRecords)
	return r, nil
}

// Assign makes the reader read exactly these partitions: those that it reads already go on where they are, others start
// at the offset given, which may be Earliest or Latest.
func (r *Reader) Assign(offsets map[connect.TopicPartition]int64) error {
	for tp := range r.reading {
		if _, keep := offsets[tp]; !keep {
			if err := r.stop(tp); err != nil {
				return err
			}
		}
	}
	for tp, offset := range offsets {
		if _, has := r.reading[tp]; has {
			continue
		}
		if err := r.start(tp, offset); err != nil {
			return err
		}
	}
	return nil
}

// Seek goes on at another offset of a partition that is being read; it is paused no longer.
func (r *Reader) Seek(tp connect.TopicPartition, offset int64) error {
	if err := r.stop(tp); err != nil {
		return err
	}
	return r.start(tp, offset)
}

func (r *Reader) start(tp connect.TopicPartition, offset int64) error {
	rkt, err := r.topics.get(tp.Topic)
	if err != nil {
		return err
	}
	if C.rd_kafka_consume_start_queue(rkt, C.int32_t(tp.Partition), C.int64_t(offset), r.queue) != 0 {
		return fmt.Errorf("reading %s-%d: %w", tp.Topic, tp.Partition, codeError(int(C.rd_kafka_last_error())))
	}
	r.reading[tp] = struct{}{}
	r.pos[tp] = offset
	return nil
}

func (r *Reader) stop(tp connect.TopicPartition) error {
	if _, has := r.reading[tp]; !has {
		return fmt.Errorf("%s-%d is not being read", tp.Topic, tp.Partition)
	}
	if C.rd_kafka_consume_stop(r.topics.m[tp.Topic], C.int32_t(tp.Partition)) != 0 {
		return fmt.Errorf("reading %s-%d: %w", tp.Topic, tp.Partition, codeError(int(C.rd_kafka_last_error())))
	}
	if _, paused := r.paused[tp]; paused { // which would outlast the stop
		if err := r.Resume([]connect.TopicPartition{tp}); err != nil {
			return err
		}
	}
	delete(r.reading, tp)
	delete(r.pos, tp)
	delete(r.astray, tp)
	return nil
}

// PartitionError is a failure of one partition that is read.
type PartitionError = client.PartitionError

// Poll waits up to timeout for records; none and no error is an answer. An error concerns one partition (PartitionError)
// or the consumer as a whole, comes after the records before it, and leaves the other partitions readable: the caller
// decides whether to go on. What records point to stays valid, the slice itself only until the next Poll.
func (r *Reader) Poll(ctx context.Context, timeout time.Duration) ([]client.ConsumedRecord, error) {
	if err := r.failed; err != nil {
		r.failed = nil
		return nil, err
	}
	recs, err := r.f.poll(ctx, timeout, r.note)
	for i := range recs {
		// Runs of one partition are the rule: look the last of each run up only.
		rec := &recs[i]
		if i+1 < len(recs) && recs[i+1].Partition == rec.Partition && recs[i+1].Topic == rec.Topic {
			continue
		}
		r.pos[connect.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}] = rec.Offset + 1
	}
	if len(recs) == 0 && err == nil && r.failed != nil {
		err, r.failed = r.failed, nil
	}
	return recs, err
}

// note takes what comes between records.
func (r *Reader) note(e fetchError) {
	if e.tp.Topic != "" {
		r.astray[e.tp] = max(r.astray[e.tp], e.offset+1)
	}
	switch e.code {
	case codeAutoOffsetReset, codeOffsetOutOfRange:
		r.fail(&PartitionError{TopicPartition: e.tp, Err: &Error{Code: codeOffsetOutOfRange, Text: e.text}})
	case codeLogTruncation:
		r.fail(&PartitionError{TopicPartition: e.tp, Err: &Error{Code: e.code, Text: e.text}})
	case codeUnknownTopic, codeUnknownPartition, codeUnknownTopicOrPar, codeTopicAuth:
		r.fail(&PartitionError{TopicPartition: e.tp, Err: codeError(e.code)})
	case codeTransport, codeAllBrokersDown, codeTimedOut:
		r.h.log.Debug("fetching is held up", "error", e.text)
	default:
		err := error(&Error{Code: e.code, Text: e.text})
		if e.tp.Topic != "" {
			err = &PartitionError{TopicPartition: e.tp, Err: err}
		}
		r.fail(err)
	}
}

func (r *Reader) fail(err error) { r.failed = errors.Join(r.failed, err) }

// Position is the next offset that Poll returns, Earliest or Latest before anything was read.
func (r *Reader) Position(tp connect.TopicPartition) (int64, error) {
	if _, has := r.reading[tp]; !has {
		return 0, fmt.Errorf("%s-%d is not being read", tp.Topic, tp.Partition)
	}
	return r.pos[tp], nil
}

// consumed gives positions as librdkafka keeps them, which are past end markers of transactions too. It counts errors as
// if they were records (librdkafka up to 2.12, rd_kafka_q_serve_rkmessages): such positions are left out.
func (r *Reader) consumed() map[connect.TopicPartition]int64 {
	tps := make([]connect.TopicPartition, 0, len(r.reading))
	for tp := range r.reading {
		tps = append(tps, tp)
	}
	l := partitionList(tps, nil)
	defer C.rd_kafka_topic_partition_list_destroy(l)
	out := map[connect.TopicPartition]int64{}
	if C.rd_kafka_position(r.h.rk, l) == 0 {
		es := elems(l)
		for i, tp := range tps {
			if es[i].err == 0 && int64(es[i].offset) > r.astray[tp] {
				out[tp] = int64(es[i].offset)
			}
		}
	}
	return out
}

// Pause stops the delivery of partitions until Resume or Seek. Records that were fetched already and not polled are given
// up; Seek to Position afterwards rather than Resume, for librdkafka's own position may be past them (see consumed).
func (r *Reader) Pause(tps []connect.TopicPartition) error {
	for _, tp := range tps {
		r.paused[tp] = struct{}{}
	}
	return do(tps, func(l *C.rd_kafka_topic_partition_list_t) C.rd_kafka_resp_err_t {
		return C.rd_kafka_pause_partitions(r.h.rk, l)
	})
}

// Resume undoes Pause.
func (r *Reader) Resume(tps []connect.TopicPartition) error {
	for _, tp := range tps {
		delete(r.paused, tp)
	}
	return do(tps, func(l *C.rd_kafka_topic_partition_list_t) C.rd_kafka_resp_err_t {
		return C.rd_kafka_resume_partitions(r.h.rk, l)
	})
}

// Partitions asks the cluster how many partitions a topic has.
func (r *Reader) Partitions(ctx context.Context, topic string) (int32, error) {
	return r.h.partitions(ctx, &r.topics, topic)
}

// ListOffsets asks for the offsets that specs (Earliest, Latest, or milliseconds since the epoch) stand for. With
// committed set, Latest is the last stable offset.
func (r *Reader) ListOffsets(ctx context.Context, specs map[connect.TopicPartition]int64, committed bool) (map[connect.TopicPartition]int64, error) {
	return r.h.listOffsets(ctx, specs, committed)
}

// Close ends the reader. Records handed out stay valid.
func (r *Reader) Close() error {
	if !r.h.stop() {
		return nil
	}
	for tp := range r.reading {
		C.rd_kafka_consume_stop(r.topics.m[tp.Topic], C.int32_t(tp.Partition))
	}
	r.f.free()
	r.topics.free()
	r.h.destroy()
	C.free(unsafe.Pointer(r.throttled))
	return nil
}

// limit has a request end when ctx does, as far as ctx has a deadline.
func (h *handle) limit(ctx context.Context, opts *C.rd_kafka_AdminOptions_t) {
	if d, ok := ctx.Deadline(); ok {
		setTimeout(opts, min(max(time.Millisecond, time.Until(d)), time.Hour))
	}
}

func setTimeout(opts *C.rd_kafka_AdminOptions_t, d time.Duration) {
	var errstr [128]C.char
	C.rd_kafka_AdminOptions_set_request_timeout(opts, C.int(d.Milliseconds()), &errstr[0], C.size_t(len(errstr)))
}

// partitions asks for a topic's metadata, again while there is an error that may pass, until ctx ends.
func (h *handle) partitions(ctx context.Context, topics *topicHandles, topic string) (int32, error) {
	rkt, err := topics.get(topic)
	if err != nil {
		return 0, err
	}
	var last error
	for {
		var md *C.struct_rd_kafka_metadata
		code := C.rd_kafka_metadata(h.rk, 0, rkt, &md, C.int(stepWithin(ctx)))
		if code == 0 {
			n, terr := topicOf(md)
			C.rd_kafka_metadata_destroy(md)
			if terr == nil && n > 0 {
				return n, nil
			}
			last = fmt.Errorf("topic %q: %w", topic, terr)
			if IsAuthorization(terr) {
				return 0, last
			}
		} else {
			last = unreachable(h.servers, "looking up topic "+topic, codeError(int(code)))
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return 0, ctx.Err()
			}
			return 0, last
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// stepWithin is how long one request that knows no context may take, in ms.
func stepWithin(ctx context.Context) int64 {
	const step = 500
	if d, ok := ctx.Deadline(); ok {
		return max(1, min(step, time.Until(d).Milliseconds()))
	}
	return step
}

func topicOf(md *C.struct_rd_kafka_metadata) (int32, error) {
	for _, t := range unsafe.Slice(md.topics, int(md.topic_cnt)) {
		return int32(t.partition_cnt), codeError(int(t.err))
	}
	return 0, codeError(codeUnknownTopicOrPar)
}
