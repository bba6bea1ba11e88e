package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// sinkBatch is what was consumed and not yet put.
type sinkBatch struct {
	recs []connect.SinkRecord
	// from is where each record came from: a transformation may have changed its topic.
	from []connect.TopicPartition
	// next is the offset after the last record consumed, dropped ones included.
	next map[connect.TopicPartition]int64
}

// done moves the batch's offsets to put and empties it.
func (b *sinkBatch) done(put map[connect.TopicPartition]int64) {
	for tp, o := range b.next {
		put[tp] = o
	}
	clear(b.next)
	clear(b.recs)
	b.recs, b.from = b.recs[:0], b.from[:0]
}

// drop leaves out the records of partitions that are not the task's any more.
func (b *sinkBatch) drop(tps []connect.TopicPartition) {
	gone := make(map[connect.TopicPartition]bool, len(tps))
	for _, tp := range tps {
		gone[tp] = true
		delete(b.next, tp)
	}
	n := 0
	for i := range b.recs {
		if !gone[b.from[i]] {
			b.recs[n], b.from[n] = b.recs[i], b.from[i]
			n++
		}
	}
	clear(b.recs[n:])
	b.recs, b.from = b.recs[:n], b.from[:n]
}

// take converts what was consumed and adds it to the batch.
func (s *Sink) take(recs []ConsumedRecord) error {
	if len(recs) == 0 {
		return nil
	}
	if s.cfg.TopicResets.changed(&s.resets) {
		clear(s.seen)
		s.conv.last = ""
	}
	if s.batch.next == nil {
		s.batch.next = make(map[connect.TopicPartition]int64)
	}
	before := len(s.batch.recs)
	defer func() { s.meter.took(len(recs), len(s.batch.recs)-before) }()
	return guard("a converter or transformation", func() error {
		var at connect.TopicPartition
		var next int64 // written at the end of each run of one partition: a map write per record would cost
		for i := range recs {
			r := &recs[i]
			if tp := (connect.TopicPartition{Topic: r.Topic, Partition: r.Partition}); tp != at {
				if at.Topic != "" {
					s.batch.next[at] = next
				}
				at = tp
			}
			s.batch.recs = append(s.batch.recs, connect.SinkRecord{})
			err := s.conv.one(s.soft, r, &s.batch.recs[len(s.batch.recs)-1])
			switch {
			case err == nil:
				s.batch.from = append(s.batch.from, at)
			case errors.Is(err, errSkip):
				s.batch.recs = s.batch.recs[:len(s.batch.recs)-1]
			default:
				s.batch.recs = s.batch.recs[:len(s.batch.recs)-1]
				return err
			}
			next = r.Offset + 1
		}
		s.batch.next[at] = next
		return nil
	})
}

func (s *Sink) track(topic string) {
	if s.cfg.TopicUsed != nil && !s.seen[topic] {
		s.seen[topic] = true
		s.cfg.TopicUsed(topic)
	}
}

// sinkConverting turns consumed records into sink records.
type sinkConverting struct {
	Converters
	chain                       Chain
	tol                         *tolerance
	rawKey, rawValue, rawHeader bool
	scratch                     connect.Transformable
	// converted is told the topic of records that were read, whatever the transformations make of them; last is the
	// topic it was told before.
	converted func(topic string)
	last      string
}

func newSinkConverting(conv Converters, chain Chain, tol *tolerance, converted func(topic string)) sinkConverting {
	return sinkConverting{
		Converters: conv, chain: chain, tol: tol, converted: converted,
		rawKey: isPassThrough(conv.Key), rawValue: isPassThrough(conv.Value), rawHeader: isPassThrough(conv.Header),
	}
}

func (c *sinkConverting) one(ctx context.Context, r *ConsumedRecord, out *connect.SinkRecord) error {
	*out = connect.SinkRecord{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, TimestampType: r.TimestampType,
	}
	var err error
	if out.KeySchema, out.Key, err = c.data(ctx, stageKey, c.Key, c.rawKey, r, r.Key); err != nil {
		return err
	}
	if out.ValueSchema, out.Value, err = c.data(ctx, stageValue, c.Value, c.rawValue, r, r.Value); err != nil {
		return err
	}
	if len(r.Headers) > 0 {
		if out.Headers, err = c.headers(ctx, r); err != nil {
			return err
		}
	}
	if r.Topic != c.last {
		c.last = r.Topic
		c.converted(r.Topic)
	}
	if c.chain == nil {
		return nil
	}
	return c.transform(ctx, r, out)
}

func (c *sinkConverting) data(ctx context.Context, at stage, conv connect.Converter, raw bool, r *ConsumedRecord, b []byte,
) (*connect.Schema, any, error) {
	if raw {
		return connect.OptionalBytesSchema, bytesOrNil(b), nil
	}
	schema, v, err := conv.ToData(r.Topic, b)
	if err == nil {
		return schema, v, nil
	}
	return c.dataAgain(ctx, at, err, conv, r, b)
}

func (c *sinkConverting) dataAgain(ctx context.Context, at stage, err error, conv connect.Converter, r *ConsumedRecord, b []byte,
) (schema *connect.Schema, v any, _ error) {
	err = c.tol.failed(ctx, at, err, consumedPlace(r), func() (err error) {
		schema, v, err = conv.ToData(r.Topic, b)
		return err
	})
	return schema, v, err
}

// bytesOrNil keeps null apart from empty.
func bytesOrNil(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

func (c *sinkConverting) headers(ctx context.Context, r *ConsumedRecord) ([]connect.Header, error) {
	out := make([]connect.Header, len(r.Headers))
	for i := range r.Headers {
		h := &r.Headers[i]
		out[i] = connect.Header{Key: h.Key, Schema: connect.OptionalBytesSchema, Value: bytesOrNil(h.Value)}
		if c.rawHeader {
			continue
		}
		convert := func() (err error) {
			out[i].Schema, out[i].Value, err = c.Header.ToHeader(r.Topic, h.Key, h.Value)
			return err
		}
		if err := convert(); err != nil {
			if err = c.tol.failed(ctx, stageHeader, err, consumedPlace(r), convert); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (c *sinkConverting) transform(ctx context.Context, r *ConsumedRecord, out *connect.SinkRecord) error {
	ts := int64(-1)
	if !r.Timestamp.IsZero() {
		ts = r.Timestamp.UnixMilli()
	}
	t := &c.scratch
	apply := func() error {
		*t = connect.Transformable{
			Topic: out.Topic, Partition: out.Partition, KeySchema: out.KeySchema, Key: out.Key,
			ValueSchema: out.ValueSchema, Value: out.Value, TimestampMs: ts, Headers: append([]connect.Header(nil), out.Headers...),
			FromSink: true, Offset: out.Offset,
		}
		return applyChain(c.chain, t)
	}
	err := apply()
	if err != nil && !errors.Is(err, errSkip) {
		err = c.tol.failed(ctx, stageTransform, err, consumedPlace(r), apply)
	}
	if err != nil {
		return err
	}
	out.Topic, out.Partition, out.KeySchema, out.Key = t.Topic, t.Partition, t.KeySchema, t.Key
	out.ValueSchema, out.Value, out.Headers = t.ValueSchema, t.Value, t.Headers
	if t.TimestampMs != ts {
		out.Timestamp = timeOf(t.TimestampMs)
	}
	return nil
}

func consumedPlace(r *ConsumedRecord) place {
	return func() string {
		return fmt.Sprintf("topic %s, partition %d, offset %d", r.Topic, r.Partition, r.Offset)
	}
}
