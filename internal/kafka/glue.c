#include "glue.h"

#include <stdlib.h>
#include <string.h>

#define CK_CHUNK 128 /* records per look at the byte limit */

ck_fetch *ck_fetch_new(rd_kafka_queue_t *queue, int cap) {
	ck_fetch *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->queue  = queue;
	f->cap    = cap;
	f->msgs   = calloc(cap, sizeof(*f->msgs));
	f->meta   = calloc(cap, sizeof(*f->meta));
	f->topics = calloc(cap, sizeof(*f->topics));
	if (f->msgs == NULL || f->meta == NULL || f->topics == NULL) {
		ck_fetch_free(f);
		return NULL;
	}
	return f;
}

void ck_fetch_free(ck_fetch *f) {
	for (int i = 0; i < f->cnt; i++)
		rd_kafka_message_destroy(f->msgs[i]);
	free(f->msgs);
	free(f->meta);
	free(f->topics);
	free(f);
}

static int32_t topic_index(ck_fetch *f, rd_kafka_topic_t *rkt) {
	/* Records of a partition arrive in runs, so the last one is nearly always right. */
	for (int i = f->topic_cnt - 1; i >= 0; i--)
		if (f->topics[i] == rkt)
			return i;
	f->topics[f->topic_cnt] = rkt;
	return f->topic_cnt++;
}

