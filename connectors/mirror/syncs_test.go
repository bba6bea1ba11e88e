package mirror

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/client"
)

// deliver tells the task that the record at an offset of the source came to lie at one of the target.
func deliver(t testing.TB, tk *task, tp connect.TopicPartition, up, down int64) {
	t.Helper()
	rec := connect.SourceRecord{
		SourcePartition: tk.parts[tp].source, SourceOffset: connect.Entries{{Key: offsetKey, Value: up}},
		Topic: tk.parts[tp].remote, Partition: tp.Partition,
	}
	md := &connect.RecordMetadata{Topic: rec.Topic, Partition: tp.Partition, Offset: down}
	if err := tk.CommitRecord(&rec, md); err != nil {
		t.Fatal(err)
	}
}

// told lists what syncs a topic holds, as topic-partition:upstream=downstream.
func told(t testing.TB, c *cluster, topic string) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, r := range c.log(connect.TopicPartition{Topic: topic}).recs {
		s, err := offsetsync.DecodeSync(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s-%d:%d=%d", s.Topic, s.Partition, s.Upstream, s.Downstream))
	}
	return strings.Join(all, " ")
}

// translator has read what a cluster tells of offsets.
func translator(t testing.TB, c *cluster, syncs, pieces string) *offsetsync.Translator {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var tr offsetsync.Translator
	for _, r := range c.log(connect.TopicPartition{Topic: syncs}).recs {
		s, err := offsetsync.DecodeSync(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		tr.Apply(s)
	}
	for _, r := range c.log(connect.TopicPartition{Topic: pieces}).recs {
		s, err := offsetsync.DecodeSegment(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		tr.ApplyPieces(s)
	}
	return &tr
}

const (
	syncsT  = "mm2-offset-syncs.T.internal"
	piecesT = "mm2-offset-pieces.T.internal"
)

// TestSyncsAreWritten follows when what is written.
func TestSyncsAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 2, 1)
		tk, err := startTask(t, f, &connecttest.Offsets{}, "a-0,a-1", "offset.lag.max", "3")
		if err != nil {
			t.Fatal(err)
		}
		a0, a1 := connect.TopicPartition{Topic: "a"}, connect.TopicPartition{Topic: "a", Partition: 1}
		step := func(want string) {
			t.Helper()
			time.Sleep(syncsRest)
			synctest.Wait()
			if got := told(t, f.source, syncsT); got != want {
				t.Fatalf("told %q, not %q", got, want)
			}
		}
		deliver(t, tk, a0, 10, 0)
		step("a-0:10=0")
		deliver(t, tk, a0, 11, 1)
		deliver(t, tk, a0, 12, 2)
		deliver(t, tk, a0, 13, 3)
		step("a-0:10=0")
		deliver(t, tk, a0, 14, 4) // 3 records behind what the last sync is translated to
		step("a-0:10=0 a-0:14=4")
		deliver(t, tk, a0, 20, 5) // after a hole
		step("a-0:10=0 a-0:14=4 a-0:20=5")
		deliver(t, tk, a0, 21, 6)
		deliver(t, tk, a1, 5, 5)
		deliver(t, tk, a0, 22, 7)
		step("a-0:10=0 a-0:14=4 a-0:20=5 a-1:5=5")
		if err := tk.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		step("a-0:10=0 a-0:14=4 a-0:20=5 a-1:5=5 a-0:22=7")
		if err := tk.Commit(t.Context()); err != nil { // nothing new
			t.Fatal(err)
		}
		if err := tk.CommitRecord(&connect.SourceRecord{SourcePartition: tk.parts[a0].source}, nil); err != nil { // was filtered out
			t.Fatal(err)
		}
		elsewhere := &connect.RecordMetadata{Topic: "other", Offset: 1000}
		rec := connect.SourceRecord{SourcePartition: tk.parts[a0].source, SourceOffset: connect.Entries{{Key: offsetKey, Value: int64(23)}}, Topic: tk.parts[a0].remote}
		if err := tk.CommitRecord(&rec, elsewhere); err != nil { // was sent to another topic
			t.Fatal(err)
		}
		time.Sleep(2 * piecesTick)
		step("a-0:10=0 a-0:14=4 a-0:20=5 a-1:5=5 a-0:22=7")
		tr := translator(t, f.source, syncsT, piecesT)
		for up, want := range map[int64]int64{0: 0, 10: 0, 13: 3, 15: 5, 19: 5, 20: 5, 21: 6, 22: 7, 23: 8} {
			if down, q := tr.Translate(a0, up); down != want || q != offsetsync.Exact {
				t.Errorf("%d -> %d %v", up, down, q)
			}
		}
	})
}

