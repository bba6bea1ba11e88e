package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

// moved is a topic of numbered records, and what its copy holds. It is safe for concurrent use.
type moved struct {
	mu    sync.Mutex
	parts []movedPartition
}

type movedPartition struct {
	offsets []int64 // at the source, by number of the record; -1 for one that was aborted
	last    int64   // source offset of the last record that is no aborted one
	copies  []copiedRecord
}

// copiedRecord is a record of the target, by its offsets.
type copiedRecord struct{ up, down int64 }

func newMoved(partitions int) *moved { return &moved{parts: make([]movedPartition, partitions)} }

// record makes the next record of a partition.
func (m *moved) record(topic string, p int32, key []byte) *kgo.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	part := &m.parts[p]
	number := uint64(len(part.offsets))
	part.offsets = append(part.offsets, -1)
	return &kgo.Record{Topic: topic, Partition: p, Key: key, Value: binary.BigEndian.AppendUint64(make([]byte, 92, 100), number)}
}

func number(r *kgo.Record) uint64 { return binary.BigEndian.Uint64(r.Value[92:]) }

// produced notes where a record went.
func (m *moved) produced(r *kgo.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	part := &m.parts[r.Partition]
	part.offsets[number(r)] = r.Offset
	part.last = max(part.last, r.Offset)
}

// source is a copy's offset at the source.
func (m *moved) source(r *kgo.Record) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.parts[r.Partition].offsets[number(r)]
}

// copied notes a record of the target.
func (m *moved) copied(r *kgo.Record) {
	up := m.source(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	part := &m.parts[r.Partition]
	part.copies = append(part.copies, copiedRecord{up: up, down: r.Offset})
}

// complete tells whether all was copied; of a compacted topic the last record is there, if not all before it.
func (m *moved) complete() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.parts {
		part := &m.parts[p]
		if n := len(part.copies); n == 0 || part.copies[n-1].up < part.last {
			return fmt.Errorf("of partition %d the last of %d records was not copied yet", p, len(part.offsets))
		}
	}
	return nil
}

// judge counts what a group misses, and reads again, that stood at up in the source and stands at down in the target.
func (m *moved) judge(p int32, up, down int64) (missed, again int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.parts[p].copies {
		switch {
		case c.down < down && c.up >= up:
			missed++
		case c.down >= down && c.up < up:
			again++
		}
	}
	return missed, again
}

// behind counts the copies of records from up on.
func (m *moved) behind(p int32, up int64) int {
	missed, _ := m.judge(p, up, int64(1)<<62)
	return int(missed)
}

// producers give functions that send so many more records to each topic, and return when they are there.
func (f *failover) producers(t *testing.T) []func(n int) {
	manual := kgo.RecordPartitioner(kgo.ManualPartitioner())
	cl := kafkaClient(t, f.source, manual, kgo.MaxBufferedRecords(50_000))
	tx := kafkaClient(t, f.source, manual, kgo.MaxBufferedRecords(50_000), kgo.TransactionalID("failover"))
	round := 0
	return []func(int){
		func(n int) { f.send(t, cl, "plain", n, nil) },
		func(n int) { f.send(t, cl, "compacted", n, func(i int) []byte { return fmt.Append(nil, i%97) }) },
		func(n int) {
			const transactions = 8
			for range transactions {
				round++
				f.transact(t, tx, n/transactions, round%3 != 0)
			}
		},
	}
}

// send produces n records, one partition after the other in turn.
func (f *failover) send(t *testing.T, cl *kgo.Client, topic string, n int, key func(int) []byte) []*kgo.Record {
	m := f.topics[topic]
	var sent []*kgo.Record
	for i := range n {
		var k []byte
		if key != nil {
			k = key(i)
		}
		r := m.record(topic, int32(i%len(m.parts)), k)
		sent = append(sent, r)
		cl.Produce(t.Context(), r, func(r *kgo.Record, err error) {
			if err != nil {
				t.Errorf("producing to %s: %v", topic, err)
			}
		})
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if topic != "tx" {
		for _, r := range sent {
			m.produced(r)
		}
	}
	return sent
}

// transact sends a transaction, which ends well or is aborted.
func (f *failover) transact(t *testing.T, cl *kgo.Client, n int, well bool) {
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	sent := f.send(t, cl, "tx", n, nil)
	if err := cl.EndTransaction(t.Context(), kgo.TransactionEndTry(well)); err != nil {
		t.Fatal(err)
	}
	if well {
		for _, r := range sent {
			f.topics["tx"].produced(r)
		}
	}
}

// readCopies reads the target until all was copied.
func (f *failover) readCopies(t *testing.T) {
	testkit.Eventually(t, 10*time.Minute, func(ctx context.Context) error {
		within, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		f.reader.PollFetches(within).EachRecord(func(r *kgo.Record) { f.topics[r.Topic[len("S."):]].copied(r) })
		for topic, m := range f.topics {
			if err := m.complete(); err != nil {
				return fmt.Errorf("%s: %w", topic, err)
			}
		}
		return nil
	})
}
