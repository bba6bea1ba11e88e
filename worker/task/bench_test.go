package task

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/cluster"
)

// benchProducer acknowledges each batch from a goroutine of its own, as a client library does.
type benchProducer struct {
	batches chan []Delivery
	free    chan []Delivery
	done    chan struct{}
}

func openBenchProducer(_ map[string]string, deliver func([]Delivery)) (Producer, error) {
	p := &benchProducer{batches: make(chan []Delivery, 16), free: make(chan []Delivery, 32), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for ds := range p.batches {
			deliver(ds)
			select {
			case p.free <- ds[:0]:
			default:
			}
		}
	}()
	return p, nil
}

func (p *benchProducer) Send(_ context.Context, recs []ProducerRecord) error {
	var ds []Delivery
	select {
	case ds = <-p.free:
	default:
	}
	for i := range recs {
		ds = append(ds, Delivery{Seq: recs[i].Seq, Partition: recs[i].Partition, Offset: 1})
	}
	p.batches <- ds
	return nil
}

func (p *benchProducer) Flush(context.Context) error { return nil }
func (p *benchProducer) Close()                      { close(p.batches); <-p.done }

type benchTask struct {
	recs []connect.SourceRecord
	left int
	end  chan struct{}
}

func (*benchTask) Start(context.Context, connect.SourceTaskContext, map[string]string) error {
	return nil
}

func (*benchTask) Stop() error { return nil }

func (b *benchTask) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	if b.left <= 0 {
		close(b.end)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	b.left -= len(b.recs)
	return b.recs, nil
}

type benchRecordTask struct{ *benchTask }

func (benchRecordTask) CommitRecord(*connect.SourceRecord, *connect.RecordMetadata) error { return nil }

type nowhere struct{}

func (nowhere) Set(context.Context, string, []OffsetPair) error { return nil }

// BenchmarkSource is the cost of a record in this room alone: batches of 500 records of 650 bytes from 8 partitions.
func BenchmarkSource(b *testing.B) {
	for _, kind := range []string{"raw", "raw+commitRecord", "converted", "transformed"} {
		b.Run(kind, func(b *testing.B) {
			task := &benchTask{left: b.N, end: make(chan struct{})}
			value := any(make([]byte, 650))
			for p := range 8 {
				id := connect.Entries{{Key: "cluster", Value: "S"}, {Key: "partition", Value: int32(p)}, {Key: "topic", Value: "in"}}
				off := connect.Entries{{Key: "offset", Value: int64(1 << 40)}}
				for range 500 / 8 {
					task.recs = append(task.recs, connect.SourceRecord{
						SourcePartition: id, SourceOffset: off, Topic: "S.in", Partition: int32(p), Value: value,
						ValueSchema: connect.OptionalBytesSchema, Timestamp: time.UnixMilli(1),
					})
				}
			}
			cfg := SourceConfig{
				ID: cluster.TaskID{Connector: "m"}, New: func() connect.SourceTask { return task },
				Converters: bytesConverters(kind != "converted"), NewProducer: openBenchProducer, Offsets: nowhere{},
				EnsureTopic: func(context.Context, string) error { return nil }, TopicUsed: func(string) {},
				Report: func(state cluster.State, err error) {
					if err != nil {
						panic(fmt.Sprint(state, err))
					}
				},
			}
			switch kind {
			case "raw+commitRecord":
				cfg.New = func() connect.SourceTask { return benchRecordTask{task} }
			case "transformed":
				cfg.Chain = chainFunc(func(*connect.Transformable) (bool, error) { return true, nil })
			}
			b.ReportAllocs()
			b.ResetTimer()
			s := StartSource(b.Context(), cfg)
			<-task.end
			s.Stop()
			<-s.Done()
		})
	}
}
