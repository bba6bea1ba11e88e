package assign

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/worker/proto"
)

// recordedRound is one round of a recorded history, and what Kafka Connect 4.3.1's IncrementalCooperativeAssignor made of it.
type recordedRound struct {
	Reset      bool
	MaxDelay   int64
	Now        int64
	Config     map[string]int
	Members    map[string]struct{ C, T []string }
	Completed  int32
	Gen, Delay int64
	Java       map[string]recordedChange
}

type recordedChange struct {
	AC, AT, RC, RT []string
}

func javaWork(connectors, taskNames []string) proto.Work {
	w := proto.Work{Connectors: connectors}
	for _, t := range taskNames {
		dash := strings.LastIndexByte(t, '-')
		n, err := strconv.Atoi(t[dash+1:])
		if err != nil {
			panic(err)
		}
		w.Tasks = append(w.Tasks, item{Connector: t[:dash], Task: n})
	}
	return w
}

// The recorded histories have workers and work come and go, generations missed, and rounds during delays and backoffs.
func TestSameAsJava(t *testing.T) {
	f, err := os.Open("testdata/java-4.3.1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var state State
	var plan Plan
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		var in recordedRound
		if err := json.Unmarshal(lines.Bytes(), &in); err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		if in.Reset {
			state = State{}
		}
		g := &group{config: in.Config}
		r := Round{
			Members: map[string]proto.Work{}, Configured: g.configured(), Generation: int32(in.Gen), LastCompleted: in.Completed,
			Now: time.UnixMilli(in.Now), MaxDelay: time.Duration(in.MaxDelay) * time.Millisecond,
		}
		for id, m := range in.Members {
			r.Members[id] = javaWork(m.C, m.T)
		}
		plan, state = Incremental(state, r)
		if got := plan.Delay.Milliseconds(); got != in.Delay {
			t.Errorf("line %d: delay %d ms, Java says %d", n, got, in.Delay)
		}
		for id, want := range in.Java {
			got := plan.Members[id]
			if d := cmp.Diff(sortedWork(javaWork(want.AC, want.AT)), sortedWork(got.Assigned)); d != "" {
				t.Errorf("line %d: assigned to %s (-Java +got):\n%s", n, id, d)
			}
			if d := cmp.Diff(sortedWork(javaWork(want.RC, want.RT)), sortedWork(got.Revoked)); d != "" {
				t.Errorf("line %d: revoked from %s (-Java +got):\n%s", n, id, d)
			}
		}
		if t.Failed() {
			return
		}
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Fatalf("%d lines read: %v", n, err)
	}
}
