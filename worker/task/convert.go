package task

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect"
)

// passThrough is an optional interface of converters: true says that byte slices and nulls pass unchanged, with the
// schema of optional bytes or none, so that the call may be left out.
type passThrough interface{ PassThrough() bool }

func isPassThrough(c any) bool {
	p, ok := c.(passThrough)
	return ok && p.PassThrough()
}

// converting turns source records into producer records. Its buffers are used again for each batch.
type converting struct {
	Converters
	chain               Chain
	tol                 *tolerance
	rawKey, rawValue    bool
	rawHeader           bool
	out                 []ProducerRecord
	headers             []Header
	index, dropped      []int // index is empty while nothing is dropped
	scratch             connect.Transformable
	scratchHeaderBuffer []connect.Header
}

func newConverting(conv Converters, chain Chain, tol *tolerance) converting {
	return converting{
		Converters: conv, chain: chain, tol: tol,
		rawKey: isPassThrough(conv.Key), rawValue: isPassThrough(conv.Value), rawHeader: isPassThrough(conv.Header),
	}
}

// reset forgets the batch, so that its records can be collected.
func (c *converting) reset() {
	clear(c.out)
	clear(c.headers)
	c.out, c.headers, c.index, c.dropped = c.out[:0], c.headers[:0], c.index[:0], c.dropped[:0]
	c.scratch = connect.Transformable{}
}

// origin gives the place in the batch of output i.
func (c *converting) origin(i int) int {
	if len(c.index) == 0 {
		return i
	}
	return c.index[i]
}

// convert fills out from recs. On an error out holds what came before the record that failed.
func (c *converting) convert(ctx context.Context, recs []connect.SourceRecord) error {
	c.out = slices.Grow(c.out, len(recs))
	for i := range recs {
		n := len(c.out)
		c.out = c.out[:n+1]
		err := c.one(ctx, &recs[i], &c.out[n])
		switch {
		case err == nil:
			if len(c.dropped) > 0 {
				c.index = append(c.index, i)
			}
			continue
		case !errors.Is(err, errSkip):
			c.out = c.out[:n]
			return err
		}
		if len(c.dropped) == 0 {
			for j := range n {
				c.index = append(c.index, j)
			}
		}
		c.out = c.out[:n]
		c.dropped = append(c.dropped, i)
	}
	return nil
}

func (c *converting) one(ctx context.Context, rec *connect.SourceRecord, out *ProducerRecord) error {
	*out = ProducerRecord{Topic: rec.Topic, Partition: rec.Partition, TimestampMs: -1}
	if !rec.Timestamp.IsZero() {
		out.TimestampMs = rec.Timestamp.UnixMilli()
	}
	keySchema, key, valueSchema, value, headers := rec.KeySchema, rec.Key, rec.ValueSchema, rec.Value, rec.Headers
	if c.chain != nil {
		if err := c.transform(ctx, rec, out.TimestampMs); err != nil {
			return err
		}
		t := &c.scratch
		out.Topic, out.Partition, out.TimestampMs = t.Topic, t.Partition, t.TimestampMs
		keySchema, key, valueSchema, value, headers = t.KeySchema, t.Key, t.ValueSchema, t.Value, t.Headers
	}
	if out.Topic == "" {
		return errors.New("the task returned a record without a topic")
	}
	if out.TimestampMs < -1 {
		return fmt.Errorf("the task returned a record for topic %s with the timestamp %d ms: it must not be before 1970",
			out.Topic, out.TimestampMs)
	}
	var err error
	if len(headers) > 0 {
		if out.Headers, err = c.convertHeaders(ctx, headers, out); err != nil {
			return err
		}
	}
	if out.Key, err = c.data(ctx, stageKey, c.Key, c.rawKey, out, keySchema, key); err != nil {
		return err
	}
	out.Value, err = c.data(ctx, stageValue, c.Value, c.rawValue, out, valueSchema, value)
	return err
}

// data converts a key or value. Only after a failure does it go through the closure of a retry.
func (c *converting) data(ctx context.Context, at stage, conv connect.Converter, raw bool, out *ProducerRecord,
	schema *connect.Schema, v any,
) ([]byte, error) {
	if raw && (schema == nil || schema.Kind == connect.Bytes) {
		switch b := v.(type) {
		case nil:
			return nil, nil
		case []byte:
			return b, nil
		}
	}
	b, err := conv.FromData(out.Topic, schema, v)
	if err == nil {
		return b, nil
	}
	return c.dataAgain(ctx, at, err, conv, out, schema, v)
}

func (c *converting) dataAgain(ctx context.Context, at stage, err error, conv connect.Converter, out *ProducerRecord,
	schema *connect.Schema, v any,
) (b []byte, _ error) {
	topic, partition, ts := out.Topic, out.Partition, out.TimestampMs
	err = c.tol.failed(ctx, at, err, sourcePlace(topic, partition, ts), func() (err error) {
		b, err = conv.FromData(topic, schema, v)
		return err
	})
	return b, err
}

func (c *converting) convertHeaders(ctx context.Context, headers []connect.Header, out *ProducerRecord) ([]Header, error) {
	from := len(c.headers)
	for i := range headers {
		h := &headers[i]
		b, raw := h.Value.([]byte)
		if !c.rawHeader || !raw && h.Value != nil || h.Schema != nil && h.Schema.Kind != connect.Bytes {
			var err error
			if b, err = c.header(ctx, h, out); err != nil {
				return nil, err
			}
		}
		c.headers = append(c.headers, Header{Key: h.Key, Value: b})
	}
	return c.headers[from:len(c.headers):len(c.headers)], nil
}

func (c *converting) header(ctx context.Context, h *connect.Header, out *ProducerRecord) ([]byte, error) {
	topic := out.Topic
	b, err := c.Header.FromHeader(topic, h.Key, h.Schema, h.Value)
	if err != nil {
		err = c.tol.failed(ctx, stageHeader, err, sourcePlace(topic, out.Partition, out.TimestampMs), func() (err error) {
			b, err = c.Header.FromHeader(topic, h.Key, h.Schema, h.Value)
			return err
		})
	}
	return b, err
}

// transform runs the chain over a copy in scratch: the record itself stays as the task made it.
func (c *converting) transform(ctx context.Context, rec *connect.SourceRecord, ts int64) error {
	apply := func() error {
		c.scratchHeaderBuffer = append(c.scratchHeaderBuffer[:0], rec.Headers...)
		c.scratch = connect.Transformable{
			Topic: rec.Topic, Partition: rec.Partition, KeySchema: rec.KeySchema, Key: rec.Key,
			ValueSchema: rec.ValueSchema, Value: rec.Value, TimestampMs: ts, Headers: c.scratchHeaderBuffer,
		}
		return applyChain(c.chain, &c.scratch)
	}
	err := apply()
	if err == nil || errors.Is(err, errSkip) {
		return err
	}
	return c.tol.failed(ctx, stageTransform, err, sourcePlace(rec.Topic, rec.Partition, ts), apply)
}

// applyChain gives errSkip for a record that the chain drops.
func applyChain(chain Chain, rec *connect.Transformable) error {
	keep, err := chain.Apply(rec)
	if err == nil && !keep {
		return errSkip
	}
	return err
}

func sourcePlace(topic string, partition int32, ts int64) place {
	return func() string {
		if partition == connect.NoPartition {
			return fmt.Sprintf("for topic %s, timestamp %d", topic, ts)
		}
		return fmt.Sprintf("for topic %s, partition %d, timestamp %d", topic, partition, ts)
	}
}
