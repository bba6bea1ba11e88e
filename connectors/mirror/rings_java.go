package mirror

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/connectors/mirror/ring"
	"github.com/connectd/connectd/internal/client"
)

// Java's mirrors don't tell of themselves in the links topic. What they leave behind shows them: heartbeats that they carry
// on, and offset syncs of what they copy.
const (
	// heartbeatFresh is how old the last heartbeat of a link may be that counts as running; a topic of a link that was
	// stopped stays. They come every second by default.
	heartbeatFresh = 30 * time.Second
	// mostSyncs bounds how much of an offset-syncs topic is read.
	mostSyncs = 20_000
)

// javaLinks are the links by which Java workers carry data of the target to the source, as far as the clusters' own topics
// show them: under a policy that keeps names only, since others show in names where a topic came from.
func javaLinks(ctx context.Context, clients Clients, s *settings, own definition, topics [2]map[string]client.Topic, others definitions) ([]*ring.Link, error) {
	if !s.policy.identity || own.Source == own.Target {
		return nil, nil
	}
	for _, d := range others {
		if d.Source == own.Target && d.Target == own.Source && d.alive(time.Now()) {
			return nil, nil // its heartbeats and syncs would be taken for those of another
		}
	}
	var links []*ring.Link
	var errs []error
	for name := range topics[0] {
		way, leads := wayBack(s, name)
		if !leads {
			continue
		}
		l, err := javaLink(ctx, clients, s, own, topics, name, way)
		errs = append(errs, err)
		if l != nil {
			links = append(links, l)
		}
	}
	slices.SortFunc(links, func(a, b *ring.Link) int { return strings.Compare(a.Name, b.Name) })
	return links, errors.Join(errs...)
}

// wayBack reads the name of a heartbeats topic of the source: the aliases of the clusters by which heartbeats of the target
// come to it, beginning with the target and ending with the source.
func wayBack(s *settings, topic string) ([]string, bool) {
	rest, is := strings.CutSuffix(topic, s.policy.separator+heartbeats)
	if !is {
		return nil, false
	}
	way := strings.Split(rest, s.policy.separator)
	at := slices.Index(way, s.target)
	if at < 0 {
		return nil, false
	}
	way = way[:at+1]
	slices.Reverse(way)
	return append(way, s.source), true
}

// javaLink gives the link that a heartbeats topic shows, nil if it does not run or nothing shows what it copies.
func javaLink(ctx context.Context, clients Clients, s *settings, own definition, topics [2]map[string]client.Topic, heartbeats string, way []string) (*ring.Link, error) {
	fresh := false
	err := withReader(clients, s, sourceSide, func(r Reader) error {
		return readLast(ctx, r, heartbeats, 1, func(rec client.ConsumedRecord) {
			fresh = fresh || time.Since(rec.Timestamp) < heartbeatFresh
		})
	})
	if err != nil || !fresh {
		return nil, err
	}
	copied := map[string]bool{}
	note := func(rec client.ConsumedRecord) {
		if sync, err := offsetsync.DecodeSync(rec.Key, rec.Value); err == nil && !copied[sync.Topic] {
			// Under the default policy it goes by another name there.
			_, renamed := topics[0][s.target+s.policy.separator+sync.Topic]
			copied[sync.Topic] = !renamed
		}
	}
	syncs := func(alias string) string {
		return "mm2-offset-syncs" + s.policy.internalSeparator + alias + s.policy.internalSeparator + "internal"
	}
	err = withReader(clients, s, targetSide, func(r Reader) error { return readLast(ctx, r, syncs(way[1]), mostSyncs, note) })
	if err == nil && len(way) == 2 { // they may be kept where the topics are copied to
		err = withReader(clients, s, sourceSide, func(r Reader) error { return readLast(ctx, r, syncs(way[0]), mostSyncs, note) })
	}
	if len(copied) == 0 {
		return nil, err
	}
	return &ring.Link{
		Name: "of another worker, whose heartbeats come in " + heartbeats, Source: own.Target, Target: own.Source,
		SourceAlias: s.target, TargetAlias: s.source,
		Copies: func(topic string) bool { return copied[topic] },
		Rename: func(topic string) string { return topic },
	}, err
}

// readLast reads the last n records of a topic of one partition.
func readLast(ctx context.Context, r Reader, topic string, n int64, each func(client.ConsumedRecord)) error {
	return readTail(ctx, r, connect.TopicPartition{Topic: topic}, func(first, end int64) int64 { return max(first, end-n) }, each)
}
