package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// LeaderLog is a Log to which a group's leader writes by a transactional producer, so that a newer leader can fence it off. It
// implements storage.LeaderLog. The producer is open while the privilege is held.
type LeaderLog struct {
	*Log
	settings map[string]string
	// sem has something while nobody uses what is below.
	sem chan struct{}
	p   *TxnProducer // nil without the privilege
	seq uint64
}

// ByLeader has a log written to by leaders with these producer settings, which name their common transactional.id.
func (l *Log) ByLeader(settings map[string]string) *LeaderLog {
	own := maps.Clone(logProducerDefaults)
	delete(own, "delivery.timeout.ms") // bounded by the transaction's
	maps.Copy(own, settings)
	ll := &LeaderLog{Log: l, settings: own, sem: make(chan struct{}, 1)}
	ll.sem <- struct{}{}
	return ll
}

func (l *LeaderLog) enterLeader(ctx context.Context) error {
	select {
	case <-l.sem:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *LeaderLog) leaveLeader() { l.sem <- struct{}{} }

// Claim implements storage.LeaderLog.
func (l *LeaderLog) Claim(ctx context.Context) error {
	if err := l.enterLeader(ctx); err != nil {
		return err
	}
	defer l.leaveLeader()
	if l.p != nil {
		return nil
	}
	p, err := NewTxnProducer(l.settings, l.logs.o.Log, func([]client.Delivery) {})
	if err != nil {
		return err
	}
	if err := p.Init(ctx); err != nil {
		p.Close()
		return err
	}
	l.p = p
	return nil
}

// Relinquish implements storage.LeaderLog. It waits for a write that is under way.
func (l *LeaderLog) Relinquish() {
	<-l.sem
	defer l.leaveLeader()
	l.drop()
}

// drop closes the producer. What it left open is aborted by the next one to claim, or when its time is over.
func (l *LeaderLog) drop() {
	if l.p != nil {
		l.p.Close()
		l.p = nil
	}
}

// errNoPrivilege is what a write without the privilege meets. Nothing was written.
var errNoPrivilege = errors.New("the leader's privilege to write was not claimed")

// AppendAsLeader implements storage.LeaderLog.
func (l *LeaderLog) AppendAsLeader(ctx context.Context, kvs ...client.KV) error {
	if len(kvs) == 0 {
		return nil
	}
	if err := l.enterLeader(ctx); err != nil {
		return err
	}
	defer l.leaveLeader()
	if l.p == nil {
		return fmt.Errorf("writing to topic %s: %w", l.topic, errNoPrivilege)
	}
	err := l.transaction(ctx, kvs)
	if err == nil {
		return nil
	}
	l.drop()
	return fmt.Errorf("writing to topic %s as the leader: %w", l.topic, err)
}

func (l *LeaderLog) transaction(ctx context.Context, kvs []client.KV) error {
	recs := make([]client.ProducerRecord, len(kvs))
	for i, kv := range kvs {
		l.seq++
		recs[i] = client.ProducerRecord{
			Seq: l.seq, Topic: l.topic, Partition: connect.NoPartition, Key: kv.Key, Value: kv.Value, TimestampMs: -1,
		}
	}
	if err := l.p.Begin(); err != nil {
		return err
	}
	err := l.p.Send(ctx, recs)
	if err == nil {
		err = l.p.Commit(ctx)
	}
	if err != nil && !errors.Is(err, client.ErrFatal) && ctx.Err() == nil {
		err = errors.Join(err, l.p.Abort(ctx)) // readers would wait for its end
	}
	return err
}

// Close implements storage.Log.
func (l *LeaderLog) Close() error {
	l.Relinquish()
	return l.Log.Close()
}
