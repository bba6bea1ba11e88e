package memlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/connectd/connectd/storage"
)

type seen struct {
	mu   sync.Mutex
	recs []storage.Record
}

func (s *seen) on(recs []storage.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recs = append(s.recs, recs...)
}

func start(t *testing.T, topic *Topic) (*Log, *seen) {
	t.Helper()
	l, s := topic.Log(), &seen{}
	if err := l.Start(t.Context(), s.on); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, s
}

func kv(k, v string) storage.KV {
	if v == "" {
		return storage.KV{Key: []byte(k)}
	}
	return storage.KV{Key: []byte(k), Value: []byte(v)}
}

func TestHandlesShareATopic(t *testing.T) {
	topic := New(5)
	a, sa := start(t, topic)
	if err := a.Append(t.Context(), kv("x", "1"), kv("x", "2"), kv("y", "")); err != nil {
		t.Fatal(err)
	}
	b, sb := start(t, topic) // Start hands out what is there
	if len(sb.recs) != 3 || sb.recs[0].Offset != 0 || sb.recs[1].Offset != 1 || sb.recs[2].Value != nil {
		t.Fatalf("got %+v", sb.recs)
	}
	if err := b.Append(t.Context(), kv("z", "3")); err != nil {
		t.Fatal(err)
	}
	if err := a.ReadToEnd(t.Context()); err != nil || len(sa.recs) != 4 {
		t.Fatalf("%v, %d records", err, len(sa.recs))
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Append(t.Context(), kv("z", "")); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if err := a.ReadToEnd(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

func TestReadToEndEndsWithItsContext(t *testing.T) {
	topic := New(1)
	block := make(chan struct{})
	l := topic.Log()
	if err := topic.append([]storage.KV{kv("a", "1")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := l.Start(ctx, func([]storage.Record) { cancel(); <-block })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(block)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestCompactionKeepsTheNewest(t *testing.T) {
	topic := New(1)
	l, s := start(t, topic)
	for i := range 5000 {
		if err := l.Append(t.Context(), kv("k"+strconv.Itoa(i%3), strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		if err := l.ReadToEnd(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.recs) != 5000 {
		t.Errorf("the tailing handle saw %d of 5000", len(s.recs))
	}
	if n := len(topic.Records()); n > 2000 {
		t.Errorf("%d records are kept", n)
	}
	_, late := start(t, topic)
	last := map[string]string{}
	for _, r := range late.recs {
		last[string(r.Key)] = string(r.Value)
	}
	if last["k0"] != "4998" || last["k1"] != "4999" || last["k2"] != "4997" {
		t.Errorf("got %v", last)
	}
}

func TestFileKeepsRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d", "topic")
	topic, err := Open(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := start(t, topic)
	if err := l.Append(t.Context(), kv("a", "1"), kv("a", "2"), kv("b", "3"), kv("b", "")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Close(), topic.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"p":0,"o":`); err != nil { // a crash amid a write
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	topic, err = Open(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	l, s := start(t, topic)
	if len(s.recs) != 2 || string(s.recs[0].Value) != "2" || s.recs[0].Offset != 1 || s.recs[1].Value != nil {
		t.Fatalf("got %+v", s.recs)
	}
	if err := l.Append(t.Context(), kv("c", "4")); err != nil {
		t.Fatal(err)
	}
	if err := l.ReadToEnd(t.Context()); err != nil || s.recs[2].Offset != 4 {
		t.Errorf("%v, offset %d", err, s.recs[2].Offset)
	}
	if err := errors.Join(l.Close(), topic.Close()); err != nil {
		t.Fatal(err)
	}
}
