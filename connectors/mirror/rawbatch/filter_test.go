package rawbatch_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

// txnBatch is a batch of one record: what is "1" data of producer 1 in a transaction, "1x" its abort marker, "1c" its commit marker,
// "1n" data that is in none, "-" data of no producer.
func txnBatch(t testing.TB, what string, offset int64) rawbatch.Batch {
	t.Helper()
	key := []byte("k")
	switch {
	case strings.HasSuffix(what, "x"):
		key = []byte{0, 0, 0, 0}
	case strings.HasSuffix(what, "c"):
		key = []byte{0, 0, 0, 1}
	}
	raw, crc := rawbatch.EncodeKVs([]client.KV{{Key: key}}, 0)
	producer := int64(-1)
	if what != "-" {
		producer = int64(what[0] - '0')
	}
	rawbatch.Patch(raw, producer, 0, 0, producer >= 0 && !strings.HasSuffix(what, "n"), crc)
	if strings.ContainsAny(what, "xc") {
		raw[22] |= control
	}
	binary.BigEndian.PutUint64(raw, uint64(offset))
	return next(t, seal(raw))
}

// TestFilter writes transactions as words, see txnBatch, at offsets from 100 on; what is dropped is named by offsets.
func TestFilter(t *testing.T) {
	for _, row := range []struct {
		batches string
		aborted string // producer@first offset
		dropped string
	}{
		{"1 2 - 1n 1x", "", ""},
		{"1 2 - 1n 1x 1", "1@100", "100"},
		{"1 1 1x 1 1c", "1@100", "100 101"},
		{"1 1c 1 1x 1 1c", "1@102", "102"},
		// It began in an earlier fetch.
		{"1 2 1x 1", "1@50", "100"},
		// In any order, and of the same producer twice.
		{"1 2 1x 2 2x 1 1x 2", "1@105 2@101 1@100", "100 101 103 105"},
		// A commit marker ends no aborted transaction.
		{"1 2 2c 1 1x", "1@100", "100 103"},
		// Another producer's marker ends nothing.
		{"1 2x 1 1x 1", "1@100", "100 102"},
		{"0 1 0x 0", "0@100", "100"},
	} {
		var aborted []client.AbortedTxn
		for word := range strings.FieldsSeq(row.aborted) {
			var txn client.AbortedTxn
			if _, err := fmt.Sscanf(word, "%d@%d", &txn.ProducerID, &txn.FirstOffset); err != nil {
				t.Fatal(err)
			}
			aborted = append(aborted, txn)
		}
		filter := rawbatch.NewFilter(aborted)
		var dropped []string
		for i, what := range strings.Fields(row.batches) {
			b := txnBatch(t, what, int64(100+i))
			aborted, err := filter.Aborted(&b)
			if err != nil {
				t.Fatal(err)
			}
			if aborted {
				dropped = append(dropped, fmt.Sprint(b.BaseOffset))
			}
		}
		if got := strings.Join(dropped, " "); got != row.dropped {
			t.Errorf("%s, %v: dropped %s, want %s", row.batches, row.aborted, got, row.dropped)
		}
	}
}

func TestFilterWantsMarkers(t *testing.T) {
	for _, change := range []func(raw []byte){
		func(raw []byte) { raw[61+4] = 1 },                             // no key
		func(raw []byte) { raw[61+4] = 2 },                             // a short one
		func(raw []byte) { raw[61+5] = 0xff },                          // a version before the first
		func(raw []byte) { raw[61] = 0 },                               // no record
		func(raw []byte) { raw[61+4], raw[61+5], raw[61+6] = 8, 9, 9 }, // of a newer version, and unknown kind: nothing
	} {
		b := txnBatch(t, "1x", 100)
		change(b.Bytes)
		filter := rawbatch.NewFilter([]client.AbortedTxn{{ProducerID: 1, FirstOffset: 1}})
		_, err := filter.Aborted(&b)
		if b.Bytes[61+5] == 9 {
			if err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, rawbatch.ErrCorrupt) {
			t.Errorf("% x: %v", b.Body(), err)
		}
	}
}