// TestPiecesAreWritten bounds how often they are, and what a task leaves when it ends.
func TestPiecesAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		store := &connecttest.Offsets{}
		tk, err := startTask(t, f, store, "a-0")
		if err != nil {
			t.Fatal(err)
		}
		a0 := connect.TopicPartition{Topic: "a"}
		for i := range int64(5000) {
			deliver(t, tk, a0, 3*i, i)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		f.source.mu.Lock()
		n := len(f.source.log(connect.TopicPartition{Topic: piecesT}).recs)
		f.source.mu.Unlock()
		if n < 3 || n > 6 {
			t.Errorf("%d records in 5 s", n)
		}
		if err := tk.Stop(); err != nil {
			t.Fatal(err)
		}
		tk.syncs = nil // stopped
		tr := translator(t, f.source, syncsT, piecesT)
		for i := range int64(5000) {
			if down, q := tr.Translate(a0, 3*i-1); i > 0 && (down != i || q != offsetsync.Exact) {
				t.Fatalf("%d -> %d %v", 3*i-1, down, q)
			}
		}
		last := told(t, f.source, syncsT)
		if !strings.HasSuffix(last, "a-0:14997=4999") {
			t.Errorf("the last sync is missing: %s", last[max(0, len(last)-60):])
		}
	})
}

// TestSyncsTopics looks where they are written, and that they are not if they are not wanted.
func TestSyncsTopics(t *testing.T) {
	for name, c := range map[string]struct {
		props  []string
		target bool
		topic  string
	}{
		"source":           {nil, false, "mm2-offset-syncs.T.internal"},
		"target":           {[]string{propSyncsLocation, "target"}, true, "mm2-offset-syncs.S.internal"},
		"separator":        {[]string{propSeparator, "_"}, false, "mm2-offset-syncs_T_internal"},
		"not for internal": {[]string{propSeparator, "_", propInternalSep, "false"}, false, "mm2-offset-syncs.T.internal"},
		"off":              {[]string{propEmitSyncs, "false"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				f.source.topic("a", 1, 1)
				f.source.topic("mm2-offset-pieces.T.internal", 1, 1, "cleanup.policy", "compact", "mine", "yes")
				started(t, f, props(c.props...))
				tk, err := startTask(t, f, &connecttest.Offsets{}, "a-0", c.props...)
				if err != nil {
					t.Fatal(err)
				}
				deliver(t, tk, connect.TopicPartition{Topic: "a"}, 1, 2)
				if err := tk.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * piecesTick)
				var wrote []string
				for _, where := range []*cluster{f.source, f.target} {
					where.edit(func() {
						for tp, l := range where.logs {
							if strings.HasPrefix(tp.Topic, "mm2") && len(l.recs) > 0 {
								wrote = append(wrote, tp.Topic)
								if made := where.topics[tp.Topic]; made.Partitions != 1 || where.configs[tp.Topic]["cleanup.policy"].Value != "compact" {
									t.Errorf("%+v %v", made, where.configs[tp.Topic])
								}
								if (where == f.target) != c.target {
									t.Errorf("%s is on the wrong cluster", tp.Topic)
								}
							}
						}
					})
				}
				want := 2
				if c.topic == "" {
					want = 0
				}
				if len(wrote) != want || want > 0 && !strings.Contains(strings.Join(wrote, " "), c.topic) {
					t.Errorf("wrote %v", wrote)
				}
				if f.source.configs["mm2-offset-pieces.T.internal"]["mine"].Value != "yes" {
					t.Error("a topic that was there was changed")
				}
			})
		})
	}
}

