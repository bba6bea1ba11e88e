package mirror

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

// noCodec is for batches that are not compressed.
type noCodec struct{}

func (noCodec) Decompress(dst, src []byte, codec int8, limit int) ([]byte, error) {
	return nil, errors.New("nothing here is compressed")
}

func (noCodec) Compress(dst, src []byte, codec int8) ([]byte, error) {
	return nil, errors.New("nothing here is compressed")
}

func (f *fakeClients) Codec() rawbatch.Codec { return noCodec{} }

func (f *fakeClients) BatchReader(props map[string]string, memory int64) (BatchReader, error) {
	r, err := f.Reader(props)
	if err != nil {
		return nil, err
	}
	return &fakeBatchReader{fakeReader: r.(*fakeReader), given: f.fetched}, nil
}

// fakeBatchReader gives what the test says it fetched, and else the records of a cluster, one batch at a Poll.
type fakeBatchReader struct {
	*fakeReader
	given chan []client.FetchedBatches
}

func (r *fakeBatchReader) Poll(ctx context.Context, timeout time.Duration) ([]client.FetchedBatches, error) {
	select {
	case f := <-r.given:
		return f, nil
	default:
	}
	recs, err := r.fakeReader.Poll(ctx, timeout)
	if len(recs) == 0 {
		return nil, err
	}
	first := recs[0]
	var data []byte
	for len(recs) > 0 { // a batch is of one leader epoch
		n := 1
		for n < len(recs) && recs[n].LeaderEpoch == recs[0].LeaderEpoch {
			n++
		}
		data = append(data, batchOf(recs[:n]...)...)
		recs = recs[n:]
	}
	return []client.FetchedBatches{{
		Topic: first.Topic, Partition: first.Partition, From: first.Offset, End: -1, Data: data, Hold: client.NewHold(func() {}),
	}}, err
}

// EpochEnds answers for partitions whose leader is there.
func (r *fakeBatchReader) EpochEnds(_ context.Context, epochs map[connect.TopicPartition]int32) (map[connect.TopicPartition]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epochsAsked++
	if r.fail != nil {
		return nil, r.fail
	}
	out := map[connect.TopicPartition]int64{}
	var errs []error
	for tp, epoch := range epochs {
		l := r.logs[tp]
		switch {
		case l == nil:
			errs = append(errs, &client.PartitionError{TopicPartition: tp, Err: client.ErrUnknownTopic})
		case l.leaderless:
			errs = append(errs, &client.PartitionError{TopicPartition: tp, Err: errors.New("no leader")})
		default:
			at := slices.IndexFunc(l.recs, func(rec client.ConsumedRecord) bool { return rec.LeaderEpoch > epoch })
			if at < 0 {
				at = len(l.recs)
			}
			out[tp] = l.first + int64(at)
		}
	}
	return out, errors.Join(errs...)
}

// batchOf makes a batch of records, at their offsets.
func batchOf(recs ...client.ConsumedRecord) []byte {
	first, last := recs[0], recs[len(recs)-1]
	p := make([]byte, rawbatch.HeaderSize)
	newest := int64(-1)
	for _, r := range recs {
		var body []byte
		body = append(body, 0)
		body = binary.AppendVarint(body, ms(r)-ms(first))
		body = binary.AppendVarint(body, r.Offset-first.Offset)
		body = appendField(appendField(body, r.Key), r.Value)
		body = binary.AppendVarint(body, int64(len(r.Headers)))
		for _, h := range r.Headers {
			body = appendField(appendField(body, []byte(h.Key)), h.Value)
		}
		p = append(binary.AppendVarint(p, int64(len(body))), body...)
		newest = max(newest, ms(r))
	}
	put := binary.BigEndian
	put.PutUint64(p, uint64(first.Offset))
	put.PutUint32(p[8:], uint32(len(p)-12))
	put.PutUint32(p[12:], uint32(first.LeaderEpoch))
	p[16] = 2
	put.PutUint32(p[23:], uint32(last.Offset-first.Offset))
	put.PutUint64(p[27:], uint64(ms(first)))
	put.PutUint64(p[35:], uint64(newest))
	put.PutUint64(p[43:], ^uint64(0))
	put.PutUint16(p[51:], ^uint16(0))
	put.PutUint32(p[53:], ^uint32(0))
	put.PutUint32(p[57:], uint32(len(recs)))
	return seal(p)
}

// seal writes the checksum.
func seal(p []byte) []byte {
	binary.BigEndian.PutUint32(p[17:], crc32.Checksum(p[21:], crc32.MakeTable(crc32.Castagnoli)))
	return p
}

func ms(r client.ConsumedRecord) int64 {
	if r.Timestamp.IsZero() {
		return -1
	}
	return r.Timestamp.UnixMilli()
}

func appendField(p, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(p, -1)
	}
	return append(binary.AppendVarint(p, int64(len(v))), v...)
}

// recordsOf takes batches apart again.
func recordsOf(batches []client.SourceBatch) (out []client.ConsumedRecord, err error) {
	for _, s := range batches {
		b, _, err := rawbatch.Next(s.Bytes)
		if err != nil {
			return nil, err
		}
		if crc, err := rawbatch.Check(&b); err != nil || crc != s.BodyCRC {
			return nil, errors.Join(err, errors.New("the checksum of the body is another"))
		}
		c, err := rawbatch.Open(&b, noCodec{}, nil, 1<<20)
		if err != nil {
			return nil, err
		}
		runs := s.Runs
		for r, err := range c.Records() {
			if err != nil {
				return nil, err
			}
			key, value, _, err := r.Split()
			if err != nil {
				return nil, err
			}
			for runs[0].N == 0 {
				runs = runs[1:]
			}
			out = append(out, client.ConsumedRecord{
				Topic: s.Topic, Partition: s.Partition, Offset: runs[0].From, Key: key, Value: value, Timestamp: time.UnixMilli(r.Timestamp),
			})
			runs = append([]client.OffsetRun{{From: runs[0].From + 1, N: runs[0].N - 1}}, runs[1:]...)
		}
	}
	return out, nil
}

// batchContext is the context of a worker that sends whole batches.
type batchContext struct {
	connect.SourceTaskContext
	backlog client.Backlog
}

func (c *batchContext) WholeBatches() (bool, string)         { return true, "" }
func (c *batchContext) Backlog(string, int32) client.Backlog { return c.backlog }
func (c *batchContext) Throttled() time.Duration             { return 0 }
