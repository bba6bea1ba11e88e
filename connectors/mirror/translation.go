package mirror

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

// translation follows what MirrorSource tells of where it copied to, and translates positions by it. It is safe for
// concurrent use.
type translation struct {
	log *slog.Logger

	mu     sync.Mutex
	t      offsetsync.Translator
	syncs  topicState
	pieces topicState
	bad    map[string]bool
}

// errNoSyncs is why a link without offset syncs has no checkpoints.
var errNoSyncs = errors.New("waiting for the offset-syncs topic, which MirrorSource makes: is there one for this link, with the same aliases, " +
	"replication.policy.* and offset-syncs.topic.location, and without emit.offset-syncs.enabled=false?")

// topicState is how far one topic is known. What a topic tells must not be used before it was read to its end: what comes
// later may take it back.
type topicState struct {
	asked, missing bool
	log            Log // nil until it was read to its end once
}

func newTranslation(log *slog.Logger) *translation {
	return &translation{log: log, bad: map[string]bool{}}
}

// run follows both topics until ctx ends, and closes them then.
func (t *translation) run(ctx context.Context, f *follower, syncs, pieces string) {
	var wg sync.WaitGroup
	wg.Go(func() { t.follow(ctx, f, pieces, &t.pieces, t.onPieces) })
	wg.Go(func() { t.follow(ctx, f, syncs, &t.syncs, t.onSyncs) })
	wg.Wait()
}

func (t *translation) follow(ctx context.Context, f *follower, topic string, state *topicState, on func([]client.LogRecord)) {
	found := func(there bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !there && !state.missing {
			t.log.Info("an internal topic of the mirror is not there; MirrorSource makes it", "topic", topic)
		}
		state.asked, state.missing = true, !there
	}
	l, err := f.follow(ctx, topic, found, on)
	if err != nil {
		return
	}
	t.mu.Lock()
	state.log = l
	t.mu.Unlock()
	<-ctx.Done()
	if err := l.Close(); err != nil {
		t.log.Warn("closing an internal topic of the mirror failed", "topic", topic, "error", err)
	}
}

// ready brings the translation up to date. It tells whether there is one: pieces are not there if no connectd has worked on
// the link, syncs always.
func (t *translation) ready(ctx context.Context) (bool, error) {
	t.mu.Lock()
	syncs, pieces := t.syncs, t.pieces
	t.mu.Unlock()
	if syncs.log == nil || pieces.log == nil && (!pieces.asked || !pieces.missing) {
		return false, nil
	}
	if pieces.log != nil {
		if err := pieces.log.ReadToEnd(ctx); err != nil {
			return true, err
		}
	}
	return true, syncs.log.ReadToEnd(ctx)
}

func (t *translation) onSyncs(recs []client.LogRecord) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range recs {
		if r.Value == nil {
			continue
		}
		s, err := offsetsync.DecodeSync(r.Key, r.Value)
		if err != nil {
			t.strange("offset-syncs", r, err)
			continue
		}
		t.t.Apply(s)
	}
}

func (t *translation) onPieces(recs []client.LogRecord) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range recs {
		s, err := offsetsync.DecodeSegment(r.Key, r.Value)
		if err != nil {
			t.strange("offset-pieces", r, err)
			continue
		}
		t.t.ApplyPieces(s)
	}
}

// strange tells of a record that can't be read, once per topic.
func (t *translation) strange(topic string, r client.LogRecord, err error) {
	if !t.bad[topic] {
		t.bad[topic] = true
		t.log.Warn("a record of an internal topic of the mirror can't be read; it and others like it are left out", "topic", topic, "offset", r.Offset, "error", err)
	}
}

// lacks tells of a topic that is waited for; nil if it is only being read.
func (t *translation) lacks() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.syncs.log == nil && t.syncs.missing {
		return errNoSyncs
	}
	return nil
}

func (t *translation) translate(tp connect.TopicPartition, upstream int64) (int64, offsetsync.Quality) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.t.Translate(tp, upstream)
}
