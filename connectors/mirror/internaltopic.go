package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/connectd/connectd/internal/client"
)

// internalTopic is one of MirrorMaker's own topics, and the property that holds its replication factor.
type internalTopic struct {
	client.TopicSpec
	property string
}

// compacted describes an internal topic as MirrorMaker makes all of them: compacted, with a single partition.
func compacted(name string, replication int16, property string) internalTopic {
	return internalTopic{
		TopicSpec: client.TopicSpec{Name: name, Partitions: 1, Replication: replication, Config: map[string]string{"cleanup.policy": "compact"}},
		property:  property,
	}
}

// ensure makes the topic unless it is there. Where that is not permitted the topic is taken to be there or to be made by
// the brokers, as in Java.
func (t internalTopic) ensure(ctx context.Context, admin Admin) error {
	failed, err := admin.CreateTopics(ctx, t.TopicSpec)
	if err == nil {
		err = failed[t.Name]
	}
	switch {
	case errors.Is(err, client.ErrTopicExists), errors.Is(err, client.ErrUnauthorized):
		return nil
	case errors.Is(err, client.ErrReplication):
		return fmt.Errorf("topic %s can't be made: %w; set %s (now %d) to at most the number of brokers", t.Name, err, t.property, t.Replication)
	case err != nil:
		return fmt.Errorf("topic %s can't be made: %w", t.Name, err)
	}
	return nil
}

// topicMaker makes a topic beside whatever else there is to do, again until it is made.
type topicMaker struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// makeTopic begins. admin is the maker's, which closes it. Each attempt takes at most timeout.
func makeTopic(ctx context.Context, admin Admin, t internalTopic, timeout time.Duration, log *slog.Logger) *topicMaker {
	ctx, cancel := context.WithCancel(ctx)
	m := &topicMaker{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		defer admin.Close()
		t.keepTrying(ctx, admin, timeout, log)
	}()
	return m
}

func (m *topicMaker) stop() { m.cancel(); <-m.done }

func (t internalTopic) keepTrying(ctx context.Context, admin Admin, timeout time.Duration, log *slog.Logger) {
	retry(ctx, func() error {
		within, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return t.ensure(within, admin)
	}, func(wait time.Duration, err error) {
		log.Error("an internal topic of the mirror is missing", "retry in", wait, "error", err)
	})
}
