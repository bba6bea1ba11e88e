package e2e

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// flow is a numbered stream that goes on at a steady rate while a test does other things, and what is read of its copy.
type flow struct {
	stream *stream
	copied *copied
	enough chan struct{} // closed to end the stream
	ended  chan error    // how it ended
}

// startFlow has so many records a second produced to the topic, which must exist, and reads its copy as it arrives.
func startFlow(t testing.TB, source, target string, s *stream, copyTopic string, rate int) *flow {
	t.Helper()
	f := &flow{stream: s, copied: readCopy(t, target, copyTopic, s.partitions), enough: make(chan struct{}), ended: make(chan error, 1)}
	producer := kafkaClient(t, source, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() { f.ended <- f.produce(ctx, producer, rate) }()
	return f
}

// produce keeps to the rate on average: what could not be sent while a broker was away follows, in bursts of a second's worth.
func (f *flow) produce(ctx context.Context, producer *kgo.Client, rate int) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	begin, sent := time.Now(), 0
	for {
		select {
		case <-f.enough:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		due := int(time.Since(begin).Seconds()*float64(rate)) - sent
		due = min(due, rate)
		if err := f.stream.produce(ctx, producer, due); err != nil {
			return err
		}
		sent += due
	}
}

// stop ends the stream and waits until the copy holds all of it.
func (f *flow) stop(t testing.TB) {
	t.Helper()
	close(f.enough)
	if err := <-f.ended; err != nil {
		t.Fatalf("the stream broke off: %v", err)
	}
	f.copied.await(t, f.stream.next)
}

// copied is what arrived of a stream at its destination. Unlike stream.verify it reads while the stream goes on, and counts what
// is wrong instead of stopping there.
type copied struct {
	mu         sync.Mutex
	seen       [][]bool
	distinct   []uint64 // records seen, of each partition
	following  []uint64 // number that would follow the newest record, of each partition
	duplicates int64
	rewinds    int64    // how often a partition went back to earlier records
	early      []string // records that came before one of their predecessors
	arrived    []time.Time
	pause      pause // the longest
}

// pause is a time in which a partition of the copy had nothing new.
type pause struct {
	partition int32
	began     time.Time
	length    time.Duration
}

func (p pause) String() string {
	return fmt.Sprintf("%v (partition %d from %s)", p.length.Round(time.Millisecond), p.partition, p.began.UTC().Format("15:04:05.0"))
}

// readCopy reads the topic until the test ends. The topic need not exist yet.
func readCopy(t testing.TB, bootstrap, topic string, partitions int32) *copied {
	t.Helper()
	c := &copied{
		seen: make([][]bool, partitions), distinct: make([]uint64, partitions),
		following: make([]uint64, partitions), arrived: make([]time.Time, partitions),
	}
	assign := map[int32]kgo.Offset{}
	for p := range partitions {
		assign[p] = kgo.NewOffset().AtStart()
	}
	cl := kafkaClient(t, bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assign}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			// Errors pass: the topic is not there yet, or its broker is away.
			fetches := cl.PollFetches(ctx)
			c.mu.Lock()
			fetches.EachRecord(c.add)
			c.mu.Unlock()
		}
	}()
	return c
}

func (c *copied) add(r *kgo.Record) {
	p, n, now := r.Partition, binary.BigEndian.Uint64(r.Value[92:]), time.Now()
	if n < c.following[p] {
		c.rewinds++
	}
	for uint64(len(c.seen[p])) <= n {
		c.seen[p] = append(c.seen[p], false)
	}
	c.following[p] = n + 1
	if c.seen[p][n] {
		c.duplicates++
		return
	}
	if n != c.distinct[p] { // as all before it were seen, they would be as many as its number
		c.early = append(c.early, fmt.Sprintf("partition %d: record %d came when only %d were there", p, n, c.distinct[p]))
	}
	c.seen[p][n] = true
	c.distinct[p]++
	if length := now.Sub(c.arrived[p]); !c.arrived[p].IsZero() && length > c.pause.length {
		c.pause = pause{p, c.arrived[p], length}
	}
	c.arrived[p] = now
}

// await waits until so many records of each partition have arrived.
func (c *copied) await(t testing.TB, numbers []uint64) {
	t.Helper()
	testkit.Eventually(t, 3*time.Minute, func(context.Context) error {
		if n := c.missing(numbers); n > 0 {
			return fmt.Errorf("%d records are missing", n)
		}
		return nil
	})
}

func (c *copied) missing(numbers []uint64) (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range numbers {
		n += numbers[p] - min(numbers[p], c.distinct[p])
	}
	return n
}

// total counts the records that arrived, each once.
func (c *copied) total() (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.distinct {
		n += k
	}
	return n
}

// counts returns how many records arrived again, and in how many runs.
func (c *copied) counts() (duplicates, rewinds int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.duplicates, c.rewinds
}

// inOrder fails the test if a record arrived before one of its predecessors.
func (c *copied) inOrder(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.early) > 0 {
		t.Errorf("%d records came early: %v", len(c.early), c.early[:min(5, len(c.early))])
	}
}

// longestPause is the longest time in which a partition of the copy had nothing new.
func (c *copied) longestPause() pause {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pause
}

// storedOffset is a source position, and when the worker wrote it.
type storedOffset struct {
	offset int64
	at     time.Time
}

func (o storedOffset) String() string {
	return fmt.Sprintf("%d at %s", o.offset, o.at.UTC().Format("15:04:05.000"))
}

// offsetHistory reads an offset topic from its beginning and returns, for each source partition, the positions in the order
// in which they were stored.
func offsetHistory(t testing.TB, bootstrap, topic string) map[string][]storedOffset {
	t.Helper()
	cl := kafkaClient(t, bootstrap)
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	left := map[int32]int64{}
	assign := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition], assign[o.Partition] = o.Offset, kgo.NewOffset().AtStart()
		}
	})
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: assign})
	history := map[string][]storedOffset{}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		for len(left) > 0 {
			fetches := cl.PollFetches(ctx)
			if err := fetches.Err0(); err != nil {
				return err
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if r.Offset+1 >= left[r.Partition] {
					delete(left, r.Partition)
				}
				var position struct{ Offset int64 }
				if r.Value == nil {
					return
				}
				if err := json.Unmarshal(r.Value, &position); err != nil {
					t.Errorf("%s holds %s: %v", topic, r.Value, err)
				}
				history[string(r.Key)] = append(history[string(r.Key)], storedOffset{position.Offset, r.Timestamp})
			})
		}
		return nil
	})
	return history
}

// setbacks tells where stored positions went back to earlier ones.
func setbacks(history map[string][]storedOffset) (out []string) {
	for key, positions := range history {
		for i := 1; i < len(positions); i++ {
			if positions[i].offset < positions[i-1].offset {
				out = append(out, fmt.Sprintf("%s: %v after %v", key, positions[i], positions[i-1]))
			}
		}
	}
	slices.Sort(out)
	return out
}
