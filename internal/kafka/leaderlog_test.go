package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/testkit"
)

// TestLeaderLog: who claims the privilege to write fences off whoever had it; what that one had begun does not count.
func TestLeaderLog(t *testing.T) {
	testkit.NoLeaks(t)
	servers := fake(t, map[string]int32{"configs": 1})
	ctx := within(t)
	leader := func(to *tail) *LeaderLog {
		l := logs(t, servers, true).Open("configs").ByLeader(with(servers, "transactional.id", "connect-cluster-g"))
		t.Cleanup(func() { _ = l.Close() })
		if err := l.Start(ctx, to.add); err != nil {
			t.Fatal(err)
		}
		return l
	}
	var seen, other tail
	old, next := leader(&seen), leader(&other)
	if err := old.AppendAsLeader(ctx, kv("a", "0")); !errors.Is(err, errNoPrivilege) {
		t.Errorf("a write without a claim: %v", err)
	}
	if err := errors.Join(old.Claim(ctx), old.Claim(ctx), old.AppendAsLeader(ctx, kv("a", "1"), kv("b", "1"))); err != nil {
		t.Fatal(err)
	}
	// The old leader stops in the middle of a write. What others write meanwhile waits for its end.
	if err := errors.Join(old.p.Begin(), old.p.Send(ctx, txnRecords("configs", 1, 100, 1)), old.p.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := next.Append(ctx, kv("pause", "1")); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if err := next.ReadToEnd(short); err == nil {
		t.Error("the end was reached although a transaction is open before it")
	}
	if err := errors.Join(next.Claim(ctx), next.AppendAsLeader(ctx, kv("a", "2")), next.ReadToEnd(ctx), old.ReadToEnd(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := old.p.Commit(ctx); !errors.Is(err, client.ErrFenced) {
		t.Errorf("the old leader commits: %v", err)
	}
	if err := old.AppendAsLeader(ctx, kv("a", "3")); !errors.Is(err, client.ErrFenced) {
		t.Errorf("the old leader writes: %v", err)
	}
	if err := errors.Join(next.AppendAsLeader(ctx, kv("a", "4")), next.ReadToEnd(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := other.sorted(); got != "a=1 a=2 a=4 b=1 pause=1" {
		t.Error(got)
	}
	next.Relinquish()
	if err := errors.Join(old.Claim(ctx), old.AppendAsLeader(ctx, kv("a", "5")), old.ReadToEnd(ctx)); err != nil {
		t.Errorf("after the newer leader left: %v", err)
	}
}
