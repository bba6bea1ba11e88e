package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
	"zstd": kgo.ZstdCompression(),
}

// loop copies all partitions of a topic from their start, into the same partitions of another topic, until ctx ends. It is what is
// left of a mirror when everything but copying is taken away: no group, no offsets, no metrics; records go from the consumer to the
// producer as they are. It is tuned: batches up to 1 MB in the source's codec, and room enough to keep both sides busy.
func loop(ctx context.Context, source, target, topic, copied, codec string, linger time.Duration) error {
	compression, known := codecs[codec]
	if !known {
		return fmt.Errorf("unknown codec %q", codec)
	}
	in, err := kgo.NewClient(kgo.SeedBrokers(source), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(8<<20), kgo.FetchMaxPartitionBytes(1<<20))
	if err != nil {
		return err
	}
	defer in.Close()
	failed := make(chan error, 1)
	out, err := kgo.NewClient(kgo.SeedBrokers(target), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(compression), kgo.ProducerBatchMaxBytes(1_000_000), kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(50_000), kgo.MaxBufferedBytes(32<<20))
	if err != nil {
		return err
	}
	defer out.Close()
	written := func(_ *kgo.Record, err error) {
		if err != nil {
			select {
			case failed <- err:
			default:
			}
		}
	}
	fmt.Println("ready")
	for {
		fetches := in.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			r.Topic = copied
			out.Produce(ctx, r, written)
		})
		select {
		case err := <-failed:
			return err
		default:
		}
	}
}
