package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// tail collects what a log hands over.
type tail struct {
	mu  sync.Mutex
	kvs []string
}

func (l *tail) add(recs []client.LogRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range recs {
		v := string(r.Value)
		if r.Value == nil {
			v = "<null>"
		}
		l.kvs = append(l.kvs, string(r.Key)+"="+v)
	}
}

func (l *tail) sorted() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(l.kvs)), " ")
}

func logs(t *testing.T, servers map[string]string, committed bool) *Logs {
	t.Helper()
	l, err := NewLogs(LogsOptions{Producer: servers, Consumer: servers, ReadCommitted: committed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func open(t *testing.T, l *Logs, topic string, to *tail) *Log {
	t.Helper()
	log := l.Open(topic)
	t.Cleanup(func() { _ = log.Close() })
	if err := log.Start(within(t), to.add); err != nil {
		t.Fatal(err)
	}
	return log
}

func kv(k, v string) client.KV { return client.KV{Key: []byte(k), Value: []byte(v)} }

func TestLogReadsWhatWasWritten(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"offsets": 25, "configs": 1})
	l := logs(t, servers, false)
	var here, there, other tail
	log := open(t, l, "offsets", &here)
	if here.sorted() != "" {
		t.Errorf("an empty topic holds %q", here.sorted())
	}
	if err := log.Append(within(t), kv("a", "1"), kv("b", "2"), client.KV{Key: []byte("c")}, kv("a", "3")); err != nil {
		t.Fatal(err)
	}
	if err := log.ReadToEnd(within(t)); err != nil {
		t.Fatal(err)
	}
	const want = "a=1 a=3 b=2 c=<null>"
	if here.sorted() != want {
		t.Errorf("read %q", here.sorted())
	}
	// Another worker, and another topic of the same clients.
	second := open(t, logs(t, servers, true), "offsets", &there)
	if there.sorted() != want {
		t.Errorf("the other reads %q", there.sorted())
	}
	configs := open(t, l, "configs", &other)
	if err := configs.Append(within(t), kv("x", "y")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.Append(within(t), kv("d", "4")), second.ReadToEnd(within(t))); err != nil {
		t.Fatal(err)
	}
	if there.sorted() != want+" d=4" {
		t.Errorf("the other reads %q", there.sorted())
	}
	if err := configs.ReadToEnd(within(t)); err != nil || other.sorted() != "x=y" {
		t.Errorf("configs hold %q, %v", other.sorted(), err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.ReadToEnd(within(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("ReadToEnd of a closed log: %v", err)
	}
}

func TestReadToEndSeesWhatConcurrentAppendsAcknowledged(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"status": 5})
	l := logs(t, servers, false)
	var got tail
	log := open(t, l, "status", &got)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				if err := log.Append(within(t), kv(fmt.Sprint(w), fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := log.ReadToEnd(within(t)); err != nil {
		t.Fatal(err)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	next := map[string]int{}
	for _, s := range got.kvs {
		w, i, _ := strings.Cut(s, "=")
		if i != fmt.Sprint(next[w]) {
			t.Fatalf("%s after %d", s, next[w]-1)
		}
		next[w]++
	}
	if len(got.kvs) != 100 {
		t.Errorf("%d records", len(got.kvs))
	}
}

// The end of a topic may be a transaction's marker, which is no record.
func TestReadToEndPassesTransactionMarkers(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"configs": 1})
	cl, err := kgo.NewClient(kgo.SeedBrokers(servers["bootstrap.servers"]), kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("configs"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, committed := range []bool{true, false} {
		var got tail
		log := open(t, logs(t, servers, committed), "configs", &got)
		before := got.sorted()
		for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
			value := fmt.Sprintf("%v-%d", committed, i)
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := cl.ProduceSync(within(t), kgo.KeyStringRecord("k", value)).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := cl.EndTransaction(within(t), end); err != nil {
				t.Fatal(err)
			}
			if err := log.ReadToEnd(within(t)); err != nil {
				t.Fatal(err)
			}
			wanted := end == kgo.TryCommit || !committed
			if now := got.sorted(); strings.Contains(now, value) != wanted {
				t.Errorf("committed=%v: %q after %q", committed, now, before)
			}
		}
	}
}

func TestLogCallsEndWithTheirContext(t *testing.T) {
	testkit.NoLeaks(t)
	l := logs(t, map[string]string{"bootstrap.servers": "127.0.0.1:1"}, false)
	log := l.Open("configs")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := log.Start(ctx, func([]client.LogRecord) {})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("Start: %v", err)
	}
	if err := log.Append(ctx, kv("a", "b")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Append: %v", err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewLogReadsOnFromNothing(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, nil)
	a, err := NewAdmin(servers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	spec := client.TopicSpec{Name: "fresh", Partitions: 25, Replication: 1}
	if _, err := a.EnsureTopic(within(t), spec, "offset", "offset.storage.topic"); err != nil {
		t.Fatal(err)
	}
	var to tail
	log := logs(t, servers, false).OpenNew("fresh", 25)
	defer log.Close()
	if err := log.Start(within(t), to.add); err != nil {
		t.Fatal(err)
	}
	if err := log.Append(within(t), kv("a", "1"), kv("b", "2")); err != nil {
		t.Fatal(err)
	}
	if err := log.ReadToEnd(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := to.sorted(); got != "a=1 b=2" {
		t.Errorf("read %q", got)
	}
}

func TestAdminKeepsInternalTopics(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, nil)
	a, err := NewAdmin(servers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx := within(t)
	spec := client.TopicSpec{Name: "offsets", Partitions: 25, Replication: 1, Config: map[string]string{"segment.bytes": "1048576"}}
	for _, first := range []bool{true, false} {
		if created, err := a.EnsureTopic(ctx, spec, "offset", "offset.storage.topic"); err != nil || created != first {
			t.Fatalf("created %t, %v", created, err)
		}
	}
	topics, err := a.Topics(ctx)
	if err != nil || topics["offsets"] != (client.Topic{Name: "offsets", Partitions: 25, Replication: 1}) {
		t.Fatalf("topics %v, %v", topics, err)
	}
	failed, err := a.CreateTopics(ctx, spec, client.TopicSpec{Name: "plain", Partitions: 1, Replication: 1, Config: map[string]string{"cleanup.policy": "delete"}})
	if err != nil || len(failed) != 1 || !errors.Is(failed["offsets"], client.ErrTopicExists) {
		t.Errorf("creating again: %v, %v", failed, err)
	}
	spec.Name = "plain"
	_, err = a.EnsureTopic(ctx, spec, "offset", "offset.storage.topic")
	if err == nil || !strings.Contains(err.Error(), "offset.storage.topic") || !strings.Contains(err.Error(), "cleanup.policy=delete") {
		t.Errorf("a topic that forgets: %v", err)
	}
	if failed, err := a.AlterTopicConfigs(ctx, client.ConfigChange{Topic: "plain", Set: map[string]string{"retention.ms": "1000"}}); err != nil || len(failed) > 0 {
		t.Fatal(failed, err)
	}
	configs, err := a.TopicConfigs(ctx, "plain")
	if e := configs["plain"]["retention.ms"]; err != nil || e.Value != "1000" || e.Source != client.TopicConfig {
		t.Errorf("got %+v, %v", e, err)
	}
	if failed, err := a.AlterTopicConfigs(ctx, client.ConfigChange{Topic: "plain", Delete: []string{"retention.ms"}}); err != nil || len(failed) > 0 {
		t.Fatal(failed, err)
	}
	configs, err = a.TopicConfigs(ctx, "plain")
	if e := configs["plain"]["retention.ms"]; err != nil || e.Source == client.TopicConfig {
		t.Errorf("got %+v, %v", e, err)
	}
	if failed, err := a.CreatePartitions(ctx, map[string]int32{"plain": 3}); err != nil || len(failed) > 0 {
		t.Fatal(failed, err)
	}
}
