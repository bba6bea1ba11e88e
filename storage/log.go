package storage

import (
	"context"

	"github.com/connectd/connectd/internal/client"
)

// Record is one record of an internal topic. A nil Value is a tombstone.
type Record = client.LogRecord

// KV is a record to be appended. A nil Value is a tombstone; a nil Key is allowed.
type KV = client.KV

// Log is one compacted topic, as the stores need it: appended to, tailed, and read to its end on request. The partition
// of a record follows from its key by murmur2, as Java's default partitioner chooses it.
type Log interface {
	// Start begins to tail from the first record, and returns once everything that was there has been handed to
	// onRecords. onRecords is called from one goroutine at a time, in order per partition, until Close.
	Start(ctx context.Context, onRecords func([]Record)) error
	// Append writes the records in order and returns once the broker acknowledged all of them (acks=all).
	Append(ctx context.Context, recs ...KV) error
	// ReadToEnd returns once every record that existed when it was called has been handed to onRecords.
	ReadToEnd(ctx context.Context) error
	// Close stops tailing; no call of onRecords is under way or follows when it has returned.
	Close() error
}

// LeaderLog is a Log with records that only the group's leader may write (KIP-618): one writer at a time has that privilege, and
// writes in transactions. Its methods are safe for concurrent use.
type LeaderLog interface {
	Log
	// Claim takes the privilege. Whoever had it before is fenced off, and a transaction that he left open does not count. It
	// does nothing for one who has it.
	Claim(ctx context.Context) error
	// AppendAsLeader is Append for the one who has claimed: all the records are written, or none counts. After an error the
	// privilege has to be claimed again; whether they were written is not known then, unless the error is client.ErrFenced.
	AppendAsLeader(ctx context.Context, recs ...KV) error
	// Relinquish gives the privilege up. It does nothing for one who has none.
	Relinquish()
}
