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
	"sync"
	"time"
	"unsafe"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/client"
)

// Cluster describes a Kafka cluster.
type Cluster = client.Cluster

// While Connect tries, it says so from time to time.
const (
	firstWarning = 3 * time.Second
	nextWarnings = 15 * time.Second
)

// Connect finds out whether a cluster can be reached, and asks for its id and size. It tries until ctx ends, but not
// after a refusal that no waiting helps against. Its error is one line that says what to check.
func Connect(ctx context.Context, settings map[string]string, log hclog.Logger) (Cluster, error) {
	const what = "connecting to the Kafka cluster"
	if log == nil {
		log = hclog.NewNullLogger()
	}
	conf, err := newConf(settings, nil)
	if err != nil {
		return Cluster{}, err
	}
	var mu sync.Mutex
	var last *Error
	refused := make(chan struct{})
	// The errors of the attempts make up the answer, so they need not be logged one by one.
	h := handle{servers: settings["bootstrap.servers"], onError: func(e *Error) {
		log.Debug("connecting to Kafka", "error", e.Text)
		mu.Lock()
		defer mu.Unlock()
		if last == nil || e.Code != codeAllBrokersDown { // which says less than what came before
			last = e
		}
		if e.refusal() {
			select {
			case <-refused:
			default:
				close(refused)
			}
		}
	}}
	if err := h.open(C.RD_KAFKA_PRODUCER, conf); err != nil {
		return Cluster{}, err
	}
	defer func() {
		h.stop()
		h.destroy()
	}()
	for warn := time.Now().Add(firstWarning); ; {
		c, code := h.cluster(ctx)
		if code == 0 {
			return c, nil
		}
		cause := codeError(code)
		if now := time.Now(); now.After(warn) {
			log.Warn("the Kafka brokers cannot be reached yet; still trying", "bootstrap", h.servers, "error", cause)
			warn = now.Add(nextWarnings)
		}
		var stop bool
		select {
		case <-refused:
			stop = true
		case <-ctx.Done():
			stop = true
		case <-time.After(100 * time.Millisecond):
		}
		if !stop {
			continue
		}
		if err := ctx.Err(); errors.Is(err, context.Canceled) {
			return Cluster{}, err // the caller has lost interest, whatever the cluster's state
		}
		mu.Lock()
		defer mu.Unlock()
		if last != nil && last.refusal() {
			return Cluster{}, fmt.Errorf("%s: the Kafka brokers at %s refuse the connection: check security.protocol, sasl.mechanism, "+
				"sasl.jaas.config and the certificates (%w)", what, h.servers, last)
		}
		if last != nil {
			cause = last
		}
		return Cluster{}, unreachable(h.servers, what, cause)
	}
}

// refusal tells errors that stay: wrong credentials or certificates.
func (e *Error) refusal() bool {
	return e.Code == codeAuthentication || e.Code == codeSSL
}

func (h *handle) cluster(ctx context.Context) (Cluster, int) {
	var md *C.struct_rd_kafka_metadata
	if code := C.rd_kafka_metadata(h.rk, 0, nil, &md, C.int(stepWithin(ctx))); code != 0 {
		return Cluster{}, int(code)
	}
	c := Cluster{Brokers: int(md.broker_cnt)}
	C.rd_kafka_metadata_destroy(md)
	if id := C.rd_kafka_clusterid(h.rk, 0); id != nil {
		c.ID = C.GoString(id)
		C.rd_kafka_mem_free(h.rk, unsafe.Pointer(id))
	}
	return c, 0
}
