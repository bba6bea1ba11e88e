package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
)

// errBeyond says that a position lies past the end of its partition.
var errBeyond = errors.New("the position to go on from is past the end of the partition: the topic was made anew, or lost records in an unclean leader election")

// identify finds out, before the first record is read, whether positions still belong to the topics that are there, and
// begins to read. Its error is retriable while that can't be told.
func (t *task) identify(ctx context.Context) error {
	now, err := t.topicsNow(ctx, slices.Collect(maps.Keys(t.parts)))
	if err != nil {
		return connect.Retriable(err)
	}
	within, cancel := context.WithTimeout(ctx, t.s.adminTimeout)
	kept, err := readLineages(within, t.clients, t.s)
	cancel()
	t.blind = err != nil
	if t.blind {
		if err = t.unreadIDs(err, time.Now()); err != nil {
			return err
		}
	}
	whys := map[connect.TopicPartition]string{}
	t.proofs = proofs{open: map[connect.TopicPartition]mark{}, since: t.proofs.since}
	for tp, p := range t.parts {
		l, known := kept[tp]
		p.id, p.of, p.kept, p.mark = now[tp.Topic].ID, now[tp.Topic].Partitions, l, noMark
		v := judgePosition(p.stored, l, known, p.id)
		if v.why == wasRecreated || known && l.ID != "" && p.id != "" && l.ID != p.id {
			t.syncs.anew(tp)
		}
		switch {
		case v.why != "":
			whys[tp] = v.why
		case !t.blind && v.prove.epoch >= 0:
			t.proofs.open[tp] = v.prove
		}
		if v.change && !t.blind { // what is kept and could not be read may say more
			t.keep[tp] = v.keep
		}
	}
	if err := t.proveFirst(ctx, whys); err != nil {
		return err
	}
	for tp, why := range whys {
		if err := t.lost(t.parts[tp], why); err != nil {
			return err
		}
	}
	t.known, t.recount = true, true
	return t.assign(t.reader)
}

// proveFirst has leaders tell, as far as they answer now, whether they have what was copied. It adds to why positions are gone, and
// writes what is to be kept.
func (t *task) proveFirst(ctx context.Context, whys map[connect.TopicPartition]string) error {
	asked := len(t.proofs.open)
	truncated := t.findProofs(ctx, time.Now())
	for _, tp := range truncated {
		whys[tp] = wasTruncated
	}
	must := len(truncated) > 0
	for tp := range t.keep {
		must = must || asked > 0 && t.parts[tp].kept.Epoch != nil
	}
	if err := t.keepNow(ctx); err != nil && must {
		return connect.Retriable(err)
	}
	return nil
}

// idsPatience is how long a task waits for the ids of topics. They lie in one partition, whose leader may be away while all others
// can be written to.
const idsPatience = 20 * time.Second

// unreadIDs decides what becomes of a task that can't read the ids of the topics that were copied: its error is retriable, nil
// says to go on without.
func (t *task) unreadIDs(err error, now time.Time) error {
	if t.unread.IsZero() {
		t.unread = now
	}
	if !errors.Is(err, client.ErrUnauthorized) && now.Sub(t.unread) < idsPatience {
		return connect.Retriable(fmt.Errorf("target cluster %s: %w", t.s.target, err))
	}
	t.log.Warn("the ids of topics that were copied can't be read, so that one that was made anew is not noticed over this restart",
		"topic", t.s.policy.topicIDsTopic(t.s.source), "error", err)
	return nil
}

// lost decides about a partition whose stored position belongs to records that are gone.
func (t *task) lost(p *partition, why string) error {
	what := "the topic was deleted in the source cluster and made anew"
	if why == wasTruncated {
		what = "the partition lost records at the source that were copied before, in an unclean leader election"
	}
	at := client.Earliest
	switch {
	case why == wasRecreated && !t.s.life.restart:
		reason := fmt.Sprintf("%s; its position, %d, belongs to the old one. To copy the new one from its beginning, set %s=%s or remove the partition's offset; any other offset of the connector is taken too",
			what, p.next, propRecreated, restartTopic)
		return t.strand(p.tp, reason, errors.New(reason))
	case why == wasTruncated && t.reset == "latest":
		at = client.Latest
	case why == wasTruncated && t.reset != "earliest":
		reason := fmt.Sprintf("%s, and its position, %d, lies behind them. Set source.consumer.%s to earliest or latest to go on there, or change the connector's offset", what, p.next, offsetReset)
		return t.strand(p.tp, reason, errors.New(reason))
	}
	where := "its beginning"
	if at == client.Latest {
		where = "its end"
	}
	t.happened("%s-%d: %s; it is copied from %s, not from position %d", p.tp.Topic, p.tp.Partition, what, where, p.next)
	p.next = at
	return nil
}

