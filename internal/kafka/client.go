package kafka

/*
#include <stdlib.h>
#include "glue.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/hashicorp/go-hclog"
)

const forever = -1 // a timeout in librdkafka's terms

// warnInterval is how often a client warns of brokers that cannot be reached: librdkafka tells every second.
const warnInterval = 10 * time.Second

// handle is one librdkafka client with the goroutine that serves its main queue: logs, errors, delivery reports.
type handle struct {
	rk   *C.rd_kafka_t
	main *C.rd_kafka_queue_t
	log  hclog.Logger

	// onError gets errors that belong to no record or call. It may be nil.
	onError func(*Error)
	// onDeliveries gets delivery reports, on the goroutine of the main queue.
	onDeliveries func([]C.ck_delivery)

	warned time.Time // when it was last warned of unreachable brokers; belongs to serve

	mu      sync.Mutex
	closed  bool
	led     map[string]ledTopic // topics whose partitions had leaders when they were last looked at
	done    chan struct{}       // closed when the goroutine has ended
	servers string
}

// defaults are settings that this package chooses where the caller has none. Java's clients behave the same way or have
// no such setting.
var defaults = map[string]string{
	"log.queue":            "true",
	"log.connection.close": "false", // brokers close idle connections as a matter of course
	"log.thread.name":      "false",
}

// newConf makes a librdkafka configuration. Values may be secrets, so errors name the property only.
func newConf(props, fallback map[string]string) (*C.rd_kafka_conf_t, error) {
	conf := C.rd_kafka_conf_new()
	errstr := (*C.char)(C.calloc(1, 512))
	defer C.free(unsafe.Pointer(errstr))
	set := func(k, v string) error {
		ck, cv := C.CString(k), C.CString(v)
		defer C.free(unsafe.Pointer(ck))
		defer C.free(unsafe.Pointer(cv))
		switch C.rd_kafka_conf_set(conf, ck, cv, errstr, 512) {
		case C.RD_KAFKA_CONF_OK:
			return nil
		case C.RD_KAFKA_CONF_UNKNOWN:
			return fmt.Errorf("the Kafka client setting %s does not exist in librdkafka", k)
		}
		return fmt.Errorf("the Kafka client setting %s has a value that librdkafka does not accept", k)
	}
	for _, m := range []map[string]string{defaults, fallback} {
		for k, v := range m {
			if _, given := props[k]; given {
				continue
			}
			if err := set(k, v); err != nil {
				C.rd_kafka_conf_destroy(conf)
				return nil, err
			}
		}
	}
	for k, v := range props {
		if err := set(k, v); err != nil {
			C.rd_kafka_conf_destroy(conf)
			return nil, err
		}
	}
	return conf, nil
}

// open starts the client; it owns conf from here on.
func (h *handle) open(kind C.rd_kafka_type_t, conf *C.rd_kafka_conf_t) error {
	C.rd_kafka_conf_set_events(conf, C.RD_KAFKA_EVENT_DR|C.RD_KAFKA_EVENT_LOG|C.RD_KAFKA_EVENT_ERROR)
	errstr := (*C.char)(C.calloc(1, 512))
	defer C.free(unsafe.Pointer(errstr))
	h.rk = C.rd_kafka_new(kind, conf, errstr, 512)
	if h.rk == nil {
		C.rd_kafka_conf_destroy(conf)
		return fmt.Errorf("the Kafka client refuses its settings: %s", C.GoString(errstr))
	}
	if h.log == nil {
		h.log = hclog.NewNullLogger()
	}
	h.main = C.rd_kafka_queue_get_main(h.rk)
	C.rd_kafka_set_log_queue(h.rk, h.main)
	h.done, h.led = make(chan struct{}), map[string]ledTopic{}
	go h.serve()
	return nil
}

// serve handles the events of the main queue until stop.
func (h *handle) serve() {
	defer close(h.done)
	ds := make([]C.ck_delivery, 4096)
	if h.onDeliveries == nil {
		ds = ds[:1]
	}
	var ev C.ck_event
	for !h.isClosed() {
		// ev holds C pointers only, and ds none.
		C.ck_next_event(h.main, forever, &ev, &ds[0], C.int(len(ds)))
		switch ev._type {
		case C.RD_KAFKA_EVENT_DR:
			for n := int(ev.cnt); n > 0; n = int(C.ck_more_deliveries(&ev, &ds[0], C.int(len(ds)))) {
				if h.onDeliveries != nil {
					h.onDeliveries(ds[:n])
				}
			}
		case C.RD_KAFKA_EVENT_LOG:
			h.logLine(int(ev.level), C.GoString(ev.fac), C.GoString(ev.text))
		case C.RD_KAFKA_EVENT_ERROR:
			h.report(&Error{Code: int(ev.err), Text: C.GoString(ev.text), Fatal: ev.fatal != 0})
		}
		C.ck_event_done(&ev)
	}
	runtime.KeepAlive(ds)
}

// logLine passes a line of librdkafka on; its levels are syslog's.
func (h *handle) logLine(level int, fac, text string) {
	switch {
	case fac == "FAIL": // connections that fail come as errors too
		h.log.Debug(text, "facility", fac)
	case fac == "METADATAUPDATE", fac == "GETSUBSCRIPTIONS" && level > 4: // of use to librdkafka's authors only
		h.log.Debug(text, "facility", fac)
	case level <= 3:
		h.log.Error(text, "facility", fac)
	case level == 4:
		h.log.Warn(text, "facility", fac)
	case level <= 6:
		h.log.Info(text, "facility", fac)
	default:
		h.log.Debug(text, "facility", fac)
	}
}

func (h *handle) report(e *Error) {
	if e.Code == codeFatal {
		e = h.fatal()
	}
	switch {
	case e.Fatal:
		h.log.Error("Kafka client is out of service", "error", e.Text)
	case e.Code == codeTransport || e.Code == codeAllBrokersDown || e.Code == codeTimedOut:
		level := hclog.Warn
		if now := time.Now(); now.Sub(h.warned) < warnInterval {
			level = hclog.Debug
		} else {
			h.warned = now
		}
		h.log.Log(level, "Kafka brokers are hard to reach", "bootstrap", h.servers, "error", e.Text)
	default:
		h.log.Error("Kafka client reports an error", "error", e.Text)
	}
	if h.onError != nil {
		h.onError(e)
	}
}

// fatal gives the error that put the client out of service.
func (h *handle) fatal() *Error {
	errstr := (*C.char)(C.calloc(1, 512))
	defer C.free(unsafe.Pointer(errstr))
	code := C.rd_kafka_fatal_error(h.rk, errstr, 512)
	return &Error{Code: int(code), Text: C.GoString(errstr), Fatal: true}
}

func (h *handle) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// yield wakes a poll of q, unless the client is closed already.
func (h *handle) yield(q *C.rd_kafka_queue_t) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		C.rd_kafka_queue_yield(q)
	}
}

// stop ends the goroutine; false when it was called before. The caller releases its queues and then calls destroy.
func (h *handle) stop() bool {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return false
	}
	h.closed = true
	C.rd_kafka_queue_yield(h.main)
	h.mu.Unlock()
	<-h.done
	return true
}

func (h *handle) destroy() {
	C.rd_kafka_queue_destroy(h.main)
	C.rd_kafka_destroy_flags(h.rk, C.RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
}

// topicHandles keeps librdkafka's topic objects by name, for one goroutine.
type topicHandles struct {
	rk *C.rd_kafka_t
	m  map[string]*C.rd_kafka_topic_t
}

func (t *topicHandles) get(name string) (*C.rd_kafka_topic_t, error) {
	if rkt, ok := t.m[name]; ok {
		return rkt, nil
	}
	cn := C.CString(name)
	defer C.free(unsafe.Pointer(cn))
	rkt := C.rd_kafka_topic_new(t.rk, cn, nil)
	if rkt == nil {
		return nil, fmt.Errorf("topic %q: %w", name, codeError(int(C.rd_kafka_last_error())))
	}
	if t.m == nil {
		t.m = map[string]*C.rd_kafka_topic_t{}
	}
	t.m[name] = rkt
	return rkt, nil
}

func (t *topicHandles) free() {
	for _, rkt := range t.m {
		C.rd_kafka_topic_destroy(rkt)
	}
	t.m = nil
}
