package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror/offsetsync"
	"github.com/connectd/connectd/internal/testkit"
)

// TestMirrorOffsetSyncs copies transactions, some of them aborted, while a worker is killed: Java reads the offset syncs, every
// pair of them and every piece means the same record in both clusters, and no position is translated to where it would skip one.
func TestMirrorOffsetSyncs(t *testing.T) {
	t.Parallel()
	source, target := testkit.StartBroker(t), testkit.StartBroker(t)
	createTopic(t, source.Bootstrap, "in", 2, nil)
	a := startNode(t, target.Bootstrap, "syncs", nil)
	conf := mirrorConfig(source.Bootstrap, target.Bootstrap, "in", 1)
	conf["offset.lag.max"], conf["source.consumer.isolation.level"] = "10", "read_committed"
	create(t, a.url, "m", conf)

	values := transactions(t, source.Bootstrap, 0, 60)
	arrived(t, target.Bootstrap, values)
	told(t, source.Bootstrap, "mm2-offset-pieces.T.internal")
	values = append(values, transactions(t, source.Bootstrap, 60, 20)...)
	a.Kill() // SIGKILL
	startNode(t, target.Bootstrap, "syncs", nil)
	values = append(values, transactions(t, source.Bootstrap, 80, 60)...)
	arrived(t, target.Bootstrap, values)

	src, dst := contents(t, source.Bootstrap, "in"), contents(t, target.Bootstrap, "S.in")
	var tr offsetsync.Translator
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		tr = readTranslator(t, source.Bootstrap)
		for p := range int32(2) {
			if _, q := tr.Translate(connect.TopicPartition{Topic: "in", Partition: p}, src[p].end); q == offsetsync.Unknown {
				return fmt.Errorf("partition %d is not known", p)
			}
			last := src[p].last()
			if down, q := tr.Translate(connect.TopicPartition{Topic: "in", Partition: p}, last); q != offsetsync.Exact {
				return fmt.Errorf("the last record of partition %d, %d, is found at %d (%v)", p, last, down, q)
			}
		}
		return nil
	})
	javaReadsSyncs(t, source.Bootstrap, src, dst)
	pairs := 0
	for _, r := range readAll(t, source.Bootstrap, "mm2-offset-pieces.T.internal") {
		seg, err := offsetsync.DecodeSegment(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range seg.Runs {
			for k := range run.Times {
				for i := range run.N {
					pairs++
					same(t, src[seg.Partition], dst[seg.Partition], run.Up+k*run.StepUp+i, run.Down+k*run.StepDown+i)
				}
			}
		}
	}
	if pairs < len(values) {
		t.Errorf("pieces tell of %d records, there are %d", pairs, len(values))
	}
	for p := range int32(2) {
		nothingSkipped(t, &tr, p, src[p], dst[p])
	}
}

// transactions produces n of them into both partitions, of 1 to 5 records each; every fifth is aborted. It gives the values of
// the others.
func transactions(t *testing.T, bootstrap string, first, n int) (values []string) {
	t.Helper()
	cl := kafkaClient(t, bootstrap, kgo.TransactionalID("producer"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic("in"), kgo.ProducerLinger(0))
	defer cl.Close()
	for i := first; i < first+n; i++ {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		var recs []*kgo.Record
		for j := range 1 + i/7%5 {
			for p := range int32(2) {
				recs = append(recs, &kgo.Record{Partition: p, Value: fmt.Appendf(nil, "%d-%d-%d", p, i, j)})
			}
		}
		if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		outcome := kgo.TransactionEndTry(i%5 != 0)
		if err := cl.EndTransaction(t.Context(), outcome); err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			if outcome == kgo.TryCommit {
				values = append(values, string(r.Value))
			}
		}
	}
	return values
}

// partitionContents is what consumers see of a partition.
type partitionContents struct {
	at  map[int64]string
	of  map[string][]int64 // offsets of each value, in order
	end int64
}

func (c *partitionContents) last() int64 {
	last := int64(-1)
	for o := range c.at {
		last = max(last, o)
	}
	return last
}

// readAll reads a topic as it is now, in order per partition, without what was aborted.
func readAll(t testing.TB, bootstrap, topic string) (all []*kgo.Record) {
	t.Helper()
	cl := kafkaClient(t, bootstrap, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	listed, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	missing := map[int32]int64{}
	assign := map[int32]kgo.Offset{}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			missing[o.Partition] = o.Offset
			assign[o.Partition] = kgo.NewOffset().AtStart()
		}
	})
	cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: assign})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(missing) > 0 {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s can't be read: %v", topic, fs.Err())
		}
		fs.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				all = append(all, r)
			}
			if r.Offset+1 >= missing[r.Partition] {
				delete(missing, r.Partition)
			}
		})
	}
	return all
}

