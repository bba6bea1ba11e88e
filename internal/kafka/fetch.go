package kafka

/*
#include <stdlib.h>
#include <string.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// fetchBytes is where a batch stops growing. Together with queued.max.messages.kbytes it bounds a consumer's memory.
const fetchBytes = 4 << 20

// yieldCheck is the longest that one wait in C lasts, in case a wake-up is lost.
const yieldCheck = time.Minute

// fetcher turns librdkafka's messages into Go records, a batch at a time. It belongs to one goroutine.
type fetcher struct {
	h     *handle
	queue *C.rd_kafka_queue_t
	f     *C.ck_fetch
	recs  []client.ConsumedRecord
	names map[string]string // topic and header names seen, so that records share their strings
}

// maxNames bounds the table of shared strings.
const maxNames = 4096

func newFetcher(h *handle, queue *C.rd_kafka_queue_t, records int) *fetcher {
	return &fetcher{h: h, queue: queue, f: C.ck_fetch_new(queue, C.int(records)), names: map[string]string{}}
}

func (f *fetcher) free() {
	C.ck_fetch_free(f.f)
	C.rd_kafka_queue_destroy(f.queue)
}

// fetchError is an error of one partition in the stream of records, or of the consumer (topic empty).
type fetchError struct {
	tp     connect.TopicPartition
	offset int64
	code   int
	text   string
}

// poll waits up to timeout for records. Errors that come between records go to onErr. The slice is valid until the next
// poll, what its records point to for as long as the caller likes: all bytes of a batch share one allocation.
func (f *fetcher) poll(ctx context.Context, timeout time.Duration, onErr func(fetchError)) ([]client.ConsumedRecord, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { f.h.yield(f.queue) })
	n := int(C.ck_poll(f.f, C.int(min(timeout, yieldCheck).Milliseconds()), fetchBytes))
	stop()
	if n == 0 {
		return nil, ctx.Err()
	}
	topics := f.topicNames()
	arena := make([]byte, max(1, int(f.f.bytes)))
	meta := unsafe.Slice(f.f.meta, n)
	C.ck_take(f.f, (*C.uchar)(unsafe.Pointer(unsafe.SliceData(arena))))
	f.recs = f.recs[:0]
	for i := range meta {
		m := &meta[i]
		var key, value []byte
		key, arena = cut(arena, m.key_len)
		value, arena = cut(arena, m.value_len)
		topic := ""
		if m.topic >= 0 {
			topic = topics[m.topic]
		}
		if m.err != 0 {
			onErr(fetchError{connect.TopicPartition{Topic: topic, Partition: int32(m.partition)}, int64(m.offset), int(m.err), string(value)})
			continue
		}
		f.recs = append(f.recs, client.ConsumedRecord{
			Topic: topic, Partition: int32(m.partition), Offset: int64(m.offset), LeaderEpoch: int32(m.leader_epoch),
			Key: key, Value: value, Timestamp: timestamp(m), TimestampType: timestampType(m),
		})
		if m.header_cnt > 0 {
			f.recs[len(f.recs)-1].Headers, arena = f.headers(arena, int(m.header_cnt))
		}
	}
	return f.recs, nil
}

// cut takes the first n bytes of arena; -1 stands for null.
func cut(arena []byte, n C.int32_t) (b, rest []byte) {
	if n < 0 {
		return nil, arena
	}
	return arena[:n:n], arena[n:]
}

func timestamp(m *C.ck_meta) time.Time {
	if m.timestamp < 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m.timestamp))
}

func timestampType(m *C.ck_meta) connect.TimestampType {
	return connect.TimestampType(m.timestamp_type) - 1 // librdkafka: 0 none, 1 create, 2 append
}

// headers reads headers as ck_take wrote them.
func (f *fetcher) headers(arena []byte, n int) ([]client.Header, []byte) {
	hs := make([]client.Header, n)
	for i := range hs {
		nameLen := int(binary.NativeEndian.Uint32(arena))
		valueLen := C.int32_t(int32(binary.NativeEndian.Uint32(arena[4:])))
		hs[i].Key = f.shared(arena[8 : 8+nameLen])
		hs[i].Value, arena = cut(arena[8+nameLen:], valueLen)
	}
	return hs, arena
}

// shared gives the string of b, the same one again for names that repeat.
func (f *fetcher) shared(b []byte) string {
	if s, ok := f.names[string(b)]; ok {
		return s
	}
	if len(f.names) >= maxNames {
		clear(f.names)
	}
	s := string(b)
	f.names[s] = s
	return s
}

// topicNames must be called before the batch's messages are given back, as they keep the topic objects alive.
func (f *fetcher) topicNames() []string {
	names := make([]string, f.f.topic_cnt)
	for i, rkt := range unsafe.Slice(f.f.topics, len(names)) {
		c := C.rd_kafka_topic_name(rkt)
		names[i] = f.shared(unsafe.Slice((*byte)(unsafe.Pointer(c)), C.strlen(c)))
	}
	return names
}

// partitionList makes a C list; the caller frees it. offset may be nil.
func partitionList(tps []connect.TopicPartition, offset func(connect.TopicPartition) int64) *C.rd_kafka_topic_partition_list_t {
	l := C.rd_kafka_topic_partition_list_new(C.int(len(tps)))
	for _, tp := range tps {
		name := C.CString(tp.Topic)
		e := C.rd_kafka_topic_partition_list_add(l, name, C.int32_t(tp.Partition))
		C.free(unsafe.Pointer(name))
		if offset != nil {
			e.offset = C.int64_t(offset(tp))
		}
	}
	return l
}

// elems views a C list.
func elems(l *C.rd_kafka_topic_partition_list_t) []C.rd_kafka_topic_partition_t {
	if l == nil {
		return nil
	}
	return unsafe.Slice(l.elems, int(l.cnt))
}

// listError gives the first error within a list.
func listError(l *C.rd_kafka_topic_partition_list_t) error {
	es := elems(l)
	for i := range es {
		if es[i].err != 0 {
			return fmt.Errorf("%s-%d: %w", C.GoString(es[i].topic), int(es[i].partition), codeError(int(es[i].err)))
		}
	}
	return nil
}

// partitionsOf reads the names in a C list.
func partitionsOf(l *C.rd_kafka_topic_partition_list_t) []connect.TopicPartition {
	es := elems(l)
	tps := make([]connect.TopicPartition, len(es))
	for i := range es {
		tps[i] = connect.TopicPartition{Topic: C.GoString(es[i].topic), Partition: int32(es[i].partition)}
	}
	return tps
}

// do calls f, which must be one of librdkafka's calls on a list of partitions.
func do(tps []connect.TopicPartition, f func(*C.rd_kafka_topic_partition_list_t) C.rd_kafka_resp_err_t) error {
	l := partitionList(tps, nil)
	defer C.rd_kafka_topic_partition_list_destroy(l)
	if err := codeError(int(f(l))); err != nil {
		return err
	}
	return listError(l)
}

// waitEvent polls q for one event, in steps so that ctx counts. The caller destroys the event.
func waitEvent(ctx context.Context, q *C.rd_kafka_queue_t) (*C.rd_kafka_event_t, error) {
	for {
		if ev := C.rd_kafka_queue_poll(q, 100); ev != nil {
			return ev, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}
