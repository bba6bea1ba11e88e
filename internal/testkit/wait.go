package testkit

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// pollInterval is the pause between two looks at a condition: short against what tests wait for, long against what a look costs.
const pollInterval = 25 * time.Millisecond

// Eventually looks at the condition until it answers nil and fails the test at once, with the last answer, when that has not
// happened within the timeout, with which the condition's context ends too. Call it from the test's own goroutine.
func Eventually(t testing.TB, timeout time.Duration, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout) // works in cleanups as well
	defer cancel()
	if err := Poll(ctx, condition); err != nil {
		t.Fatalf("condition not met within %v: %v", timeout, err)
	}
}

// Poll looks at the condition until it answers nil, and returns the condition's last error when the context ends first.
func Poll(ctx context.Context, condition func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		// A look that was cut short by the deadline says nothing; the one before it tells why we waited.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", last, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
