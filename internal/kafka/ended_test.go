package kafka

import (
	"context"
	"errors"
	"testing"
)

// TestWhoGaveUpCounts: a task that is told to stop while the brokers refuse something has been stopped, it has not failed.
func TestWhoGaveUpCounts(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	before := &Error{Code: 78, Text: "Broker: Leader high watermark is not caught up"}
	cancel(context.Canceled)
	err := endedWith(ctx, before)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, before) {
		t.Errorf("got %v", err)
	}
	if again := endedWith(ctx, err); again != err {
		t.Errorf("told twice: %v", again)
	}
}
