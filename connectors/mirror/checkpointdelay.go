package mirror

import (
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/metrics/measure"
)

// checkpointDelays holds how long checkpoints took to the target.
type checkpointDelays struct {
	mu sync.Mutex
	of map[groupPartition]*measure.Window
}

type groupPartition struct {
	group string
	tp    connect.TopicPartition
}

// CommitRecord implements connect.RecordCommitter.
func (t *checkpointTask) CommitRecord(rec *connect.SourceRecord, md *connect.RecordMetadata) error {
	if md == nil {
		return nil
	}
	group, _ := rec.SourcePartition.Get(groupKey)
	topic, _ := rec.SourcePartition.Get(topicKey)
	partition, _ := rec.SourcePartition.Int64(partitionKey)
	k := groupPartition{tp: connect.TopicPartition{Partition: int32(partition)}}
	k.group, _ = group.(string)
	k.tp.Topic, _ = topic.(string)
	addDelay(t.delays.window(k), time.Now(), rec.Timestamp)
	return nil
}

func (d *checkpointDelays) window(k groupPartition) *measure.Window {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[groupPartition]*measure.Window{}
	}
	w := d.of[k]
	if w == nil {
		w = &measure.Window{}
		d.of[k] = w
	}
	return w
}

var _ measure.CheckpointTeller = (*checkpointTask)(nil)

// CheckpointLatencies implements measure.CheckpointTeller. What was not measured of late is forgotten.
func (t *checkpointTask) CheckpointLatencies(now time.Time) (out []measure.CheckpointLatency) {
	t.delays.mu.Lock()
	defer t.delays.mu.Unlock()
	for k, w := range t.delays.of {
		s, any := w.Spread(now)
		if !any {
			delete(t.delays.of, k)
			continue
		}
		out = append(out, measure.CheckpointLatency{
			Source: t.s.source, Target: t.s.target, Group: k.group, Topic: k.tp.Topic, Partition: k.tp.Partition, Ms: s,
		})
	}
	return out
}
