package kafka

/*
#include "glue.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/connectd/connectd/internal/client"
)

// Error codes of librdkafka (negative) and of the Kafka protocol (positive) that callers ask about.
const (
	codeQueueFull        = -184
	codeTransport        = -195
	codeAllBrokersDown   = -187
	codeTimedOut         = -185
	codePartitionEOF     = -191
	codeSSL              = -181
	codeAuthentication   = -169
	codeFatal            = -150
	codePurgeQueue       = -152
	codePurgeInflight    = -151
	codeAutoOffsetReset  = -140
	codeUnknownTopic     = -188
	codeUnknownPartition = -190
	codeMaxPollExceeded  = -147
	codeNoOffset         = -168
	codeNoEntry          = -156
	codeLogTruncation    = -139
	codeState            = -172

	codeOffsetOutOfRange   = 1
	codeUnknownTopicOrPar  = 3
	codeNoLeader           = 5
	codeTopicAuth          = 29
	codeGroupAuth          = 30
	codeClusterAuth        = 31
	codeTopicExists        = 36
	codeInvalidTimestamp   = 32
	codeInvalidReplication = 38
)

// Error is a failure reported by the Kafka client or a broker.
type Error struct {
	// Code is the protocol's error code, or librdkafka's own (negative).
	Code int
	// Text is one line for people.
	Text string
	// Fatal says that the client is of no use any more.
	Fatal bool
}

func (e *Error) Error() string { return e.Text }

// Is makes errors.Is answer by code: for another Error, and for the errors of the client package.
func (e *Error) Is(target error) bool {
	switch target {
	case client.ErrOffsetOutOfRange:
		return e.Code == codeOffsetOutOfRange || e.Code == codeAutoOffsetReset
	case client.ErrTopicExists:
		return e.Code == codeTopicExists
	case client.ErrUnknownTopic:
		return e.Code == codeUnknownTopicOrPar || e.Code == codeUnknownTopic || e.Code == codeUnknownPartition
	case client.ErrReplication:
		return e.Code == codeInvalidReplication
	case client.ErrFatal:
		return e.Fatal || e.Code == codeFatal
	case client.ErrFenced:
		return slices.Contains(fencedCodes, e.Code)
	case client.ErrTooLarge:
		return slices.Contains(sizeCodes, e.Code)
	case client.ErrTimestamp:
		return e.Code == codeInvalidTimestamp
	case client.ErrTruncated:
		return e.Code == codeLogTruncation
	case client.ErrUnauthorized:
		return slices.Contains(authorizationCodes, e.Code)
	}
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// ErrClosed is what calls on a closed client answer.
var ErrClosed = errors.New("the Kafka client is closed")

// ErrTopicExists is what creating a topic that is there already answers.
var ErrTopicExists = client.ErrTopicExists

// ErrOffsetOutOfRange says that a position does not exist in the partition (any more).
var ErrOffsetOutOfRange = client.ErrOffsetOutOfRange

// authorizationCodes are the protocol's errors of missing ACLs: topic, group, cluster, transactional id.
var authorizationCodes = []int{codeTopicAuth, codeGroupAuth, codeClusterAuth, 53}

// fencedCodes are the errors of a producer whose transactional.id another one has: librdkafka's, invalid producer epoch, producer
// fenced.
var fencedCodes = []int{-144, 47, 90}

// sizeCodes are the protocol's errors of a record or a batch that is too large.
var sizeCodes = []int{10, 18}

// leadershipCodes are the protocol's errors of a partition whose leader has changed: leader not available, not leader or
// follower, listener not found, fenced and unknown leader epoch.
var leadershipCodes = []int{codeNoLeader, 6, 72, 74, 75}

// notThereCodes are the errors of a topic or partition of which the client does not know. It keeps the answer that there is no
// such topic for minutes, while one that was made a moment ago is unknown to some broker for milliseconds.
var notThereCodes = []int{codeNoEntry, codeUnknownTopic, codeUnknownPartition, codeUnknownTopicOrPar}

// IsAuthorization tells whether err is a missing ACL.
func IsAuthorization(err error) bool { return errors.Is(err, client.ErrUnauthorized) }

// codeErrors keeps one error per bare code, since a failed batch has the same for each of its records.
var codeErrors sync.Map

// codeError gives the error of a code, nil for 0.
func codeError(code int) error {
	if code == 0 {
		return nil
	}
	if e, ok := codeErrors.Load(code); ok {
		return e.(*Error)
	}
	text := C.GoString(C.rd_kafka_err2str(C.rd_kafka_resp_err_t(code)))
	e, _ := codeErrors.LoadOrStore(code, &Error{Code: code, Text: text})
	return e.(*Error)
}

// takeError turns an error object into a Go error and frees it; nil stays nil.
func takeError(e *C.rd_kafka_error_t) error {
	if e == nil {
		return nil
	}
	defer C.rd_kafka_error_destroy(e)
	return &Error{
		Code:  int(C.rd_kafka_error_code(e)),
		Text:  C.GoString(C.rd_kafka_error_string(e)),
		Fatal: C.rd_kafka_error_is_fatal(e) != 0,
	}
}

// unreachable words the end of a wait for a cluster that did not answer.
func unreachable(servers, what string, cause error) error {
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	return fmt.Errorf("%s: no answer from the Kafka brokers at %s (bootstrap.servers): check that the addresses are right, "+
		"that the brokers run, and that security.protocol and the credentials fit (%w)", what, servers, cause)
}
