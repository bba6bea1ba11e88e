package storage_test

import (
	"context"
	"slices"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/storage/configlog"
)

// handLog hands on what a test gives it.
type handLog struct {
	storage.Log
	on func([]storage.Record)
}

func (l *handLog) Start(_ context.Context, on func([]storage.Record)) error {
	l.on = on
	return nil
}

func (l *handLog) ReadToEnd(context.Context) error { return nil }
func (l *handLog) Close() error                    { return nil }

func (l *handLog) hand(from int64, kvs ...storage.KV) {
	for i, kv := range kvs {
		l.on([]storage.Record{{Key: kv.Key, Value: kv.Value, Offset: from + int64(i)}})
	}
}

// A topic that was made anew is read again from its beginning: what is known stays, and what it holds comes on top.
func TestStoresOfATopicMadeAnewKeepWhatTheyKnow(t *testing.T) {
	log := &handLog{}
	s := started(t, storage.NewConfigStore(log, hclog.NewNullLogger(), nil))
	log.hand(90, configlog.Connector("m", map[string]string{"v": "1"}))
	log.hand(91, configlog.Tasks("m", []map[string]string{{"i": "0"}})...)
	log.hand(0, configlog.Connector("n", map[string]string{"v": "2"}), configlog.Target("m", cluster.TargetPaused))
	snap := s.Snapshot()
	if got := snap.Names(); !slices.Equal(got, []string{"m", "n"}) {
		t.Errorf("connectors %v", got)
	}
	if m := snap.Connectors["m"]; len(snap.TaskIDs("m")) != 1 || m.Target != cluster.TargetPaused || m.Inconsistent {
		t.Errorf("m: %+v", m)
	}
	if snap.Offset != 2 {
		t.Errorf("offset %d: other members, and Java's, report 2", snap.Offset)
	}
	// What an operator is told to do makes the topic whole.
	log.hand(2, configlog.Connector("m", map[string]string{"v": "1"}))
	if m := s.Snapshot().Connectors["m"]; m.ConfigOffset <= m.TasksOffset || len(s.Snapshot().TaskIDs("m")) != 1 {
		t.Errorf("m: the tasks go on, and have to be written again: %+v", m)
	}
	log.hand(3, configlog.Tasks("m", []map[string]string{{"i": "0"}})...)
	if m := s.Snapshot().Connectors["m"]; m.Inconsistent || len(s.Snapshot().TaskIDs("m")) != 1 {
		t.Errorf("m, written again: %+v", m)
	}
}
