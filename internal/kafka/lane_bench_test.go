package kafka

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// The record lane by itself: Reader to Producer with nothing between. It needs two clusters:
//
//	go test ./internal/kafka -run TestLane -lane.source=HOST:PORT -lane.target=HOST:PORT -v
var (
	laneSource  = flag.String("lane.source", "", "bootstrap servers of the cluster to copy from")
	laneTarget  = flag.String("lane.target", "", "bootstrap servers of the cluster to copy to")
	laneRecords = flag.Int("lane.records", 2_000_000, "records in the source topic")
	laneProfile = flag.String("lane.profile", "", "file for a CPU profile of the copy")
	laneFetch   = flag.String("lane.consumer", "", "further librdkafka settings of the consumer, a=b,c=d")
	laneSend    = flag.String("lane.producer", "", "further librdkafka settings of the producer, a=b,c=d")
)

const (
	lanePartitions = 8
	laneSize       = 650
)

func settings(base map[string]string, more string) map[string]string {
	for kv := range strings.SplitSeq(more, ",") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			base[k] = v
		}
	}
	return base
}

func TestLane(t *testing.T) {
	if *laneSource == "" || *laneTarget == "" {
		t.Skip("needs -lane.source and -lane.target")
	}
	topic := fmt.Sprintf("lane-%d", *laneRecords)
	fillLane(t, topic)
	target := fmt.Sprintf("copy-%d", time.Now().UnixNano())
	makeTopic(t, *laneTarget, target, lanePartitions)

	r, err := NewReader(settings(map[string]string{"bootstrap.servers": *laneSource}, *laneFetch), ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	acked, failed := 0, 0
	p, err := NewProducer(settings(map[string]string{
		"bootstrap.servers": *laneTarget, "compression.type": "lz4", "batch.size": "131072", "linger.ms": "10",
	}, *laneSend), nil, func(ds []client.Delivery) {
		for i := range ds {
			if ds[i].Err != nil {
				failed++
			}
		}
		acked += len(ds)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if *laneProfile != "" {
		f, err := os.Create(*laneProfile)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		_ = pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	cpu, began := cpuTime(), time.Now()
	offsets := map[connect.TopicPartition]int64{}
	for i := range int32(lanePartitions) {
		offsets[connect.TopicPartition{Topic: topic, Partition: i}] = Earliest
	}
	if err := r.Assign(offsets); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var out []client.ProducerRecord
	var bytes, polls int
	for n := 0; n < *laneRecords; polls++ {
		recs, err := r.Poll(ctx, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		out = out[:0]
		for i := range recs {
			c := &recs[i]
			out = append(out, client.ProducerRecord{
				Seq: uint64(n + i), Topic: target, Partition: c.Partition, Key: c.Key, Value: c.Value,
				Headers: c.Headers, TimestampMs: c.Timestamp.UnixMilli(),
			})
			bytes += len(c.Key) + len(c.Value)
		}
		n += len(recs)
		if err := p.Send(ctx, out); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	cpu, took := cpuTime()-cpu, time.Since(began)
	if acked != *laneRecords || failed != 0 {
		t.Fatalf("acknowledged %d of %d records, %d failed", acked, *laneRecords, failed)
	}
	mb := float64(bytes) / 1e6
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	t.Logf("%.0f MB in %.2fs, %.2f CPU-s: %.1f MB per CPU-second, %.2f us/record; %d polls; peak RSS %d MB, Go heap %d MB, %d GCs",
		mb, took.Seconds(), cpu.Seconds(), mb/cpu.Seconds(), cpu.Seconds()*1e6/float64(*laneRecords), polls, maxRSS()>>10, ms.HeapSys>>20, ms.NumGC)
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

func maxRSS() int64 {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return ru.Maxrss
}

func makeTopic(t *testing.T, servers, name string, partitions int32) bool {
	t.Helper()
	a, err := NewAdmin(map[string]string{"bootstrap.servers": servers}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	failed, err := a.CreateTopics(t.Context(), client.TopicSpec{Name: name, Partitions: partitions, Replication: 1})
	if err != nil {
		t.Fatal(err)
	}
	return failed[name] == nil
}

// fillLane writes the source topic once: values that compress to about half.
func fillLane(t *testing.T, topic string) {
	t.Helper()
	if !makeTopic(t, *laneSource, topic, lanePartitions) {
		return
	}
	p, err := NewProducer(map[string]string{
		"bootstrap.servers": *laneSource, "compression.type": "lz4", "batch.size": "131072", "linger.ms": "10",
	}, nil, func([]client.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 512)
	for i := range words {
		words[i] = fmt.Sprintf("%x", rng.Uint32())
	}
	for i := range *laneRecords {
		v := make([]byte, 0, laneSize+16)
		for len(v) < laneSize {
			v = append(append(v, words[rng.IntN(len(words))]...), ' ')
		}
		err := p.Send(t.Context(), []client.ProducerRecord{{
			Seq: uint64(i), Topic: topic, Partition: int32(i % lanePartitions), Key: fmt.Appendf(nil, "%08d", i), Value: v[:laneSize], TimestampMs: -1,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}
