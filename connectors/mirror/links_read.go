package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// linksRetention is how long records of the links topic stay: what is older than a link's life says nothing.
const linksRetention = 3 * linkLife

// linkBook is what the links topic of one cluster holds.
type linkBook struct {
	next  int64 // to be read
	known definitions
}

// read takes in what is new. A topic that is not there is empty.
func (b *linkBook) read(ctx context.Context, r Reader) error {
	if b.known == nil {
		b.known, b.next = definitions{}, client.Earliest
	}
	return readTail(ctx, r, connect.TopicPartition{Topic: linksTopic}, func(first, end int64) int64 {
		if b.next < first || b.next > end { // the topic was made anew
			b.next = first
		}
		return b.next
	}, func(rec client.ConsumedRecord) {
		b.next = rec.Offset + 1
		if d, err := decodeDefinition(rec.Value); err == nil {
			b.known.add(d)
		}
	})
}

// readTail reads a partition from where from says, given its bounds, to what is its end now. A topic that is not there, or
// an empty one, is no error.
func readTail(ctx context.Context, r Reader, tp connect.TopicPartition, from func(first, end int64) int64, each func(client.ConsumedRecord)) error {
	first, err := r.ListOffsets(ctx, map[connect.TopicPartition]int64{tp: client.Earliest}, false)
	if errors.Is(err, client.ErrUnknownTopic) {
		return nil
	}
	if err != nil {
		return err
	}
	last, err := r.ListOffsets(ctx, map[connect.TopicPartition]int64{tp: client.Latest}, false)
	if err != nil {
		return err
	}
	end := last[tp]
	at := from(first[tp], end)
	if at >= end {
		return nil
	}
	if err := r.Assign(map[connect.TopicPartition]int64{tp: at}); err != nil {
		return err
	}
	defer func() { _ = r.Assign(nil) }()
	const wait = 500 * time.Millisecond
	for idle := 0; at < end; {
		recs, err := r.Poll(ctx, wait)
		for _, rec := range recs {
			if rec.Topic == tp.Topic && rec.Partition == tp.Partition {
				at = rec.Offset + 1
				each(rec)
			}
		}
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case len(recs) > 0:
			idle = 0
		default:
			if idle++; idle == 4 { // what is left are transactions' markers
				return nil
			}
		}
	}
	return nil
}

// ensureLinksTopic makes the links topic, if it can be made.
func ensureLinksTopic(ctx context.Context, a Admin, topics map[string]client.Topic) error {
	if _, has := topics[linksTopic]; has {
		return nil
	}
	// Links tell of themselves all the time: nothing that is old is of use, and reading it would take its time.
	settings := map[string]string{"cleanup.policy": "delete", "retention.ms": fmt.Sprint(linksRetention.Milliseconds())}
	short := maps.Clone(settings)
	short["segment.ms"] = settings["retention.ms"]
	var err error
	for _, config := range []map[string]string{short, settings} { // some clusters don't allow short segments
		failed, failure := a.CreateTopics(ctx, client.TopicSpec{Name: linksTopic, Partitions: 1, Replication: -1, Config: config})
		if err = failure; err == nil {
			err = failed[linksTopic]
		}
		if err == nil || errors.Is(err, client.ErrTopicExists) {
			return nil
		}
		if errors.Is(err, client.ErrUnauthorized) {
			break
		}
	}
	return err
}
