package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// perSecond is how many records come, where latency is measured.
	perSecond = 1000
	// sourceLinger is for how long their producer gathers them, Java's default. It is part of all latencies.
	sourceLinger = 5 * time.Millisecond
)

// lateness measures how long records take from their production to a consumer of the copy, at 1,000 a second. begin has a topic
// copied; it gives the copy's name, and what ends it.
func (l *laneBench) lateness(begin func(topic string) (string, func())) (p50, p99 time.Duration) {
	topic := fmt.Sprintf("live%d", l.copies)
	l.createLive(topic)
	syscall.Sync() // or the disk is still busy with what the contender has copied: the faster it was, the longer
	copied, stop := begin(topic)
	took := l.stream(topic, l.target.Bootstrap, copied)
	stop()
	l.remove(l.source, topic)
	return quantile(took, 0.50), quantile(took, 0.99)
}

// atSource is what a consumer of the source sees, which no copy can be earlier than.
func (l *laneBench) atSource() (p50, p99 time.Duration) {
	topic := "live-source"
	l.createLive(topic)
	took := l.stream(topic, l.source.Bootstrap, topic)
	l.remove(l.source, topic)
	return quantile(took, 0.50), quantile(took, 0.99)
}

// stream produces to a topic and consumes another one, and gives how long each record took in the time that counts.
func (l *laneBench) stream(topic, bootstrap, copied string) []time.Duration {
	const warm = 5 * time.Second // after the first record's arrival
	ctx, cancel := context.WithCancel(l.Context())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { l.trickle(ctx, topic) })

	in := client(l.B, bootstrap, kgo.ConsumeTopics(copied), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMaxAge(time.Second))
	defer in.Close()
	var took []time.Duration
	var counted, ended time.Time // the production times between which records count
	for began := time.Now(); ; {
		fetches := in.PollFetches(ctx)
		now := time.Now()
		if fetches.IsClientClosed() || ctx.Err() != nil {
			l.Fatal("the benchmark ended while latency was measured")
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := time.Unix(0, int64(binary.BigEndian.Uint64(r.Value)))
			if counted.IsZero() {
				counted = now.Add(warm)
				ended = counted.Add(l.latency)
			}
			if at.After(counted) && at.Before(ended) {
				took = append(took, now.Sub(at))
			}
		})
		if !ended.IsZero() && now.After(ended.Add(2*time.Second)) {
			return took
		}
		if counted.IsZero() && time.Since(began) > 2*time.Minute {
			l.Fatalf("no record came to %s", copied)
		}
	}
}

// trickle produces until ctx ends.
func (l *laneBench) trickle(ctx context.Context, topic string) {
	cl := client(l.B, l.source.Bootstrap, kgo.ProducerBatchCompression(laneCodecs[l.codec]), kgo.ProducerLinger(sourceLinger),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer cl.Close()
	filler := make([]byte, l.size)
	for i, began := 0, time.Now(); ctx.Err() == nil; i++ {
		if early := time.Until(began.Add(time.Duration(i) * time.Second / perSecond)); early > 0 {
			pause(l.B, early)
		}
		value := slices.Clone(filler)
		binary.BigEndian.PutUint64(value, uint64(time.Now().UnixNano()))
		cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil && ctx.Err() == nil {
				l.Error(err)
			}
		})
	}
}

// quantile is 0 for nothing.
func quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(int(q*float64(len(took))), len(took)-1)]
}
