package rawbatch_test

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connectors/mirror/rawbatch"
	"github.com/connectd/connectd/internal/client"
)

// corpusFolder holds partitions as real clients and brokers wrote them, and what Java's consumer reads: see corpusmaker_test.go.
var corpusFolder = filepath.Join("testdata", "corpus")

// sample is a file of the corpus.
type sample struct {
	name    string
	data    []byte
	aborted []client.AbortedTxn
	// records are what Java's consumer reads, committed the offsets that it reads of committed transactions.
	records, committed []string
}

func corpus(t testing.TB) []sample {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpusFolder, "*.bin"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var all []sample
	for _, file := range files {
		s := sample{name: strings.TrimSuffix(filepath.Base(file), ".bin")}
		if s.data, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".bin") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch kind {
			case "aborted":
				var txn client.AbortedTxn
				if _, err := fmt.Sscan(rest, &txn.ProducerID, &txn.FirstOffset); err != nil {
					t.Fatal(err)
				}
				s.aborted = append(s.aborted, txn)
			case "record":
				s.records = append(s.records, rest)
			case "committed":
				s.committed = append(s.committed, rest)
			}
		}
		all = append(all, s)
	}
	return all
}

// batches splits and checks.
func (s *sample) batches(t testing.TB) []rawbatch.Batch {
	t.Helper()
	var all []rawbatch.Batch
	order := rawbatch.NewOrder(0, -1)
	for data := s.data; len(data) > 0; {
		b, rest, err := rawbatch.Next(data)
		if err == nil {
			_, err = rawbatch.Check(&b)
		}
		if err == nil && b.Magic == 2 {
			_, err = order.Check(&b)
		}
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		all = append(all, b)
		data = rest
	}
	return all
}

// digest is Batches.sum.
func digest(p []byte) string {
	if p == nil {
		return "null"
	}
	return fmt.Sprintf("%d:%x", len(p), crc32.ChecksumIEEE(p))
}

// digests lists the records of a batch as Batches does, each after its offset.
func digests(t testing.TB, b *rawbatch.Batch) (lines []string) {
	t.Helper()
	c, err := rawbatch.Open(b, codecs, nil, limit)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range c.Records() {
		if err != nil {
			t.Fatal(err)
		}
		key, val, headers, err := r.Split()
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%d %d %s %s", r.Offset, r.Timestamp, digest(key), digest(val))
		for h := range headers.All() {
			line += " " + digest(h.Key) + "=" + digest(h.Value)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestReadsAsJava reads what real clients wrote as Java's consumer does, with and without transactions that were aborted.
func TestReadsAsJava(t *testing.T) {
	for _, s := range corpus(t) {
		var got, committed []string
		filter := rawbatch.NewFilter(s.aborted)
		for _, b := range s.batches(t) {
			aborted, err := filter.Aborted(&b)
			if err != nil {
				t.Fatal(err)
			}
			if b.Control {
				continue
			}
			lines := digests(t, &b)
			got = append(got, lines...)
			for _, line := range lines {
				if offset, _, _ := strings.Cut(line, " "); !aborted {
					committed = append(committed, offset)
				}
			}
		}
		if d := cmp.Diff(s.records, got); d != "" {
			t.Errorf("%s: %s", s.name, d)
		}
		if d := cmp.Diff(s.committed, committed); s.committed != nil && d != "" {
			t.Errorf("%s, committed: %s", s.name, d)
		}
	}
}

// TestCorpusHasAll is about the corpus: what it shall show is in it.
func TestCorpusHasAll(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range corpus(t) {
		for _, b := range s.batches(t) {
			v := rawbatch.Judge(&b, 0, rawbatch.Rules{Codec: rawbatch.AnyCodec})
			client, _, _ := strings.Cut(s.name, "-")
			seen[v.Reason.String()] = true
			seen[fmt.Sprintf("%s codec %d", client, b.Codec)] = true
			seen["delete horizon"] = seen["delete horizon"] || b.DeleteHorizon
			seen["transactional"] = seen["transactional"] || b.Transactional
		}
	}
	for _, client := range []string{"java", "librdkafka", "franz"} {
		for codec := range 5 {
			if what := fmt.Sprintf("%s codec %d", client, codec); !seen[what] {
				t.Errorf("nothing of %s", what)
			}
		}
	}
	for _, what := range []string{"whole", "old format", "gaps", "log append time", "control batch", "delete horizon", "transactional"} {
		if !seen[what] {
			t.Errorf("nothing of %s", what)
		}
	}
}

// TestEncodesWhatJavaReads encodes all of each sample anew, in small batches and merged into one.
func TestEncodesWhatJavaReads(t *testing.T) {
	t.Parallel()
	e := rawbatch.Encoder{Codec: codecs}
	for _, s := range corpus(t) {
		data := slices.DeleteFunc(s.batches(t), func(b rawbatch.Batch) bool { return b.Control })
		for _, r := range []rawbatch.Rules{
			{Codec: rawbatch.AnyCodec},
			{Codec: rawbatch.AnyCodec, MaxBytes: 500},
			{Codec: rawbatch.CodecNone, MaxBytes: 300},
			{Codec: rawbatch.CodecZstd},
		} {
			var got []string
			all := encode(t, &e, data, 0, r)
			for i := range all {
				b := next(t, all[i].Bytes)
				if r.MaxBytes > 0 && len(b.Bytes) > r.MaxBytes && (!all[i].TooLarge || b.Count > 1) {
					t.Errorf("%s: %d bytes and %d records in a batch", s.name, len(b.Bytes), b.Count)
				}
				lines := digests(t, &b)
				n := 0
				for _, run := range all[i].Runs {
					for j := range run.N {
						_, rest, _ := strings.Cut(lines[n], " ")
						got = append(got, fmt.Sprintf("%d %s", run.From+j, rest))
						n++
					}
				}
			}
			if d := cmp.Diff(s.records, got); d != "" {
				t.Errorf("%s, %+v: %s", s.name, r, d)
			}
			if r == (rawbatch.Rules{Codec: rawbatch.AnyCodec}) && len(all) > 1 {
				t.Errorf("%s: %d batches instead of one", s.name, len(all))
			}
		}
	}
}
