package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// A position is a number only: it does not tell of which topic, when one was deleted and another one was made with its name.
// So the id of the topic is kept beside the stored positions, in a compacted topic of the target: the offset topic's own
// records stay as Kafka's mirrors write and read them.

// lineage is what is kept of one partition: the topic to which its stored position belongs.
type lineage struct {
	ID string `json:"topic_id"`
	// Gone is a stored position that belongs to records that are gone: when it is found stored again, nobody has decided
	// yet how to go on. Any other stored position is newer; but a lower one may be that of a task that died before it had stored
	// this one, which the mark tells.
	Gone *int64 `json:"gone,omitempty"`
	Why  string `json:"why,omitempty"` // wasRecreated or wasTruncated
	// Epoch is the leader epoch in which the record before the offset To was written, and read. nil for unknown.
	Epoch *int32 `json:"leader_epoch,omitempty"`
	To    int64  `json:"read_to,omitempty"`
}

const (
	wasRecreated = "recreated"
	wasTruncated = "truncated"
)

func (l lineage) isGone(stored int64) bool { return l.Gone != nil && *l.Gone == stored }

// verdict says what a stored position is worth: why is empty if it is good, as far as its leader proves the mark, if there is
// one. keep is what is to be kept from now on, if change.
type verdict struct {
	why    string
	prove  mark
	keep   lineage
	change bool
}

// judgePosition compares a stored position (the offset of the last record that was copied, below 0 for none) with what is
// kept (known is false for nothing) and with the id that the topic has now, empty for unknown.
func judgePosition(stored int64, kept lineage, known bool, now string) verdict {
	plain := lineage{ID: now}
	lost := func(why string) verdict {
		return verdict{why: why, prove: noMark, keep: lineage{ID: now, Gone: &stored, Why: why}, change: !kept.isGone(stored) || kept.ID != now}
	}
	switch {
	case now == "":
		if stored >= 0 && kept.isGone(stored) {
			return verdict{why: kept.Why, prove: noMark}
		}
		return verdict{prove: noMark}
	case stored < 0:
		return verdict{prove: noMark, keep: plain, change: !known || kept.ID != now || kept.Gone != nil || kept.Epoch != nil}
	case known && kept.ID != "" && kept.ID != now:
		return lost(wasRecreated)
	case kept.isGone(stored):
		return lost(kept.Why)
	case known && kept.ID == now && (kept.Gone == nil || stored < *kept.Gone):
		return verdict{prove: kept.mark(), keep: plain.with(kept.mark()), change: kept.Gone != nil}
	}
	return verdict{prove: noMark, keep: plain, change: true}
}

// topicIDsTopic holds, on the target, the lineage of positions of links from the cluster with that alias.
func (p policy) topicIDsTopic(alias string) string {
	return "mm2-topic-ids" + p.internalSeparator + alias + p.internalSeparator + "internal"
}

// lineageKey names a partition of a link in the topic.
type lineageKey struct {
	Connector string `json:"connector"`
	Source    string `json:"source"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// readLineages reads what is kept of the partitions of a connector.
func readLineages(ctx context.Context, clients Clients, s *settings) (map[connect.TopicPartition]lineage, error) {
	out := map[connect.TopicPartition]lineage{}
	tp := connect.TopicPartition{Topic: s.policy.topicIDsTopic(s.source)}
	err := withReader(clients, s, targetSide, func(r Reader) error {
		return readTail(ctx, r, tp, func(first, _ int64) int64 { return first }, func(rec client.ConsumedRecord) {
			var k lineageKey
			if json.Unmarshal(rec.Key, &k) != nil || k.Connector != s.name || k.Source != s.source {
				return
			}
			key := connect.TopicPartition{Topic: k.Topic, Partition: k.Partition}
			var l lineage
			if rec.Value == nil || json.Unmarshal(rec.Value, &l) != nil {
				delete(out, key)
				return
			}
			out[key] = l
		})
	})
	return out, err
}

// writeLineages keeps lineages of partitions. It returns when they are written.
func writeLineages(ctx context.Context, clients Clients, s *settings, ls map[connect.TopicPartition]lineage) error {
	if len(ls) == 0 {
		return nil
	}
	recs := make([]client.ProducerRecord, 0, len(ls))
	for tp, l := range ls {
		key, err := json.Marshal(lineageKey{s.name, s.source, tp.Topic, tp.Partition})
		if err != nil {
			return err
		}
		value, err := json.Marshal(l)
		if err != nil {
			return err
		}
		recs = append(recs, client.ProducerRecord{Seq: uint64(len(recs) + 1), Topic: s.policy.topicIDsTopic(s.source), Key: key, Value: value, TimestampMs: -1})
	}
	var mu sync.Mutex
	var failed error
	p, err := clients.Writer(s.clientProps(targetSide, "producer", "topic-ids-producer"), func(ds []client.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		for _, d := range ds {
			if d.Err != nil && failed == nil {
				failed = d.Err
			}
		}
	})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := errors.Join(p.Send(ctx, recs), p.Flush(ctx)); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return failed
}
