package kafka

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/client"
)

// producerDefaults follow Java's producer where librdkafka's own defaults differ and the caller says nothing.
var producerDefaults = map[string]string{
	"partitioner":        "murmur2_random",
	"acks":               "all",
	"enable.idempotence": "true",
	queueSize:            "32768", // buffer.memory
}

const queueSize = "queue.buffering.max.kbytes"

// sendChunkBytes bounds the buffer by which records travel to C, and with it a producer's memory besides its queue.
const sendChunkBytes = 1 << 20

// Producer sends records by librdkafka. It implements client.Producer. Its memory is bounded by
// queue.buffering.max.kbytes, one chunk of about a megabyte (or the largest record), and the report buffers.
type Producer struct {
	h      handle
	topics topicHandles
	onDel  func([]client.Delivery)

	buf   []byte
	recs  []C.ck_record
	rkts  []*C.rd_kafka_topic_t
	index map[string]int32 // topic name -> place in rkts
	room  int              // bytes that the queue holds; a larger record would wait for ever

	sent      uint64        // by the caller's goroutine
	delivered atomic.Uint64 // by the queue's goroutine
	space     chan struct{} // signalled after deliveries

	out       []client.Delivery
	closeOnce sync.Once
}

// NewProducer opens a producer with librdkafka settings. onDelivery is as in client.ProducerFactory. It does not wait
// for a broker.
func NewProducer(settings map[string]string, log hclog.Logger, onDelivery func([]client.Delivery)) (*Producer, error) {
	room, err := strconv.Atoi(cmp.Or(settings[queueSize], producerDefaults[queueSize]))
	if err != nil {
		return nil, fmt.Errorf("%s is not a whole number", queueSize)
	}
	conf, err := newConf(settings, producerDefaults)
	if err != nil {
		return nil, err
	}
	p := &Producer{
		onDel: onDelivery,
		room:  room << 10,
		index: map[string]int32{},
		space: make(chan struct{}, 1),
		h:     handle{log: log, servers: settings["bootstrap.servers"]},
	}
	p.h.onDeliveries = p.deliver
	if err := p.h.open(C.RD_KAFKA_PRODUCER, conf); err != nil {
		return nil, err
	}
	p.topics.rk = p.h.rk
	return p, nil
}

