package ledger

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func part(n int) connect.Entries {
	return connect.Entries{{Key: "cluster", Value: "S"}, {Key: "partition", Value: int32(n)}, {Key: "topic", Value: "in"}}
}

func at(n int) connect.Entries { return connect.Entries{{Key: "offset", Value: int64(n)}} }

// twin is the ledger as one would say it: everything is kept, and looked through from the start.
type twin struct {
	recs  []twinRec
	taken map[int]int // partition -> number of the record whose offset was taken last, plus 1
	told  map[int]bool
	// forgotten counts the failures that a restart has taken out of recs.
	forgotten int
}

type twinRec struct {
	part  int
	state state
	void  bool // its partition was begun anew
}

func (w *twin) committable() map[int]int {
	out, stuck := map[int]int{}, map[int]bool{}
	for i, r := range w.recs {
		if r.void {
			continue
		}
		if r.state != acked {
			stuck[r.part] = true
		}
		if !stuck[r.part] {
			out[r.part] = i + 1
		}
	}
	for p, n := range w.taken {
		if out[p] == n {
			delete(out, p)
		}
	}
	return out
}

// stuck are the failed records before which all of their partition are acknowledged.
func (w *twin) stuck() []int {
	var out []int
	seen := map[int]bool{}
	for i, r := range w.recs {
		if r.void || r.state == acked || seen[r.part] {
			continue
		}
		seen[r.part] = true
		if r.state == lost {
			out = append(out, i+1)
		}
	}
	return out
}

func (w *twin) restart(part int) {
	ended := false
	for i := range w.recs {
		if r := &w.recs[i]; r.part == part && !r.void {
			ended = ended || r.state != acked
			r.void = ended
			if ended && r.state == lost {
				w.forgotten++
			}
		}
	}
}

// undo has nothing count that was not taken.
func (w *twin) undo() {
	for i := range w.recs {
		if r := &w.recs[i]; !r.void && i+1 > w.taken[r.part] {
			r.void = true
			if r.state == lost {
				w.forgotten++
			}
		}
	}
}

// unstored are the partitions of which something counts that was not taken.
func (w *twin) unstored() map[int]bool {
	out := map[int]bool{}
	for i, r := range w.recs {
		if !r.void && i+1 > w.taken[r.part] {
			out[r.part] = true
		}
	}
	return out
}

func TestLedgerAgainstItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, w := New(), &twin{taken: map[int]int{}, told: map[int]bool{}}
		var unstored []Pair
		settle := func(t *rapid.T, to state, settle func(uint64) bool) {
			seq := rapid.IntRange(0, len(w.recs)+1).Draw(t, "seq")
			open := seq >= 1 && seq <= len(w.recs) && w.recs[seq-1].state == submitted
			want := open && (to == acked || !w.recs[seq-1].void)
			if got := settle(uint64(seq)); got != want {
				t.Fatalf("settling %d: %v, the twin says %v", seq, got, want)
			}
			if open {
				w.recs[seq-1].state = to
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				// Runs long enough to fill chunks now and then.
				for range rapid.SampledFrom([]int{1, 1, 2, 5, 400}).Draw(t, "run") {
					p := rapid.IntRange(0, 3).Draw(t, "partition")
					w.recs = append(w.recs, twinRec{part: p, state: submitted})
					n := len(w.recs)
					if seq := l.Submit(part(p), at(n), n); seq != uint64(n) {
						t.Fatalf("record %d got number %d", n, seq)
					}
				}
			},
			"ack": func(t *rapid.T) { settle(t, acked, l.Ack) },
			"fail": func(t *rapid.T) {
				settle(t, lost, func(seq uint64) bool { return l.Fail(seq, int(seq)) })
			},
			"restart": func(t *rapid.T) {
				seq := rapid.IntRange(0, len(w.recs)+1).Draw(t, "seq")
				if all := w.stuck(); len(all) > 0 && rapid.Bool().Draw(t, "stuck") {
					seq = rapid.SampledFrom(all).Draw(t, "one")
				}
				is := seq >= 1 && seq <= len(w.recs) && w.recs[seq-1].state == lost && !w.recs[seq-1].void
				id, ok := l.Restart(uint64(seq))
				if ok != is || ok && !Same(id, part(w.recs[seq-1].part)) {
					t.Fatalf("restart at %d: %v %v, the twin says %v", seq, ok, id, is)
				}
				if is {
					w.restart(w.recs[seq-1].part)
				}
			},
			"undo": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
					l.Undo()
					w.undo()
				}
			},
			"unstored": func(t *rapid.T) {
				want := w.unstored()
				for p := range 4 {
					if got := l.Unstored(part(p)); got != want[p] {
						t.Fatalf("unstored of %d: %v, the twin says %v", p, got, want[p])
					}
				}
			},
			"ack many": func(t *rapid.T) {
				every := rapid.IntRange(1, 3).Draw(t, "every")
				for i := range w.recs {
					if w.recs[i].state == submitted && i%every == 0 {
						w.recs[i].state = acked
						l.Ack(uint64(i + 1))
					}
				}
			},
			"take": func(t *rapid.T) {
				want := w.committable()
				unstored = l.Take()
				got := map[int]int{}
				for _, pair := range unstored {
					p, _ := pair.Partition.Int64("partition")
					n, _ := pair.Offset.Int64("offset")
					got[int(p)] = int(n)
					w.taken[int(p)] = int(n)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("committable, twin against ledger:\n%s", d)
				}
			},
			"restore": func(t *rapid.T) {
				l.Restore(unstored)
				for _, pair := range unstored {
					p, _ := pair.Partition.Int64("partition")
					delete(w.taken, int(p))
				}
				unstored = nil
			},
			"newest": func(t *rapid.T) {
				want := map[int]int{}
				for i, r := range w.recs {
					if !r.void {
						want[r.part] = i + 1
					}
				}
				maps.DeleteFunc(want, func(part, n int) bool { return w.taken[part] == n })
				got := map[int]int{}
				for _, pair := range l.Newest() {
					p, _ := pair.Partition.Int64("partition")
					n, _ := pair.Offset.Int64("offset")
					got[int(p)] = int(n)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("newest, twin against ledger:\n%s", d)
				}
			},
			"": func(t *rapid.T) {
				pending, failed, blocked := 0, 0, map[int]bool{}
				for i, r := range w.recs {
					want := any(nil)
					switch {
					case r.state == submitted:
						pending++
						if !r.void && !blocked[r.part] {
							want = i + 1
						}
					case r.state == lost && !r.void:
						failed++
						blocked[r.part] = true
					}
					if tag := l.Tag(uint64(i + 1)); tag != want {
						t.Fatalf("tag of %d is %v, not %v", i+1, tag, want)
					}
				}
				failed += w.forgotten
				var told, due []int
				for _, f := range l.Stuck() {
					if f.Cause != int(f.Seq) {
						t.Fatalf("%d is stuck by %v", f.Seq, f.Cause)
					}
					told = append(told, int(f.Seq))
				}
				slices.Sort(told)
				for _, seq := range w.stuck() {
					if !w.told[seq] {
						due = append(due, seq)
						w.told[seq] = true
					}
				}
				if d := cmp.Diff(due, told); d != "" {
					t.Fatalf("stuck, twin against ledger:\n%s", d)
				}
				if l.Pending() != pending || l.Failed() != failed {
					t.Fatalf("pending %d failed %d, the twin says %d and %d", l.Pending(), l.Failed(), pending, failed)
				}
			},
		})
	})
}

// A task that reads records in order, and goes back to the one that failed, never has an offset stored that is past a
// record which is not in Kafka, whatever is delivered, in whatever order, and fails.
func TestStoredOffsetsNeverPassAnUndeliveredRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New()
		const parts = 3
		next, stored, inKafka := [parts]int{}, [parts]int{-1, -1, -1}, map[[2]int]bool{}
		flying := map[uint64][2]int{}
		t.Repeat(map[string]func(*rapid.T){
			"poll": func(t *rapid.T) {
				p := rapid.IntRange(0, parts-1).Draw(t, "partition")
				for range rapid.IntRange(1, 20).Draw(t, "records") {
					flying[l.Submit(part(p), at(next[p]), nil)] = [2]int{p, next[p]}
					next[p]++
				}
			},
			"deliver": func(t *rapid.T) {
				if len(flying) == 0 {
					return
				}
				seqs := slices.Sorted(maps.Keys(flying))
				for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(seqs)-1), 1, 10).Draw(t, "which") {
					r, is := flying[seqs[i]]
					switch {
					case !is:
					case rapid.IntRange(0, 3).Draw(t, "outcome") == 0:
						l.Fail(seqs[i], r)
					default:
						inKafka[r] = true
						l.Ack(seqs[i])
					}
					delete(flying, seqs[i])
				}
			},
			"go back": func(*rapid.T) {
				for _, f := range l.Stuck() {
					r := f.Cause.([2]int)
					next[r[0]] = r[1]
					l.Restart(f.Seq)
				}
			},
			"store": func(t *rapid.T) {
				for _, pair := range l.Take() {
					p, _ := pair.Partition.Int64("partition")
					n, _ := pair.Offset.Int64("offset")
					for o := stored[p] + 1; o <= int(n); o++ {
						if !inKafka[[2]int{int(p), o}] {
							t.Fatalf("offset %d of partition %d is stored, record %d is not in Kafka", n, p, o)
						}
					}
					if int(n) < stored[p] {
						t.Fatalf("the stored offset of partition %d goes back from %d to %d", p, stored[p], n)
					}
					stored[p] = int(n)
				}
			},
		})
		// In the end everything is delivered, and nothing is left.
		for more := true; more; {
			failures := l.Stuck()
			for _, f := range failures {
				r := f.Cause.([2]int)
				l.Restart(f.Seq)
				for o := r[1]; o < next[r[0]]; o++ {
					flying[l.Submit(part(r[0]), at(o), nil)] = [2]int{r[0], o}
				}
			}
			more = len(failures)+len(flying) > 0
			for seq := range flying {
				l.Ack(seq)
				delete(flying, seq)
			}
		}
		l.Take()
		if l.Pending() != 0 || len(l.byKey) != 0 {
			t.Fatalf("%d pending and %d partitions are left", l.Pending(), len(l.byKey))
		}
	})
}

