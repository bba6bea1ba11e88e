package file

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSourceContract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	connecttest.Source(t, connecttest.SourceCase{
		Plugin: SourcePlugin(), Props: map[string]string{propFile: path, propTopic: "lines", propBatch: "3"},
		Produce: func(t testing.TB) { appendTo(t, path, strings.Repeat("é\n", 10)) }, Records: 10,
	})
}

func TestSinkContract(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	recs := make([]connect.SinkRecord, 10)
	for i := range recs {
		recs[i] = connect.SinkRecord{Topic: "t", Partition: int32(i % 2), Offset: int64(i / 2), Value: fmt.Sprintf("v%d", i)}
	}
	connecttest.Sink(t, connecttest.SinkCase{
		Plugin: SinkPlugin(), Props: map[string]string{propFile: path}, Records: recs,
		Check: func(t testing.TB, n int) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range recs[:n] {
				if !strings.Contains(string(data), r.Value.(string)+"\n") {
					t.Errorf("%v is missing", r.Value)
				}
			}
		},
	})
}

func startSource(t *testing.T, props map[string]string, store *connecttest.Offsets) *sourceTask {
	t.Helper()
	props[propTopic] = "t"
	task := SourcePlugin().NewSourceTask().(*sourceTask)
	if err := task.Start(t.Context(), connecttest.NewSourceTaskContext(t, store), props); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = task.Stop() })
	return task
}

// poll polls until n lines came.
func poll(t *testing.T, task *sourceTask, n int) []connect.SourceRecord {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), connecttest.Timeout)
	defer cancel()
	var out []connect.SourceRecord
	for len(out) < n && ctx.Err() == nil {
		recs, err := task.Poll(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, recs...)
	}
	return out
}

func TestLinesEndAndWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	task := startSource(t, map[string]string{propFile: path}, nil)
	if recs, err := task.Poll(t.Context()); len(recs) > 0 || err != nil { // no file yet
		t.Fatal(recs, err)
	}
	long := strings.Repeat("x", 3*chunk)
	appendTo(t, path, "a\nb\r\n\nc\rd\xff\n"+long+"\npartial")
	var got []string
	var positions []int64
	for _, r := range poll(t, task, 6) {
		got = append(got, r.Value.(string))
		p, _ := r.SourceOffset.Int64(fieldPosition)
		positions = append(positions, p)
		if r.Partition != connect.NoPartition || r.ValueSchema != connect.StringSchema || r.Timestamp.IsZero() {
			t.Errorf("record %+v", r)
		}
	}
	if want := []string{"a", "b", "", "c", "d\uFFFD", long}; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %.80q", got)
	}
	if want := "[2 5 6 8 11 " + fmt.Sprint(12+len(long)) + "]"; fmt.Sprint(positions) != want {
		t.Errorf("positions %v, want %v", positions, want)
	}
	appendTo(t, path, " line\n")
	if recs := poll(t, task, 1); len(recs) != 1 || recs[0].Value != "partial line" {
		t.Errorf("got %v", recs)
	}
}

func TestABadStoredPositionFailsTheTask(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	appendTo(t, path, "a\n")
	store := &connecttest.Offsets{}
	store.Set(connect.Entries{{Key: fieldFile, Value: path}}, connect.Entries{{Key: fieldPosition, Value: "2"}})
	if _, err := startSource(t, map[string]string{propFile: path}, store).Poll(t.Context()); err == nil {
		t.Error("a position that is no number is taken")
	}
	if _, err := startSource(t, map[string]string{propFile: t.TempDir()}, nil).Poll(t.Context()); err == nil {
		t.Error("a folder is read")
	}
}

func TestANamedPipeIsReadAsItComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no named pipes here: ", err)
	}
	task := startSource(t, map[string]string{}, nil)
	task.openStdin = func() (input, error) { return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) }
	reader, err := task.open(t.Context())
	if err != nil || reader == nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "one\ntwo\nthr"); err != nil {
		t.Fatal(err)
	}
	recs := poll(t, task, 2)
	if len(recs) != 2 || recs[1].Value != "two" {
		t.Fatalf("got %v", recs)
	}
	if v, _ := recs[0].SourceOffset.Get(fieldPosition); v != nil {
		t.Error("standard input has a position")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = task.Poll(ctx) // waits in a read: the pipe has a writer but no data
	}()
	cancel()
	<-done
	if _, err := io.WriteString(w, "ee\n"); err != nil {
		t.Fatal(err)
	}
	if recs := poll(t, task, 1); len(recs) != 1 || recs[0].Value != "three" {
		t.Errorf("after a cancelled poll: %v", recs)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if recs, err := task.Poll(t.Context()); len(recs) > 0 || err != nil || !task.ended {
		t.Errorf("at the end: %v %v", recs, err)
	}
}

func TestSinkWritesTheTextOfAnyValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	task := SinkPlugin().NewSinkTask()
	if err := task.Start(t.Context(), connecttest.NewSinkTaskContext(t), map[string]string{propFile: path}); err != nil {
		t.Fatal(err)
	}
	values := []any{"s", nil, int64(5), []byte("raw"), map[string]any{"a": 1.5}}
	for _, v := range values {
		if err := task.Put(t.Context(), []connect.SinkRecord{{Value: v}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := task.Put(t.Context(), []connect.SinkRecord{{Value: struct{}{}}}); err == nil {
		t.Error("an unknown type is written")
	}
	if err := task.Stop(); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	if string(data) != "s\nnull\n5\nraw\n{a=1.5}\n" {
		t.Errorf("got %q", data)
	}
	if err := SinkPlugin().NewSinkTask().Start(t.Context(), connecttest.NewSinkTaskContext(t), map[string]string{propFile: t.TempDir()}); err == nil {
		t.Error("a folder is written to")
	}
}
