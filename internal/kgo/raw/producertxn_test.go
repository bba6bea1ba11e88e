package raw

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/client"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

// transactional opens a producer and initializes it.
func transactional(t *testing.T, servers, id string, more ...string) (*Producer, *outbox) {
	t.Helper()
	p, o := producer(t, servers, quick(append(more, "transactional.id", id)...))
	if err := p.Init(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	return p, o
}

func begin(t *testing.T, p *Producer) {
	t.Helper()
	if err := p.Begin(); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, p *Producer) {
	t.Helper()
	if err := p.Commit(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
}

func abort(t *testing.T, p *Producer) {
	t.Helper()
	if err := p.Abort(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
}

var committed = kgo.FetchIsolationLevel(kgo.ReadCommitted())

func TestTransactionsCountAsAWholeOrNotAtAll(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 3, Topics: map[string]int32{"a": 4, "b": 1}})
	p, o := transactional(t, e.Bootstrap(), "x")
	const rounds = 10
	for round := range rounds {
		begin(t, p)
		for part := range int32(4) {
			send(t, p, o.batch("a", part, numbered(2*round, 1)...), o.batch("a", part, numbered(2*round+1, 1)...))
		}
		send(t, p, o.batch("b", 0, numbered(round, 1)...))
		commit(t, p)
		begin(t, p)
		send(t, p, o.batch("a", 0, "aborted"), o.batch("b", 0, "aborted"))
		if round%2 == 0 {
			flush(t, p)
		}
		abort(t, p)
	}
	for part := range int32(4) {
		ascending(t, read(t, e.Bootstrap(), "a", part, 2*rounds, committed), 2*rounds)
	}
	ascending(t, read(t, e.Bootstrap(), "b", 0, rounds, committed), rounds)
}

func TestSendKVsGoesWhereJavaSendsIt(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"offsets": 25, "t": 1}})
	p, o := transactional(t, e.Bootstrap(), "x")
	begin(t, p)
	send(t, p, o.batch("t", 0, "0"))
	var kvs []client.KV
	for i := range 5 {
		kvs = append(kvs, client.KV{Key: []byte(strconv.Itoa(i)), Value: []byte("v" + strconv.Itoa(i))})
	}
	if err := p.SendKVs(within(t, time.Minute), "offsets", kvs); err != nil {
		t.Fatal(err)
	}
	commit(t, p)
	if got := o.deliveries(); len(got) != 1 {
		t.Errorf("deliveries %v", got)
	}
	// Of Java's producer for 25 partitions.
	for key, part := range map[int]int32{0: 21, 1: 9, 4: 3} {
		if got := read(t, e.Bootstrap(), "offsets", part, 1, committed); got[0] != "v"+strconv.Itoa(key) {
			t.Errorf("partition %d holds %v, not that of key %d", part, got, key)
		}
	}
	if got := read(t, e.Bootstrap(), "offsets", 18, 2, committed); !slices.Equal(got, []string{"v2", "v3"}) {
		t.Errorf("partition 18 holds %v", got)
	}
}

func TestAnotherProducerFencesThisOne(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 1}})
	for _, how := range []string{"sending", "committing", "aborting"} {
		t.Run(how, func(t *testing.T) {
			old, o := transactional(t, e.Bootstrap(), how)
			begin(t, old)
			send(t, old, o.batch("t", 0, "old"))
			flush(t, old)
			young, yo := transactional(t, e.Bootstrap(), how)
			ctx := within(t, time.Minute)
			var err error
			switch how {
			case "sending":
				send(t, old, o.batch("t", 0, "late"))
				flush(t, old)
				if o.failures()[1] == nil {
					t.Error("a batch was written after the epoch has changed")
				}
				// Some brokers say at once that the producer is fenced, others that there is no such transaction.
				if err = old.Commit(ctx); !errors.Is(err, client.ErrFatal) {
					err = old.Abort(ctx)
				}
			case "committing":
				err = old.Commit(ctx)
			case "aborting":
				err = old.Abort(ctx)
			}
			if !errors.Is(err, client.ErrFenced) || !errors.Is(err, client.ErrFatal) {
				t.Errorf("%s: %v", how, err)
			}
			if err := old.Begin(); !errors.Is(err, client.ErrFenced) {
				t.Errorf("another transaction: %v", err)
			}
			begin(t, young)
			send(t, young, yo.batch("t", 0, how))
			commit(t, young)
		})
	}
	if got := read(t, e.Bootstrap(), "t", 0, 3, committed); !slices.Equal(got, []string{"sending", "committing", "aborting"}) {
		t.Errorf("records %v", got)
	}
}

// TestAFailedTransactionIsAbortedAndTheNextGoesOn has a batch refused, and one whose outcome is not known.
func TestAFailedTransactionIsAbortedAndTheNextGoesOn(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 2}})
	p, o := transactional(t, e.Bootstrap(), "x")
	for _, code := range []*kerr.Error{kerr.MessageTooLarge, kerr.UnknownServerError, kerr.OutOfOrderSequenceNumber, kerr.TransactionAbortable} {
		begin(t, p)
		send(t, p, o.batch("t", 0, "aborted"), o.batch("t", 1, "aborted"))
		flush(t, p)
		fault := e.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{0}, Err: code})
		send(t, p, o.batch("t", 0, "refused"), o.batch("t", 0, "passed over"))
		err := p.Commit(within(t, time.Minute))
		if !errors.Is(err, code) && !errors.Is(err, client.ErrTooLarge) || errors.Is(err, client.ErrFatal) {
			t.Errorf("%s: commit: %v", code.Message, err)
		}
		b := o.batch("t", 0, "no more")
		if _, err := p.Send(t.Context(), []client.RawBatch{b}); err == nil {
			t.Error("a failed transaction takes batches")
		}
		b.Hold.Release()
		abort(t, p)
		fault.Remove()
		begin(t, p)
		send(t, p, o.batch("t", 0, code.Message), o.batch("t", 1, code.Message))
		commit(t, p)
	}
	for part := range int32(2) {
		if got := read(t, e.Bootstrap(), "t", part, 4, committed); got[0] != "MESSAGE_TOO_LARGE" || got[3] != "TRANSACTION_ABORTABLE" {
			t.Errorf("partition %d holds %v", part, got)
		}
	}
}

