package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/connectd/connectd/connect"
)

// Names of the fields of source partition and offset.
const (
	fieldFile     = "filename"
	fieldPosition = "position"
)

// idle is how long to wait before looking again for a file or for more of it.
const idle = 250 * time.Millisecond

// chunk is how many bytes are read at once.
const chunk = 64 << 10

// input is what the task reads: a file whose reads end at a deadline, if its kind allows one.
type input interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

type sourceTask struct {
	openStdin   func() (input, error)
	tc          connect.SourceTaskContext
	file, topic string // file is empty for standard input
	batch       int
	partition   connect.Entries

	buf      []byte // read, not yet handed out
	position int64  // in bytes, of the start of buf
	ended    bool   // standard input has ended
	missing  bool   // that the file is missing was logged

	mu      sync.Mutex
	in      input // nil until it could be opened
	stopped bool
}

func (t *sourceTask) Start(_ context.Context, tc connect.SourceTaskContext, props map[string]string) error {
	v, err := sourceConfig().Parse(props)
	if err != nil {
		return err
	}
	t.tc, t.file, t.topic, t.batch = tc, v.String(propFile), v.String(propTopic), v.Int(propBatch)
	t.partition = connect.Entries{{Key: fieldFile, Value: t.file}}
	if t.file == "" {
		t.partition[0].Value = nil
	}
	return nil
}

// Poll returns the complete lines that there are, at most batch.size. The last line waits for its end.
func (t *sourceTask) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	in, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	if in == nil || t.ended {
		return nil, wait(ctx)
	}
	if recs := t.lines(nil); len(recs) > 0 {
		return recs, nil // left over from a read beyond batch.size
	}
	var recs []connect.SourceRecord
	for {
		n, err := t.read(ctx, in)
		recs = t.lines(recs)
		switch {
		case len(recs) >= t.batch && t.batch > 0, len(recs) > 0 && (n < chunk || err != nil):
			return recs, nil // after a short read the next one may have to wait
		case errors.Is(err, io.EOF) && t.file == "":
			t.ended = true
			return nil, nil
		case err == nil && n > 0:
			continue
		case err == nil, errors.Is(err, io.EOF):
			return nil, wait(ctx)
		case ctx.Err() != nil, errors.Is(err, fs.ErrClosed):
			return nil, nil
		}
		return nil, fmt.Errorf("reading %s: %w", t.name(), err)
	}
}

func wait(ctx context.Context) error {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return nil
}

func (t *sourceTask) name() string {
	if t.file == "" {
		return "standard input"
	}
	return t.file
}

// open opens the file at the stored position; nil without an error as long as it does not exist.
func (t *sourceTask) open(ctx context.Context) (input, error) {
	t.mu.Lock()
	in, stopped := t.in, t.stopped
	t.mu.Unlock()
	if in != nil || stopped {
		return in, nil
	}
	if t.file == "" {
		stdin, err := t.openStdin()
		if err != nil {
			return nil, fmt.Errorf("opening standard input: %w", err)
		}
		return t.keep(stdin)
	}
	position, err := t.stored(ctx)
	if err != nil {
		return nil, err
	}
	// Without O_NONBLOCK opening a named pipe would wait for a writer.
	f, err := os.OpenFile(t.file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if !t.missing {
			t.missing = true
			t.tc.Logger().Warn("the file does not exist; waiting for it", "file", t.file)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(position, io.SeekStart); err != nil && position > 0 {
		return nil, errors.Join(fmt.Errorf("going on at position %d: %w", position, err), f.Close())
	}
	t.position = position
	return t.keep(f)
}

// keep hands the input to Stop, unless that was called already.
func (t *sourceTask) keep(in input) (input, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return nil, in.Close()
	}
	t.in = in
	return in, nil
}

func (t *sourceTask) stored(ctx context.Context) (int64, error) {
	offsets, err := t.tc.Offsets().Offsets(ctx, []connect.Entries{t.partition})
	if err != nil {
		return 0, err
	}
	if len(offsets) == 0 || offsets[0] == nil {
		return 0, nil
	}
	v, _ := offsets[0].Get(fieldPosition)
	if v == nil {
		return 0, nil
	}
	position, ok := v.(int64)
	if !ok || position < 0 {
		return 0, fmt.Errorf("the stored offset of %s has the %s %v; a whole number from 0 is expected: reset the connector's offsets",
			t.file, fieldPosition, v)
	}
	return position, nil
}

// read adds to buf what there is, and ends when ctx does.
func (t *sourceTask) read(ctx context.Context, in input) (int, error) {
	_ = in.SetReadDeadline(time.Time{}) // plain files know no deadline, and never block
	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = in.SetReadDeadline(time.Unix(1, 0))
		close(expired)
	})
	have := len(t.buf)
	t.buf = append(t.buf, make([]byte, chunk)...)
	n, err := in.Read(t.buf[have:])
	t.buf = t.buf[:have+max(n, 0)]
	if !stop() {
		<-expired
	}
	return n, err
}

// lines takes complete lines out of buf. A line ends with \n, \r\n, or \r that is not the last byte yet.
func (t *sourceTask) lines(recs []connect.SourceRecord) []connect.SourceRecord {
	now := time.Now()
	used := 0
	for t.batch <= 0 || len(recs) < t.batch {
		rest := t.buf[used:]
		end := bytes.IndexAny(rest, "\r\n")
		if end < 0 {
			break
		}
		next := end + 1
		if rest[end] == '\r' {
			if next == len(rest) {
				break
			}
			if rest[next] == '\n' {
				next++
			}
		}
		used += next
		recs = append(recs, connect.SourceRecord{
			SourcePartition: t.partition, SourceOffset: t.offset(t.position + int64(used)), Topic: t.topic, Partition: connect.NoPartition,
			ValueSchema: connect.StringSchema, Value: strings.ToValidUTF8(string(rest[:end]), "\uFFFD"), Timestamp: now,
		})
	}
	t.buf = append(t.buf[:0], t.buf[used:]...)
	t.position += int64(used)
	return recs
}

func (t *sourceTask) offset(position int64) connect.Entries {
	if t.file == "" {
		return connect.Entries{{Key: fieldPosition, Value: nil}}
	}
	return connect.Entries{{Key: fieldPosition, Value: position}}
}

// Stop closes the file, which also ends a read that is under way.
func (t *sourceTask) Stop() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.in == nil {
		return nil
	}
	in := t.in
	t.in = nil
	return in.Close()
}

// openStdin opens standard input anew, since only a file that this process opened itself can be read with a deadline.
func openStdin() (input, error) { return os.OpenFile("/dev/stdin", os.O_RDONLY|syscall.O_NONBLOCK, 0) }
