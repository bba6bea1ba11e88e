package memlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/connectd/connectd/storage"
)

// line is a record in the file, one JSON object a line.
type line struct {
	Partition int32  `json:"p"`
	Offset    int64  `json:"o"`
	Time      int64  `json:"t"`
	Key       []byte `json:"k"` // base64; null for none
	Value     []byte `json:"v"` // base64; null for a tombstone
}

// file appends records to a file. A nil *file keeps nothing.
type file struct {
	f    *os.File
	size int64
}

// Open makes a topic of what path holds, creating it where it is missing; older records of a key and tombstones are
// dropped first. A last line that was cut off by a crash is dropped too. One process at a time may have the file open.
func Open(path string, partitions int32) (*Topic, error) {
	t := New(partitions)
	recs, err := load(path)
	if err != nil {
		return nil, err
	}
	newest, last := map[string]int{}, map[int32]int{}
	for i, r := range recs {
		if r.Partition < 0 || r.Partition >= t.partitions {
			return nil, fmt.Errorf("%s has a record of partition %d; the topic was asked for with %d partitions", path, r.Partition, t.partitions)
		}
		newest[string(r.Key)], last[r.Partition] = i, i
	}
	var kept []storage.Record
	for i, r := range recs {
		// A partition's last record stays in any case: its offsets go on from there.
		if newest[string(r.Key)] == i && (r.Value != nil || last[r.Partition] == i) {
			kept = append(kept, r)
		}
		t.next[r.Partition] = max(t.next[r.Partition], r.Offset+1)
	}
	if err := rewrite(path, kept); err != nil {
		return nil, err
	}
	for _, r := range kept {
		t.add(r)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	t.file = &file{f, info.Size()}
	return t, nil
}

func load(path string) ([]storage.Record, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	var out []storage.Record
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // what stands without a line end was not acknowledged
		}
		if err != nil {
			return nil, err
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("%s line %d: %w", path, n, err)
		}
		out = append(out, storage.Record{Key: l.Key, Value: l.Value, Partition: l.Partition, Offset: l.Offset, TimestampMs: l.Time})
	}
}

// rewrite replaces the file in one step, so that a crash leaves the old or the new one.
func rewrite(path string, recs []storage.Record) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	data, err := encode(recs)
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func encode(recs []storage.Record) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	for _, r := range recs {
		if err := enc.Encode(line{r.Partition, r.Offset, r.TimestampMs, r.Key, r.Value}); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), nil
}

func (f *file) append(recs []storage.Record) error {
	if f == nil {
		return nil
	}
	data, err := encode(recs)
	if err != nil {
		return err
	}
	if _, err = f.f.Write(data); err != nil {
		// Half a line would swallow the next one.
		return errors.Join(err, f.f.Truncate(f.size))
	}
	f.size += int64(len(data))
	return nil
}

func (f *file) close() error {
	if f == nil {
		return nil
	}
	return f.f.Close()
}
