package mirror

import (
	"context"
	"time"
)

// Waits between attempts to reach the clusters.
const (
	retryFirst = 2 * time.Second
	retryMost  = 30 * time.Second
)

// retry calls f until it succeeds or ctx ends, with waits that double from retryFirst to retryMost. failed is told of each failure
// and of the wait that follows, but not of what fails because ctx has ended. It tells whether f succeeded.
func retry(ctx context.Context, f func() error, failed func(wait time.Duration, err error)) bool {
	for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryMost) {
		err := f()
		if err == nil {
			return true
		}
		if ctx.Err() == nil {
			failed(wait, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return false
}
