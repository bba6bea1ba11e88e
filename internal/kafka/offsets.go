package kafka

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"errors"
	"slices"
	"time"
	"unsafe"

	"github.com/connectd/connectd/connect"
)

// offsetsTimeout is the longest that somebody waits for offsets. librdkafka is always told this, however soon the caller's
// time is over: its ListOffsets works on its request in the calling thread while the timeout of that request is running, and
// frees it when that is over, whether or not the thread is done (rd_kafka_topic_partition_list_query_leaders_async, up to
// librdkafka 2.15 at least). A timeout of some milliseconds and a few thousand partitions end in a segmentation fault.
const offsetsTimeout = time.Minute

// leadersLast is for how long a topic counts as one whose partitions have leaders.
const leadersLast = 10 * time.Second

// listOffsets asks the leaders. librdkafka asks those that it last heard of, with the epoch of that time, and does not look
// for newer ones when they refuse: without a second attempt, a broker that was restarted would refuse until the next periodic
// refresh.
func (h *handle) listOffsets(ctx context.Context, specs map[connect.TopicPartition]int64, committed bool) (map[connect.TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, offsetsTimeout)
	defer cancel()
	if err := h.findLeaders(ctx, specs); err != nil {
		return nil, err
	}
	out, err := h.askOffsets(ctx, specs, committed)
	var e *Error
	if !errors.As(err, &e) || !slices.Contains(leadershipCodes, e.Code) && !slices.Contains(notThereCodes, e.Code) {
		return out, err
	}
	h.forgetLeaders(specs)
	if err := h.findLeaders(ctx, specs); err != nil {
		return nil, err
	}
	return h.askOffsets(ctx, specs, committed)
}

// askOffsets asks the leaders that the client knows of, and it should know of all: where one is missing, librdkafka waits for
// it in the background, which may get hold of the request while the calling thread still works on it, as with its timeout.
func (h *handle) askOffsets(ctx context.Context, specs map[connect.TopicPartition]int64, committed bool) (map[connect.TopicPartition]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, unreachable(h.servers, "asking for offsets", err)
	}
	tps := make([]connect.TopicPartition, 0, len(specs))
	for tp := range specs {
		tps = append(tps, tp)
	}
	l := partitionList(tps, func(tp connect.TopicPartition) int64 { return specs[tp] })
	defer C.rd_kafka_topic_partition_list_destroy(l)
	opts := C.rd_kafka_AdminOptions_new(h.rk, C.RD_KAFKA_ADMIN_OP_LISTOFFSETS)
	defer C.rd_kafka_AdminOptions_destroy(opts)
	if committed {
		if err := takeError(C.rd_kafka_AdminOptions_set_isolation_level(opts, C.RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED)); err != nil {
			return nil, err
		}
	}
	setTimeout(opts, offsetsTimeout)
	q := C.rd_kafka_queue_new(h.rk)
	defer C.rd_kafka_queue_destroy(q)
	C.rd_kafka_ListOffsets(h.rk, l, opts, q)
	ev, err := waitEvent(ctx, q)
	if err != nil {
		return nil, unreachable(h.servers, "asking for offsets", err)
	}
	defer C.rd_kafka_event_destroy(ev)
	if code := int(C.rd_kafka_event_error(ev)); code != 0 {
		err := &Error{Code: code, Text: C.GoString(C.rd_kafka_event_error_string(ev))}
		if code == codeTimedOut || code == codeTransport {
			return nil, unreachable(h.servers, "asking for offsets", err)
		}
		return nil, err
	}
	out, err := offsetsOf(ev)
	if errors.Is(err, errNoAnswer) {
		return nil, unreachable(h.servers, "asking for offsets", err)
	}
	return out, err
}

// errNoAnswer is what librdkafka forgets to tell when a leader does not answer the question for offsets, as it has been
// restarted, say: it makes that a success without offsets. Taken for one, a topic would end before its first record.
var errNoAnswer = &Error{Code: codeTransport, Text: "the leader of a partition did not answer"}

func offsetsOf(ev *C.rd_kafka_event_t) (map[connect.TopicPartition]int64, error) {
	var n C.size_t
	infos := C.rd_kafka_ListOffsets_result_infos(C.rd_kafka_event_ListOffsets_result(ev), &n)
	out := make(map[connect.TopicPartition]int64, int(n))
	for _, info := range unsafe.Slice(infos, int(n)) {
		e := C.rd_kafka_ListOffsetsResultInfo_topic_partition(info)
		tp := connect.TopicPartition{Topic: C.GoString(e.topic), Partition: int32(e.partition)}
		if e.err != 0 {
			return nil, &PartitionError{TopicPartition: tp, Err: codeError(int(e.err))}
		}
		if e.offset == offsetInvalid {
			return nil, errNoAnswer
		}
		out[tp] = int64(e.offset)
	}
	return out, nil
}

