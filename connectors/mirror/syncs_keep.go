package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

const (
	// clearInterval is how often pieces are cleared away.
	clearInterval = time.Hour
	// piecesSegment is segment.bytes of their topic. Segments of the map are written again and again as they grow, and only what
	// lies in closed segments of the log is compacted: smaller ones are sooner read from the beginning.
	piecesSegment = "67108864"
)

// syncsKeeper makes the topics of offset syncs and of pieces, and clears pieces away that tell of records which the source no
// longer has.
type syncsKeeper struct {
	clients Clients
	s       *settings
	log     *slog.Logger
	src     Admin
	side    string // where the topics are
	pieces  string // the topic's name

	cancel context.CancelFunc
	done   chan struct{}
}

// keepSyncs begins, unless offset syncs are not to be written. src is the source's administrative client, which must outlive
// the keeper.
func keepSyncs(clients Clients, s *settings, src Admin, log *slog.Logger) (*syncsKeeper, error) {
	if !s.syncs.enabled {
		return nil, nil
	}
	side, alias := s.syncsSide()
	k := &syncsKeeper{clients: clients, s: s, log: log, src: src, side: side, pieces: s.policy.piecesTopic(alias), done: make(chan struct{})}
	admin, err := clients.Admin(s.clientProps(side, "admin", "offset-syncs-"+side+"-admin"))
	if err != nil {
		return nil, fmt.Errorf("%s.cluster.*: %w", side, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	go k.run(ctx, admin)
	return k, nil
}

// syncsTopics describes the topics that are made.
func (s *settings) syncsTopics() (syncs, pieces internalTopic) {
	_, alias := s.syncsSide()
	syncs = compacted(s.policy.offsetSyncsTopic(alias), s.syncs.replication, propSyncsRF)
	pieces = compacted(s.policy.piecesTopic(alias), s.syncs.replication, propSyncsRF)
	pieces.Config["segment.bytes"] = piecesSegment
	return syncs, pieces
}

// makeSyncsTopics makes the topics if they are not there, again until they are or ctx ends.
func (s *settings) makeSyncsTopics(ctx context.Context, admin Admin, log *slog.Logger) {
	syncs, pieces := s.syncsTopics()
	syncs.keepTrying(ctx, admin, s.adminTimeout, log)
	pieces.keepTrying(ctx, admin, s.adminTimeout, log)
}

// stop ends it.
func (k *syncsKeeper) stop() {
	if k != nil {
		k.cancel()
		<-k.done
	}
}

func (k *syncsKeeper) run(ctx context.Context, admin Admin) {
	defer close(k.done)
	k.s.makeSyncsTopics(ctx, admin, k.log)
	admin.Close()
	tick := time.NewTicker(clearInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := k.clear(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("pieces of offset syncs that are of no use any more could not be cleared away; it will be tried again", "topic", k.pieces, "error", err)
		}
	}
}

// clear removes records of the topic of pieces.
func (k *syncsKeeper) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.s.adminTimeout)
	defer cancel()
	var all offsetsync.Clearing
	if err := k.read(ctx, &all); err != nil {
		return err
	}
	starts, err := k.starts(ctx, all.Partitions())
	if err != nil {
		return fmt.Errorf("source cluster %s: %w", k.s.source, err)
	}
	keys := all.Useless(starts)
	if len(keys) == 0 {
		return nil
	}
	return k.remove(ctx, keys)
}

// read reads the topic to its end.
func (k *syncsKeeper) read(ctx context.Context, all *offsetsync.Clearing) error {
	logs, err := k.clients.Logs(k.s.clientProps(k.side, "consumer", "offset-syncs-"+k.side+"-consumer"), k.s.clientProps(k.side, "admin", "offset-syncs-"+k.side+"-admin"))
	if err != nil {
		return err
	}
	defer logs.Close()
	log := logs.Log(k.pieces)
	err = log.Start(ctx, func(recs []client.LogRecord) {
		for _, r := range recs {
			if s, err := offsetsync.DecodeSegment(r.Key, r.Value); err == nil {
				all.Add(s)
			}
		}
	})
	return errors.Join(err, log.Close())
}

// starts asks the source where its partitions begin. Those that are not there are left out.
func (k *syncsKeeper) starts(ctx context.Context, tps []connect.TopicPartition) (map[connect.TopicPartition]int64, error) {
	topics, err := k.src.Topics(ctx)
	if err != nil {
		return nil, err
	}
	specs := map[connect.TopicPartition]int64{}
	for _, tp := range tps {
		if tp.Partition < topics[tp.Topic].Partitions {
			specs[tp] = client.Earliest
		}
	}
	if len(specs) == 0 {
		return nil, nil
	}
	r, err := k.clients.Reader(k.s.clientProps("source", "consumer", "offset-syncs-clearing"))
	if err != nil {
		return nil, err
	}
	starts, err := r.ListOffsets(ctx, specs, false)
	return starts, errors.Join(err, r.Close())
}

// remove writes tombstones.
func (k *syncsKeeper) remove(ctx context.Context, keys [][]byte) error {
	results := make(chan error, len(keys))
	p, err := k.clients.Writer(k.s.clientProps(k.side, "producer", "offset-syncs-clearing"), func(ds []client.Delivery) {
		for i := range ds {
			results <- ds[i].Err
		}
	})
	if err != nil {
		return err
	}
	defer p.Close()
	recs := make([]client.ProducerRecord, len(keys))
	for i, key := range keys {
		recs[i] = client.ProducerRecord{Seq: uint64(i + 1), Topic: k.pieces, Key: key, TimestampMs: -1}
	}
	if err := p.Send(ctx, recs); err != nil {
		return err
	}
	if err := p.Flush(ctx); err != nil {
		return err
	}
	for range keys {
		select {
		case err := <-results:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	k.log.Info("pieces of offset syncs that are of no use any more were cleared away", "topic", k.pieces, "records", len(keys))
	return nil
}