// topicsNow asks for the shape of the topics of partitions.
func (t *task) topicsNow(ctx context.Context, tps []connect.TopicPartition) (map[string]client.Topic, error) {
	ctx, cancel := context.WithTimeout(ctx, t.s.adminTimeout)
	defer cancel()
	names := map[string]bool{}
	for _, tp := range tps {
		names[tp.Topic] = true
	}
	now, err := t.reader.Shapes(ctx, slices.Sorted(maps.Keys(names))...)
	if err != nil {
		return nil, fmt.Errorf("source cluster %s: %w", t.s.source, err)
	}
	return now, nil
}

// sameTopics looks whether partitions belong to the topic that has been read so far, and has those wait that do not.
func (t *task) sameTopics(ctx context.Context, tps []connect.TopicPartition) error {
	now, err := t.topicsNow(ctx, tps)
	if err != nil {
		return err
	}
	for _, tp := range tps {
		p, id := t.parts[tp], now[tp.Topic].ID
		switch {
		case id == "" || id == p.id:
		case p.id == "" && p.next < 0: // nothing was read of any
			p.id = id
			t.keep[tp] = lineage{ID: id}
		default:
			// Records of the old topic may be under way, so nothing is decided before the task starts again: then the
			// stored position tells how far it came. The connector, which sees the new id too, has it started again.
			reason := "the topic was deleted in the source cluster and made anew"
			if p.id == "" {
				reason = "the topic came into being after the task started, and may be another one than that of the stored position"
			}
			reason += "; the task must be started again to go on, which the connector sees to"
			if err := t.strand(tp, reason, errors.New(reason)); err != nil {
				return err
			}
			delete(t.gone, tp)
		}
	}
	return nil
}

// keepInterval is how long to wait after lineages could not be written, doubled each time up to keepMost: trying holds the task up.
const (
	keepInterval = 30 * time.Second
	keepMost     = 10 * time.Minute
)

// keepLineages writes what waits to be kept. What can't be written waits; the error is only for those who can't go on without.
func (t *task) keepLineages(ctx context.Context, now time.Time) error {
	if now.Sub(t.kept) < t.keepWait {
		return nil
	}
	t.awaitMarks()
	t.kept = now
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	if err := writeLineages(ctx, t.clients, t.s, t.keep); err != nil {
		t.keepWait = min(max(2*t.keepWait, keepInterval), keepMost)
		t.log.Warn("the ids of topics can't be written; a topic that is made anew is not noticed over a restart", "topic", t.s.policy.topicIDsTopic(t.s.source), "error", err)
		return err
	}
	for tp, l := range t.keep {
		t.parts[tp].kept = l
	}
	clear(t.keep)
	t.keepWait = keepInterval
	return nil
}