// ledTopic is a topic all of whose partitions had leaders at a time.
type ledTopic struct {
	partitions int32
	at         time.Time
}

// findLeaders has the client know the leaders of all these partitions. It is a PartitionError where one has none.
func (h *handle) findLeaders(ctx context.Context, specs map[connect.TopicPartition]int64) error {
	topics := topicHandles{rk: h.rk}
	defer topics.free()
	var only *C.rd_kafka_topic_t
	for tp := range specs {
		if h.ledLately(tp) {
			continue
		}
		rkt, err := topics.get(tp.Topic)
		if err != nil {
			return err
		}
		only = rkt
	}
	switch len(topics.m) {
	case 0:
		return nil
	case 1:
	default:
		only = nil // all that the client has handles of
	}
	md, err := h.metadata(ctx, only)
	if err != nil {
		return err
	}
	defer C.rd_kafka_metadata_destroy(md)
	found := leadersOf(md)
	for tp := range specs {
		if _, asked := topics.m[tp.Topic]; !asked {
			continue
		}
		if code := found.code(tp); code != 0 {
			return &PartitionError{TopicPartition: tp, Err: codeError(code)}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for name := range topics.m {
		if n := found[name].led(); n > 0 {
			h.led[name] = ledTopic{n, now}
		}
	}
	return nil
}

func (h *handle) ledLately(tp connect.TopicPartition) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, has := h.led[tp.Topic]
	return has && tp.Partition < l.partitions && time.Since(l.at) < leadersLast
}

func (h *handle) forgetLeaders(specs map[connect.TopicPartition]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for tp := range specs {
		delete(h.led, tp.Topic)
	}
}

// metadata asks for one topic, or all that the client has handles of, until ctx ends. The caller frees the answer.
func (h *handle) metadata(ctx context.Context, only *C.rd_kafka_topic_t) (*C.struct_rd_kafka_metadata, error) {
	for step := metadataFirst; ; step = min(2*step, metadataMost) {
		if d, ok := ctx.Deadline(); ok {
			step = max(time.Millisecond, min(step, time.Until(d)))
		}
		var md *C.struct_rd_kafka_metadata
		code := C.rd_kafka_metadata(h.rk, 0, only, &md, C.int(step.Milliseconds()))
		if code == 0 {
			return md, nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, ctx.Err()
			}
			return nil, unreachable(h.servers, "asking for the leaders of partitions", codeError(int(code)))
		case <-time.After(metadataPause):
		}
	}
}

// topicLeaders is what brokers tell of a topic: an error code of its own, and one of each partition.
type topicLeaders struct {
	err        int
	partitions map[int32]int
}

// led is how many partitions there are if all have leaders, otherwise 0.
func (t topicLeaders) led() int32 {
	for _, code := range t.partitions {
		if code != 0 {
			return 0
		}
	}
	return int32(len(t.partitions))
}

type clusterLeaders map[string]topicLeaders

// code is why a partition has no leader to ask, 0 where it has one.
func (c clusterLeaders) code(tp connect.TopicPartition) int {
	t, has := c[tp.Topic]
	if !has {
		return codeUnknownTopicOrPar
	}
	if t.err != 0 {
		return t.err
	}
	if code, has := t.partitions[tp.Partition]; has {
		return code
	}
	return codeUnknownPartition
}

func leadersOf(md *C.struct_rd_kafka_metadata) clusterLeaders {
	brokers := map[C.int32_t]bool{}
	for _, b := range unsafe.Slice(md.brokers, int(md.broker_cnt)) {
		brokers[b.id] = true
	}
	out := make(clusterLeaders, int(md.topic_cnt))
	for _, t := range unsafe.Slice(md.topics, int(md.topic_cnt)) {
		l := topicLeaders{err: int(t.err), partitions: make(map[int32]int, int(t.partition_cnt))}
		for _, p := range unsafe.Slice(t.partitions, int(t.partition_cnt)) {
			code := 0
			if !brokers[p.leader] {
				code = codeNoLeader
				if p.err != 0 {
					code = int(p.err)
				}
			}
			l.partitions[int32(p.id)] = code
		}
		out[C.GoString(t.topic)] = l
	}
	return out
}