// Send implements client.Producer.
func (p *Producer) Send(ctx context.Context, recs []client.ProducerRecord) error {
	for len(recs) > 0 {
		n, err := p.pack(recs)
		if err != nil {
			return err
		}
		if err := p.produce(ctx); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return nil
}

// pack copies records to the buffer until the chunk is full and returns how many.
func (p *Producer) pack(recs []client.ProducerRecord) (int, error) {
	p.buf, p.recs = p.buf[:0], p.recs[:0]
	for i := range recs {
		r := &recs[i]
		topic, err := p.topic(r.Topic)
		if err == nil {
			err = p.fits(r)
		}
		switch {
		case err != nil && i > 0:
			return i, nil // those before it first
		case err != nil:
			return 0, &client.RecordError{Seq: r.Seq, Err: err}
		}
		start := len(p.buf)
		p.buf = append(append(p.buf, r.Key...), r.Value...)
		for j := range r.Headers {
			p.buf = appendHeader(p.buf, &r.Headers[j])
		}
		p.recs = append(p.recs, C.ck_record{
			seq:        C.uint64_t(r.Seq),
			timestamp:  C.int64_t(r.TimestampMs),
			partition:  C.int32_t(r.Partition),
			topic:      C.int32_t(topic),
			key_len:    lenOrNull(r.Key),
			value_len:  lenOrNull(r.Value),
			header_cnt: C.int32_t(len(r.Headers)),
			size:       C.int32_t(len(p.buf) - start),
		})
		if len(p.buf) >= sendChunkBytes {
			return i + 1, nil
		}
	}
	return len(recs), nil
}

// fits tells why a record can't be queued, not even in an empty queue.
func (p *Producer) fits(r *client.ProducerRecord) error {
	size := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		size += 8 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	switch {
	case len(r.Key) > math.MaxInt32 || len(r.Value) > math.MaxInt32:
		return fmt.Errorf("%w: a record for topic %q is larger than 2 GiB", client.ErrTooLarge, r.Topic)
	case size > p.room:
		return fmt.Errorf("%w: a record of %d bytes for topic %q does not fit into the producer's queue of %d bytes: raise buffer.memory",
			client.ErrTooLarge, size, r.Topic, p.room)
	}
	return nil
}

func lenOrNull(b []byte) C.int32_t {
	if b == nil {
		return -1
	}
	return C.int32_t(len(b))
}

func appendHeader(buf []byte, h *client.Header) []byte {
	size := uint32(len(h.Value))
	if h.Value == nil {
		size = math.MaxUint32 // -1: null
	}
	buf = binary.NativeEndian.AppendUint32(buf, uint32(len(h.Key)))
	buf = binary.NativeEndian.AppendUint32(buf, size)
	buf = append(buf, h.Key...)
	return append(buf, h.Value...)
}

func (p *Producer) topic(name string) (int32, error) {
	if i, ok := p.index[name]; ok {
		return i, nil
	}
	rkt, err := p.topics.get(name)
	if err != nil {
		return 0, err
	}
	i := int32(len(p.rkts))
	p.rkts = append(p.rkts, rkt)
	p.index[name] = i
	return i, nil
}

// produce hands the packed chunk to librdkafka, waiting while its queue is full.
func (p *Producer) produce(ctx context.Context) error {
	if cap(p.buf) == 0 {
		p.buf = make([]byte, 0, 1) // C wants an address even for records without bytes
	}
	buf, recs, at := (*C.uchar)(unsafe.Pointer(unsafe.SliceData(p.buf))), p.recs, 0
	var errstr [256]C.char
	for len(recs) > 0 {
		var code C.int
		n := int(C.ck_produce(p.h.rk, &p.rkts[0], buf, C.size_t(at), &recs[0], C.int(len(recs)), &code, &errstr[0], C.size_t(len(errstr))))
		p.sent += uint64(n)
		for i := range recs[:n] {
			at += int(recs[i].size)
		}
		recs = recs[n:]
		if code == 0 {
			continue
		}
		if code != codeQueueFull {
			if code == codeFatal {
				return p.h.fatal()
			}
			return &client.RecordError{Seq: uint64(recs[0].seq), Err: &Error{Code: int(code), Text: C.GoString(&errstr[0])}}
		}
		select {
		case <-p.space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.trim()
	return nil
}

// trim lets go of a buffer that one huge record made.
func (p *Producer) trim() {
	if cap(p.buf) > 4*sendChunkBytes {
		p.buf = nil
	}
}

// deliver runs on the queue's goroutine.
func (p *Producer) deliver(ds []C.ck_delivery) {
	if cap(p.out) < len(ds) {
		p.out = make([]client.Delivery, max(len(ds), 512))
	}
	out := p.out[:len(ds)]
	for i := range ds {
		d := &ds[i]
		o := client.Delivery{Seq: uint64(d.seq), Partition: int32(d.partition), Offset: int64(d.offset)}
		if d.err != 0 {
			o.Err = p.deliveryError(int(d.err))
		}
		if o.Offset < 0 {
			o.Offset = -1
		}
		out[i] = o
	}
	p.onDel(out)
	p.delivered.Add(uint64(len(ds)))
	select {
	case p.space <- struct{}{}:
	default:
	}
}

func (p *Producer) deliveryError(code int) error {
	if code == codeFatal {
		return p.h.fatal()
	}
	return codeError(code)
}

// Flush implements client.Producer. It does not wait for linger.ms.
func (p *Producer) Flush(ctx context.Context) error {
	for p.delivered.Load() < p.sent {
		if err := ctx.Err(); err != nil {
			return err
		}
		// While it waits, librdkafka sends at once what lingers.
		C.rd_kafka_flush(p.h.rk, 100)
		if p.delivered.Load() < p.sent {
			// The reports may still be on their way through the queue.
			select {
			case <-p.space:
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// Abandon fails the delivery of all records that are not acknowledged. Those that a broker has may still count, the others
// are not sent any more. It must not be called after Close.
func (p *Producer) Abandon() {
	C.rd_kafka_purge(p.h.rk, C.RD_KAFKA_PURGE_F_QUEUE|C.RD_KAFKA_PURGE_F_INFLIGHT|C.RD_KAFKA_PURGE_F_NON_BLOCKING)
}

// Close implements client.Producer.
func (p *Producer) Close() {
	p.closeOnce.Do(func() {
		p.h.stop()
		p.Abandon()
		p.topics.free()
		p.h.destroy()
	})
}
