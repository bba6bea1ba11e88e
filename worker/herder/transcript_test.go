package herder

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/worker/proto"
)

var update = flag.Bool("update", false, "write what the machine does now into the transcripts")

// TestTranscripts holds the machine to the transcripts in testdata: lines that begin with > are events, in the words of
// transcript.event, and below each stand the effects that followed. Changes are written with -update and reviewed as diffs.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := play(string(want))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("what the machine does differs from %s (-file +now):\n%s", file, diff)
			}
		})
	}
}

// transcript is one machine with a config topic of its own, and what is known of it from its effects.
type transcript struct {
	h       *Herder
	now     time.Time
	log     []ConfigRecord
	snap    *cluster.Snapshot
	started map[Work]Incarnation
	rounds  map[string]uint64 // of fencing
	offer   []byte            // metadata of the last Join
	sync    map[string][]byte // of the last Sync
	out     bytes.Buffer
}

func play(text string) ([]byte, error) {
	p := &transcript{
		now: time.Unix(1_000_000, 0), snap: cluster.EmptySnapshot(), started: map[Work]Incarnation{}, rounds: map[string]uint64{},
		h: New(Config{
			WorkerURL: "http://w1/", Protocol: proto.Sessioned, RebalanceDelay: 5 * time.Minute, SyncTimeout: 3 * time.Second,
			UnsyncBackoff: 5 * time.Minute, KeyTTL: time.Hour, KeyAlgorithm: "HmacSHA256",
			Live:        func(_ map[string]string, property string) bool { return property == "limit" },
			ExactlyOnce: strings.HasPrefix(text, "# exactly once enabled"), Fenceable: strings.HasPrefix(text, "# exactly once"),
			Source: isSource,
		}),
	}
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		command, is := strings.CutPrefix(line, "> ")
		if !is {
			if line == "" || strings.HasPrefix(line, "#") {
				p.out.WriteString(line + "\n")
			}
			continue // effects are written anew
		}
		p.out.WriteString(line + "\n")
		ev, err := p.event(strings.Fields(command))
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", n+1, line, err)
		}
		if ev == nil {
			continue
		}
		for _, e := range p.h.Step(p.now, ev) {
			p.effect(e)
		}
	}
	return p.out.Bytes(), nil
}

// options are the words key=value of a command; a word alone is its own key.
func options(words []string) map[string]string {
	out := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		out[k] = v
	}
	return out
}

func (o opts) err() error {
	if text, ok := o["error"]; ok {
		return fmt.Errorf("%s", strings.ReplaceAll(text, "_", " "))
	}
	return nil
}

type opts map[string]string

// event reads one command; nil is a command that is no event.
func (p *transcript) event(w []string) (Event, error) {
	if len(w) == 0 {
		return nil, fmt.Errorf("no command")
	}
	name, args := w[0], w[1:]
	first := ""
	if len(args) > 0 {
		first = args[0]
	}
	o := opts(options(args))
	switch name {
	case "wait":
		d, err := time.ParseDuration(first)
		p.now = p.now.Add(d)
		return nil, err
	case "started":
		return Started{Snapshot: p.snap}, nil
	case "given": // what the topic held before the worker started
		_, err := p.topic(args)
		return nil, err
	case "topic":
		return p.topic(args)
	case "joined":
		return p.joined(o)
	case "assigned":
		return p.assigned(o)
	case "rebalance":
		return RebalanceNeeded{Generation: int32(number(o["gen"])), Reason: "the coordinator asks"}, nil
	case "lost":
		return Lost{Reason: "session expired"}, nil
	case "shutdown":
		return Shutdown{}, nil
	case "written":
		return ConfigWritten{Err: o.err()}, nil
	case "read":
		return ReadToEnd{Err: o.err()}, nil
	case "claimed":
		return WritesClaimed{Err: o.err()}, nil
	case "fencing-requested":
		return FencingRequested{Connector: first, Round: p.rounds[first], Err: o.err()}, nil
	case "fenced":
		return TasksFenced{Connector: first, Round: p.rounds[first], Err: o.err()}, nil
	case "altered":
		return OffsetsModified{Connector: first, Message: "done", Err: o.err()}, nil
	case "expire":
		return Expired{Reply: ReplyID(number(first))}, nil
	case "timer":
		t, ok := map[string]TimerKind{
			"rebalance": TimerRebalance, "rejoin": TimerRejoin, "reconfigure": TimerReconfigure, "key": TimerKey, "reread": TimerReread,
			"mismatch": TimerMismatch, "fencing": TimerFencing, "claim": TimerClaim,
		}[first]
		if !ok {
			return nil, fmt.Errorf("unknown timer")
		}
		timer := Timer{Kind: t}
		if len(args) > 1 {
			timer.Connector = args[1]
		}
		return TimerFired{Timer: timer}, nil
	case "request":
		return p.request(args)
	}
	return p.workEvent(name, first, args, o)
}