// settle finds out where partitions go on whose position does not exist. Its error is retriable while that can't be told.
func (t *task) settle(ctx context.Context) error {
	if err := t.sameTopics(ctx, slices.Collect(maps.Keys(t.gone))); err != nil {
		return connect.Retriable(err)
	}
	first, err := t.offsets(ctx, client.Earliest)
	if err != nil {
		return err
	}
	end, err := t.offsets(ctx, client.Latest)
	if err != nil {
		return err
	}
	ways, err := t.decide(ctx, first, end)
	if err != nil {
		return connect.Retriable(err)
	}
	for tp, w := range ways {
		p := t.parts[tp]
		delete(t.gone, tp)
		if w.err != nil {
			reason := fmt.Sprintf("%v (position %d, partition from %d to %d). Set source.consumer.%s to earliest or latest to go on there, or change the connector's offset", w.err, w.next, w.begin, w.end, offsetReset)
			if err := t.strand(tp, reason, fmt.Errorf("%s-%d of cluster %s: %s", tp.Topic, tp.Partition, t.s.source, reason)); err != nil {
				return err
			}
			if last := p.lastOffset(); p.id != "" {
				t.keep[tp] = lineage{ID: p.id, Gone: &last, Why: wasTruncated}.with(w.known)
				t.kept = time.Time{}
			}
			continue
		}
		t.happened("%s-%d: %s", tp.Topic, tp.Partition, moved(w.next, w.begin, w.end, w.at))
		p.next = w.at
		if err := t.reread(tp); err != nil {
			return err
		}
	}
	return nil
}

// goesOn is where a partition goes on whose position next does not exist, or why it can't.
type goesOn struct {
	next, begin, end int64
	at               int64
	err              error
	known            mark
}

// decide finds where partitions go on. Marks of those that lost what was read of them are dropped before they do: it is decided
// now, and not again after the next start.
func (t *task) decide(ctx context.Context, first, end map[connect.TopicPartition]int64) (map[connect.TopicPartition]goesOn, error) {
	ways := make(map[connect.TopicPartition]goesOn, len(t.gone))
	must := false
	for tp, cause := range t.gone {
		p, truncated := t.parts[tp], errors.Is(cause, client.ErrTruncated)
		w := goesOn{next: p.next, begin: first[tp], end: end[tp], known: p.mark}
		w.at, w.err = goOn(w.next, w.begin, w.end, t.reset, truncated)
		ways[tp] = w
		if !truncated && w.next <= w.end {
			continue
		}
		p.mark = noMark
		if w.err == nil && p.kept.Epoch != nil {
			t.keep[tp], must = lineage{ID: p.id}, true
		}
	}
	if !must {
		return ways, nil
	}
	return ways, t.keepNow(ctx)
}

// moved words why a partition goes on elsewhere.
func moved(next, begin, end, at int64) string {
	switch {
	case next < begin:
		return fmt.Sprintf("records %d to %d were deleted at the source before they were copied; it goes on at %d", next, begin-1, at)
	case next > end:
		return fmt.Sprintf("the position %d was past the end of the partition, %d: the topic was made anew, or lost records in an unclean leader election; it goes on at %d, as %s says", next, end, at, offsetReset)
	case at != next:
		return fmt.Sprintf("records from %d on are not those that were copied; it goes on at %d, as %s says", next, at, offsetReset)
	}
	return fmt.Sprintf("the position %d did not exist for a moment and does now; it goes on there", at)
}

// offsets asks for the beginnings or ends of the partitions whose position is gone. A partition that is gone altogether
// waits.
func (t *task) offsets(ctx context.Context, spec int64) (map[connect.TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, t.s.adminTimeout)
	defer cancel()
	for len(t.gone) > 0 {
		specs := make(map[connect.TopicPartition]int64, len(t.gone))
		for tp := range t.gone {
			specs[tp] = spec
		}
		found, err := t.reader.ListOffsets(ctx, specs, false)
		var pe *client.PartitionError
		if !errors.As(err, &pe) || !errors.Is(err, client.ErrUnknownTopic) {
			return found, connect.Retriable(err)
		}
		delete(t.gone, pe.TopicPartition)
		if err := t.park(pe.TopicPartition, readReason(err), -1, err); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// goOn decides where a partition goes on whose position next does not exist. reset is auto.offset.reset as given, or empty:
// then the partition goes on at its beginning if that lies ahead, but never starts over. A partition that was truncated
// may have grown past the position with other records.
func goOn(next, first, end int64, reset string, truncated bool) (int64, error) {
	switch {
	case next >= first && next <= end && !truncated: // the partition has grown or the leader changed since
		return next, nil
	case reset == "latest":
		return end, nil
	case reset == "earliest":
		return first, nil
	case reset == "none":
		return 0, errors.New("the position to go on from does not exist, and auto.offset.reset=none allows no other")
	case next < first:
		return first, nil
	}
	return 0, errBeyond
}
