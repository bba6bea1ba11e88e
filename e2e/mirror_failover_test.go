package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/testkit"
)

const (
	failoverGroups  = 20     // half of them classic, half of the new protocol
	failoverDefault = 10_000 // records that the groups furthest behind lag
)

// TestFailover moves 20 consumer groups from source to target at random moments, while records are produced, some in transactions
// of which every third is aborted, some to a compacted topic. On the target each group must read every record that it had not
// committed on the source, and none that it had. FAILOVER is how many records those furthest behind lag (10,000 by default); if
// it is given, the same is done with Java's connectors on a Java worker, and printed beside. FAILOVER_SEED repeats a run.
func TestFailover(t *testing.T) {
	t.Parallel()
	lag, java := failoverDefault, false
	if text := os.Getenv("FAILOVER"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("FAILOVER: %v", err)
		}
		lag, java = n, true
	}
	seed := uint64(1)
	if text := os.Getenv("FAILOVER_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("FAILOVER_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("seed %d", seed)
	ours := newFailover(t, lag, seed)
	ours.run(t, startNode(t, ours.target, "failover", nil).url)
	ours.await(t)
	ours.goOn(t)
	t.Logf("connectd: %v", ours.outcome(t))
	if !java {
		return
	}
	theirs := newFailover(t, lag, seed)
	theirs.run(t, testkit.StartJavaWorker(t, theirs.target, "failover", testkit.Property("offset.flush.interval.ms", "1000")).URL)
	t.Logf("Java:     %v", theirs.settled(t))
}

// failover is a source with its groups, and a target.
type failover struct {
	source, target string
	lag            int
	random         *rand.Rand
	topics         map[string]*moved
	groups         []*movedGroup
	srcAdm, dstAdm *kadm.Client
	reader         *kgo.Client // of the target's copies
}

// movedGroup is a group, and where it stood on the source when it left.
type movedGroup struct {
	name, protocol string
	lag            int64
	at             positions
}

func newFailover(t *testing.T, lag int, seed uint64) *failover {
	// So that there are gaps before everything is copied.
	cleaner := testkit.Property("log.cleaner.backoff.ms", "300")
	source, target := testkit.StartBroker(t, cleaner), testkit.StartBroker(t)
	f := &failover{
		source: source.Bootstrap, target: target.Bootstrap, lag: lag, random: rand.New(rand.NewPCG(seed, 0)),
		topics: map[string]*moved{"plain": newMoved(2), "tx": newMoved(2), "compacted": newMoved(1)},
		srcAdm: kadm.NewClient(kafkaClient(t, source.Bootstrap)), dstAdm: kadm.NewClient(kafkaClient(t, target.Bootstrap)),
	}
	createTopic(t, f.source, "plain", 2, nil)
	createTopic(t, f.source, "tx", 2, nil)
	createTopic(t, f.source, "compacted", 1, map[string]*string{
		"cleanup.policy": kadm.StringPtr("compact"), "segment.ms": kadm.StringPtr("500"), "min.cleanable.dirty.ratio": kadm.StringPtr("0.01"),
	})
	f.reader = kafkaClient(t, f.target, kgo.ConsumeTopics("S.plain", "S.tx", "S.compacted"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMaxAge(time.Second))
	for i := range failoverGroups {
		f.groups = append(f.groups, &movedGroup{
			name: fmt.Sprintf("g%02d", i), protocol: []string{"classic", "consumer"}[i%2], lag: []int64{0, 1000, int64(lag)}[i/2%3],
		})
	}
	return f
}

// run starts the mirror, and produces while the groups leave one after the other.
func (f *failover) run(t *testing.T, url string) {
	source := mirrorConfig(f.source, f.target, "plain,tx,compacted", 2)
	source["source.consumer.isolation.level"] = "read_committed"
	checkpoint := groupsConfig(f.source, f.target, 2)
	create(t, url, "m", copyingBytes(source))
	create(t, url, "c", copyingBytes(checkpoint))
	var leaving sync.WaitGroup
	rounds := failoverGroups + 4
	each := (f.lag + 4000) / rounds
	producers := f.producers(t)
	order := f.random.Perm(failoverGroups)
	for round := range rounds {
		for _, produce := range producers {
			produce(each)
		}
		// The first rounds are for the groups furthest behind, which begin somewhere before their end.
		if round >= 2 && round < 2+failoverGroups {
			g := f.groups[order[round-2]]
			shift := f.random.Int64N(50)
			leaving.Go(func() { f.leave(t, g, shift) })
		}
	}
	leaving.Wait()
}

// leave has a group commit where it stands, a few records further back than its lag, and leave the source.
func (f *failover) leave(t *testing.T, g *movedGroup, shift int64) {
	cl := member(t, f.source, g.name, g.protocol, 5, "plain", "tx", "compacted")
	ends, err := f.srcAdm.ListCommittedOffsets(t.Context(), "plain", "tx", "compacted")
	if err != nil {
		t.Error(err)
		return
	}
	g.at = positions{}
	ends.Each(func(o kadm.ListedOffset) {
		if g.at[o.Topic] == nil {
			g.at[o.Topic] = map[int32]int64{}
		}
		back := g.lag
		if back > 0 {
			back += shift
		}
		g.at[o.Topic][o.Partition] = max(0, o.Offset-back)
	})
	commit(t, cl, g.at)
	leave(t, cl, f.source, g.name)
}

// await waits until every group stands right on the target. At no time may it stand where records would be missed.
func (f *failover) await(t *testing.T) {
	f.readCopies(t)
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		for _, g := range f.groups {
			o, err := f.judge(ctx, g)
			switch {
			case err != nil:
				return err
			case o.missed > 0:
				t.Fatalf("group %s would miss %d records: %s", g.name, o.missed, o.worst)
			case o.again > 0:
				return fmt.Errorf("group %s would read %d records again: %s", g.name, o.again, o.worst)
			}
		}
		return nil
	})
}