// workEvent reads what is said of work that was started.
func (p *transcript) workEvent(name, first string, args []string, o opts) (Event, error) {
	id := parseWork(first)
	inc, ok := p.started[id]
	if !ok {
		return nil, fmt.Errorf("unknown command, or %s was never started", workName(id))
	}
	switch name {
	case "reported":
		ev := Reported{Work: id, Incarnation: inc, State: cluster.State(args[1])}
		if err := o.err(); err != nil {
			ev.Trace = err.Error()
		}
		return ev, nil
	case "noted":
		return Noted{Work: id, Incarnation: inc, Text: strings.Join(args[1:], " ")}, nil
	case "stopped":
		_, abandoned := o["abandoned"]
		return WorkStopped{Work: id, Incarnation: inc, Abandoned: abandoned}, nil
	case "wants-tasks":
		return ReconfigureRequested{Connector: id.Connector, Incarnation: inc}, nil
	case "generated":
		_, permanent := o["permanent"]
		_, notRunning := o["not-running"]
		ev := TaskConfigsGenerated{Connector: id.Connector, Incarnation: inc, Err: o.err(), Permanent: permanent, NotRunning: notRunning}
		if n, ok := o["tasks"]; ok {
			ev.Configs = p.taskConfigs(id.Connector, n)
		}
		return ev, nil
	case "forwarded":
		return TaskConfigsForwarded{Connector: id.Connector, Incarnation: inc, Err: o.err()}, nil
	}
	return nil, fmt.Errorf("unknown command")
}

// taskConfigs are n task configs as the connector's present config has them made.
func (p *transcript) taskConfigs(name, n string) []map[string]string {
	configs := []map[string]string{}
	for i := range number(n) {
		c := map[string]string{"task": strconv.Itoa(i)}
		if conn := p.snap.Connectors[name]; conn != nil && conn.Config["v"] != "" {
			c["v"] = conn.Config["v"]
		}
		configs = append(configs, c)
	}
	return configs
}

// topic has records appear in the config topic; several are parted by a semicolon.
func (p *transcript) topic(words []string) (Event, error) {
	next := &cluster.Snapshot{Connectors: map[string]*cluster.Connector{}, SessionKey: p.snap.SessionKey}
	for k, v := range p.snap.Connectors {
		next.Connectors[k] = v
	}
	ev := &ConfigChanged{Snapshot: next}
	p.snap = next
	for part := range strings.SplitSeq(strings.Join(words, " "), ";") {
		w := strings.Fields(part)
		if len(w) == 0 {
			return nil, fmt.Errorf("no record")
		}
		rec, err := p.record(w[0], w[1:])
		if err != nil {
			return nil, err
		}
		p.log = append(p.log, rec)
		applyRecord(next, ev, rec, int64(len(p.log)))
		if _, ok := rec.(SessionKeyRecord); ok {
			next.SessionKey.CreatedMs = p.now.UnixMilli()
		}
	}
	next.Offset = int64(len(p.log))
	return *ev, nil
}

func (p *transcript) record(kind string, args []string) (ConfigRecord, error) {
	if kind == "key" {
		return SessionKeyRecord{}, nil
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("no connector")
	}
	name, o := args[0], options(args[1:])
	switch kind {
	case "connector":
		return ConnectorRecord{Name: name, Config: o}, nil
	case "remove":
		return RemoveRecord{Name: name}, nil
	case "tasks":
		return TasksRecord{Name: name, Configs: p.taskConfigs(name, args[1])}, nil
	case "target":
		return TargetRecord{Name: name, Target: cluster.TargetState(args[1])}, nil
	case "count":
		return TaskCountRecord{Name: name, Tasks: number(args[1])}, nil
	case "restart":
		_, tasks := o["tasks"]
		return RestartRecord{Name: name, IncludeTasks: tasks}, nil
	}
	return nil, fmt.Errorf("unknown record %q", kind)
}

// request reads "request 7 put a v=1" and the like.
func (p *transcript) request(args []string) (Event, error) {
	if len(args) < 2 {
		return nil, fmt.Errorf("a request has a number and a kind")
	}
	ev := Requested{Reply: ReplyID(number(args[0]))}
	rest := append(args[2:], "", "")
	name := rest[0]
	switch args[1] {
	case "create", "put":
		ev.Op = PutConnector{Name: name, Config: options(args[3:]), AllowReplace: args[1] == "put"}
	case "delete":
		ev.Op = DeleteConnector{Name: name}
	case "target":
		ev.Op = SetTarget{Name: name, Target: cluster.TargetState(rest[1])}
	case "restart":
		ev.Op = RestartWork{Work: parseWork(name)}
	case "restart-all":
		ev.Op = RequestRestart{Name: name, IncludeTasks: true}
	case "tasks":
		ev.Op = PutTaskConfigs{Name: name, Configs: p.taskConfigs(name, rest[1])}
	case "offsets":
		ev.Op = ChangeOffsets{Name: name, Change: rest[1]}
	case "fence":
		ev.Op = FenceZombies{Name: name}
	case "ping":
		ev.Op = Ping{}
	default:
		return nil, fmt.Errorf("unknown request")
	}
	return ev, nil
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// parseWork reads "a" as connector a and "a-0" as its task 0.
func parseWork(text string) Work {
	if i := strings.LastIndexByte(text, '-'); i > 0 {
		if n, err := strconv.Atoi(text[i+1:]); err == nil {
			return Work{Connector: text[:i], Task: n}
		}
	}
	return Work{Connector: text, Task: Itself}
}
