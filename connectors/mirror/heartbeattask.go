package mirror

import (
	"context"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
)

// heartbeatTask writes a heartbeat now and then. Mirrors copy heartbeats like any topic, so that a reader far from here can tell
// by which way they came, and how long that took.
type heartbeatTask struct {
	s       *heartbeatSettings
	source  connect.Entries
	stopped chan struct{}
	stop    sync.Once
}

// zeroOffset is stored where a connector has no position of its own.
var zeroOffset = connect.Entries{{Key: offsetKey, Value: int64(0)}}

// Start implements connect.SourceTask.
func (t *heartbeatTask) Start(_ context.Context, _ connect.SourceTaskContext, props map[string]string) error {
	t.stopped = make(chan struct{})
	s, err := parseHeartbeat(props)
	if err != nil {
		return err
	}
	t.s = s
	t.source = connect.Entries{{Key: sourceAliasKey, Value: s.source}, {Key: targetAliasKey, Value: s.target}}
	return nil
}

// Poll implements connect.SourceTask: the time between heartbeats is spent before the first one.
func (t *heartbeatTask) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	timer := time.NewTimer(t.s.emit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.stopped:
		return nil, nil
	case <-timer.C:
	}
	return []connect.SourceRecord{t.record(time.Now())}, nil
}

func (t *heartbeatTask) record(now time.Time) connect.SourceRecord {
	now = now.Truncate(time.Millisecond)
	key, value := offsetsync.Heartbeat{Source: t.s.source, Target: t.s.target, TimestampMs: now.UnixMilli()}.Encode()
	return bytesRecord(t.source, heartbeats, key, value, now)
}

// bytesRecord is a record of an internal topic.
func bytesRecord(source connect.Entries, topic string, key, value []byte, at time.Time) connect.SourceRecord {
	return connect.SourceRecord{
		SourcePartition: source, SourceOffset: zeroOffset, Topic: topic,
		KeySchema: connect.BytesSchema, Key: key, ValueSchema: connect.BytesSchema, Value: value, Timestamp: at,
	}
}

// Stop implements connect.SourceTask.
func (t *heartbeatTask) Stop() error {
	t.stop.Do(func() {
		if t.stopped != nil {
			close(t.stopped)
		}
	})
	return nil
}
