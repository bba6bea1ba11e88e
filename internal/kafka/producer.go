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
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
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

const (
	queueSize     = "queue.buffering.max.kbytes"
	queueMessages = "queue.buffering.max.messages"
)

// sendChunkBytes bounds the buffer by which records travel to C, and with it a producer's memory besides its queue.
const sendChunkBytes = 1 << 20

// Producer sends records by librdkafka. It implements client.Producer. Of each partition one batch is under way at a time (see
// lanes), so that records stay in order when brokers ask to try again. Its memory is bounded by queue.buffering.max.kbytes and
// queue.buffering.max.messages, one chunk of about a megabyte (or the largest record), and the report buffers.
type Producer struct {
	h      handle
	topics topicHandles
	onDel  func([]client.Delivery)

	buf  []byte
	recs []C.ck_record

	mu       sync.Mutex
	rkts     []*C.rd_kafka_topic_t
	index    map[string]int32 // topic name -> place in rkts
	lanes    lanes
	sent     uint64 // records that were taken
	given    uint64 // of those, what had its outcome delivered
	bytes    int    // of records without one
	room     int    // bytes that may be, a larger record would wait for ever
	messages int    // records that may be
	gone     []client.Delivery
	purging  int // calls of librdkafka's that still drop what it has: what it got now, it might drop too

	space  chan struct{} // signalled after deliveries
	closed bool
	calls  sync.WaitGroup // of librdkafka's functions without mu; none begins once closed

	out       []client.Delivery
	closeOnce sync.Once
}

// NewProducer opens a producer with librdkafka settings. onDelivery is as in client.ProducerFactory. It does not wait
// for a broker.
func NewProducer(settings map[string]string, log hclog.Logger, onDelivery func([]client.Delivery)) (*Producer, error) {
	limits := map[string]int{queueSize: 0, queueMessages: 100_000, "batch.size": 1_000_000, "batch.num.messages": 10_000}
	for name, usual := range limits {
		n, err := strconv.Atoi(cmp.Or(settings[name], producerDefaults[name], strconv.Itoa(usual)))
		if err != nil {
			return nil, fmt.Errorf("%s is not a whole number", name)
		}
		limits[name] = n
	}
	// What waits is counted here. librdkafka counts records as well until their reports were read: twice as many at most.
	own := maps.Clone(settings)
	own[queueSize] = strconv.Itoa(min(2*limits[queueSize]+1024, math.MaxInt32))
	own[queueMessages] = strconv.Itoa(min(2*limits[queueMessages]+1024, math.MaxInt32))
	own["linger.ms"] = shortLinger(settings["linger.ms"])
	conf, err := newConf(own, producerDefaults)
	if err != nil {
		return nil, err
	}
	p := &Producer{
		onDel:    onDelivery,
		room:     limits[queueSize] << 10,
		messages: limits[queueMessages],
		index:    map[string]int32{},
		lanes:    newLanes(limits["batch.size"], limits["batch.num.messages"]),
		space:    make(chan struct{}, 1),
		h:        handle{log: log, servers: settings["bootstrap.servers"]},
	}
	p.h.onDeliveries = p.deliver
	if err := p.h.open(C.RD_KAFKA_PRODUCER, conf); err != nil {
		return nil, err
	}
	p.topics.rk = p.h.rk
	return p, nil
}

// mostLinger is how long librdkafka may wait for more of a batch, in ms. What comes while a batch is under way makes the next one,
// all of which librdkafka gets at once: to wait for more of it would only hold up the partition.
const mostLinger = 1

// shortLinger leaves what is no time, or too long a one, to librdkafka, which names it.
func shortLinger(given string) string {
	ms, err := strconv.ParseFloat(cmp.Or(given, strconv.Itoa(mostLinger)), 64)
	if err == nil && ms > mostLinger && ms <= 900_000 {
		return strconv.Itoa(mostLinger)
	}
	return cmp.Or(given, strconv.Itoa(mostLinger))
}

