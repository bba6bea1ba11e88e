package raw

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/kgo/raw/sequence"
)

// result is what a produce response says of a batch, or why there is none.
type result struct {
	code   int16
	offset int64
	text   *string
	err    error
}

// moved tells whether newer metadata may help.
func (r *result) moved() bool {
	if r.err != nil {
		return false // which the connection's end sees to
	}
	switch kerr.ErrorForCode(r.code) {
	case kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.OutOfOrderSequenceNumber, kerr.CorruptMessage, kerr.ConcurrentTransactions:
		return false
	}
	return true
}

// judge tells what a result means for a batch. The lock is held.
func (p *Producer) judge(l *lane, b *batch, r result) sequence.Answer {
	if r.err != nil {
		kind := sequence.Unsure
		var conn *ConnError
		if errors.As(r.err, &conn) && !conn.Written {
			kind = sequence.NotWritten
		}
		return sequence.Answer{Kind: kind, Offset: -1, Err: p.wording(l, r.err)}
	}
	kind := sequence.Classify(r.code, b.Tries(), p.txn != nil)
	if kind == sequence.Written {
		offset := r.offset
		if r.code != 0 {
			offset = -1 // a duplicate of something that is not remembered exactly
		}
		return sequence.Answer{Offset: max(offset, -1)}
	}
	err := kerr.ErrorForCode(r.code)
	if r.text != nil && *r.text != "" {
		err = fmt.Errorf("%w: %s", err, *r.text)
	}
	if p.txn != nil && outdated(r.code) {
		err = fmt.Errorf("%w: %w", client.ErrFatal, fenced(err))
	}
	return sequence.Answer{Kind: kind, Offset: -1, Err: p.wording(l, err)}
}

// kinds are the errors that callers tell apart.
var kinds = []struct {
	kafka error
	is    error
}{
	{kerr.MessageTooLarge, client.ErrTooLarge},
	{kerr.RecordListTooLarge, client.ErrTooLarge},
	{kerr.InvalidTimestamp, client.ErrTimestamp},
	{kerr.InvalidRecord, client.ErrRecord},
	{kerr.CorruptMessage, client.ErrCorrupt},
	{kerr.TopicAuthorizationFailed, client.ErrUnauthorized},
	{kerr.ClusterAuthorizationFailed, client.ErrUnauthorized},
	{kerr.TransactionalIDAuthorizationFailed, client.ErrUnauthorized},
	{kerr.UnknownTopicOrPartition, client.ErrUnknownTopic},
	{kerr.UnknownTopicID, client.ErrUnknownTopic},
	{kerr.ProducerFenced, client.ErrFenced},
}

// named wraps an error of Kafka's in the one of the client package.
func named(err error) error {
	for _, k := range kinds {
		if errors.Is(err, k.kafka) {
			return fmt.Errorf("%w (%w)", k.is, err)
		}
	}
	return err
}

// wording says which partition an error is about.
func (p *Producer) wording(l *lane, err error) error {
	return fmt.Errorf("partition %d of topic %q: %w", l.partition, l.topic.name, named(err))
}

// expired words the end of a wait. The lock is held.
func (p *Producer) expired(l *lane) func(*batch, error) error {
	return func(_ *batch, last error) error {
		if last == nil {
			last = p.obstacle(l)
		}
		if last == nil {
			return fmt.Errorf("partition %d of topic %q: not written within delivery.timeout.ms (%v)",
				l.partition, l.topic.name, p.set.DeliveryTimeout.Round(time.Millisecond))
		}
		return fmt.Errorf("not written within delivery.timeout.ms (%v): %w", p.set.DeliveryTimeout.Round(time.Millisecond), last)
	}
}

// obstacle is why a lane has sent nothing. The lock is held.
func (p *Producer) obstacle(l *lane) error {
	t := l.topic.meta
	switch {
	case t == nil:
		if err := p.cl.Failure(); err != nil {
			return fmt.Errorf("nothing is known of topic %q: no answer from the Kafka brokers at %s (bootstrap.servers): %w",
				l.topic.name, joined(p.cl.servers), err)
		}
		return nil
	case t.Err != nil:
		return p.wording(l, t.Err)
	case int(l.partition) >= len(t.Partitions):
		return fmt.Errorf("%w: topic %q has %d partitions, and none with the number %d",
			client.ErrUnknownTopic, l.topic.name, len(t.Partitions), l.partition)
	case t.Partitions[l.partition].Leader < 0:
		return p.wording(l, kerr.LeaderNotAvailable)
	case l.broker != nil && l.broker.err != nil:
		return p.wording(l, l.broker.err)
	}
	return nil
}
