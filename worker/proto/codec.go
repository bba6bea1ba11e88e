package proto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/connectd/connectd/internal/cluster"
)

var errShort = errors.New("the bytes end early")

// writer appends big-endian fields; the first failure sticks.
type writer struct {
	b   []byte
	err error
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) done(what string) ([]byte, error) {
	if w.err != nil {
		return nil, fmt.Errorf("%s: %w", what, w.err)
	}
	return w.b, nil
}

func (w *writer) int16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) int32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) int64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

func (w *writer) string(s string) {
	if len(s) > math.MaxInt16 {
		w.fail(fmt.Errorf("%.40q... has %d bytes; the group protocol allows %d", s, len(s), math.MaxInt16))
		return
	}
	w.int16(int16(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) assignment(p Protocol, a *Assignment) {
	w.int16(p.Version())
	w.int16(a.Error)
	w.string(a.Leader)
	w.string(a.LeaderURL)
	w.int64(a.ConfigOffset)
	w.work(a.Assigned)
	if p.Incremental() {
		w.work(a.Revoked)
		w.int32(int32(min(a.Delay/time.Millisecond, math.MaxInt32)))
	}
}

// work groups by connector, in order of first mention, the connector itself before its tasks, as Java does.
func (w *writer) work(work Work) {
	at := make(map[string]int, len(work.Connectors))
	var names []string
	var tasks [][]int32
	add := func(connector string, task int32) {
		i, seen := at[connector]
		if !seen {
			i = len(names)
			at[connector] = i
			names, tasks = append(names, connector), append(tasks, nil)
		}
		tasks[i] = append(tasks[i], task)
	}
	for _, c := range work.Connectors {
		add(c, connectorTask)
	}
	for _, t := range work.Tasks {
		if t.Task < math.MinInt32 || t.Task > math.MaxInt32 {
			w.fail(fmt.Errorf("task number %d of connector %q does not fit into 32 bits", t.Task, t.Connector))
			return
		}
		add(t.Connector, int32(t.Task))
	}
	w.int32(int32(len(names)))
	for i, name := range names {
		w.string(name)
		w.int32(int32(len(tasks[i])))
		for _, t := range tasks[i] {
			w.int32(t)
		}
	}
}

// reader takes big-endian fields off the front; after the first failure every field is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(field string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("field %s: %w", field, err)
	}
	r.b = nil
}

// take returns the next n bytes, nil after a failure.
func (r *reader) take(field string, n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.b) {
		r.fail(field, fmt.Errorf("%w: %d bytes needed, %d left", errShort, n, len(r.b)))
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) int16(field string) int16 {
	if b := r.take(field, 2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32(field string) int32 {
	if b := r.take(field, 4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64(field string) int64 {
	if b := r.take(field, 8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) version() int16 {
	v := r.int16("version")
	if v < 0 {
		r.fail("version", fmt.Errorf("%d is not a version; 0 and up are allowed", v))
	}
	return v
}

func (r *reader) string(field string) string {
	n := r.int16(field)
	if n < 0 {
		r.fail(field, fmt.Errorf("length %d; the field may not be null", n))
	}
	return string(r.take(field, int(max(n, 0))))
}

// nullableBytes gives nil for a null or missing field.
func (r *reader) nullableBytes(field string) []byte {
	if len(r.b) == 0 {
		return nil
	}
	n := r.int32(field)
	if n < 0 {
		return nil
	}
	return r.take(field, int(n))
}

// optionalInt32 gives 0 for a missing field.
func (r *reader) optionalInt32(field string) int32 {
	if len(r.b) == 0 {
		return 0
	}
	return r.int32(field)
}

// count reads an array's length and checks it against the bytes left, so that a lie cannot make us allocate.
func (r *reader) count(field string, elemSize int, nullable bool) int {
	n := r.int32(field)
	switch {
	case r.err != nil || n < 0 && nullable:
		return 0
	case n < 0:
		r.fail(field, fmt.Errorf("count %d; the field may not be null", n))
		return 0
	case int64(n)*int64(elemSize) > int64(len(r.b)):
		r.fail(field, fmt.Errorf("%w: %d elements announced, %d bytes left", errShort, n, len(r.b)))
		return 0
	}
	return int(n)
}

// work gives an empty value for a null or missing field.
func (r *reader) work(field string) Work {
	var work Work
	if len(r.b) == 0 {
		return work
	}
	for range r.count(field, 2+4, true) {
		connector := r.string(field)
		for range r.count(field, 4, false) {
			if task := r.int32(field); task == connectorTask {
				work.Connectors = append(work.Connectors, connector)
			} else {
				work.Tasks = append(work.Tasks, cluster.TaskID{Connector: connector, Task: int(task)})
			}
		}
	}
	if r.err != nil {
		return Work{}
	}
	return work
}
