package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/connectd/connectd/internal/testkit"
)

var laneCodecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
	"zstd": kgo.ZstdCompression(),
}

// laneData is a filled topic: bytes of its batches as they lie in the log, and of its records' keys and values.
type laneData struct {
	topic                       string
	records, batches, wire, raw int64
}

// seedBytes is how much a client produces; the rest of a topic repeats its batches, which takes a tenth of the time. It is far more
// than any window of a codec.
const seedBytes = 64 << 20

// fillLane makes a topic and fills it with batches that a client made, until it takes so many bytes on disk.
func fillLane(b *testing.B, broker *testkit.Broker, topic string, c laneCase, batch int, wire int64) laneData {
	admin := kadm.NewClient(client(b, broker.Bootstrap))
	if resp, err := admin.CreateTopic(b.Context(), partitions, 1, nil, topic); err != nil || resp.Err != nil {
		b.Fatal(err, resp.Err)
	}
	raw := produceLane(b, broker.Bootstrap, topic, c, batch, seedBytes)
	cl := client(b, broker.Bootstrap, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	defer cl.Close()
	seed := rawTopic{cl: cl, broker: broker.ID, topic: topic}
	if err := seed.read(b.Context(), kadm.NewClient(cl)); err != nil {
		b.Fatal(err)
	}
	d := laneData{topic: topic}
	for _, of := range seed.batches {
		for _, batch := range of {
			d.count(batch)
		}
	}
	perRecord := float64(raw) / float64(d.records)
	if err := seed.repeat(b.Context(), &d, wire); err != nil {
		b.Fatal(err)
	}
	d.raw = int64(perRecord * float64(d.records))
	return d
}

func (d *laneData) count(batch []byte) {
	d.batches++
	d.wire += int64(len(batch))
	d.records += int64(binary.BigEndian.Uint32(batch[57:]))
}

// produceLane produces events until their keys and values take so many bytes, and gives those.
func produceLane(b *testing.B, bootstrap, topic string, c laneCase, batch int, bytes int64) (raw int64) {
	cl := client(b, bootstrap, kgo.ProducerBatchCompression(laneCodecs[c.codec]), kgo.ProducerBatchMaxBytes(int32(batch)),
		kgo.ProducerLinger(100*time.Millisecond), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.MaxBufferedRecords(200_000),
		kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()) // so that its batches may be there more than once
	defer cl.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := int64(0); raw < bytes; i++ {
		r := &kgo.Record{Topic: topic, Key: strconv.AppendInt(nil, 1_000_000+i, 10), Value: events(rng, c.size)}
		raw += int64(len(r.Key) + len(r.Value))
		cl.Produce(b.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := cl.Flush(b.Context()); err != nil || b.Failed() {
		b.Fatal(err)
	}
	return raw
}

var (
	eventNames = []string{"page_view", "add_to_cart", "remove_from_cart", "checkout", "search", "login", "logout", "payment_authorized"}
	eventPaths = []string{"/", "/shop/shoes", "/shop/shirts", "/cart", "/checkout/address", "/checkout/pay", "/account", "/search", "/help/returns"}
)

// events is JSON of this length: what repeats are names and a few values, what does not are ids, times and amounts.
func events(rng *rand.Rand, size int) []byte {
	v := make([]byte, 0, size+200)
	for len(v) < size {
		v = append(v, `{"id":"`...)
		v = strconv.AppendUint(v, rng.Uint64()>>20, 36)
		v = append(v, `","user":`...)
		v = strconv.AppendInt(v, rng.Int64N(1_000_000), 10)
		v = append(v, `,"event":"`...)
		v = append(v, eventNames[rng.IntN(len(eventNames))]...)
		v = append(v, `","path":"`...)
		v = append(v, eventPaths[rng.IntN(len(eventPaths))]...)
		v = append(v, `","at":17000`...)
		v = strconv.AppendInt(v, 10_000_000+rng.Int64N(80_000_000), 10)
		v = append(v, `,"cents":`...)
		v = strconv.AppendInt(v, rng.Int64N(100_000), 10)
		v = append(v, `,"currency":"EUR","ok":true}`...)
	}
	return v[:size]
}

// rawTopic reads and writes the batches of a topic whose partitions all lie on one broker.
type rawTopic struct {
	cl      *kgo.Client
	broker  int32
	topic   string
	id      [16]byte
	batches [partitions][][]byte
}

func (t *rawTopic) read(ctx context.Context, admin *kadm.Client) error {
	topics, err := admin.ListTopics(ctx, t.topic)
	if err != nil {
		return err
	}
	t.id = topics[t.topic].ID
	ends, err := admin.ListEndOffsets(ctx, t.topic)
	if err != nil {
		return err
	}
	for p := range int32(partitions) {
		end, _ := ends.Lookup(t.topic, p)
		for at := int64(0); at < end.Offset; {
			data, err := t.fetch(ctx, p, at)
			if err != nil {
				return err
			}
			for len(data) > 12 {
				n := 12 + int(binary.BigEndian.Uint32(data[8:]))
				if n > len(data) {
					break // cut off
				}
				t.batches[p] = append(t.batches[p], data[:n:n])
				at = int64(binary.BigEndian.Uint64(data)) + int64(binary.BigEndian.Uint32(data[23:])) + 1
				binary.BigEndian.PutUint64(data, 0) // as a producer has it
				data = data[n:]
			}
		}
	}
	return nil
}

func (t *rawTopic) fetch(ctx context.Context, partition int32, at int64) ([]byte, error) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = 1000, 1, 32<<20, -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, at, 32<<20
	of := kmsg.NewFetchRequestTopic()
	of.Topic, of.TopicID, of.Partitions = t.topic, t.id, append(of.Partitions, p)
	req.Topics = append(req.Topics, of)
	resp, err := t.cl.Broker(int(t.broker)).Request(ctx, req)
	if err != nil {
		return nil, err
	}
	got := resp.(*kmsg.FetchResponse).Topics
	if len(got) != 1 || len(got[0].Partitions) != 1 {
		return nil, fmt.Errorf("a fetch response for %d topics", len(got))
	}
	return got[0].Partitions[0].RecordBatches, kerr.ErrorForCode(got[0].Partitions[0].ErrorCode)
}

// repeat writes the batches again, a batch of each partition at a time, until the topic takes so many bytes.
func (t *rawTopic) repeat(ctx context.Context, d *laneData, wire int64) error {
	const underWay = 3
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(underWay)
	for i := 0; d.wire < wire; i++ {
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis = 1, 30_000
		of := kmsg.NewProduceRequestTopic()
		of.Topic, of.TopicID = t.topic, t.id
		for n, batches := range t.batches {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = int32(n), batches[i%len(batches)]
			d.count(p.Records)
			of.Partitions = append(of.Partitions, p)
		}
		req.Topics = append(req.Topics, of)
		g.Go(func() error {
			resp, err := t.cl.Broker(int(t.broker)).Request(ctx, req)
			if err != nil {
				return err
			}
			for _, of := range resp.(*kmsg.ProduceResponse).Topics {
				for _, p := range of.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if ctx.Err() != nil {
			break
		}
	}
	return g.Wait()
}
