package offsetsync

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/internal/testkit"
)

// kinds are the records of MirrorMaker: what Java is told to write, and how ours are written and read.
var kinds = map[string]struct {
	draw   func(*rapid.T) []any
	encode func(f []any) (key, value []byte)
	decode func(key, value []byte) ([]any, error)
}{
	"sync": {
		func(t *rapid.T) []any { return []any{text(t), number32(t), number(t), number(t)} },
		func(f []any) ([]byte, []byte) {
			return Sync{f[0].(string), f[1].(int32), f[2].(int64), f[3].(int64)}.Encode()
		},
		func(key, value []byte) ([]any, error) {
			s, err := DecodeSync(key, value)
			return []any{s.Topic, s.Partition, s.Upstream, s.Downstream}, err
		},
	},
	"checkpoint": {
		func(t *rapid.T) []any { return []any{text(t), text(t), number32(t), number(t), number(t), text(t)} },
		func(f []any) ([]byte, []byte) {
			return Checkpoint{f[0].(string), f[1].(string), f[2].(int32), f[3].(int64), f[4].(int64), f[5].(string)}.Encode()
		},
		func(key, value []byte) ([]any, error) {
			c, err := DecodeCheckpoint(key, value)
			return []any{c.Group, c.Topic, c.Partition, c.Upstream, c.Downstream, c.Metadata}, err
		},
	},
	"heartbeat": {
		func(t *rapid.T) []any { return []any{text(t), text(t), number(t)} },
		func(f []any) ([]byte, []byte) {
			return Heartbeat{f[0].(string), f[1].(string), f[2].(int64)}.Encode()
		},
		func(key, value []byte) ([]any, error) {
			h, err := DecodeHeartbeat(key, value)
			return []any{h.Source, h.Target, h.TimestampMs}, err
		},
	},
}

func text(t *rapid.T) string    { return rapid.String().Draw(t, "text") }
func number(t *rapid.T) int64   { return rapid.Int64().Draw(t, "number") }
func number32(t *rapid.T) int32 { return rapid.Int32().Draw(t, "number") }
func kind(t *rapid.T) string {
	return rapid.SampledFrom([]string{"sync", "checkpoint", "heartbeat"}).Draw(t, "kind")
}
func line(cells ...string) []byte { return []byte(strings.Join(cells, "\t")) }

// cells are fields as the Java program writes them.
func cells(fields []any) []string {
	var out []string
	for _, f := range fields {
		if s, ok := f.(string); ok {
			out = append(out, hex.EncodeToString([]byte(s)))
		} else {
			out = append(out, fmt.Sprint(f))
		}
	}
	return out
}

// TestAsJava holds our records against MirrorMaker's own classes.
func TestAsJava(t *testing.T) {
	java := testkit.StartJava(t, "testdata/Records.java")
	t.Run("whole", func(t *testing.T) { whole(t, java) })
	t.Run("damaged", func(t *testing.T) { damaged(t, java) })
	t.Run("due", func(t *testing.T) { dueAsJava(t, java) })
}

// whole has Java write what we write, and read it.
func whole(t *testing.T, java *testkit.JavaProgram) {
	rapid.Check(t, func(t *rapid.T) {
		name := kind(t)
		k := kinds[name]
		fields := k.draw(t)
		key, value := k.encode(fields)
		hexed := []string{hex.EncodeToString(key), hex.EncodeToString(value)}
		want := string(java.Ask(line(append([]string{"write", name}, cells(fields)...)...)))
		if got := strings.Join(hexed, "\t"); got != want {
			t.Fatalf("%s %q:\n%s\nJava:\n%s", name, fields, got, want)
		}
		read := string(java.Ask(line("read", name, hexed[0], hexed[1])))
		if want := strings.Join(cells(fields), "\t"); read != want {
			t.Fatalf("%s %q: Java reads %s", name, fields, read)
		}
		back, err := k.decode(key, value)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(fields) {
			t.Fatalf("%s %q -> %q, %v", name, fields, back, err)
		}
	})
}

// damaged cuts and alters records: what Java can't read is an error, and what it reads is read alike.
func damaged(t *testing.T, java *testkit.JavaProgram) {
	rapid.Check(t, func(t *rapid.T) {
		name := kind(t)
		k := kinds[name]
		key, value := k.encode(k.draw(t))
		for range rapid.IntRange(0, 2).Draw(t, "damages") {
			b := rapid.SampledFrom([]*[]byte{&key, &value}).Draw(t, "damaged")
			if at := rapid.IntRange(0, len(*b)).Draw(t, "at"); at == len(*b) || rapid.Bool().Draw(t, "cut") {
				*b = (*b)[:at]
			} else {
				(*b)[at] = rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff}).Draw(t, "byte")
			}
		}
		back, err := k.decode(key, value)
		got := "error"
		if err == nil {
			got = strings.Join(cells(back), "\t")
		} else if strings.Contains(err.Error(), errVersion.Error()) {
			return // Java takes it for version 0
		}
		want := string(java.Ask(line("read", name, hex.EncodeToString(key), hex.EncodeToString(value))))
		// Where bytes are no text Java puts replacement characters.
		if got != want && !strings.Contains(want, "efbfbd") {
			t.Fatalf("%s %x %x:\n%s\nJava:\n%s", name, key, value, got, want)
		}
	})
}

// dueAsJava has Java decide when a sync is due.
func dueAsJava(t *testing.T, java *testkit.JavaProgram) {
	rapid.Check(t, func(t *rapid.T) {
		lagMax := rapid.Int64Range(0, 6).Draw(t, "offset.lag.max")
		p := NewProgress("t", 0, -1, lagMax, 1, false)
		question, got := []string{"due", fmt.Sprint(lagMax)}, ""
		up, down := int64(rapid.IntRange(0, 3).Draw(t, "up")), int64(rapid.IntRange(0, 3).Draw(t, "down"))
		for range rapid.IntRange(1, 30).Draw(t, "records") {
			question = append(question, fmt.Sprint(up), fmt.Sprint(down))
			if p.Delivered(up, down, 2) {
				got += "1"
			} else {
				got += "0"
			}
			up += rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, 2, -1}).Draw(t, "step")
			// Not 0: Java takes the same offset again for no sign of another topic.
			down += rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, 2, -2}).Draw(t, "step")
			up, down = max(up, 0), max(down, p.prevDown-2, 0)
			if down == p.prevDown {
				down++
			}
		}
		if want := string(java.Ask(line(question...))); got != want {
			t.Fatalf("%v:\n%s\nJava:\n%s", question, got, want)
		}
	})
}