func contents(t testing.TB, bootstrap, topic string) map[int32]*partitionContents {
	t.Helper()
	out := map[int32]*partitionContents{}
	for p := range int32(2) {
		out[p] = &partitionContents{at: map[int64]string{}, of: map[string][]int64{}}
	}
	for _, r := range readAll(t, bootstrap, topic) {
		c, v := out[r.Partition], string(r.Value)
		c.at[r.Offset], c.end = v, r.Offset+1
		c.of[v] = append(c.of[v], r.Offset)
	}
	return out
}

// arrived waits until the copy has all values.
func arrived(t testing.TB, bootstrap string, values []string) {
	t.Helper()
	cl := kafkaClient(t, bootstrap, kgo.ConsumeTopics("S.in"))
	missing := map[string]bool{}
	for _, v := range values {
		missing[v] = true
	}
	testkit.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		within, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		cl.PollFetches(within).EachRecord(func(r *kgo.Record) { delete(missing, string(r.Value)) })
		if len(missing) > 0 {
			return fmt.Errorf("%d of %d records have not arrived", len(missing), len(values))
		}
		return nil
	})
}

// told waits until something is in a topic.
func told(t testing.TB, bootstrap, topic string) {
	t.Helper()
	cl := kafkaClient(t, bootstrap)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		n, err := ends(ctx, cl, topic)
		if err == nil && n == 0 {
			err = fmt.Errorf("nothing is in %s", topic)
		}
		return err
	})
}

func readTranslator(t testing.TB, bootstrap string) (tr offsetsync.Translator) {
	t.Helper()
	for _, r := range readAll(t, bootstrap, "mm2-offset-syncs.T.internal") {
		s, err := offsetsync.DecodeSync(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		tr.Apply(s)
	}
	for _, r := range readAll(t, bootstrap, "mm2-offset-pieces.T.internal") {
		s, err := offsetsync.DecodeSegment(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		tr.ApplyPieces(s)
	}
	return tr
}

var printedSync = regexp.MustCompile(`OffsetSync\{topicPartition=in-(\d), upstreamOffset=(\d+), downstreamOffset=(\d+)\}`)

// javaReadsSyncs has Java's formatter read the syncs, until they tell of the last records.
func javaReadsSyncs(t *testing.T, bootstrap string, src, dst map[int32]*partitionContents) {
	t.Helper()
	java := testkit.StartJava(t, filepath.Join("testdata", "mirror", "ReadGroups.java"), bootstrap)
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		answer := string(java.Ask([]byte("format sync mm2-offset-syncs.T.internal")))
		found := printedSync.FindAllStringSubmatch(answer, -1)
		if len(found) == 0 || len(found) != strings.Count(answer, "OffsetSync{") {
			return fmt.Errorf("Java reads %s", answer)
		}
		newest := map[int32]int64{}
		for _, f := range found {
			p, up, down := int32(number(f[1])), number(f[2]), number(f[3])
			same(t, src[p], dst[p], up, down)
			newest[p] = max(newest[p], up)
		}
		for p, c := range src {
			if newest[p] != c.last() {
				return fmt.Errorf("the newest sync of partition %d is that of %d, not of the last record, %d", p, newest[p], c.last())
			}
		}
		return nil
	})
}

// same holds the record at an offset of the source against that at one of the target.
func same(t testing.TB, src, dst *partitionContents, up, down int64) {
	t.Helper()
	if src.at[up] == "" || src.at[up] != dst.at[down] {
		t.Errorf("%d is said to lie at %d, but they hold %q and %q", up, down, src.at[up], dst.at[down])
	}
}

// nothingSkipped translates every position of the source and reads on there.
func nothingSkipped(t testing.TB, tr *offsetsync.Translator, p int32, src, dst *partitionContents) {
	t.Helper()
	exact := 0
	for up := range src.end + 1 {
		down, q := tr.Translate(connect.TopicPartition{Topic: "in", Partition: p}, up)
		if q == offsetsync.Unknown {
			t.Errorf("position %d of partition %d is unknown", up, p)
			continue
		}
		if q == offsetsync.Exact {
			exact++
		}
		for o, v := range src.at {
			copies := dst.of[v]
			if len(copies) == 0 {
				t.Fatalf("%s has no copy", v)
			}
			if o >= up && copies[len(copies)-1] < down {
				t.Errorf("position %d of partition %d (%v) skips %s", up, p, q, v)
			}
			if o < up && q == offsetsync.Exact && len(copies) == 1 && copies[0] >= down {
				t.Errorf("position %d of partition %d reads %s again", up, p, v)
			}
		}
	}
	t.Logf("partition %d: %d of %d positions are exact, %d records, %d copies", p, exact, src.end+1, len(src.at), len(dst.at))
}
