package storage

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/storage/configlog"
)

// OffsetStore keeps source offsets. It holds the newest offset of every partition in memory as bytes.
type OffsetStore struct {
	log    Log
	logger hclog.Logger

	mu   sync.Mutex
	data map[string]map[string][]byte // connector -> record key -> record value
}

// Pair is a source partition with its offset; a nil Offset is none, or removes it.
type Pair struct{ Partition, Offset connect.Entries }

// NewOffsetStore makes a store.
func NewOffsetStore(log Log, logger hclog.Logger) *OffsetStore {
	return &OffsetStore{log: log, logger: logger, data: map[string]map[string][]byte{}}
}

// Start reads the topic to its end.
func (s *OffsetStore) Start(ctx context.Context) error {
	if err := s.log.Start(ctx, s.onRecords); err != nil {
		return fmt.Errorf("reading the offset topic: %w", err)
	}
	return nil
}

// Close stops tailing.
func (s *OffsetStore) Close() error { return s.log.Close() }

func (s *OffsetStore) onRecords(recs []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range recs {
		connector, _, err := configlog.ParseOffsetKey(r.Key)
		if err == nil {
			_, err = configlog.ParseOffsetValue(r.Value)
		}
		if err != nil {
			s.logger.Warn("skipping a record of the offset topic", "partition", r.Partition, "offset", r.Offset, "reason", err)
			continue
		}
		if r.Value == nil {
			delete(s.data[connector], string(r.Key))
			if len(s.data[connector]) == 0 {
				delete(s.data, connector)
			}
			continue
		}
		if s.data[connector] == nil {
			s.data[connector] = map[string][]byte{}
		}
		s.data[connector][string(r.Key)] = bytes.Clone(r.Value)
	}
}

// Set writes offsets and returns once they are acknowledged. A nil Offset removes its partition.
func (s *OffsetStore) Set(ctx context.Context, connector string, pairs []Pair) error {
	kvs, err := OffsetRecords(connector, pairs)
	if err != nil {
		return err
	}
	return s.append(ctx, connector, kvs)
}

// OffsetRecords makes the records that Set writes.
func OffsetRecords(connector string, pairs []Pair) ([]KV, error) {
	kvs := make([]KV, 0, len(pairs))
	for _, p := range pairs {
		key, err := configlog.OffsetKey(connector, p.Partition)
		if err != nil {
			return nil, err
		}
		value, err := configlog.OffsetValue(p.Offset)
		if err != nil {
			return nil, fmt.Errorf("connector %s: %w", connector, err)
		}
		kvs = append(kvs, KV{Key: key, Value: value})
	}
	return kvs, nil
}

func (s *OffsetStore) append(ctx context.Context, connector string, kvs []KV) error {
	if len(kvs) == 0 {
		return nil
	}
	if err := s.log.Append(ctx, kvs...); err != nil {
		return fmt.Errorf("writing source offsets of connector %s: %w", connector, err)
	}
	return nil
}

// Get reads to the end of the topic and gives the offset of each partition in the order asked, nil for none. Partitions
// are matched by their bytes, field order included, as Java workers match them.
func (s *OffsetStore) Get(ctx context.Context, connector string, partitions []connect.Entries) ([]connect.Entries, error) {
	keys := make([][]byte, len(partitions))
	for i, p := range partitions {
		var err error
		if keys[i], err = configlog.OffsetKey(connector, p); err != nil {
			return nil, err
		}
	}
	if err := s.readToEnd(ctx, connector); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]connect.Entries, len(keys))
	for i, k := range keys {
		out[i], _ = configlog.ParseOffsetValue(s.data[connector][string(k)]) // checked when it came
	}
	return out, nil
}

func (s *OffsetStore) readToEnd(ctx context.Context, connector string) error {
	if err := s.log.ReadToEnd(ctx); err != nil {
		return fmt.Errorf("reading the offset topic to its end for connector %s: %w", connector, err)
	}
	return nil
}

// Connector reads to the end of the topic and lists all offsets of a connector, ordered by the bytes of their keys.
func (s *OffsetStore) Connector(ctx context.Context, connector string) ([]Pair, error) {
	if err := s.readToEnd(ctx, connector); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Pair, 0, len(s.data[connector]))
	for _, key := range s.sortedKeys(connector) {
		_, partition, _ := configlog.ParseOffsetKey([]byte(key))
		if partition == nil {
			continue // a null partition can be written but not listed, as in Java
		}
		offset, _ := configlog.ParseOffsetValue(s.data[connector][key])
		out = append(out, Pair{partition, offset})
	}
	return out, nil
}

func (s *OffsetStore) sortedKeys(connector string) []string {
	keys := make([]string, 0, len(s.data[connector]))
	for k := range s.data[connector] {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare)
	return keys
}

// Reset removes all offsets of a connector and returns once that is acknowledged. It uses the keys as they stand in the
// topic, so also those go that another writer spelt otherwise.
func (s *OffsetStore) Reset(ctx context.Context, connector string) error {
	kvs, err := s.Removals(ctx, connector)
	if err != nil {
		return err
	}
	return s.append(ctx, connector, kvs)
}

// Removals makes the records that Reset writes.
func (s *OffsetStore) Removals(ctx context.Context, connector string) ([]KV, error) {
	if err := s.readToEnd(ctx, connector); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var kvs []KV
	for _, key := range s.sortedKeys(connector) {
		kvs = append(kvs, KV{Key: []byte(key)})
	}
	return kvs, nil
}

// Append writes records made by OffsetRecords or Removals.
func (s *OffsetStore) Append(ctx context.Context, connector string, kvs []KV) error {
	return s.append(ctx, connector, kvs)
}

// Reader gives an OffsetReader for one connector, as connectors and tasks get it.
func (s *OffsetStore) Reader(connector string) connect.OffsetReader {
	return offsetReader{s, connector}
}

type offsetReader struct {
	store     *OffsetStore
	connector string
}

func (r offsetReader) Offsets(ctx context.Context, partitions []connect.Entries) ([]connect.Entries, error) {
	return r.store.Get(ctx, r.connector, partitions)
}
