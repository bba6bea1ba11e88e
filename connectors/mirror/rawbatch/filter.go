package rawbatch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/connectd/connectd/internal/client"
)

// Filter tells which batches of one fetch, of one partition, are part of aborted transactions. Of read_committed only: without a list of
// aborted transactions it drops nothing. One for each fetch, made by NewFilter, shown every batch in order.
type Filter struct {
	// begun lists what has not been reached yet, by first offset. It may be shared with other filters: nothing writes to it.
	begun []client.AbortedTxn
	// aborting are producers with an aborted transaction that the batches are within.
	aborting map[int64]struct{}
}

// NewFilter takes the list of aborted transactions that came with the fetch, in any order. It allocates only if there are any.
func NewFilter(aborted []client.AbortedTxn) Filter {
	byOffset := func(a, b client.AbortedTxn) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) }
	if !slices.IsSortedFunc(aborted, byOffset) {
		aborted = slices.Clone(aborted)
		slices.SortStableFunc(aborted, byOffset)
	}
	return Filter{begun: aborted}
}

// Aborted tells whether the next batch is dropped. The list names a producer and the first offset of its aborted transaction;
// its batches from there on are dropped until the control batch with its abort marker, which Judge drops. An error is an ErrCorrupt
// about a control batch.
func (f *Filter) Aborted(b *Batch) (bool, error) {
	if b.ProducerID < 0 {
		return false, nil
	}
	last := b.LastOffset()
	for len(f.begun) > 0 && f.begun[0].FirstOffset <= last {
		if f.aborting == nil {
			f.aborting = make(map[int64]struct{})
		}
		f.aborting[f.begun[0].ProducerID] = struct{}{}
		f.begun = f.begun[1:]
	}
	if len(f.aborting) == 0 {
		return false, nil
	}
	if b.Control {
		abort, err := abortMarker(b)
		if abort {
			delete(f.aborting, b.ProducerID)
		}
		return false, err
	}
	if !b.Transactional {
		return false, nil
	}
	_, aborted := f.aborting[b.ProducerID]
	return aborted, nil
}

// abortMarker tells whether a control batch says that a transaction was aborted. There are other kinds; unknown ones mean nothing.
// A batch whose marker compaction has removed is none.
func abortMarker(b *Batch) (bool, error) {
	if b.Count == 0 {
		return false, nil
	}
	r, _, err := readRecord(b.Body())
	var key []byte
	if err == nil {
		key, _, err = readBytes(r.body)
	}
	if err != nil || len(key) < 4 {
		return false, fmt.Errorf("%w: the control batch at offset %d has no marker", ErrCorrupt, b.BaseOffset)
	}
	version, kind := int16(binary.BigEndian.Uint16(key)), binary.BigEndian.Uint16(key[2:])
	if version < 0 {
		return false, fmt.Errorf("%w: the control batch at offset %d has a marker of version %d", ErrCorrupt, b.BaseOffset, version)
	}
	return kind == 0, nil
}
