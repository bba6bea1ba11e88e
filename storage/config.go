package storage

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage/configlog"
)

// ConfigStore keeps connector and task configs, target states, session keys and requests in the config topic, which has
// one partition. Every Put returns once its records are written and read back, so that Snapshot holds them, or when ctx
// ends: then they may or may not be in the topic, and Refresh tells.
type ConfigStore struct {
	log     Log
	logger  hclog.Logger
	onDelta func(*cluster.Snapshot, configlog.Delta)

	mu      sync.Mutex
	state   configlog.State
	started bool
}

// NewConfigStore makes a store. onDelta may be nil; after Start it is called from the log's goroutine for every batch
// that changed something, with the snapshot that holds the change, and must not block.
func NewConfigStore(log Log, logger hclog.Logger, onDelta func(*cluster.Snapshot, configlog.Delta)) *ConfigStore {
	if onDelta == nil {
		onDelta = func(*cluster.Snapshot, configlog.Delta) {}
	}
	return &ConfigStore{log: log, logger: logger, onDelta: onDelta, state: configlog.New()}
}

// Start reads the topic to its end. What was there is in Snapshot and causes no onDelta: requests from before the start
// are not repeated.
func (s *ConfigStore) Start(ctx context.Context) error {
	if err := s.log.Start(ctx, s.onRecords); err != nil {
		return fmt.Errorf("reading the config topic: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	return nil
}

// Close stops tailing; no onDelta follows.
func (s *ConfigStore) Close() error { return s.log.Close() }

// Snapshot gives what is known now.
func (s *ConfigStore) Snapshot() *cluster.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Snapshot()
}

// Refresh reads to the end of the topic and gives the snapshot.
func (s *ConfigStore) Refresh(ctx context.Context) (*cluster.Snapshot, error) {
	if err := s.log.ReadToEnd(ctx); err != nil {
		return nil, fmt.Errorf("reading the config topic to its end: %w", err)
	}
	return s.Snapshot(), nil
}

func (s *ConfigStore) onRecords(recs []Record) {
	s.mu.Lock()
	state, delta, warnings := s.state.Apply(recs)
	s.state = state
	started := s.started
	s.mu.Unlock()
	for _, w := range warnings {
		s.logger.Warn("skipping a record of the config topic", "key", w.Key, "offset", w.Offset, "reason", w.Reason)
	}
	if started && !delta.Empty() {
		s.onDelta(state.Snapshot(), delta)
	}
}

// Claim takes the privilege of the group's leader to write all but target states and logger levels. It does nothing for a log
// that is no LeaderLog: there everybody has it.
func (s *ConfigStore) Claim(ctx context.Context) error {
	l, is := s.log.(LeaderLog)
	if !is {
		return nil
	}
	if err := l.Claim(ctx); err != nil {
		return fmt.Errorf("claiming the leader's write privileges for the config topic: %w", err)
	}
	return nil
}

// Relinquish gives it up.
func (s *ConfigStore) Relinquish() {
	if l, is := s.log.(LeaderLog); is {
		l.Relinquish()
	}
}

// put writes what everybody may write.
func (s *ConfigStore) put(ctx context.Context, what string, kvs ...KV) error {
	return s.putBy(ctx, s.log.Append, what, kvs)
}

// putAsLeader writes what only the leader may write, all of it or nothing.
func (s *ConfigStore) putAsLeader(ctx context.Context, what string, kvs ...KV) error {
	if l, is := s.log.(LeaderLog); is {
		return s.putBy(ctx, l.AppendAsLeader, what, kvs)
	}
	return s.put(ctx, what, kvs...)
}

func (s *ConfigStore) putBy(ctx context.Context, appendAll func(context.Context, ...KV) error, what string, kvs []KV) error {
	if err := appendAll(ctx, kvs...); err != nil {
		return fmt.Errorf("writing %s to the config topic: %w", what, err)
	}
	if err := s.log.ReadToEnd(ctx); err != nil {
		return fmt.Errorf("reading back %s from the config topic: %w", what, err)
	}
	return nil
}

// PutConnector writes a connector's config and, unless target is nil, its target state before it.
func (s *ConfigStore) PutConnector(ctx context.Context, name string, config map[string]string, target *cluster.TargetState) error {
	kvs := make([]KV, 0, 2)
	if target != nil {
		kvs = append(kvs, configlog.Target(name, *target))
	}
	return s.putAsLeader(ctx, "the config of connector "+name, append(kvs, configlog.Connector(name, config))...)
}

// RemoveConnector writes the tombstones of a deletion.
func (s *ConfigStore) RemoveConnector(ctx context.Context, name string) error {
	return s.putAsLeader(ctx, "the removal of connector "+name, configlog.RemoveConnector(name)...)
}

// PutTaskConfigs replaces a connector's task configs: one record for each and the commit that makes them count.
func (s *ConfigStore) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error {
	return s.putAsLeader(ctx, "the task configs of connector "+name, configlog.Tasks(name, configs)...)
}

// PutTargetState writes what an operator wants of a connector.
func (s *ConfigStore) PutTargetState(ctx context.Context, name string, state cluster.TargetState) error {
	return s.put(ctx, "the target state of connector "+name, configlog.Target(name, state))
}

// PutSessionKey distributes a key for signing requests between workers.
func (s *ConfigStore) PutSessionKey(ctx context.Context, key cluster.SessionKey) error {
	return s.putAsLeader(ctx, "a session key", configlog.SessionKey(key))
}

// PutRestart asks all workers to restart their part of a connector.
func (s *ConfigStore) PutRestart(ctx context.Context, r configlog.Restart) error {
	return s.putAsLeader(ctx, "a restart request for connector "+r.Connector, configlog.RestartRequest(r))
}

// PutLoggerLevel sets a level on all workers.
func (s *ConfigStore) PutLoggerLevel(ctx context.Context, l configlog.LoggerLevel) error {
	return s.put(ctx, "the level of logger "+l.Logger, configlog.Logger(l))
}

// PutTaskCount records how many tasks may be running, before exactly-once tasks start.
func (s *ConfigStore) PutTaskCount(ctx context.Context, name string, tasks int) error {
	return s.putAsLeader(ctx, "the task count of connector "+name, configlog.TaskCount(name, tasks))
}