static int32_t headers_size(const rd_kafka_message_t *m, int32_t *cnt) {
	rd_kafka_headers_t *h;
	const char *name;
	const void *value;
	size_t size, total = 0;

	*cnt = 0;
	if (m->err || rd_kafka_message_headers(m, &h) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	for (size_t i = 0; rd_kafka_header_get_all(h, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		total += 8 + strlen(name) + (value ? size : 0);
		(*cnt)++;
	}
	return (int32_t)total;
}

static void describe(ck_fetch *f, int i) {
	const rd_kafka_message_t *m = f->msgs[i];
	ck_meta *e                  = &f->meta[i];
	rd_kafka_timestamp_type_t tt = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;

	e->offset         = m->offset;
	e->partition      = m->partition;
	e->err            = m->err;
	e->topic          = m->rkt ? topic_index(f, m->rkt) : -1;
	e->key_len        = m->key && !m->err ? (int32_t)m->key_len : -1;
	e->value_len      = m->payload ? (int32_t)m->len : -1;
	e->timestamp      = m->err ? -1 : rd_kafka_message_timestamp(m, &tt);
	e->timestamp_type = tt;
	e->leader_epoch   = m->err ? -1 : rd_kafka_message_leader_epoch(m);
	e->header_len     = headers_size(m, &e->header_cnt);
	f->bytes += (e->key_len > 0 ? e->key_len : 0) + (e->value_len > 0 ? e->value_len : 0) + e->header_len;
}

int ck_poll(ck_fetch *f, int timeout_ms, size_t max_bytes) {
	f->cnt = f->topic_cnt = 0;
	f->bytes              = 0;
	/* librdkafka waits until the array is full or the time is over: wait for one, then take what is there. */
	int want = 1;
	while (f->cnt < f->cap && f->bytes < max_bytes) {
		ssize_t n = rd_kafka_consume_batch_queue(f->queue, timeout_ms, f->msgs + f->cnt, want);
		for (ssize_t i = 0; i < n; i++)
			describe(f, f->cnt++);
		if (n < want)
			break;
		timeout_ms = 0;
		want       = f->cap - f->cnt < CK_CHUNK ? f->cap - f->cnt : CK_CHUNK;
	}
	return f->cnt;
}

static unsigned char *put(unsigned char *p, const void *src, size_t n) {
	if (n > 0)
		memcpy(p, src, n);
	return p + n;
}

static unsigned char *put_headers(unsigned char *p, const rd_kafka_message_t *m) {
	rd_kafka_headers_t *h;
	const char *name;
	const void *value;
	size_t size;

	if (rd_kafka_message_headers(m, &h) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return p;
	for (size_t i = 0; rd_kafka_header_get_all(h, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		int32_t len[2] = {(int32_t)strlen(name), value ? (int32_t)size : -1};
		p              = put(p, len, sizeof(len));
		p              = put(p, name, len[0]);
		p              = put(p, value, value ? size : 0);
	}
	return p;
}

void ck_take(ck_fetch *f, unsigned char *arena) {
	for (int i = 0; i < f->cnt; i++) {
		rd_kafka_message_t *m = f->msgs[i];
		const ck_meta *e      = &f->meta[i];
		if (e->key_len > 0)
			arena = put(arena, m->key, e->key_len);
		if (e->value_len > 0)
			arena = put(arena, m->payload, e->value_len);
		if (e->header_cnt > 0)
			arena = put_headers(arena, m);
		rd_kafka_message_destroy(m);
	}
	f->cnt = 0;
}

static rd_kafka_headers_t *read_headers(const unsigned char *p, int cnt) {
	rd_kafka_headers_t *h = rd_kafka_headers_new(cnt);
	for (int i = 0; i < cnt; i++) {
		int32_t len[2];
		memcpy(len, p, sizeof(len));
		p += sizeof(len);
		const char *name = (const char *)p;
		p += len[0];
		rd_kafka_header_add(h, name, len[0], len[1] < 0 ? NULL : p, len[1] < 0 ? 0 : len[1]);
		p += len[1] < 0 ? 0 : len[1];
	}
	return h;
}

static rd_kafka_error_t *produce_one(rd_kafka_t *rk, rd_kafka_topic_t *rkt, const unsigned char *p, const ck_record *r) {
	rd_kafka_vu_t vu[8];
	int n                 = 0;
	size_t key_len        = r->key_len > 0 ? r->key_len : 0;
	size_t value_len      = r->value_len > 0 ? r->value_len : 0;
	rd_kafka_headers_t *h = NULL;

	vu[n].vtype   = RD_KAFKA_VTYPE_RKT;
	vu[n++].u.rkt = rkt;
	vu[n].vtype   = RD_KAFKA_VTYPE_PARTITION;
	vu[n++].u.i32 = r->partition;
	vu[n].vtype   = RD_KAFKA_VTYPE_MSGFLAGS;
	vu[n++].u.i   = RD_KAFKA_MSG_F_COPY;
	vu[n].vtype   = RD_KAFKA_VTYPE_OPAQUE;
	vu[n++].u.ptr = (void *)(uintptr_t)r->seq;
	if (r->key_len >= 0) {
		vu[n].vtype        = RD_KAFKA_VTYPE_KEY;
		vu[n].u.mem.ptr    = (void *)p;
		vu[n++].u.mem.size = key_len;
	}
	if (r->value_len >= 0) {
		vu[n].vtype        = RD_KAFKA_VTYPE_VALUE;
		vu[n].u.mem.ptr    = (void *)(p + key_len);
		vu[n++].u.mem.size = value_len;
	}
	if (r->timestamp >= 0) {
		vu[n].vtype   = RD_KAFKA_VTYPE_TIMESTAMP;
		vu[n++].u.i64 = r->timestamp;
	}
	if (r->header_cnt > 0) {
		h                 = read_headers(p + key_len + value_len, r->header_cnt);
		vu[n].vtype       = RD_KAFKA_VTYPE_HEADERS;
		vu[n++].u.headers = h;
	}
	rd_kafka_error_t *e = rd_kafka_produceva(rk, vu, n);
	if (e != NULL && h != NULL)
		rd_kafka_headers_destroy(h); /* librdkafka owns it only on success */
	return e;
}

int ck_produce(rd_kafka_t *rk, rd_kafka_topic_t **topics, const unsigned char *buf, size_t at, const ck_record *recs,
               int cnt, int *err, char *errstr, size_t errstr_size) {
	*err = 0;
	buf += at;
	for (int i = 0; i < cnt; i++) {
		rd_kafka_error_t *e = produce_one(rk, topics[recs[i].topic], buf, &recs[i]);
		if (e != NULL) {
			*err = rd_kafka_error_code(e);
			strncpy(errstr, rd_kafka_error_string(e), errstr_size - 1);
			errstr[errstr_size - 1] = 0;
			rd_kafka_error_destroy(e);
			return i;
		}
		buf += recs[i].size;
	}
	return cnt;
}

int ck_more_deliveries(ck_event *ev, ck_delivery *ds, int cap) {
	int n = 0;
	const rd_kafka_message_t *m;
	while (n < cap && (m = rd_kafka_event_message_next(ev->event)) != NULL) {
		ds[n].seq       = (uint64_t)(uintptr_t)m->_private;
		ds[n].offset    = m->offset;
		ds[n].partition = m->partition;
		ds[n++].err     = m->err;
	}
	return n;
}

void ck_next_event(rd_kafka_queue_t *queue, int timeout_ms, ck_event *ev, ck_delivery *ds, int cap) {
	memset(ev, 0, sizeof(*ev));
	ev->event = rd_kafka_queue_poll(queue, timeout_ms);
	if (ev->event == NULL)
		return;
	ev->type = rd_kafka_event_type(ev->event);
	switch (ev->type) {
	case RD_KAFKA_EVENT_DR:
		ev->cnt = ck_more_deliveries(ev, ds, cap);
		break;
	case RD_KAFKA_EVENT_LOG:
		rd_kafka_event_log(ev->event, &ev->fac, &ev->text, &ev->level);
		break;
	case RD_KAFKA_EVENT_ERROR:
		ev->err   = rd_kafka_event_error(ev->event);
		ev->fatal = rd_kafka_event_error_is_fatal(ev->event);
		ev->text  = rd_kafka_event_error_string(ev->event);
		break;
	}
}

void ck_event_done(ck_event *ev) {
	if (ev->event != NULL)
		rd_kafka_event_destroy(ev->event);
	ev->event = NULL;
}

static void unassign(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *parts) {
	const char *p = rd_kafka_rebalance_protocol(rk);
	if (p != NULL && strcmp(p, "COOPERATIVE") == 0) {
		rd_kafka_error_t *e = rd_kafka_incremental_unassign(rk, parts);
		if (e != NULL)
			rd_kafka_error_destroy(e);
	} else {
		rd_kafka_assign(rk, NULL);
	}
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *parts,
                         void *opaque) {
	ck_group *g = opaque;
	if (g->closing) { /* nobody will answer any more */
		if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
			unassign(rk, parts);
		else
			rd_kafka_assign(rk, NULL);
		return;
	}
	ck_rebalance *r = calloc(1, sizeof(*r));
	if (r == NULL) { /* out of memory: give the partitions up */
		rd_kafka_assign(rk, NULL);
		return;
	}
	r->err   = err;
	r->lost  = rd_kafka_assignment_lost(rk);
	r->parts = rd_kafka_topic_partition_list_copy(parts);
	if (g->last != NULL)
		g->last->next = r;
	else
		g->first = r;
	g->last = r;
}

void ck_set_rebalance(rd_kafka_conf_t *conf, ck_group *g) {
	rd_kafka_conf_set_opaque(conf, g);
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
}

ck_rebalance *ck_group_next(ck_group *g) {
	ck_rebalance *r = g->first;
	if (r != NULL) {
		g->first = r->next;
		if (g->first == NULL)
			g->last = NULL;
	}
	return r;
}

void ck_rebalance_free(ck_rebalance *r) {
	rd_kafka_topic_partition_list_destroy(r->parts);
	free(r);
}

rd_kafka_topic_partition_t *ck_list_at(rd_kafka_topic_partition_list_t *l, int i) { return &l->elems[i]; }

static void ck_throttle_cb(rd_kafka_t *rk, const char *broker, int32_t id, int ms, void *opaque) {
	(void)rk, (void)broker, (void)id;
	if (ms > 0)
		__atomic_add_fetch((int64_t *)opaque, ms, __ATOMIC_RELAXED);
}

void ck_set_throttle(rd_kafka_conf_t *conf, int64_t *ms) {
	rd_kafka_conf_set_opaque(conf, ms);
	rd_kafka_conf_set_throttle_cb(conf, ck_throttle_cb);
}

int64_t ck_throttled_ms(int64_t *ms) { return __atomic_load_n(ms, __ATOMIC_RELAXED); }
