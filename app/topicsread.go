package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/inspect"
	"github.com/connectd/connectd/internal/kafka"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/hashicorp/go-hclog"
)

const (
	topicsBatch = 5000                   // records of one poll
	topicsRetry = 200 * time.Millisecond // between attempts to learn offsets
	followPoll  = time.Second            // how long one poll waits while nothing comes
)

type (
	positions = map[connect.TopicPartition]int64
	// topicReader reads the internal topics. It writes nothing: it is in no group, and asks for no topic that is not there.
	topicReader struct {
		plan         *topicsPlan
		reader       *kafka.Reader
		timeout      time.Duration
		cluster      inspect.Cluster
		kinds        map[string][]inspect.Kind // by topic
		sources      map[inspect.Kind]inspect.Source
		starts, ends positions
	}
)

// openTopics connects, checks that the topics are there, and asks where they begin and end.
func openTopics(ctx context.Context, plan *topicsPlan, timeout time.Duration, log hclog.Logger) (*topicReader, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cluster, err := kafka.Connect(ctx, plan.admin, log)
	if err != nil {
		return nil, err
	}
	t := &topicReader{
		plan: plan, timeout: timeout, cluster: inspect.Cluster{ID: cluster.ID, BootstrapServers: plan.bootstrap, Group: plan.group},
		kinds: map[string][]inspect.Kind{}, sources: map[inspect.Kind]inspect.Source{},
	}
	if err := t.find(ctx, log); err != nil {
		return nil, err
	}
	t.reader, err = kafka.NewReader(plan.consumer, kafka.ReaderOptions{MaxRecords: topicsBatch, Log: log})
	if err != nil {
		return nil, err
	}
	if err := t.locate(ctx); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *topicReader) close() { _ = t.reader.Close() }

// find looks the topics up in the list of all topics, since asking for one by name may create it.
func (t *topicReader) find(ctx context.Context, log hclog.Logger) error {
	admin, err := kafka.NewAdmin(t.plan.admin, log)
	if err != nil {
		return err
	}
	defer admin.Close()
	topics, err := admin.Topics(ctx)
	if err != nil {
		return err
	}
	var missing []error
	for _, kind := range inspect.Kinds {
		name, wanted := t.plan.topics[kind]
		if !wanted {
			continue
		}
		topic, has := topics[name]
		if !has {
			missing = append(missing, fmt.Errorf("topic %s (%s)", name, t.plan.origins[kind]))
			continue
		}
		t.kinds[name] = append(t.kinds[name], kind)
		t.sources[kind] = inspect.Source{Name: name, Partitions: topic.Partitions}
	}
	if len(missing) > 0 {
		text := strings.ReplaceAll(errors.Join(missing...).Error(), "\n", ", ")
		return fmt.Errorf("not found on %s: %s: the name is wrong, or this principal may not DESCRIBE the topic", t.plan.bootstrap, text)
	}
	return nil
}

// locate asks for the first and last offsets of all partitions, again while leaders move.
func (t *topicReader) locate(ctx context.Context) error {
	var err error
	if t.starts, err = t.offsets(ctx, client.Earliest, true); err != nil {
		return err
	}
	// What is written between the two questions must not look as if a transaction kept it back: so this one comes first.
	all, err := t.offsets(ctx, client.Latest, false)
	if err != nil {
		return err
	}
	if t.ends, err = t.offsets(ctx, client.Latest, true); err != nil {
		return err
	}
	for tp, end := range all {
		for _, kind := range t.kinds[tp.Topic] {
			s := t.sources[kind]
			s.Undecided += max(0, end-t.ends[tp])
			t.sources[kind] = s
		}
	}
	return nil
}

func (t *topicReader) offsets(ctx context.Context, spec int64, committed bool) (positions, error) {
	specs := positions{}
	for name, kinds := range t.kinds {
		for p := range t.sources[kinds[0]].Partitions {
			specs[connect.TopicPartition{Topic: name, Partition: p}] = spec
		}
	}
	for {
		at, err := t.reader.ListOffsets(ctx, specs, committed)
		if err == nil || kafka.IsAuthorization(err) || ctx.Err() != nil {
			return at, t.explain(err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(topicsRetry):
		}
	}
}

// explain says what to do where that is known.
func (t *topicReader) explain(err error) error {
	var pe *client.PartitionError
	switch {
	case err == nil || !errors.As(err, &pe):
		return err
	case kafka.IsAuthorization(err):
		return fmt.Errorf("topic %s: this principal must be let READ and DESCRIBE it: %w", pe.Topic, pe.Err)
	case errors.Is(err, client.ErrOffsetOutOfRange), errors.Is(err, client.ErrUnknownTopic):
		return fmt.Errorf("topic %s was deleted, made anew or cut while it was read; try again: %w", pe.Topic, pe.Err)
	}
	return err
}

// snapshot reads the topics up to where they ended at the start.
func (t *topicReader) snapshot(ctx context.Context, o inspect.Options) (*inspect.Report, error) {
	c := inspect.New(o, t.cluster, t.sources)
	if err := t.reader.Assign(t.starts); err != nil {
		return nil, err
	}
	err := t.reader.ReadTo(ctx, t.ends, t.timeout, func(recs []client.ConsumedRecord) {
		recs = slices.DeleteFunc(recs, func(r client.ConsumedRecord) bool {
			return r.Offset >= t.ends[connect.TopicPartition{Topic: r.Topic, Partition: r.Partition}]
		})
		for len(recs) > 0 {
			n := 1
			for n < len(recs) && recs[n].Topic == recs[0].Topic {
				n++
			}
			for _, kind := range t.kinds[recs[0].Topic] {
				c.Add(kind, logRecords(recs[:n])...)
			}
			recs = recs[n:]
		}
	})
	if err != nil {
		return nil, t.explain(err)
	}
	return c.Report(), nil
}

// follow hands on each record from now on, or from the beginning, until ctx ends.
func (t *topicReader) follow(ctx context.Context, beginning bool, lines *inspect.Lines, on func(inspect.Line) error) error {
	from := t.ends
	if beginning {
		from = t.starts
	}
	if err := t.reader.Assign(from); err != nil {
		return err
	}
	for {
		recs, err := t.reader.Poll(ctx, followPoll)
		for _, r := range recs {
			for _, kind := range t.kinds[r.Topic] {
				line, wanted := lines.Line(kind, logRecord(r))
				if !wanted {
					continue
				}
				if err := on(line); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return t.explain(err)
		}
	}
}

func logRecords(recs []client.ConsumedRecord) []configlog.Record {
	out := make([]configlog.Record, len(recs))
	for i := range recs {
		out[i] = logRecord(recs[i])
	}
	return out
}

func logRecord(r client.ConsumedRecord) configlog.Record {
	out := configlog.Record{Key: r.Key, Value: r.Value, Partition: r.Partition, Offset: r.Offset, TimestampMs: -1}
	if !r.Timestamp.IsZero() {
		out.TimestampMs = r.Timestamp.UnixMilli()
	}
	return out
}
