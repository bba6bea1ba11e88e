package kgoclient

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// TestFenceProducers: what a fenced producer has begun does not count, and it cannot go on; ids that nobody has had are fine.
func TestFenceProducers(t *testing.T) {
	testkit.NoLeaks(t)
	e, err := StartEmbedded(EmbeddedConfig{ClusterID: "c", AutoCreateTopics: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	open := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(e.Bootstrap()), kgo.AllowAutoTopicCreation())...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	old := open(kgo.TransactionalID("g-m-0"), kgo.DefaultProduceTopic("out"))
	if err := old.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := old.ProduceSync(ctx, kgo.StringRecord("lost")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := FenceProducers(ctx, open(), []string{"g-m-0", "g-m-1", "g-m-2"}); err != nil {
		t.Fatal(err)
	}
	err = old.ProduceSync(ctx, kgo.StringRecord("late")).FirstErr()
	if err == nil {
		err = old.EndTransaction(ctx, kgo.TryCommit)
	}
	if !errors.Is(err, kerr.InvalidProducerEpoch) && !errors.Is(err, kerr.ProducerFenced) {
		t.Errorf("the fenced producer goes on: %v", err)
	}
	next := open(kgo.TransactionalID("g-m-0"), kgo.DefaultProduceTopic("out"))
	if err := next.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := next.ProduceSync(ctx, kgo.StringRecord("new")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := next.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	fetches := open(kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())).PollFetches(ctx)
	if recs := fetches.Records(); len(recs) != 1 || string(recs[0].Value) != "new" {
		t.Errorf("%v %v", recs, fetches.Err())
	}
}

func TestFenceProducersWithoutBrokers(t *testing.T) {
	testkit.NoLeaks(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := FenceProducers(ctx, cl, []string{"a", "b"}); err == nil {
		t.Error("fenced without a broker")
	}
}
