package kafka

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"context"
	"time"
	"unsafe"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// End is the offset after the last record of a partition as the last fetch from it told, -1 if nothing was fetched yet. It
// asks nobody.
func (r *Reader) End(tp connect.TopicPartition) int64 {
	rkt, has := r.topics.m[tp.Topic]
	if !has {
		return -1
	}
	var low, high C.int64_t
	if C.rd_kafka_get_watermark_offsets(r.h.rk, C.rd_kafka_topic_name(rkt), C.int32_t(tp.Partition), &low, &high) != 0 || high < 0 {
		return -1
	}
	return int64(high)
}

// Throttled is how long brokers have held requests back so far because of their quotas.
func (r *Reader) Throttled() time.Duration {
	return time.Duration(C.ck_throttled_ms(r.throttled)) * time.Millisecond
}

// zeroID is what brokers give that know no topic ids.
const zeroID = "AAAAAAAAAAAAAAAAAAAAAA"

// Shapes asks for the ids and sizes of topics. Topics that do not exist or may not be seen leave gaps; brokers that know no
// ids leave them empty.
func (r *Reader) Shapes(ctx context.Context, topics ...string) (map[string]client.Topic, error) {
	names := make([]*C.char, len(topics))
	for i, t := range topics {
		names[i] = C.CString(t)
		defer C.free(unsafe.Pointer(names[i]))
	}
	if len(names) == 0 {
		return nil, nil
	}
	collection := C.rd_kafka_TopicCollection_of_topic_names(&names[0], C.size_t(len(names)))
	defer C.rd_kafka_TopicCollection_destroy(collection)
	opts := C.rd_kafka_AdminOptions_new(r.h.rk, C.RD_KAFKA_ADMIN_OP_DESCRIBETOPICS)
	defer C.rd_kafka_AdminOptions_destroy(opts)
	r.h.limit(ctx, opts)
	q := C.rd_kafka_queue_new(r.h.rk)
	defer C.rd_kafka_queue_destroy(q)
	C.rd_kafka_DescribeTopics(r.h.rk, collection, opts, q)
	ev, err := waitEvent(ctx, q)
	if err != nil {
		return nil, unreachable(r.h.servers, "asking for topic ids", err)
	}
	defer C.rd_kafka_event_destroy(ev)
	if code := int(C.rd_kafka_event_error(ev)); code != 0 {
		return nil, unreachable(r.h.servers, "asking for topic ids", &Error{Code: code, Text: C.GoString(C.rd_kafka_event_error_string(ev))})
	}
	var n C.size_t
	found := C.rd_kafka_DescribeTopics_result_topics(C.rd_kafka_event_DescribeTopics_result(ev), &n)
	out := make(map[string]client.Topic, int(n))
	for _, d := range unsafe.Slice(found, int(n)) {
		if e := C.rd_kafka_TopicDescription_error(d); e != nil && C.rd_kafka_error_code(e) != 0 {
			continue
		}
		var partitions C.size_t
		C.rd_kafka_TopicDescription_partitions(d, &partitions)
		t := client.Topic{Name: C.GoString(C.rd_kafka_TopicDescription_name(d)), Partitions: int32(partitions)}
		if id := C.GoString(C.rd_kafka_Uuid_base64str(C.rd_kafka_TopicDescription_topic_id(d))); id != zeroID {
			t.ID = id
		}
		out[t.Name] = t
	}
	return out, nil
}