// Send implements client.Producer.
func (p *Producer) Send(ctx context.Context, recs []client.ProducerRecord) error {
	for len(recs) > 0 {
		n, err := p.take(recs)
		if err != nil {
			return err
		}
		if recs = recs[n:]; n > 0 {
			continue
		}
		select {
		case <-p.space:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// take queues records up to a chunk, or while there is room, and returns how many. What goes to librdkafka at once travels
// together; the rest waits in its lane.
func (p *Producer) take(recs []client.ProducerRecord) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, ErrClosed
	}
	if p.purging > 0 {
		return 0, nil
	}
	p.buf, p.recs = p.buf[:0], p.recs[:0]
	p.lanes.begin()
	n := 0
	for ; n < len(recs) && len(p.buf) < sendChunkBytes; n++ {
		r := &recs[n]
		topic, err := p.topic(r.Topic)
		if err == nil {
			err = p.fits(r)
		}
		if err != nil && n == 0 {
			return 0, &client.RecordError{Seq: r.Seq, Err: err}
		}
		size := recordSize(r)
		if err != nil || p.bytes+size > p.room || p.sent-p.given >= uint64(p.messages) {
			break // those before it first
		}
		p.sent++
		p.bytes += size
		l := p.lanes.of(topic, r.Partition)
		rec := C.ck_record{
			seq: C.uint64_t(r.Seq), timestamp: C.int64_t(r.TimestampMs), partition: C.int32_t(r.Partition), topic: C.int32_t(topic),
			key_len: lenOrNull(r.Key), value_len: lenOrNull(r.Value), header_cnt: C.int32_t(len(r.Headers)), size: C.int32_t(size),
		}
		if l.admits(size, &p.lanes) {
			p.buf = appendRecord(p.buf, r)
			rec.seq = p.lanes.sent(l, r.Seq, size)
			p.recs = append(p.recs, rec)
		} else {
			p.lanes.wait(l, rec, r)
		}
	}
	refused, err := p.produce()
	if err == nil {
		return n, nil
	}
	if errors.Is(err, errQueueFull) {
		return slices.IndexFunc(recs, func(r client.ProducerRecord) bool { return r.Seq == refused }), nil
	}
	return 0, err
}

// appendRecord puts the bytes of a record behind each other, as C reads them.
func appendRecord(buf []byte, r *client.ProducerRecord) []byte {
	buf = append(append(buf, r.Key...), r.Value...)
	for j := range r.Headers {
		buf = appendHeader(buf, &r.Headers[j])
	}
	return buf
}

// recordSize is how many bytes appendRecord adds.
func recordSize(r *client.ProducerRecord) int {
	size := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		size += 8 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return size
}

// fits tells why a record can't be queued, not even in an empty queue.
func (p *Producer) fits(r *client.ProducerRecord) error {
	size := recordSize(r)
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

// errQueueFull says that librdkafka has no room, which passes.
var errQueueFull = &Error{Code: codeQueueFull}

// produce hands the packed chunk to librdkafka. If that refuses a record, it is named, and those behind it are not taken either.
// The caller holds mu.
func (p *Producer) produce() (uint64, error) {
	defer p.trim()
	at := 0
	for first := 0; first < len(p.recs); {
		n, err := p.hand(p.buf, at, p.recs[first:])
		for _, r := range p.recs[first : first+n] {
			at += int(r.size)
		}
		first += n
		if err == nil {
			continue
		}
		refused := p.lanes.takeBack(p.recs[first:])
		records, bytes := p.lanes.dropBehind(refused)
		for _, r := range p.recs[first:] {
			records, bytes = records+1, bytes+int(r.size)
		}
		p.sent, p.bytes = p.sent-uint64(records), p.bytes-bytes
		if errors.Is(err, client.ErrFatal) || errors.Is(err, errQueueFull) {
			return refused, err
		}
		return refused, &client.RecordError{Seq: refused, Err: err}
	}
	return 0, nil
}

// hand gives records to librdkafka, whose bytes begin at buf[at], and returns how many it took and why not the next one.
func (p *Producer) hand(buf []byte, at int, recs []C.ck_record) (int, error) {
	if cap(buf) == 0 {
		buf = make([]byte, 0, 1) // C wants an address even for records without bytes
	}
	var code C.int
	var errstr [256]C.char
	n := int(C.ck_produce(p.h.rk, &p.rkts[0], (*C.uchar)(unsafe.Pointer(unsafe.SliceData(buf))), C.size_t(at), &recs[0], C.int(len(recs)),
		&code, &errstr[0], C.size_t(len(errstr))))
	switch code {
	case 0:
		return n, nil
	case codeFatal:
		return n, p.h.fatal()
	}
	return n, &Error{Code: int(code), Text: C.GoString(&errstr[0])}
}

// trim lets go of a buffer that one huge record made.
func (p *Producer) trim() {
	if cap(p.buf) > 4*sendChunkBytes {
		p.buf = nil
	}
}

// deliver runs on the queue's goroutine.
func (p *Producer) deliver(ds []C.ck_delivery) {
	out := p.outcomes(ds)
	p.onDel(out)
	p.mu.Lock()
	p.given += uint64(len(out))
	p.mu.Unlock()
	p.signal()
}

// outcomes makes deliveries of reports, and sends on what waited for them.
func (p *Producer) outcomes(ds []C.ck_delivery) []client.Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := append(p.out[:0], p.gone...)
	p.gone = nil
	p.lanes.retry()
	for i := range ds {
		d := &ds[i]
		seq, size := p.lanes.answered(uint64(d.seq))
		p.bytes -= size
		o := client.Delivery{Seq: seq, Partition: int32(d.partition), Offset: max(int64(d.offset), -1)}
		if d.err != 0 {
			o.Err = p.deliveryError(int(d.err))
		}
		out = append(out, o)
	}
	for l := p.lanes.nextReady(); l != nil; l = p.lanes.nextReady() {
		out = p.sendOn(l, out)
	}
	p.out = out
	return out
}

// sendOn hands the next batch of a lane to librdkafka. What that refuses has failed.
func (p *Producer) sendOn(l *lane, out []client.Delivery) []client.Delivery {
	for !l.empty() && l.open == 0 {
		batch := p.lanes.batch(l)
		n, err := p.hand(l.buf, l.at, batch)
		p.lanes.takeBack(batch[n:])
		l.leave(n)
		if errors.Is(err, errQueueFull) {
			p.lanes.again(l)
			return out
		}
		if err != nil {
			r := l.recs[l.next]
			p.bytes -= int(r.size)
			out = append(out, client.Delivery{Seq: uint64(r.seq), Partition: int32(r.partition), Offset: -1, Err: err})
			l.leave(1)
		}
		p.lanes.tidy(l)
	}
	return out
}

func (p *Producer) deliveryError(code int) error {
	if code == codeFatal {
		return p.h.fatal()
	}
	return codeError(code)
}

// Flush implements client.Producer. It does not wait for linger.ms.
func (p *Producer) Flush(ctx context.Context) error {
	for p.outstanding() {
		if err := ctx.Err(); err != nil {
			return err
		}
		// While it waits, librdkafka sends at once what lingers.
		if !p.call(func() { C.rd_kafka_flush(p.h.rk, 100) }) {
			return ErrClosed
		}
		if p.outstanding() {
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

// call calls librdkafka without mu, unless the client is closed: then it is false.
func (p *Producer) call(f func()) bool {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return false
	}
	p.calls.Add(1)
	p.mu.Unlock()
	defer p.calls.Done()
	f()
	return true
}

func (p *Producer) outstanding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.given < p.sent
}

// Abandon fails the delivery of all records that are not acknowledged. Those that a broker has may still count, the others
// are not sent any more. It does not wait for that; what is sent next does.
func (p *Producer) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.giveUpWaiting()
	p.purging++
	p.calls.Go(func() {
		C.rd_kafka_purge(p.h.rk, C.RD_KAFKA_PURGE_F_QUEUE|C.RD_KAFKA_PURGE_F_INFLIGHT)
		p.mu.Lock()
		p.purging--
		p.mu.Unlock()
		p.signal()
	})
}

// giveUpWaiting fails what waits in lanes. Where something does, something else is under way, whose report brings these along. The
// caller holds mu.
func (p *Producer) giveUpWaiting() {
	for _, r := range p.lanes.dropAll() {
		p.bytes -= int(r.size)
		p.gone = append(p.gone, client.Delivery{Seq: uint64(r.seq), Partition: int32(r.partition), Offset: -1, Err: codeError(codePurgeQueue)})
	}
}

// signal lets a Send that waits look again.
func (p *Producer) signal() {
	select {
	case p.space <- struct{}{}:
	default:
	}
}

// Close implements client.Producer. Calls that are under way, or come later, end with ErrClosed.
func (p *Producer) Close() {
	p.closeOnce.Do(func() {
		p.h.stop()
		p.Abandon()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.signal()
		p.calls.Wait()
		p.topics.free()
		p.h.destroy()
	})
}
