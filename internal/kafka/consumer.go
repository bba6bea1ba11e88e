package kafka

/*
#include <stdlib.h>
#include <string.h>
#include "glue.h"
*/
import "C"

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// Consumer is a member of a consumer group. It implements client.Consumer.
//
// A revocation is answered within Poll; records that were fetched before it are handed out first. No Rebalance call
// follows Close.
type Consumer struct {
	h     handle
	f     *fetcher
	group *C.ck_group
	rb    client.Rebalance
	match *matcher // nil for a subscription by name
	// refreshAge is topic.metadata.refresh.interval.ms as given.
	refreshAge string
	reset      string // auto.offset.reset
	commits    bool   // isolation.level is read_committed
	failed     error
}

// NewConsumer opens a group consumer with librdkafka settings; group.id is among them. maxRecords is Java's
// max.poll.records, 0 for 500. It does not wait for a broker.
func NewConsumer(settings map[string]string, maxRecords int, log hclog.Logger) (*Consumer, error) {
	fallback := map[string]string{"auto.offset.reset": "latest"}
	for k, v := range consumerDefaults {
		fallback[k] = v
	}
	conf, err := newConf(settings, fallback)
	if err != nil {
		return nil, err
	}
	c := &Consumer{
		h:          handle{log: log, servers: settings["bootstrap.servers"]},
		group:      (*C.ck_group)(C.calloc(1, C.sizeof_ck_group)),
		reset:      cmp.Or(settings["auto.offset.reset"], fallback["auto.offset.reset"]),
		refreshAge: settings["topic.metadata.refresh.interval.ms"],
		// librdkafka's default is read_committed.
		commits: settings["isolation.level"] != "read_uncommitted",
	}
	C.ck_set_rebalance(conf, c.group)
	if err := c.h.open(C.RD_KAFKA_CONSUMER, conf); err != nil {
		C.free(unsafe.Pointer(c.group))
		return nil, err
	}
	q := C.rd_kafka_queue_get_consumer(c.h.rk)
	if q == nil {
		c.h.stop()
		c.h.destroy()
		C.free(unsafe.Pointer(c.group))
		return nil, errors.New("a consumer needs group.id")
	}
	if maxRecords == 0 {
		maxRecords = maxPollRecords
	}
	c.f = newFetcher(&c.h, q, maxRecords)
	return c, nil
}

// Subscribe implements client.Consumer.
func (c *Consumer) Subscribe(topics []string, regex string, rb client.Rebalance) error {
	c.rb = rb
	if regex != "" {
		m, err := newMatcher(regex, c.refreshAge)
		if err != nil {
			return err
		}
		c.match = m
		return nil // Poll looks for topics
	}
	return c.subscribe(topics)
}

func (c *Consumer) subscribe(topics []string) error {
	l := C.rd_kafka_topic_partition_list_new(C.int(len(topics)))
	defer C.rd_kafka_topic_partition_list_destroy(l)
	for _, t := range topics {
		ct := C.CString(t)
		C.rd_kafka_topic_partition_list_add(l, ct, -1)
		C.free(unsafe.Pointer(ct))
	}
	return codeError(int(C.rd_kafka_subscribe(c.h.rk, l)))
}

// Poll implements client.Consumer.
func (c *Consumer) Poll(ctx context.Context, timeout time.Duration) ([]client.ConsumedRecord, error) {
	if err := c.rebalance(ctx); err != nil {
		return nil, err
	}
	if err := c.failed; err != nil {
		c.failed = nil
		return nil, err
	}
	if err := c.refresh(); err != nil {
		return nil, err
	}
	if wait := c.match.wait(); wait < timeout {
		timeout = wait
	}
	recs, err := c.f.poll(ctx, timeout, c.note)
	if len(recs) == 0 && err == nil {
		if err = c.rebalance(ctx); err == nil {
			err, c.failed = c.failed, nil
		}
	}
	return recs, err
}

// note takes what comes between records: what the client gets over by itself is logged, the rest is Poll's error.
func (c *Consumer) note(e fetchError) {
	switch e.code {
	case codePartitionEOF:
	case codeUnknownTopic, codeUnknownPartition, codeUnknownTopicOrPar, codeTransport, codeAllBrokersDown, codeTimedOut, codeMaxPollExceeded:
		c.h.log.Warn("consumer is held up", "topic", e.tp.Topic, "partition", e.tp.Partition, "error", e.text)
	default:
		err := error(&Error{Code: e.code, Text: e.text})
		if e.tp.Topic != "" {
			err = &PartitionError{TopicPartition: e.tp, Err: err}
		}
		c.failed = errors.Join(c.failed, err)
	}
}