// TestSyncsFail has the topics refuse records for a while: copying does not notice, and then the newest state is told.
func TestSyncsFail(t *testing.T) {
	for name, failure := range map[string]error{"refused": client.ErrUnauthorized, "fatal": fmt.Errorf("fenced: %w", client.ErrFatal)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes(t)
				tk, err := startTask(t, f, &connecttest.Offsets{}, "a-0")
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				f.source.edit(func() { f.source.refuse[syncsT], f.source.refuse[piecesT] = failure, failure })
				opened := f.opened
				a0 := connect.TopicPartition{Topic: "a"}
				for i := range int64(600) {
					deliver(t, tk, a0, 2*i, i)
					time.Sleep(100 * time.Millisecond)
				}
				if again := f.opened - opened; (again > 0) != (name == "fatal") {
					t.Errorf("the producer was opened again %d times", again)
				}
				f.source.edit(func() { clear(f.source.refuse) })
				time.Sleep(2 * outletMost * piecesTick)
				if got := told(t, f.source, syncsT); got != "a-0:1198=599" {
					t.Errorf("told %q", got)
				}
				tr := translator(t, f.source, syncsT, piecesT)
				for _, up := range []int64{0, 333, 1198} {
					if down, q := tr.Translate(a0, up); down != (up+1)/2 || q != offsetsync.Exact {
						t.Errorf("%d -> %d %v", up, down, q)
					}
				}
			})
		})
	}
}

// TestSyncsWaitForTheirTopics, lest brokers make them as any other topic.
func TestSyncsWaitForTheirTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.edit(func() { f.source.refuse[syncsT] = client.ErrReplication })
		tk, err := startTask(t, f, &connecttest.Offsets{}, "a-0")
		if err != nil {
			t.Fatal(err)
		}
		a0 := connect.TopicPartition{Topic: "a"}
		for i := range int64(300) {
			deliver(t, tk, a0, i, i)
			time.Sleep(100 * time.Millisecond)
		}
		f.source.edit(func() {
			if len(f.source.log(connect.TopicPartition{Topic: piecesT}).recs) > 0 {
				t.Error("pieces were written before there was a topic")
			}
			clear(f.source.refuse)
		})
		time.Sleep(2 * retryMost)
		if got := told(t, f.source, syncsT); !strings.HasPrefix(got, "a-0:") {
			t.Errorf("told %q", got)
		}
		if down, q := translator(t, f.source, syncsT, piecesT).Translate(a0, 250); down != 250 || q != offsetsync.Exact {
			t.Error(down, q)
		}
		f.source.edit(func() {
			for _, topic := range []string{syncsT, piecesT} {
				if f.source.configs[topic]["cleanup.policy"].Value != "compact" {
					t.Errorf("%s is not compacted", topic)
				}
			}
		})
	})
}

// slowWriter keeps records until they are let go.
type slowWriter struct {
	*fakeClients
	sent []client.ProducerRecord
	on   func([]client.Delivery)
}

func (w *slowWriter) Writer(props map[string]string, on func([]client.Delivery)) (client.Producer, error) {
	w.on = on
	p, err := w.fakeClients.Writer(props, on)
	return slowProducer{p, w}, err
}

type slowProducer struct {
	client.Producer
	w *slowWriter
}

func (p slowProducer) Send(_ context.Context, recs []client.ProducerRecord) error {
	p.w.sent = append(p.w.sent, recs...)
	return nil
}

// TestSyncsInFlight bounds the syncs on their way; what waits is overtaken by what is newer.
func TestSyncsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowWriter{fakeClients: newFakes(t)}
		s, err := parse(props("offset.lag.max", "0"))
		if err != nil {
			t.Fatal(err)
		}
		tk := &task{s: s, log: connecttest.NewSourceTaskContext(t, nil).Logger(), parts: map[connect.TopicPartition]*partition{}}
		for i := range int32(30) {
			tp := connect.TopicPartition{Topic: "a", Partition: i}
			tk.parts[tp] = &partition{tp: tp, source: s.partition(tp), next: -2}
		}
		if tk.syncs, err = startSyncs(f, s, tk.log, tk.parts); err != nil {
			t.Fatal(err)
		}
		for round := range int64(3) {
			for i := range int32(30) {
				deliver(t, tk, connect.TopicPartition{Topic: "a", Partition: i}, round, round)
			}
			time.Sleep(syncsRest)
			synctest.Wait()
		}
		if len(f.sent) != mostFlying {
			t.Fatalf("%d were sent", len(f.sent))
		}
		seen := map[int32]int64{}
		for done := 0; done < len(f.sent); {
			batch := f.sent[done:]
			if len(batch) > mostFlying {
				t.Fatalf("%d are on their way", len(batch))
			}
			var ds []client.Delivery
			for _, r := range batch {
				s, err := offsetsync.DecodeSync(r.Key, r.Value)
				if err != nil {
					t.Fatal(err)
				}
				seen[s.Partition] = s.Upstream
				ds = append(ds, client.Delivery{Seq: r.Seq})
			}
			done = len(f.sent)
			f.on(ds)
			time.Sleep(syncsRest)
			synctest.Wait()
		}
		for i := range int32(30) {
			if seen[i] != 2 {
				t.Errorf("partition %d was told up to %d", i, seen[i])
			}
		}
		if len(f.sent) > 40+10 {
			t.Errorf("%d syncs were sent", len(f.sent))
		}
		tk.syncs.stop()
	})
}