// TestATransactionThatCannotBeginIsAborted has the coordinator refuse partitions.
func TestATransactionThatCannotBeginIsAborted(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 2}})
	p, o := transactional(t, e.Bootstrap(), "x")
	for i, code := range []*kerr.Error{kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.TopicAuthorizationFailed} {
		e.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Err: code})
		begin(t, p)
		send(t, p, o.batch("t", 0, "never"))
		if err := p.Commit(within(t, time.Minute)); !errors.Is(err, code) || errors.Is(err, client.ErrFatal) {
			t.Errorf("%s: commit: %v", code.Message, err)
		}
		abort(t, p)
		begin(t, p)
		send(t, p, o.batch("t", 0, numbered(i, 1)...), o.batch("t", 1, numbered(i, 1)...))
		commit(t, p)
	}
	for part := range int32(2) {
		ascending(t, read(t, e.Bootstrap(), "t", part, 3, committed), 3)
	}
}

// TestTheCoordinatorIsAskedAgain has it answer with what passes.
func TestTheCoordinatorIsAskedAgain(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"t": 3}})
	for _, code := range []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.ConcurrentTransactions} {
		fault := e.Cluster().Fault(
			kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: code, Count: 2},
			kfake.Fault{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Err: code, Count: 2},
			kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: code, Count: 2},
		)
		p, o := transactional(t, e.Bootstrap(), code.Message)
		for range 2 {
			begin(t, p)
			for part := range int32(3) {
				send(t, p, o.batch("t", part, code.Message))
			}
			commit(t, p)
		}
		begin(t, p)
		send(t, p, o.batch("t", 0, "aborted"))
		abort(t, p)
		if fault.Hits() < 6 {
			t.Errorf("%s: %d answers were errors", code.Message, fault.Hits())
		}
		fault.Remove()
	}
	for part := range int32(3) {
		if got := read(t, e.Bootstrap(), "t", part, 8, committed); slices.Contains(got, "aborted") {
			t.Errorf("partition %d holds %v", part, got)
		}
	}
}

// TestACommitWithoutAnswerEndsTheProducer since nobody knows whether the transaction counts.
func TestACommitWithoutAnswerEndsTheProducer(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 1}})
	p, o := transactional(t, e.Bootstrap(), "x")
	begin(t, p)
	send(t, p, o.batch("t", 0, "v"))
	flush(t, p)
	e.Cluster().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		e.Cluster().KeepControl()
		return nil, nil, true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Commit(ctx); !errors.Is(err, client.ErrFatal) {
		t.Error(err)
	}
}

func TestCallsOutOfOrderAreRefused(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 1}})
	plain, _ := producer(t, e.Bootstrap(), nil)
	if plain.Init(t.Context()) == nil || plain.Begin() == nil || plain.Commit(t.Context()) == nil || plain.Abort(t.Context()) == nil {
		t.Error("a producer without transactional.id has transactions")
	}
	p, o := producer(t, e.Bootstrap(), quick("transactional.id", "x"))
	if p.Begin() == nil {
		t.Error("a transaction before Init")
	}
	if err := p.Init(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	b := o.batch("t", 0, "v")
	if _, err := p.Send(t.Context(), []client.RawBatch{b}); err == nil {
		t.Error("a batch outside of a transaction")
	}
	b.Hold.Release()
	begin(t, p)
	if p.Begin() == nil {
		t.Error("a transaction within one")
	}
	commit(t, p) // of nothing
	begin(t, p)
	abort(t, p)
	abort(t, p)
}

// TestADeletedTopicFailsItsTransactionOnly and not before long, however long batches and the coordinator may be waited for.
func TestADeletedTopicFailsItsTransactionOnly(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"t": 1, "gone": 1}})
	p, o := transactional(t, e.Bootstrap(), "x", "transaction.timeout.ms", "600000", "delivery.timeout.ms", "600000")
	p.mu.Lock()
	p.patience = 100 * time.Millisecond
	p.mu.Unlock()
	both := func() {
		begin(t, p)
		send(t, p, o.batch("gone", 0, "0"), o.batch("t", 0, "0"))
	}
	both()
	commit(t, p)
	if _, err := kadmin(t, e.Bootstrap()).DeleteTopics(within(t, time.Minute), "gone"); err != nil {
		t.Fatal(err)
	}
	both() // what is known of the topic is old
	if err := p.Commit(within(t, time.Minute)); !errors.Is(err, client.ErrUnknownTopic) || errors.Is(err, client.ErrFatal) {
		t.Fatal(err)
	}
	abort(t, p)
	flush(t, p)
	errs := o.failures()
	if !errors.Is(errs[2], client.ErrUnknownTopic) || errs[3] != nil && !errors.Is(errs[3], client.ErrPassedOver) {
		t.Errorf("failures %v", errs)
	}
	begin(t, p)
	send(t, p, o.batch("t", 0, "1"))
	commit(t, p)
	ascending(t, read(t, e.Bootstrap(), "t", 0, 2, committed), 2)
}
