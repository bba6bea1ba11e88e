package memlog

import (
	"context"
	"fmt"

	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/storage"
)

// LeaderLog is a handle by which the leader writes with a privilege of its own.
type LeaderLog struct{ *Log }

var _ storage.LeaderLog = (*LeaderLog)(nil)

// LeaderLog opens such a handle.
func (t *Topic) LeaderLog() *LeaderLog { return &LeaderLog{t.Log()} }

// Claim implements storage.LeaderLog.
func (l *LeaderLog) Claim(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.topic.mu.Lock()
	defer l.topic.mu.Unlock()
	l.topic.leader = l
	return nil
}

// Relinquish implements storage.LeaderLog.
func (l *LeaderLog) Relinquish() {
	l.topic.mu.Lock()
	defer l.topic.mu.Unlock()
	if l.topic.leader == l {
		l.topic.leader = nil
	}
}

// AppendAsLeader implements storage.LeaderLog.
func (l *LeaderLog) AppendAsLeader(ctx context.Context, recs ...storage.KV) error {
	l.topic.mu.Lock()
	is := l.topic.leader == l
	l.topic.mu.Unlock()
	if !is {
		return fmt.Errorf("this handle has not claimed the leader's privilege: %w", client.ErrFenced)
	}
	err := l.Append(ctx, recs...)
	if err != nil {
		l.Relinquish()
	}
	return err
}