// TestSyncsNeverHoldUp stops a task whose syncs are never answered.
func TestSyncsNeverHoldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &slowWriter{fakeClients: newFakes(t)}
		s, err := parse(props())
		if err != nil {
			t.Fatal(err)
		}
		tp := connect.TopicPartition{Topic: "a"}
		tk := &task{s: s, log: connecttest.NewSourceTaskContext(t, nil).Logger(), parts: map[connect.TopicPartition]*partition{
			tp: {tp: tp, source: s.partition(tp), next: 7},
		}}
		if tk.syncs, err = startSyncs(f, s, tk.log, tk.parts); err != nil {
			t.Fatal(err)
		}
		for i := range int64(100) {
			deliver(t, tk, tp, 7+5*i, i)
			time.Sleep(time.Second)
		}
		begin := time.Now()
		tk.syncs.stop()
		if took := time.Since(begin); took > 2*lastWords {
			t.Errorf("took %v", took)
		}
	})
}

// TestKeeperClears removes pieces of records that the source has deleted, after an hour.
func TestKeeperClears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.source.topic("a", 1, 1)
		for i := range int64(4) {
			s := offsetsync.Segment{Topic: "a", First: 10 * i, Lifetime: 1, Runs: []offsetsync.Run{{Up: 10 * i, Down: 10 * i, N: 10, Times: 1}}}
			key, value := s.Encode()
			f.source.add(piecesT, 0, client.ConsumedRecord{Key: key, Value: value})
			s.Topic = "gone"
			key, value = s.Encode()
			f.source.add(piecesT, 0, client.ConsumedRecord{Key: key, Value: value})
		}
		f.source.edit(func() { f.source.log(connect.TopicPartition{Topic: "a"}).first = 25 })
		started(t, f, props())
		time.Sleep(clearInterval - time.Minute)
		count := func() (n int) {
			f.source.edit(func() { n = len(f.source.log(connect.TopicPartition{Topic: piecesT}).recs) })
			return n
		}
		if n := count(); n != 8 {
			t.Fatalf("%d records too early", n)
		}
		time.Sleep(2 * time.Minute)
		if n := count(); n != 9 { // of 0-9; 10-19 is the last one before the source's first record
			t.Fatalf("%d records", n)
		}
		time.Sleep(clearInterval)
		if n := count(); n != 9 {
			t.Fatalf("%d records after nothing happened", n)
		}
	})
}

// BenchmarkSyncs is what a record costs that continues a piece.
func BenchmarkSyncs(b *testing.B) {
	f := newFakes(b)
	s, err := parse(props())
	if err != nil {
		b.Fatal(err)
	}
	tp := connect.TopicPartition{Topic: "a"}
	parts := map[connect.TopicPartition]*partition{tp: {tp: tp, source: s.partition(tp), next: 0}}
	w, err := startSyncs(f, s, connecttest.NewSourceTaskContext(b, nil).Logger(), parts)
	if err != nil {
		b.Fatal(err)
	}
	defer w.stop()
	recs := make([]connect.SourceRecord, 1000)
	for i := range recs {
		recs[i] = connect.SourceRecord{SourcePartition: parts[tp].source, SourceOffset: connect.Entries{{Key: offsetKey, Value: int64(i)}}}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.delivered(&recs[i%len(recs)], int64(i))
	}
}
