// Batch-wise access to librdkafka: one call from Go moves many records, so that the price of crossing into C and of one
// event object per record is not paid per record.
#ifndef CONNECTD_GLUE_H
#define CONNECTD_GLUE_H

#include "rdk.h"

// ck_meta describes one fetched record; its bytes (key, value, headers) follow each other in the batch's arena.
typedef struct {
	int64_t offset;
	int64_t timestamp; // milliseconds, -1 for none
	int32_t partition;
	int32_t topic;      // index into ck_fetch.topics, -1 for none
	int32_t key_len;    // -1 for null
	int32_t value_len;  // -1 for null; the error text where err is set
	int32_t header_cnt;
	int32_t header_len; // bytes of all headers as ck_take writes them
	int32_t err;
	int32_t timestamp_type;
	int32_t leader_epoch; // -1 for unknown
} ck_meta;

// ck_fetch is a batch between ck_poll and ck_take.
typedef struct {
	rd_kafka_queue_t *queue;
	int cap;
	int cnt;
	int topic_cnt;
	size_t bytes;
	rd_kafka_message_t **msgs;
	ck_meta *meta;
	rd_kafka_topic_t **topics;
} ck_fetch;

ck_fetch *ck_fetch_new(rd_kafka_queue_t *queue, int cap);
void ck_fetch_free(ck_fetch *f);
// ck_poll waits up to timeout_ms for a first record, adds what is there already until max_bytes are reached or the batch
// is full, and describes it in f->meta. It returns the number of entries, errors among them.
int ck_poll(ck_fetch *f, int timeout_ms, size_t max_bytes);
// ck_take copies the bytes of all records to arena, which has f->bytes bytes, and gives the messages back.
void ck_take(ck_fetch *f, unsigned char *arena);

// ck_record describes one record to be sent; its bytes follow each other in the buffer.
typedef struct {
	uint64_t seq;
	int64_t timestamp; // milliseconds, -1 for the client's clock
	int32_t partition;
	int32_t topic;     // index into the topics given
	int32_t key_len;   // -1 for null
	int32_t value_len; // -1 for null
	int32_t header_cnt;
	int32_t size;      // of key, value and headers in the buffer
} ck_record;

// ck_produce queues records, whose bytes begin at buf+at, in order and returns how many it took; fewer than cnt sets *err and writes the text to errstr.
int ck_produce(rd_kafka_t *rk, rd_kafka_topic_t **topics, const unsigned char *buf, size_t at, const ck_record *recs,
               int cnt, int *err, char *errstr, size_t errstr_size);

// ck_delivery is the outcome of one record.
typedef struct {
	uint64_t seq;
	int64_t offset;
	int32_t partition;
	int32_t err;
} ck_delivery;

// ck_event is the part of an event that Go looks at. The strings live until ck_event_done.
typedef struct {
	rd_kafka_event_t *event;
	int type;
	int err;
	int fatal;
	int level;
	int cnt; // deliveries
	const char *text;
	const char *fac;
} ck_event;

// ck_next_event waits for an event of a client's main queue, -1 for ever; the type is 0 when there was none. Deliveries
// are copied to ds; a full ds asks for ck_more_deliveries.
void ck_next_event(rd_kafka_queue_t *queue, int timeout_ms, ck_event *ev, ck_delivery *ds, int cap);
int ck_more_deliveries(ck_event *ev, ck_delivery *ds, int cap);
void ck_event_done(ck_event *ev);

// ck_rebalance is one assignment or revocation of a group consumer that waits for the application's answer.
typedef struct ck_rebalance {
	int err;
	int lost;
	rd_kafka_topic_partition_list_t *parts;
	struct ck_rebalance *next;
} ck_rebalance;

// ck_group collects rebalances. All its functions run on the consumer's thread.
typedef struct {
	int closing;
	ck_rebalance *first, *last;
} ck_group;

void ck_set_rebalance(rd_kafka_conf_t *conf, ck_group *g);
ck_rebalance *ck_group_next(ck_group *g);
void ck_rebalance_free(ck_rebalance *r);

// ck_set_throttle has a client add to *ms for how long brokers hold its requests back; ck_throttled_ms reads that.
void ck_set_throttle(rd_kafka_conf_t *conf, int64_t *ms);
int64_t ck_throttled_ms(int64_t *ms);

// ck_list_at reads an element of a partition list.
rd_kafka_topic_partition_t *ck_list_at(rd_kafka_topic_partition_list_t *l, int i);

#endif
