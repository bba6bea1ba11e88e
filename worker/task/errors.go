package task

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/hashicorp/go-hclog"
)

// ErrorPolicy says what happens to records whose conversion or transformation fails (KIP-298). The zero value fails the
// task at once.
type ErrorPolicy struct {
	// Tolerate skips such records (errors.tolerance=all).
	Tolerate bool
	// RetryTimeout is how long a Retriable failure is tried again; negative is forever (errors.retry.timeout).
	RetryTimeout time.Duration
	// RetryMaxDelay bounds the wait between two tries (errors.retry.delay.max.ms).
	RetryMaxDelay time.Duration
	// Log writes each failed record's place to the log, LogMessages also its topic, partition and time
	// (errors.log.enable, errors.log.include.messages).
	Log, LogMessages bool
}

// ParseErrorPolicy reads a connector's errors.* properties, with the defaults of KIP-298.
func ParseErrorPolicy(props map[string]string) (ErrorPolicy, error) {
	p := ErrorPolicy{RetryMaxDelay: time.Minute}
	switch v := props["errors.tolerance"]; v {
	case "", "none":
	case "all":
		p.Tolerate = true
	default:
		return p, fmt.Errorf("errors.tolerance=%q: it must be none or all", v)
	}
	for name, d := range map[string]*time.Duration{
		"errors.retry.timeout": &p.RetryTimeout, "errors.retry.delay.max.ms": &p.RetryMaxDelay,
	} {
		v, ok := props[name]
		if !ok {
			continue
		}
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil || ms < -1 {
			return p, fmt.Errorf("%s=%q: it must be a whole number of milliseconds", name, v)
		}
		*d = time.Duration(ms) * time.Millisecond
	}
	for name, b := range map[string]*bool{"errors.log.enable": &p.Log, "errors.log.include.messages": &p.LogMessages} {
		v, ok := props[name]
		if !ok {
			continue
		}
		var err error
		if *b, err = strconv.ParseBool(v); err != nil {
			return p, fmt.Errorf("%s=%q: it must be true or false", name, v)
		}
	}
	return p, nil
}

// stage names a step of a record's way, in Java's words.
type stage string

const (
	stageTransform stage = "TRANSFORMATION"
	stageKey       stage = "KEY_CONVERTER"
	stageValue     stage = "VALUE_CONVERTER"
	stageHeader    stage = "HEADER_CONVERTER"
	stageProduce   stage = "KAFKA_PRODUCE"
)

// minRetryDelay is the first wait before a second try.
const minRetryDelay = 300 * time.Millisecond

// errSkip means that the record is to be left out.
var errSkip = errors.New("record skipped")

// tolerance carries out an ErrorPolicy.
type tolerance struct {
	ErrorPolicy
	log    hclog.Logger
	counts *errorCounts
}

// place describes a record without its contents.
type place func() string

// failed takes a first failure of op and decides: nil once a further try succeeded, errSkip, or the error that fails the
// task. Waits end with ctx.
func (t *tolerance) failed(ctx context.Context, at stage, err error, where place, op func() error) (outcome error) {
	if op != nil && connect.IsRetriable(err) {
		err = t.retry(ctx, err, op)
	}
	if err == nil {
		return nil
	}
	t.counts.failed(false)
	defer func() { t.counts.settled(t.Log && !errors.As(err, new(*PanicError)), errors.Is(outcome, errSkip)) }()
	var p *PanicError
	if errors.As(err, &p) {
		return err
	}
	if t.Log {
		attrs := []any{"stage", string(at), "error", err}
		if t.LogMessages {
			attrs = append(attrs, "record", where())
		}
		t.log.Error("Error encountered in task", attrs...)
	}
	if t.Tolerate {
		return errSkip
	}
	return fmt.Errorf("tolerance exceeded in error handler: %s of record (%s): %w", at, where(), err)
}

// retry tries op again while its error is Retriable, with doubling waits, and returns the last error.
func (t *tolerance) retry(ctx context.Context, err error, op func() error) error {
	start := time.Now()
	for delay := minRetryDelay; ; delay *= 2 {
		wait := delay
		if wait > t.RetryMaxDelay || wait <= 0 {
			wait = time.Duration(rand.Int64N(int64(max(t.RetryMaxDelay, 1))))
			delay = max(t.RetryMaxDelay, 1)
		}
		if t.RetryTimeout >= 0 {
			left := t.RetryTimeout - time.Since(start)
			if left <= 0 {
				return err
			}
			wait = min(wait, left)
		}
		if !sleep(ctx, wait) {
			return err
		}
		t.counts.failed(true)
		if err = op(); err == nil || !connect.IsRetriable(err) {
			return err
		}
	}
}

// sleep waits for d; false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// timeOf turns milliseconds since the epoch into a time, negative ones into none.
func timeOf(ms int64) time.Time {
	if ms < 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
