package proto

import (
	"fmt"
	"slices"
	"time"

	"github.com/connectd/connectd/internal/cluster"
)

// connectorTask is the task number that stands for the connector itself.
const connectorTask = -1

// Errors that an assignment can carry.
const (
	// NoError is a valid assignment.
	NoError int16 = 0
	// ConfigMismatch says that the leader had not read the config topic as far as another member: nobody starts
	// anything, everybody reads on and rejoins.
	ConfigMismatch int16 = 1
)

// Work is a set of connectors and tasks, in the order in which it was listed.
type Work struct {
	Connectors []string
	Tasks      []cluster.TaskID
}

// Empty tells whether there is no connector and no task.
func (w Work) Empty() bool { return len(w.Connectors) == 0 && len(w.Tasks) == 0 }

// Len is the number of connectors and tasks.
func (w Work) Len() int { return len(w.Connectors) + len(w.Tasks) }

// Clone copies w.
func (w Work) Clone() Work {
	return Work{Connectors: slices.Clone(w.Connectors), Tasks: slices.Clone(w.Tasks)}
}

// Metadata is what a member says of itself when it joins.
type Metadata struct {
	// Version is the header's version; encoders ignore it and write the protocol's own.
	Version int16
	// URL is the member's advertised REST URL.
	URL string
	// ConfigOffset is the offset of the last config topic record that the member has read, -1 for none.
	ConfigOffset int64
	// Assignment is what the member runs, nil for a member that has no assignment. Not part of the eager protocol.
	Assignment *Assignment
}

// Current is the work that the member runs.
func (m Metadata) Current() Work {
	if m.Assignment == nil {
		return Work{}
	}
	return m.Assignment.Assigned
}

// Assignment is what the leader tells a member or, in a member's metadata, what that member runs.
type Assignment struct {
	// Version is the header's version; encoders ignore it and write the protocol's own.
	Version int16
	// Error is NoError or ConfigMismatch.
	Error int16
	// Leader is the leader's member id, LeaderURL its advertised REST URL.
	Leader, LeaderURL string
	// ConfigOffset is the config topic offset that the assignment was made with.
	ConfigOffset int64
	// Assigned is all work under the eager protocol, otherwise only what the member starts in addition.
	Assigned Work
	// Revoked is what the member stops before it rejoins. Not part of the eager protocol.
	Revoked Work
	// Delay is after what time members rejoin, 0 for no such rebalance; milliseconds on the wire. Not part of the eager
	// protocol.
	Delay time.Duration
}

// Failed tells whether the assignment carries an error.
func (a *Assignment) Failed() bool { return a.Error != NoError }

// EncodeMetadata writes m for protocol p. It fails when a name is longer than 32767 bytes.
func EncodeMetadata(p Protocol, m Metadata) ([]byte, error) {
	var w writer
	w.int16(p.Version())
	w.string(m.URL)
	w.int64(m.ConfigOffset)
	if p.Incremental() {
		if m.Assignment == nil {
			w.int32(-1)
		} else {
			nested := writer{}
			nested.assignment(p, m.Assignment)
			w.fail(nested.err)
			w.int32(int32(len(nested.b)))
			w.b = append(w.b, nested.b...)
		}
	}
	return w.done("metadata")
}

// EncodeAssignment writes a for protocol p. It fails when a name is longer than 32767 bytes.
func EncodeAssignment(p Protocol, a *Assignment) ([]byte, error) {
	var w writer
	w.assignment(p, a)
	return w.done("assignment")
}

// DecodeMetadata reads a member's metadata of any version. Like Java it reads what version 1 defines whatever the header
// says, takes a missing assignment for none, and ignores trailing bytes.
func DecodeMetadata(b []byte) (Metadata, error) {
	r := reader{b: b}
	m := Metadata{Version: r.version(), URL: r.string("url"), ConfigOffset: r.int64("config-offset")}
	if nested := r.nullableBytes("allocation"); r.err == nil && nested != nil {
		a, err := DecodeAssignment(nested)
		if err != nil {
			return Metadata{}, fmt.Errorf("member metadata: current assignment: %w", err)
		}
		m.Assignment = a
	}
	if r.err != nil {
		return Metadata{}, fmt.Errorf("member metadata: %w", r.err)
	}
	return m, nil
}

// DecodeAssignment reads an assignment of any version. Like Java it takes missing lists and a missing delay for empty, and
// ignores trailing bytes.
func DecodeAssignment(b []byte) (*Assignment, error) {
	r := reader{b: b}
	a := &Assignment{
		Version:      r.version(),
		Error:        r.int16("error"),
		Leader:       r.string("leader"),
		LeaderURL:    r.string("leader-url"),
		ConfigOffset: r.int64("config-offset"),
		Assigned:     r.work("assignment"),
		Revoked:      r.work("revoked"),
		Delay:        time.Duration(r.optionalInt32("delay")) * time.Millisecond,
	}
	if r.err != nil {
		return nil, fmt.Errorf("assignment: %w", r.err)
	}
	return a, nil
}
