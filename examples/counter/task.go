package main

import (
	"context"
	"time"

	"github.com/connectd/connectd/connect"
)

// Fields of source partitions and offsets. The offset topic is compacted by their bytes: never rename or reorder them.
const (
	fieldCounter = "counter"
	fieldCount   = "count"
)

// task counts for some counters.
type task struct {
	topic    string
	interval time.Duration
	counters []counter
}

type counter struct {
	name string
	last int64
}

// Start goes on where the stored offsets end.
func (t *task) Start(ctx context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	v, err := definition.Parse(props)
	if err != nil {
		return err
	}
	t.topic, t.interval = v.String(propTopic), v.Duration(propInterval)
	var partitions []connect.Entries
	for _, name := range v.List(propCounters) {
		t.counters = append(t.counters, counter{name: name})
		partitions = append(partitions, partition(name))
	}
	offsets, err := tc.Offsets().Offsets(ctx, partitions)
	if err != nil {
		return err
	}
	for i, offset := range offsets { // in the order asked; nil where nothing is stored yet
		t.counters[i].last, _ = offset.Int64(fieldCount)
	}
	tc.Logger().Info("counting", "counters", len(t.counters), "interval", t.interval)
	return nil
}

// Poll gives the next number of each counter once the interval has passed. It comes back at once when ctx ends.
func (t *task) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	timer := time.NewTimer(t.interval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, nil
	case <-timer.C:
	}
	records := make([]connect.SourceRecord, len(t.counters))
	for i := range t.counters {
		c := &t.counters[i]
		c.last++
		records[i] = connect.SourceRecord{
			// Stored together once the record is in Kafka: this counter has come to this number.
			SourcePartition: partition(c.name),
			SourceOffset:    connect.Entries{{Key: fieldCount, Value: c.last}},
			Topic:           t.topic,
			Partition:       connect.NoPartition, // the key decides
			KeySchema:       connect.StringSchema, Key: c.name,
			ValueSchema: connect.Int64Schema, Value: c.last,
		}
	}
	return records, nil
}

// Stop has nothing to release. It may be called while Poll is under way.
func (t *task) Stop() error { return nil }

func partition(name string) connect.Entries { return connect.Entries{{Key: fieldCounter, Value: name}} }
