package testkit

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// DumpedRecord is a record as Kafka's console consumer printed it.
type DumpedRecord struct {
	TimestampMs int64
	Partition   int32
	Offset      int64
	Key         string
	Value       *string // nil for a tombstone
}

// ReadDump reads a file of what Kafka's console consumer printed with timestamps, partitions, offsets, keys and values, a tab
// between each two.
func ReadDump(t testing.TB, file string) []DumpedRecord {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []DumpedRecord
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
		if len(f) != 5 {
			t.Fatalf("%s: bad line %q", file, line)
		}
		number := func(s string) int64 {
			_, n, _ := strings.Cut(s, ":")
			v, err := strconv.ParseInt(n, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			return v
		}
		r := DumpedRecord{TimestampMs: number(f[0]), Partition: int32(number(f[1])), Offset: number(f[2]), Key: f[3]}
		if f[4] != "null" {
			r.Value = &f[4]
		}
		out = append(out, r)
	}
	return out
}