// settled waits until groups no longer move, and gives the outcome.
func (f *failover) settled(t *testing.T) outcome {
	f.readCopies(t)
	var last outcome
	since := time.Now()
	for time.Since(since) < 20*time.Second && t.Context().Err() == nil {
		if now := f.outcome(t); now != last {
			last, since = now, time.Now()
		}
		time.Sleep(time.Second)
	}
	return last
}

func (f *failover) outcome(t *testing.T) outcome {
	var sum outcome
	for _, g := range f.groups {
		o, err := f.judge(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		sum.missed, sum.again, sum.unset = sum.missed+o.missed, sum.again+o.again, sum.unset+o.unset
	}
	return sum
}

// outcome counts the records of groups on the target.
type outcome struct {
	missed, again int64
	unset         int // partitions without a position, where auto.offset.reset decides (earliest is taken)
	worst         string
}

func (o outcome) String() string {
	return fmt.Sprintf("%d groups moved: %d records missed, %d read again, %d partitions without a position", failoverGroups, o.missed, o.again, o.unset)
}

// judge tells what a group would read that begins on the target now.
func (f *failover) judge(ctx context.Context, g *movedGroup) (outcome, error) {
	at, err := standing(ctx, f.dstAdm, g.name)
	if err != nil {
		return outcome{}, err
	}
	var sum outcome
	for topic, ps := range g.at {
		for p, up := range ps {
			down, set := at["S."+topic][p]
			if !set {
				sum.unset++
			}
			missed, again := f.topics[topic].judge(p, up, down)
			sum.missed, sum.again = sum.missed+missed, sum.again+again
			if missed > 0 || again > 0 || !set {
				sum.worst = fmt.Sprintf("%s-%d stands at %d, at the source at %d", topic, p, down, up)
			}
		}
	}
	return sum, nil
}

// goOn has groups of each kind read on the target, and compares what they get.
func (f *failover) goOn(t *testing.T) {
	var reading sync.WaitGroup
	for _, g := range f.groups[:6] {
		reading.Go(func() {
			want := map[string]int{}
			for topic, ps := range g.at {
				for p, up := range ps {
					want[topic] += f.topics[topic].behind(p, up)
				}
			}
			cl := kafkaClient(t, f.target, slices.Concat(protocols[g.protocol], []kgo.Opt{
				kgo.ConsumerGroup(g.name), kgo.ConsumeTopics("S.plain", "S.tx"), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			})...)
			got := map[string]int{}
			testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
				within, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
				defer cancel()
				cl.PollFetches(within).EachRecord(func(r *kgo.Record) {
					topic := r.Topic[len("S."):]
					if up := f.topics[topic].source(r); up < g.at[topic][r.Partition] {
						t.Errorf("group %s reads record %d of %s-%d again, having committed %d", g.name, up, topic, r.Partition, g.at[topic][r.Partition])
					}
					got[topic]++
				})
				if got["plain"] < want["plain"] || got["tx"] < want["tx"] {
					return fmt.Errorf("group %s has read %v of %v records", g.name, got, want)
				}
				return nil
			})
			leave(t, cl, f.target, g.name)
		})
	}
	reading.Wait()
}
