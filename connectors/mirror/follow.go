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

// follower reads internal topics of one cluster, as soon as they are there.
type follower struct {
	logs    Logs
	cluster GroupAdmin // of the same cluster
	timeout time.Duration
	log     *slog.Logger
}

// exists tells whether a topic is there.
func (f *follower) exists(ctx context.Context, topic string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	tp := connect.TopicPartition{Topic: topic}
	found, err := f.cluster.Bounds(ctx, []connect.TopicPartition{tp})
	_, there := found[tp]
	return there, err
}

// follow begins to read a topic and returns once it was read to its end; the log is the caller's to close. It waits for the
// topic, and tries again whatever fails, until ctx ends. found is told whether the topic is there, before it is read.
func (f *follower) follow(ctx context.Context, topic string, found func(bool), onRecords func([]client.LogRecord)) (Log, error) {
	var l Log
	open := func() (err error) {
		if l, err = f.open(ctx, topic, found, onRecords); err == nil && l == nil {
			err = errAbsent
		}
		return err
	}
	if !retry(ctx, open, func(wait time.Duration, err error) {
		if !errors.Is(err, errAbsent) { // found has been told
			f.log.Warn("an internal topic of the mirror can't be read", "topic", topic, "retry in", wait, "error", err)
		}
	}) {
		return nil, ctx.Err()
	}
	return l, nil
}

// errAbsent says that there is no such topic.
var errAbsent = errors.New("the topic does not exist")

// open begins to read a topic; nil without an error if it does not exist.
func (f *follower) open(ctx context.Context, topic string, found func(bool), onRecords func([]client.LogRecord)) (Log, error) {
	there, err := f.exists(ctx, topic)
	if err != nil {
		return nil, err
	}
	found(there)
	if !there {
		return nil, nil
	}
	l := f.logs.Log(topic)
	if err := l.Start(ctx, onRecords); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// loadCheckpoints reads the newest checkpoints of some groups out of their topic. None if the topic does not exist.
func (f *follower) loadCheckpoints(ctx context.Context, topic string, groups []string) (checkpoints, error) {
	wanted := map[string]bool{}
	for _, g := range groups {
		wanted[g] = true
	}
	found, bad := checkpoints{}, 0
	l, err := f.open(ctx, topic, func(bool) {}, func(recs []client.LogRecord) {
		for _, r := range recs {
			cp, err := offsetsync.DecodeCheckpoint(r.Key, r.Value)
			switch {
			case r.Value == nil:
			case err != nil:
				bad++
			case wanted[cp.Group]:
				found.put(cp)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading topic %s: %w", topic, err)
	}
	if l != nil {
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	if bad > 0 {
		f.log.Warn("records of the checkpoints topic can't be read and are left out", "topic", topic, "records", bad)
	}
	return found, nil
}