// rebalance answers what the group wants, in order.
func (c *Consumer) rebalance(ctx context.Context) error {
	var errs error
	for r := C.ck_group_next(c.group); r != nil; r = C.ck_group_next(c.group) {
		parts := partitionsOf(r.parts)
		switch r.err {
		case C.RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
			// First the assignment, so that the runner can seek and pause within Assigned.
			errs = errors.Join(errs, c.answer(r))
			errs = errors.Join(errs, c.rb.Assigned(ctx, parts))
		case C.RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
			errs = errors.Join(errs, c.rb.Revoked(ctx, parts, r.lost != 0))
			errs = errors.Join(errs, c.answer(r))
		default:
			errs = errors.Join(errs, codeError(int(r.err)), codeError(int(C.rd_kafka_assign(c.h.rk, nil))))
		}
		C.ck_rebalance_free(r)
	}
	return errs
}

func (c *Consumer) answer(r *C.ck_rebalance) error {
	assign := r.err == C.RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
	if C.GoString(C.rd_kafka_rebalance_protocol(c.h.rk)) == "COOPERATIVE" {
		if assign {
			return takeError(C.rd_kafka_incremental_assign(c.h.rk, r.parts))
		}
		return takeError(C.rd_kafka_incremental_unassign(c.h.rk, r.parts))
	}
	if assign {
		return codeError(int(C.rd_kafka_assign(c.h.rk, r.parts)))
	}
	return codeError(int(C.rd_kafka_assign(c.h.rk, nil)))
}

// Commit implements client.Consumer.
func (c *Consumer) Commit(ctx context.Context, offsets map[connect.TopicPartition]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	tps := make([]connect.TopicPartition, 0, len(offsets))
	for tp := range offsets {
		tps = append(tps, tp)
	}
	l := partitionList(tps, func(tp connect.TopicPartition) int64 { return offsets[tp] })
	defer C.rd_kafka_topic_partition_list_destroy(l)
	q := C.rd_kafka_queue_new(c.h.rk)
	defer C.rd_kafka_queue_destroy(q)
	if err := codeError(int(C.rd_kafka_commit_queue(c.h.rk, l, q, nil, nil))); err != nil {
		return err
	}
	ev, err := waitEvent(ctx, q)
	if err != nil {
		return err
	}
	defer C.rd_kafka_event_destroy(ev)
	if err := codeError(int(C.rd_kafka_event_error(ev))); err != nil {
		return fmt.Errorf("committing offsets: %w", err)
	}
	return listError(C.rd_kafka_event_topic_partition_list(ev))
}

// Seek implements client.Consumer.
func (c *Consumer) Seek(tp connect.TopicPartition, offset int64) error {
	l := partitionList([]connect.TopicPartition{tp}, func(connect.TopicPartition) int64 { return offset })
	defer C.rd_kafka_topic_partition_list_destroy(l)
	if err := takeError(C.rd_kafka_seek_partitions(c.h.rk, l, 10_000)); err != nil {
		return err
	}
	return listError(l)
}

// Pause implements client.Consumer.
func (c *Consumer) Pause(tps []connect.TopicPartition) error {
	return do(tps, func(l *C.rd_kafka_topic_partition_list_t) C.rd_kafka_resp_err_t {
		return C.rd_kafka_pause_partitions(c.h.rk, l)
	})
}

// Resume implements client.Consumer.
func (c *Consumer) Resume(tps []connect.TopicPartition) error {
	return do(tps, func(l *C.rd_kafka_topic_partition_list_t) C.rd_kafka_resp_err_t {
		return C.rd_kafka_resume_partitions(c.h.rk, l)
	})
}

// Position implements client.Consumer. Before the first record it is the committed offset, or without one the end to
// which auto.offset.reset leads; it asks the brokers then.
func (c *Consumer) Position(tp connect.TopicPartition) (int64, error) {
	l := partitionList([]connect.TopicPartition{tp}, nil)
	defer C.rd_kafka_topic_partition_list_destroy(l)
	if err := codeError(int(C.rd_kafka_position(c.h.rk, l))); err != nil {
		return 0, err
	}
	if err := listError(l); err != nil {
		return 0, err
	}
	if at := int64(elems(l)[0].offset); at >= 0 {
		return at, nil
	}
	if err := codeError(int(C.rd_kafka_committed(c.h.rk, l, 10_000))); err != nil {
		return 0, err
	}
	if err := listError(l); err != nil {
		return 0, err
	}
	if at := int64(elems(l)[0].offset); at >= 0 {
		return at, nil
	}
	spec := Latest
	switch c.reset {
	case "earliest", "smallest", "beginning":
		spec = Earliest
	case "error":
		return 0, &PartitionError{TopicPartition: tp, Err: codeError(codeNoOffset)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	at, err := c.h.listOffsets(ctx, map[connect.TopicPartition]int64{tp: spec}, c.commits)
	return at[tp], err
}

// Close implements client.Consumer: it leaves the group.
func (c *Consumer) Close() error {
	if !c.h.stop() {
		return nil
	}
	c.group.closing = 1
	err := codeError(int(C.rd_kafka_consumer_close(c.h.rk)))
	for r := C.ck_group_next(c.group); r != nil; r = C.ck_group_next(c.group) {
		C.ck_rebalance_free(r)
	}
	c.f.free()
	c.h.destroy()
	C.free(unsafe.Pointer(c.group))
	return err
}