func TestStuckPartitionDoesNotHoldTheOthersMemory(t *testing.T) {
	l := New()
	stuck := l.Submit(part(0), at(0), nil)
	for n := range 200 * chunkSize {
		l.Ack(l.Submit(part(1), at(n), nil))
	}
	held := len(l.free)
	for _, c := range l.chunks {
		if c != nil {
			held++
		}
	}
	if held > maxFree+2 {
		t.Errorf("%d chunks are held for one record in flight", held)
	}
	if got := l.Take(); len(got) != 1 || !slices.Equal(got[0].Partition, part(1)) {
		t.Errorf("committable: %v, only partition 1 got ahead", got)
	}
	l.Ack(stuck)
	if got := l.Take(); len(got) != 1 || !slices.Equal(got[0].Offset, at(0)) {
		t.Errorf("committable after the stuck record: %v", got)
	}
}

func TestIdlePartitionsAreForgotten(t *testing.T) {
	l := New()
	for n := range 1000 {
		l.Ack(l.Submit(part(n), at(n), nil))
	}
	if got := len(l.Take()); got != 1000 {
		t.Fatalf("took %d offsets, want 1000", got)
	}
	if len(l.byKey) != 0 {
		t.Errorf("%d idle partitions are kept", len(l.byKey))
	}
}

func TestPartitionsAreToldApartByTheirBytes(t *testing.T) {
	e := func(k string, v any) connect.Entries { return connect.Entries{{Key: k, Value: v}} }
	for _, c := range []struct {
		a, b connect.Entries
		same bool
	}{
		{e("p", int32(1)), e("p", int64(1)), true},
		{e("p", 1), e("p", uint8(1)), true},
		{e("p", 1), e("p", "1"), false},
		{e("p", 1), e("p", 1.0), false},
		{e("p", true), e("p", false), false},
		{e("p", nil), e("p", ""), false},
		{e("p", float32(0.5)), e("p", 0.5), true},
		{nil, connect.Entries{}, false},
		{append(e("a", "b"), e("c", "d")...), append(e("c", "d"), e("a", "b")...), false},
		{e("a", "bc"), e("ab", "c"), false},
		{e("p", []string{"x"}), e("p", []string{"y"}), false},
	} {
		t.Run(fmt.Sprint(c.a, c.b), func(t *testing.T) {
			l := New()
			l.Ack(l.Submit(c.a, at(1), nil))
			l.Ack(l.Submit(c.b, at(2), nil))
			if same := len(l.Take()) == 1; same != c.same {
				t.Errorf("one partition: %v, want %v", same, c.same)
			}
		})
	}
}

func TestAReusedPartitionSliceIsNoticed(t *testing.T) {
	l := New()
	p := part(0)
	l.Ack(l.Submit(p, at(1), nil))
	p[1].Value = int32(1)
	l.Ack(l.Submit(p, at(2), nil))
	want := []Pair{{part(0), at(1)}, {part(1), at(2)}}
	if d := cmp.Diff(want, l.Take()); d != "" {
		t.Error(d)
	}
}

func TestNothingToStoreWithoutPartitionAndOffset(t *testing.T) {
	l := New()
	l.Ack(l.Submit(nil, nil, nil))
	if got := l.Take(); len(got) != 0 {
		t.Errorf("took %v", got)
	}
}

func BenchmarkLedger(b *testing.B) {
	for _, run := range []int{1, 500} {
		b.Run(fmt.Sprintf("run=%d", run), func(b *testing.B) {
			parts := []connect.Entries{part(0), part(1), part(2), part(3), part(4), part(5), part(6), part(7)}
			l, off := New(), at(1)
			b.ReportAllocs()
			const inFlight = 10000
			for n := range b.N {
				l.Submit(parts[n/run%8], off, nil)
				if n >= inFlight {
					l.Ack(uint64(n - inFlight + 1))
				}
			}
		})
	}
}
