package kgoclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

const (
	// fencingTimeout is transaction.timeout.ms of the producers that fence others off, which never begin a transaction. It must be
	// within the brokers' transaction.max.timeout.ms.
	fencingTimeout = time.Minute
	// fencedAtOnce bounds the requests that are under way.
	fencedAtOnce = 16

	fencingPauseMin = 20 * time.Millisecond
	fencingPauseMax = time.Second
)

// FenceProducers ends what the producers of these transactional ids have open, and keeps them from writing (KIP-618's use of
// KIP-98): each id is taken, as a newer producer would. It tries again what passes, until ctx ends.
func FenceProducers(ctx context.Context, cl *kgo.Client, ids []string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fencedAtOnce)
	for _, id := range ids {
		g.Go(func() error {
			if err := fenceProducer(ctx, cl, id); err != nil {
				return fmt.Errorf("fencing off the producer with transactional.id %s: %w", id, telling(err))
			}
			return nil
		})
	}
	return g.Wait()
}

func fenceProducer(ctx context.Context, cl *kgo.Client, id string) error {
	for pause := fencingPauseMin; ; pause = min(2*pause, fencingPauseMax) {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID = kmsg.StringPtr(id)
		req.TransactionTimeoutMillis = int32(fencingTimeout.Milliseconds())
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err == nil || !passes(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err // says more than that time is over
		case <-time.After(pause):
		}
	}
}

// passes tells errors that go away: a transaction that is being ended, a coordinator that moves or loads.
func passes(err error) bool {
	return errors.Is(err, kerr.ConcurrentTransactions) || kerr.IsRetriable(err)
}
